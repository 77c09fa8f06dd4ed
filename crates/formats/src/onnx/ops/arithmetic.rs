//! Sums, products and extrema of values and constants.

use innspect_graph::{Activation, BinaryKind, Op};

use super::{
    Inputs, Outcome,
    common::{aligned_param, constant, constant_shape, enlarged, make, rank, same, scalar, tensor, together, wrap},
};
use crate::onnx::{
    Refusal,
    fold::{broadcast, expanded, pick},
    import::{Entry, Importer, Tensor},
    tensor::Constant,
};

pub(super) fn binary(
    importer: &mut Importer,
    kind: BinaryKind,
    a: &Tensor,
    b: &Tensor,
    last: bool,
) -> Result<Tensor, Refusal> {
    let (a, b, batch) = together(importer, a, b)?;
    let op = Op::Binary(kind);
    let id = if last { importer.main(op, &[a.id, b.id])? } else { importer.part("partial", op, &[a.id, b.id])? };
    Ok(make(importer, id, batch))
}

pub(super) fn arithmetic(importer: &mut Importer, op: &str, inputs: &Inputs) -> Outcome {
    match (inputs.first(), inputs.get(1)) {
        (Some(Some(Entry::Tensor(a))), Some(Some(Entry::Tensor(b)))) => {
            let kind = match op {
                "Add" => BinaryKind::Add,
                "Sub" => BinaryKind::Sub,
                "Mul" => BinaryKind::Mul,
                _ => BinaryKind::Div,
            };
            Ok(vec![Entry::Tensor(binary(importer, kind, a, b, true)?)])
        }
        (Some(Some(Entry::Tensor(value))), Some(Some(Entry::Constant(operand)))) => {
            affine(importer, op, value, operand, 1)
        }
        (Some(Some(Entry::Constant(operand))), Some(Some(Entry::Tensor(value)))) => {
            let reversed = match op {
                "Sub" => "Sub from",
                "Div" => "Div of",
                other => other,
            };
            affine(importer, reversed, value, operand, 0)
        }
        _ => Err(Refusal::reason("it needs two inputs")),
    }
}

fn affine(importer: &mut Importer, op: &str, value: &Tensor, operand: &Constant, index: usize) -> Outcome {
    let value = enlarged(importer, value, &operand.dims)?;
    let plain = |importer: &mut Importer| aligned_param(importer, operand, index, &value, "plain", |value| value);
    let (scale, shift) = match op {
        "Add" => (None, Some(plain(importer)?)),
        "Sub" => (None, Some(aligned_param(importer, operand, index, &value, "negative", |value| -value)?)),
        "Mul" => (Some(plain(importer)?), None),
        "Div" => (Some(aligned_param(importer, operand, index, &value, "inverse", f32::recip)?), None),
        "Sub from" => {
            let rank = rank(importer, &value);
            let minus = scalar(importer, -1.0, rank)?;
            (Some(minus), Some(plain(importer)?))
        }
        _ => {
            let inverse = importer.part("inverse", Op::Activation(Activation::Reciprocal), &[value.id])?;
            let scale = plain(importer)?;
            let id = importer.main(Op::Affine { scale: Some(scale), shift: None }, &[inverse])?;
            return wrap(importer, id, value.batch);
        }
    };
    same(importer, Op::Affine { scale, shift }, &value)
}

pub(super) fn pow(importer: &mut Importer, inputs: &Inputs) -> Outcome {
    let value = tensor(inputs, 0)?;
    let exponent = constant(inputs, 1)?;
    let value = enlarged(importer, value, &exponent.dims)?;
    let exponent = exponent.uniform().ok_or_else(|| Refusal::reason("its exponents differ between elements"))?;
    let activation = if exponent == 0.5 { Activation::Sqrt } else { Activation::Pow { exponent } };
    same(importer, Op::Activation(activation), &value)
}

