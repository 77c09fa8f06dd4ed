//! Joining values, and constants with values.

use std::sync::Arc;

use innspect_graph::{Op, PadMode, ValueId};

use super::{
    Inputs, Outcome,
    common::{rebatch, sample_axis, without, wrap},
};
use crate::onnx::{
    Refusal,
    attributes::{Attributes, axis},
    import::{Entry, Importer, Tensor},
    tensor::Constant,
};

pub(super) fn concat(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let first = inputs
        .iter()
        .find_map(|entry| match entry {
            Some(Entry::Tensor(tensor)) => Some(tensor),
            _ => None,
        })
        .ok_or_else(|| Refusal::reason("it has no inputs"))?;
    let length = first.full.len();
    let on = axis(attributes.int_or("axis", 1), length)?;
    let batch = if first.batch == Some(on) { None } else { first.batch };
    if first.batch == Some(on) {
        return Err(Refusal::reason("it joins along the batch axis"));
    }
    // Constants between values become padding cells that are then filled by a sum.
    let mut values: Vec<ValueId> = Vec::new();
    let mut lead: Vec<&Constant> = Vec::new();
    let mut trail: Vec<(usize, Vec<&Constant>)> = Vec::new();
    for entry in inputs {
        match entry {
            Some(Entry::Tensor(tensor)) => {
                if tensor.full.len() != length {
                    return Err(Refusal::reason(format!("shapes {:?} and {:?} do not join", first.full, tensor.full)));
                }
                if batch.is_some_and(|at| tensor.full.get(at) != Some(&1)) {
                    return Err(Refusal::reason("it joins values of different batches"));
                }
                values.push(rebatch(importer, tensor, batch)?.id);
                trail.push((values.len() - 1, Vec::new()));
            }
            Some(Entry::Constant(constant)) => match trail.last_mut() {
                Some((_, list)) => list.push(constant),
                None => lead.push(constant),
            },
            None => return Err(Refusal::reason("an input is missing")),
        }
    }
    let inner = sample_axis(&Tensor { batch, ..first.clone() }, on)?;
    let (single, mut done) = (values.len() == 1, 0);
    for (position, after) in trail {
        let before: &[&Constant] = if position == 0 { &lead } else { &[] };
        if before.is_empty() && after.is_empty() {
            continue;
        }
        if let Some(value) = values.get_mut(position) {
            *value = filled(importer, *value, batch, inner, before, &after, single)?;
            done += 1;
        }
    }
    if single && done == 1 {
        let id = values.first().copied().ok_or_else(|| Refusal::reason("it has no inputs"))?;
        return wrap(importer, id, batch);
    }
    let id = importer.main(Op::Concat { axis: inner }, &values)?;
    wrap(importer, id, batch)
}

/// A value with constants joined before and after it along `axis`: it is padded with zeros, and a constant that is zero
/// where the value stands is added.
fn filled(
    importer: &mut Importer,
    value: ValueId,
    batch: Option<usize>,
    axis: usize,
    before: &[&Constant],
    after: &[&Constant],
    last: bool,
) -> Result<ValueId, Refusal> {
    let dims = importer.builder.shape(value).dims().to_vec();
    let own = dims.get(axis).copied().unwrap_or(0);
    // Size along the axis, and what it holds if it is not the value itself.
    type Block = (usize, Option<Arc<[f32]>>);
    let mut blocks: Vec<Block> = Vec::new();
    let along = |constant: &Constant| -> Result<Block, Refusal> {
        if batch.is_some_and(|at| constant.dims.get(at) != Some(&1)) {
            return Err(Refusal::reason("a constant holds a value for each picture of the batch"));
        }
        let shape = without(&constant.dims, batch);
        let fits =
            shape.len() == dims.len() && shape.iter().zip(&dims).enumerate().all(|(at, (a, b))| at == axis || a == b);
        let size = shape.get(axis).copied().filter(|_| fits);
        let size = size.ok_or_else(|| Refusal::reason(format!("shapes {dims:?} and {shape:?} do not join")))?;
        Ok((size, Some(constant.floats())))
    };
    for constant in before {
        blocks.push(along(constant)?);
    }
    blocks.push((own, None));
    for constant in after {
        blocks.push(along(constant)?);
    }
    let total: usize = blocks.iter().fold(0usize, |sum, (size, _)| sum.saturating_add(*size));
    let mut shape = dims.clone();
    if let Some(size) = shape.get_mut(axis) {
        *size = total;
    }
    let elements = importer.budget.charge(&shape)?;
    let inner: usize = dims.get(axis + 1..).unwrap_or_default().iter().product();
    let outer: usize = dims.get(..axis).unwrap_or_default().iter().product();
    let mut data = Vec::with_capacity(elements);
    for index in 0..outer {
        for (size, block) in &blocks {
            let length = size * inner;
            match block {
                None => data.resize(data.len() + length, 0.0),
                Some(block) => {
                    data.extend_from_slice(block.get(index * length..(index + 1) * length).unwrap_or_default())
                }
            }
        }
    }
    let lengths =
        |list: &[&Constant]| -> usize { list.iter().filter_map(|c| without(&c.dims, batch).get(axis).copied()).sum() };
    let mut pads = vec![(0, 0); dims.len()];
    if let Some(pad) = pads.get_mut(axis) {
        *pad = (lengths(before), lengths(after));
    }
    let padded = importer.part("pad", Op::Pad { pads, mode: PadMode::Constant(0.0) }, &[value])?;
    let name = format!("{}/constants", importer.output_name(0));
    let shift = importer.param(name, &format!("fill {}", value.index()), shape, || data.into())?;
    let op = Op::Affine { scale: None, shift: Some(shift) };
    if last { importer.main(op, &[padded]) } else { importer.part("fill", op, &[padded]) }
}
