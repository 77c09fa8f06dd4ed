//! What can go wrong while a network runs.

use innspect_graph::Shape;
use thiserror::Error;

/// Why the engine stopped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EngineError {
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// No GPU can be used.
    #[error("no GPU can be used: {reason}")]
    NoGpu {
        /// What the platform said.
        reason: String,
    },
    /// The device failed, or computes wrong numbers.
    #[error("the device failed: {reason}")]
    Device {
        /// What it said, or what was wrong.
        reason: String,
    },
    /// A weight cannot be read from its file.
    #[error("the weight {name:?} cannot be read: {reason}")]
    Weight {
        /// Its name in the file.
        name: String,
        /// What the reader of the file says.
        reason: String,
    },
    /// The input has another shape than the network's.
    #[error("the network takes inputs of shape {expected}, not {actual}")]
    InputShape {
        /// What one sample must look like.
        expected: Shape,
        /// What was given.
        actual: Shape,
    },
}
