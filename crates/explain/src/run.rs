//! Carrying a plan out.

use innspect_engine::{Arrived, Assigned, Composite, EngineError, Network, Pacer, Rule, Tape, Tensor, Walk, resample};
use innspect_graph::{FinalActivation, NodeId, ResizeCoordinates, ResizeMode, ValueId};
use innspect_protocol::{ExplainSpec, Facts, Params, RuleUse, SumCheck};

use crate::{
    ExplainError, layers, params,
    plan::{Plan, Start},
    table,
};

/// A network that has run on a batch of inputs.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The network.
    pub network: &'a Network,
    /// Its forward pass.
    pub tape: &'a Tape,
    /// Its logits, `[n, classes]` row-major, read back once.
    pub logits: &'a [f32],
}

/// A finished attribution, still on the device.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// In the network's input space: `[n, C, H, W]`, or `[n, 1, H, W]` for maps of a layer.
    pub attribution: Tensor,
    /// The map at the layer's own resolution, `[n, 1, h, w]`, for maps of a layer.
    pub layer_map: Option<Tensor>,
    /// Name of that layer.
    pub layer: Option<String>,
    /// Whether the sign of a value has a meaning.
    pub signed: bool,
    /// Whether the method cuts negative values away, so that an empty map says "no positive evidence".
    pub rectified: bool,
    /// Explained class of each sample.
    pub classes: Vec<usize>,
    /// All parameters with the values used.
    pub params: Params,
    /// What was propagated back.
    pub start: Option<Start>,
    /// Rules by node.
    pub rules: Vec<RuleUse>,
    /// Start value of each sample and what biases and stabilisers took, for conserving methods.
    pub balance: Option<Balance>,
}

/// What a result says of itself beside what the method knows: which file ran where and how long.
#[derive(Clone, Copy, Debug)]
pub struct Provenance<'a> {
    /// SHA-256 of the model file, hexadecimal.
    pub model_sha256: &'a str,
    /// Names of the classes.
    pub labels: &'a [String],
    /// Device, for people.
    pub device: &'a str,
    /// Seconds of the explanation.
    pub seconds: f64,
}

impl Outcome {
    /// How the attribution of one sample was made; `values` are the elements of that sample's attribution.
    #[must_use]
    pub fn facts(&self, spec: &ExplainSpec, sample: usize, values: &[f32], provenance: Provenance<'_>) -> Facts {
        let class = self.classes.get(sample).copied().unwrap_or_default();
        let sum = values.iter().map(|&value| f64::from(value)).sum();
        Facts {
            method: spec.method.clone(),
            params: self.params.clone(),
            class,
            label: provenance.labels.get(class).cloned().unwrap_or_default(),
            target: if self.start.is_some() { format!("logit {class}") } else { "layer activation".into() },
            start: self.start.map_or("none", Start::name).into(),
            layer: self.layer.clone(),
            seed: None,
            rules: self.rules.clone(),
            check: self.balance.as_ref().map(|balance| balance.check(sample, sum)),
            model_sha256: provenance.model_sha256.into(),
            device: provenance.device.into(),
            seconds: provenance.seconds,
        }
    }
}

/// The two sides of conservation, per sample.
#[derive(Clone, Debug)]
pub struct Balance {
    /// What the reverse pass started from.
    pub start: Vec<f32>,
    /// What did not arrive, as measured at each node.
    pub absorbed: Option<Vec<f32>>,
}

impl Balance {
    /// The check of one sample, given the sum of its attribution.
    #[must_use]
    pub fn check(&self, sample: usize, sum: f64) -> SumCheck {
        let start = f64::from(self.start.get(sample).copied().unwrap_or_default());
        SumCheck {
            start,
            sum,
            absorbed: self.absorbed.as_ref().and_then(|absorbed| absorbed.get(sample)).copied().map(f64::from),
            error: (start - sum).abs() / start.abs().max(1e-12),
        }
    }
}

