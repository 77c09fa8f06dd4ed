//! Carrying a plan out.

use innspect_engine::{Assigned, Composite, EngineError, Network, Rule, Tape, Tensor};
use innspect_graph::FinalActivation;
use innspect_protocol::{ExplainSpec, Facts, MethodInfo, ParamValue, Params, RuleUse, SumCheck, SumRule, Target};

use crate::{
    ExplainError, Monitor, Subject, cam, layers, masks,
    monitor::Chunk,
    params,
    plan::{CamKind, Ground, Plan, Reversal, Start, Times},
    reverse::{self, Way},
    steps::{self, Sample},
    table,
    target::{self, Aim},
};

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
    /// What the sum of each sample's map should be, for methods that promise one.
    pub balance: Option<Balance>,
    /// What was explained of each sample, such as `logit 207`.
    pub targets: Vec<String>,
    /// Seed, for methods and baselines that draw random numbers.
    pub seed: Option<u64>,
    /// What else there is to know, each one sentence.
    pub notes: Vec<String>,
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
            target: self.targets.get(sample).cloned().unwrap_or_default(),
            start: self.start.map_or("none", Start::name).into(),
            layer: self.layer.clone(),
            seed: self.seed,
            rules: self.rules.clone(),
            check: self.balance.as_ref().map(|balance| balance.check(sample, sum)),
            notes: self.notes.clone(),
            model_sha256: provenance.model_sha256.into(),
            device: provenance.device.into(),
            seconds: provenance.seconds,
        }
    }
}

/// The two sides of conservation or completeness, per sample.
#[derive(Clone, Debug)]
pub struct Balance {
    /// Which of the two.
    pub rule: SumRule,
    /// What the reverse pass started from, or the score minus that of the baseline.
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
            rule: self.rule,
            start,
            sum,
            absorbed: self.absorbed.as_ref().and_then(|absorbed| absorbed.get(sample)).copied().map(f64::from),
            error: (start - sum).abs() / start.abs().max(1e-12),
        }
    }
}

/// Explains every sample of the subject's batch. A `ledger` asks conserving methods where each share of the start went,
/// which costs a reduction at each node.
///
/// # Errors
/// [`ExplainError`]; [`EngineError::Cancelled`] inside it if the monitor stops the work.
pub async fn explain(
    subject: Subject<'_>,
    spec: &ExplainSpec,
    ledger: bool,
    monitor: &mut impl Monitor,
) -> Result<Outcome, ExplainError> {
    let method = table::find(&spec.method)?;
    let graph = subject.network.graph();
    let info = method.info();
    let params = params::resolve(&info, &spec.params)?;
    method.applicable(graph)?;
    let classes = target::explained_classes(subject, spec.class)?;
    let mut aims = target::aims(subject, spec, &info, &classes)?;
    if method.on_probability && spec.target == Target::Logit {
        aims = classes.iter().map(|&class| Aim::Score(class)).collect();
    }
    if spec.concept.is_some() && !info.concept {
        return Err(ExplainError::NotApplicable {
            reason: format!("{} cannot be restricted to a concept; LRP methods can.", info.name),
        });
    }
    let channels = graph.image_shape().map_or(1, |shape| shape[0]);
    let plan = method.plan(&params, Ground { preprocessing: &subject.setting.preprocessing, channels })?;
    // A baseline may be a draw where the method is none.
    let draws_baseline = params.get("baseline") == Some(&ParamValue::Text("noise".into()));
    let outcome = Outcome {
        attribution: subject.input().clone(),
        layer_map: None,
        layer: None,
        signed: info.signed,
        rectified: false,
        classes,
        params,
        start: None,
        rules: Vec::new(),
        balance: None,
        targets: aims.iter().map(|aim| aim.describe(graph)).collect(),
        seed: (info.draws || draws_baseline).then_some(spec.seed),
        notes: Vec::new(),
    };
    Job { subject, spec, info: &info, aims: &aims, ledger }.carry_out(plan, outcome, monitor).await
}

/// One request on its way from plan to outcome.
struct Job<'a> {
    subject: Subject<'a>,
    spec: &'a ExplainSpec,
    info: &'a MethodInfo,
    aims: &'a [Aim],
    ledger: bool,
}

