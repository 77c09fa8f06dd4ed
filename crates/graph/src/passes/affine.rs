//! Affine nodes (batch normalisations, sums and products with constants) folded into the linear ops around them.

use super::rewrite::{Rewriter, rewrite};
use crate::{Conv2d, ConvTranspose2d, Graph, GraphError, Node, Op, ParamId, Shape, ValueId, Weights};

/// Folds affine nodes into the affine or linear op before them if nothing else reads that op's output and the constants
/// are per output channel; else into a following dense layer, or a following convolution. The latter only if its zero
/// padding stays exact, that is without padding or without a summand: padding cells would otherwise hold the summand,
/// not zero. Nothing is folded into a following op whose weight is deferred. An affine node right behind the input stays, for it says how the network prepares its pictures.
///
/// Says whether it changed anything.
///
/// # Errors
/// [`GraphError`] if the graph does not hold together.
pub fn fold_affine(graph: Graph) -> Result<(Graph, bool), GraphError> {
    rewrite(graph, visit)
}

fn visit(rewriter: &mut Rewriter, node: Node) -> Result<(), GraphError> {
    let Some(&input) = node.inputs.first() else { return rewriter.keep(node) };
    match &node.op {
        Op::Affine { scale, shift } if rewriter.is_only_reader(input) => {
            match into_previous(rewriter, input, *scale, *shift) {
                Some(op) => {
                    if let Some(previous) = rewriter.producer_mut(input) {
                        previous.op = op;
                    }
                    rewriter.vanish_into(node, input);
                    Ok(())
                }
                None => rewriter.keep(node),
            }
        }
        Op::Conv2d(_) | Op::Dense { .. } if rewriter.is_only_reader(input) => {
            match into_next(rewriter, input, &node.op) {
                Some((op, source)) => {
                    let mut node = Node { op, inputs: vec![source], ..node };
                    if let Some(previous) = rewriter.producer(input) {
                        let (name, absorbed) = (previous.name.clone(), previous.absorbed.clone());
                        node.absorbed.push(name);
                        node.absorbed.extend(absorbed);
                    }
                    rewriter.replace(node)
                }
                None => rewriter.keep(node),
            }
        }
        _ => rewriter.keep(node),
    }
}

/// A constant as one number per position of `axis`, if it varies along that axis only.
fn along(rewriter: &Rewriter, id: Option<ParamId>, shape: &Shape, axis: usize, default: f64) -> Option<Vec<f64>> {
    let size = *shape.dims().get(axis)?;
    let Some(id) = id else { return Some(vec![default; size]) };
    let param = rewriter.param(id);
    let data = param.data.held()?;
    match data {
        [one] => return Some(vec![f64::from(*one); size]),
        all if all.len() != size => return None,
        _ => {}
    }
    // Aligned from the right.
    let at = (axis + param.shape.len()).checked_sub(shape.rank())?;
    (param.shape.get(at) == Some(&size)).then(|| data.iter().copied().map(f64::from).collect())
}

fn data(rewriter: &Rewriter, id: ParamId) -> Option<&[f32]> {
    rewriter.param(id).data.held()
}

fn narrow(values: Vec<f64>) -> Vec<f32> {
    values.into_iter().map(|value| value as f32).collect()
}

/// Adds a changed weight under the name of the one it comes from.
fn derived(rewriter: &mut Rewriter, from: ParamId, values: impl Into<Weights>) -> ParamId {
    let param = rewriter.param(from);
    let (name, shape) = (param.name.clone(), param.shape.clone());
    rewriter.add_param(name, shape, values)
}

