//! Padding nodes merged into the windows that follow them.

use super::rewrite::{Rewriter, rewrite};
use crate::{Graph, GraphError, Node, Op, PadMode, Pool2d, shape::infer};

/// Merges zero padding of the spatial axes into a following convolution or into an average pooling that counts its
/// padding, and padding with `-inf` into a maximum. Says whether it changed anything.
///
/// # Errors
/// [`GraphError`] if the graph does not hold together.
pub fn merge_pads(graph: Graph) -> Result<(Graph, bool), GraphError> {
    rewrite(graph, visit)
}

fn visit(rewriter: &mut Rewriter, mut node: Node) -> Result<(), GraphError> {
    let Some((op, before)) = merged(rewriter, &node) else { return rewriter.keep(node) };
    if rewriter.is_only_reader(node.inputs[0]) {
        node.absorbed.push(before.name);
        node.absorbed.extend(before.absorbed);
    }
    rewriter.replace(Node { op, inputs: before.inputs, ..node })
}

fn merged(rewriter: &Rewriter, node: &Node) -> Option<(Op, Node)> {
    let before = rewriter.producer(*node.inputs.first()?)?;
    let Op::Pad { pads, mode: PadMode::Constant(value) } = &before.op else { return None };
    let &[(0, 0), (top, bottom), (left, right)] = pads.as_slice() else { return None };
    let sum = |own: [usize; 4]| -> Option<[usize; 4]> {
        Some([
            own[0].checked_add(top)?,
            own[1].checked_add(left)?,
            own[2].checked_add(bottom)?,
            own[3].checked_add(right)?,
        ])
    };
    let op = match &node.op {
        Op::Conv2d(conv) if *value == 0.0 => Op::Conv2d(crate::Conv2d { pads: sum(conv.pads)?, ..conv.clone() }),
        // A rounded-up output size depends on which cells are padding, so those stay apart.
        Op::AvgPool2d(pool) if *value == 0.0 && !pool.ceil_mode && (pool.count_include_pad || pool.pads == [0; 4]) => {
            Op::AvgPool2d(Pool2d { pads: sum(pool.pads)?, count_include_pad: true, ..pool.clone() })
        }
        Op::MaxPool2d(pool) if *value <= f32::MIN && !pool.ceil_mode => {
            Op::MaxPool2d(Pool2d { pads: sum(pool.pads)?, ..pool.clone() })
        }
        _ => return None,
    };
    // A pooling takes less padding than its window.
    let source = rewriter.shape(*before.inputs.first()?);
    infer(&op, &[source], rewriter.params()).ok()?;
    Some((op, before.clone()))
}
