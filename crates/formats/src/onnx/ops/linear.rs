//! Products with matrices and of matrices.

use std::sync::Arc;

use innspect_graph::Op;

use super::{
    Inputs, Outcome,
    common::{constant, make, rank, rebatch, tensor, without, wrap},
    einsum::{Operand, contract},
};
use crate::onnx::{
    Refusal,
    attributes::Attributes,
    import::{Entry, Importer, Tensor},
    tensor::Constant,
};

/// A `[rows, columns]` matrix transposed.
fn transposed(data: &[f32], rows: usize, columns: usize) -> Arc<[f32]> {
    (0..rows * columns).map(|index| data.get(index % rows * columns + index / rows).copied().unwrap_or(0.0)).collect()
}

pub(super) fn gemm(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let mut input = tensor(inputs, 0)?.clone();
    if attributes.flag("transA", false) {
        input = match (input.batch, input.full.as_slice()) {
            // Behind a transposition the batch is the second axis, and this one brings it back.
            (Some(1), &[features, 1]) => Tensor { full: vec![1, features], batch: Some(0), ..input },
            (None, &[rows, columns]) => {
                let id = importer.part("transpose", Op::Transpose { permutation: vec![1, 0] }, &[input.id])?;
                Tensor { id, full: vec![columns, rows], batch: None }
            }
            _ => return Err(Refusal::reason("transA mixes the pictures of a batch")),
        };
    }
    let matrix = constant(inputs, 1)?;
    let &[first, second] = matrix.dims.as_slice() else {
        return Err(Refusal::reason(format!("its matrix has shape {:?}", matrix.dims)));
    };
    if input.full.len() != 2 {
        return Err(Refusal::reason(format!("its input has shape {:?} instead of two axes", input.full)));
    }
    let flipped = attributes.flag("transB", false);
    let alpha = attributes.float_or("alpha", 1.0);
    let beta = attributes.float_or("beta", 1.0);
    let dims = if flipped { vec![second, first] } else { vec![first, second] };
    let outputs = if flipped { first } else { second };
    let key = format!("gemm {flipped} {alpha}");
    let name = importer.input_name(1);
    let weight = importer.param(name, &key, dims, || {
        let data = matrix.floats();
        let data = if flipped { transposed(&data, first, second) } else { data };
        if alpha == 1.0 { data } else { data.iter().map(|value| value * alpha).collect() }
    })?;
    let bias = match inputs.get(2) {
        Some(Some(Entry::Constant(addend))) if addend.len() == outputs || addend.len() == 1 => {
            let data = addend.floats();
            importer.budget.charge(&[outputs])?;
            let name = importer.input_name(2);
            Some(importer.param(name, &format!("gemm {beta}"), vec![outputs], || {
                (0..outputs)
                    .map(|index| beta * data.get(if data.len() == 1 { 0 } else { index }).copied().unwrap_or(0.0))
                    .collect()
            })?)
        }
        None | Some(None) => None,
        Some(Some(_)) => return Err(Refusal::reason("its addend is not one number per output")),
    };
    let id = importer.main(Op::Dense { weight, bias }, &[input.id])?;
    wrap(importer, id, input.batch)
}

