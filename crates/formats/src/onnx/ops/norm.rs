//! Normalisations.

use std::sync::Arc;

use innspect_graph::{Activation, BinaryKind, Op, ParamId, ReduceKind, ValueId};

use super::{
    Inputs, Outcome,
    arithmetic::binary,
    common::{
        aligned_param, constant, make, optional, rank, same, sample_axis, sampled, scalar, tensor, weight, without,
        wrap,
    },
};
use crate::lower;
use crate::onnx::{
    Refusal,
    attributes::{Attributes, axes, axis, size},
    import::{Entry, Importer, Tensor},
    tensor::Constant,
};

/// A factor and a summand per channel: `[C, 1, ..]` for the sample of `input`.
fn per_channel(
    importer: &mut Importer,
    input: &Tensor,
    parts: [(String, Arc<[f32]>); 2],
) -> Result<[ParamId; 2], Refusal> {
    let channels = input.full.get(1).copied().unwrap_or(0);
    let mut dims = vec![1; rank(importer, input)];
    if let Some(first) = dims.first_mut() {
        *first = channels;
    }
    let [(scale_name, scale), (shift_name, shift)] = parts;
    Ok([
        importer.param(scale_name, "channel scale", dims.clone(), || scale)?,
        importer.param(shift_name, "channel shift", dims, || shift)?,
    ])
}

pub(super) fn batch_norm(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    if attributes.flag("training_mode", false) {
        return Err(Refusal::reason("the network was exported in training mode"));
    }
    let input = sampled(importer, tensor(inputs, 0)?)?;
    let epsilon = f64::from(attributes.float_or("epsilon", 1e-5));
    let [gamma, beta, mean, variance] = [
        constant(inputs, 1)?.floats(),
        constant(inputs, 2)?.floats(),
        constant(inputs, 3)?.floats(),
        constant(inputs, 4)?.floats(),
    ];
    let channels = input.full.get(1).copied().unwrap_or(0);
    if [&gamma, &beta, &mean, &variance].iter().any(|list| list.len() != channels) {
        return Err(Refusal::reason(format!("its statistics are not one number for each of {channels} channels")));
    }
    let factors: Vec<f64> = gamma
        .iter()
        .zip(variance.iter())
        .map(|(&gamma, &variance)| f64::from(gamma) / (f64::from(variance) + epsilon).sqrt())
        .collect();
    let scale: Arc<[f32]> = factors.iter().map(|&factor| factor as f32).collect();
    let shift: Arc<[f32]> = beta
        .iter()
        .zip(mean.iter())
        .zip(&factors)
        .map(|((&beta, &mean), factor)| (f64::from(beta) - f64::from(mean) * factor) as f32)
        .collect();
    // Not the file's tensors but made of four of them, so the node names them.
    let name = importer.output_name(0);
    let parts = [(format!("{name}/scale"), scale), (format!("{name}/shift"), shift)];
    let [scale, shift] = per_channel(importer, &input, parts)?;
    same(importer, Op::Affine { scale: Some(scale), shift: Some(shift) }, &input)
}

/// A feature map `[C, positions, 1]` of a value with any number of axes behind the channels.
fn as_map(importer: &mut Importer, input: &Tensor, channels: usize) -> Result<ValueId, Refusal> {
    let total = importer.builder.shape(input.id).numel();
    let positions = total.checked_div(channels).filter(|positions| positions * channels == total);
    let positions = positions.ok_or_else(|| Refusal::reason(format!("{:?} has no {channels} channels", input.full)))?;
    importer.part("map", Op::Reshape { shape: vec![channels, positions, 1] }, &[input.id])
}

pub(super) fn instance_norm(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = sampled(importer, tensor(inputs, 0)?)?;
    let epsilon = attributes.float_or("epsilon", 1e-5);
    let scale = weight(importer, inputs, 1)?;
    let shift = weight(importer, inputs, 2)?;
    let op = Op::InstanceNorm { scale, shift, epsilon };
    if input.full.len() == 4 {
        return same(importer, op, &input);
    }
    let channels = input.full.get(1).copied().unwrap_or(0);
    let flat = as_map(importer, &input, channels)?;
    let normal = importer.part("norm", op, &[flat])?;
    let id = importer.main(Op::Reshape { shape: without(&input.full, input.batch) }, &[normal])?;
    wrap(importer, id, input.batch)
}

pub(super) fn group_norm(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = sampled(importer, tensor(inputs, 0)?)?;
    let groups = size(attributes.int_or("num_groups", 0))?;
    let channels = input.full.get(1).copied().unwrap_or(0);
    if groups == 0 || !channels.is_multiple_of(groups) {
        return Err(Refusal::reason(format!("{channels} channels do not make {groups} groups")));
    }
    let each = channels / groups;
    importer.budget.charge(&[channels, 4])?;
    let expand = |constant: &Constant| -> Arc<[f32]> {
        let data = constant.floats();
        // Opset 18 has one number per group, opset 21 one per channel.
        if data.len() == groups && groups != channels {
            data.iter().flat_map(|&value| std::iter::repeat_n(value, each)).collect()
        } else {
            data
        }
    };
    let (scale, shift) = (expand(constant(inputs, 1)?), expand(constant(inputs, 2)?));
    let ones = importer.param(format!("{groups} ones"), "ones", vec![groups], || vec![1.0; groups].into())?;
    let zeros = importer.param(format!("{groups} zeros"), "zeros", vec![groups], || vec![0.0; groups].into())?;
    let flat = as_map(importer, &input, groups)?;
    let epsilon = attributes.float_or("epsilon", 1e-5);
    let normal = importer.part("norm", Op::InstanceNorm { scale: ones, shift: zeros, epsilon }, &[flat])?;
    let back = importer.part("unmap", Op::Reshape { shape: without(&input.full, input.batch) }, &[normal])?;
    let names = [importer.input_name(1), importer.input_name(2)];
    let [scale_name, shift_name] = names;
    let [scale, shift] = per_channel(importer, &input, [(scale_name, scale), (shift_name, shift)])?;
    let id = importer.main(Op::Affine { scale: Some(scale), shift: Some(shift) }, &[back])?;
    wrap(importer, id, input.batch)
}

