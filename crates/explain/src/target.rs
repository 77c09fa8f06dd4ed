//! The number that is explained: where a reverse pass starts, and what a forward pass is asked for.

use innspect_engine::{EngineError, Network, Pacer, Tape, Tensor};
use innspect_graph::{FinalActivation, Graph, ValueId};
use innspect_protocol::{ExplainSpec, MethodInfo, Neuron, Target, TargetKind};

use crate::{ExplainError, Start, Subject, scores, top_classes};

/// A target of one sample, resolved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Aim {
    /// A logit, possibly minus another.
    Logits { plus: usize, minus: Option<usize> },
    /// The score of a class after the network's final activation.
    Score(usize),
    /// The sum over a channel of a value, or one unit of it.
    Unit { value: ValueId, neuron: Neuron },
}

impl Aim {
    /// The value that a reverse pass starts at.
    pub fn value(self, graph: &Graph) -> ValueId {
        match self {
            Self::Logits { .. } | Self::Score(_) => graph.output,
            Self::Unit { value, .. } => value,
        }
    }

    /// The words in results.
    pub fn describe(self, graph: &Graph) -> String {
        match self {
            Self::Logits { plus, minus: None } => format!("logit {plus}"),
            Self::Logits { plus, minus: Some(minus) } => format!("logit {plus} - logit {minus}"),
            Self::Score(class) => format!("probability {class}"),
            Self::Unit { value, neuron } => {
                let layer = graph.producer(value).map_or("input", |id| graph.node(id).name.as_str());
                match neuron.position {
                    None => format!("layer {layer}, channel {}", neuron.channel),
                    Some([row, column]) => {
                        format!("layer {layer}, channel {}, row {row}, column {column}", neuron.channel)
                    }
                }
            }
        }
    }

    /// The number itself, from one sample of the value.
    fn read(self, graph: &Graph, values: &[f32]) -> f32 {
        match self {
            Self::Logits { plus, minus } => values[plus] - minus.map_or(0.0, |minus| values[minus]),
            Self::Score(class) => scores(values, graph.final_activation)[class],
            Self::Unit { value, neuron } => {
                let weights = unit_weights(graph, value, neuron);
                values.iter().zip(&weights).map(|(value, weight)| value * weight).sum()
            }
        }
    }
}

/// The explained class of each sample.
///
/// # Errors
/// [`ExplainError::Class`].
pub(crate) fn explained_classes(subject: Subject<'_>, class: Option<usize>) -> Result<Vec<usize>, ExplainError> {
    let count = subject.network.graph().classes();
    match class {
        Some(class) if class >= count => Err(ExplainError::Class { class, classes: count }),
        Some(class) => Ok(vec![class; subject.tape.batch()]),
        None => Ok(subject
            .logits
            .chunks(count)
            .map(|logits| top_classes(logits, 1).first().copied().unwrap_or(0))
            .collect()),
    }
}

/// The target of each sample.
///
/// # Errors
/// [`ExplainError::NotApplicable`] if the method does not explain such a target, or the layer has no such unit.
pub(crate) fn aims(
    subject: Subject<'_>,
    spec: &ExplainSpec,
    method: &MethodInfo,
    classes: &[usize],
) -> Result<Vec<Aim>, ExplainError> {
    let graph = subject.network.graph();
    let allow = |kind: TargetKind, what: &str| {
        if method.targets.contains(&kind) {
            return Ok(());
        }
        Err(ExplainError::NotApplicable { reason: format!("{} does not explain {what}.", method.name) })
    };
    match &spec.target {
        Target::Logit => Ok(classes.iter().map(|&plus| Aim::Logits { plus, minus: None }).collect()),
        Target::Probability => {
            allow(TargetKind::Probability, "a probability")?;
            Ok(classes.iter().map(|&class| Aim::Score(class)).collect())
        }
        Target::Contrast { against } => {
            allow(TargetKind::Contrast, "one class rather than another")?;
            let count = graph.classes();
            if let Some(class) = against.filter(|class| *class >= count) {
                return Err(ExplainError::Class { class, classes: count });
            }
            if let Some(class) = against.filter(|against| classes.contains(against)) {
                return Err(ExplainError::NotApplicable {
                    reason: format!("Class {class} cannot be explained rather than itself; choose another one."),
                });
            }
            let strongest_other =
                |logits: &[f32], class: usize| top_classes(logits, 2).into_iter().find(|other| *other != class);
            Ok(classes
                .iter()
                .zip(subject.logits.chunks(count))
                .map(|(&plus, logits)| Aim::Logits { plus, minus: against.or_else(|| strongest_other(logits, plus)) })
                .collect())
        }
        Target::Neuron { layer, neuron } => {
            allow(TargetKind::Neuron, "a unit of a layer")?;
            let node = graph.find_node(layer).ok_or_else(|| ExplainError::UnknownLayer { name: layer.clone() })?;
            let value = graph.node(node).output;
            check_unit(graph, layer, value, *neuron)?;
            Ok(vec![Aim::Unit { value, neuron: *neuron }; classes.len()])
        }
    }
}

