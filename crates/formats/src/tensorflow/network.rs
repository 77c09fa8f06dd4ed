//! The network as it is written, node by node.

use std::collections::HashMap;

use bytes::Bytes;

use crate::{
    FormatError, Imported, ModelFiles,
    onnx::{
        self,
        proto::{self, Attribute, DataType, Dimension, DimensionSize, Node, OperatorSetId, Shape, ValueInfo},
    },
};

/// The operator set that nodes are written in.
const OPSET: i64 = 18;

/// The domain of nodes that stand for operations that are not read.
const UNREAD: &str = "tensorflow";

/// More operations than any classifier has.
pub(crate) const MAX_OPERATIONS: usize = 20_000;

/// Why an operation is not read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// Its kind is not known.
    Unknown,
    /// It is used in a way that is not supported.
    Reason(String),
    /// The file is at fault.
    File(FormatError),
}

impl Unread {
    pub fn reason(reason: impl Into<String>) -> Self {
        Self::Reason(reason.into())
    }
}

impl From<FormatError> for Unread {
    fn from(error: FormatError) -> Self {
        Self::File(error)
    }
}

/// What the file says of the network as a whole.
pub(crate) struct Description<'a> {
    /// Name of the network, may be empty.
    pub name: &'a str,
    /// Name of its file.
    pub file: &'a str,
    /// Size of the file or files in bytes.
    pub bytes: usize,
    /// Names of its outputs, each with the number of its axes, if known, and whether it holds floats.
    pub outputs: Vec<(String, Option<usize>, bool)>,
}

/// A network that is being written.
pub(crate) struct Network {
    /// What errors call the set of operations: `TensorFlow` or `TensorFlow Lite`.
    domain: &'static str,
    graph: proto::Graph,
    /// Whether the picture has its channels last.
    channels_last: bool,
    /// Names of values that are taken, each with the last number that was put behind it.
    taken: HashMap<String, usize>,
    /// The same for the titles of operations.
    titles: HashMap<String, usize>,
    /// The operation that each node belongs to: its kind and its name.
    origins: HashMap<String, (String, String)>,
    /// Why operations are not read, by the name of their node.
    unread: HashMap<String, FormatError>,
    /// Constants that were made here, by type, shape and elements.
    made: HashMap<String, String>,
    /// Integers of constants, for what must be known while writing.
    integers: HashMap<String, Vec<i64>>,
    /// Kernels that were brought into the order of ONNX.
    pub(super) kernels: HashMap<String, String>,
    /// Values whose positions are spread over the batch, with the spacing in rows and columns.
    pub(super) spread: HashMap<String, [i64; 2]>,
    /// The current operation.
    kind: String,
    title: String,
}

/// What a value is called inside an operation.
pub(super) fn part(title: &str, part: &str) -> String {
    format!("{title}/{part}")
}

impl Network {
    pub fn new(domain: &'static str) -> Self {
        Self {
            domain,
            graph: proto::Graph::default(),
            channels_last: true,
            taken: HashMap::new(),
            titles: HashMap::new(),
            origins: HashMap::new(),
            unread: HashMap::new(),
            made: HashMap::new(),
            integers: HashMap::new(),
            kernels: HashMap::new(),
            spread: HashMap::new(),
            kind: String::new(),
            title: String::new(),
        }
    }

    /// A name of its own for a value that the file calls `wanted`.
    pub fn unique(&mut self, wanted: &str) -> String {
        unique(&mut self.taken, if wanted.is_empty() { "value" } else { wanted })
    }

    /// Adds the picture; `None` are sizes that the file leaves open.
    pub fn input(&mut self, name: &str, data_type: DataType, dims: &[Option<i64>]) {
        // Networks that came from elsewhere may take pictures with channels first and transpose them.
        if let [_, Some(1 | 3), _, last] = dims {
            self.channels_last = matches!(last, Some(1..=4));
        }
        let dim = dims.iter().map(|size| Dimension { size: size.map(DimensionSize::Value) }).collect();
        self.graph.input.push(ValueInfo::tensor(name, data_type, Shape { dim }));
    }

