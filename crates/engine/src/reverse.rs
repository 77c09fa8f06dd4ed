//! The reverse pass: from a seed at one value back to another, each node by its rule.

use innspect_graph::{NodeId, Op, OpKind, ValueId};

use crate::{
    EngineError, Pacer, Patterns, Tensor, activation,
    forward::Tape,
    gradient, linear,
    network::{Network, Part},
    rule::{Assigned, Bias, Rule},
};

/// What a reverse pass starts from, where it ends and what it records.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    /// The value the pass starts at, and its cotangent or relevance, of the value's shape with the batch.
    pub seed: (ValueId, Tensor),
    /// The rule of each node, from [`Composite::resolve`](crate::Composite::resolve).
    pub rules: &'a [Assigned],
    /// Where it ends; nothing before this value is computed.
    pub until: ValueId,
    /// Whether to add up what biases and stabilisers take.
    pub ledger: bool,
    /// The forward pass of the reference, with the same batch, for rules that compare with one.
    pub reference: Option<&'a Tape>,
    /// Patterns, for rules that replace weights.
    pub patterns: Option<&'a Patterns>,
    /// What arrives at this value is multiplied with a mask that broadcasts to it, and only that goes on: relevance
    /// through a concept (Achtibat et al. 2023).
    pub mask: Option<(ValueId, Tensor)>,
    /// Whether what arrives is brought to a largest absolute value of 1 in each sample wherever all of it goes through one
    /// value: only its size changes, which patterns would let grow without bounds over many layers.
    pub rescale: bool,
}

impl<'a> Walk<'a> {
    /// A walk that needs nothing but rules and records nothing.
    #[must_use]
    pub fn new(seed: (ValueId, Tensor), rules: &'a [Assigned], until: ValueId) -> Self {
        Self { seed, rules, until, ledger: false, reference: None, patterns: None, mask: None, rescale: false }
    }
}

/// What arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Cotangent or relevance of the value the walk ended at.
    pub relevance: Tensor,
    /// Relevance taken by biases and stabilisers on the way, `[n]`, if it was asked for.
    pub absorbed: Option<Tensor>,
}

/// One node on the way back.
pub(crate) struct Step<'a> {
    pub id: NodeId,
    pub tape: &'a Tape,
    /// What arrived at its output.
    pub r: &'a Tensor,
    pub ledger: bool,
    pub reference: Option<&'a Tape>,
    pub patterns: Option<&'a Patterns>,
}

/// What a node passes on, by the value that gets it, and what its bias and stabiliser took, `[n]`.
pub(crate) struct Passed {
    pub parts: Vec<(ValueId, Tensor)>,
    pub absorbed: Option<Tensor>,
}

impl Network {
    /// Walks back over a tape.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`] if the pacer says so.
    pub async fn reverse(&self, tape: &Tape, walk: Walk<'_>, pacer: &mut impl Pacer) -> Result<Arrived, EngineError> {
        let graph = self.graph();
        let needed = self.between(walk.until);
        let steps = graph.nodes.len();
        let mut ledger = walk.ledger.then(|| Tensor::full(0.0, &[tape.batch()], self.device()));
        let mut arriving: Vec<Option<Tensor>> = vec![None; graph.values.len()];
        arriving[walk.seed.0.index()] = Some(walk.seed.1);
        for id in graph.node_ids().rev() {
            let output = graph.node(id).output;
            if output == walk.until || !needed[output.index()] {
                continue;
            }
            let Some(mut relevance) = arriving[output.index()].take() else { continue };
            if let Some((_, mask)) = walk.mask.as_ref().filter(|(at, _)| *at == output) {
                relevance = relevance.mul(mask);
            }
            if walk.rescale && arriving.iter().all(Option::is_none) {
                relevance = relevance.to_unit();
            }
            pacer.pace(steps - 1 - id.index(), steps).await?;
            let step = Step {
                id,
                tape,
                r: &relevance,
                ledger: walk.ledger,
                reference: walk.reference,
                patterns: walk.patterns,
            };
            let passed = self.apply(&walk.rules[id.index()].rule, &step);
            for (to, part) in passed.parts {
                if needed[to.index()] {
                    let slot = &mut arriving[to.index()];
                    *slot = Some(slot.take().map_or_else(|| part.clone(), |sum| sum.add(&part)));
                }
            }
            if let (Some(ledger), Some(absorbed)) = (&mut ledger, passed.absorbed) {
                *ledger = ledger.add(&absorbed);
            }
        }
        // Nothing arrives where no path leads from the seed to the end: the attribution is zero.
        let relevance = arriving[walk.until.index()]
            .take()
            .unwrap_or_else(|| Tensor::full(0.0, &self.batched(walk.until, tape.batch()), self.device()));
        Ok(Arrived { relevance, absorbed: ledger })
    }

