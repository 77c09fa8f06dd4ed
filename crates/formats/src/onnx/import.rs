//! The walk over the nodes of an ONNX graph.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use innspect_graph::{ChannelOrder, Graph, GraphBuilder, Op, ParamId, Preprocessing, ValueId, passes};

use super::{
    Refusal,
    attributes::{Attributes, size},
    fold::{Budget, fold},
    metadata, ops,
    proto::{self, DataType, DimensionSize},
    tensor::{Constant, MAX_RANK, count},
};
use crate::{FormatError, Imported};

/// The side of the picture where the file leaves it open: what most classifiers were trained with.
const DEFAULT_SIDE: usize = 224;

/// More nodes than any classifier has; deep networks have some thousands.
const MAX_NODES: usize = 100_000;

/// A value that depends on the picture.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    pub id: ValueId,
    /// Shape as in the file, with a batch of 1.
    pub full: Vec<usize>,
    /// Which axis of `full` is the batch and so absent in the graph; `None` if no axis is, for instance where the
    /// batch is merged with the heads of an attention.
    pub batch: Option<usize>,
}

/// What the name of a tensor stands for.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Constant(Constant),
    Tensor(Tensor),
}

/// The state of the walk.
pub(crate) struct Importer<'a> {
    pub builder: GraphBuilder,
    pub budget: Budget,
    pub opset: i64,
    /// The batch size that the file fixes, 1 if it leaves it open.
    pub fixed_batch: usize,
    pub warnings: Vec<String>,
    initializers: HashMap<&'a str, &'a proto::Tensor>,
    entries: HashMap<&'a str, Entry>,
    /// Weights that are already in the graph, by tensor name and the way they were prepared.
    params: HashMap<String, ParamId>,
    /// How often each tensor is read, to know whether an optional output matters.
    readers: HashMap<&'a str, usize>,
    readers_left: HashMap<&'a str, usize>,
    /// Constants that the current node is the last to read.
    last_read: Vec<&'a str>,
    node: &'a proto::Node,
}

/// The domain of a node in words.
fn domain(node: &proto::Node) -> String {
    if node.domain.is_empty() { "ai.onnx".to_owned() } else { node.domain.clone() }
}

/// What errors call a node: its name or, where it has none, what it writes.
fn title(node: &proto::Node) -> String {
    if node.name.is_empty() { node.output.first().cloned().unwrap_or_default() } else { node.name.clone() }
}

/// Where a model is from, and what is known of it beside what it says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    /// Name of the file.
    pub file: &'a str,
    /// Size of the file, which bounds what is computed from its constants.
    pub bytes: usize,
    /// Whether its output must be a vector of scores.
    pub classifier: bool,
    /// Whether pictures have their channels last; otherwise it is told from the sizes of the input.
    pub channels_last: bool,
}

