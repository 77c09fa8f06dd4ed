//! Python pickles that hold tensors: PyTorch checkpoints and dictionaries of NumPy arrays.
//!
//! Python's own unpickler runs whatever a pickle asks for, so a downloaded checkpoint can do anything. This reader runs
//! nothing: it interprets the instructions on a stack of plain [`Value`]s and knows by name just the few Python objects
//! that tensors are rebuilt from. Any other name ends the reading with [`PickleError::RefusedGlobal`], or, in a
//! checkpoint of PyTorch, becomes a [`Value::Object`] that nothing is known of but its name.
//!
//! Values live in one arena and refer to each other by index, as Python objects do. So a value that the file mentions a
//! thousand times exists once, a value that contains itself is harmless, and nothing recurses, however deep it nests.
//!
//! ```
//! use innspect_formats::pickle;
//!
//! // pickle.dumps({"conv1": [1.5, None]}, protocol=2)
//! let bytes = b"\x80\x02}q\x00X\x05\x00\x00\x00conv1q\x01]q\x02(G?\xf8\x00\x00\x00\x00\x00\x00Nes.";
//! let document = pickle::read(bytes)?;
//! let list = document.root().entry("conv1").expect("the key is there");
//! assert_eq!(list.item(0).and_then(|number| number.as_f64()), Some(1.5));
//! # Ok::<(), pickle::PickleError>(())
//! ```
//!
//! [`torch`] reads the container that `torch.save` wrote before PyTorch 1.6 (several pickles, then raw numbers).

mod error;
mod machine;
mod number;
pub mod torch;
mod value;

pub use error::PickleError;
pub use number::Element;
pub(crate) use value::gather;
pub use value::{Array, Document, Dtype, Node, Storage, TensorView, Value};

/// Reads a file that is one pickle of protocol 0 to 5. Bytes after its end are ignored.
pub fn read(bytes: &[u8]) -> Result<Document, PickleError> {
    machine::run(bytes, 0, machine::Foreign::Refused).map(|(document, _)| document)
}

/// Reads the pickle of a checkpoint, in which other Python objects than tensors stand as [`Value::Object`].
pub(crate) fn read_checkpoint(bytes: &[u8]) -> Result<Document, PickleError> {
    machine::run(bytes, 0, machine::Foreign::Named).map(|(document, _)| document)
}

#[cfg(test)]
mod tests;
