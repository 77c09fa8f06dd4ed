//! What each ONNX operator becomes in the graph.

mod activation;
mod arithmetic;
mod attention;
mod common;
mod conv;
mod einsum;
mod fused;
mod join;
mod linear;
mod norm;
mod pick;
mod pool;
mod quantize;
mod resize;
mod shape;

use innspect_graph::{Activation, Op, ReduceKind};

pub(crate) use self::quantize::{Quantisation, bounds, moved};
use self::{
    activation::{bias_gelu, celu, clip, prelu, shrink, softmax, swish},
    arithmetic::{arithmetic, pow, variadic, where_},
    attention::{attention, multi_head_attention, projected_attention},
    common::{identity, list, map, rank, same, scalar, tensor, to_shape},
    conv::{conv, conv_transpose},
    einsum::einsum,
    fused::{fused, fused_mat_mul, packed_mat_mul},
    join::concat,
    linear::{gemm, mat_mul},
    norm::{batch_norm, group_norm, instance_norm, layer_norm, lp_norm, mean_variance_norm, skip_layer_norm},
    pick::{gather, slice, split},
    pool::{global_pool, pool, reduce},
    quantize::{
        dequantize, dynamic_quantize, integer_products, integers, quantised, quantised_concat, quantised_layer,
        quantize, scaled_product,
    },
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
use crate::support;

type Inputs = [Option<Entry>];
type Outcome = Result<Vec<Entry>, Refusal>;

/// Whether [`convert`] knows an operator, to tell "not on constants" from "not at all".
pub(crate) fn is_known(op: &str) -> bool {
    support::ONNX.contains(&op)
}

/// Whether the operators of a domain are known.
pub(crate) fn is_domain_known(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx" | CONTRIBUTED)
}

/// The domain of onnxruntime's own operators.
const CONTRIBUTED: &str = "com.microsoft";

/// onnxruntime's own operators; those that are as the standard's of the same name are left out.
fn contributed(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Option<Outcome> {
    let op = attributes.0.op_type.as_str();
    if op.starts_with("QLinear") && attributes.flag("channels_last", false) {
        return Some(Err(Refusal::reason("channels in the last axis are not supported")));
    }
    Some(match op {
        "Attention" => projected_attention(importer, attributes, inputs),
        "MultiHeadAttention" => multi_head_attention(importer, attributes, inputs),
        "BiasGelu" => bias_gelu(importer, inputs, false),
        "FastGelu" => bias_gelu(importer, inputs, true),
        "QuickGelu" => tensor(inputs, 0).and_then(|input| swish(importer, input, attributes.float_or("alpha", 1.702))),
        "FusedConv" => fused(importer, attributes, inputs, Some(3), |importer, inputs| {
            conv(importer, attributes, inputs.get(..3).unwrap_or(inputs))
        }),
        "FusedGemm" => fused(importer, attributes, inputs, None, |importer, inputs| gemm(importer, attributes, inputs)),
        "FusedMatMul" => fused_mat_mul(importer, attributes, inputs),
        "MatMulIntegerToFloat" => scaled_product(importer, inputs, Some((2, 4)), (3, 5), 6),
        "DynamicQuantizeMatMul" => scaled_product(importer, inputs, None, (2, 3), 4),
        "MatMulNBits" => packed_mat_mul(importer, attributes, inputs),
        "QGemm" => {
            let alpha = attributes.float_or("alpha", 1.0);
            let axis = i64::from(!attributes.flag("transB", false));
            quantised_layer(importer, inputs, axis, (6, 7), alpha, |importer, inputs| {
                gemm(importer, attributes, inputs)
            })
        }
        "QLinearAdd" | "QLinearMul" => quantised(importer, inputs, &[1, 1], |importer, inputs| {
            arithmetic(importer, if op == "QLinearAdd" { "Add" } else { "Mul" }, inputs)
        }),
        "QLinearConcat" => quantised_concat(importer, inputs, |importer, inputs| concat(importer, attributes, inputs)),
        "QLinearGlobalAveragePool" => {
            quantised(importer, inputs, &[1], |importer, inputs| global_pool(importer, inputs, ReduceKind::Mean))
        }
        "QLinearAveragePool" => {
            quantised(importer, inputs, &[1], |importer, inputs| pool(importer, attributes, inputs))
        }
        "QLinearReduceMean" => {
            quantised(importer, inputs, &[1], |importer, inputs| reduce(importer, attributes, inputs))
        }
        "QLinearSigmoid" => quantised(importer, inputs, &[1], |importer, inputs| {
            same(importer, Op::Activation(Activation::Sigmoid), tensor(inputs, 0)?)
        }),
        "QLinearLeakyRelu" => quantised(importer, inputs, &[1], |importer, inputs| {
            let slope = attributes.float_or("alpha", 0.01);
            same(importer, Op::Activation(Activation::LeakyRelu { slope }), tensor(inputs, 0)?)
        }),
        "QLinearSoftmax" => quantised(importer, inputs, &[1], |importer, inputs| {
            // It names the version of the standard whose softmax it is.
            let opset = std::mem::replace(&mut importer.opset, attributes.int_or("opset", 13));
            let result = softmax(importer, attributes, inputs);
            importer.opset = opset;
            result
        }),
        _ => return None,
    })
}

/// Turns a node with at least one input that depends on the picture into ops of the graph.
pub(crate) fn convert(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let op = attributes.0.op_type.as_str();
    if attributes.0.domain == CONTRIBUTED
        && let Some(outcome) = contributed(importer, attributes, inputs)
    {
        return outcome;
    }
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
        "LayerNormalization" => layer_norm(importer, attributes, inputs, true),
        "RMSNormalization" | "SimplifiedLayerNormalization" => layer_norm(importer, attributes, inputs, false),
        "SkipLayerNormalization" => skip_layer_norm(importer, attributes, inputs, true),
        "SkipSimplifiedLayerNormalization" => skip_layer_norm(importer, attributes, inputs, false),
        "MeanVarianceNormalization" => mean_variance_norm(importer, attributes, inputs),
        "LpNormalization" => lp_norm(importer, attributes, inputs),
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
        "GlobalAveragePool" => global_pool(importer, inputs, ReduceKind::Mean),
        "GlobalMaxPool" => global_pool(importer, inputs, ReduceKind::Max),
        "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceL1" | "ReduceL2" | "ReduceSumSquare"
        | "ReduceLogSum" => reduce(importer, attributes, inputs),
        "Add" | "Sub" | "Mul" | "Div" => arithmetic(importer, op, inputs),
        "Neg" => {
            let input = tensor(inputs, 0)?;
            let scale = scalar(importer, -1.0, rank(importer, input))?;
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
                    integers(importer, tensor(inputs, 0)?)
                }
                _ => Err(Refusal::reason("it turns values that depend on the picture into integers")),
            }
        }
        "QuantizeLinear" => quantize(importer, attributes, inputs),
        "DequantizeLinear" => dequantize(importer, attributes, inputs),
        "DynamicQuantizeLinear" => dynamic_quantize(importer, inputs),
        "ConvInteger" => {
            integer_products(importer, inputs, [1, 0], |importer, inputs| conv(importer, attributes, inputs))
        }
        "MatMulInteger" => integer_products(importer, inputs, [-2, -1], mat_mul),
        "QLinearConv" => {
            quantised_layer(importer, inputs, 0, (8, 6), 1.0, |importer, inputs| conv(importer, attributes, inputs))
        }
        "QLinearMatMul" => quantised(importer, inputs, &[-2, -1], mat_mul),
        "Einsum" => einsum(importer, attributes, inputs),
        "Attention" => attention(importer, attributes, inputs),
        "Where" => where_(importer, inputs),
        "Swish" => swish(importer, tensor(inputs, 0)?, attributes.float_or("alpha", 1.0)),
        "Shrink" => shrink(importer, attributes, inputs),
        // Numbers that are none occur in no trained network, and infinite ones only where a mask is, after which no
        // exporter asks for them.
        "IsNaN" | "IsInf" => {
            let full = tensor(inputs, 0)?.full.len();
            let flag = Constant::int(vec![1; full], vec![0]);
            Ok(vec![Entry::Constant(Constant { range: Some((0, 1)), ..flag })])
        }
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