/// Explains every sample of the subject's batch.
///
/// # Errors
/// [`ExplainError`]; [`EngineError::Cancelled`] inside it if the pacer stops the work.
pub async fn explain(
    subject: Subject<'_>,
    spec: &ExplainSpec,
    ledger: bool,
    pacer: &mut impl Pacer,
) -> Result<Outcome, ExplainError> {
    let method = table::find(&spec.method)?;
    let network = subject.network;
    let graph = network.graph();
    let info = method.info();
    let params = params::resolve(&info, &spec.params)?;
    method.applicable(graph)?;
    let classes = explained_classes(subject, spec.class)?;
    let plan = method.plan(&params)?;
    let mut outcome = Outcome {
        attribution: subject.tape.value(graph.input).clone(),
        layer_map: None,
        layer: None,
        signed: info.signed,
        rectified: false,
        classes,
        params,
        start: None,
        rules: Vec::new(),
        balance: None,
    };
    match plan {
        Plan::Reverse { composite, start, times_input } => {
            let rules = composite.resolve(graph);
            let (seed, values) = seed(subject, &outcome.classes, start);
            let ledger = ledger && info.conserves;
            let arrived = walk(subject, &rules, seed, graph.input, ledger, pacer).await?;
            let relevance = arrived.relevance;
            outcome.attribution =
                if times_input { relevance.times(subject.tape.value(graph.input)) } else { relevance };
            outcome.start = Some(start);
            outcome.rules = rule_uses(network, &rules);
            if info.conserves {
                let absorbed = match arrived.absorbed {
                    Some(absorbed) => Some(absorbed.read().await?),
                    None => None,
                };
                outcome.balance = Some(Balance { start: values, absorbed });
            }
        }
        Plan::GradCam { signed } => {
            let layer = layers::feature_map(graph, spec.layer.as_deref())?;
            let map = grad_cam(subject, &outcome.classes, layer, signed, pacer).await?;
            outcome.attribution = enlarge(network, &map);
            outcome.layer_map = Some(map);
            outcome.layer = Some(graph.node(layer).name.clone());
            outcome.signed = signed;
            outcome.rectified = !signed;
            outcome.start = Some(Start::One);
        }
        Plan::GuidedGradCam => {
            let layer = layers::feature_map(graph, spec.layer.as_deref())?;
            let map = grad_cam(subject, &outcome.classes, layer, false, pacer).await?;
            let rules = Composite::rectifiers(Rule::Guided).resolve(graph);
            let (seed, _) = seed(subject, &outcome.classes, Start::One);
            let guided = walk(subject, &rules, seed, graph.input, false, pacer).await?.relevance;
            outcome.attribution = guided.times(&enlarge(network, &map));
            outcome.layer_map = Some(map);
            outcome.layer = Some(graph.node(layer).name.clone());
            outcome.rectified = true;
            outcome.start = Some(Start::One);
            outcome.rules = rule_uses(network, &rules);
        }
        Plan::Activation => {
            let layer = layers::feature_map(graph, spec.layer.as_deref())?;
            let value = graph.node(layer).output;
            let activation = subject.tape.value(value);
            let channels = activation.dims()[1];
            let map = match spec.neuron {
                Some(neuron) if neuron.channel >= channels => {
                    return Err(ExplainError::NotApplicable {
                        reason: format!(
                            "Layer {} has {channels} channels, numbered from 0; there is no channel {}.",
                            graph.node(layer).name,
                            neuron.channel
                        ),
                    });
                }
                Some(neuron) if neuron.position.is_some() => {
                    return Err(ExplainError::NotApplicable {
                        reason: "An activation map shows a whole channel; leave row and column out.".into(),
                    });
                }
                Some(neuron) => activation.channel(neuron.channel),
                None => activation.channel_mean(),
            };
            outcome.attribution = enlarge(network, &map);
            outcome.layer_map = Some(map);
            outcome.layer = Some(graph.node(layer).name.clone());
            outcome.signed = !network.is_nonnegative(value);
        }
    }
    Ok(outcome)
}

