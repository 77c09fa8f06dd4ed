//! What went wrong with a job, and the words for it.

use innspect_dataset::{ImageError, PrepareError};
use innspect_engine::EngineError;
use innspect_explain::ExplainError;
use innspect_files::FileError;
use innspect_formats::FormatError;
use innspect_protocol::{Job, Reply, UserError};

/// How a job can end without a result.
pub enum Failure {
    /// It was asked to stop.
    Cancelled,
    /// The method does not apply.
    NotApplicable(String),
    /// The user must say which network a file's weights belong to.
    NeedsArchitecture(Vec<String>, UserError),
    /// It failed.
    Error(UserError),
}

impl Failure {
    /// An error with all three parts.
    pub fn new(what: impl Into<String>, place: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Error(UserError { what: what.into(), place: place.into(), advice: advice.into() })
    }

    /// The reply that tells the page.
    pub fn into_reply(self, job: Job) -> Reply {
        match self {
            Self::Cancelled => Reply::Cancelled { job },
            Self::NotApplicable(reason) => Reply::NotApplicable { job, reason },
            Self::NeedsArchitecture(candidates, error) => Reply::ChooseArchitecture { job, candidates, error },
            Self::Error(error) => Reply::Failed { job: Some(job), error },
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Cancelled => Self::Cancelled,
            EngineError::Weight { .. } => Self::new(
                "The file of the network cannot be read any more.",
                error.to_string(),
                "Drop it again; it may have been moved or changed meanwhile.",
            ),
            EngineError::Device { .. } => Self::new(
                "The device failed while computing.",
                error.to_string(),
                "Restart the engine; if it happens again, open the page with ?device=cpu.",
            ),
            _ => Self::new("The network cannot run on this input.", error.to_string(), "Check its input settings."),
        }
    }
}

impl From<ExplainError> for Failure {
    fn from(error: ExplainError) -> Self {
        match error {
            ExplainError::Engine(error) => error.into(),
            ExplainError::NotApplicable { reason } => Self::NotApplicable(reason),
            _ => Self::new("This explanation cannot be made.", error.to_string(), "Change the setting and try again."),
        }
    }
}

impl From<FormatError> for Failure {
    fn from(error: FormatError) -> Self {
        let user = UserError { what: error.what(), place: error.place(), advice: error.advice() };
        match error {
            FormatError::NeedsArchitecture { candidates } => Self::NeedsArchitecture(candidates, user),
            _ => Self::Error(user),
        }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        FormatError::from(error).into()
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        Self::new(error.what(), error.place(), error.advice())
    }
}

impl From<PrepareError> for Failure {
    fn from(error: PrepareError) -> Self {
        Self::new(error.what(), error.place(), error.advice())
    }
}
