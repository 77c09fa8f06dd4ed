//! Which nodes are read, and in which order.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
};

use super::proto::{self, DataType};
use crate::FormatError;

/// Outputs that may be the class scores: float tensors, those with two axes first. Otherwise the order of the file is
/// kept, since exporters put the main output before auxiliary ones.
pub(super) fn candidates(graph: &proto::Graph) -> Result<Vec<&str>, FormatError> {
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

/// The names that a node reads, those that its subgraphs read included.
pub(super) fn read_by(node: &proto::Node) -> Vec<&str> {
    let mut names: Vec<&str> = node.input.iter().map(String::as_str).collect();
    for graph in node.attribute.iter().filter_map(|attribute| attribute.g.as_deref()) {
        names.extend(graph.node.iter().flat_map(read_by));
        names.extend(graph.output.iter().map(|output| output.name.as_str()));
    }
    names
}

/// Indices of the nodes that the most likely output depends on. Others, such as a `TopK` beside it, are not read.
pub(super) fn needed(graph: &proto::Graph, outputs: &[&str]) -> HashSet<usize> {
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
            open.extend(read_by(node).into_iter().filter_map(|name| writers.get(name)));
        }
    }
    needed
}

/// The needed nodes in the order of the file, but each behind those it reads from: converters to half precision put their
/// casts at the end. Nodes that wait for each other come last.
pub(super) fn order(graph: &proto::Graph, needed: &HashSet<usize>) -> Vec<usize> {
    let nodes = || graph.node.iter().enumerate().filter(|(index, _)| needed.contains(index));
    let writers: HashMap<&str, usize> = nodes()
        .flat_map(|(index, node)| node.output.iter().map(move |name| (name.as_str(), index)))
        .filter(|(name, _)| !name.is_empty())
        .collect();
    let mut readers: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut waits: HashMap<usize, usize> = HashMap::new();
    for (index, node) in nodes() {
        for writer in read_by(node).into_iter().filter_map(|name| writers.get(name)) {
            readers.entry(*writer).or_default().push(index);
            *waits.entry(index).or_default() += 1;
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        nodes().map(|(index, _)| index).filter(|index| !waits.contains_key(index)).map(Reverse).collect();
    let mut order = Vec::with_capacity(needed.len());
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        for reader in readers.remove(&index).unwrap_or_default() {
            if let Some(left) = waits.get_mut(&reader) {
                *left -= 1;
                if *left == 0 {
                    waits.remove(&reader);
                    ready.push(Reverse(reader));
                }
            }
        }
    }
    let mut stuck: Vec<usize> = waits.into_keys().collect();
    stuck.sort_unstable();
    order.extend(stuck);
    order
}
