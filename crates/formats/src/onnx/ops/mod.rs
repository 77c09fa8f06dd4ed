//! What each ONNX operator becomes in the graph.

mod activation;
mod arithmetic;
mod common;
mod conv;
mod join;
mod linear;
mod norm;
mod pick;
mod pool;
mod quantize;
mod resize;
mod shape;

use std::sync::Arc;

use innspect_graph::{Activation, Op, ReduceKind};

use self::{
    activation::{celu, clip, prelu, softmax},
    arithmetic::{arithmetic, pow, variadic},
    common::{identity, list, map, rank, same, sampled, tensor, to_shape, wrap},
    conv::{conv, conv_transpose},
    join::concat,
    linear::{gemm, mat_mul},
    norm::{batch_norm, group_norm, instance_norm, layer_norm},
    pick::{gather, slice, split},
    pool::{pool, reduce},
    quantize::quantize,
    resize::resize,
    shape::{depth_space, expand, pad, reshape, reshape_node, squeeze, transpose},
};
use super::{
    Refusal,
    attributes::{Attributes, axes, size},
    fold::{flattened, shape_of, unsqueezed},
    import::{Entry, Importer},
    proto::DataType,
    tensor::Constant,
};

type Inputs = [Option<Entry>];
type Outcome = Result<Vec<Entry>, Refusal>;

/// Operators that [`convert`] knows, to tell "not on constants" from "not at all".
pub(crate) fn is_known(op: &str) -> bool {
    const KNOWN: &[&str] = &[
        "AveragePool",
        "BatchNormalization",
        "Conv",
        "ConvTranspose",
        "DepthToSpace",
        "Elu",
        "Erf",
        "Gelu",
        "Gemm",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "GroupNormalization",
        "HardSigmoid",
        "HardSwish",
        "InstanceNormalization",
        "LRN",
        "LayerNormalization",
        "LeakyRelu",
        "LogSoftmax",
        "MatMul",
        "MaxPool",
        "Mish",
        "PRelu",
        "Pad",
        "ReduceL2",
        "Resize",
        "Selu",
        "Softmax",
        "Softplus",
        "Softsign",
        "SpaceToDepth",
        "Swish",
        "Upsample",
    ];
    KNOWN.contains(&op)
}

