//! Graph models: a graph of TensorFlow's operations in JSON.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{attributes::Attributes, manifest::Manifest, operations::Operation};
use crate::{
    FormatError, Imported,
    onnx::proto::DataType,
    tensorflow::{Description, MAX_OPERATIONS, Network},
};

/// More characters than all names of nodes have.
const MAX_NAMES: usize = 1 << 22;

/// More results than all operations have.
const MAX_RESULTS: usize = 100_000;

fn bad(reason: impl Into<String>) -> FormatError {
    FormatError::Damaged { reason: format!("its graph is not right: {}", reason.into()) }
}

/// A node of the graph.
struct Node<'a> {
    name: &'a str,
    op: &'a str,
    /// The nodes whose results it reads, and which of their results.
    inputs: Vec<(&'a str, usize)>,
    attributes: Attributes<'a>,
}

fn node(value: &Value) -> Result<Node<'_>, FormatError> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let name = text("name").ok_or_else(|| bad("a node has no name"))?;
    let op = text("op").ok_or_else(|| bad(format!("the node {name:?} has no operation")))?;
    let mut inputs = Vec::new();
    for input in value.get("input").and_then(Value::as_array).into_iter().flatten() {
        let input = input.as_str().ok_or_else(|| bad(format!("an input of {name:?} is not a name")))?;
        // One with a caret is only to run before.
        if !input.starts_with('^') {
            inputs.push(reference(input));
        }
    }
    Ok(Node { name, op, inputs, attributes: Attributes(value.get("attr").and_then(Value::as_object)) })
}

/// `name` or `name:1`.
fn reference(text: &str) -> (&str, usize) {
    match text.rsplit_once(':') {
        Some((name, output)) => output.parse().map_or((text, 0), |output| (name, output)),
        None => (text, 0),
    }
}

/// What a value is called in the network.
fn value(name: &str, output: usize) -> String {
    if output == 0 { name.to_owned() } else { format!("{name}:{output}") }
}

/// What people call a node: without the function that the whole network was made of.
fn title(name: &str) -> &str {
    let called = ["StatefulPartitionedCall/", "PartitionedCall/"].iter().find_map(|prefix| name.strip_prefix(prefix));
    called.filter(|rest| !rest.is_empty()).unwrap_or(name)
}

/// Reads a graph with its weights.
pub(super) fn read(model: &Value, weights: &Manifest, file: &str, bytes: usize) -> Result<Imported, FormatError> {
    let list = model.get("modelTopology").and_then(|topology| topology.get("node")).and_then(Value::as_array);
    let list = list.ok_or_else(|| bad("it has no nodes"))?;
    if list.len() > MAX_OPERATIONS {
        return Err(FormatError::TooLarge { what: "operations", actual: list.len(), limit: MAX_OPERATIONS });
    }
    let nodes = list.iter().map(node).collect::<Result<Vec<_>, _>>()?;
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (place, node) in nodes.iter().enumerate() {
        if places.insert(node.name, place).is_some() {
            return Err(bad(format!("two nodes are called {:?}", node.name)));
        }
    }
    let outputs = outputs(model, &nodes)?;
    let order = order(&nodes, &places, &outputs)?;
    // Names of steps inside an operation have its own in front.
    let names =
        order.iter().filter_map(|&at| nodes.get(at)).fold(0usize, |sum, node| sum.saturating_add(node.name.len()));
    if names > MAX_NAMES {
        return Err(FormatError::TooLarge { what: "characters of names", actual: names, limit: MAX_NAMES });
    }

    let results = nodes.iter().fold(0usize, |sum, node| sum.saturating_add(1 + node_outputs(node)));
    if results > MAX_RESULTS {
        return Err(FormatError::TooLarge { what: "results of operations", actual: results, limit: MAX_RESULTS });
    }

    let mut network = Network::new("TensorFlow");
    for &place in &order {
        let Some(node) = nodes.get(place) else { continue };
        for output in 0..=node_outputs(node) {
            network.unique(&value(node.name, output));
        }
    }
    let placeholders: Vec<&Node> = nodes.iter().filter(|node| node.op.starts_with("Placeholder")).collect();
    if placeholders.len() > 1 {
        let names: Vec<&str> = placeholders.iter().map(|node| node.name).take(8).collect();
        let reason = format!("it has {} inputs: {}", placeholders.len(), names.join(", "));
        return Err(FormatError::Input { reason });
    }
    let mut written = bytes;
    for place in order {
        let Some(node) = nodes.get(place) else { continue };
        match node.op {
            "Placeholder" | "PlaceholderWithDefault" => input(&mut network, node),
            "Const" => {
                let missing = || FormatError::Tensor {
                    tensor: node.name.to_owned(),
                    reason: "the list of weights does not have it".to_owned(),
                };
                let weight = weights.get(node.name).ok_or_else(missing)?;
                let dims: Vec<i64> = weight.dims.iter().map(|&size| size as i64).collect();
                let (data_type, raw) = weight.elements();
                written = written.saturating_add(raw.len());
                network.constant(node.name, &dims, data_type, raw);
            }
            _ => operation(&mut network, node, weights)?,
        }
    }
    let outputs = outputs.iter().map(|&(name, output, rank, float)| (value(name, output), rank, float)).collect();
    let mut imported = network.finish(&Description { name: "", file, bytes: written, outputs })?;
    imported.format = "TensorFlow.js graph model".to_owned();
    Ok(imported)
}