pub(crate) fn import(model: &proto::Model, origin: Origin) -> Result<Imported, FormatError> {
    let Origin { file, bytes, classifier, channels_last } = origin;
    let graph =
        model.graph.as_ref().ok_or_else(|| FormatError::Damaged { reason: "it holds no network".to_owned() })?;
    if graph.node.len() > MAX_NODES {
        return Err(FormatError::TooLarge { what: "nodes", actual: graph.node.len(), limit: MAX_NODES });
    }
    let mut warnings = Vec::new();
    let standard = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let opset = model.opset_import.iter().find(|set| standard(&set.domain)).map_or(1, |set| set.version);
    if !(7..=22).contains(&opset) {
        warnings.push(format!("The file uses opset {opset}; 7 to 22 are known, so it may be read wrongly."));
    }

    let initializers: HashMap<&str, &proto::Tensor> =
        graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let outputs = candidates(graph)?;
    let needed = needed(graph, &outputs);
    let input = input(graph, &initializers, channels_last, &mut warnings)?;

    let raw = input.raw;
    let name = if graph.name.is_empty() { file } else { &graph.name };
    let mut builder = GraphBuilder::new(name, input.name, input.sample);
    let mut tensor = Tensor { id: builder.input(), full: input.full, batch: input.batch };
    if let Some((permutation, reshape)) = input.prepare {
        let op = match permutation {
            Some(permutation) => Op::Transpose { permutation },
            None => Op::Reshape { shape: reshape },
        };
        tensor.id = builder.node("", op, &[tensor.id], format!("{}/layout", input.name))?;
    }

    let mut readers: HashMap<&str, usize> = HashMap::new();
    for name in graph.node.iter().flat_map(|node| &node.input).chain(graph.output.iter().map(|output| &output.name)) {
        *readers.entry(name.as_str()).or_default() += 1;
    }
    let empty = proto::Node::default();
    let mut importer = Importer {
        builder,
        // Exporters compute little from weights; four times the file leaves room for all of them.
        budget: Budget((1 << 22) + bytes.saturating_mul(4)),
        opset,
        fixed_batch: input.fixed_batch,
        warnings,
        initializers,
        entries: HashMap::from([(input.name, Entry::Tensor(tensor))]),
        params: HashMap::new(),
        readers_left: readers.clone(),
        last_read: Vec::new(),
        readers,
        node: &empty,
    };
    for (index, node) in graph.node.iter().enumerate() {
        if needed.contains(&index) {
            importer.step(node)?;
        }
    }

    let (output, chosen) = choose(&importer, &outputs, classifier)?;
    if outputs.len() > 1 || graph.output.len() > 1 {
        importer
            .warnings
            .push(format!("Of its {} outputs, {chosen:?} is taken as the class scores.", graph.output.len()));
    }
    let Importer { builder, mut warnings, .. } = importer;
    let mut result = passes::optimize(builder.finish(output))?;
    attach(&mut result, &model.metadata_props, raw, &mut warnings);
    crate::check_weights(&result, &mut warnings);
    Ok(Imported { graph: result, format: format!("ONNX opset {opset}"), warnings })
}

fn attach(graph: &mut Graph, entries: &[proto::StringStringEntry], raw: bool, warnings: &mut Vec<String>) {
    match metadata::labels(entries) {
        Some(labels) if labels.len() == graph.classes() => graph.labels = Some(labels),
        Some(labels) => warnings.push(format!(
            "The file names {} classes, but the network has {}; the names are not used.",
            labels.len(),
            graph.classes()
        )),
        None => {}
    }
    graph.preprocessing = graph.image_shape().and_then(|shape| {
        let [channels, height, width] = shape;
        metadata::preprocessing(entries, shape).or_else(|| {
            let order = if channels == 1 { ChannelOrder::Grey } else { ChannelOrder::Rgb };
            raw.then(|| Preprocessing::raw([height, width], order))
        })
    });
}

/// Outputs that may be the class scores: float tensors, those with two axes first. Otherwise the order of the file is
/// kept, since exporters put the main output before auxiliary ones.
fn candidates(graph: &proto::Graph) -> Result<Vec<&str>, FormatError> {
    let mut ranked: Vec<(bool, &str)> = Vec::new();
    for output in &graph.output {
        let tensor = match &output.r#type {
            Some(kind) => match &kind.tensor_type {
                Some(tensor) => Some(tensor),
                // A sequence or map, such as the ZipMap of scikit-learn.
                None => continue,
            },
            None => None,
        };
        let float = tensor.is_none_or(|tensor| {
            matches!(
                DataType::try_from(tensor.elem_type),
                Ok(DataType::Float | DataType::Float16 | DataType::Double | DataType::Bfloat16 | DataType::Undefined)
            )
        });
        if float {
            let rank = tensor.and_then(|tensor| tensor.shape.as_ref()).map(|shape| shape.dim.len());
            ranked.push((rank != Some(2), output.name.as_str()));
        }
    }
    ranked.sort_by_key(|(other, _)| *other);
    let mut names: Vec<&str> = ranked.into_iter().map(|(_, name)| name).collect();
    if names.is_empty() {
        // Only the index of the best class is given: its scores are what the ArgMax reads.
        names = graph
            .output
            .iter()
            .filter_map(|output| graph.node.iter().find(|node| node.output.first() == Some(&output.name)))
            .filter(|node| node.op_type == "ArgMax")
            .filter_map(|node| node.input.first().map(String::as_str))
            .collect();
    }
    if names.is_empty() {
        let kinds: Vec<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
        return Err(FormatError::Output { reason: format!("none of its outputs {kinds:?} is a tensor of floats") });
    }
    Ok(names)
}

