//! The walk over the nodes of an ONNX graph.

use std::{collections::HashMap, sync::Arc};

use innspect_graph::{ChannelOrder, Graph, GraphBuilder, Op, ParamId, Preprocessing, ValueId, passes};

use super::{
    Refusal,
    attributes::Attributes,
    external,
    fold::{Budget, fold},
    input::input,
    metadata, ops,
    order::{candidates, needed, order, read_by},
    proto,
    tensor::{Constant, MAX_RANK, count},
};
use crate::{FormatError, Imported, ModelFiles};

/// More nodes than any classifier has; deep networks have some thousands.
pub(crate) const MAX_NODES: usize = 100_000;

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
    /// What values stand for that are quantised in the file.
    pub quantised: HashMap<ValueId, ops::Quantisation>,
    /// Limits that values are known to keep, since what they are made of was clamped.
    pub bounds: HashMap<ValueId, (f32, f32)>,
    files: &'a ModelFiles,
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
    /// While a node is read as another operator: the names of that one's inputs, and whether an op follows that gives the
    /// node's result.
    stand_in: Option<(Vec<String>, bool)>,
}

/// The domain of a node in words.
fn domain(node: &proto::Node) -> String {
    if node.domain.is_empty() { "ai.onnx".to_owned() } else { node.domain.clone() }
}

/// What errors call a node: its name or, where it has none, what it writes.
pub(crate) fn title(node: &proto::Node) -> String {
    if node.name.is_empty() { node.output.first().cloned().unwrap_or_default() } else { node.name.clone() }
}

/// The newest operator set whose operators are known.
const NEWEST_OPSET: i64 = 28;

/// Where a model is from, and what is known of it beside what it says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    /// The file, and those that hold weights of it.
    pub files: &'a ModelFiles,
    /// Size of the file, which bounds what is computed from its constants.
    pub bytes: u64,
    /// Whether its output must be a vector of scores.
    pub classifier: bool,
    /// Whether pictures have their channels last; otherwise it is told from the sizes of the input.
    pub channels_last: bool,
}