/// How many outputs a node has beside its first; only those of parts are read.
fn node_outputs(node: &Node) -> usize {
    let parts = match node.op {
        "Split" | "SplitV" => node.attributes.whole("num_split", 1),
        "Unpack" => node.attributes.whole("num", 1),
        _ => Ok(1),
    };
    usize::try_from(parts.unwrap_or(1)).unwrap_or(1).clamp(1, 4096) - 1
}

/// An output: its node, which of its results it is, how many axes it has, if known, and whether it may hold floats.
type Output<'a> = (&'a str, usize, Option<usize>, bool);

/// The outputs that the file names, or else those that nothing reads.
fn outputs<'a>(model: &'a Value, nodes: &[Node<'a>]) -> Result<Vec<Output<'a>>, FormatError> {
    let signed = model.get("signature").or_else(|| model.get("userDefinedMetadata")?.get("signature"));
    let signed = signed.and_then(|signature| signature.get("outputs")).and_then(Value::as_object);
    let mut found: Vec<Output> = signed
        .into_iter()
        .flat_map(|outputs| outputs.iter())
        .take(256)
        .map(|(key, output)| {
            let (name, result) = reference(output.get("name").and_then(Value::as_str).unwrap_or(key));
            let dims = output.get("tensorShape").and_then(|shape| shape.get("dim")).and_then(Value::as_array);
            let float = output.get("dtype").and_then(Value::as_str).is_none_or(|dtype| dtype == "DT_FLOAT");
            (name, result, dims.map(Vec::len), float)
        })
        .filter(|(name, ..)| nodes.iter().any(|node| node.name == *name))
        .collect();
    if found.is_empty() {
        let read: HashSet<&str> = nodes.iter().flat_map(|node| &node.inputs).map(|(name, _)| *name).collect();
        let ends = |node: &&Node| !read.contains(node.name) && !matches!(node.op, "NoOp" | "Const" | "Placeholder");
        found = nodes.iter().filter(ends).map(|node| (node.name, 0, None, true)).take(256).collect();
    }
    if found.is_empty() {
        return Err(FormatError::Output { reason: "it has no output".to_owned() });
    }
    Ok(found)
}

/// The nodes that the outputs depend on, each behind those it reads.
fn order(nodes: &[Node], places: &HashMap<&str, usize>, outputs: &[Output]) -> Result<Vec<usize>, FormatError> {
    let find = |name: &str| places.get(name).copied().ok_or_else(|| bad(format!("there is no node {name:?}")));
    let mut order = Vec::new();
    // 1 is a node whose inputs are being looked at, 2 one that is done.
    let mut state = vec![0u8; nodes.len()];
    let mut open: Vec<(usize, usize)> = Vec::new();
    for (name, ..) in outputs {
        open.push((find(name)?, 0));
        while let Some((place, next)) = open.pop() {
            let (Some(node), Some(seen)) = (nodes.get(place), state.get_mut(place)) else { continue };
            match (*seen, node.inputs.get(next)) {
                (2, _) => {}
                (1, _) if next == 0 => return Err(bad(format!("{:?} depends on itself", node.name))),
                (_, Some((input, _))) => {
                    *seen = 1;
                    open.push((place, next + 1));
                    open.push((find(input)?, 0));
                }
                (_, None) => {
                    *seen = 2;
                    order.push(place);
                }
            }
        }
    }
    Ok(order)
}

/// The picture.
fn input(network: &mut Network, node: &Node) {
    let data_type = match node.attributes.data_type("dtype") {
        "DT_UINT8" => DataType::Uint8,
        "DT_INT32" => DataType::Int32,
        "DT_INT64" => DataType::Int64,
        _ => DataType::Float,
    };
    let mut dims = node.attributes.shape("shape").unwrap_or_else(|| vec![None; 4]);
    // Without the channels there is no batch that could be told from a height.
    if let [batch @ None, _, _] = dims.as_mut_slice() {
        *batch = Some(1);
    }
    network.input(node.name, data_type, &dims);
}

fn operation(network: &mut Network, node: &Node, weights: &Manifest) -> Result<(), FormatError> {
    let inputs: Vec<String> = node.inputs.iter().map(|&(name, output)| value(name, output)).collect();
    let outputs: Vec<String> = (0..=node_outputs(node)).map(|output| value(node.name, output)).collect();
    let dims = node.inputs.iter().map(|(name, _)| weights.get(name).map(|weight| weight.dims.as_slice())).collect();
    let (op, attributes) = (node.op, node.attributes);
    let operation = Operation { op, attributes, inputs: &inputs, dims, outputs: &outputs };
    let given: Vec<&str> = inputs.iter().map(String::as_str).collect();
    network.operation(op, title(node.name), &given, &outputs, |network| operation.write(network))
}
