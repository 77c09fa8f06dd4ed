//! Channels-last networks made channels first: transpositions move down the graph until they cancel.

use super::rewrite::{Rewriter, rewrite};
use crate::{Activation, Conv2d, Graph, GraphError, Node, Op, ParamId, ValueId};

/// Moves the transpositions between `[C, H, W]` and `[H, W, C]` behind the ops that follow them (element-wise ops,
/// joins, reductions, padding, slices, and dense layers over the channels, which become 1 × 1 convolutions), where they
/// meet the ones of the file and cancel. A flattening of `[H, W, C]` before a dense layer is moved into the order of the
/// layer's rows. Says whether it changed anything.
///
/// Other transpositions, such as those between tokens and channels of a transformer, stay where they are.
///
/// # Errors
/// [`GraphError`] if the graph does not hold together.
pub fn cancel_transposes(graph: Graph) -> Result<(Graph, bool), GraphError> {
    rewrite(graph, visit)
}

/// Replaces transpositions that only move axes of size 1 by reshapes. Says whether it changed anything.
///
/// # Errors
/// [`GraphError`] if the graph does not hold together.
pub fn reshape_transposes(graph: Graph) -> Result<(Graph, bool), GraphError> {
    rewrite(graph, |rewriter, node| {
        let Op::Transpose { permutation } = &node.op else { return rewriter.keep(node) };
        let dims = rewriter.shape(node.inputs[0]).dims();
        if !keeps_order(dims, permutation) {
            return rewriter.keep(node);
        }
        let shape = permutation.iter().map(|&axis| dims[axis]).collect();
        rewriter.replace(Node { op: Op::Reshape { shape }, ..node })
    })
}

/// Whether a permutation keeps the order of the axes that are longer than 1.
fn keeps_order(dims: &[usize], permutation: &[usize]) -> bool {
    permutation.iter().filter(|&&axis| dims[axis] != 1).is_sorted()
}

/// The permutation and the source, if a layout transposition writes `value`.
fn layout(rewriter: &Rewriter, value: ValueId) -> Option<(Vec<usize>, ValueId)> {
    match rewriter.producer(value) {
        Some(Node { op: Op::Transpose { permutation }, inputs, .. })
            if permutation.as_slice() == [1, 2, 0] || permutation.as_slice() == [2, 0, 1] =>
        {
            Some((permutation.clone(), inputs[0]))
        }
        _ => None,
    }
}

fn visit(rewriter: &mut Rewriter, node: Node) -> Result<(), GraphError> {
    let moved = node.inputs.iter().find_map(|&input| layout(rewriter, input));
    let Some((permutation, _)) = moved else {
        return match flattened_rows(rewriter, &node)? {
            Some((op, flat)) => rewriter.replace(Node { op, inputs: vec![flat], ..node }),
            None => rewriter.keep(node),
        };
    };
    let Some(sources) = sources(rewriter, &node, &permutation)? else { return rewriter.keep(node) };
    let rank = permutation.len();
    let mut after = permutation.clone();
    let op = match &node.op {
        Op::Activation(Activation::PRelu { slope }) => {
            let slope = permuted_param(rewriter, *slope, &permutation);
            Op::Activation(Activation::PRelu { slope })
        }
        op @ (Op::Activation(_) | Op::Binary(_)) => op.clone(),
        Op::Affine { scale, shift } => {
            let scale = scale.map(|id| permuted_param(rewriter, id, &permutation));
            let shift = shift.map(|id| permuted_param(rewriter, id, &permutation));
            Op::Affine { scale, shift }
        }
        Op::Concat { axis } => Op::Concat { axis: permutation[*axis] },
        Op::Slice { axis, start, end, step } => {
            Op::Slice { axis: permutation[*axis], start: *start, end: *end, step: *step }
        }
        Op::Softmax { axis } => Op::Softmax { axis: permutation[*axis] },
        Op::LogSoftmax { axis } => Op::LogSoftmax { axis: permutation[*axis] },
        Op::Pad { pads, mode } => {
            let mut moved = vec![(0, 0); rank];
            for (&axis, &pad) in permutation.iter().zip(pads) {
                moved[axis] = pad;
            }
            Op::Pad { pads: moved, mode: *mode }
        }
        Op::Reduce { kind, axes, keep_dims } => {
            let mut moved: Vec<usize> = axes.iter().map(|&axis| permutation[axis]).collect();
            moved.sort_unstable();
            if !keep_dims {
                // What is left of the permutation, counted among the axes that stay.
                let left: Vec<usize> = (0..rank).filter(|axis| !moved.contains(axis)).collect();
                after = (0..rank)
                    .filter(|axis| !axes.contains(axis))
                    .filter_map(|axis| left.iter().position(|&other| other == permutation[axis]))
                    .collect();
            }
            Op::Reduce { kind: *kind, axes: moved, keep_dims: *keep_dims }
        }
        // Over [H, W, C] a dense layer is a convolution with a kernel of one cell.
        Op::Dense { weight, bias } if permutation.as_slice() == [1, 2, 0] => {
            let param = rewriter.param(*weight);
            let (features, out) = (param.shape[0], param.shape[1]);
            let values = param.data.map(move |data| {
                (0..features * out).map(|index| data[index % features * out + index / features]).collect()
            });
            let name = param.name.clone();
            let weight = rewriter.add_param(name, vec![out, features, 1, 1], values);
            Op::Conv2d(Conv2d { weight, bias: *bias, stride: [1, 1], pads: [0; 4], dilation: [1, 1], groups: 1 })
        }
        _ => return rewriter.keep(node),
    };
    push_down(rewriter, node, op, &sources, after)
}

