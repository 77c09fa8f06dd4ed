//! Element-wise functions that take more than one node of the graph, and softmax.

use std::sync::Arc;

use innspect_graph::{Activation, Op};

use super::{
    Inputs, Outcome,
    common::{aligned_param, constant, identity, optional, rank, same, sample_axis, tensor, without, wrap},
};
use crate::onnx::{
    Refusal,
    attributes::{Attributes, axis},
    fold::flattened,
    import::Importer,
    tensor::Constant,
};

/// `max(x, 0) + min(alpha · (e^(x / alpha) - 1), 0)`, an ELU of the scaled input.
pub(super) fn celu(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let alpha = attributes.float_or("alpha", 1.0);
    let elu = Op::Activation(Activation::Elu { alpha: 1.0 });
    if alpha == 1.0 {
        return same(importer, elu, input);
    }
    let dims = vec![1; rank(importer, input)];
    let shrink = importer.param(format!("1/{alpha}"), "scalar", dims.clone(), || Arc::from([alpha.recip()]))?;
    let grow = importer.param(format!("{alpha}"), "scalar", dims, || Arc::from([alpha]))?;
    let id = importer.part("shrunk", Op::Affine { scale: Some(shrink), shift: None }, &[input.id])?;
    let id = importer.part("elu", elu, &[id])?;
    let id = importer.main(Op::Affine { scale: Some(grow), shift: None }, &[id])?;
    wrap(importer, id, input.batch)
}

pub(super) fn prelu(importer: &mut Importer, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let slope = constant(inputs, 1)?;
    let channels = input.full.get(1).copied().unwrap_or(0);
    // Some exporters write one slope per channel as [C], which would broadcast along the width.
    let per_channel =
        slope.dims.as_slice() == [channels] && input.full.len() > 2 && input.full.last() != Some(&channels);
    let slope = if per_channel {
        let dims: Vec<usize> = std::iter::once(channels).chain(std::iter::repeat_n(1, input.full.len() - 2)).collect();
        Constant { dims, ..slope.clone() }
    } else {
        slope.clone()
    };
    let slope = aligned_param(importer, &slope, 1, input, "plain", |value| value)?;
    same(importer, Op::Activation(Activation::PRelu { slope }), input)
}

pub(super) fn clip(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let bound = |index: usize, name: &str| -> Result<Option<f32>, Refusal> {
        Ok(optional(inputs, index)?.and_then(|constant| constant.floats().first().copied()).or(attributes.float(name)))
    };
    let min = bound(1, "min")?.unwrap_or(f32::NEG_INFINITY);
    let max = bound(2, "max")?.unwrap_or(f32::INFINITY);
    if min.is_nan() || max.is_nan() {
        return Err(Refusal::reason("its bounds are not numbers"));
    }
    // Absent bounds are written as the largest float by old exporters.
    let unbounded = max >= f32::MAX;
    let activation = match (min, unbounded) {
        (0.0, true) => Activation::Relu,
        (_, true) if min <= f32::MIN => return identity(importer, inputs),
        _ => Activation::Clip { min, max },
    };
    same(importer, Op::Activation(activation), tensor(inputs, 0)?)
}

pub(super) fn softmax(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let length = input.full.len();
    let log = attributes.0.op_type == "LogSoftmax";
    let op = |axis: usize| if log { Op::LogSoftmax { axis } } else { Op::Softmax { axis } };
    if importer.opset >= 13 {
        let on = axis(attributes.int_or("axis", -1), length)?;
        return same(importer, op(sample_axis(input, on)?), input);
    }
    // Before opset 13 the input is a matrix, split before the axis, and each row is normalised.
    let value = attributes.int_or("axis", 1);
    let on = if value == length as i64 { length } else { axis(value, length)? };
    let mut wide = (on..length).filter(|&at| input.full.get(at).is_some_and(|&size| size != 1));
    match (wide.next(), wide.next()) {
        (Some(only), None) => same(importer, op(sample_axis(input, only)?), input),
        // Every row has one element.
        (None, _) if on < length => {
            let at = (on..length).find(|&at| Some(at) != input.batch);
            let at = at.ok_or_else(|| Refusal::reason("it mixes the pictures of a batch"))?;
            same(importer, op(sample_axis(input, at)?), input)
        }
        (None, _) => Err(Refusal::reason("its axis is outside its input")),
        (Some(_), Some(_)) => {
            if input.batch.is_some_and(|at| at >= on) {
                return Err(Refusal::reason("it mixes the pictures of a batch"));
            }
            let matrix = flattened(&input.full, on as i64)?;
            let flat = importer.part("matrix", Op::Reshape { shape: matrix }, &[input.id])?;
            let normal = importer.part("rows", op(1), &[flat])?;
            let id = importer.main(Op::Reshape { shape: without(&input.full, input.batch) }, &[normal])?;
            wrap(importer, id, input.batch)
        }
    }
}
