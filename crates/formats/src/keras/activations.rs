//! Activation functions, as an argument of a layer or as a layer.

use innspect_graph::{Activation, BinaryKind, Op};
use serde_json::{Map, Value};

use super::{
    Refusal,
    import::{Importer, Tensor},
    layers::{Settings, rank, sample_axis},
};

/// Constants of the self-normalising unit.
const SELU: Activation = Activation::Selu { alpha: 1.673_263_2, gamma: 1.050_701 };

/// Steep enough that the step of a threshold is exact for all floats around 1.
const STEEP: f32 = (1u128 << 100) as f32;

/// Applies the activation that the setting `activation` of a layer names; nothing if there is none.
pub(super) fn apply(
    importer: &mut Importer,
    setting: Option<&Value>,
    input: Tensor,
    name: &str,
) -> Result<Tensor, Refusal> {
    match setting {
        None | Some(Value::Null) => Ok(input),
        Some(Value::String(function)) if function == "linear" => Ok(input),
        Some(Value::String(function)) => named(importer, function, input, &format!("{name}/{function}")),
        Some(Value::Object(object)) => {
            let class = object.get("class_name").and_then(Value::as_str).unwrap_or_default();
            let empty = Map::new();
            match object.get("config") {
                // {"class_name": "function", "config": "relu"}.
                Some(Value::String(function)) => apply(importer, Some(&Value::String(function.clone())), input, name),
                config => {
                    let config = config.and_then(Value::as_object).unwrap_or(&empty);
                    let own = format!("{name}/{class}");
                    layer(importer, class, Settings(config), input, &own)?
                        .ok_or_else(|| Refusal::reason(format!("its activation {class:?} is not supported")))
                }
            }
        }
        Some(_) => Err(Refusal::reason("its activation is not a name")),
    }
}

/// A function by its name.
pub(super) fn named(importer: &mut Importer, function: &str, input: Tensor, name: &str) -> Result<Tensor, Refusal> {
    let activation = match function {
        "linear" => return Ok(input),
        "relu" => Activation::Relu,
        "relu6" => Activation::RELU6,
        "leaky_relu" => Activation::LeakyRelu { slope: 0.2 },
        "elu" | "celu" => Activation::Elu { alpha: 1.0 },
        "selu" => SELU,
        "softplus" => Activation::Softplus,
        "softsign" => Activation::Softsign,
        "tanh" => Activation::Tanh,
        "sigmoid" => Activation::Sigmoid,
        "exponential" => Activation::Exp,
        // Keras 3 took over PyTorch's definition.
        "hard_sigmoid" if importer.keras3 => Activation::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 },
        "hard_sigmoid" => Activation::HardSigmoid { alpha: 0.2, beta: 0.5 },
        "hard_silu" | "hard_swish" => Activation::HardSwish,
        "swish" | "silu" => Activation::Silu,
        "gelu" => Activation::Gelu { tanh: false },
        "mish" => Activation::Mish,
        "hard_tanh" => Activation::Clip { min: -1.0, max: 1.0 },
        "softmax" | "log_softmax" => return softmax(importer, function == "log_softmax", -1, input, name),
        other => return Err(Refusal::reason(format!("its activation {other:?} is not supported"))),
    };
    element_wise(importer, activation, input, name)
}

fn element_wise(importer: &mut Importer, activation: Activation, input: Tensor, name: &str) -> Result<Tensor, Refusal> {
    let id = importer.add(name, Op::Activation(activation), &[input.id])?;
    Ok(Tensor { id, ..input })
}

fn softmax(importer: &mut Importer, log: bool, axis: i64, input: Tensor, name: &str) -> Result<Tensor, Refusal> {
    // Axis 0 is the batch.
    let axis = sample_axis(importer, input, axis)?;
    let op = if log { Op::LogSoftmax { axis } } else { Op::Softmax { axis } };
    let id = importer.add(name, op, &[input.id])?;
    Ok(Tensor { id, ..input })
}

