//! Relevance propagation in f64 through dense matrices, written down from the papers: for chains of layers with weights,
//! element-wise functions, flattening and max pooling without overlap.

use innspect_graph::{Graph, Node, Op, reference};

/// A layer with weights as a matrix, whatever it is: its columns are read off the layer itself.
pub struct Matrix {
    /// `[inputs][outputs]`.
    pub weights: Vec<Vec<f64>>,
    pub bias: Vec<f64>,
}

impl Matrix {
    fn of(graph: &Graph, node: &Node) -> Self {
        let (input, output) = (node.inputs[0], node.output);
        let layer = Graph { nodes: vec![node.clone()], input, output, ..graph.clone() };
        let size = graph.value(input).shape.numel();
        let run = |x: &[f32]| reference::logits(&layer, x).unwrap();
        let bias = run(&vec![0.0; size]);
        let column = |index: usize| {
            let mut x = vec![0.0; size];
            x[index] = 1.0;
            run(&x).iter().zip(&bias).map(|(y, bias)| y - bias).collect()
        };
        Self { weights: (0..size).map(column).collect(), bias }
    }

    /// `R_i = Σ_j c_ij / (Σ_i c_ij + c_j + stabiliser) · R_j` with the contributions `c_ij` of inputs and `c_j` of the
    /// bias, given `x_i`, `w_ij`, and the output `z_j`.
    pub fn shares(
        &self,
        x: &[f64],
        r: &[f64],
        contribution: impl Fn(usize, f64, f64) -> f64,
        bias: impl Fn(usize, f64) -> f64,
        epsilon: f64,
    ) -> Vec<f64> {
        let mut relevance = vec![0.0; x.len()];
        for (unit, &r) in r.iter().enumerate() {
            let parts: Vec<f64> =
                x.iter().zip(&self.weights).map(|(&x, row)| contribution(unit, x, row[unit])).collect();
            let whole = parts.iter().sum::<f64>() + bias(unit, self.bias[unit]);
            if whole == 0.0 || r == 0.0 {
                continue;
            }
            let share = r / (whole + epsilon * whole.signum());
            relevance.iter_mut().zip(&parts).for_each(|(relevance, part)| *relevance += part * share);
        }
        relevance
    }

    /// The outputs for an input.
    fn outputs(&self, x: &[f64]) -> Vec<f64> {
        let mut z = self.bias.clone();
        for (x, row) in x.iter().zip(&self.weights) {
            z.iter_mut().zip(row).for_each(|(z, w)| *z += x * w);
        }
        z
    }
}

/// A rule of a layer with weights: relevance of the inputs from the inputs and the relevance of the outputs.
pub type Rule = Box<dyn Fn(&Matrix, &[f64], &[f64]) -> Vec<f64>>;

/// Epsilon with the bias in the denominator (Bach et al. 2015); LRP-0 without an epsilon.
pub fn epsilon(epsilon: f64) -> Rule {
    Box::new(move |layer, x, r| layer.shares(x, r, |_, x, w| x * w, |_, bias| bias, epsilon))
}

/// Alpha-beta, biases split by their sign or left out.
pub fn alpha_beta(alpha: f64, biased: bool) -> Rule {
    Box::new(move |layer, x, r| {
        let kept = |bias: f64| if biased { bias } else { 0.0 };
        let positive = layer.shares(x, r, |_, x, w| (x * w).max(0.0), |_, bias| kept(bias).max(0.0), 0.0);
        let negative = layer.shares(x, r, |_, x, w| (x * w).min(0.0), |_, bias| kept(bias).min(0.0), 0.0);
        positive.iter().zip(&negative).map(|(positive, negative)| alpha * positive - (alpha - 1.0) * negative).collect()
    })
}

/// z⁺ without biases.
pub fn z_plus() -> Rule {
    alpha_beta(1.0, false)
}

/// `xw⁺` over its sum.
pub fn z_plus_fast() -> Rule {
    Box::new(|layer, x, r| layer.shares(x, r, |_, x, w| x * w.max(0.0), |_, _| 0.0, 0.0))
}

/// Gamma for inputs and outputs of any sign (Andéol et al. 2021).
pub fn gamma(gamma: f64) -> Rule {
    Box::new(move |layer, x, r| {
        let z = layer.outputs(x);
        let favoured =
            |unit: usize, part: f64| part + gamma * if z[unit] > 0.0 { part.max(0.0) } else { part.min(0.0) };
        layer.shares(x, r, |unit, x, w| favoured(unit, x * w), favoured, 0.0)
    })
}

/// z^B with one pair of bounds for all inputs.
pub fn bounded(low: f64, high: f64) -> Rule {
    Box::new(move |layer, x, r| {
        layer.shares(x, r, |_, x, w| x * w - low * w.max(0.0) - high * w.min(0.0), |_, _| 0.0, 0.0)
    })
}

/// w².
pub fn w_square() -> Rule {
    Box::new(|layer, x, r| layer.shares(x, r, |_, _, w| w * w, |_, _| 0.0, 0.0))
}

/// Evenly over the inputs that are connected.
pub fn flat() -> Rule {
    Box::new(|layer, x, r| layer.shares(x, r, |_, _, w| if w == 0.0 { 0.0 } else { 1.0 }, |_, _| 0.0, 0.0))
}

/// Relevance of the input, from a seed at the output. The first layer with weights may have a rule of its own.
pub fn lrp(graph: &Graph, input: &[f32], seed: &[f64], rule: &Rule, first: Option<&Rule>) -> Vec<f32> {
    let values = reference::run(graph, input).unwrap();
    let mut r = seed.to_vec();
    for node in graph.nodes.iter().rev() {
        let x = &values[node.inputs[0].index()];
        r = match &node.op {
            Op::Conv2d(_) | Op::Dense { .. } => {
                let rule = first.filter(|_| node.inputs[0] == graph.input).unwrap_or(rule);
                rule(&Matrix::of(graph, node), x, &r)
            }
            Op::MaxPool2d(_) => to_winners(graph, node, x, &r),
            Op::Activation(_) | Op::Reshape { .. } => r,
            other => panic!("no chain has {}", other.name()),
        };
    }
    r.iter().map(|&value| value as f32).collect()
}

/// Max pooling of 2 × 2: all to the largest, the first of equals.
fn to_winners(graph: &Graph, node: &Node, x: &[f64], r: &[f64]) -> Vec<f64> {
    let [channels, height, width] = graph.value(node.inputs[0]).shape.feature_map().unwrap();
    let mut relevance = vec![0.0; x.len()];
    for (cell, r) in r.iter().enumerate() {
        let (channel, row, column) =
            (cell / (height / 2 * (width / 2)), cell / (width / 2) % (height / 2), cell % (width / 2));
        assert!(channel < channels);
        let corner = (channel * height + 2 * row) * width + 2 * column;
        let cells = [corner, corner + 1, corner + width, corner + width + 1];
        let winner = cells.into_iter().reduce(|best, cell| if x[cell] > x[best] { cell } else { best }).unwrap();
        relevance[winner] += r;
    }
    relevance
}
