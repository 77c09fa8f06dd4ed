//! What the operators that move elements make of a shape, for constants and for values alike.

use crate::onnx::{
    Refusal,
    attributes::{Attributes, axes, axis, size},
    tensor::{Constant, MAX_RANK, count},
};

/// The dimensions `dims[start..end]` as a tensor, which is what `Shape` gives.
pub(crate) fn shape_of(dims: &[usize], attributes: Attributes) -> Constant {
    let rank = dims.len() as i64;
    let clamp = |value: i64| if value < 0 { value.saturating_add(rank) } else { value }.clamp(0, rank) as usize;
    let (start, end) = (clamp(attributes.int_or("start", 0)), clamp(attributes.int_or("end", rank)));
    let sizes: Vec<i64> = dims.get(start..end.max(start)).unwrap_or_default().iter().map(|&size| size as i64).collect();
    Constant::int(vec![sizes.len()], sizes)
}

/// The permutation of a `Transpose`, reversed by default.
pub(crate) fn permutation(attributes: Attributes, rank: usize) -> Result<Vec<usize>, Refusal> {
    match attributes.ints("perm") {
        None => Ok((0..rank).rev().collect()),
        Some(list) => {
            let permutation = list.iter().map(|&value| axis(value, rank)).collect::<Result<Vec<_>, _>>()?;
            let mut sorted = permutation.clone();
            sorted.sort_unstable();
            if sorted.len() == rank && sorted.iter().enumerate().all(|(at, &axis)| at == axis) {
                Ok(permutation)
            } else {
                Err(Refusal::reason(format!("{list:?} does not permute {rank} axes")))
            }
        }
    }
}

/// The shape of a flattened tensor: two axes, split before `value`.
pub(crate) fn flattened(dims: &[usize], value: i64) -> Result<Vec<usize>, Refusal> {
    // Unlike other axes this one may be the rank.
    let at = if value == dims.len() as i64 { dims.len() } else { axis(value, dims.len())? };
    let product = |part: Option<&[usize]>| count(part.unwrap_or_default()).unwrap_or(usize::MAX);
    Ok(vec![product(dims.get(..at)), product(dims.get(at..))])
}

/// The shape with axes of size 1 put in, `list` being axes of the result.
pub(crate) fn unsqueezed(dims: &[usize], list: &[i64]) -> Result<Vec<usize>, Refusal> {
    let rank = dims.len() + list.len();
    if rank > MAX_RANK {
        return Err(Refusal::reason(format!("a tensor of {rank} axes is not supported")));
    }
    let new = axes(list, rank)?;
    if new.len() != list.len() {
        return Err(Refusal::reason("its axes repeat"));
    }
    let mut rest = dims.iter().copied();
    Ok((0..rank).map(|axis| if new.contains(&axis) { 1 } else { rest.next().unwrap_or(1) }).collect())
}

/// The shape that `target` stands for: 0 keeps the axis of the input, -1 takes what is left.
pub(crate) fn reshape_target(dims: &[usize], target: &[i64], allow_zero: bool) -> Option<Vec<usize>> {
    let mut unknown = None;
    let mut result = Vec::with_capacity(target.len());
    for (at, &wanted) in target.iter().enumerate() {
        result.push(match wanted {
            -1 if unknown.is_none() => {
                unknown = Some(at);
                1
            }
            0 if !allow_zero => dims.get(at).copied()?,
            _ => usize::try_from(wanted).ok()?,
        });
    }
    let (have, known) = (count(dims)?, count(&result)?);
    if let Some(slot) = unknown.and_then(|at| result.get_mut(at)) {
        *slot = have.checked_div(known).filter(|left| left * known == have)?;
        return Some(result);
    }
    (have == known).then_some(result)
}

/// One axis of a slice: `count` elements from `start`, `step` apart (negative: backwards).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub start: usize,
    pub count: usize,
    pub step: i64,
}

/// The ranges of a `Slice`, one for each axis; bounds are attributes up to opset 9 and inputs from 10.
pub(crate) fn slice_ranges(
    dims: &[usize],
    attributes: Attributes,
    inputs: &[Option<Constant>],
) -> Result<Vec<Range>, Refusal> {
    let listed = |name: &str, index: usize| {
        let input = inputs.get(index).and_then(Option::as_ref).map(Constant::ints);
        input.or_else(|| attributes.ints(name).map(<[i64]>::to_vec))
    };
    let starts = listed("starts", 1).ok_or_else(|| Refusal::reason("its starts are missing"))?;
    let ends = listed("ends", 2).ok_or_else(|| Refusal::reason("its ends are missing"))?;
    let on = listed("axes", 3).unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = listed("steps", 4).unwrap_or_else(|| vec![1; starts.len()]);
    if starts.len() != ends.len() || starts.len() != on.len() || starts.len() != steps.len() {
        return Err(Refusal::reason("its starts, ends, axes and steps differ in number"));
    }
    let mut ranges: Vec<Range> = dims.iter().map(|&size| Range { start: 0, count: size, step: 1 }).collect();
    for (((start, end), on), step) in starts.into_iter().zip(ends).zip(on).zip(steps) {
        let on = axis(on, dims.len())?;
        let size = dims.get(on).copied().unwrap_or(0) as i64;
        let counted = |value: i64| if value < 0 { value.saturating_add(size) } else { value };
        let (start, count) = if size == 0 {
            (0, 0)
        } else if step > 0 {
            let (start, end) = (counted(start).clamp(0, size), counted(end).clamp(0, size));
            (start, (end - start).max(0).saturating_add(step - 1) / step)
        } else if step < 0 && step > i64::MIN {
            // An end below -size means "through the first element".
            let (start, end) = (counted(start).clamp(0, size - 1), counted(end).clamp(-1, size - 1));
            (start, (start - end).max(0).saturating_add(-step - 1) / -step)
        } else {
            return Err(Refusal::reason(format!("a step of {step} is not allowed")));
        };
        if let Some(range) = ranges.get_mut(on) {
            // Steps longer than the axis reach the first element only; the bound keeps later products small.
            *range = Range {
                start: start.max(0) as usize,
                count: count as usize,
                step: step.clamp(-size.max(1), size.max(1)),
            };
        }
    }
    Ok(ranges)
}

/// The sizes of the parts of a `Split` of `along` elements: as listed, or equal with a smaller last one.
pub(crate) fn split_sizes(along: usize, listed: Option<&[i64]>, outputs: usize) -> Result<Vec<usize>, Refusal> {
    let parts = match listed {
        Some(list) => list.iter().map(|&part| size(part)).collect::<Result<Vec<_>, _>>()?,
        None if outputs == 0 => return Err(Refusal::reason("it has no outputs")),
        None => {
            let part = along.div_ceil(outputs);
            (0..outputs).map(|index| part.min(along.saturating_sub(index.saturating_mul(part)))).collect()
        }
    };
    if parts.iter().fold(0usize, |sum, &part| sum.saturating_add(part)) != along || parts.len() < outputs {
        return Err(Refusal::reason(format!("parts of {parts:?} do not make up {along}")));
    }
    Ok(parts)
}

/// The common shape of two operands.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Refusal> {
    use innspect_graph::Shape;
    Shape::from(a.to_vec())
        .broadcast(&Shape::from(b.to_vec()))
        .map(|shape| shape.dims().to_vec())
        .ok_or_else(|| Refusal::reason(format!("shapes {a:?} and {b:?} do not broadcast")))
}