/// `Max`, `Min`, `Sum` and `Mean` of any number of inputs.
pub(super) fn variadic(importer: &mut Importer, op: &str, inputs: &Inputs) -> Outcome {
    let tensors: Vec<&Tensor> = inputs
        .iter()
        .filter_map(|entry| match entry {
            Some(Entry::Tensor(tensor)) => Some(tensor),
            _ => None,
        })
        .collect();
    let constants: Vec<(usize, &Constant)> = inputs
        .iter()
        .enumerate()
        .filter_map(|(index, entry)| match entry {
            Some(Entry::Constant(constant)) => Some((index, constant)),
            _ => None,
        })
        .collect();
    let kind = match op {
        "Max" => BinaryKind::Max,
        "Min" => BinaryKind::Min,
        _ => BinaryKind::Add,
    };
    let (first, rest) = tensors.split_first().ok_or_else(|| Refusal::reason("it has no inputs"))?;
    let mean = op == "Mean";
    let mut result = (*first).clone();
    for (index, other) in rest.iter().enumerate() {
        let last = index + 1 == rest.len() && constants.is_empty() && !mean;
        result = binary(importer, kind, &result, other, last)?;
    }
    for (position, &(index, operand)) in constants.iter().enumerate() {
        let last = position + 1 == constants.len() && !mean;
        result = enlarged(importer, &result, &operand.dims)?;
        let op = match (kind, operand.uniform()) {
            (BinaryKind::Add, _) => {
                let shift = aligned_param(importer, operand, index, &result, "plain", |value| value)?;
                Op::Affine { scale: None, shift: Some(shift) }
            }
            (BinaryKind::Max, Some(0.0)) => Op::Activation(Activation::Relu),
            (BinaryKind::Max, Some(min)) => Op::Activation(Activation::Clip { min, max: f32::INFINITY }),
            (_, Some(max)) => Op::Activation(Activation::Clip { min: f32::NEG_INFINITY, max }),
            // max(x, c) = relu(x - c) + c and min(x, c) = c - relu(c - x) for a constant that differs between elements.
            (kind, None) => {
                let plain = aligned_param(importer, operand, index, &result, "plain", |value| value)?;
                let (inner, outer) = if kind == BinaryKind::Max {
                    let negative = aligned_param(importer, operand, index, &result, "negative", |value| -value)?;
                    ((None, negative), None)
                } else {
                    let rank = rank(importer, &result);
                    let minus = scalar(importer, -1.0, rank)?;
                    ((Some(minus), plain), Some(minus))
                };
                let id = importer.part("offset", Op::Affine { scale: inner.0, shift: Some(inner.1) }, &[result.id])?;
                result.id = importer.part("relu", Op::Activation(Activation::Relu), &[id])?;
                Op::Affine { scale: outer, shift: Some(plain) }
            }
        };
        let id = if last { importer.main(op, &[result.id])? } else { importer.part("constant", op, &[result.id])? };
        result = make(importer, id, result.batch);
    }
    if mean {
        let rank = rank(importer, &result);
        let scale = scalar(importer, 1.0 / inputs.len() as f32, rank)?;
        return same(importer, Op::Affine { scale: Some(scale), shift: None }, &result);
    }
    if rest.is_empty() && constants.is_empty() {
        return same(importer, Op::Affine { scale: None, shift: None }, &result);
    }
    Ok(vec![Entry::Tensor(result)])
}

/// A choice between two values, or a value and a constant, by a constant mask: each is multiplied by where it is taken.
pub(super) fn where_(importer: &mut Importer, inputs: &Inputs) -> Outcome {
    let condition = constant(inputs, 0)?;
    let taken = condition.ints();
    let mask = |positive: bool| -> Constant {
        let data: Vec<f32> = taken.iter().map(|&value| f32::from((value != 0) == positive)).collect();
        Constant::float(condition.dims.clone(), data)
    };
    // Masks are named after the node, as they are not in the file.
    let name = importer.output_name(0);
    let masked = |importer: &mut Importer, value: &Tensor, positive: bool, other: Option<&Constant>, last: bool| {
        let value = enlarged(importer, value, &condition.dims)?;
        let value = match other {
            Some(other) => enlarged(importer, &value, &other.dims)?,
            None => value,
        };
        let shape = constant_shape(importer, &condition.dims, &value)?;
        let data = mask(positive).floats();
        let scale = importer.param(format!("{name}/mask"), if positive { "mask" } else { "not" }, shape, || data)?;
        let shift = match other {
            Some(other) => {
                // A softmax gives 0 for the largest negative number as well as for -∞, which devices may not compute with.
                let finite = |value: f32| value.clamp(f32::MIN, f32::MAX);
                let filled = chosen(importer, &mask(!positive), other, finite)?;
                let shape = constant_shape(importer, &filled.dims, &value)?;
                Some(importer.param(format!("{name}/filling"), "filling", shape, || filled.floats())?)
            }
            None => None,
        };
        let op = Op::Affine { scale: Some(scale), shift };
        let id = if last {
            importer.main(op, &[value.id])?
        } else {
            importer.part(if positive { "first" } else { "second" }, op, &[value.id])?
        };
        Ok::<Tensor, Refusal>(make(importer, id, value.batch))
    };
    match (inputs.get(1), inputs.get(2)) {
        (Some(Some(Entry::Tensor(yes))), Some(Some(Entry::Tensor(no)))) => {
            let yes = masked(importer, yes, true, None, false)?;
            let no = masked(importer, no, false, None, false)?;
            Ok(vec![Entry::Tensor(binary(importer, BinaryKind::Add, &yes, &no, true)?)])
        }
        (Some(Some(Entry::Tensor(yes))), Some(Some(Entry::Constant(no)))) => {
            Ok(vec![Entry::Tensor(masked(importer, yes, true, Some(no), true)?)])
        }
        (Some(Some(Entry::Constant(yes))), Some(Some(Entry::Tensor(no)))) => {
            Ok(vec![Entry::Tensor(masked(importer, no, false, Some(yes), true)?)])
        }
        _ => Err(Refusal::reason("it needs two values")),
    }
}

/// A constant where a mask is 1, else 0; unlike a product this leaves no trace of infinite values.
fn chosen(
    importer: &mut Importer,
    mask: &Constant,
    values: &Constant,
    change: impl Fn(f32) -> f32,
) -> Result<Constant, Refusal> {
    let dims = broadcast(&mask.dims, &values.dims)?;
    let total = importer.budget.charge(&dims)?;
    let (at, from) = (expanded(&mask.dims, &dims, total), expanded(&values.dims, &dims, total));
    let (mask, values) = (mask.floats(), values.floats());
    let data: Vec<f32> = pick(&mask, &at)
        .zip(pick(&values, &from))
        .map(|(on, value)| if on == 0.0 { 0.0 } else { change(value) })
        .collect();
    Ok(Constant::float(dims, data))
}
