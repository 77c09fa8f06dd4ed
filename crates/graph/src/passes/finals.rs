//! The end of the network: logits instead of scores, as one vector.

use crate::{Activation, FinalActivation, Graph, GraphError, Node, Op, Value, ValueId, shape::infer};

use super::rewrite::compact;

/// Takes a softmax, log-softmax or sigmoid off the end, so that explanations start from the logit, and remembers it in
/// [`Graph::final_activation`]. Reshapes behind it go too.
///
/// # Errors
/// [`GraphError`] if the graph does not hold together.
pub fn strip_final_activation(mut graph: Graph) -> Result<Graph, GraphError> {
    let mut passed = Vec::new();
    let mut value = graph.output;
    let mut producers = vec![None; graph.values.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        producers[node.output.index()] = Some(index);
    }
    let (found, logits) = loop {
        let Some(node) = producers[value.index()].map(|index: usize| &graph.nodes[index]) else { return Ok(graph) };
        let (Some(&input), shape) = (node.inputs.first(), &graph.value(value).shape) else { return Ok(graph) };
        // A softmax over one of several axes is attention, not the end of a classifier.
        let over_all = |axis: usize| shape.dims().get(axis) == Some(&shape.numel()) && shape.numel() > 1;
        passed.push(node.name.clone());
        passed.extend(node.absorbed.iter().cloned());
        match node.op {
            Op::Softmax { axis } if over_all(axis) => break (FinalActivation::Softmax, input),
            Op::LogSoftmax { axis } if over_all(axis) => break (FinalActivation::LogSoftmax, input),
            Op::Activation(Activation::Sigmoid) => break (FinalActivation::Sigmoid, input),
            Op::Reshape { .. } | Op::Affine { scale: None, shift: None } => value = input,
            _ => return Ok(graph),
        }
    };
    // A softmax of scores would be another function; only the last one is taken.
    if graph.final_activation != FinalActivation::None {
        return Ok(graph);
    }
    graph.final_activation = found;
    graph.output = logits;
    if let Some(id) = graph.producer(logits) {
        graph.nodes[id.index()].absorbed.extend(passed);
    }
    compact(graph)
}

/// Gives the output the shape `[classes]`.
///
/// # Errors
/// [`GraphError`] if the graph does not hold together.
pub fn flatten_output(mut graph: Graph) -> Result<Graph, GraphError> {
    let output = graph.value(graph.output).clone();
    if output.shape.rank() == 1 {
        return Ok(graph);
    }
    let op = Op::Reshape { shape: vec![output.shape.numel()] };
    let shape = infer(&op, &[&output.shape], &graph.params)?;
    let reads = graph.uses()[graph.output.index()];
    if let Some(id) = graph.producer(graph.output)
        && reads == 0
        && let Op::Reshape { .. } = graph.node(id).op
    {
        graph.nodes[id.index()].op = op;
        return compact(graph);
    }
    let id = ValueId(graph.values.len() as u32);
    let name = format!("{}/flatten", output.name);
    graph.values.push(Value { name: name.clone(), shape });
    graph.nodes.push(Node { name, op, inputs: vec![graph.output], output: id, absorbed: Vec::new() });
    graph.output = id;
    Ok(graph)
}
