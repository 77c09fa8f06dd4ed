//! Errors as one line: what, where, what to do.

/// An error for the person at the terminal.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// From what happened, where and what to do; empty parts are left out.
    pub fn new(what: impl Into<String>, place: impl AsRef<str>, advice: impl AsRef<str>) -> Self {
        let mut line: String = what.into();
        if !place.as_ref().is_empty() {
            line = format!("{} ({})", line.trim_end_matches('.'), place.as_ref());
        }
        if !advice.as_ref().is_empty() {
            line = format!("{}. {}", line.trim_end_matches('.'), advice.as_ref());
        }
        Self(line.replace('\n', " "))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<innspect_engine::EngineError> for Failure {
    fn from(error: innspect_engine::EngineError) -> Self {
        Self::new(error.to_string(), "", "")
    }
}

impl From<innspect_explain::ExplainError> for Failure {
    fn from(error: innspect_explain::ExplainError) -> Self {
        Self::new(error.to_string(), "", "")
    }
}

impl From<innspect_formats::FormatError> for Failure {
    fn from(error: innspect_formats::FormatError) -> Self {
        Self::new(error.what(), error.place(), error.advice())
    }
}

impl From<innspect_dataset::ImageError> for Failure {
    fn from(error: innspect_dataset::ImageError) -> Self {
        Self::new(error.what(), error.place(), error.advice())
    }
}

impl From<innspect_dataset::PrepareError> for Failure {
    fn from(error: innspect_dataset::PrepareError) -> Self {
        Self::new(error.what(), error.place(), error.advice())
    }
}

impl From<innspect_dataset::npy::NpyError> for Failure {
    fn from(error: innspect_dataset::npy::NpyError) -> Self {
        Self::new(error.what(), error.place(), error.advice())
    }
}

impl From<innspect_dataset::catalog::CatalogError> for Failure {
    fn from(error: innspect_dataset::catalog::CatalogError) -> Self {
        Self::new(error.what(), error.place(), error.advice())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new("The result cannot be written as JSON.", error.to_string(), "")
    }
}

/// Reads a file.
pub fn read(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| Failure::new(format!("{} cannot be read", path.display()), error.to_string(), ""))
}

/// Writes a file.
pub fn write(path: &std::path::Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes)
        .map_err(|error| Failure::new(format!("{} cannot be written", path.display()), error.to_string(), ""))
}
