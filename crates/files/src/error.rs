//! Why bytes could not be had.

/// Why bytes of a file could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system does not hand the bytes out.
    #[error("the file cannot be read: {reason}")]
    Unreadable {
        /// What the system says.
        reason: String,
    },
    /// The bytes do not follow the format.
    #[error("the file is damaged: {reason}")]
    Damaged {
        /// Where and how.
        reason: String,
    },
    /// More than is held or looked at.
    #[error("the file has {actual} {what}, where {limit} are the limit")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        actual: usize,
        /// How many may be.
        limit: usize,
    },
    /// An archive is packed in a way that is not implemented.
    #[error("the archive uses {what}, which is not read")]
    Packing {
        /// Feature.
        what: String,
    },
}
