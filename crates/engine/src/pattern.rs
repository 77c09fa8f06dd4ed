//! PatternNet and PatternAttribution: what a layer's units respond to, fitted from pictures (Kindermans et al. 2018).
//!
//! The pattern of a unit with weights `w` and output `y = wᵀx` (without bias) is the direction of the input that moves
//! with the output, `a = (E₊[x y] - E₊[x] E[y]) / wᵀ(…)`, so that `wᵀa = 1`. `E₊` runs over the inputs with `y > 0` where a
//! rectifier follows, over all of them elsewhere (iNNvestigate's `relu.positive` and `linear` patterns). For convolutions
//! the inputs are the patches at all positions.

use std::collections::HashMap;

use innspect_graph::{Graph, NodeId, Op, ParamId};

use crate::{
    Tape, Tensor, kernel,
    kernel::Rectifier,
    linear,
    network::{Network, Part},
    reverse::{Passed, Step},
};

/// Fitted patterns, one for each weight that has one, of the weight's shape.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    patterns: HashMap<ParamId, Tensor>,
}

/// Sums over inputs; all but `y` and `all` only over those that count, one number a weight or (in a weight's shape with
/// length 1) a unit.
#[derive(Debug)]
struct Sums {
    xy: Tensor,
    x: Tensor,
    count: Tensor,
    y: Tensor,
    all: f32,
}

/// Patterns in the making.
#[derive(Debug)]
pub struct PatternFit<'a> {
    network: &'a Network,
    rectified_only: bool,
    sums: HashMap<NodeId, Sums>,
}

impl<'a> PatternFit<'a> {
    /// Nothing seen yet. `rectified_only` restricts the expectations to positive outputs where a rectifier follows.
    #[must_use]
    pub fn new(network: &'a Network, rectified_only: bool) -> Self {
        Self { network, rectified_only, sums: HashMap::new() }
    }

    /// Takes the pictures of a forward pass in.
    pub fn add(&mut self, tape: &Tape) {
        let graph = self.network.graph();
        for id in graph.node_ids() {
            let op = &graph.node(id).op;
            let Some((weight, _)) = linear::weights(op) else { continue };
            if matches!(op, Op::ConvTranspose2d(_)) {
                continue;
            }
            let x = tape.value(graph.node(id).inputs[0]);
            let w = self.network.param(weight, Part::Whole);
            let y = linear::forward_with(op, x, &w, None);
            let ones = y.scale(0.0).add_scalar(1.0);
            let counts = if self.rectified_only && feeds_rectifier(graph, id) {
                let gate = Rectifier { low: 0.0, high: f32::MAX, slope: 0.0, positive_only: false, ungated: false };
                kernel::rectifier_gradient(&y, &ones, gate)
            } else {
                ones
            };
            let axis = unit_axis(op, y.dims().len());
            let outputs = y.dims()[axis];
            let new = Sums {
                xy: linear::weight_gradient(op, x, &w, &y.mul(&counts)),
                x: linear::weight_gradient(op, x, &w, &counts),
                count: per_unit(op, &counts, outputs),
                y: per_unit(op, &y, outputs),
                all: (y.dims().iter().product::<usize>() / outputs.max(1)) as f32,
            };
            let sums = match self.sums.remove(&id) {
                None => new,
                Some(old) => Sums {
                    xy: old.xy.add(&new.xy),
                    x: old.x.add(&new.x),
                    count: old.count.add(&new.count),
                    y: old.y.add(&new.y),
                    all: old.all + new.all,
                },
            };
            self.sums.insert(id, sums);
        }
    }

    /// The patterns of what was seen. A unit that was never positive, or whose output never moved, has none: zeros.
    #[must_use]
    pub fn finish(self) -> Patterns {
        let graph = self.network.graph();
        let mut patterns = HashMap::new();
        for (id, sums) in self.sums {
            let op = &graph.node(id).op;
            let Some((weight, _)) = linear::weights(op) else { continue };
            let w = self.network.param(weight, Part::Whole);
            let each = |sum: &Tensor| {
                let count = sums.count.expand(&sum.dims());
                kernel::stabilized_divide(sum, &count, 0.0, 1.0)
            };
            let mean_y = sums.y.scale(1.0 / sums.all.max(1.0));
            let covariance = each(&sums.xy).sub(&each(&sums.x).mul(&mean_y));
            let along = w.mul(&covariance).sum_to(&sums.count.dims()).expand(&w.dims());
            patterns.insert(weight, kernel::stabilized_divide(&covariance, &along, 0.0, 1.0));
        }
        Patterns { patterns }
    }
}

impl Patterns {
    /// The pattern of a weight, of its shape.
    #[must_use]
    pub fn of(&self, weight: ParamId) -> Option<&Tensor> {
        self.patterns.get(&weight)
    }
}

impl Network {
    /// The gradient with a layer's pattern, or its product with the weights, in place of the weights.
    pub(crate) fn through_pattern(&self, attribution: bool, step: &Step<'_>) -> Passed {
        let node = self.graph().node(step.id);
        let pattern = linear::weights(&node.op).and_then(|(weight, _)| Some((weight, step.patterns?.of(weight)?)));
        let Some((weight, pattern)) = pattern else { return Passed { parts: self.gradients(step), absorbed: None } };
        let replaced = if attribution { pattern.mul(&self.param(weight, Part::Whole)) } else { pattern.clone() };
        let x = step.tape.value(node.inputs[0]);
        let part = linear::input_gradient_with(&node.op, x, &replaced, step.r);
        Passed { parts: vec![(node.inputs[0], part)], absorbed: None }
    }
}

fn feeds_rectifier(graph: &Graph, id: NodeId) -> bool {
    let output = graph.node(id).output;
    graph.nodes.iter().any(|node| {
        node.inputs.contains(&output) && matches!(&node.op, Op::Activation(function) if function.is_rectifier())
    })
}

/// The axis of an output that counts its units.
fn unit_axis(op: &Op, rank: usize) -> usize {
    if matches!(op, Op::Dense { .. }) { rank - 1 } else { 1 }
}

/// The sum over samples and positions of each unit, in the shape of a weight with length 1 elsewhere.
fn per_unit(op: &Op, y: &Tensor, outputs: usize) -> Tensor {
    let mut shape = vec![1; y.dims().len()];
    shape[unit_axis(op, y.dims().len())] = outputs;
    let sum = y.sum_to(&shape);
    if matches!(op, Op::Dense { .. }) { sum.reshape(&[1, outputs]) } else { sum.reshape(&[outputs, 1, 1, 1]) }
}
