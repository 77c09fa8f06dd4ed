//! Why an explanation cannot be made.

use innspect_engine::EngineError;
use thiserror::Error;

/// Why an explanation cannot be made.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ExplainError {
    /// No method has this id.
    #[error("there is no method {id:?}; `innspect methods` lists them all")]
    UnknownMethod {
        /// The id.
        id: String,
    },
    /// The method has no such parameter.
    #[error("{method} has no parameter {name:?}; it has {}", if known.is_empty() { "none".into() } else { known.join(", ") })]
    UnknownParam {
        /// Method id.
        method: String,
        /// The name.
        name: String,
        /// Names it has.
        known: Vec<String>,
    },
    /// A parameter's value is not allowed.
    #[error("{method}: {name} must be {expected}, not {actual}")]
    Param {
        /// Method id.
        method: String,
        /// Parameter.
        name: String,
        /// What is allowed.
        expected: String,
        /// What was given.
        actual: String,
    },
    /// The class is outside the network's classes.
    #[error("the network has {classes} classes, numbered from 0; there is no class {class}")]
    Class {
        /// The class.
        class: usize,
        /// Number of classes.
        classes: usize,
    },
    /// No layer has this name.
    #[error("the network has no layer {name:?}; `innspect inspect` lists them all")]
    UnknownLayer {
        /// The name.
        name: String,
    },
    /// The method makes no sense for this network or layer.
    #[error("{reason}")]
    NotApplicable {
        /// Why, one sentence.
        reason: String,
    },
    /// The engine stopped.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
