//! Nodes that do nothing, and chains of nodes that only move elements.

use super::rewrite::{Rewriter, rewrite};
use crate::{Activation, Graph, GraphError, Node, Op, Pool2d};

/// Removes nodes that give what they read (dropout, identities, full slices, transpositions and reshapes to the same
/// shape) and joins reshapes with reshapes and transpositions with transpositions. Says whether it changed anything.
///
/// # Errors
/// [`GraphError`] if the graph does not hold together.
pub fn remove_identities(graph: Graph) -> Result<(Graph, bool), GraphError> {
    rewrite(graph, visit)
}

fn visit(rewriter: &mut Rewriter, mut node: Node) -> Result<(), GraphError> {
    let Some(&input) = node.inputs.first() else { return rewriter.keep(node) };
    if is_identity(rewriter, &node) {
        rewriter.vanish_into(node, input);
        return Ok(());
    }
    let Some(before) = rewriter.producer(input) else { return rewriter.keep(node) };
    let source = before.inputs.first().copied();
    let joined = match (&before.op, &node.op) {
        (Op::Reshape { .. }, Op::Reshape { shape }) => Some(Op::Reshape { shape: shape.clone() }),
        (Op::Transpose { permutation: first }, Op::Transpose { permutation: second }) => {
            Some(Op::Transpose { permutation: second.iter().map(|&axis| first[axis]).collect() })
        }
        _ => None,
    };
    match (joined, source) {
        (Some(op), Some(source)) => {
            if rewriter.is_only_reader(input) {
                let name = before.name.clone();
                let absorbed = before.absorbed.clone();
                node.absorbed.push(name);
                node.absorbed.extend(absorbed);
            }
            node.op = op;
            node.inputs = vec![source];
            // The joined node may do nothing in turn: two transpositions that cancel.
            if is_identity(rewriter, &node) {
                rewriter.vanish_into(node, source);
                Ok(())
            } else {
                rewriter.replace(node)
            }
        }
        _ => rewriter.keep(node),
    }
}

fn is_identity(rewriter: &Rewriter, node: &Node) -> bool {
    let shape = rewriter.shape(node.inputs[0]);
    let all = |id: Option<crate::ParamId>, value: f32| {
        id.is_none_or(|id| {
            rewriter.param(id).data.held().is_some_and(|data| data.iter().all(|&element| element == value))
        })
    };
    match &node.op {
        Op::Affine { scale, shift } => all(*scale, 1.0) && all(*shift, 0.0),
        Op::Reshape { shape: target } => target.as_slice() == shape.dims(),
        Op::Transpose { permutation } => permutation.iter().enumerate().all(|(at, &axis)| at == axis),
        Op::Slice { axis, start, end, step } => *start == 0 && *step == 1 && shape.dims()[*axis] == *end,
        Op::Pad { pads, .. } => pads.iter().all(|&pad| pad == (0, 0)),
        Op::Resize(resize) => shape.dims()[1..] == resize.size,
        Op::Concat { .. } => node.inputs.len() == 1,
        Op::Reduce { axes, keep_dims, .. } => {
            axes.iter().all(|&axis| shape.dims()[axis] == 1) && (*keep_dims || axes.is_empty())
        }
        Op::Activation(Activation::Clip { min, max }) => *min == f32::NEG_INFINITY && *max == f32::INFINITY,
        Op::Activation(Activation::Pow { exponent }) => *exponent == 1.0,
        Op::Activation(Activation::LeakyRelu { slope }) => *slope == 1.0,
        Op::MaxPool2d(Pool2d { kernel, stride, pads, .. }) | Op::AvgPool2d(Pool2d { kernel, stride, pads, .. }) => {
            (*kernel, *stride, *pads) == ([1, 1], [1, 1], [0; 4])
        }
        _ => false,
    }
}
