//! DeepLIFT: slopes between a reference and the input in place of derivatives (Shrikumar et al. 2017).
//!
//! What walks back is the multiplier `m`: times the difference of a value to its reference it is that value's share of
//! the difference of the output, and the shares of a node's inputs add up to that of its output.

use innspect_graph::{BinaryKind, Op, OpKind, ReduceKind, ValueId};

use crate::{
    Tensor, activation, gradient, kernel, linear,
    network::{Network, Part},
    reverse::{Passed, Step},
    rule::SMALLEST_DIFFERENCE,
};

impl Network {
    /// The rescale rule, and what goes with it where an op has several inputs or winners.
    pub(crate) fn rescale(&self, step: &Step<'_>) -> Passed {
        let node = self.graph().node(step.id);
        let Some(reference) = step.reference else { return Passed { parts: self.gradients(step), absorbed: None } };
        let difference = |value: ValueId| step.tape.value(value).sub(reference.value(value));
        let parts = match &node.op {
            Op::Activation(function) => {
                let input = node.inputs[0];
                let (x, y) = (step.tape.value(input), step.tape.value(node.output));
                if let Some(rectifier) = activation::piecewise(function) {
                    let x0 = reference.value(input);
                    let part = kernel::rectifier_secant(step.r, x, x0, rectifier, SMALLEST_DIFFERENCE);
                    return Passed { parts: vec![(input, part)], absorbed: None };
                }
                let slope = activation::gradient(self, function, x, y, step.r);
                let (dx, dy) = (difference(input), difference(node.output));
                vec![(input, kernel::secant(step.r, &slope, &dx, &dy, SMALLEST_DIFFERENCE))]
            }
            Op::MaxPool2d(_)
            | Op::Reduce { kind: ReduceKind::Max, .. }
            | Op::Binary(BinaryKind::Max | BinaryKind::Min) => self.between_winners(step),
            Op::Binary(BinaryKind::Mul | BinaryKind::Div) | Op::MatMul => self.between_orders(step),
            _ => self.gradients(step),
        };
        Passed { parts, absorbed: None }
    }

    /// Extrema: the way from the reference's extremum to the outer one of the two belongs to the input's winner, the
    /// rest to the reference's winner (SHAP's rule for max pooling).
    fn between_winners(&self, step: &Step<'_>) -> Vec<(ValueId, Tensor)> {
        let node = self.graph().node(step.id);
        let Some(reference) = step.reference else { return self.gradients(step) };
        let (y, y0) = (step.tape.value(node.output), reference.value(node.output));
        // max(y, y0) = y0 + (y - y0)⁺, and the minimum in the same way.
        let rise = y.sub(y0);
        let rise = if node.op.kind() == OpKind::Extremum && matches!(node.op, Op::Binary(BinaryKind::Min)) {
            rise.clamp_max(0.0)
        } else {
            rise.clamp_min(0.0)
        };
        let for_winner = gradient::input_gradients(self, step.id, step.tape, &step.r.mul(&rise));
        let rest = y.sub(y0).sub(&rise);
        let for_reference = gradient::input_gradients(self, step.id, reference, &step.r.mul(&rest));
        self.gradients(step)
            .into_iter()
            .zip(for_winner.iter().zip(&for_reference))
            .map(|((input, gradient), (winner, other))| {
                let dx = step.tape.value(input).sub(reference.value(input));
                let share = winner.add(other);
                let one = share.scale(0.0).add_scalar(1.0);
                (input, kernel::secant(&one, &gradient, &dx, &share, SMALLEST_DIFFERENCE))
            })
            .collect()
    }

