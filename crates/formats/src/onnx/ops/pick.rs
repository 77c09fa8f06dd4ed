//! Parts of a value along its axes.

use innspect_graph::{Op, ValueId};

use super::{
    Inputs, Outcome,
    common::{constant, identity, list, make, optional, sample_axis, tensor, to_shape, without, wrap},
};
use crate::onnx::{
    Refusal,
    attributes::{Attributes, axis},
    fold::{Range, slice_ranges, split_sizes},
    import::{Entry, Importer, Tensor},
    tensor::Constant,
};

pub(super) fn split(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let on = axis(attributes.int_or("axis", 0), input.full.len())?;
    let inner = sample_axis(input, on)?;
    let outputs = attributes.0.output.len();
    let along = input.full.get(on).copied().unwrap_or(0);
    let listed = list(attributes, inputs, "split", 1)?;
    let parts = split_sizes(along, listed.as_deref(), outputs)?;
    let mut start = 0;
    let mut results = Vec::new();
    for (index, part) in parts.into_iter().take(outputs).enumerate() {
        let op = Op::Slice { axis: inner, start, end: start + part, step: 1 };
        let id = if index == 0 {
            importer.main(op, &[input.id])?
        } else {
            let name = importer.output_name(index);
            let node =
                if attributes.0.name.is_empty() { name.clone() } else { format!("{}/{index}", attributes.0.name) };
            importer.builder.node(node, op, &[input.id], name)?
        };
        results.push(Entry::Tensor(make(importer, id, input.batch)));
        start += part;
    }
    Ok(results)
}

pub(super) fn slice(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let bounds =
        (1..5).map(|index| optional(inputs, index).map(Option::<&Constant>::cloned)).collect::<Result<Vec<_>, _>>()?;
    let bounds: Vec<Option<Constant>> = std::iter::once(None).chain(bounds).collect();
    let ranges = slice_ranges(&input.full, attributes, &bounds)?;
    let mut changed: Vec<(usize, Range)> = ranges
        .into_iter()
        .enumerate()
        .filter(|&(at, range)| range.count != input.full.get(at).copied().unwrap_or(0) || range.step < 0)
        .collect();
    // Slicing the batch of 1 from its start keeps it.
    if input.batch.is_some_and(|batch| changed.iter().any(|&(at, range)| at == batch && range.count != 1)) {
        return Err(Refusal::reason("it takes pictures out of the batch"));
    }
    changed.retain(|&(at, _)| Some(at) != input.batch);
    let Some((&(last_axis, last), rest)) = changed.split_last() else { return identity(importer, inputs) };
    let mut id = input.id;
    for &(at, range) in rest {
        let at = sample_axis(input, at)?;
        id = take_range(importer, id, at, range, false)?;
    }
    let id = take_range(importer, id, sample_axis(input, last_axis)?, last, true)?;
    wrap(importer, id, input.batch)
}

/// More pieces than this are not an order of channels but a lookup table.
const MAX_PIECES: usize = 256;

fn take_range(importer: &mut Importer, id: ValueId, axis: usize, range: Range, last: bool) -> Result<ValueId, Refusal> {
    if range.count == 0 {
        return Err(Refusal::reason("it takes nothing"));
    }
    if range.step > 0 {
        let step = range.step as usize;
        let end = range.start + (range.count - 1) * step + 1;
        let op = Op::Slice { axis, start: range.start, end, step };
        return if last { importer.main(op, &[id]) } else { importer.part("slice", op, &[id]) };
    }
    let back = range.step.unsigned_abs() as usize;
    let indices: Vec<usize> = (0..range.count.min(MAX_PIECES + 1))
        .map(|index| range.start.saturating_sub(index.saturating_mul(back)))
        .collect();
    picked(importer, id, axis, &indices, last)
}

/// The elements `indices` of an axis, in that order: one slice, or several joined.
fn picked(
    importer: &mut Importer,
    id: ValueId,
    axis: usize,
    indices: &[usize],
    last: bool,
) -> Result<ValueId, Refusal> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &index in indices {
        match runs.last_mut() {
            Some((_, end)) if *end == index => *end += 1,
            _ => runs.push((index, index + 1)),
        }
    }
    if runs.len() > MAX_PIECES {
        return Err(Refusal::reason(format!("it picks more than {MAX_PIECES} separate pieces")));
    }
    let slice = |&(start, end): &(usize, usize)| Op::Slice { axis, start, end, step: 1 };
    match runs.as_slice() {
        [] => Err(Refusal::reason("it takes nothing")),
        [run] if last => importer.main(slice(run), &[id]),
        [run] => importer.part("slice", slice(run), &[id]),
        _ => {
            let pieces = runs
                .iter()
                .enumerate()
                .map(|(index, run)| importer.part(&format!("piece{index}"), slice(run), &[id]))
                .collect::<Result<Vec<_>, _>>()?;
            let op = Op::Concat { axis };
            if last { importer.main(op, &pieces) } else { importer.part("pieces", op, &pieces) }
        }
    }
}

pub(super) fn gather(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let at = constant(inputs, 1)?;
    let on = axis(attributes.int_or("axis", 0), input.full.len())?;
    let along = input.full.get(on).copied().unwrap_or(0);
    let indices = at
        .ints()
        .into_iter()
        .map(|index| {
            let counted = if index < 0 { index.saturating_add(along as i64) } else { index };
            usize::try_from(counted)
                .ok()
                .filter(|&index| index < along)
                .ok_or_else(|| Refusal::reason(format!("index {index} is outside the {along} elements")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    // The result has the axes of the indices in place of the one they pick from.
    let full: Vec<usize> =
        input.full.iter().take(on).chain(&at.dims).chain(input.full.iter().skip(on + 1)).copied().collect();
    let batch = match input.batch {
        Some(batch) if batch == on => None,
        Some(batch) if batch > on => Some((batch + at.dims.len()).saturating_sub(1)),
        other => other,
    };
    if input.batch == Some(on) {
        if indices.as_slice() != [0] {
            return Err(Refusal::reason("it takes pictures out of the batch"));
        }
        return to_shape(importer, input, full, None);
    }
    let plain = at.dims.len() == 1;
    let id = picked(importer, input.id, sample_axis(input, on)?, &indices, plain)?;
    if plain {
        return wrap(importer, id, batch);
    }
    let id = importer.main(Op::Reshape { shape: without(&full, batch) }, &[id])?;
    Ok(vec![Entry::Tensor(Tensor { id, full, batch })])
}
