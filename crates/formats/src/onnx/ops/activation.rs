//! Element-wise functions that take more than one node of the graph, and softmax.

use innspect_graph::{Activation, BinaryKind, Op};

use super::{
    Inputs, Outcome,
    common::{
        aligned_param, constant, enlarged, identity, optional, rank, same, sample_axis, scalar, tensor, without, wrap,
    },
};
use crate::onnx::{
    Refusal,
    attributes::{Attributes, axis},
    fold::flattened,
    import::{Importer, Tensor},
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
    let rank = rank(importer, input);
    let (shrink, grow) = (scalar(importer, alpha.recip(), rank)?, scalar(importer, alpha, rank)?);
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

/// `x · sigmoid(alpha · x)`: Swish and the quick form of GELU.
pub(super) fn swish(importer: &mut Importer, input: &Tensor, alpha: f32) -> Outcome {
    if alpha == 1.0 {
        return same(importer, Op::Activation(Activation::Silu), input);
    }
    let scale = scalar(importer, alpha, rank(importer, input))?;
    let scaled = importer.part("scaled", Op::Affine { scale: Some(scale), shift: None }, &[input.id])?;
    let gate = importer.part("gate", Op::Activation(Activation::Sigmoid), &[scaled])?;
    let id = importer.main(Op::Binary(BinaryKind::Mul), &[input.id, gate])?;
    wrap(importer, id, input.batch)
}

/// GELU of a sum with a constant, `BiasGelu` and `FastGelu` of onnxruntime.
pub(super) fn bias_gelu(importer: &mut Importer, inputs: &Inputs, tanh: bool) -> Outcome {
    let mut input = tensor(inputs, 0)?.clone();
    if let Some(addend) = optional(inputs, 1)? {
        input = enlarged(importer, &input, &addend.dims)?;
        let shift = aligned_param(importer, addend, 1, &input, "plain", |value| value)?;
        input.id = importer.part("bias", Op::Affine { scale: None, shift: Some(shift) }, &[input.id])?;
    }
    same(importer, Op::Activation(Activation::Gelu { tanh }), &input)
}

/// `x - lambda` above lambda, `x + lambda` below -lambda, 0 between: `relu(x - lambda) - relu(-x - lambda)`.
pub(super) fn shrink(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let (bias, lambda) = (attributes.float_or("bias", 0.0), attributes.float_or("lambd", 0.5));
    if bias != lambda {
        return Err(Refusal::reason(format!(
            "shrinking by {bias} from {lambda} on makes a jump, which is not supported"
        )));
    }
    let rank = rank(importer, input);
    let (minus, offset) = (scalar(importer, -1.0, rank)?, scalar(importer, -lambda, rank)?);
    let mut parts = Vec::new();
    for (part, scale) in [("above", None), ("below", Some(minus))] {
        let id = importer.part(&format!("{part}/offset"), Op::Affine { scale, shift: Some(offset) }, &[input.id])?;
        parts.push(importer.part(part, Op::Activation(Activation::Relu), &[id])?);
    }
    let id = importer.main(Op::Binary(BinaryKind::Sub), &parts)?;
    wrap(importer, id, input.batch)
}
