//! Activations that exporters take apart, put together again.

use super::rewrite::{Rewriter, rewrite};
use crate::{Activation, BinaryKind, Graph, GraphError, Node, Op, ParamId, ValueId};

/// Tolerance for the constants of a formula, which exporters round to f32, f16 or a few digits.
const TOLERANCE: f64 = 2e-3;

/// Recognises SiLU (`x · sigmoid(x)`), GELU in both forms, HardSwish and Mish. Says whether it changed anything.
///
/// # Errors
/// [`GraphError`] if the graph does not hold together.
pub fn fuse_activations(graph: Graph) -> Result<(Graph, bool), GraphError> {
    rewrite(graph, visit)
}

/// `scale · base + shift` with one number each.
#[derive(Clone, Copy)]
struct Linear {
    base: ValueId,
    scale: f64,
    shift: f64,
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * b.abs()
}

fn visit(rewriter: &mut Rewriter, mut node: Node) -> Result<(), GraphError> {
    let (Op::Binary(BinaryKind::Mul), &[a, b]) = (&node.op, node.inputs.as_slice()) else { return rewriter.keep(node) };
    let found = product(rewriter, a, b).or_else(|| product(rewriter, b, a));
    let Some((activation, base, factor, parts)) = found else { return rewriter.keep(node) };
    for part in parts {
        // Names of the parts go along; the parts themselves drop out if nothing else reads them.
        if let Some(part) = rewriter.producer(part) {
            node.absorbed.push(part.name.clone());
            node.absorbed.extend(part.absorbed.iter().cloned());
        }
    }
    node.op = Op::Activation(activation);
    node.inputs = vec![base];
    if near(factor, 1.0) {
        return rewriter.replace(node);
    }
    // The rest of the formula's constant factor follows, as in x · (1 + erf(x / √2)) · 0.5, and cancels this one.
    let rank = rewriter.shape(base).rank();
    let old = node.output;
    let output = rewriter.old_name(old).to_owned();
    let name = format!("{}/factor", node.name);
    let scale = rewriter.add_param(format!("{output}/factor"), vec![1; rank], vec![factor as f32]);
    let inner = rewriter.insert(node.name, node.op, &node.inputs, format!("{output}/activation"))?;
    if let Some(activation) = rewriter.producer_mut(inner) {
        activation.absorbed = node.absorbed;
    }
    let op = Op::Affine { scale: Some(scale), shift: None };
    rewriter.replace(Node { name, op, inputs: vec![inner], output: old, absorbed: Vec::new() })
}

type Found = (Activation, ValueId, f64, Vec<ValueId>);

/// Matches `x_side · gate_side` with a gate that is a function of x; gives the activation, x, the factor that is left,
/// and the values in between.
fn product(rewriter: &Rewriter, x_side: ValueId, gate_side: ValueId) -> Option<Found> {
    let mut parts = Vec::new();
    let gate = linear(rewriter, gate_side, &mut parts);
    let producer = rewriter.producer(gate.base)?;
    parts.push(gate.base);
    let &argument = producer.inputs.first()?;
    let x = linear(rewriter, x_side, &mut parts);
    if x.shift != 0.0 || x.base == gate.base {
        return None;
    }
    let is_x = |value: Linear| value.base == x.base && value.scale == 1.0 && value.shift == 0.0;
    let whole = gate.shift == 0.0;
    // 1 + f(..) up to a common factor.
    let one_plus = near(gate.scale, gate.shift);
    match producer.op {
        Op::Activation(Activation::Sigmoid) if whole && is_x(linear(rewriter, argument, &mut Vec::new())) => {
            Some((Activation::Silu, x.base, x.scale * gate.scale, parts))
        }
        Op::Activation(Activation::HardSigmoid { alpha, beta })
            if whole
                && near(f64::from(alpha), 1.0 / 6.0)
                && near(f64::from(beta), 0.5)
                && is_x(linear(rewriter, argument, &mut Vec::new())) =>
        {
            Some((Activation::HardSwish, x.base, x.scale * gate.scale, parts))
        }
        Op::Activation(Activation::Clip { min: 0.0, max: 6.0 }) if whole => {
            let argument = linear(rewriter, argument, &mut parts);
            (argument.base == x.base && near(argument.scale, 1.0) && near(argument.shift, 3.0)).then_some((
                Activation::HardSwish,
                x.base,
                6.0 * x.scale * gate.scale,
                parts,
            ))
        }
        Op::Activation(Activation::Erf) if one_plus => {
            let argument = linear(rewriter, argument, &mut parts);
            let fits = argument.base == x.base
                && near(argument.scale, std::f64::consts::FRAC_1_SQRT_2)
                && argument.shift == 0.0;
            fits.then_some((Activation::Gelu { tanh: false }, x.base, 2.0 * x.scale * gate.scale, parts))
        }
        Op::Activation(Activation::Tanh) => {
            if whole && let Some(inner) = rewriter.producer(argument) {
                let softplus = matches!(inner.op, Op::Activation(Activation::Softplus));
                return (softplus && inner.inputs.first() == Some(&x.base)).then(|| {
                    parts.push(argument);
                    (Activation::Mish, x.base, x.scale * gate.scale, parts)
                });
            }
            let argument = linear(rewriter, argument, &mut parts);
            let root = (2.0 / std::f64::consts::PI).sqrt();
            (one_plus && argument.shift == 0.0 && cubic(rewriter, argument, x.base, root, &mut parts)).then_some((
                Activation::Gelu { tanh: true },
                x.base,
                2.0 * x.scale * gate.scale,
                parts,
            ))
        }
        _ => None,
    }
}