/// Indices of the nodes that the most likely output depends on. Others, such as a `TopK` beside it, are not read.
fn needed(graph: &proto::Graph, outputs: &[&str]) -> HashSet<usize> {
    let mut writers: HashMap<&str, usize> = HashMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        for output in &node.output {
            writers.insert(output, index);
        }
    }
    let mut needed = HashSet::new();
    let mut open: Vec<usize> = outputs.first().and_then(|name| writers.get(name)).copied().into_iter().collect();
    while let Some(index) = open.pop() {
        if needed.insert(index)
            && let Some(node) = graph.node.get(index)
        {
            open.extend(node.input.iter().filter_map(|name| writers.get(name.as_str())));
        }
    }
    needed
}

fn choose(importer: &Importer, outputs: &[&str], classifier: bool) -> Result<(ValueId, String), FormatError> {
    let name = outputs.first().copied().unwrap_or_default();
    match importer.entries.get(name) {
        Some(Entry::Tensor(tensor)) => {
            let classes = importer.builder.shape(tensor.id);
            if classifier && classes.dims().iter().filter(|&&size| size > 1).count() > 1 {
                return Err(FormatError::Output { reason: format!("its output {name:?} has shape {classes}") });
            }
            Ok((tensor.id, name.to_owned()))
        }
        Some(Entry::Constant(_)) => {
            Err(FormatError::Output { reason: format!("its output {name:?} does not depend on the picture") })
        }
        None => Err(FormatError::Output { reason: format!("nothing writes its output {name:?}") }),
    }
}

/// The picture as the file describes it and as the graph has it.
struct Input<'a> {
    name: &'a str,
    /// Shape of the graph's input, `[C, H, W]`.
    sample: Vec<usize>,
    /// Shape in the file with a batch of 1.
    full: Vec<usize>,
    batch: Option<usize>,
    fixed_batch: usize,
    /// Whether the pixels are integers, which can only be the raw ones.
    raw: bool,
    /// What stands between the graph's input and the file's: a transposition or a reshape.
    prepare: Option<(Option<Vec<usize>>, Vec<usize>)>,
}