    /// Products: the mean of moving one factor first and of moving the other first, which is complete. A quotient is the
    /// product with the reciprocal.
    fn between_orders(&self, step: &Step<'_>) -> Vec<(ValueId, Tensor)> {
        let node = self.graph().node(step.id);
        let Some(reference) = step.reference else { return self.gradients(step) };
        let mean = |value: ValueId| step.tape.value(value).add(reference.value(value)).scale(0.5);
        let [a, b] = node.inputs[..] else { return self.gradients(step) };
        if node.op == Op::Binary(BinaryKind::Div) {
            let (b1, b0) = (step.tape.value(b), reference.value(b));
            let reciprocal = b1.recip().add(&b0.recip()).scale(0.5);
            let for_a = spread_over(step, a, &step.r.mul(&same_axes(&reciprocal, step.r)));
            let slope = same_axes(&b1.mul(b0).recip().neg(), step.r);
            let for_b = spread_over(step, b, &step.r.mul(&same_axes(&mean(a), step.r)).mul(&slope));
            return vec![(a, for_a), (b, for_b)];
        }
        // The product rule at the point half-way: its gradient is exactly the mean of both orders.
        let middle = step.tape.with_values(&[(a, mean(a)), (b, mean(b))]);
        let parts = gradient::input_gradients(self, step.id, &middle, step.r);
        node.inputs.iter().copied().zip(parts).collect()
    }

    /// The reveal-cancel rule at a function that follows a layer with weights: the layer's input differences are taken
    /// apart by the sign of their contribution, each sum gets its own multiplier, and both go back through the layer.
    pub(crate) fn reveal_cancel(&self, step: &Step<'_>) -> Passed {
        let graph = self.graph();
        let node = graph.node(step.id);
        let (Op::Activation(function), Some(reference)) = (&node.op, step.reference) else { return self.rescale(step) };
        let Some(layer) = graph.producer(node.inputs[0]).map(|id| graph.node(id)) else { return self.rescale(step) };
        if linear::weights(&layer.op).is_none() {
            return self.rescale(step);
        }
        let input = layer.inputs[0];
        let (x, x0) = (step.tape.value(input), reference.value(input));
        let dx = x.sub(x0);
        let (rising, falling) = (dx.clamp_min(0.0), dx.clamp_max(0.0));
        let forward = |x: &Tensor, part| linear::forward(self, &layer.op, x, part, None);
        let up = forward(&rising, Part::Positive).add(&forward(&falling, Part::Negative));
        let down = forward(&rising, Part::Negative).add(&forward(&falling, Part::Positive));

        let z0 = reference.value(node.inputs[0]);
        let apply = |z: &Tensor| activation::forward(self, function, z);
        let (y0, all) = (apply(z0), apply(&z0.add(&up).add(&down)));
        let (only_up, only_down) = (apply(&z0.add(&up)), apply(&z0.add(&down)));
        let dy_up = only_up.sub(&y0).add(&all.sub(&only_down)).scale(0.5);
        let dy_down = only_down.sub(&y0).add(&all.sub(&only_up)).scale(0.5);
        let zero = step.r.scale(0.0);
        let slope = |dy: &Tensor, dz: &Tensor| kernel::secant(step.r, &zero, dz, dy, f32::MIN_POSITIVE);
        let (m_up, m_down) = (slope(&dy_up, &up), slope(&dy_down, &down));

        let back = |part, m: &Tensor| linear::input_gradient(self, &layer.op, x, part, m);
        let for_rising = back(Part::Positive, &m_up).add(&back(Part::Negative, &m_down));
        let for_falling = back(Part::Negative, &m_up).add(&back(Part::Positive, &m_down));
        // An input that did not move takes the mean of both, whatever came of its sign.
        let for_still = back(Part::Whole, &m_up.add(&m_down).scale(0.5));
        let sign = dx.sign();
        let moved = sign.mul(&sign);
        let part = sign
            .clamp_min(0.0)
            .mul(&for_rising)
            .sub(&sign.clamp_max(0.0).mul(&for_falling))
            .add(&moved.neg().add_scalar(1.0).mul(&for_still));
        Passed { parts: vec![(input, part)], absorbed: None }
    }
}

/// `tensor` with axes of length 1 behind the batch until it has as many as `like`.
fn same_axes(tensor: &Tensor, like: &Tensor) -> Tensor {
    crate::forward::same_rank(tensor, like).0
}

/// Brings a cotangent of a broadcast output to the shape of one of the inputs.
fn spread_over(step: &Step<'_>, input: ValueId, g: &Tensor) -> Tensor {
    let x = step.tape.value(input);
    let raised = same_axes(x, g);
    g.sum_to(&raised.dims()).reshape(&x.dims())
}