    /// Which values depend on `start`, itself included.
    fn between(&self, start: ValueId) -> Vec<bool> {
        let graph = self.graph();
        let mut reached = vec![false; graph.values.len()];
        reached[start.index()] = true;
        for node in &graph.nodes {
            if node.inputs.iter().any(|input| reached[input.index()]) {
                reached[node.output.index()] = true;
            }
        }
        reached
    }

    /// Relevance of a node's inputs under a rule.
    fn apply(&self, rule: &Rule, step: &Step<'_>) -> Passed {
        let node = self.graph().node(step.id);
        let op = &node.op;
        let has_weights = linear::weights(op).is_some();
        match rule {
            Rule::Pass => {
                Passed { parts: node.inputs.iter().map(|&to| (to, step.r.clone())).collect(), absorbed: None }
            }
            Rule::Guided | Rule::Deconv => {
                let modified = match op {
                    Op::Activation(function) => {
                        let x = step.tape.value(node.inputs[0]);
                        activation::modified_gradient(function, x, step.r, *rule == Rule::Deconv)
                    }
                    _ => None,
                };
                match modified {
                    Some(part) => Passed { parts: vec![(node.inputs[0], part)], absorbed: None },
                    None => Passed { parts: self.gradients(step), absorbed: None },
                }
            }
            Rule::Epsilon(epsilon) => self.epsilon(*epsilon, step),
            Rule::AlphaBeta { alpha, beta, bias } if has_weights => self.alpha_beta(*alpha, *beta, *bias, step),
            Rule::ZPlus if has_weights => self.alpha_beta(1.0, 0.0, Bias::Ignored, step),
            Rule::ZPlusFast if has_weights => self.z_plus_fast(step),
            Rule::Gamma(gamma) if has_weights => self.gamma(*gamma, step),
            Rule::Box(bounds) if has_weights => self.bounded(bounds, step),
            Rule::Flat if has_weights => self.spread(Part::Ones, step),
            Rule::WSquare if has_weights => self.spread(Part::Square, step),
            Rule::Rescale => self.rescale(step),
            Rule::RevealCancel => self.reveal_cancel(step),
            Rule::Pattern { attribution } if has_weights => self.through_pattern(*attribution, step),
            Rule::Gradient
            | Rule::AlphaBeta { .. }
            | Rule::ZPlus
            | Rule::ZPlusFast
            | Rule::Gamma(_)
            | Rule::Box(_)
            | Rule::Flat
            | Rule::WSquare
            | Rule::Pattern { .. } => {
                let parts = self.gradients(step);
                // Shape ops and winners move relevance along; what a product or a norm does to the sum is measured.
                // Constant padding takes what lies on it.
                let keeps_sum =
                    matches!(op.kind(), OpKind::Shape | OpKind::MaxPool | OpKind::Resize | OpKind::Extremum)
                        && !matches!(op, Op::Pad { .. });
                let absorbed = (step.ledger && !keeps_sum)
                    .then(|| parts.iter().fold(step.r.sum_samples(), |rest, (_, part)| rest.sub(&part.sum_samples())));
                Passed { parts, absorbed }
            }
        }
    }

    /// The vector-Jacobian products of a node's inputs.
    pub(crate) fn gradients(&self, step: &Step<'_>) -> Vec<(ValueId, Tensor)> {
        let inputs = &self.graph().node(step.id).inputs;
        inputs.iter().copied().zip(gradient::input_gradients(self, step.id, step.tape, step.r)).collect()
    }
}