fn input<'a>(
    graph: &'a proto::Graph,
    initializers: &HashMap<&str, &proto::Tensor>,
    channels_last: bool,
    warnings: &mut Vec<String>,
) -> Result<Input<'a>, FormatError> {
    let refuse = |reason: String| FormatError::Input { reason };
    // Before IR version 4, weights stand among the inputs too.
    let inputs: Vec<&proto::ValueInfo> =
        graph.input.iter().filter(|input| !initializers.contains_key(input.name.as_str())).collect();
    let info = match inputs.as_slice() {
        [one] => *one,
        [] => return Err(refuse("it has no input".to_owned())),
        more => {
            let names: Vec<&str> = more.iter().map(|input| input.name.as_str()).take(8).collect();
            return Err(refuse(format!("it has {} inputs: {}", more.len(), names.join(", "))));
        }
    };
    let name = info.name.as_str();
    let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    if info.r#type.is_some() && tensor.is_none() {
        return Err(refuse(format!("its input {name:?} is not a tensor")));
    }
    let raw = tensor.is_some_and(|tensor| {
        matches!(DataType::try_from(tensor.elem_type), Ok(DataType::Uint8 | DataType::Int32 | DataType::Int64))
    });
    let dims: Option<Vec<Option<usize>>> = match tensor.and_then(|tensor| tensor.shape.as_ref()) {
        None => None,
        Some(shape) => Some(
            shape
                .dim
                .iter()
                .map(|dim| match dim.size {
                    // 0 and -1 are how some writers say "any".
                    Some(DimensionSize::Value(value)) if value > 0 => size(value).map(Some),
                    _ => Ok(None),
                })
                .collect::<Result<_, _>>()
                .map_err(|_| refuse(format!("its input {name:?} has an axis of impossible size")))?,
        ),
    };
    let dims = match dims {
        Some(dims) => dims,
        None => {
            warnings.push("The file does not say the shape of its input.".to_owned());
            vec![None; 4]
        }
    };

    let reader = graph.node.iter().find(|node| node.input.iter().any(|input| input == name));
    let to_channels_first =
        reader.is_some_and(|node| node.op_type == "Transpose" && Attributes(node).ints("perm") == Some(&[0, 3, 1, 2]));
    let is_channels = |size: Option<usize>| matches!(size, Some(1 | 3 | 4));
    let side = |size: Option<usize>, warnings: &mut Vec<String>, what: &str| {
        size.unwrap_or_else(|| {
            warnings.push(format!("The file leaves the {what} of the picture open; {DEFAULT_SIDE} pixels are used."));
            DEFAULT_SIDE
        })
    };
    match *dims.as_slice() {
        [batch, second, third, fourth] => {
            // Grey and colour are likelier than four channels, a map of 4 pixels or less than a hint in the file.
            let usual = |size: Option<usize>| matches!(size, Some(1 | 3));
            let channels_last = channels_last
                || !usual(second)
                    && (usual(fourth) || to_channels_first || !is_channels(second) && is_channels(fourth));
            let (channels, height, width) =
                if channels_last { (fourth, second, third) } else { (second, third, fourth) };
            let channels = match channels.or_else(|| first_channels(graph, initializers)) {
                Some(channels) => channels,
                None => {
                    warnings.push("The file does not say how many channels the picture has; 3 are used.".to_owned());
                    3
                }
            };
            let (height, width) = (side(height, warnings, "height"), side(width, warnings, "width"));
            Ok(Input {
                name,
                sample: vec![channels, height, width],
                full: if channels_last { vec![1, height, width, channels] } else { vec![1, channels, height, width] },
                batch: Some(0),
                fixed_batch: batch.unwrap_or(1),
                raw,
                prepare: channels_last.then(|| (Some(vec![1, 2, 0]), vec![])),
            })
        }
        [first, second, third] if is_channels(first) || is_channels(third) => {
            let channels_last = !is_channels(first);
            let (channels, height, width) = if channels_last { (third, first, second) } else { (first, second, third) };
            let channels = channels.unwrap_or(3);
            let (height, width) = (side(height, warnings, "height"), side(width, warnings, "width"));
            Ok(Input {
                name,
                sample: vec![channels, height, width],
                full: if channels_last { vec![height, width, channels] } else { vec![channels, height, width] },
                batch: None,
                fixed_batch: 1,
                raw,
                prepare: channels_last.then(|| (Some(vec![1, 2, 0]), vec![])),
            })
        }
        // A flat vector of pixels, as for MNIST in many courses.
        [batch, Some(features)] => {
            let square = |count: usize| (1..=4096usize).find(|side| side * side == count);
            let (channels, side) = square(features)
                .map(|side| (1, side))
                .or_else(|| features.is_multiple_of(3).then(|| square(features / 3)).flatten().map(|side| (3, side)))
                .ok_or_else(|| refuse(format!("its input {name:?} is a vector of {features} numbers")))?;
            warnings.push(format!("The input is a vector; it is read as a picture of {channels} × {side} × {side}."));
            Ok(Input {
                name,
                sample: vec![channels, side, side],
                full: vec![1, features],
                batch: Some(0),
                fixed_batch: batch.unwrap_or(1),
                raw,
                prepare: Some((None, vec![features])),
            })
        }
        _ => {
            let shown: Vec<String> =
                dims.iter().take(8).map(|size| size.map_or_else(|| "?".to_owned(), |size| size.to_string())).collect();
            Err(refuse(format!("its input {name:?} has {} axes: [{}]", dims.len(), shown.join(", "))))
        }
    }
}