pub(crate) fn import(model: &proto::Model, graph: &proto::Graph, origin: Origin) -> Result<Imported, FormatError> {
    let Origin { files, bytes, classifier, channels_last } = origin;
    if graph.node.len() > MAX_NODES {
        return Err(FormatError::TooLarge { what: "nodes", actual: graph.node.len(), limit: MAX_NODES });
    }
    let mut warnings = Vec::new();
    let standard = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let opset = model.opset_import.iter().find(|set| standard(&set.domain)).map_or(1, |set| set.version);
    if !(7..=NEWEST_OPSET).contains(&opset) {
        warnings
            .push(format!("The file uses opset {opset}; 7 to {NEWEST_OPSET} are known, so it may be read wrongly."));
    }
    let bytes = bytes.saturating_add(external::check(graph, files)?);
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);

    let initializers: HashMap<&str, &proto::Tensor> =
        graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let outputs = candidates(graph)?;
    let order = order(graph, &needed(graph, &outputs));
    let input = input(graph, &initializers, channels_last, &mut warnings)?;

    let raw = input.raw;
    let name = if graph.name.is_empty() { &files.name } else { &graph.name };
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
    for name in graph.node.iter().flat_map(read_by).chain(graph.output.iter().map(|output| output.name.as_str())) {
        *readers.entry(name).or_default() += 1;
    }
    let empty = proto::Node::default();
    let mut importer = Importer {
        builder,
        // Exporters compute little from weights; four times the file leaves room for all of them.
        budget: Budget(bytes.saturating_mul(4).saturating_add(1 << 22)),
        quantised: HashMap::new(),
        bounds: HashMap::new(),
        files,
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
        stand_in: None,
    };
    for index in order {
        if let Some(node) = graph.node.get(index) {
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
        if !ops::is_domain_known(&node.domain) {
            return Err(Refusal::Unknown);
        }
        let attributes = Attributes(node);
        self.forget_read();
        match node.op_type.as_str() {
            "Constant" => return Ok(vec![Entry::Constant(self.constant(attributes)?)]),
            "If" => return self.branch(node),
            _ => {}
        }
        let mut inputs = node.input.iter().map(|name| self.entry(name)).collect::<Result<Vec<_>, _>>()?;
        if node.op_type == "CastLike"
            && let [Some(Entry::Constant(value)), Some(Entry::Tensor(_))] = inputs.as_slice()
        {
            // Values that depend on the picture are floats.
            return Ok(vec![Entry::Constant(Constant::float(value.dims.clone(), value.floats()))]);
        }
        if node.op_type == "CastLike" {
            inputs.truncate(if matches!(inputs.first(), Some(Some(Entry::Tensor(_)))) { 1 } else { 2 });
        }
        let constants: Option<Vec<Option<Constant>>> = inputs
            .iter()
            .map(|entry| match entry {
                None => Some(None),
                Some(Entry::Constant(constant)) => Some(Some(constant.clone())),
                Some(Entry::Tensor(_)) => None,
            })
            .collect();
        if let Some(constants) = constants {
            let folded = fold(attributes, &constants, self.files, &mut self.budget)?;
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
        let quantised = ops::moved(self, node, &inputs)?;
        let bounds = ops::bounds(self, node, &inputs);
        let results = ops::convert(self, attributes, &inputs)?;
        for entry in &results {
            let Entry::Tensor(tensor) = entry else { continue };
            if let Some(quantised) = &quantised {
                self.quantised.insert(tensor.id, quantised.clone());
            }
            if let Some(bounds) = bounds {
                self.bounds.insert(tensor.id, bounds);
            }
        }
        if let Some(Entry::Tensor(tensor)) = results.iter().find(|entry| matches!(entry, Entry::Tensor(_)))
            && tensor.full.len() > MAX_RANK
        {
            return Err(Refusal::reason("a tensor with so many axes is not supported"));
        }
        Ok(results)
    }

    /// The nodes of one branch of an `If` whose condition is known.
    fn branch(&mut self, node: &'a proto::Node) -> Result<Vec<Entry>, Refusal> {
        let condition = match node.input.first() {
            Some(name) => self.entry(name)?,
            None => None,
        };
        let Some(Entry::Constant(condition)) = condition else { return Err(Refusal::Unknown) };
        let taken =
            if condition.ints().first().is_some_and(|&value| value != 0) { "then_branch" } else { "else_branch" };
        let graph = Attributes(node).graph(taken).ok_or_else(|| Refusal::reason(format!("its {taken} is missing")))?;
        for tensor in &graph.initializer {
            let name = tensor.name.as_str();
            if self.entries.contains_key(name) || self.initializers.insert(name, tensor).is_some() {
                return Err(Refusal::reason(format!("its {taken} gives {name:?}, which is written or given already")));
            }
        }
        for inner in &graph.node {
            self.step(inner)?;
        }
        self.node = node;
        graph
            .output
            .iter()
            .map(|output| {
                let entry = self.entry(&output.name)?;
                entry.ok_or_else(|| Refusal::reason(format!("its {taken} has an output without a name")))
            })
            .collect()
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
        let entry = Entry::Constant(Constant::decode(tensor, self.files)?);
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
            Ok(Constant::decode(tensor, self.files)?)
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
        let name = self.node.output.get(index).cloned().unwrap_or_default();
        if self.stand_in.as_ref().is_some_and(|(_, followed)| *followed) { format!("{name}/unclamped") } else { name }
    }

    /// Lets the current node be read as another operator whose inputs have other names. If `followed`, its result gets a
    /// name of its own, and [`close`](Self::close) adds the op whose result is the node's.
    pub fn stand_in(&mut self, names: Vec<String>, followed: bool) {
        self.stand_in = Some((names, followed));
    }

    /// Ends [`stand_in`](Self::stand_in).
    pub fn stand_for_itself(&mut self) {
        self.stand_in = None;
    }

    /// Adds an op behind the one that the current node was read as, or as the node's own if there is none.
    pub fn close(&mut self, part: &str, op: Op, inputs: &[ValueId]) -> Result<ValueId, Refusal> {
        let (node, output) = (self.node_name(), self.output_name(0));
        let name = if self.node.op_type == "QuantizeLinear" { node } else { format!("{node}/{part}") };
        Ok(self.builder.node(name, op, inputs, output)?)
    }

    /// Whether output `index` of the current node is read by anything.
    pub fn is_read(&self, index: usize) -> bool {
        self.node.output.get(index).is_some_and(|name| self.readers.contains_key(name.as_str()))
    }

    /// The name of input `index` of the current node.
    pub fn input_name(&self, index: usize) -> String {
        if let Some((names, _)) = &self.stand_in {
            return names.get(index).cloned().unwrap_or_default();
        }
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
        title(self.node)
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
