//! The rules of layer-wise relevance propagation at one node.

use innspect_graph::{NodeId, Op};

use crate::{
    Tensor, gradient, kernel, linear,
    network::{Network, Part},
    reverse::{Passed, Step},
    rule::{Bias, Bounds, TINY},
    sign_parts,
};

impl Network {
    /// `x · Jᵀ(R / (y + epsilon))` for any op that is linear in its inputs up to a constant.
    pub(crate) fn epsilon(&self, epsilon: f32, step: &Step<'_>) -> Passed {
        let node = self.graph().node(step.id);
        let y = step.tape.value(node.output);
        let s = kernel::stabilized_divide(step.r, y, epsilon, 1.0);
        let parts = gradient::input_gradients(self, step.id, step.tape, &s);
        let parts = node.inputs.iter().zip(&parts).map(|(&to, part)| (to, part.mul(step.tape.value(to)))).collect();
        // What the inputs contribute is y without its constant; the rest of R goes to the constant and to epsilon.
        let absorbed = step.ledger.then(|| {
            let contributed = match self.constant_term(&node.op, y) {
                Some(constant) => s.mul(&y.sub(&constant)),
                None => s.mul(y),
            };
            step.r.sub(&contributed).sum_samples()
        });
        Passed { parts, absorbed }
    }

    /// The constant that an op adds to what is linear in its inputs, broadcastable to its output `y`.
    fn constant_term(&self, op: &Op, y: &Tensor) -> Option<Tensor> {
        let rank = y.dims().len();
        if let Op::Affine { shift, .. } = op {
            return shift.map(|shift| self.broadcastable(shift, rank));
        }
        let bias = linear::weights(op)?.1?;
        Some(spread_bias(op, &self.param(bias, Part::Whole), rank))
    }

    /// Positive contributions `x⁺w⁺ + x⁻w⁻` and negative ones `x⁺w⁻ + x⁻w⁺`, each over its own sum with its share of the
    /// bias. Inputs that cannot be negative need half the work.
    pub(crate) fn alpha_beta(&self, alpha: f32, beta: f32, bias: Bias, step: &Step<'_>) -> Passed {
        let node = self.graph().node(step.id);
        let op = &node.op;
        let x = step.tape.value(node.inputs[0]);
        let signed = !self.is_nonnegative(node.inputs[0]);
        if !linear::is_stackable(op) {
            return self.alpha_beta_by_parts(alpha, beta, bias, step);
        }
        let (axis, both) = (linear::channel_axis(op, x), beta != 0.0);
        let part = Part::Signs { inputs: signed, outputs: both };
        let input = if signed { sign_parts::split(x, axis) } else { x.clone() };
        let bias = linear::weights(op).and_then(|(_, bias)| bias).and_then(|id| match bias {
            Bias::Split => Some(self.param(id, Part::Signs { inputs: false, outputs: both })),
            Bias::Both if both => {
                let whole = self.param(id, Part::Whole);
                Some(Tensor::cat(vec![whole.clone(), whole], 0))
            }
            Bias::Both => Some(self.param(id, Part::Whole)),
            Bias::Ignored => None,
        });
        let z = linear::forward(self, op, &input, part, bias.as_ref());
        let s = if both {
            sign_parts::divide(step.r, &z, linear::channel_axis(op, step.r), TINY, [alpha, -beta])
        } else {
            kernel::stabilized_divide(step.r, &z, TINY, alpha)
        };
        let back = linear::input_gradient(self, op, &input, part, &s);
        let relevance = if signed { sign_parts::join(x, &back, axis) } else { back.mul(x) };
        let absorbed = step.ledger.then(|| {
            let contributed = match &bias {
                Some(bias) => s.mul(&z.sub(&spread_bias(op, bias, z.dims().len()))),
                None => s.mul(&z),
            };
            step.r.sum_samples().sub(&contributed.sum_samples())
        });
        Passed { parts: vec![(node.inputs[0], relevance)], absorbed }
    }