/// Turns a node with at least one input that depends on the picture into ops of the graph.
pub(crate) fn convert(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let op = attributes.0.op_type.as_str();
    let activation = match op {
        "Relu" => Some(Activation::Relu),
        "LeakyRelu" => Some(Activation::LeakyRelu { slope: attributes.float_or("alpha", 0.01) }),
        "Elu" => Some(Activation::Elu { alpha: attributes.float_or("alpha", 1.0) }),
        "Selu" => Some(Activation::Selu {
            alpha: attributes.float_or("alpha", 1.673_263_2),
            gamma: attributes.float_or("gamma", 1.050_701),
        }),
        "Sigmoid" => Some(Activation::Sigmoid),
        "HardSigmoid" => Some(Activation::HardSigmoid {
            alpha: attributes.float_or("alpha", 0.2),
            beta: attributes.float_or("beta", 0.5),
        }),
        "HardSwish" => Some(Activation::HardSwish),
        "Tanh" => Some(Activation::Tanh),
        "Softplus" => Some(Activation::Softplus),
        "Softsign" => Some(Activation::Softsign),
        "Gelu" => Some(Activation::Gelu { tanh: attributes.string("approximate") == "tanh" }),
        "Erf" => Some(Activation::Erf),
        "Mish" => Some(Activation::Mish),
        "Swish" if attributes.float_or("alpha", 1.0) == 1.0 => Some(Activation::Silu),
        "Exp" => Some(Activation::Exp),
        "Log" => Some(Activation::Log),
        "Abs" => Some(Activation::Abs),
        "Sqrt" => Some(Activation::Sqrt),
        "Reciprocal" => Some(Activation::Reciprocal),
        _ => None,
    };
    if let Some(activation) = activation {
        let input = tensor(inputs, 0)?;
        return same(importer, Op::Activation(activation), input);
    }
    match op {
        "Conv" => conv(importer, attributes, inputs),
        "ConvTranspose" => conv_transpose(importer, attributes, inputs),
        "Gemm" => gemm(importer, attributes, inputs),
        "MatMul" => mat_mul(importer, inputs),
        "BatchNormalization" => batch_norm(importer, attributes, inputs),
        "InstanceNormalization" => instance_norm(importer, attributes, inputs),
        "GroupNormalization" => group_norm(importer, attributes, inputs),
        "LayerNormalization" => layer_norm(importer, attributes, inputs),
        "LRN" => {
            let input = map(importer, tensor(inputs, 0)?)?;
            let op = Op::Lrn {
                size: size(attributes.int_or("size", 0))?,
                alpha: attributes.float_or("alpha", 1e-4),
                beta: attributes.float_or("beta", 0.75),
                bias: attributes.float_or("bias", 1.0),
            };
            same(importer, op, &input)
        }
        "PRelu" => prelu(importer, inputs),
        "Clip" => clip(importer, attributes, inputs),
        "MaxPool" | "AveragePool" => pool(importer, attributes, inputs),
        "GlobalAveragePool" | "GlobalMaxPool" => {
            let input = sampled(importer, tensor(inputs, 0)?)?;
            let axes = (1..input.full.len().saturating_sub(1)).collect();
            let kind = if op == "GlobalMaxPool" { ReduceKind::Max } else { ReduceKind::Mean };
            let id = importer.main(Op::Reduce { kind, axes, keep_dims: true }, &[input.id])?;
            wrap(importer, id, input.batch)
        }
        "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceL2" => reduce(importer, attributes, inputs),
        "Add" | "Sub" | "Mul" | "Div" => arithmetic(importer, op, inputs),
        "Neg" => {
            let input = tensor(inputs, 0)?;
            let scale =
                importer.param("-1".to_owned(), "scalar", vec![1; rank(importer, input)], || Arc::from([-1.0]))?;
            same(importer, Op::Affine { scale: Some(scale), shift: None }, input)
        }
        "Pow" => pow(importer, inputs),
        "Celu" => celu(importer, attributes, inputs),
        "Max" | "Min" | "Sum" | "Mean" => variadic(importer, op, inputs),
        "Concat" => concat(importer, attributes, inputs),
        "Split" => split(importer, attributes, inputs),
        "Slice" => slice(importer, attributes, inputs),
        "Gather" => gather(importer, attributes, inputs),
        "Pad" => pad(importer, attributes, inputs),
        "Flatten" => {
            let input = tensor(inputs, 0)?;
            let target = flattened(&input.full, attributes.int_or("axis", 1))?;
            reshape(importer, input, target)
        }
        "Reshape" => reshape_node(importer, attributes, inputs),
        "Squeeze" => squeeze(importer, attributes, inputs),
        "Unsqueeze" => {
            let input = tensor(inputs, 0)?;
            let list = list(attributes, inputs, "axes", 1)?.ok_or_else(|| Refusal::reason("its axes are missing"))?;
            let full = unsqueezed(&input.full, &list)?;
            // The batch stays the same axis: the n-th one that is not new.
            let new = axes(&list, full.len())?;
            let batch = input.batch.and_then(|at| (0..full.len()).filter(|axis| !new.contains(axis)).nth(at));
            to_shape(importer, input, full, batch)
        }
        "Transpose" => transpose(importer, attributes, inputs),
        "Resize" | "Upsample" => resize(importer, attributes, inputs),
        "Softmax" | "LogSoftmax" => softmax(importer, attributes, inputs),
        "Identity" | "Dropout" => identity(importer, inputs),
        "Cast" | "CastLike" => {
            let to = DataType::try_from(attributes.int_or("to", 1) as i32);
            match to {
                Ok(DataType::Float | DataType::Float16 | DataType::Bfloat16 | DataType::Double) => {
                    identity(importer, inputs)
                }
                _ => Err(Refusal::reason("it turns values that depend on the picture into integers")),
            }
        }
        "QuantizeLinear" => quantize(importer, attributes, inputs),
        "DequantizeLinear" => identity(importer, inputs),
        "Shape" => Ok(vec![Entry::Constant(shape_of(&tensor(inputs, 0)?.full, attributes))]),
        "Size" => {
            let total: usize = tensor(inputs, 0)?.full.iter().product();
            Ok(vec![Entry::Constant(Constant::int(vec![], vec![total as i64]))])
        }
        "Expand" | "Tile" => expand(importer, op, inputs),
        "DepthToSpace" | "SpaceToDepth" => depth_space(importer, attributes, inputs),
        // The index of the best class: explanations start from the scores it reads.
        "ArgMax" => {
            importer.warnings.push("The final ArgMax was taken off to get the scores of all classes.".to_owned());
            identity(importer, inputs)
        }
        _ => Err(Refusal::Unknown),
    }
}
