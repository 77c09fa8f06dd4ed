//! The same elements in another shape or order, repeated, or with cells around them.

use innspect_graph::{Op, PadMode};

use super::{
    Inputs, Outcome,
    common::{constant, enlarged, list, map, optional, rank, same, sample_axis, spatial, tensor, to_shape, wrap},
    quantize::padding,
};
use crate::onnx::{
    Refusal,
    attributes::{Attributes, axes, axis, size},
    fold::{permutation, reshape_target},
    import::{Importer, Tensor},
    tensor::MAX_RANK,
};

/// The value in shape `full`, whose first axis is the batch if it has size 1.
pub(super) fn reshape(importer: &mut Importer, input: &Tensor, full: Vec<usize>) -> Outcome {
    let batch = (full.first() == Some(&1)).then_some(0);
    to_shape(importer, input, full, batch)
}

pub(super) fn reshape_node(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let target = list(attributes, inputs, "shape", 1)?.ok_or_else(|| Refusal::reason("its shape is missing"))?;
    if target.len() > MAX_RANK {
        return Err(Refusal::reason("its shape has too many axes"));
    }
    let allow_zero = attributes.flag("allowzero", false);
    // A batch size that the file fixes stands in front of the target as a number; the batch is 1 here. It comes first,
    // since the number may divide the sample as well.
    let batched = importer.fixed_batch > 1
        && input.batch == Some(0)
        && target.first().is_some_and(|&first| first == importer.fixed_batch as i64);
    let mut full = None;
    if batched {
        let mut single = target.clone();
        if let Some(first) = single.first_mut() {
            *first = 1;
        }
        full = reshape_target(&input.full, &single, allow_zero);
    }
    let full = full.or_else(|| reshape_target(&input.full, &target, allow_zero));
    let full = full.ok_or_else(|| {
        Refusal::reason(format!(
            "a picture's values of shape {:?} cannot be reshaped to {target:?}, so it mixes the pictures of a batch",
            input.full
        ))
    })?;
    reshape(importer, input, full)
}

pub(super) fn squeeze(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let axes = match list(attributes, inputs, "axes", 1)? {
        Some(list) => axes(&list, input.full.len())?,
        // The batch is 1 only while reading, so it stays.
        None => (0..input.full.len()).filter(|&at| input.full.get(at) == Some(&1) && input.batch != Some(at)).collect(),
    };
    if axes.iter().any(|&at| input.full.get(at) != Some(&1)) {
        return Err(Refusal::reason(format!("axes {axes:?} of {:?} are not all of size 1", input.full)));
    }
    let full = input.full.iter().enumerate().filter(|(at, _)| !axes.contains(at)).map(|(_, &size)| size).collect();
    let batch =
        input.batch.filter(|at| !axes.contains(at)).map(|at| at - axes.iter().filter(|&&axis| axis < at).count());
    to_shape(importer, input, full, batch)
}

pub(super) fn transpose(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let permutation = permutation(attributes, input.full.len())?;
    let batch = input.batch.and_then(|at| permutation.iter().position(|&axis| axis == at));
    let inner = permutation
        .iter()
        .filter(|&&axis| Some(axis) != input.batch)
        .map(|&axis| sample_axis(input, axis))
        .collect::<Result<Vec<_>, _>>()?;
    let id = importer.main(Op::Transpose { permutation: inner }, &[input.id])?;
    wrap(importer, id, batch)
}

pub(super) fn pad(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let length = input.full.len();
    let amounts = match list(attributes, inputs, "pads", 1)? {
        Some(amounts) => amounts,
        None => {
            attributes.ints("paddings").map(<[i64]>::to_vec).ok_or_else(|| Refusal::reason("its pads are missing"))?
        }
    };
    let on: Vec<usize> = match optional(inputs, 3)? {
        Some(list) => list.ints().into_iter().map(|value| axis(value, length)).collect::<Result<_, _>>()?,
        None => (0..length).collect(),
    };
    if amounts.len() != on.len().saturating_mul(2) {
        return Err(Refusal::reason(format!("{} pads do not fit {} axes", amounts.len(), on.len())));
    }
    let value = optional(inputs, 2)?.and_then(|constant| constant.floats().first().copied());
    let mode = match attributes.string("mode") {
        "" | "constant" => {
            PadMode::Constant(padding(importer, input, value.or(attributes.float("value")).unwrap_or(0.0)))
        }
        "reflect" => PadMode::Reflect,
        "edge" => PadMode::Edge,
        other => return Err(Refusal::reason(format!("mode {other:?} is not supported"))),
    };
    let mut pads = vec![(0usize, 0usize); rank(importer, input)];
    let mut cuts: Vec<(usize, usize, usize)> = Vec::new();
    for (index, &at) in on.iter().enumerate() {
        let (before, after) =
            (amounts.get(index).copied().unwrap_or(0), amounts.get(index + on.len()).copied().unwrap_or(0));
        if (before, after) == (0, 0) {
            continue;
        }
        let inner = sample_axis(input, at)?;
        // Negative padding cuts.
        let cut = |value: i64| size(value.min(0).saturating_neg());
        let (cut_before, cut_after) = (cut(before)?, cut(after)?);
        if cut_before > 0 || cut_after > 0 {
            let along = input.full.get(at).copied().unwrap_or(0);
            let end = along.checked_sub(cut_after).filter(|&end| end > cut_before);
            cuts.push((inner, cut_before, end.ok_or_else(|| Refusal::reason("it cuts everything away"))?));
        }
        if let Some(pad) = pads.get_mut(inner) {
            *pad = (size(before.max(0))?, size(after.max(0))?);
        }
    }
    let mut id = input.id;
    for (axis, start, end) in cuts {
        id = importer.part(&format!("cut{axis}"), Op::Slice { axis, start, end, step: 1 }, &[id])?;
    }
    let id = importer.main(Op::Pad { pads, mode }, &[id])?;
    wrap(importer, id, input.batch)
}

