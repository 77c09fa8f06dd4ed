//! ONNX files.
//!
//! [`read`] walks the nodes in order. What depends only on constants is evaluated on the spot, so that the shape
//! arithmetic of exporters (`Shape → Gather → Concat → Reshape`) is gone before a graph is built. The batch is taken to
//! be 1 for this. A value then has its full ONNX shape and the position of its batch axis; the graph holds the shape
//! without that axis. An operation whose result would differ between a batch and its samples one by one is refused.

pub mod proto;

mod attributes;
mod external;
mod fold;
mod import;
mod inline;
mod input;
mod metadata;
mod ops;
mod order;
mod tensor;

pub(crate) use import::{Origin, import};
use innspect_graph::GraphError;
use prost::Message;

use crate::{FormatError, Imported, ModelFiles};

/// Why a node is refused; the importer adds which node it is.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The graph does not take it.
    Graph(GraphError),
    /// The importer does not take it.
    Reason(String),
    /// The operator is not known.
    Unknown,
    /// The file is at fault somewhere else.
    File(FormatError),
}

impl Refusal {
    pub fn reason(reason: impl Into<String>) -> Self {
        Self::Reason(reason.into())
    }
}

impl From<GraphError> for Refusal {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl From<FormatError> for Refusal {
    fn from(error: FormatError) -> Self {
        Self::File(error)
    }
}

/// Reads an ONNX file (opset 7 to 28) and those beside it that hold its weights. Weights stay in the file's memory until
/// they are converted; of other files only the ranges that are needed are read.
///
/// The graph's input is `[channels, height, width]` whatever the file's layout. Of several outputs the first is taken
/// that gives one float per class for each sample; a warning says so. Unknown heights and widths become 224. Functions
/// that the file defines are replaced by their nodes, and quantised networks are computed in full precision.
///
/// # Errors
/// [`FormatError`] if the file is damaged, is no image classifier or uses operators that are not supported; the error
/// names the node. [`FormatError::MissingFiles`] lists all files with weights that were not given along.
pub fn read(files: &ModelFiles) -> Result<Imported, FormatError> {
    decode(files, true)
}

/// As [`read`], but takes a network whose output is not a vector of scores, such as a single operator in a test.
///
/// # Errors
/// As [`read`].
pub fn read_any(files: &ModelFiles) -> Result<Imported, FormatError> {
    decode(files, false)
}

/// Why the protocol buffer cannot be read, without the path to the place, which may be long.
fn undecoded(error: &prost::DecodeError) -> FormatError {
    let text = error.to_string();
    let cause = text.rsplit(": ").next().unwrap_or_default();
    let reason = match cause {
        "buffer underflow" => "it ends in the middle of the network".to_owned(),
        "recursion limit reached" => "its parts are nested too deeply".to_owned(),
        cause => format!("it is no protocol buffer ({cause})"),
    };
    FormatError::Damaged { reason }
}

fn decode(files: &ModelFiles, classifier: bool) -> Result<Imported, FormatError> {
    let bytes = files.file.bytes()?;
    let size = bytes.len();
    let mut model = proto::Model::decode(bytes).map_err(|error| undecoded(&error))?;
    let graph = model.graph.take().ok_or_else(|| FormatError::Damaged { reason: "it holds no network".to_owned() })?;
    let graph = inline::inline(graph, &model.functions, size)?;
    let origin = Origin { files, bytes: size as u64, classifier, channels_last: false };
    import(&model, &graph, origin)
}