    /// Adds a weight or another constant of the file.
    pub fn constant(&mut self, name: &str, dims: &[i64], data_type: DataType, raw: Bytes) {
        // Only lists of axes, sizes and the like are asked for.
        if raw.len() <= 1 << 10 {
            let integers = match data_type {
                DataType::Int32 => {
                    Some(raw.chunks_exact(4).map(|part| i64::from(i32::from_le_bytes(array(part)))).collect())
                }
                DataType::Int64 => Some(raw.chunks_exact(8).map(|part| i64::from_le_bytes(array(part))).collect()),
                _ => None,
            };
            self.integers.extend(integers.map(|list| (name.to_owned(), list)));
        }
        self.graph.initializer.push(proto::Tensor::raw(name, dims, data_type, raw));
    }

    /// The floats that the integers of a constant stand for: one scale and zero point, or one for each element of an
    /// axis.
    pub fn dequantised(&mut self, stored: &str, scales: &[f32], zeros: &[i64], axis: i64, name: &str) {
        let each = |count: usize| if count == 1 { vec![] } else { vec![count as i64] };
        let scale = self.unique(&part(name, "scale"));
        self.graph.initializer.push(proto::Tensor::float(&scale, &each(scales.len()), scales));
        let mut inputs = vec![stored.to_owned(), scale];
        if !zeros.is_empty() {
            let zero = self.unique(&part(name, "zero_point"));
            self.graph.initializer.push(proto::Tensor::int64(&zero, &each(zeros.len()), zeros));
            inputs.push(zero);
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let node = part(name, "dequantised");
        self.origins.insert(node.clone(), ("DEQUANTIZE".to_owned(), name.to_owned()));
        self.graph.node.push(Node::new(
            "DequantizeLinear",
            &node,
            &inputs,
            &[name],
            vec![Attribute::int("axis", axis)],
        ));
    }

    /// Integers of a constant of the file or one that was made here.
    pub fn integers(&self, name: &str) -> Option<&[i64]> {
        self.integers.get(name).map(Vec::as_slice)
    }

    /// Integers that an operation needs while it is written.
    pub fn known(&self, name: &str, what: &str) -> Result<Vec<i64>, Unread> {
        let list = self.integers.get(name).cloned();
        list.ok_or_else(|| Unread::reason(format!("its {what} must be a constant of integers")))
    }

    /// Another name for the same integers.
    pub fn same_integers(&mut self, from: &str, to: &str) {
        if let Some(list) = self.integers.get(from).cloned() {
            self.integers.insert(to.to_owned(), list);
        }
    }

    /// A constant of one axis.
    pub fn list(&mut self, values: &[i64]) -> String {
        let key = format!("{values:?}");
        if let Some(name) = self.made.get(&key) {
            return name.clone();
        }
        let name = self.unique(&key);
        self.graph.initializer.push(proto::Tensor::int64(&name, &[values.len() as i64], values));
        self.integers.insert(name.clone(), values.to_vec());
        self.made.insert(key, name.clone());
        name
    }

    /// A single number.
    pub fn number(&mut self, value: f32) -> String {
        let key = format!("{value:?}");
        if let Some(name) = self.made.get(&key) {
            return name.clone();
        }
        let name = self.unique(&key);
        self.graph.initializer.push(proto::Tensor::float(&name, &[], &[value]));
        self.made.insert(key, name.clone());
        name
    }

    /// Writes an operation: `kind` and `title` are what errors call it, `inputs` and `outputs` what it reads and gives.
    /// One that is not read is an error only if the scores depend on it.
    ///
    /// # Errors
    /// If the file is at fault.
    pub fn operation(
        &mut self,
        kind: &str,
        title: &str,
        inputs: &[&str],
        outputs: &[String],
        write: impl FnOnce(&mut Self) -> Result<(), Unread>,
    ) -> Result<(), FormatError> {
        let title = unique(&mut self.titles, title);
        (self.kind, self.title) = (kind.to_owned(), title.clone());
        let before = self.graph.node.len();
        let (op, node) = (kind.to_owned(), title.clone());
        let error = match write(self) {
            Ok(()) => return Ok(()),
            Err(Unread::File(error)) => return Err(error),
            Err(Unread::Reason(reason)) => FormatError::Operation { op, node, reason },
            Err(Unread::Unknown) => FormatError::UnknownOperator { op, domain: self.domain.to_owned(), opset: 0, node },
        };
        self.graph.node.truncate(before);
        let name = self.unique(&part(&title, "unread"));
        self.unread.insert(name.clone(), error);
        // Its inputs stay, since what made it unreadable may be that they are.
        let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let node = Node { domain: UNREAD.to_owned(), ..Node::new(kind, &name, inputs, &outputs, vec![]) };
        self.graph.node.push(node);
        Ok(())
    }

    /// What errors and nodes call the current operation.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Writes a part of the current operation that is one of the shared operations itself.
    pub fn renamed(&mut self, what: &str, write: impl FnOnce(&mut Self) -> Result<(), Unread>) -> Result<(), Unread> {
        let title = part(&self.title, what);
        let outer = std::mem::replace(&mut self.title, title);
        let result = write(self);
        self.title = outer;
        result
    }

    /// Adds a node that carries the name of the current operation.
    pub fn main(&mut self, op: &str, inputs: &[&str], outputs: &[&str], attributes: Vec<Attribute>) {
        let name = self.title.clone();
        self.node(op, name, inputs, outputs, attributes);
    }

    /// Adds a node that the current operation needs beside its main one, and gives the name of what it writes.
    pub fn step(&mut self, what: &str, op: &str, inputs: &[&str], attributes: Vec<Attribute>) -> String {
        let output = self.unique(&part(&self.title, what));
        self.node(op, output.clone(), inputs, &[&output], attributes);
        output
    }

    /// The same, writing `output`.
    pub fn last(&mut self, what: &str, op: &str, inputs: &[&str], output: &str, attributes: Vec<Attribute>) {
        self.node(op, part(&self.title, what), inputs, &[output], attributes);
    }

    fn node(&mut self, op: &str, name: String, inputs: &[&str], outputs: &[&str], attributes: Vec<Attribute>) {
        self.origins.insert(name.clone(), (self.kind.clone(), self.title.clone()));
        self.graph.node.push(Node::new(op, &name, inputs, outputs, attributes));
    }

    /// Reads the network that was written.
    ///
    /// # Errors
    /// As [`onnx::read`], with the names of the file's operations.
    pub fn finish(mut self, description: &Description) -> Result<Imported, FormatError> {
        self.graph.name = description.name.to_owned();
        for (name, rank, float) in &description.outputs {
            let data_type = if *float { DataType::Float } else { DataType::Int64 };
            let mut info = ValueInfo::tensor(name, data_type, Shape::default());
            if let Some(tensor) = info.r#type.as_mut().and_then(|kind| kind.tensor_type.as_mut()) {
                tensor.shape = rank.map(|rank| Shape { dim: vec![Dimension::default(); rank] });
            }
            self.graph.output.push(info);
        }
        let model = proto::Model { opset_import: vec![OperatorSetId::standard(OPSET)], ..proto::Model::default() };
        // All weights are in the network that was written.
        let files = ModelFiles::new(description.file, Vec::new());
        let bytes = description.bytes as u64;
        let origin = onnx::Origin { files: &files, bytes, classifier: true, channels_last: self.channels_last };
        onnx::import(&model, &self.graph, origin).map_err(|error| match error {
            FormatError::UnknownOperator { op, domain, opset, node } => match self.unread.remove(&node) {
                Some(error) => error,
                None => match self.origins.remove(&node) {
                    Some((op, node)) => FormatError::Operation { op, node, reason: ON_PICTURE.to_owned() },
                    None => FormatError::UnknownOperator { op, domain, opset, node },
                },
            },
            FormatError::Node { op, node, reason } => match self.origins.remove(&node) {
                Some((op, node)) => FormatError::Operation { op, node, reason },
                None => FormatError::Node { op, node, reason },
            },
            other => other,
        })
    }
}

/// `wanted`, or if it is taken the same with a number behind it.
fn unique(taken: &mut HashMap<String, usize>, wanted: &str) -> String {
    let mut count = taken.get(wanted).copied().unwrap_or(0);
    let mut name = wanted.to_owned();
    while count > 0 {
        count += 1;
        name = format!("{wanted}_{count}");
        if !taken.contains_key(&name) {
            taken.insert(wanted.to_owned(), count);
            break;
        }
    }
    taken.insert(name.clone(), 1);
    name
}

/// Why an operation is refused that is only computed while reading.
const ON_PICTURE: &str = "it is supported on constants only, but depends on the picture";

/// A chunk of known length as an array; zeros if it were shorter, which `chunks_exact` excludes.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap_or([0; N])
}
