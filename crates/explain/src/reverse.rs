//! Methods of one reverse pass.

use innspect_dataset::baseline::Baseline;
use innspect_engine::{
    Assigned, Composite, EngineError, Network, Pacer, PatternFit, Patterns, Rule, Tape, Tensor, Walk,
};
use innspect_graph::ValueId;
use innspect_protocol::Concept;

use crate::{
    ExplainError, Start, Subject, Times,
    monitor::{Chunk, Monitor},
    plan::Reversal,
    target::{self, Aim},
};

/// A reverse pass, resolved for a network.
pub(crate) struct Way<'a> {
    pub network: &'a Network,
    pub rules: &'a [Assigned],
    pub start: Start,
    pub times: Times,
    pub reference: Option<&'a Tape>,
    pub patterns: Option<&'a Patterns>,
    pub concept: Option<(ValueId, Tensor)>,
    pub ledger: bool,
}

/// What came of it.
pub(crate) struct Attributed {
    /// `[n, C, H, W]`.
    pub map: Tensor,
    /// What the pass started with, for each sample.
    pub started: Vec<f32>,
    /// What biases and stabilisers took, `[n]`.
    pub absorbed: Option<Tensor>,
}

impl<'a> Way<'a> {
    /// A way without extras.
    pub fn new(network: &'a Network, rules: &'a [Assigned], reversal: &Reversal) -> Self {
        Self {
            network,
            rules,
            start: reversal.start,
            times: reversal.times,
            reference: None,
            patterns: None,
            concept: None,
            ledger: false,
        }
    }

    /// Walks back over a tape, one aim a sample.
    pub async fn attribute(
        &self,
        tape: &Tape,
        logits: Option<&[f32]>,
        aims: &[Aim],
        pacer: &mut impl Pacer,
    ) -> Result<Attributed, EngineError> {
        let input = self.network.graph().input;
        let (at, seed, started) = target::seed(self.network, tape, logits, aims, self.start).await?;
        let walk = Walk {
            ledger: self.ledger,
            reference: self.reference,
            patterns: self.patterns,
            mask: self.concept.clone(),
            // Of a signal only the shape means something; iNNvestigate brings it to size in the same way.
            rescale: self.rules.iter().any(|assigned| assigned.rule == Rule::Pattern { attribution: false }),
            ..Walk::new((at, seed), self.rules, input)
        };
        let arrived = self.network.reverse(tape, walk, pacer).await?;
        let x = tape.value(input);
        let map = match (self.times, self.reference) {
            (Times::Input, _) => arrived.relevance.mul(x),
            (Times::Difference, Some(reference)) => arrived.relevance.mul(&x.sub(reference.value(input))),
            _ => arrived.relevance,
        };
        Ok(Attributed { map, started, absorbed: arrived.absorbed })
    }
}

/// The mask of a concept `[1, C, 1, 1]` (or `[1, F]`), and where it applies.
pub(crate) fn concept_mask(
    subject: Subject<'_>,
    concept: Option<&Concept>,
) -> Result<Option<(ValueId, Tensor)>, ExplainError> {
    let Some(Concept { layer, channels }) = concept else { return Ok(None) };
    let graph = subject.network.graph();
    let node = graph.find_node(layer).ok_or_else(|| ExplainError::UnknownLayer { name: layer.clone() })?;
    let value = graph.node(node).output;
    let shape = graph.value(value).shape.dims();
    let count = shape.first().copied().unwrap_or(1);
    let mut mask = vec![0.0; count];
    for &channel in channels {
        *mask.get_mut(channel).ok_or_else(|| ExplainError::NotApplicable {
            reason: format!("Layer {layer} has {count} channels, numbered from 0; there is no channel {channel}."),
        })? = 1.0;
    }
    let mut dims = vec![1; shape.len() + 1];
    dims[1] = count;
    Ok(Some((value, Tensor::from_vec(mask, &dims, subject.network.device()))))
}

/// The forward pass of the baselines of all samples.
pub(crate) async fn reference(
    subject: Subject<'_>,
    baseline: &str,
    seed: u64,
    pacer: &mut impl Pacer,
) -> Result<Tape, ExplainError> {
    let mut baselines = Vec::with_capacity(subject.tape.batch());
    for index in 0..subject.tape.batch() {
        baselines.push(subject.baseline(&subject.sample(index), baseline, seed).await?);
    }
    let baselines = Tensor::cat(baselines, 0);
    Ok(subject.network.forward(&baselines, pacer).await?)
}

/// Patterns of a network, fitted to pictures in one pass, and how many there were. One more step of progress is left to
/// the pass that uses them.
pub(crate) async fn fit_patterns(
    subject: Subject<'_>,
    rectified_only: bool,
    count: usize,
    monitor: &mut impl Monitor,
) -> Result<(Patterns, usize), ExplainError> {
    // What is explained serves only where there is nothing else: patterns are of the data, not of one picture.
    let mut pictures: Vec<Tensor> = subject.setting.pictures.iter().map(|(_, picture)| picture.clone()).collect();
    if pictures.is_empty() {
        pictures = (0..subject.tape.batch()).map(|index| subject.sample(index)).collect();
    }
    pictures.truncate(count.max(1));
    let mut fit = PatternFit::new(subject.network, rectified_only);
    let total = pictures.len();
    for (done, picture) in pictures.iter().enumerate() {
        let mut chunk = Chunk { monitor: &mut *monitor, done, steps: 1, total: total + 1, part: (0, 2) };
        let tape = subject.network.forward(picture, &mut chunk).await?;
        fit.add(&tape);
        chunk.part = (1, 2);
        chunk.pace(1, 1).await?;
    }
    Ok((fit.finish(), total))
}

/// Whether a baseline's value is one.
pub(crate) fn is_baseline(value: &str) -> bool {
    value.strip_prefix("picture:").is_some_and(|name| !name.is_empty()) || value.parse::<Baseline>().is_ok()
}

/// The rules of a composite on a network.
pub(crate) fn resolve(subject: Subject<'_>, composite: &Composite) -> Vec<Assigned> {
    composite.resolve(subject.network.graph())
}