    /// The same for grouped convolutions, whose weights cannot be stacked: part by part.
    fn alpha_beta_by_parts(&self, alpha: f32, beta: f32, bias: Bias, step: &Step<'_>) -> Passed {
        let node = self.graph().node(step.id);
        let op = &node.op;
        let x = step.tape.value(node.inputs[0]);
        let split = self.sign_parts(step);
        let bias_of = |part: Part| {
            let (_, weights) = linear::weights(op)?;
            match bias {
                Bias::Split => Some(self.param(weights?, part)),
                Bias::Both => Some(self.param(weights?, Part::Whole)),
                Bias::Ignored => None,
            }
        };
        let (mut for_positive, mut for_negative): (Option<Tensor>, Option<Tensor>) = (None, None);
        let gather = |slot: &mut Option<Tensor>, part: Tensor| {
            *slot = Some(slot.take().map_or_else(|| part.clone(), |sum| sum.add(&part)));
        };
        let mut absorbed = step.ledger.then(|| step.r.sum_samples());
        for (weight, supports) in [(alpha, true), (-beta, false)] {
            if weight == 0.0 {
                continue;
            }
            // The part of w that meets x⁺, and the one that meets x⁻.
            let (with_positive, with_negative) =
                if supports { (Part::Positive, Part::Negative) } else { (Part::Negative, Part::Positive) };
            let bias = bias_of(with_positive);
            let z = match &split {
                None => linear::forward(self, op, x, with_positive, bias.as_ref()),
                Some((positive, negative)) => linear::forward(self, op, positive, with_positive, bias.as_ref())
                    .add(&linear::forward(self, op, negative, with_negative, None)),
            };
            let s = kernel::stabilized_divide(step.r, &z, TINY, weight);
            gather(&mut for_positive, linear::input_gradient(self, op, x, with_positive, &s));
            if split.is_some() {
                gather(&mut for_negative, linear::input_gradient(self, op, x, with_negative, &s));
            }
            if let Some(rest) = &mut absorbed {
                let contributed = match &bias {
                    Some(bias) => s.mul(&z.sub(&spread_bias(op, bias, z.dims().len()))),
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
        Passed { parts: vec![(node.inputs[0], part)], absorbed }
    }

    /// `x · Jᵀ(R / xw⁺)` with the positive weights, whatever the sign of `x`.
    pub(crate) fn z_plus_fast(&self, step: &Step<'_>) -> Passed {
        let node = self.graph().node(step.id);
        let x = step.tape.value(node.inputs[0]);
        let z = linear::forward(self, &node.op, x, Part::Positive, None);
        let s = kernel::stabilized_divide(step.r, &z, TINY, 1.0);
        let part = linear::input_gradient(self, &node.op, x, Part::Positive, &s).mul(x);
        let absorbed = step.ledger.then(|| step.r.sub(&s.mul(&z)).sum_samples());
        Passed { parts: vec![(node.inputs[0], part)], absorbed }
    }

    /// The generalised gamma rule, with shares `s = R / d` of every output, see [`sign_parts::gamma_shares`].
    ///
    /// Positive outputs favour contributions with `xw > 0`, negative ones those with `xw < 0`, and `(xw)^± = (xw ± |x||w|) / 2`.
    /// So the positive contributions are `p = (z + |x||w| + |b|) / 2`, and relevance is
    /// `x · wᵀ(1 + gamma/2)s + |x| · |w|ᵀ(±gamma/2)s` with the sign of the output: three products whatever the signs of the
    /// inputs. No digits are lost, as a share is as large in one sum as in the other.
    pub(crate) fn gamma(&self, gamma: f32, step: &Step<'_>) -> Passed {
        let node = self.graph().node(step.id);
        let op = &node.op;
        let x = step.tape.value(node.inputs[0]);
        let z = step.tape.value(node.output);
        let axis = linear::channel_axis(op, z);
        let bias = linear::weights(op).and_then(|(_, bias)| bias).map(|bias| self.param(bias, Part::Absolute));
        let signed = !self.is_nonnegative(node.inputs[0]);
        let magnitude = if signed { x.abs() } else { x.clone() };
        let p = z.add(&linear::forward(self, op, &magnitude, Part::Absolute, bias.as_ref())).scale(0.5);
        let half = gamma / 2.0;
        let shares = sign_parts::gamma_shares(step.r, z, &p, axis, gamma, [[1.0 + half; 2], [half, -half]]);
        let channels = z.dims()[axis];
        let plain = shares.slice(axis, 0, channels, 1);
        let favoured = shares.slice(axis, channels, 2 * channels, 1);
        let plain = linear::input_gradient(self, op, x, Part::Whole, &plain);
        let favoured = linear::input_gradient(self, op, x, Part::Absolute, &favoured);
        let part = plain.mul(x).add(&favoured.mul(&magnitude));
        let absorbed = step.ledger.then(|| step.r.sum_samples().sub(&part.sum_samples()));
        Passed { parts: vec![(node.inputs[0], part)], absorbed }
    }

    /// `xw - low·w⁺ - high·w⁻` over its sum; the bias cancels.
    pub(crate) fn bounded(&self, bounds: &Bounds, step: &Step<'_>) -> Passed {
        let node = self.graph().node(step.id);
        let op = &node.op;
        let x = step.tape.value(node.inputs[0]);
        let edge = |bounds: &[f32]| {
            let mut shape = vec![1; x.dims().len()];
            shape[1] = bounds.len();
            Tensor::from_slice(bounds, &shape, self.device()).expand(&x.dims())
        };
        let z = linear::forward(self, op, x, Part::Whole, None)
            .sub(&linear::forward(self, op, &edge(&bounds.low), Part::Positive, None))
            .sub(&linear::forward(self, op, &edge(&bounds.high), Part::Negative, None));
        let s = kernel::stabilized_divide(step.r, &z, TINY, 1.0);
        let back = |part| linear::input_gradient(self, op, x, part, &s);
        let (all, positive, negative) = (back(Part::Whole), back(Part::Positive), back(Part::Negative));
        let part = kernel::box_recombine(x, &all, &positive, &negative, &bounds.low, &bounds.high);
        let absorbed = step.ledger.then(|| step.r.sub(&s.mul(&z)).sum_samples());
        Passed { parts: vec![(node.inputs[0], part)], absorbed }
    }

    /// `R` spread over the inputs that an output reads, in proportion to a part of the weights whatever the inputs are;
    /// padding is no input.
    pub(crate) fn spread(&self, part: Part, step: &Step<'_>) -> Passed {
        let node = self.graph().node(step.id);
        let x = step.tape.value(node.inputs[0]);
        let shares = self.spread_sums(step.id, part, x).expand(&step.r.dims());
        let s = kernel::stabilized_divide(step.r, &shares, 0.0, 1.0);
        let relevance = linear::input_gradient(self, &node.op, x, part, &s);
        let absorbed = step.ledger.then(|| step.r.sub(&s.mul(&shares)).sum_samples());
        Passed { parts: vec![(node.inputs[0], relevance)], absorbed }
    }

    /// What the shares of each output of a layer add up to, `[1, ...]`: it does not depend on the picture, so it is computed
    /// once.
    fn spread_sums(&self, id: NodeId, part: Part, x: &Tensor) -> Tensor {
        self.once(id, part, || {
            let mut dims = x.dims();
            dims[0] = 1;
            let ones = Tensor::full(1.0, &dims, self.device());
            linear::forward(self, &self.graph().node(id).op, &ones, part, None)
        })
    }

    /// The positive and the negative part of a node's input, or `None` where it cannot be negative.
    fn sign_parts(&self, step: &Step<'_>) -> Option<(Tensor, Tensor)> {
        let input = self.graph().node(step.id).inputs[0];
        let x = step.tape.value(input);
        (!self.is_nonnegative(input)).then(|| (x.clamp_min(0.0), x.clamp_max(0.0)))
    }
}

/// A bias so that it broadcasts to an output with `rank` axes.
fn spread_bias(op: &Op, bias: &Tensor, rank: usize) -> Tensor {
    let length = bias.dims().iter().product();
    bias.reshape(&linear::bias_shape(op, length, rank))
}
