//! Quantised constants.

use super::Budget;
use crate::onnx::{
    Refusal,
    attributes::{Attributes, axis, size},
    tensor::{Constant, count},
};

/// Which of the scales each element has: one for all, one for each slice along an axis, or one for each `block` of
/// elements along it (0: not in blocks).
fn slots(dims: &[usize], scale: &Constant, along: i64, block: usize) -> Result<Vec<usize>, Refusal> {
    let total = count(dims).unwrap_or(0);
    if scale.len() == 1 {
        return Ok(vec![0; total]);
    }
    let on = axis(along, dims.len())?;
    let along = dims.get(on).copied().unwrap_or(0);
    let inner: usize = dims.get(on + 1..).unwrap_or_default().iter().product();
    let inner = inner.max(1);
    if block == 0 {
        if scale.len() != along {
            return Err(Refusal::reason(format!("{} scales for {along} slices are not supported", scale.len())));
        }
        return Ok((0..total).map(|index| index / inner % along).collect());
    }
    let blocks = along.div_ceil(block);
    let fits = scale.dims.len() == dims.len()
        && scale
            .dims
            .iter()
            .zip(dims)
            .enumerate()
            .all(|(at, (&have, &size))| have == if at == on { blocks } else { size });
    if !fits {
        let shape = &scale.dims;
        return Err(Refusal::reason(format!("scales of shape {shape:?} for blocks of {block} in {dims:?} do not fit")));
    }
    let slot = |index: usize| {
        let (outer, rest) = (index / inner / along, index / inner % along);
        (outer * blocks + rest / block) * inner + index % inner
    };
    Ok((0..total).map(slot).collect())
}

/// The numbers that integers stand for: `(q - zero) · scale`.
pub(crate) fn dequantized(
    source: &Constant,
    scale: &Constant,
    zero: Option<&Constant>,
    axis: i64,
    block: usize,
    budget: &mut Budget,
) -> Result<Constant, Refusal> {
    budget.charge(&source.dims)?;
    let slots = slots(&source.dims, scale, axis, block)?;
    let scales = scale.floats();
    let zeros = zero.map(Constant::ints).unwrap_or_default();
    if !zeros.is_empty() && zeros.len() != scales.len() {
        return Err(Refusal::reason(format!("{} scales and {} zero points do not fit", scales.len(), zeros.len())));
    }
    let data: Vec<f32> = source
        .ints()
        .iter()
        .zip(&slots)
        .map(|(&value, &slot)| {
            let zero = zeros.get(slot).copied().unwrap_or(0);
            value.wrapping_sub(zero) as f32 * scales.get(slot).copied().unwrap_or(0.0)
        })
        .collect();
    Ok(Constant::float(source.dims.clone(), data))
}

/// The integers that stand for numbers.
pub(super) fn quantize(
    attributes: Attributes,
    source: &Constant,
    scale: &Constant,
    zero: Option<&Constant>,
    budget: &mut Budget,
) -> Result<Constant, Refusal> {
    budget.charge(&source.dims)?;
    let block = size(attributes.int_or("block_size", 0))?;
    let slots = slots(&source.dims, scale, attributes.int_or("axis", 1), block)?;
    let scales = scale.floats();
    let (low, high) = zero.and_then(|zero| zero.range).unwrap_or((0, 255));
    let zeros = zero.map(Constant::ints).unwrap_or_default();
    let data: Vec<i64> = source
        .floats()
        .iter()
        .zip(&slots)
        .map(|(&value, &slot)| {
            let scaled = (value / scales.get(slot).copied().unwrap_or(1.0)).round_ties_even() as i64;
            scaled.saturating_add(zeros.get(slot).copied().unwrap_or(0)).clamp(low, high)
        })
        .collect();
    Ok(Constant { range: Some((low, high)), ..Constant::int(source.dims.clone(), data) })
}
