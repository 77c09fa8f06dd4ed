//! The list of what is built in, `models/catalog.json`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use innspect_protocol::Catalog;

/// Name of the list within its folder.
pub const FILE: &str = "catalog.json";

/// Why the list cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.what())]
#[non_exhaustive]
pub enum CatalogError {
    /// The file cannot be opened.
    Open {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not JSON of the expected shape.
    Parse(serde_json::Error),
    /// An entry is wrong.
    Entry {
        /// Which entry: the id of a model or data set, or the file of a photo.
        entry: String,
        /// What is wrong.
        reason: String,
    },
}

impl CatalogError {
    /// What happened, one sentence.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Open { path, source } => format!("The catalogue {} cannot be read: {source}.", path.display()),
            Self::Parse(error) => format!("The catalogue is not as expected: {error}."),
            Self::Entry { entry, reason } => format!("The catalogue's entry `{entry}` is wrong: {reason}."),
        }
    }

    /// Where in the file.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Open { .. } => String::new(),
            Self::Parse(error) => format!("line {}, column {}", error.line(), error.column()),
            Self::Entry { entry, .. } => entry.clone(),
        }
    }

    /// What to do, one sentence.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Open { .. } => {
                "Name the folder that holds the built-in models, or make it with `cargo xtask models`."
            }
            Self::Parse(_) | Self::Entry { .. } => "Make it anew with `cargo xtask models`.",
        }
        .into()
    }
}

/// Reads `dir/catalog.json`. Native only in effect: a browser has no files to open.
///
/// # Errors
/// [`CatalogError`].
pub fn load(dir: &Path) -> Result<Catalog, CatalogError> {
    let path = dir.join(FILE);
    match std::fs::read(&path) {
        Ok(bytes) => parse(&bytes),
        Err(source) => Err(CatalogError::Open { path, source }),
    }
}

/// Reads the list from its bytes and checks that ids are unique and that files lie within the folder.
///
/// # Errors
/// [`CatalogError::Parse`] and [`CatalogError::Entry`].
pub fn parse(bytes: &[u8]) -> Result<Catalog, CatalogError> {
    let catalog: Catalog = serde_json::from_slice(bytes).map_err(CatalogError::Parse)?;
    let wrong = |entry: &str, reason: String| Err(CatalogError::Entry { entry: entry.into(), reason });
    let mut ids = HashSet::new();
    for model in &catalog.models {
        if !ids.insert(&model.id) {
            return wrong(&model.id, "the id is there twice".into());
        }
        if let Some(file) = [&model.file, &model.labels].into_iter().find(|file| !inside(file)) {
            return wrong(&model.id, format!("the path `{file}` leaves the folder"));
        }
    }
    for dataset in &catalog.datasets {
        if !ids.insert(&dataset.id) {
            return wrong(&dataset.id, "the id is there twice".into());
        }
        if !inside(&dataset.file) {
            return wrong(&dataset.id, format!("the path `{}` leaves the folder", dataset.file));
        }
    }
    for model in &catalog.models {
        if let Some(id) = model.dataset.as_ref().filter(|&id| !catalog.datasets.iter().any(|set| set.id == *id)) {
            return wrong(&model.id, format!("there is no data set `{id}`"));
        }
    }
    let mut files = HashSet::new();
    for photo in &catalog.photos {
        if !files.insert(&photo.file) {
            return wrong(&photo.file, "the file is there twice".into());
        }
        if !inside(&photo.file) {
            return wrong(&photo.file, "the path leaves the folder".into());
        }
    }
    Ok(catalog)
}

/// A relative path with forward slashes that stays below its folder, good for a file system and for a URL.
fn inside(path: &str) -> bool {
    !path.contains(['\\', ':', '?', '#']) && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(file: &str) -> String {
        format!(r#"{{"file": "{file}", "title": "t", "label": null, "author": "a", "licence": "CC0", "source": "s"}}"#)
    }

    fn list(photos: &[&str]) -> String {
        let photos: Vec<String> = photos.iter().map(|file| photo(file)).collect();
        format!(r#"{{"models": [], "photos": [{}]}}"#, photos.join(","))
    }

    #[test]
    fn entries_are_checked() {
        assert_eq!(parse(list(&["photos/a.jpg", "photos/b.jpg"]).as_bytes()).unwrap().photos.len(), 2);
        let error = parse(list(&["a.jpg", "a.jpg"]).as_bytes()).unwrap_err();
        assert_eq!(error.what(), "The catalogue's entry `a.jpg` is wrong: the file is there twice.");
        for path in ["../a.jpg", "/etc/passwd", "a//b", "http://x/y", "a/./b", ""] {
            assert!(parse(list(&[path]).as_bytes()).is_err(), "{path}");
        }
        let error = parse(b"{\"models\": 3}").unwrap_err();
        assert!(error.place().starts_with("line 1"), "{}", error.place());
    }

    #[test]
    fn data_sets_are_checked() {
        let set = |id: &str, file: &str| {
            format!(
                r#"{{"models": [], "photos": [], "datasets": [{{"id": "{id}", "name": "n", "file": "{file}", "bytes": 1,
                "sha256": "", "count": 1, "classes": [], "description": "d", "licence": "l", "source": "s"}}]}}"#
            )
        };
        assert_eq!(parse(set("digits", "digits.npz").as_bytes()).unwrap().datasets[0].id, "digits");
        let error = parse(set("digits", "../digits.npz").as_bytes()).unwrap_err();
        assert_eq!(
            error.what(),
            "The catalogue's entry `digits` is wrong: the path `../digits.npz` leaves the folder."
        );
        // A catalogue from before there were data sets.
        assert!(parse(br#"{"models": [], "photos": []}"#).unwrap().datasets.is_empty());
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load(Path::new("/nowhere")).unwrap_err();
        assert!(error.what().contains("/nowhere/catalog.json"), "{}", error.what());
        assert!(error.advice().contains("xtask models"));
    }
}
