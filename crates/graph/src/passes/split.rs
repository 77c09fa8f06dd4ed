//! Large dense layers in parts that fit a device.

use super::rewrite::{Rewriter, rewrite};
use crate::{Graph, GraphError, Node, Op, ParamId, Weights};

/// Splits dense layers whose weight has more than `limit` elements into layers of fewer outputs, which are joined again
/// under the layer's name. WebGPU binds 128 MiB at once unless a device allows more, and the first dense layer of VGG16
/// has 392.
///
/// Each output keeps its own weights and bias, so nothing that is computed per output changes: not the value, and not
/// what any rule sends back. A layer is not split if its inputs alone are more than `limit`.
///
/// Call it after [`optimize`](super::optimize), for a device that needs it.
///
/// # Errors
/// [`GraphError`] if the graph does not hold together.
pub fn split_dense(graph: Graph, limit: usize) -> Result<Graph, GraphError> {
    let (graph, _) = rewrite(graph, |rewriter, node| visit(rewriter, node, limit))?;
    Ok(graph)
}

fn visit(rewriter: &mut Rewriter, node: Node, limit: usize) -> Result<(), GraphError> {
    let (Op::Dense { weight, bias }, &[input]) = (&node.op, node.inputs.as_slice()) else { return rewriter.keep(node) };
    let (features, out) = (rewriter.param(*weight).shape[0], rewriter.param(*weight).shape[1]);
    let columns = limit / features.max(1);
    if out <= columns || columns == 0 {
        return rewriter.keep(node);
    }
    let (weight, bias) = (*weight, *bias);
    let axis = rewriter.shape(input).rank() - 1;
    let mut parts = Vec::new();
    for (index, start) in (0..out).step_by(columns).enumerate() {
        let end = out.min(start + columns);
        let weight = selected(rewriter, weight, features, start..end);
        let bias = bias.map(|bias| selected(rewriter, bias, 1, start..end));
        let title = format!("{}/part{}", node.name, index + 1);
        parts.push(rewriter.insert(title.clone(), Op::Dense { weight, bias }, &[input], title)?);
    }
    rewriter.replace(Node { op: Op::Concat { axis }, inputs: parts, ..node })
}

/// Some columns of a matrix of `rows` rows, or some elements of a vector, as a weight of its own.
fn selected(rewriter: &mut Rewriter, id: ParamId, rows: usize, columns: std::ops::Range<usize>) -> ParamId {
    let param = rewriter.param(id);
    let width = param.data.len() / rows.max(1);
    let select = {
        let columns = columns.clone();
        move |data: &[f32]| -> Vec<f32> {
            data.chunks_exact(width).flat_map(|row| row[columns.clone()].iter().copied()).collect()
        }
    };
    let count = rows * columns.len();
    let values = match param.data.held() {
        Some(data) => select(data).into(),
        None => {
            let whole = param.data.clone();
            Weights::deferred(count, move || whole.read().map(|data| select(&data)))
        }
    };
    let shape = if param.shape.len() == 1 { vec![count] } else { vec![rows, columns.len()] };
    let name = format!("{}[{}..{}]", param.name, columns.start, columns.end);
    rewriter.add_param(name, shape, values)
}