/// The op that writes `value` followed by `scale · x + shift`, as one op.
fn into_previous(
    rewriter: &mut Rewriter,
    value: ValueId,
    scale: Option<ParamId>,
    shift: Option<ParamId>,
) -> Option<Op> {
    let shape = rewriter.shape(value).clone();
    let op = rewriter.producer(value)?.op.clone();
    let axis = match op {
        Op::Conv2d(_) | Op::ConvTranspose2d(_) | Op::InstanceNorm { .. } => 0,
        Op::Dense { .. } => shape.rank() - 1,
        Op::Affine { scale: inner_scale, shift: inner_shift } => {
            return combined(rewriter, &shape, (inner_scale, inner_shift), (scale, shift));
        }
        _ => return None,
    };
    let factors = along(rewriter, scale, &shape, axis, 1.0)?;
    let addends = along(rewriter, shift, &shape, axis, 0.0)?;
    let scaled = scale.is_some();

    let bias = match &op {
        Op::Conv2d(Conv2d { bias, .. })
        | Op::ConvTranspose2d(ConvTranspose2d { bias, .. })
        | Op::Dense { bias, .. } => {
            let old = match bias {
                Some(bias) => Some(data(rewriter, *bias)?.to_vec()),
                None => None,
            };
            match (bias, shift, scaled) {
                (None, None, _) => None,
                (Some(bias), None, false) => Some(*bias),
                _ => {
                    let old = |out: usize| old.as_ref().map_or(0.0, |old| f64::from(old[out]));
                    let values: Vec<f64> =
                        (0..factors.len()).map(|out| old(out) * factors[out] + addends[out]).collect();
                    let name = bias.or(shift).map(|id| rewriter.param(id).name.clone()).unwrap_or_default();
                    Some(rewriter.add_param(name, vec![values.len()], narrow(values)))
                }
            }
        }
        _ => None,
    };
    match op {
        Op::Conv2d(conv) => {
            let weight = if scaled {
                let values =
                    scaled_weights(rewriter, conv.weight, move |index, count| factors[index / (count / factors.len())]);
                derived(rewriter, conv.weight, values)
            } else {
                conv.weight
            };
            Some(Op::Conv2d(Conv2d { weight, bias, ..conv }))
        }
        Op::ConvTranspose2d(conv) => {
            let weight = if scaled {
                let param = rewriter.param(conv.weight);
                let (channels, per_group) = (param.shape[0], param.shape[1]);
                let area = param.shape[2] * param.shape[3];
                let per_in_group = channels / conv.groups;
                let values = scaled_weights(rewriter, conv.weight, move |index, _| {
                    let group = index / (per_group * area) / per_in_group;
                    factors[group * per_group + index / area % per_group]
                });
                derived(rewriter, conv.weight, values)
            } else {
                conv.weight
            };
            Some(Op::ConvTranspose2d(ConvTranspose2d { weight, bias, ..conv }))
        }
        Op::Dense { weight, .. } => {
            let weight = if scaled {
                let values = scaled_weights(rewriter, weight, move |index, _| factors[index % factors.len()]);
                derived(rewriter, weight, values)
            } else {
                weight
            };
            Some(Op::Dense { weight, bias })
        }
        Op::InstanceNorm { scale, shift, epsilon } => {
            let fold = |rewriter: &Rewriter, id: ParamId, addends: Option<&[f64]>| -> Option<Vec<f32>> {
                let old = data(rewriter, id)?.iter().enumerate();
                let new = old
                    .map(|(at, &value)| (f64::from(value) * factors[at] + addends.map_or(0.0, |list| list[at])) as f32);
                Some(new.collect())
            };
            let scales = fold(rewriter, scale, None)?;
            let shifts = fold(rewriter, shift, Some(&addends))?;
            let (scale, shift) = (derived(rewriter, scale, scales), derived(rewriter, shift, shifts));
            Some(Op::InstanceNorm { scale, shift, epsilon })
        }
        _ => None,
    }
}

/// The elements of a weight, each times a factor by its index and the number of elements.
fn scaled_weights(rewriter: &Rewriter, id: ParamId, factor: impl Fn(usize, usize) -> f64 + 'static) -> Weights {
    rewriter.param(id).data.map(move |data| {
        let scaled = data.iter().enumerate();
        scaled.map(|(index, &weight)| (f64::from(weight) * factor(index, data.len())) as f32).collect()
    })
}

type Constants = (Option<ParamId>, Option<ParamId>);

/// `outer_scale · (inner_scale · x + inner_shift) + outer_shift` for a sample of `shape`; `None` if a constant would grow
/// larger than those it is made of, as a row and a column would.
fn combined(rewriter: &mut Rewriter, shape: &Shape, inner: Constants, outer: Constants) -> Option<Op> {
    let scale = match (inner.0, outer.0) {
        (None, other) | (other, None) => other,
        (Some(a), Some(b)) => Some(pairwise(rewriter, shape, a, b, |a, b| a * b)?),
    };
    let moved = match (inner.1, outer.0) {
        (Some(shift), Some(scale)) => Some(pairwise(rewriter, shape, shift, scale, |a, b| a * b)?),
        (shift, _) => shift,
    };
    let shift = match (moved, outer.1) {
        (None, other) | (other, None) => other,
        (Some(a), Some(b)) => Some(pairwise(rewriter, shape, a, b, |a, b| a + b)?),
    };
    Some(Op::Affine { scale, shift })
}

