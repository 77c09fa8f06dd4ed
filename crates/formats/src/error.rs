//! Why a file could not be read, in words for people.

use innspect_files::FileError;
use innspect_graph::GraphError;
use thiserror::Error;

use crate::FileKind;

/// How a network of Keras comes into the other format.
const TO_ONNX: &str = "Or convert it in Python: model.export(\"model.onnx\", format=\"onnx\").";

/// How a network of PyTorch comes into a format that says it all.
const FROM_TORCH: &str =
    "Export the network in PyTorch: torch.onnx.export(model.eval(), torch.zeros(1, 3, 224, 224), \"model.onnx\").";

/// What to do with a network that TensorFlow converted.
const FROM_TENSORFLOW: &str = "Convert the network again from Keras with a fixed input size and TensorFlow's own \
                               operations only, or save it as it is in Python: model.save(\"model.keras\").";

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file is something other than a network this crate reads.
    #[error("{name} is {}{}", kind.describe(), kind.objection())]
    NotAModel {
        /// File name.
        name: String,
        /// What it seems to be.
        kind: FileKind,
    },
    /// The bytes do not follow the format.
    #[error("the file is damaged: {reason}")]
    Damaged {
        /// Where and how.
        reason: String,
    },
    /// The network uses an operator that is not implemented.
    #[error("the operator {op} of {domain}{} is not supported", version(*opset))]
    UnknownOperator {
        /// Operator.
        op: String,
        /// Operator set.
        domain: String,
        /// Version of the set that the file asks for, 0 if the format has no versions.
        opset: i64,
        /// Node.
        node: String,
    },
    /// A node uses an operator in a way that is not implemented or not valid.
    #[error("a {op} node cannot be read: {reason}")]
    Node {
        /// Operator.
        op: String,
        /// Node.
        node: String,
        /// What does not fit.
        reason: String,
    },
    /// An operation of TensorFlow is used in a way that is not implemented or not valid.
    #[error("a {op} operation cannot be read: {reason}")]
    Operation {
        /// Kind of operation.
        op: String,
        /// Its name or, in a format without such names, that of what it writes.
        node: String,
        /// What does not fit.
        reason: String,
    },
    /// The network uses a class of layers that is not implemented.
    #[error("layers of the class {class} are not supported")]
    UnknownLayer {
        /// Class.
        class: String,
        /// Layer.
        layer: String,
    },
    /// A layer is made in a way that is not implemented or not valid.
    #[error("the layer {layer:?} cannot be read: {reason}")]
    Layer {
        /// Class.
        class: String,
        /// Layer.
        layer: String,
        /// What does not fit.
        reason: String,
    },
    /// The file is of a known format, but holds no network with its weights.
    #[error("the file holds {what}")]
    NoNetwork {
        /// What it holds instead.
        what: String,
    },
    /// The container uses a feature that is not implemented.
    #[error("the file uses {what}, which is not supported")]
    Unsupported {
        /// Feature.
        what: String,
    },
    /// The version of a file is not read.
    #[error("the file uses {what}, which is not supported")]
    Version {
        /// Version.
        what: String,
    },
    /// An archive is packed in a way that is not implemented.
    #[error("the archive uses {what}, which is not read")]
    Packing {
        /// Feature.
        what: String,
    },
    /// An archive without a network, or with several.
    #[error("the zip archive holds {what}")]
    Archive {
        /// What it holds.
        what: String,
        /// What to do.
        advice: &'static str,
    },
    /// An HDF5 file that another program than Keras wrote.
    #[error("the file holds no network{}; Keras did not write it", among(names))]
    Foreign {
        /// Names of what it holds.
        names: Vec<String>,
    },
    /// The file cannot be read.
    #[error("the file cannot be read: {reason}")]
    Unreadable {
        /// What the system says.
        reason: String,
    },
    /// The file holds weights alone, and which network they belong to must be chosen.
    #[error("the file holds weights without the network they belong to")]
    NeedsArchitecture {
        /// Names of the architectures whose weights have the file's names and shapes, or, if none has, of all that are
        /// known.
        candidates: Vec<String>,
    },
    /// A file of PyTorch that is no dictionary of tensors.
    #[error("the file holds {what}")]
    TorchProgram {
        /// What it holds instead.
        what: String,
    },
    /// The file holds weights of PyTorch that do not tell their network.
    #[error("the file holds weights alone, which do not tell their network: {reason}")]
    UnknownArchitecture {
        /// What is unknown.
        reason: String,
        /// Families of architectures that are told by their weights.
        known: Vec<String>,
    },
    /// Weights do not fit the architecture that their names tell or that was chosen.
    #[error("the weights do not fit {architecture}: {reason}")]
    Weights {
        /// Architecture.
        architecture: String,
        /// What does not fit.
        reason: String,
    },
    /// The file holds weights alone, and they are not those of the architecture that was chosen.
    #[error(
        "these are not the weights of {architecture}: the layer {layer:?} has weights of shape {expected}, the file {found}"
    )]
    OtherArchitecture {
        /// The chosen architecture.
        architecture: String,
        /// The first layer that differs.
        layer: String,
        /// The shapes of its weights.
        expected: String,
        /// Those in the file.
        found: String,
    },
    /// Files that the network's file refers to were not given along.
    #[error("{} missing: {}", if files.len() == 1 { "a file is" } else { "files are" }, files.join(", "))]
    MissingFiles {
        /// Their names.
        files: Vec<String>,
    },
    /// The elements of a weight are stored in a way that is not implemented.
    #[error("the weight {tensor:?} cannot be read: {reason}")]
    Elements {
        /// Tensor.
        tensor: String,
        /// How they are stored.
        reason: String,
    },
    /// The file holds a network whose layers are made by code that it does not hold.
    #[error("the file holds a network of the class {class}, whose layers only its Python code knows")]
    Subclass {
        /// Class.
        class: String,
    },
    /// A weight cannot be read.
    #[error("the weight {tensor:?} cannot be read: {reason}")]
    Tensor {
        /// Tensor.
        tensor: String,
        /// Why.
        reason: String,
    },
    /// The network has other inputs than one picture.
    #[error("the network does not take one picture: {reason}")]
    Input {
        /// What it takes.
        reason: String,
    },
    /// The network has no output that can be a vector of class scores.
    #[error("the network does not give one score per class: {reason}")]
    Output {
        /// What it gives.
        reason: String,
    },
    /// The file asks for more than is reasonable.
    #[error("the file has {actual} {what}, more than {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much.
        actual: usize,
        /// Limit.
        limit: usize,
    },
    /// The finished network does not hold together.
    #[error("the network does not hold together: {0}")]
    Graph(#[from] GraphError),
    /// A list of class names cannot be read.
    #[error("the list of class names cannot be read: {reason}")]
    Labels {
        /// Why.
        reason: String,
    },
}