/// GradCAM at the layer's resolution, `[n, 1, h, w]`.
async fn grad_cam(
    subject: Subject<'_>,
    classes: &[usize],
    layer: NodeId,
    signed: bool,
    pacer: &mut impl Pacer,
) -> Result<Tensor, EngineError> {
    let graph = subject.network.graph();
    let value = graph.node(layer).output;
    let rules = Composite::gradient().resolve(graph);
    let (seed, _) = seed(subject, classes, Start::One);
    let gradient = walk(subject, &rules, seed, value, false, pacer).await?.relevance;
    let map = subject.tape.value(value).weighted_channel_sum(&gradient.spatial_mean());
    Ok(if signed { map } else { map.rectified() })
}

/// Bilinear enlargement to the network's input with corresponding cell centres.
fn enlarge(network: &Network, map: &Tensor) -> Tensor {
    let dims = map.dims();
    let Some([_, height, width]) = network.graph().image_shape() else { return map.clone() };
    let (from, to) = ([dims[2], dims[3]], [height, width]);
    resample::Matrices::new(from, to, ResizeMode::Linear, ResizeCoordinates::HalfPixel, network.device()).apply(map)
}

async fn walk(
    subject: Subject<'_>,
    rules: &[Assigned],
    seed: Tensor,
    until: ValueId,
    ledger: bool,
    pacer: &mut impl Pacer,
) -> Result<Arrived, EngineError> {
    let seed = (subject.network.graph().output, seed);
    subject.network.reverse(subject.tape, Walk { seed, rules, until, ledger }, pacer).await
}

/// The seed at the logits, and its value for each sample.
fn seed(subject: Subject<'_>, classes: &[usize], start: Start) -> (Tensor, Vec<f32>) {
    let count = subject.network.graph().classes();
    let mut seed = vec![0.0; subject.logits.len()];
    let mut values = Vec::with_capacity(classes.len());
    for (sample, &class) in classes.iter().enumerate() {
        let position = sample * count + class;
        let value = match start {
            Start::One => 1.0,
            Start::Value => subject.logits[position],
        };
        seed[position] = value;
        values.push(value);
    }
    let shape = subject.tape.value(subject.network.graph().output).dims();
    (Tensor::from_vec(seed, &shape, subject.network.device()), values)
}

fn explained_classes(subject: Subject<'_>, class: Option<usize>) -> Result<Vec<usize>, ExplainError> {
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

fn rule_uses(network: &Network, rules: &[Assigned]) -> Vec<RuleUse> {
    let mut uses: Vec<RuleUse> = Vec::new();
    for (node, assigned) in network.graph().nodes.iter().zip(rules) {
        let rule = assigned.rule.to_string();
        match uses.iter_mut().find(|entry| entry.rule == rule && entry.fallback == assigned.fallback) {
            Some(entry) => entry.nodes.push(node.name.clone()),
            None => uses.push(RuleUse { rule, nodes: vec![node.name.clone()], fallback: assigned.fallback }),
        }
    }
    uses
}

/// The logits of a tape, `[n, classes]` row-major.
///
/// # Errors
/// [`EngineError::Device`].
pub async fn read_logits(network: &Network, tape: &Tape) -> Result<Vec<f32>, EngineError> {
    tape.value(network.graph().output).read().await
}

/// Indices of the largest logits, largest first; equal ones by index, NaN last.
#[must_use]
pub fn top_classes(logits: &[f32], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    let key = |index: usize| if logits[index].is_nan() { f32::NEG_INFINITY } else { logits[index] };
    order.sort_by(|&a, &b| key(b).total_cmp(&key(a)).then(a.cmp(&b)));
    order.truncate(count);
    order
}

/// Scores in `[0, 1]` from logits: sigmoid where the network ends in one, softmax otherwise.
#[must_use]
pub fn scores(logits: &[f32], activation: FinalActivation) -> Vec<f32> {
    if activation == FinalActivation::Sigmoid {
        return logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect();
    }
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f64> = logits.iter().map(|logit| f64::from(logit - max).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|value| (value / sum) as f32).collect()
}
