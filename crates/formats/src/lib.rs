//! Files that hold trained networks and class names, read into [`innspect_graph::Graph`]s.
//!
//! Every reader takes any bytes and gives a result or a [`FormatError`] that says what the file is, where it fails and
//! what to do; none of them panics, and none allocates more than a small multiple of the file.
//!
//! ```
//! use innspect_formats::{FileKind, read_model};
//!
//! let error = read_model(bytes::Bytes::from_static(b"<!DOCTYPE html><html>"), "model.onnx").unwrap_err();
//! assert!(error.what().contains("a web page"));
//! assert!(error.advice().contains("download"));
//! ```

#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable)
)]

pub mod keras;
pub mod onnx;
pub mod pickle;

mod error;
mod hdf5;
mod inflate;
mod labels;
mod sniff;
mod zip;

use bytes::Bytes;
use innspect_graph::Graph;

pub use error::FormatError;
pub use labels::read_labels;
pub use sniff::{FileKind, sniff};

/// A network read from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The network, after [`innspect_graph::passes::optimize`].
    pub graph: Graph,
    /// Format with version, such as `ONNX opset 13` or `Keras 2.14.0 (HDF5)`.
    pub format: String,
    /// What a person should know about how it was read, each a sentence.
    pub warnings: Vec<String>,
}

/// Reads a network in any supported format, told by content; `name` is the file's name.
///
/// # Errors
/// [`FormatError`], which for other kinds of files says what the file is and how to convert it.
pub fn read_model(bytes: Bytes, name: &str) -> Result<Imported, FormatError> {
    match sniff(&bytes) {
        FileKind::Onnx => onnx::read(bytes, name),
        FileKind::Hdf5 => keras::read_hdf5(bytes, name),
        FileKind::Keras => keras::read_archive(bytes, name),
        kind => Err(FormatError::NotAModel { name: name.to_owned(), kind }),
    }
}

/// Warns of a weight that is not a number.
fn check_weights(graph: &Graph, warnings: &mut Vec<String>) {
    if let Some(param) = graph.params.iter().find(|param| param.data.iter().any(|value| !value.is_finite())) {
        warnings.push(format!("The weight {:?} holds values that are not finite numbers.", param.name));
    }
}
