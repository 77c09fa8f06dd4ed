//! Quantised constants.

use super::Budget;
use crate::onnx::{
    Refusal,
    attributes::{Attributes, axis},
    tensor::{Constant, count},
};

/// Indices into scale and zero point for each element: one for all, or one per slice along an axis, or per block.
fn channels(attributes: Attributes, dims: &[usize], scale: &Constant) -> Result<Vec<usize>, Refusal> {
    let total = count(dims).unwrap_or(0);
    if scale.len() == 1 {
        return Ok(vec![0; total]);
    }
    let axis = axis(attributes.int_or("axis", 1), dims.len())?;
    let along = dims.get(axis).copied().unwrap_or(0);
    let inner: usize = dims.get(axis + 1..).unwrap_or_default().iter().product();
    if attributes.int_or("block_size", 0) != 0 || scale.len() != along {
        return Err(Refusal::reason(format!("{} scales for {along} slices are not supported", scale.len())));
    }
    Ok((0..total).map(|index| index / inner.max(1) % along).collect())
}

pub(super) fn dequantize(
    attributes: Attributes,
    source: &Constant,
    scale: &Constant,
    zero: Option<&Constant>,
    budget: &mut Budget,
) -> Result<Constant, Refusal> {
    budget.charge(&source.dims)?;
    let slots = channels(attributes, &source.dims, scale)?;
    let scales = scale.floats();
    let zeros = zero.map(Constant::ints).unwrap_or_default();
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

pub(super) fn quantize(
    attributes: Attributes,
    source: &Constant,
    scale: &Constant,
    zero: Option<&Constant>,
    budget: &mut Budget,
) -> Result<Constant, Refusal> {
    budget.charge(&source.dims)?;
    let slots = channels(attributes, &source.dims, scale)?;
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
