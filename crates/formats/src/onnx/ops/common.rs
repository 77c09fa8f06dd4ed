//! What the operators share: values with their batch axis, constants as parameters, and broadcasting.

use std::sync::Arc;

use innspect_graph::{Op, PadMode, ParamId, ValueId};

use super::{Inputs, Outcome};
use crate::onnx::{
    Refusal,
    attributes::Attributes,
    fold::broadcast,
    import::{Entry, Importer, Tensor},
    tensor::Constant,
};

pub(super) fn tensor(inputs: &Inputs, index: usize) -> Result<&Tensor, Refusal> {
    match inputs.get(index) {
        Some(Some(Entry::Tensor(tensor))) => Ok(tensor),
        Some(Some(Entry::Constant(_))) => Err(Refusal::reason(format!("input {index} does not depend on the picture"))),
        _ => Err(Refusal::reason(format!("input {index} is missing"))),
    }
}

pub(super) fn constant(inputs: &Inputs, index: usize) -> Result<&Constant, Refusal> {
    optional(inputs, index)?.ok_or_else(|| Refusal::reason(format!("input {index} is missing")))
}

pub(super) fn optional(inputs: &Inputs, index: usize) -> Result<Option<&Constant>, Refusal> {
    match inputs.get(index) {
        None | Some(None) => Ok(None),
        Some(Some(Entry::Constant(constant))) => Ok(Some(constant)),
        Some(Some(Entry::Tensor(_))) => Err(Refusal::reason(format!(
            "input {index} must be known before the network runs, but depends on the picture"
        ))),
    }
}

/// Integers that are an input in newer opsets and an attribute in older ones.
pub(super) fn list(
    attributes: Attributes,
    inputs: &Inputs,
    name: &str,
    index: usize,
) -> Result<Option<Vec<i64>>, Refusal> {
    Ok(optional(inputs, index)?.map(Constant::ints).or_else(|| attributes.ints(name).map(<[i64]>::to_vec)))
}

pub(super) fn rank(importer: &Importer, tensor: &Tensor) -> usize {
    importer.builder.shape(tensor.id).rank()
}

/// The value that an op made, whose batch axis is to be at `batch`.
pub(super) fn make(importer: &Importer, id: ValueId, batch: Option<usize>) -> Tensor {
    let mut full = importer.builder.shape(id).dims().to_vec();
    if let Some(at) = batch {
        full.insert(at.min(full.len()), 1);
    }
    Tensor { id, full, batch }
}

pub(super) fn wrap(importer: &Importer, id: ValueId, batch: Option<usize>) -> Outcome {
    Ok(vec![Entry::Tensor(make(importer, id, batch))])
}

/// An op that keeps the shape.
pub(super) fn same(importer: &mut Importer, op: Op, input: &Tensor) -> Outcome {
    let id = importer.main(op, &[input.id])?;
    wrap(importer, id, input.batch)
}

/// An op that does nothing, kept until the passes so that its name is remembered.
pub(super) fn identity(importer: &mut Importer, inputs: &Inputs) -> Outcome {
    same(importer, Op::Affine { scale: None, shift: None }, tensor(inputs, 0)?)
}

/// `dims` without the batch axis.
pub(super) fn without(dims: &[usize], batch: Option<usize>) -> Vec<usize> {
    dims.iter().enumerate().filter(|(at, _)| Some(*at) != batch).map(|(_, &size)| size).collect()
}

/// The value with its batch axis at `batch`, which must have size 1 there.
pub(super) fn rebatch(importer: &mut Importer, tensor: &Tensor, batch: Option<usize>) -> Result<Tensor, Refusal> {
    if tensor.batch == batch {
        return Ok(tensor.clone());
    }
    let shape = without(&tensor.full, batch);
    let id = if importer.builder.shape(tensor.id).dims() == shape {
        tensor.id
    } else {
        importer.part("batch", Op::Reshape { shape }, &[tensor.id])?
    };
    Ok(Tensor { id, full: tensor.full.clone(), batch })
}

/// The value with its batch axis in front.
pub(super) fn sampled(importer: &mut Importer, tensor: &Tensor) -> Result<Tensor, Refusal> {
    if tensor.full.first() == Some(&1) {
        rebatch(importer, tensor, Some(0))
    } else {
        Err(Refusal::reason(format!("its input of shape {:?} has no batch axis in front", tensor.full)))
    }
}

/// The value as a batch of feature maps.
pub(super) fn map(importer: &mut Importer, tensor: &Tensor) -> Result<Tensor, Refusal> {
    if tensor.full.len() != 4 {
        return Err(Refusal::reason(format!("its input has shape {:?}; only 2-D networks are read", tensor.full)));
    }
    sampled(importer, tensor)
}

/// Height and width of a batch of feature maps.
pub(super) fn spatial(input: &Tensor) -> Result<[usize; 2], Refusal> {
    match *input.full.as_slice() {
        [_, _, height, width] => Ok([height, width]),
        _ => Err(Refusal::reason("it needs feature maps")),
    }
}

/// The axis of the sample for an axis of the file.
pub(super) fn sample_axis(tensor: &Tensor, axis: usize) -> Result<usize, Refusal> {
    match tensor.batch {
        Some(batch) if batch == axis => Err(Refusal::reason("it mixes the pictures of a batch")),
        Some(batch) if axis > batch => Ok(axis - 1),
        _ => Ok(axis),
    }
}