fn check_unit(graph: &Graph, layer: &str, value: ValueId, neuron: Neuron) -> Result<(), ExplainError> {
    let shape = graph.value(value).shape.dims();
    let channels = shape.first().copied().unwrap_or(1);
    if neuron.channel >= channels {
        return Err(ExplainError::NotApplicable {
            reason: format!(
                "Layer {layer} has {channels} channels, numbered from 0; there is no channel {}.",
                neuron.channel
            ),
        });
    }
    let Some([row, column]) = neuron.position else { return Ok(()) };
    match shape {
        [_, height, width] if row < *height && column < *width => Ok(()),
        [_, height, width] => Err(ExplainError::NotApplicable {
            reason: format!(
                "Layer {layer} has {height} × {width} positions, numbered from 0; there is no {row}, {column}."
            ),
        }),
        _ => Err(ExplainError::NotApplicable { reason: format!("Layer {layer} has no rows and columns.") }),
    }
}

/// 1 at the unit or over the channel, 0 elsewhere, in the shape of one sample of a value.
fn unit_weights(graph: &Graph, value: ValueId, neuron: Neuron) -> Vec<f32> {
    let shape = graph.value(value).shape.dims();
    let cells = shape.iter().skip(1).product::<usize>();
    let mut weights = vec![0.0; graph.value(value).shape.numel()];
    let start = neuron.channel * cells;
    match (neuron.position, shape) {
        (Some([row, column]), [_, _, width]) => weights[start + row * width + column] = 1.0,
        _ => weights[start..start + cells].fill(1.0),
    }
    weights
}

/// The seed of a reverse pass: the value it starts at, the seed of that value's shape, and what it sums to for each
/// sample. `logits` may be given if they were read back already.
///
/// # Errors
/// [`EngineError::Device`].
pub(crate) async fn seed(
    network: &Network,
    tape: &Tape,
    logits: Option<&[f32]>,
    aims: &[Aim],
    start: Start,
) -> Result<(ValueId, Tensor, Vec<f32>), EngineError> {
    let graph = network.graph();
    let value = aims.first().map_or(graph.output, |aim| aim.value(graph));
    let size = graph.value(value).shape.numel();
    let needs_logits = start != Start::One || matches!(aims.first(), Some(Aim::Score(_)));
    let read;
    let numbers: &[f32] = match logits.filter(|_| value == graph.output) {
        Some(logits) => logits,
        None if needs_logits => {
            read = tape.value(value).read().await?;
            &read
        }
        None => &[],
    };
    let mut seed = vec![0.0; size * aims.len()];
    for (sample, &aim) in aims.iter().enumerate() {
        let seed = &mut seed[sample * size..][..size];
        let own = numbers.get(sample * size..).and_then(|rest| rest.get(..size)).unwrap_or_default();
        match aim {
            Aim::Logits { plus, minus } => {
                let of = |class: usize| if start == Start::One { 1.0 } else { own[class] };
                seed[plus] += of(plus);
                if let Some(minus) = minus {
                    seed[minus] -= of(minus);
                }
            }
            Aim::Score(class) if start == Start::One => {
                let all = scores(own, graph.final_activation);
                if graph.final_activation == FinalActivation::Sigmoid {
                    seed[class] = all[class] * (1.0 - all[class]);
                } else {
                    for (index, (seed, score)) in seed.iter_mut().zip(&all).enumerate() {
                        *seed = all[class] * (f32::from(index == class) - score);
                    }
                }
            }
            // A decomposition of a probability starts with that much relevance at the class.
            Aim::Score(class) => seed[class] = scores(own, graph.final_activation)[class],
            Aim::Unit { neuron, .. } => {
                seed.copy_from_slice(&unit_weights(graph, value, neuron));
                if start != Start::One {
                    seed.iter_mut().zip(own).for_each(|(seed, own)| *seed *= own);
                }
            }
        }
        if start == Start::Positive {
            seed.iter_mut().for_each(|seed| *seed = seed.max(0.0));
        }
    }
    let sums = seed.chunks(size.max(1)).map(|seed| seed.iter().sum()).collect();
    Ok((value, Tensor::from_vec(seed, &tape.value(value).dims(), network.device()), sums))
}

/// The target of every input `[n, C, H, W]`, all with the same aim.
///
/// # Errors
/// [`EngineError`].
pub(crate) async fn score(
    network: &Network,
    inputs: &Tensor,
    aim: Aim,
    pacer: &mut impl Pacer,
) -> Result<Vec<f32>, EngineError> {
    let graph = network.graph();
    let value = aim.value(graph);
    let size = graph.value(value).shape.numel().max(1);
    let values = network.infer(inputs, value, pacer).await?.read().await?;
    Ok(values.chunks(size).map(|values| aim.read(graph, values)).collect())
}

/// The target of a sample of the subject, which has run already.
///
/// # Errors
/// [`EngineError::Device`].
pub(crate) async fn known_score(subject: Subject<'_>, sample: usize, aim: Aim) -> Result<f32, EngineError> {
    let graph = subject.network.graph();
    let value = aim.value(graph);
    let size = graph.value(value).shape.numel().max(1);
    if value == graph.output {
        return Ok(aim.read(graph, &subject.logits[sample * size..][..size]));
    }
    let values = subject.tape.value(value).read().await?;
    Ok(aim.read(graph, &values[sample * size..][..size]))
}