/// The networks, other than image classifiers, that an operator or a class of layers is from.
fn other_task(kind: &str) -> Option<&'static str> {
    let starts = |names: &[&str]| names.iter().any(|name| kind.starts_with(name));
    let is = |names: &[&str]| names.contains(&kind);
    if starts(&["NonMaxSuppression", "CombinedNonMaxSuppression", "TFLite_Detection", "EfficientNMS", "BatchedNMS"])
        || is(&["RoiAlign", "MaxRoiPool", "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"])
    {
        Some("object detectors")
    } else if is(&["LSTM", "GRU", "RNN", "SimpleRNN", "ConvLSTM2D", "Bidirectional", "TimeDistributed"])
        || starts(&["UNIDIRECTIONAL_SEQUENCE", "BIDIRECTIONAL_SEQUENCE", "TensorList"])
    {
        Some("networks for sequences")
    } else if is(&["Embedding", "TextVectorization", "StringLookup", "StringNormalizer", "EMBEDDING_LOOKUP"]) {
        Some("networks for text")
    } else if ["Conv3D", "Pooling3D", "CONV_3D", "Conv1D", "Pooling1D"].iter().any(|part| kind.contains(part)) {
        Some("networks for volumes, videos or signals")
    } else {
        None
    }
}

/// Names, to follow the word that says what is not among them.
fn among(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(5).map(|name| format!("{name:?}")).collect();
    match names.len() {
        0 => String::new(),
        1..=5 => format!(", but {}", shown.join(", ")),
        more => format!(", but {} and {} more", shown.join(", "), more - shown.len()),
    }
}

/// The version of an operator set, to follow its name.
fn version(opset: i64) -> String {
    if opset == 0 { String::new() } else { format!(" (opset {opset})") }
}

impl From<FileError> for FormatError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Unreadable { reason } => Self::Unreadable { reason },
            FileError::TooLarge { what, actual, limit } => Self::TooLarge { what, actual, limit },
            FileError::Packing { what } => Self::Packing { what },
            FileError::Damaged { reason } => Self::Damaged { reason },
            other => Self::Damaged { reason: other.to_string() },
        }
    }
}

impl FormatError {
    /// What happened, one sentence.
    #[must_use]
    pub fn what(&self) -> String {
        let text = self.to_string();
        let mut chars = text.chars();
        // A file name keeps its case, a sentence starts with a capital.
        match (self, chars.next()) {
            (Self::NotAModel { .. }, _) | (_, None) => format!("{text}."),
            (_, Some(first)) => format!("{}{}.", first.to_uppercase(), chars.as_str()),
        }
    }