/// Whether `value` is `root · (x + 0.044715 · x³)`, as a sum or as `x · (1 + 0.044715 · x²)`.
fn cubic(rewriter: &Rewriter, value: Linear, x: ValueId, root: f64, parts: &mut Vec<ValueId>) -> bool {
    const CUBE: f64 = 0.044_715;
    let Some(producer) = rewriter.producer(value.base) else { return false };
    parts.push(value.base);
    let &[a, b] = producer.inputs.as_slice() else { return false };
    let kind = producer.op.clone();
    [(a, b), (b, a)].into_iter().any(|(plain, other)| {
        let plain = linear(rewriter, plain, parts);
        let other = linear(rewriter, other, parts);
        match kind {
            Op::Binary(BinaryKind::Add) => {
                plain.base == x
                    && plain.shift == 0.0
                    && other.shift == 0.0
                    && near(value.scale * plain.scale, root)
                    && near(value.scale * other.scale, root * CUBE)
                    && is_power(rewriter, other.base, x, 3, parts)
            }
            Op::Binary(BinaryKind::Mul) => {
                plain.base == x
                    && plain.shift == 0.0
                    && near(value.scale * plain.scale * other.shift, root)
                    && near(other.scale, CUBE * other.shift)
                    && is_power(rewriter, other.base, x, 2, parts)
            }
            _ => false,
        }
    })
}

/// Whether `value` is x to a power, as one node or as products.
fn is_power(rewriter: &Rewriter, value: ValueId, x: ValueId, power: u32, parts: &mut Vec<ValueId>) -> bool {
    if power == 1 {
        return value == x;
    }
    let Some(producer) = rewriter.producer(value) else { return false };
    parts.push(value);
    match (&producer.op, producer.inputs.as_slice()) {
        (Op::Activation(Activation::Pow { exponent }), &[input]) => {
            input == x && f64::from(*exponent) == f64::from(power)
        }
        (Op::Binary(BinaryKind::Mul), &[a, b]) => {
            (a == x && is_power(rewriter, b, x, power - 1, parts))
                || (b == x && is_power(rewriter, a, x, power - 1, parts))
        }
        _ => false,
    }
}

/// Follows sums and products with single numbers back to what they start from.
fn linear(rewriter: &Rewriter, value: ValueId, parts: &mut Vec<ValueId>) -> Linear {
    let mut result = Linear { base: value, scale: 1.0, shift: 0.0 };
    // No formula has more factors, and the bound keeps this linear in the number of nodes.
    for _ in 0..8 {
        let Some(node) = rewriter.producer(result.base) else { break };
        let (Op::Affine { scale, shift }, &[input]) = (&node.op, node.inputs.as_slice()) else { break };
        let (Some(scale), Some(shift)) = (number(rewriter, *scale, 1.0), number(rewriter, *shift, 0.0)) else { break };
        parts.push(result.base);
        result = Linear { base: input, scale: result.scale * scale, shift: result.scale * shift + result.shift };
    }
    result
}

/// The one value of a constant, `default` if it is absent, `None` if it has several.
fn number(rewriter: &Rewriter, id: Option<ParamId>, default: f64) -> Option<f64> {
    let Some(id) = id else { return Some(default) };
    let data = rewriter.param(id).data.held()?;
    let &first = data.first()?;
    data.iter().all(|&value| value == first).then_some(f64::from(first))
}