/// Two constants combined element by element; the result keeps the name of the first.
fn pairwise(
    rewriter: &mut Rewriter,
    sample: &Shape,
    a: ParamId,
    b: ParamId,
    combine: fn(f64, f64) -> f64,
) -> Option<ParamId> {
    let rank = sample.rank();
    let full = |shape: &[usize]| -> Vec<usize> {
        // Of leading axes beyond the sample's only size 1 is possible.
        let extra = shape.len().saturating_sub(rank);
        std::iter::repeat_n(1, rank.saturating_sub(shape.len())).chain(shape[extra..].iter().copied()).collect()
    };
    let (left, right) = (rewriter.param(a), rewriter.param(b));
    let (left_shape, right_shape) = (full(&left.shape), full(&right.shape));
    let shape: Vec<usize> = left_shape.iter().zip(&right_shape).map(|(&a, &b)| a.max(b)).collect();
    let total: usize = shape.iter().product();
    let (left_data, right_data) = (left.data.held()?, right.data.held()?);
    if total > left_data.len().max(right_data.len()) {
        return None;
    }
    let at = |own: &[usize], index: usize| -> usize {
        let (mut rest, mut stride, mut result) = (index, 1, 0);
        for (&size, &own) in shape.iter().zip(own).rev() {
            if own != 1 {
                result += rest % size * stride;
                stride *= own;
            }
            rest /= size;
        }
        result
    };
    let values: Vec<f32> = (0..total)
        .map(|index| {
            let a = f64::from(left_data[at(&left_shape, index)]);
            let b = f64::from(right_data[at(&right_shape, index)]);
            combine(a, b) as f32
        })
        .collect();
    let name = left.name.clone();
    Some(rewriter.add_param(name, shape, values))
}

/// A linear op with the affine op before it, and what that one reads.
fn into_next(rewriter: &mut Rewriter, value: ValueId, op: &Op) -> Option<(Op, ValueId)> {
    let shape = rewriter.shape(value).clone();
    let previous = rewriter.producer(value)?;
    let (Op::Affine { scale, shift }, &[source]) = (&previous.op, previous.inputs.as_slice()) else { return None };
    let (scale, shift) = (*scale, *shift);
    if source == rewriter.input() {
        return None;
    }
    match op {
        Op::Conv2d(conv) => {
            if conv.pads != [0; 4] && shift.is_some() {
                return None;
            }
            let factors = along(rewriter, scale, &shape, 0, 1.0)?;
            let addends = along(rewriter, shift, &shape, 0, 0.0)?;
            let param = rewriter.param(conv.weight);
            let (out, per_group) = (param.shape[0], param.shape[1]);
            let area = param.shape[2] * param.shape[3];
            let out_per_group = out / conv.groups;
            let mut biases: Vec<f64> = match conv.bias {
                Some(bias) => data(rewriter, bias)?.iter().copied().map(f64::from).collect(),
                None => vec![0.0; out],
            };
            let mut values = Vec::with_capacity(param.data.len());
            for (index, &weight) in data(rewriter, conv.weight)?.iter().enumerate() {
                let row = index / (per_group * area);
                let channel = row / out_per_group * per_group + index / area % per_group;
                biases[row] += f64::from(weight) * addends[channel];
                values.push((f64::from(weight) * factors[channel]) as f32);
            }
            let weight = derived(rewriter, conv.weight, values);
            let bias = next_bias(rewriter, conv.bias, shift, biases);
            Some((Op::Conv2d(Conv2d { weight, bias, ..conv.clone() }), source))
        }
        Op::Dense { weight, bias } => {
            let axis = shape.rank() - 1;
            let factors = along(rewriter, scale, &shape, axis, 1.0)?;
            let addends = along(rewriter, shift, &shape, axis, 0.0)?;
            let out = rewriter.param(*weight).shape[1];
            let mut biases: Vec<f64> = match bias {
                Some(bias) => data(rewriter, *bias)?.iter().copied().map(f64::from).collect(),
                None => vec![0.0; out],
            };
            let mut values = Vec::with_capacity(rewriter.param(*weight).data.len());
            for (index, &element) in data(rewriter, *weight)?.iter().enumerate() {
                biases[index % out] += f64::from(element) * addends[index / out];
                values.push((f64::from(element) * factors[index / out]) as f32);
            }
            let new_weight = derived(rewriter, *weight, values);
            let bias = next_bias(rewriter, *bias, shift, biases);
            Some((Op::Dense { weight: new_weight, bias }, source))
        }
        _ => None,
    }
}

/// The bias of the following op: unchanged if there is no summand to carry over.
fn next_bias(
    rewriter: &mut Rewriter,
    old: Option<ParamId>,
    shift: Option<ParamId>,
    values: Vec<f64>,
) -> Option<ParamId> {
    let Some(shift) = shift else { return old };
    let name = rewriter.param(old.unwrap_or(shift)).name.clone();
    Some(rewriter.add_param(name, vec![values.len()], narrow(values)))
}