/// The input channels of the first convolution, where the input itself does not say them.
fn first_channels(graph: &proto::Graph, initializers: &HashMap<&str, &proto::Tensor>) -> Option<usize> {
    let conv = graph.node.iter().find(|node| node.op_type == "Conv")?;
    let kernel = initializers.get(conv.input.get(1)?.as_str())?;
    let groups = Attributes(conv).int_or("group", 1);
    size(kernel.dims.get(1)?.checked_mul(groups)?).ok().filter(|channels| (1..=16).contains(channels))
}

impl<'a> Importer<'a> {
    /// Reads one node.
    fn step(&mut self, node: &'a proto::Node) -> Result<(), FormatError> {
        self.node = node;
        let results = self.results(node).map_err(|refusal| match refusal {
            Refusal::Graph(error) => {
                FormatError::Node { op: node.op_type.clone(), node: title(node), reason: error.to_string() }
            }
            Refusal::Reason(reason) => FormatError::Node { op: node.op_type.clone(), node: title(node), reason },
            Refusal::Unknown => FormatError::UnknownOperator {
                op: node.op_type.clone(),
                domain: domain(node),
                opset: self.opset,
                node: title(node),
            },
            Refusal::File(error) => error,
        })?;
        for (name, entry) in node.output.iter().zip(results) {
            let taken = self.initializers.contains_key(name.as_str());
            if !name.is_empty() && (self.entries.insert(name, entry).is_some() || taken) {
                let reason = format!("it writes {name:?}, which is written or given already");
                return Err(FormatError::Node { op: node.op_type.clone(), node: title(node), reason });
            }
        }
        Ok(())
    }

    fn results(&mut self, node: &'a proto::Node) -> Result<Vec<Entry>, Refusal> {
        if !node.domain.is_empty() && node.domain != "ai.onnx" {
            return Err(Refusal::Unknown);
        }
        let attributes = Attributes(node);
        self.forget_read();
        if node.op_type == "Constant" {
            return Ok(vec![Entry::Constant(self.constant(attributes)?)]);
        }
        let inputs = node.input.iter().map(|name| self.entry(name)).collect::<Result<Vec<_>, _>>()?;
        let constants: Option<Vec<Option<Constant>>> = inputs
            .iter()
            .map(|entry| match entry {
                None => Some(None),
                Some(Entry::Constant(constant)) => Some(Some(constant.clone())),
                Some(Entry::Tensor(_)) => None,
            })
            .collect();
        if let Some(constants) = constants {
            let folded = fold(&node.op_type, attributes, &constants, node.output.len(), &mut self.budget)?;
            let folded = folded.ok_or_else(|| {
                if ops::is_known(&node.op_type) {
                    Refusal::reason("none of its inputs depends on the picture")
                } else {
                    Refusal::Unknown
                }
            })?;
            if folded.iter().any(|constant| constant.dims.len() > MAX_RANK) {
                return Err(Refusal::reason("a tensor with so many axes is not supported"));
            }
            return Ok(folded.into_iter().map(Entry::Constant).collect());
        }
        let results = ops::convert(self, attributes, &inputs)?;
        if let Some(Entry::Tensor(tensor)) = results.iter().find(|entry| matches!(entry, Entry::Tensor(_)))
            && tensor.full.len() > MAX_RANK
        {
            return Err(Refusal::reason("a tensor with so many axes is not supported"));
        }
        Ok(results)
    }

    /// What a name stands for; `None` for the empty name of an input that is left out.
    fn entry(&mut self, name: &'a str) -> Result<Option<Entry>, Refusal> {
        if name.is_empty() {
            return Ok(None);
        }
        if let Some(entry) = self.entries.get(name) {
            return Ok(Some(entry.clone()));
        }
        let tensor = self
            .initializers
            .get(name)
            .ok_or_else(|| Refusal::reason(format!("it reads {name:?}, which nothing before it writes")))?;
        let entry = Entry::Constant(Constant::decode(tensor)?);
        // Kept since exporters share small constants; the data is shared, not copied.
        self.entries.insert(name, entry.clone());
        Ok(Some(entry))
    }

