//! Operators of onnxruntime that join others.

use innspect_graph::{Activation, BinaryKind, Op};

use super::{
    Inputs, Outcome,
    arithmetic::binary,
    common::{bias, constant, make, optional, rank, scalar, tensor, wrap},
    linear::mat_mul,
};
use crate::onnx::{
    Refusal,
    attributes::{Attributes, size},
    import::{Entry, Importer},
    tensor::Constant,
};

/// An operator with an activation behind it, such as `FusedConv`; a fourth input is added between.
pub(super) fn fused(
    importer: &mut Importer,
    attributes: Attributes,
    inputs: &Inputs,
    addend: Option<usize>,
    op: impl FnOnce(&mut Importer, &Inputs) -> Outcome,
) -> Outcome {
    let parameters = attributes.floats("activation_params").unwrap_or_default();
    // FusedConv lists the parameters of its activation, FusedGemm names them.
    let parameter = |index: usize, name: &str, default: f32| {
        parameters.get(index).copied().or(attributes.float(&format!("activation_{name}"))).unwrap_or(default)
    };
    let activation = match attributes.string("activation") {
        "" => None,
        "Relu" => Some(Activation::Relu),
        "LeakyRelu" => Some(Activation::LeakyRelu { slope: parameter(0, "alpha", 0.01) }),
        "Sigmoid" => Some(Activation::Sigmoid),
        "Tanh" => Some(Activation::Tanh),
        "Clip" => Some(Activation::Clip {
            min: parameter(0, "min", f32::NEG_INFINITY),
            max: parameter(1, "max", f32::INFINITY),
        }),
        "HardSigmoid" => {
            Some(Activation::HardSigmoid { alpha: parameter(0, "alpha", 0.2), beta: parameter(1, "beta", 0.5) })
        }
        other => return Err(Refusal::reason(format!("the activation {other:?} is not supported"))),
    };
    let names = (0..inputs.len()).map(|index| importer.input_name(index)).collect();
    importer.stand_in(names, true);
    let outcome = op(importer, inputs);
    importer.stand_for_itself();
    let outcome = outcome?;
    let Some(Entry::Tensor(result)) = outcome.first() else { return Ok(outcome) };
    let mut result = result.clone();
    if let Some(Some(Entry::Tensor(other))) = addend.and_then(|at| inputs.get(at)) {
        result = binary(importer, BinaryKind::Add, &result, other, false)?;
    }
    let op = activation.map_or(Op::Affine { scale: None, shift: None }, Op::Activation);
    let id = importer.close("activation", op, &[result.id])?;
    wrap(importer, id, result.batch)
}

/// `alpha · A · B` with matrices that may be transposed.
pub(super) fn fused_mat_mul(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    if attributes.flag("transBatchA", false) || attributes.flag("transBatchB", false) {
        return Err(Refusal::reason("a transposition of batches is not supported"));
    }
    let mut operands = Vec::new();
    let mut names = Vec::new();
    for (index, flag) in [(0, "transA"), (1, "transB")] {
        let name = importer.input_name(index);
        let flipped = attributes.flag(flag, false);
        names.push(if flipped { format!("{name}/transposed") } else { name });
        operands.push(match inputs.get(index) {
            Some(Some(Entry::Constant(matrix))) if flipped => {
                let mut order: Vec<usize> = (0..matrix.dims.len()).collect();
                let length = order.len();
                if length > 1 {
                    order.swap(length - 2, length - 1);
                }
                let matrix = crate::onnx::fold::permuted(matrix, &order, &mut importer.budget)?;
                Some(Entry::Constant(matrix))
            }
            Some(Some(Entry::Tensor(matrix))) if flipped => {
                let length = rank(importer, matrix);
                if length < 2 || matrix.batch.is_some_and(|at| at + 2 >= matrix.full.len()) {
                    return Err(Refusal::reason("its transposition mixes the pictures of a batch"));
                }
                let mut permutation: Vec<usize> = (0..length).collect();
                permutation.swap(length - 2, length - 1);
                let id = importer.part(flag, Op::Transpose { permutation }, &[matrix.id])?;
                Some(Entry::Tensor(make(importer, id, matrix.batch)))
            }
            Some(other) => other.clone(),
            None => None,
        });
    }
    importer.stand_in(names, true);
    let outcome = mat_mul(importer, &operands);
    importer.stand_for_itself();
    let outcome = outcome?;
    let Some(Entry::Tensor(product)) = outcome.first() else { return Ok(outcome) };
    let alpha = attributes.float_or("alpha", 1.0);
    let scale = scalar(importer, alpha, rank(importer, product))?;
    let id = importer.close("alpha", Op::Affine { scale: Some(scale), shift: None }, &[product.id])?;
    wrap(importer, id, product.batch)
}

/// `MatMulNBits`: a dense layer whose matrix is packed in integers of 4 (or 2, or 8) bits with a scale for each block of
/// inputs.
pub(super) fn packed_mat_mul(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let whole = |name: &str| size(attributes.int_or(name, 0));
    let (features, outputs, block) = (whole("K")?, whole("N")?, whole("block_size")?);
    let bits = whole("bits").map(|bits| if bits == 0 { 4 } else { bits })?;
    if block == 0 || !matches!(bits, 2 | 4 | 8) {
        return Err(Refusal::reason(format!("blocks of {block} integers of {bits} bits are not supported")));
    }
    if optional(inputs, 4)?.is_some() {
        return Err(Refusal::reason("an order of blocks is not supported"));
    }
    let (packed, scales) = (constant(inputs, 1)?.ints(), constant(inputs, 2)?.floats());
    let zeros = optional(inputs, 3)?;
    let blocks = features.div_ceil(block);
    let bytes = (block * bits).div_ceil(8);
    let total = importer.budget.charge(&[features, outputs])?;
    let fits = packed.len() == outputs.saturating_mul(blocks).saturating_mul(bytes)
        && scales.len() == outputs.saturating_mul(blocks);
    if !fits {
        return Err(Refusal::reason(format!("its packed matrix does not have {features} × {outputs} elements")));
    }
    let unpack = |bytes: &[i64], start: usize, index: usize| {
        let byte = bytes.get(start + index * bits / 8).copied().unwrap_or(0);
        (byte >> (index * bits % 8)) & ((1 << bits) - 1)
    };
    let zero_row = (blocks * bits).div_ceil(8);
    let zero = |output: usize, at: usize| -> f32 {
        match zeros {
            None => (1 << (bits - 1)) as f32,
            // Floats, or integers packed like the matrix, each output's in bytes of its own.
            Some(Constant { data: crate::onnx::tensor::Data::Float(data), .. }) => {
                data.get(output * blocks + at).copied().unwrap_or(0.0)
            }
            Some(Constant { data: crate::onnx::tensor::Data::Int(data), .. }) => {
                unpack(data, output * zero_row, at) as f32
            }
        }
    };
    let mut data = Vec::with_capacity(total);
    for feature in 0..features {
        let (at, inside) = (feature / block, feature % block);
        for output in 0..outputs {
            let value = unpack(&packed, (output * blocks + at) * bytes, inside) as f32;
            let scale = scales.get(output * blocks + at).copied().unwrap_or(0.0);
            data.push((value - zero(output, at)) * scale);
        }
    }
    let name = importer.input_name(1);
    let key = format!("packed {}/{}", importer.input_name(2), importer.input_name(3));
    let weight = importer.param(name, &key, vec![features, outputs], || data.into())?;
    let bias = bias(importer, inputs, 5)?;
    let id = importer.main(Op::Dense { weight, bias }, &[input.id])?;
    wrap(importer, id, input.batch)
}