/// An activation that is a layer of its own; `None` if the class is none. PReLU has weights and is not among them.
pub(super) fn layer(
    importer: &mut Importer,
    class: &str,
    settings: Settings,
    input: Tensor,
    name: &str,
) -> Result<Option<Tensor>, Refusal> {
    let activation = match class {
        "LeakyReLU" => {
            let slope = settings.number("negative_slope")?.or(settings.number("alpha")?).unwrap_or(0.3);
            Activation::LeakyRelu { slope }
        }
        "ELU" => Activation::Elu { alpha: settings.number("alpha")?.unwrap_or(1.0) },
        "ReLU" => return relu(importer, settings, input, name).map(Some),
        "ThresholdedReLU" => {
            return threshold(importer, settings.number("theta")?.unwrap_or(1.0), input, name).map(Some);
        }
        "Softmax" => {
            let axis = match settings.0.get("axis") {
                Some(Value::Array(list)) => match list.as_slice() {
                    [one] => one.as_i64(),
                    _ => return Err(Refusal::reason("a softmax over several axes is not supported")),
                },
                Some(axis) => axis.as_i64(),
                None => Some(-1),
            };
            let axis = axis.ok_or_else(|| Refusal::reason("its axis is not a number"))?;
            return softmax(importer, false, axis, input, name).map(Some);
        }
        _ => return Ok(None),
    };
    element_wise(importer, activation, input, name).map(Some)
}

fn relu(importer: &mut Importer, settings: Settings, input: Tensor, name: &str) -> Result<Tensor, Refusal> {
    let max = settings.number("max_value")?;
    let slope = settings.number("negative_slope")?.unwrap_or(0.0);
    let from = settings.number("threshold")?.unwrap_or(0.0);
    let part = format!("{name}/slope");
    match (max, slope == 0.0, from == 0.0) {
        (None, true, true) => element_wise(importer, Activation::Relu, input, name),
        (Some(max), true, true) => element_wise(importer, Activation::Clip { min: 0.0, max }, input, name),
        (None, false, true) => element_wise(importer, Activation::LeakyRelu { slope }, input, name),
        (Some(max), false, true) => {
            let leaky = element_wise(importer, Activation::LeakyRelu { slope }, input, &part)?;
            element_wise(importer, Activation::Clip { min: f32::NEG_INFINITY, max }, leaky, name)
        }
        (None, true, false) => threshold(importer, from, input, name),
        (Some(max), true, false) => {
            let above = threshold(importer, from, input, &format!("{name}/threshold"))?;
            element_wise(importer, Activation::Clip { min: 0.0, max }, above, name)
        }
        (_, false, false) => Err(Refusal::reason("a threshold together with a negative slope is not supported")),
    }
}

/// `x` where it is above `from`, else 0: the value times a step, which is a very steep hard sigmoid.
fn threshold(importer: &mut Importer, from: f32, input: Tensor, name: &str) -> Result<Tensor, Refusal> {
    let activation = Activation::HardSigmoid { alpha: STEEP, beta: -from * STEEP };
    let step = element_wise(importer, activation, input, &format!("{name}/step"))?;
    let id = importer.add(name, Op::Binary(BinaryKind::Mul), &[input.id, step.id])?;
    Ok(Tensor { id, ..input })
}

/// A slope per channel or per element.
pub(super) fn prelu(importer: &mut Importer, input: Tensor, name: &str) -> Result<Tensor, Refusal> {
    let expected = rank(importer, input);
    let slope = importer.param(&format!("{name}/alpha"), |importer| {
        let (dims, data) = importer.weights.get(name, 0)?;
        if dims.len() != expected {
            return Err(Refusal::reason(format!("its slopes have the shape {dims:?}")));
        }
        match (input.last, dims.as_slice()) {
            (true, &[height, width, channels]) => {
                let moved = super::layers::permuted(&dims, &data, &[2, 0, 1]);
                Ok((vec![channels, height, width], moved))
            }
            _ => Ok((dims, data)),
        }
    })?;
    element_wise(importer, Activation::PRelu { slope }, input, name)
}
