//! Files that hold trained networks and class names, read into [`innspect_graph::Graph`]s.
//!
//! Every reader takes any bytes and gives a result or a [`FormatError`] that says what the file is, where it fails and
//! what to do; none of them panics, and none allocates more than a small multiple of the file.
//!
//! ```
//! use innspect_formats::{ModelFiles, read_model};
//!
//! let files = ModelFiles::new("model.onnx", b"<!DOCTYPE html><html>".to_vec());
//! let error = read_model(&files).unwrap_err();
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
pub mod support;
pub mod tfjs;
pub mod tflite;
pub mod torch;

mod bundle;
mod error;
mod hdf5;
mod kind;
mod labels;
mod lower;
mod sniff;
mod tensorflow;

use innspect_graph::Graph;

pub use error::FormatError;
pub use innspect_files::{Blob, Slices};
pub use kind::FileKind;
pub use labels::read_labels;
pub use sniff::{sniff, sniff_blob};

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

/// A network's file, what was given along with it, and what a person said about it.
#[derive(Clone, Debug)]
pub struct ModelFiles {
    /// Name of the file.
    pub name: String,
    /// The file that says what the network is.
    pub file: Blob,
    /// Other files given along with it, by name: shards of weights, external data. A reader takes what its file refers
    /// to and leaves the rest alone.
    pub beside: Vec<(String, Blob)>,
    /// The architecture that a person chose for a file of weights alone, one of
    /// [`FormatError::NeedsArchitecture::candidates`].
    pub architecture: Option<String>,
}

impl ModelFiles {
    /// A network in one file.
    #[must_use]
    pub fn new(name: impl Into<String>, file: impl Into<Blob>) -> Self {
        Self { name: name.into(), file: file.into(), beside: Vec::new(), architecture: None }
    }

    /// A file given along, by the path that the network's file refers to it with. Folders are ignored, as browsers often
    /// do not tell them; neither does case matter where just one file fits.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Blob> {
        let base = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        let wanted = base(path);
        let exact = self.beside.iter().find(|(name, _)| base(name) == wanted);
        exact
            .or_else(|| {
                let mut similar = self.beside.iter().filter(|(name, _)| base(name).eq_ignore_ascii_case(&wanted));
                similar.next().filter(|_| similar.next().is_none())
            })
            .map(|(_, blob)| blob)
    }
}

/// Reads a network in any supported format, told by content.
///
/// # Errors
/// [`FormatError`], which for other kinds of files says what the file is and how to convert it.
pub fn read_model(files: &ModelFiles) -> Result<Imported, FormatError> {
    read(files, false)
}

/// Reads a network that may be one of the files `inside` a plain zip.
fn read(files: &ModelFiles, inside: bool) -> Result<Imported, FormatError> {
    let name = files.name.as_str();
    let kind = sniff_blob(&files.file)?;
    let found = match kind {
        FileKind::Onnx => Some(onnx::read(files)?),
        FileKind::Hdf5 => Some(keras::read_hdf5(&files.file, name, files.architecture.as_deref())?),
        FileKind::Keras => Some(keras::read_archive(&files.file, name)?),
        FileKind::TorchZip | FileKind::Pickle => Some(torch::read_checkpoint(files, None)?),
        FileKind::Safetensors => Some(torch::read_safetensors(files, None)?),
        FileKind::TfLite => Some(tflite::read(files.file.bytes()?, name)?),
        FileKind::Json => tfjs::read(files)?,
        FileKind::Zip if !inside => Some(read(&bundle::open(files)?, true)?),
        _ => None,
    };
    found.ok_or_else(|| FormatError::NotAModel { name: name.to_owned(), kind: kind.named(name) })
}

/// More entries than a network's archive has.
const MAX_ENTRIES: usize = 10_000;

/// Weights of this many elements (1 MiB; few in unit tests, whose files are small) are deferred where a format allows it:
/// see [`innspect_graph::Weights`].
const DEFERRED_FROM: usize = if cfg!(test) { 32 } else { 1 << 18 };

/// Warns of a weight that is not a number.
fn check_weights(graph: &Graph, warnings: &mut Vec<String>) {
    if let Some(param) = graph
        .params
        .iter()
        .find(|param| param.data.held().is_some_and(|data| data.iter().any(|value| !value.is_finite())))
    {
        warnings.push(not_finite(&param.name));
    }
}

/// The warning of a weight that is not a number, for those that are read later.
#[must_use]
pub fn not_finite(name: &str) -> String {
    format!("The weight {name:?} holds values that are not finite numbers.")
}