    /// Where in the file, empty if [`what`](Self::what) says it.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::UnknownOperator { node, op, .. } | Self::Node { node, op, .. } | Self::Operation { node, op, .. } => {
                format!("node {node:?} ({op})")
            }
            Self::UnknownLayer { class, layer } | Self::Layer { class, layer, .. } => {
                format!("layer {layer:?} ({class})")
            }
            Self::Tensor { tensor, .. } | Self::Elements { tensor, .. } => format!("tensor {tensor:?}"),
            _ => String::new(),
        }
    }

    /// What to do, one sentence or two; empty if nothing helps.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::NotAModel { kind, .. } => kind.advice().to_owned(),
            Self::Damaged { .. } | Self::Tensor { .. } => {
                "Download or export the file again; it may have been cut off.".to_owned()
            }
            Self::Elements { .. } => {
                "Turn the weights into floats of 32 or 16 bits and save the network again.".to_owned()
            }
            Self::Subclass { .. } => {
                "Convert it in Python, where its code is: model.export(\"model.onnx\", format=\"onnx\").".to_owned()
            }
            Self::UnknownOperator { op: kind, .. } | Self::UnknownLayer { class: kind, .. }
                if other_task(kind).is_some() =>
            {
                let task = other_task(kind).unwrap_or_default();
                format!("It is part of {task}, which are not read; load an image classifier.")
            }
            Self::UnknownOperator { domain, .. } if domain.starts_with("TensorFlow") => {
                format!("Only image classifiers are read. {FROM_TENSORFLOW}")
            }
            Self::Operation { .. } => FROM_TENSORFLOW.to_owned(),
            Self::UnknownOperator { op, .. } => match op.as_str() {
                "If" | "Loop" | "Scan" => {
                    "Export the network without control flow, for instance by tracing it with a fixed input size."
                        .to_owned()
                }
                _ => "Only image classifiers are read; export the network from its framework in evaluation mode, \
                      with standard ONNX operators."
                    .to_owned(),
            },
            Self::Graph(_) => "Export the network again in evaluation mode with a fixed input size.".to_owned(),
            Self::Node { .. } => {
                "Export the network again in evaluation mode with a fixed input size, for instance 1 × 3 × 224 × 224; \
                 a pass through onnx-simplifier often helps too."
                    .to_owned()
            }
            Self::UnknownLayer { class, .. } => match class.as_str() {
                "Lambda" => {
                    "A Lambda layer holds Python code, which is never run; build the network with the layers of \
                             Keras instead, Rescaling for instance, and save it again."
                        .to_owned()
                }
                _ => format!("Only image classifiers made of Keras's own layers are read. {TO_ONNX}"),
            },
            Self::Layer { .. } => format!("Build the layer in a more usual way. {TO_ONNX}"),
            Self::NoNetwork { .. } => "Save the whole network in Python: model.save(\"model.keras\"), not only its \
                                       weights with save_weights."
                .to_owned(),
            Self::Unsupported { .. } => {
                "Save the network again in Python: keras.models.load_model(path).save(\"model.keras\").".to_owned()
            }
            Self::Version { .. } => FROM_TENSORFLOW.to_owned(),
            Self::Packing { .. } => {
                "Unpack the archive and pack its files again in the usual way, without a password; or \
                                     save the network again from its framework."
                    .to_owned()
            }
            Self::Archive { advice, .. } => (*advice).to_owned(),
            Self::Foreign { .. } => {
                "Load a network that Keras saved, or one in ONNX or TensorFlow Lite format; arrays \
                                     alone do not say how they are connected."
                    .to_owned()
            }
            Self::Unreadable { .. } => "Drop the file again; it may have been moved or changed meanwhile.".to_owned(),
            Self::NeedsArchitecture { candidates } => format!(
                "Choose the architecture: {}. Or save the whole network in Python: model.save(\"model.keras\").",
                candidates.join(", ")
            ),
            Self::TorchProgram { .. } => {
                format!("Plain weights are read too: torch.save(model.state_dict(), \"model.pth\"). {FROM_TORCH}")
            }
            Self::UnknownArchitecture { known, .. } => {
                format!("Known are the classifiers of torchvision: {}. {FROM_TORCH}", known.join(", "))
            }
            Self::Weights { .. } => format!("The network may differ from that of torchvision. {FROM_TORCH}"),
            Self::OtherArchitecture { .. } => {
                "Choose another architecture, or none, so that the weights tell it. Or save the whole network in Python: \
                 model.save(\"model.keras\")."
                    .to_owned()
            }
            Self::MissingFiles { .. } => "Drop all files of the network together, or as one zip.".to_owned(),
            Self::Input { .. } => {
                "Load an image classifier: one input with the axes batch, channels, height and width.".to_owned()
            }
            Self::Output { .. } => {
                "Load an image classifier; detectors and segmentation networks give more than a vector of scores."
                    .to_owned()
            }
            Self::TooLarge { .. } => {
                "Load a smaller network; if this one should not be so large, the file is damaged, and \
                                      another download or export may help."
                    .to_owned()
            }
            Self::Labels { .. } => {
                "Give a text file with one name a line, or a JSON list of names, in the order of the classes."
                    .to_owned()
            }
        }
    }
}