    /// Lets go of constants that no node reads any more: a matrix that was transposed would be held twice.
    fn forget_read(&mut self) {
        for name in std::mem::take(&mut self.last_read) {
            self.entries.remove(name);
        }
        for name in &self.node.input {
            if let Some(left) = self.readers_left.get_mut(name.as_str()) {
                *left = left.saturating_sub(1);
                let constant = self.initializers.contains_key(name.as_str())
                    || matches!(self.entries.get(name.as_str()), Some(Entry::Constant(_)));
                if *left == 0 && constant {
                    self.last_read.push(name);
                }
            }
        }
    }

    fn constant(&mut self, attributes: Attributes) -> Result<Constant, Refusal> {
        if let Some(tensor) = attributes.tensor("value") {
            Ok(Constant::decode(tensor)?)
        } else if let Some(value) = attributes.float("value_float") {
            Ok(Constant::float(vec![], vec![value]))
        } else if let Some(value) = attributes.int("value_int") {
            Ok(Constant::int(vec![], vec![value]))
        } else if let Some(values) = attributes.floats("value_floats") {
            Ok(Constant::float(vec![values.len()], values))
        } else if let Some(values) = attributes.ints("value_ints") {
            Ok(Constant::int(vec![values.len()], values))
        } else {
            Err(Refusal::reason("its value is not a dense tensor of numbers"))
        }
    }

    /// The file's name of the current node's output `index`.
    pub fn output_name(&self, index: usize) -> String {
        self.node.output.get(index).cloned().unwrap_or_default()
    }

    /// Whether output `index` of the current node is read by anything.
    pub fn is_read(&self, index: usize) -> bool {
        self.node.output.get(index).is_some_and(|name| self.readers.contains_key(name.as_str()))
    }

    /// The name of input `index` of the current node.
    pub fn input_name(&self, index: usize) -> String {
        self.node.input.get(index).cloned().unwrap_or_default()
    }

    /// Adds the op that the current node stands for, with the node's own names.
    pub fn main(&mut self, op: Op, inputs: &[ValueId]) -> Result<ValueId, Refusal> {
        let (name, output) = (self.node_name(), self.output_name(0));
        Ok(self.builder.node(name, op, inputs, output)?)
    }

    /// Adds an op that the current node needs besides its main one.
    pub fn part(&mut self, part: &str, op: Op, inputs: &[ValueId]) -> Result<ValueId, Refusal> {
        let (name, output) = (format!("{}/{part}", self.node_name()), format!("{}/{part}", self.output_name(0)));
        Ok(self.builder.node(name, op, inputs, output)?)
    }

    fn node_name(&self) -> String {
        // Nameless nodes (tf2onnx before 2020, hand-written files) are best known by what they write.
        if self.node.name.is_empty() { self.output_name(0) } else { self.node.name.clone() }
    }

    /// Puts a weight into the graph. `key` names the preparation, so that a weight shared by two nodes is held once.
    ///
    /// # Errors
    /// If the number of elements is not that of the shape.
    pub fn param(
        &mut self,
        name: String,
        key: &str,
        dims: Vec<usize>,
        data: impl FnOnce() -> Arc<[f32]>,
    ) -> Result<ParamId, Refusal> {
        let key = format!("{key}:{dims:?}:{name}");
        if let Some(&id) = self.params.get(&key) {
            return Ok(id);
        }
        let data = data();
        if count(&dims) != Some(data.len()) {
            return Err(Refusal::reason(format!("{name:?} has {} elements instead of {dims:?}", data.len())));
        }
        let id = self.builder.param(name, dims, data);
        self.params.insert(key, id);
        Ok(id)
    }
}