/// Adds `op` on the sources under the node's names, and the transposition behind it.
fn push_down(
    rewriter: &mut Rewriter,
    node: Node,
    op: Op,
    sources: &[ValueId],
    permutation: Vec<usize>,
) -> Result<(), GraphError> {
    let old = node.output;
    let name = rewriter.old_name(old).to_owned();
    let title = node.name.clone();
    let id = rewriter.insert(node.name, op, sources, name.clone())?;
    if let Some(inserted) = rewriter.producer_mut(id) {
        inserted.absorbed = node.absorbed;
    }
    if permutation.is_sorted() {
        rewriter.stand_for(old, id);
        return Ok(());
    }
    let moved =
        rewriter.insert(format!("{title}/layout"), Op::Transpose { permutation }, &[id], format!("{name}/layout"))?;
    rewriter.stand_for(old, moved);
    Ok(())
}

/// The inputs of a node before the transposition; `None` if one of them is not transposed and cannot be made so for
/// free.
fn sources(rewriter: &mut Rewriter, node: &Node, permutation: &[usize]) -> Result<Option<Vec<ValueId>>, GraphError> {
    let rank = permutation.len();
    let mut result = Vec::new();
    for (position, &input) in node.inputs.iter().enumerate() {
        match layout(rewriter, input) {
            Some((own, source)) if own == permutation => {
                result.push(source);
                continue;
            }
            Some(_) => return Ok(None),
            None => {}
        }
        // The other operand of a sum or product, one number per channel perhaps: a reshape puts its axes in order.
        let dims = rewriter.shape(input).dims();
        if !matches!(node.op, Op::Binary(_)) || dims.len() > rank {
            return Ok(None);
        }
        let mut padded = vec![1; rank - dims.len()];
        padded.extend_from_slice(dims);
        let mut shape = vec![1; rank];
        for (&axis, &size) in permutation.iter().zip(&padded) {
            shape[axis] = size;
        }
        let inverse: Vec<usize> =
            (0..rank).filter_map(|axis| permutation.iter().position(|&other| other == axis)).collect();
        if !keeps_order(&padded, &inverse) {
            return Ok(None);
        }
        let name = format!("{}/operand{position}", node.name);
        result.push(rewriter.insert(name.clone(), Op::Reshape { shape }, &[input], name)?);
    }
    Ok(Some(result))
}

/// A constant over the axes behind a transposition, over the axes before it.
fn permuted_param(rewriter: &mut Rewriter, id: ParamId, permutation: &[usize]) -> ParamId {
    let rank = permutation.len();
    let param = rewriter.param(id);
    let extra = param.shape.len().saturating_sub(rank);
    let mut dims = vec![1; rank.saturating_sub(param.shape.len())];
    dims.extend_from_slice(&param.shape[extra..]);
    let mut shape = vec![1; rank];
    for (&axis, &size) in permutation.iter().zip(&dims) {
        shape[axis] = size;
    }
    let (permutation, new) = (permutation.to_vec(), shape.clone());
    let values = param.data.map(move |data| {
        (0..data.len())
            .map(|index| {
                let mut position = vec![0; rank];
                let mut rest = index;
                for axis in (0..rank).rev() {
                    position[axis] = rest % new[axis];
                    rest /= new[axis];
                }
                let from = permutation.iter().zip(&dims).fold(0, |from, (&axis, &size)| from * size + position[axis]);
                data[from]
            })
            .collect()
    });
    let name = param.name.clone();
    rewriter.add_param(name, shape, values)
}

/// A dense layer over a flattened transposition, as one over the flattened source with its rows in another order: the
/// layer and what it reads.
fn flattened_rows(rewriter: &mut Rewriter, node: &Node) -> Result<Option<(Op, ValueId)>, GraphError> {
    let (Op::Dense { weight, bias }, &[input]) = (&node.op, node.inputs.as_slice()) else { return Ok(None) };
    let Some(flat) = rewriter.producer(input).cloned() else { return Ok(None) };
    let (Op::Reshape { shape }, &[moved]) = (&flat.op, flat.inputs.as_slice()) else { return Ok(None) };
    if shape.len() != 1 || !rewriter.is_only_reader(input) {
        return Ok(None);
    }
    let Some((permutation, source)) = layout(rewriter, moved) else { return Ok(None) };
    let dims: Vec<usize> = rewriter.shape(source).dims().to_vec();
    let moved_dims: Vec<usize> = permutation.iter().map(|&axis| dims[axis]).collect();
    let param = rewriter.param(*weight);
    let out = param.shape[1];
    let rows = shape[0];
    let values = param.data.map(move |data| {
        let mut values = Vec::with_capacity(data.len());
        for row in 0..rows {
            let mut position = vec![0; dims.len()];
            let mut rest = row;
            for axis in (0..dims.len()).rev() {
                position[axis] = rest % dims[axis];
                rest /= dims[axis];
            }
            let from = permutation.iter().zip(&moved_dims).fold(0, |from, (&axis, &size)| from * size + position[axis]);
            values.extend_from_slice(&data[from * out..(from + 1) * out]);
        }
        values
    });
    let (name, dims) = (param.name.clone(), param.shape.clone());
    let weight = rewriter.add_param(name, dims, values);
    let output = rewriter.value_name(input).to_owned();
    let id = rewriter.insert(flat.name, Op::Reshape { shape: shape.clone() }, &[source], output)?;
    if let Some(inserted) = rewriter.producer_mut(id) {
        inserted.absorbed = flat.absorbed;
    }
    Ok(Some((Op::Dense { weight, bias: *bias }, id)))
}