pub(super) fn expand(importer: &mut Importer, op: &str, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let target: Vec<usize> = constant(inputs, 1)?.ints().into_iter().map(size).collect::<Result<_, _>>()?;
    if target.len() > MAX_RANK {
        return Err(Refusal::reason("it makes too many axes"));
    }
    let target = if op == "Tile" {
        if target.len() != input.full.len() {
            return Err(Refusal::reason("its repeats do not match the axes"));
        }
        if target.iter().zip(&input.full).any(|(&repeat, &size)| repeat != 1 && size != 1) {
            return tile(importer, input, &target);
        }
        target.iter().zip(&input.full).map(|(&repeat, &size)| repeat * size).collect()
    } else {
        target
    };
    if input.batch.is_some_and(|at| {
        let right = input.full.len() - 1 - at;
        target.len().checked_sub(right + 1).and_then(|at| target.get(at)).is_some_and(|&size| size != 1)
    }) {
        return Err(Refusal::reason("it repeats the pictures of the batch"));
    }
    let expanded = enlarged(importer, input, &target)?;
    same(importer, Op::Affine { scale: None, shift: None }, &expanded)
}

/// Axes repeated as a whole, by joining copies.
fn tile(importer: &mut Importer, input: &Tensor, repeats: &[usize]) -> Outcome {
    /// More copies than any classifier makes.
    const MAX_COPIES: usize = 64;
    let mut id = input.id;
    for (at, &repeat) in repeats.iter().enumerate().filter(|(_, repeat)| **repeat != 1) {
        if repeat == 0 || repeat > MAX_COPIES {
            return Err(Refusal::reason(format!("repeating an axis {repeat} times is not supported")));
        }
        let axis = sample_axis(input, at)?;
        id = importer.part(&format!("axis{axis}"), Op::Concat { axis }, &vec![id; repeat])?;
    }
    let id = importer.main(Op::Affine { scale: None, shift: None }, &[id])?;
    wrap(importer, id, input.batch)
}

/// Blocks of pixels into channels or back, as a reshape, a transposition and a reshape.
pub(super) fn depth_space(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = map(importer, tensor(inputs, 0)?)?;
    let channels = input.full.get(1).copied().unwrap_or(0);
    let [height, width] = spatial(&input)?;
    let block = size(attributes.int_or("blocksize", 0))?;
    let area = block.checked_mul(block).filter(|&area| area > 0 && block < 1 << 12);
    let area = area.ok_or_else(|| Refusal::reason(format!("a block size of {block} is out of range")))?;
    let (split, permutation, shape) = if attributes.0.op_type == "DepthToSpace" {
        if !channels.is_multiple_of(area) {
            return Err(Refusal::reason(format!("{channels} channels do not make blocks of {block}×{block}")));
        }
        let depth = channels / area;
        let shape = vec![depth, height.saturating_mul(block), width.saturating_mul(block)];
        if attributes.string("mode") == "CRD" {
            (vec![depth, block, block, height, width], vec![0, 3, 1, 4, 2], shape)
        } else {
            (vec![block, block, depth, height, width], vec![2, 3, 0, 4, 1], shape)
        }
    } else {
        if !height.is_multiple_of(block) || !width.is_multiple_of(block) {
            return Err(Refusal::reason(format!("a map of {height}×{width} does not split into blocks of {block}")));
        }
        let (rows, columns) = (height / block, width / block);
        let shape = vec![channels.saturating_mul(area), rows, columns];
        (vec![channels, rows, block, columns, block], vec![2, 4, 0, 1, 3], shape)
    };
    let blocks = importer.part("blocks", Op::Reshape { shape: split }, &[input.id])?;
    let moved = importer.part("moved", Op::Transpose { permutation }, &[blocks])?;
    let id = importer.main(Op::Reshape { shape }, &[moved])?;
    wrap(importer, id, input.batch)
}