impl Job<'_> {
    async fn carry_out(
        &self,
        plan: Plan,
        mut outcome: Outcome,
        monitor: &mut impl Monitor,
    ) -> Result<Outcome, ExplainError> {
        let subject = self.subject;
        let network = subject.network;
        let graph = network.graph();
        match plan {
            Plan::Reverse(reversal) => self.reverse(&reversal, None, 0, &mut outcome, monitor).await?,
            Plan::Pattern { reversal, rectified_only, pictures } => {
                let (patterns, used) = reverse::fit_patterns(subject, rectified_only, pictures, monitor).await?;
                outcome.notes.push(format!(
                    "Patterns were fitted to {used} {}.",
                    if used == 1 { "picture; open more for better ones" } else { "pictures" }
                ));
                self.reverse(&reversal, Some(&patterns), used, &mut outcome, monitor).await?;
            }
            Plan::Noise { of, samples, scale, summary } => {
                let rules = reverse::resolve(subject, &of.composite);
                outcome.start = Some(of.start);
                outcome.rules = rule_uses(network, &rules);
                let mut maps = Vec::new();
                for index in 0..self.aims.len() {
                    let sample = self.sample(index, &outcome);
                    maps.push(steps::noise(&sample, &of, &rules, samples, scale, summary, monitor).await?);
                }
                outcome.attribution = Tensor::cat(maps, 0);
            }
            Plan::Path { steps, quadrature, baseline } => {
                outcome.start = Some(Start::One);
                let (mut maps, mut references) = (Vec::new(), Vec::new());
                for index in 0..self.aims.len() {
                    let sample = self.sample(index, &outcome);
                    let (map, reference) = steps::path(&sample, steps, quadrature, &baseline, monitor).await?;
                    maps.push(map);
                    references.push(reference);
                }
                outcome.attribution = Tensor::cat(maps, 0);
                outcome.balance = self.difference(&references).await?;
            }
            Plan::ExpectedPath { samples } => {
                outcome.start = Some(Start::One);
                let (mut maps, mut references) = (Vec::new(), Vec::new());
                for index in 0..self.aims.len() {
                    let sample = self.sample(index, &outcome);
                    let (map, reference) = steps::expected_path(&sample, samples, monitor).await?;
                    outcome.notes = vec![format!("Paths start at {} other pictures.", steps::others(&sample).len())];
                    maps.push(map);
                    references.push(reference);
                }
                outcome.attribution = Tensor::cat(maps, 0);
                outcome.balance = self.difference(&references).await?;
            }
            Plan::Cam { kind, signed } => {
                let layer = layers::feature_map(graph, self.spec.layer.as_deref())?;
                let map = cam::map(subject, self.aims, layer, kind, monitor).await?;
                outcome.start = Some(Start::One);
                outcome.signed = signed;
                self.layer_map(layer, map, !signed, &mut outcome);
            }
            Plan::EigenCam => {
                let layer = layers::feature_map(graph, self.spec.layer.as_deref())?;
                let map = cam::eigen(subject, layer).await?;
                outcome.targets.fill("layer activation".into());
                self.layer_map(layer, map, false, &mut outcome);
            }
            Plan::ScoreCam { channels, baseline } => {
                let layer = layers::feature_map(graph, self.spec.layer.as_deref())?;
                let mut maps = Vec::new();
                for index in 0..self.aims.len() {
                    let mut sample = self.sample(index, &outcome);
                    sample.draft.rectified = true;
                    maps.push(cam::score(&sample, layer, channels, &baseline, monitor).await?);
                }
                self.layer_map(layer, Tensor::cat(maps, 0), true, &mut outcome);
            }
            Plan::GuidedGradCam => {
                let layer = layers::feature_map(graph, self.spec.layer.as_deref())?;
                let mut pass = Chunk { monitor, done: 0, steps: 1, total: 1, part: (0, 2) };
                let map = cam::map(subject, self.aims, layer, CamKind::GradCam, &mut pass).await?.rectified();
                let rules = reverse::resolve(subject, &Composite::rectifiers(Rule::Guided));
                let way = Way::new(network, &rules, &steps::plain_gradient());
                pass.part = (1, 2);
                let guided = way.attribute(subject.tape, Some(subject.logits), self.aims, &mut pass).await?.map;
                outcome.attribution = guided.mul(&cam::enlarge(subject, &map));
                outcome.layer_map = Some(map);
                outcome.layer = Some(graph.node(layer).name.clone());
                outcome.rectified = true;
                outcome.start = Some(Start::One);
                outcome.rules = rule_uses(network, &rules);
            }
            Plan::Mask { masking, baseline } => {
                let (mut maps, mut references) = (Vec::new(), Vec::new());
                for index in 0..self.aims.len() {
                    let sample = self.sample(index, &outcome);
                    let masked = masks::explain(&sample, &masking, &baseline, monitor).await?;
                    maps.push(masked.map);
                    references.extend(masked.reference);
                    outcome.notes = masked.notes;
                }
                outcome.attribution = Tensor::cat(maps, 0);
                if self.info.sum == SumRule::Difference {
                    outcome.balance = self.difference(&references).await?;
                }
            }
            Plan::Activation => self.activation(&mut outcome)?,
        }
        Ok(outcome)
    }

    /// One reverse pass, after some steps of work for it.
    async fn reverse(
        &self,
        reversal: &Reversal,
        patterns: Option<&innspect_engine::Patterns>,
        before: usize,
        outcome: &mut Outcome,
        monitor: &mut impl Monitor,
    ) -> Result<(), ExplainError> {
        let subject = self.subject;
        let rules = reverse::resolve(subject, &reversal.composite);
        let mut pass = Chunk { monitor, done: before, steps: 1, total: before + 1, part: (0, 1) };
        let reference: Option<Tape> = match &reversal.baseline {
            Some(baseline) => {
                pass.part = (0, 2);
                let reference = reverse::reference(subject, baseline, self.spec.seed, &mut pass).await?;
                pass.part = (1, 2);
                Some(reference)
            }
            None => None,
        };
        let way = Way {
            reference: reference.as_ref(),
            patterns,
            concept: reverse::concept_mask(subject, self.spec.concept.as_ref())?,
            ledger: self.ledger && self.info.sum == SumRule::Start,
            ..Way::new(subject.network, &rules, reversal)
        };
        let attributed = way.attribute(subject.tape, Some(subject.logits), self.aims, &mut pass).await?;
        outcome.attribution = attributed.map;
        outcome.start = Some(reversal.start);
        outcome.rules = rule_uses(subject.network, &rules);
        if let Some(concept) = &self.spec.concept {
            outcome.notes.push(format!(
                "Only what passes channel {} of layer {} is shown.",
                concept.channels.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
                concept.layer
            ));
        }
        match (self.info.sum, &reference) {
            (SumRule::Start, _) => {
                let absorbed = match attributed.absorbed {
                    Some(absorbed) => Some(absorbed.read().await?),
                    None => None,
                };
                outcome.balance = Some(Balance { rule: SumRule::Start, start: attributed.started, absorbed });
            }
            (SumRule::Difference, Some(reference)) if reversal.times == Times::Difference => {
                let logits = read_logits(subject.network, reference).await?;
                let baselines = Subject { tape: reference, logits: &logits, ..subject };
                let mut scores = Vec::new();
                for (index, &aim) in self.aims.iter().enumerate() {
                    scores.push(target::known_score(baselines, index, aim).await?);
                }
                outcome.balance = self.difference(&scores).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The balance of a method that shares out the difference to a baseline with these scores.
    async fn difference(&self, references: &[f32]) -> Result<Option<Balance>, ExplainError> {
        let mut start = Vec::with_capacity(references.len());
        for (index, (&aim, reference)) in self.aims.iter().zip(references).enumerate() {
            start.push(target::known_score(self.subject, index, aim).await? - reference);
        }
        Ok(Some(Balance { rule: SumRule::Difference, start, absorbed: None }))
    }

    /// Takes a map of a layer into the outcome.
    fn layer_map(&self, layer: innspect_graph::NodeId, map: Tensor, rectify: bool, outcome: &mut Outcome) {
        let map = if rectify { map.rectified() } else { map };
        outcome.attribution = cam::enlarge(self.subject, &map);
        outcome.layer_map = Some(map);
        outcome.layer = Some(self.subject.network.graph().node(layer).name.clone());
        outcome.rectified = rectify;
    }

    fn activation(&self, outcome: &mut Outcome) -> Result<(), ExplainError> {
        let graph = self.subject.network.graph();
        let layer = layers::feature_map(graph, self.spec.layer.as_deref())?;
        let value = graph.node(layer).output;
        let activation = self.subject.tape.value(value);
        let channels = activation.dims()[1];
        let map = match self.spec.neuron {
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
        outcome.signed = !self.subject.network.is_nonnegative(value);
        outcome.targets.fill("layer activation".into());
        self.layer_map(layer, map, false, outcome);
        Ok(())
    }

    fn sample(&self, index: usize, draft: &Outcome) -> Sample<'_> {
        Sample { subject: self.subject, index, aim: self.aims[index], seed: self.spec.seed, draft: draft.clone() }
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