/// One number as a parameter that broadcasts to a sample of `rank` axes.
pub(super) fn scalar(importer: &mut Importer, value: f32, rank: usize) -> Result<ParamId, Refusal> {
    importer.param(format!("{value:?}"), "scalar", vec![1; rank], || Arc::from([value]))
}

/// The value in shape `full`.
pub(super) fn to_shape(importer: &mut Importer, input: &Tensor, full: Vec<usize>, batch: Option<usize>) -> Outcome {
    let shape = without(&full, batch);
    let id = importer.main(Op::Reshape { shape }, &[input.id])?;
    Ok(vec![Entry::Tensor(Tensor { id, full, batch })])
}

/// A weight as it stands in the file.
pub(super) fn weight(importer: &mut Importer, inputs: &Inputs, index: usize) -> Result<ParamId, Refusal> {
    let constant = constant(inputs, index)?;
    let name = importer.input_name(index);
    importer.param(name, "plain", constant.dims.clone(), || constant.floats())
}

pub(super) fn bias(importer: &mut Importer, inputs: &Inputs, index: usize) -> Result<Option<ParamId>, Refusal> {
    let Some(constant) = optional(inputs, index)? else { return Ok(None) };
    let name = importer.input_name(index);
    importer.param(name, "bias", vec![constant.len()], || constant.floats()).map(Some)
}

/// The shape of a constant against the sample of `input`: the batch axis left out, ones put in front.
///
/// Fails if the constant has something to say about the batch axis or is larger than the sample.
pub(super) fn constant_shape(importer: &Importer, dims: &[usize], input: &Tensor) -> Result<Vec<usize>, Refusal> {
    let rank = rank(importer, input);
    // Axes are aligned from the right; position 0 is the last.
    let batch_from_right = input.batch.map(|at| input.full.len() - 1 - at);
    let at = batch_from_right.and_then(|right| dims.len().checked_sub(right + 1));
    if at.and_then(|at| dims.get(at)).is_some_and(|&size| size != 1) {
        return Err(Refusal::reason("a constant holds a value for each picture of the batch"));
    }
    let mut shape = without(dims, at);
    while shape.len() > rank && shape.first() == Some(&1) {
        shape.remove(0);
    }
    while shape.len() < rank {
        shape.insert(0, 1);
    }
    Ok(shape)
}

/// A constant as a parameter that broadcasts to the sample of `input`, each element changed by `change`.
pub(super) fn aligned_param(
    importer: &mut Importer,
    constant: &Constant,
    index: usize,
    input: &Tensor,
    key: &str,
    change: fn(f32) -> f32,
) -> Result<ParamId, Refusal> {
    let shape = constant_shape(importer, &constant.dims, input)?;
    let name = importer.input_name(index);
    importer.param(name, key, shape, || {
        let data = constant.floats();
        if key == "plain" { data } else { data.iter().map(|&value| change(value)).collect() }
    })
}

/// The value broadcast so that a constant of shape `dims` does not enlarge it.
pub(super) fn enlarged(importer: &mut Importer, input: &Tensor, dims: &[usize]) -> Result<Tensor, Refusal> {
    let target = broadcast(&input.full, dims)?;
    if target == input.full {
        return Ok(input.clone());
    }
    // New axes appear in front; the batch axis keeps its distance from the end.
    let missing = target.len() - input.full.len();
    let full: Vec<usize> = std::iter::repeat_n(1, missing).chain(input.full.iter().copied()).collect();
    let batch = input.batch.map(|at| at + missing);
    if batch.is_some_and(|at| target.get(at) != Some(&1)) {
        return Err(Refusal::reason("a constant holds a value for each picture of the batch"));
    }
    let shape = without(&full, batch);
    let mut id = input.id;
    if importer.builder.shape(id).dims() != shape {
        id = importer.part("axes", Op::Reshape { shape: shape.clone() }, &[id])?;
    }
    let wanted = without(&target, batch);
    // Repeating the only cell of an axis is what edge padding does.
    let pads: Vec<(usize, usize)> = shape.iter().zip(&wanted).map(|(&have, &want)| (0, want - have)).collect();
    if pads.iter().any(|&(_, after)| after > 0) {
        importer.budget.charge(&wanted)?;
        id = importer.part("expand", Op::Pad { pads, mode: PadMode::Edge }, &[id])?;
    }
    Ok(Tensor { id, full: target, batch })
}

/// Two values whose batch axes agree, and the position of the batch in the result.
pub(super) fn together(
    importer: &mut Importer,
    a: &Tensor,
    b: &Tensor,
) -> Result<(Tensor, Tensor, Option<usize>), Refusal> {
    let from_right = |tensor: &Tensor, at: usize| tensor.full.len() - 1 - at;
    let wanted = match (a.batch, b.batch) {
        (Some(at), _) => Some(from_right(a, at)),
        (None, Some(at)) => Some(from_right(b, at)),
        (None, None) => None,
    };
    let Some(right) = wanted else { return Ok((a.clone(), b.clone(), None)) };
    let place = |tensor: &Tensor| tensor.full.len().checked_sub(right + 1);
    let fits = |tensor: &Tensor| place(tensor).is_none_or(|at| tensor.full.get(at) == Some(&1));
    let rank = a.full.len().max(b.full.len());
    if fits(a) && fits(b) {
        let (a, b) = (rebatch(importer, a, place(a))?, rebatch(importer, b, place(b))?);
        return Ok((a, b, rank.checked_sub(right + 1)));
    }
    Ok((rebatch(importer, a, None)?, rebatch(importer, b, None)?, None))
}