pub(super) fn mat_mul(importer: &mut Importer, inputs: &Inputs) -> Outcome {
    match (inputs.first(), inputs.get(1)) {
        (Some(Some(Entry::Tensor(input))), Some(Some(Entry::Constant(matrix)))) => {
            let (matrix_dims, vector) = match trimmed(&matrix.dims) {
                [features] => ([*features, 1], matrix.dims.len() == 1),
                [rows, columns] => ([*rows, *columns], false),
                [] => return Err(Refusal::reason("its matrix has no axes")),
                _ => return stacked(importer, input, (1, matrix), false),
            };
            // A last axis of the batch alone would be multiplied over pictures.
            let input = if input.batch.is_some_and(|at| at + 1 == input.full.len()) {
                rebatch(importer, input, None)?
            } else {
                input.clone()
            };
            let name = importer.input_name(1);
            let weight = importer.param(name, "matmul", matrix_dims.to_vec(), || matrix.floats())?;
            let id = importer.main(Op::Dense { weight, bias: None }, &[input.id])?;
            let output = make(importer, id, input.batch);
            if !vector {
                return Ok(vec![Entry::Tensor(output)]);
            }
            let full: Vec<usize> = output.full.iter().take(output.full.len().saturating_sub(1)).copied().collect();
            let id = importer.part("squeeze", Op::Reshape { shape: without(&full, output.batch) }, &[output.id])?;
            Ok(vec![Entry::Tensor(Tensor { id, full, batch: output.batch })])
        }
        (Some(Some(Entry::Constant(matrix))), Some(Some(Entry::Tensor(input)))) => {
            let &[rows, columns] = trimmed(&matrix.dims) else {
                return stacked(importer, input, (0, matrix), true);
            };
            let length = input.full.len();
            if length < 2 {
                return Err(Refusal::reason(format!("its input has shape {:?}", input.full)));
            }
            // A · x is the transpose of xᵀ · Aᵀ.
            let input = if input.batch.is_some_and(|at| at + 2 >= length) {
                rebatch(importer, input, None)?
            } else {
                input.clone()
            };
            let inner = rank(importer, &input);
            let swap: Vec<usize> = (0..inner.saturating_sub(2)).chain([inner - 1, inner.saturating_sub(2)]).collect();
            let name = importer.input_name(0);
            let weight = importer
                .param(name, "matmul left", vec![columns, rows], || transposed(&matrix.floats(), rows, columns))?;
            let flipped = importer.part("transpose", Op::Transpose { permutation: swap.clone() }, &[input.id])?;
            let product = importer.part("product", Op::Dense { weight, bias: None }, &[flipped])?;
            let id = importer.main(Op::Transpose { permutation: swap }, &[product])?;
            wrap(importer, id, input.batch)
        }
        (Some(Some(Entry::Tensor(a))), Some(Some(Entry::Tensor(b)))) => {
            if a.full.len() < 2 || b.full.len() < 2 {
                return Err(Refusal::reason(format!("shapes {:?} and {:?} are not matrices", a.full, b.full)));
            }
            let leading = |tensor: &Tensor| {
                tensor.batch.and_then(|at| (tensor.full.len() - at).checked_sub(2)).filter(|&left| left > 0)
            };
            let (a, b) = match (leading(a), leading(b)) {
                (Some(x), Some(y)) if x == y => (a.clone(), b.clone()),
                _ => (rebatch(importer, a, None)?, rebatch(importer, b, None)?),
            };
            let id = importer.main(Op::MatMul, &[a.id, b.id])?;
            let out = a.full.len().max(b.full.len());
            let batch = a.batch.map(|at| out - (a.full.len() - at));
            wrap(importer, id, batch)
        }
        _ => Err(Refusal::reason("it needs two inputs")),
    }
}

/// A matrix's shape without leading axes of size 1.
fn trimmed(dims: &[usize]) -> &[usize] {
    let mut rest = dims;
    while let ([1, inner @ ..], true) = (rest, rest.len() > 2) {
        rest = inner;
    }
    rest
}

/// A product with constant matrices that differ along leading axes, such as the heads of an attention; `left` if the
/// constant is.
fn stacked(importer: &mut Importer, input: &Tensor, (index, matrix): (usize, &Constant), left: bool) -> Outcome {
    let (rank, depth) = (input.full.len(), matrix.dims.len());
    if rank < 2 || depth < 3 || rank < depth || rank > 64 {
        let (own, other) = (&input.full, &matrix.dims);
        return Err(Refusal::reason(format!("shapes {own:?} and {other:?} do not multiply")));
    }
    // Letters of leading axes count from the right, and those of the matrices follow.
    const ROWS: u8 = 200;
    const INNER: u8 = 201;
    const COLUMNS: u8 = 202;
    let leading = |count: usize| (0..count - 2).rev().map(|at| at as u8);
    let (own, other) = if left { ([INNER, COLUMNS], [ROWS, INNER]) } else { ([ROWS, INNER], [INNER, COLUMNS]) };
    let letters: Vec<u8> = leading(rank).chain(own).collect();
    let picture = input.batch.and_then(|at| letters.get(at)).copied();
    if picture == Some(INNER) {
        return Err(Refusal::reason("it mixes the pictures of a batch"));
    }
    let outer: Vec<u8> = leading(depth).chain(other).collect();
    let kept: Vec<(u8, usize)> = outer
        .into_iter()
        .zip(matrix.dims.iter().copied())
        .filter(|&(letter, size)| letter >= ROWS || size != 1)
        .collect();
    if kept.iter().any(|&(letter, _)| Some(letter) == picture) {
        return Err(Refusal::reason("a constant holds a value for each picture of the batch"));
    }
    let own: Vec<u8> = letters.iter().copied().filter(|&letter| Some(letter) != picture).collect();
    let out: Vec<u8> = leading(rank).chain([ROWS, COLUMNS]).collect();
    let inner: Vec<u8> = out.iter().copied().filter(|&letter| Some(letter) != picture).collect();
    let dims = kept.iter().map(|&(_, size)| size).collect();
    let letters = kept.iter().map(|&(letter, _)| letter).collect();
    let constant = Constant { dims, ..matrix.clone() };
    let operand = Operand::Fixed(constant, importer.input_name(index), letters);
    let id = contract(importer, (input.id, own), operand, &inner)?;
    let batch = picture.and_then(|letter| out.iter().position(|&other| other == letter));
    wrap(importer, id, batch)
}
