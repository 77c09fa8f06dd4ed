//! What can be wrong with a pickle.

/// Why a pickle or a checkpoint could not be read. Positions are byte offsets into the whole file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PickleError {
    /// The file ends in the middle of something.
    #[error("the file ends at byte {at}, in the middle of {what}")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where it started.
        at: usize,
    },
    /// The pickle names a Python object that has no part in rebuilding tensors. Nothing of it was executed.
    #[error(
        "the pickle asks for the Python object `{module}.{name}` (byte {at}), which tensors do not need; only plain tensors are read"
    )]
    RefusedGlobal {
        /// Its module.
        module: String,
        /// Its name.
        name: String,
        /// Where it is asked for.
        at: usize,
    },
    /// An instruction that no file of tensors needs, or that does not exist.
    #[error("byte {at}: the pickle instruction {code:#04x} is not supported")]
    Opcode {
        /// The instruction.
        code: u8,
        /// Where it stands.
        at: usize,
    },
    /// An instruction met something that does not fit.
    #[error("byte {at}: the pickle is malformed: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
        /// Where.
        at: usize,
    },
    /// A checkpoint from before PyTorch 1.6 with numbers in the other byte order.
    #[error("its numbers are in big-endian byte order")]
    BigEndian,
    /// More of something than any real file has.
    #[error("the pickle has more than {limit} {what}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
    },
    /// The file is not what the caller takes it for.
    #[error("this is not {expected}: {found}")]
    Unexpected {
        /// What was expected.
        expected: &'static str,
        /// What is there instead.
        found: String,
    },
    /// A tensor does not fit the numbers it refers to.
    #[error("a tensor of shape {shape:?} cannot be read: {what}")]
    Tensor {
        /// Its shape.
        shape: Vec<usize>,
        /// What is wrong.
        what: &'static str,
    },
}
