//! The reverse pass: from a seed at one value back to another, each node by its rule.

use innspect_graph::{NodeId, Op, OpKind, ValueId};

use crate::{
    EngineError, Pacer, Tensor, activation,
    forward::Tape,
    gradient, kernel, linear,
    network::{Network, Part},
    rule::{Assigned, Rule, TINY},
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
}

/// What arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Cotangent or relevance of the value the walk ended at.
    pub relevance: Tensor,
    /// Relevance taken by biases and stabilisers on the way, `[n]`, if it was asked for.
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
            let node = graph.node(id);
            if node.output == walk.until || !needed[node.output.index()] {
                continue;
            }
            let Some(relevance) = arriving[node.output.index()].take() else { continue };
            pacer.pace(steps - 1 - id.index(), steps).await?;
            let (parts, absorbed) = self.apply(walk.rules[id.index()].rule, id, tape, &relevance, walk.ledger);
            for (&input, part) in node.inputs.iter().zip(parts) {
                if needed[input.index()] {
                    let slot = &mut arriving[input.index()];
                    *slot = Some(slot.take().map_or_else(|| part.clone(), |sum| sum.add(&part)));
                }
            }
            if let (Some(ledger), Some(absorbed)) = (&mut ledger, absorbed) {
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

    /// Relevance of a node's inputs, and what its bias and stabiliser took, `[n]`.
    fn apply(&self, rule: Rule, id: NodeId, tape: &Tape, r: &Tensor, ledger: bool) -> (Vec<Tensor>, Option<Tensor>) {
        let node = self.graph().node(id);
        let op = &node.op;
        match rule {
            Rule::Pass => (node.inputs.iter().map(|_| r.clone()).collect(), None),
            Rule::Guided | Rule::Deconv => {
                let modified = match op {
                    Op::Activation(function) => {
                        activation::modified_gradient(function, tape.value(node.inputs[0]), r, rule == Rule::Deconv)
                    }
                    _ => None,
                };
                (modified.map_or_else(|| gradient::input_gradients(self, id, tape, r), |part| vec![part]), None)
            }
            Rule::Epsilon(epsilon) => self.epsilon(epsilon, id, tape, r, ledger),
            Rule::AlphaBeta { alpha, beta } if linear::weights(op).is_some() => {
                self.alpha_beta(alpha, beta, true, id, tape, r, ledger)
            }
            Rule::ZPlus if linear::weights(op).is_some() => self.alpha_beta(1.0, 0.0, false, id, tape, r, ledger),
            Rule::Flat if linear::weights(op).is_some() => self.spread(Part::Ones, id, tape, r, ledger),
            Rule::WSquare if linear::weights(op).is_some() => self.spread(Part::Square, id, tape, r, ledger),
            Rule::Gradient | Rule::AlphaBeta { .. } | Rule::ZPlus | Rule::Flat | Rule::WSquare => {
                let parts = gradient::input_gradients(self, id, tape, r);
                // Shape ops and winners move relevance along; what a product or a norm does to the sum is measured.
                // Constant padding takes what lies on it.
                let keeps_sum =
                    matches!(op.kind(), OpKind::Shape | OpKind::MaxPool | OpKind::Resize | OpKind::Extremum)
                        && !matches!(op, Op::Pad { .. });
                let absorbed = (ledger && !keeps_sum)
                    .then(|| parts.iter().fold(r.sum_samples(), |rest, part| rest.sub(&part.sum_samples())));
                (parts, absorbed)
            }
        }
    }

    /// `x · Jᵀ(R / (y + epsilon))` for any op that is linear in its inputs up to a constant.
    fn epsilon(
        &self,
        epsilon: f32,
        id: NodeId,
        tape: &Tape,
        r: &Tensor,
        ledger: bool,
    ) -> (Vec<Tensor>, Option<Tensor>) {
        let node = self.graph().node(id);
        let y = tape.value(node.output);
        let s = kernel::stabilized_divide(r, y, epsilon, 1.0);
        let parts: Vec<Tensor> = gradient::input_gradients(self, id, tape, &s)
            .iter()
            .zip(&node.inputs)
            .map(|(part, &input)| part.mul(tape.value(input)))
            .collect();
        // What the inputs contribute is y without its constant; the rest of R goes to the constant and to epsilon.
        let absorbed = ledger.then(|| {
            let contributed = match self.constant_term(&node.op, y) {
                Some(constant) => s.mul(&y.sub(&constant)),
                None => s.mul(y),
            };
            r.sub(&contributed).sum_samples()
        });
        (parts, absorbed)
    }

    /// The constant that an op adds to what is linear in its inputs, broadcastable to its output `y`.
    fn constant_term(&self, op: &Op, y: &Tensor) -> Option<Tensor> {
        let rank = y.dims().len();
        if let Op::Affine { shift, .. } = op {
            return shift.map(|shift| self.broadcastable(shift, rank));
        }
        let bias = linear::weights(op)?.1?;
        let bias = self.param(bias, Part::Whole);
        let length = bias.dims().iter().product();
        Some(bias.reshape(&linear::bias_shape(op, length, rank)))
    }

    /// Positive contributions `x⁺w⁺ + x⁻w⁻` and negative ones `x⁺w⁻ + x⁻w⁺`, each over its own sum with the bias of
    /// its sign (or none). Inputs that cannot be negative need half the work.
    fn alpha_beta(
        &self,
        alpha: f32,
        beta: f32,
        with_bias: bool,
        id: NodeId,
        tape: &Tape,
        r: &Tensor,
        ledger: bool,
    ) -> (Vec<Tensor>, Option<Tensor>) {
        let node = self.graph().node(id);
        let op = &node.op;
        let x = tape.value(node.inputs[0]);
        let signed = !self.is_nonnegative(node.inputs[0]);
        let bias = linear::weights(op).and_then(|(_, bias)| bias).filter(|_| with_bias);
        let split = signed.then(|| (x.clamp_min(0.0), x.clamp_max(0.0)));
        // What x⁺ and x⁻ are multiplied with in the end, summed over the two kinds of contribution.
        let mut for_positive: Option<Tensor> = None;
        let mut for_negative: Option<Tensor> = None;
        let gather = |slot: &mut Option<Tensor>, part: Tensor| {
            *slot = Some(slot.take().map_or_else(|| part.clone(), |sum| sum.add(&part)));
        };
        let mut absorbed = ledger.then(|| r.sum_samples());
        for (weight, supports) in [(alpha, true), (-beta, false)] {
            if weight == 0.0 {
                continue;
            }
            // The part of w that meets x⁺, and the one that meets x⁻.
            let (with_positive, with_negative) =
                if supports { (Part::Positive, Part::Negative) } else { (Part::Negative, Part::Positive) };
            let bias = bias.map(|bias| self.param(bias, with_positive));
            let z = match &split {
                None => linear::forward(self, op, x, with_positive, bias.as_ref()),
                Some((positive, negative)) => linear::forward(self, op, positive, with_positive, bias.as_ref())
                    .add(&linear::forward(self, op, negative, with_negative, None)),
            };
            let s = kernel::stabilized_divide(r, &z, TINY, weight);
            gather(&mut for_positive, linear::input_gradient(self, op, x, with_positive, &s));
            if split.is_some() {
                gather(&mut for_negative, linear::input_gradient(self, op, x, with_negative, &s));
            }
            if let Some(rest) = &mut absorbed {
                let contributed = match &bias {
                    Some(bias) => {
                        let length = bias.dims().iter().product();
                        s.mul(&z.sub(&bias.reshape(&linear::bias_shape(op, length, z.dims().len()))))
                    }
                    None => s.mul(&z),
                };
                *rest = rest.sub(&contributed.sum_samples());
            }
        }
        let part = match (for_positive, for_negative) {
            (Some(positive), Some(negative)) => kernel::recombine(x, &positive, &negative),
            (Some(positive), None) => positive.mul(x),
            (None, _) => Tensor::full(0.0, &x.dims(), self.device()),
        };
        (vec![part], absorbed)
    }

    /// `R` spread over the inputs that an output reads, in proportion to a part of the weights whatever the inputs are;
    /// padding is no input.
    fn spread(&self, part: Part, id: NodeId, tape: &Tape, r: &Tensor, ledger: bool) -> (Vec<Tensor>, Option<Tensor>) {
        let node = self.graph().node(id);
        let x = tape.value(node.inputs[0]);
        let ones = Tensor::full(1.0, &x.dims(), self.device());
        let shares = linear::forward(self, &node.op, &ones, part, None);
        let s = kernel::stabilized_divide(r, &shares, 0.0, 1.0);
        let relevance = linear::input_gradient(self, &node.op, x, part, &s);
        let absorbed = ledger.then(|| r.sub(&s.mul(&shares)).sum_samples());
        (vec![relevance], absorbed)
    }
}
