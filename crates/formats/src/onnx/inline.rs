//! Operators that a file defines itself, replaced by the nodes they consist of.

use std::collections::{HashMap, HashSet};

use prost::Message;

use super::{
    import::{MAX_NODES, title},
    proto::{Attribute, Function, Graph, Node},
};
use crate::FormatError;

/// Functions in functions; exporters nest a few for the modules of a network.
const MAX_DEPTH: usize = 64;

/// What a function is known by: domain, name and overload.
fn key(domain: &str, name: &str, overload: &str) -> [String; 3] {
    [if domain == "ai.onnx" { "" } else { domain }, name, overload].map(str::to_owned)
}

struct Inliner<'a> {
    functions: HashMap<[String; 3], &'a Function>,
    /// Names of calls, which the names inside begin with.
    prefixes: HashSet<String>,
    nodes: usize,
    /// Bytes that may still be made, so that functions that call others twice do not fill the memory.
    room: usize,
}

/// The graph without calls of `functions`; `bytes` is the size of the file.
///
/// # Errors
/// [`FormatError`] if a function calls itself, or if the nodes become too many.
pub(crate) fn inline(mut graph: Graph, functions: &[Function], bytes: usize) -> Result<Graph, FormatError> {
    if functions.is_empty() {
        return Ok(graph);
    }
    let mut inliner = Inliner {
        functions: functions
            .iter()
            .map(|function| (key(&function.domain, &function.name, &function.overload), function))
            .collect(),
        prefixes: HashSet::new(),
        nodes: 0,
        room: (1 << 26usize).max(bytes.saturating_mul(4)),
    };
    inliner.graph(&mut graph, &mut Vec::new())?;
    Ok(graph)
}

impl<'a> Inliner<'a> {
    /// Replaces the calls in a graph.
    fn graph(&mut self, graph: &mut Graph, calls: &mut Vec<&'a Function>) -> Result<(), FormatError> {
        let nodes = std::mem::take(&mut graph.node);
        for node in nodes {
            self.node(node, calls, &mut graph.node)?;
        }
        Ok(())
    }

    fn node(&mut self, mut node: Node, calls: &mut Vec<&'a Function>, out: &mut Vec<Node>) -> Result<(), FormatError> {
        let Some(&function) = self.functions.get(&key(&node.domain, &node.op_type, &node.overload)) else {
            for attribute in &mut node.attribute {
                if let Some(inner) = attribute.g.as_deref_mut() {
                    self.graph(inner, calls)?;
                }
            }
            self.nodes += 1;
            if self.nodes > MAX_NODES {
                return Err(FormatError::TooLarge { what: "nodes", actual: self.nodes, limit: MAX_NODES });
            }
            out.push(node);
            return Ok(());
        };
        let refuse = |reason: String| FormatError::Node { op: node.op_type.clone(), node: title(&node), reason };
        if calls.iter().any(|&outer| std::ptr::eq(outer, function)) {
            return Err(refuse("the function calls itself".to_owned()));
        }
        if calls.len() >= MAX_DEPTH {
            return Err(refuse(format!("its functions are nested deeper than {MAX_DEPTH}")));
        }
        let mut prefix = title(&node);
        let mut count = self.prefixes.len();
        while !self.prefixes.insert(prefix.clone()) {
            count += 1;
            prefix = format!("{}_{count}", title(&node));
        }
        let (names, copies) = bind(function, &node);
        calls.push(function);
        for inner in &function.node {
            let texts = 2 + inner.input.len() + inner.output.len();
            let size = inner.encoded_len() + prefix.len().saturating_mul(texts) + 512 * (1 + inner.attribute.len());
            self.room = self.room.checked_sub(size).ok_or(FormatError::TooLarge {
                what: "bytes of nodes in its functions",
                actual: usize::MAX,
                limit: 1 << 26,
            })?;
            let mut inner = inner.clone();
            rename(&mut inner, &names, &prefix);
            fill_in(&mut inner, function, &node);
            self.node(inner, calls, out)?;
        }
        calls.pop();
        for copy in copies {
            self.node(copy, calls, out)?;
        }
        Ok(())
    }
}

/// What the function's own inputs and outputs are called at a call, and nodes for outputs that are inputs or other
/// outputs.
fn bind(function: &Function, call: &Node) -> (HashMap<String, String>, Vec<Node>) {
    let mut names = HashMap::new();
    for (index, name) in function.input.iter().enumerate() {
        names.insert(name.clone(), call.input.get(index).cloned().unwrap_or_default());
    }
    let mut copies = Vec::new();
    for (name, written) in function.output.iter().zip(&call.output).filter(|(_, written)| !written.is_empty()) {
        match names.get(name) {
            Some(same) => copies.push(Node::new("Identity", "", &[same], &[written], Vec::new())),
            None => {
                names.insert(name.clone(), written.clone());
            }
        }
    }
    (names, copies)
}

/// Gives a function's node, and those in its subgraphs, the hyper-parameters of a call.
fn fill_in(node: &mut Node, function: &Function, call: &Node) {
    for attribute in std::mem::take(&mut node.attribute) {
        node.attribute.extend(given(attribute, function, call));
    }
    for graph in node.attribute.iter_mut().filter_map(|attribute| attribute.g.as_deref_mut()) {
        graph.node.iter_mut().for_each(|inner| fill_in(inner, function, call));
    }
}

/// A hyper-parameter as it stands in a call of the function; `None` if it is the call's and the call leaves it out.
fn given(attribute: Attribute, function: &Function, call: &Node) -> Option<Attribute> {
    if attribute.ref_attr_name.is_empty() {
        return Some(attribute);
    }
    let named = |list: &[Attribute]| list.iter().find(|other| other.name == attribute.ref_attr_name).cloned();
    let value = named(&call.attribute).or_else(|| named(&function.attribute_proto))?;
    Some(Attribute { name: attribute.name, ..value })
}

fn renamed(name: &str, names: &HashMap<String, String>, prefix: &str) -> String {
    match names.get(name) {
        Some(known) => known.clone(),
        None if name.is_empty() => String::new(),
        None => format!("{prefix}/{name}"),
    }
}

fn rename(node: &mut Node, names: &HashMap<String, String>, prefix: &str) {
    for name in node.input.iter_mut().chain(&mut node.output) {
        *name = renamed(name, names, prefix);
    }
    if !node.name.is_empty() {
        node.name = format!("{prefix}/{}", node.name);
    }
    for graph in node.attribute.iter_mut().filter_map(|attribute| attribute.g.as_deref_mut()) {
        let tensors = graph.initializer.iter_mut().map(|tensor| &mut tensor.name);
        let values = graph.input.iter_mut().chain(&mut graph.output).map(|value| &mut value.name);
        for name in tensors.chain(values) {
            *name = renamed(name, names, prefix);
        }
        for inner in &mut graph.node {
            rename(inner, names, prefix);
        }
    }
}