/// A normalisation over the axes from `first` on, with a factor and perhaps a summand, which are inputs of the node.
fn normalized(
    importer: &mut Importer,
    input: &Tensor,
    first: i64,
    (epsilon, centred): (f32, bool),
    scale: (usize, &Constant),
    shift: Option<(usize, &Constant)>,
) -> Result<Tensor, Refusal> {
    let first = axis(first, input.full.len())?;
    let axes = (first..input.full.len()).map(|axis| sample_axis(input, axis)).collect::<Result<Vec<_>, _>>()?;
    let id = spread(importer, input, axes, epsilon, centred)?;
    let normal = Tensor { id, ..input.clone() };
    let scale = aligned_param(importer, scale.1, scale.0, &normal, "plain", |value| value)?;
    let shift = match shift {
        Some((index, shift)) => Some(aligned_param(importer, shift, index, &normal, "plain", |value| value)?),
        None => None,
    };
    let id = importer.main(Op::Affine { scale: Some(scale), shift }, &[normal.id])?;
    Ok(make(importer, id, normal.batch))
}

/// A value over its own spread along axes of the sample.
fn spread(
    importer: &mut Importer,
    input: &Tensor,
    axes: Vec<usize>,
    epsilon: f32,
    centred: bool,
) -> Result<ValueId, Refusal> {
    let epsilon = scalar(importer, epsilon, rank(importer, input))?;
    lower::normalize(input.id, axes, epsilon, centred, |part, op, inputs| importer.part(part, op, inputs))
}

/// `LayerNormalization` and the forms of it without mean: `RMSNormalization`, `SimplifiedLayerNormalization`.
pub(super) fn layer_norm(importer: &mut Importer, attributes: Attributes, inputs: &Inputs, centred: bool) -> Outcome {
    let input = tensor(inputs, 0)?;
    if importer.is_read(1) || importer.is_read(2) {
        return Err(Refusal::reason("its mean and deviation are used as outputs"));
    }
    let shift = if centred { optional(inputs, 2)?.map(|shift| (2, shift)) } else { None };
    let kind = (attributes.float_or("epsilon", 1e-5), centred);
    let first = attributes.int_or("axis", -1);
    let result = normalized(importer, input, first, kind, (1, constant(inputs, 1)?), shift)?;
    Ok(vec![Entry::Tensor(result)])
}

/// A sum and its normalisation, `SkipLayerNormalization` and `SkipSimplifiedLayerNormalization` of onnxruntime.
pub(super) fn skip_layer_norm(
    importer: &mut Importer,
    attributes: Attributes,
    inputs: &Inputs,
    centred: bool,
) -> Outcome {
    if importer.is_read(1) || importer.is_read(2) {
        return Err(Refusal::reason("its mean and deviation are used as outputs"));
    }
    let mut sum = binary(importer, BinaryKind::Add, tensor(inputs, 0)?, tensor(inputs, 1)?, false)?;
    let bias = if centred { 4 } else { 3 };
    if let Some(addend) = optional(inputs, bias)? {
        let shift = aligned_param(importer, addend, bias, &sum, "plain", |value| value)?;
        sum.id = importer.part("bias", Op::Affine { scale: None, shift: Some(shift) }, &[sum.id])?;
    }
    let shift = if centred { optional(inputs, 3)?.map(|shift| (3, shift)) } else { None };
    let kind = (attributes.float_or("epsilon", 1e-12), centred);
    let result = normalized(importer, &sum, -1, kind, (2, constant(inputs, 2)?), shift)?;
    // Nothing reads the second and the third output.
    Ok(vec![Entry::Tensor(result.clone()), Entry::Tensor(result.clone()), Entry::Tensor(result), Entry::Tensor(sum)])
}

/// `(x - mean) / deviation` over axes that are listed.
pub(super) fn mean_variance_norm(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let on = axes(attributes.ints("axes").unwrap_or(&[0, 2, 3]), input.full.len())?;
    let inner = on.iter().map(|&axis| sample_axis(input, axis)).collect::<Result<Vec<_>, _>>()?;
    let id = spread(importer, input, inner, 1e-9, true)?;
    same(importer, Op::Affine { scale: None, shift: None }, &Tensor { id, ..input.clone() })
}

/// A value over its norm along one axis.
pub(super) fn lp_norm(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let on = sample_axis(input, axis(attributes.int_or("axis", -1), input.full.len())?)?;
    let sum = Op::Reduce { kind: ReduceKind::Sum, axes: vec![on], keep_dims: true };
    let norm = match attributes.int_or("p", 2) {
        1 => {
            let absolute = importer.part("absolute", Op::Activation(Activation::Abs), &[input.id])?;
            importer.part("norm", sum, &[absolute])?
        }
        2 => {
            let square = importer.part("square", Op::Activation(Activation::Pow { exponent: 2.0 }), &[input.id])?;
            let sum = importer.part("sum", sum, &[square])?;
            importer.part("norm", Op::Activation(Activation::Sqrt), &[sum])?
        }
        other => return Err(Refusal::reason(format!("a norm of order {other} is not supported"))),
    };
    let id = importer.main(Op::Binary(BinaryKind::Div), &[input.id, norm])?;
    wrap(importer, id, input.batch)
}
