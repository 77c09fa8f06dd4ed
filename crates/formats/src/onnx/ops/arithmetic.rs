//! Sums, products and extrema of values and constants.

use std::sync::Arc;

use innspect_graph::{Activation, BinaryKind, Op};

use super::{
    Inputs, Outcome,
    common::{aligned_param, constant, enlarged, make, rank, same, tensor, together, wrap},
};
use crate::onnx::{
    Refusal,
    import::{Entry, Importer, Tensor},
    tensor::Constant,
};

fn binary(importer: &mut Importer, kind: BinaryKind, a: &Tensor, b: &Tensor, last: bool) -> Result<Tensor, Refusal> {
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
            let rank = vec![1; rank(importer, &value)];
            let minus = importer.param("-1".to_owned(), "scalar", rank, || Arc::from([-1.0]))?;
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
                    let dims = vec![1; rank(importer, &result)];
                    let minus = importer.param("-1".to_owned(), "scalar", dims, || Arc::from([-1.0]))?;
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
        let share = 1.0 / inputs.len() as f32;
        let dims = vec![1; rank(importer, &result)];
        let scale = importer.param(format!("1/{}", inputs.len()), "scalar", dims, || Arc::from([share]))?;
        return same(importer, Op::Affine { scale: Some(scale), shift: None }, &result);
    }
    if rest.is_empty() && constants.is_empty() {
        return same(importer, Op::Affine { scale: None, shift: None }, &result);
    }
    Ok(vec![Entry::Tensor(result)])
}
