//! Element-wise functions and their derivatives.

use innspect_graph::Activation;

use crate::{Tensor, kernel, kernel::Rectifier, network::Network};

const SQRT_HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;
/// `2 / sqrt(pi)`, the derivative of erf at 0.
const TWO_OVER_SQRT_PI: f32 = std::f32::consts::FRAC_2_SQRT_PI;
/// `sqrt(2 / pi)` of the tanh approximation of GELU.
const GELU_TANH_SCALE: f32 = 0.797_884_6;
const GELU_TANH_CUBIC: f32 = 0.044_715;

/// `f(x)`.
pub(crate) fn forward(network: &Network, activation: &Activation, x: &Tensor) -> Tensor {
    match *activation {
        Activation::Relu => kernel::clip(x, 0.0, f32::MAX),
        Activation::Clip { min, max } => kernel::clip(x, min.max(f32::MIN), max.min(f32::MAX)),
        Activation::LeakyRelu { slope } => x.clamp_min(0.0).add(&x.clamp_max(0.0).scale(slope)),
        Activation::PRelu { slope } => {
            x.clamp_min(0.0).add(&x.clamp_max(0.0).mul(&network.broadcastable(slope, x.dims().len())))
        }
        Activation::Elu { alpha } => elu(x, alpha),
        Activation::Selu { alpha, gamma } => elu(x, alpha).scale(gamma),
        Activation::Sigmoid => sigmoid(x),
        Activation::HardSigmoid { alpha, beta } => x.scale(alpha).add_scalar(beta).clamp(0.0, 1.0),
        Activation::HardSwish => x.mul(&x.scale(1.0 / 6.0).add_scalar(0.5).clamp(0.0, 1.0)),
        Activation::Tanh => x.tanh(),
        Activation::Softplus => softplus(x),
        Activation::Softsign => x.div(&x.abs().add_scalar(1.0)),
        Activation::Gelu { tanh: false } => x.mul(&normal_cdf(x)),
        Activation::Gelu { tanh: true } => x.mul(&gelu_inner(x).tanh().add_scalar(1.0)).scale(0.5),
        Activation::Erf => x.erf(),
        Activation::Mish => x.mul(&softplus(x).tanh()),
        Activation::Silu => x.mul(&sigmoid(x)),
        Activation::Exp => x.exp(),
        Activation::Log => x.log(),
        Activation::Abs => x.abs(),
        Activation::Sqrt => x.sqrt(),
        Activation::Reciprocal => x.recip(),
        Activation::Pow { exponent } => power(x, exponent),
    }
}

/// `g · f'(x)`, where `y = f(x)` is on the tape.
pub(crate) fn gradient(network: &Network, activation: &Activation, x: &Tensor, y: &Tensor, g: &Tensor) -> Tensor {
    if let Some(rectifier) = piecewise(activation) {
        return kernel::rectifier_gradient(x, g, rectifier);
    }
    match *activation {
        Activation::PRelu { slope } => {
            let open = kernel::rectifier_gradient(x, g, gate(0.0, f32::MAX));
            let closed = g.sub(&open);
            open.add(&closed.mul(&network.broadcastable(slope, x.dims().len())))
        }
        // Below zero f'(x) = f(x) + alpha (times gamma for SELU).
        Activation::Elu { alpha } => elu_gradient(x, &y.add_scalar(alpha), 1.0, g),
        Activation::Selu { alpha, gamma } => elu_gradient(x, &y.add_scalar(alpha * gamma), gamma, g),
        Activation::Sigmoid => g.mul(&y.sub(&y.mul(y))),
        Activation::HardSigmoid { alpha, .. } => {
            // Open where 0 < alpha x + beta < 1, which is where y lies strictly inside.
            kernel::rectifier_gradient(y, g, gate(0.0, 1.0)).scale(alpha)
        }
        Activation::HardSwish => {
            let middle = kernel::rectifier_gradient(x, g, gate(-3.0, 3.0)).mul(&x.scale(1.0 / 3.0).add_scalar(0.5));
            middle.add(&kernel::rectifier_gradient(x, g, gate(3.0, f32::MAX)))
        }
        Activation::Tanh => g.mul(&y.mul(y).neg().add_scalar(1.0)),
        Activation::Softplus => g.mul(&sigmoid(x)),
        Activation::Softsign => {
            let denominator = x.abs().add_scalar(1.0);
            g.div(&denominator.mul(&denominator))
        }
        Activation::Gelu { tanh: false } => {
            let density = x.mul(x).scale(-0.5).exp().scale(TWO_OVER_SQRT_PI * SQRT_HALF * 0.5);
            g.mul(&normal_cdf(x).add(&x.mul(&density)))
        }
        Activation::Gelu { tanh: true } => {
            let t = gelu_inner(x).tanh();
            let slope = x.mul(x).scale(3.0 * GELU_TANH_CUBIC).add_scalar(1.0).scale(GELU_TANH_SCALE);
            let inner = t.mul(&t).neg().add_scalar(1.0).mul(&slope).mul(x);
            g.mul(&t.add_scalar(1.0).add(&inner).scale(0.5))
        }
        Activation::Erf => g.mul(&x.mul(x).neg().exp().scale(TWO_OVER_SQRT_PI)),
        Activation::Mish => {
            let t = softplus(x).tanh();
            let inner = t.mul(&t).neg().add_scalar(1.0).mul(&sigmoid(x)).mul(x);
            g.mul(&t.add(&inner))
        }
        Activation::Silu => {
            let s = sigmoid(x);
            g.mul(&s.add(&y.mul(&s.neg().add_scalar(1.0))))
        }
        Activation::Exp => g.mul(y),
        Activation::Log => g.div(x),
        Activation::Abs => g.mul(&x.sign()),
        Activation::Sqrt => g.div(y).scale(0.5),
        Activation::Reciprocal => g.mul(y).mul(y).neg(),
        Activation::Pow { exponent } => g.mul(&power(x, exponent - 1.0)).scale(exponent),
        Activation::Relu | Activation::Clip { .. } | Activation::LeakyRelu { .. } => {
            unreachable!("piecewise linear, handled above")
        }
    }
}

/// What Guided Backpropagation and DeconvNet pass through a rectifier; `None` for other functions, for which neither
/// is defined (Springenberg et al. 2015).
pub(crate) fn modified_gradient(activation: &Activation, x: &Tensor, g: &Tensor, deconv: bool) -> Option<Tensor> {
    if !activation.is_rectifier() {
        return None;
    }
    let rectifier = piecewise(activation)?;
    Some(kernel::rectifier_gradient(x, g, Rectifier { positive_only: true, ungated: deconv, ..rectifier }))
}

fn gate(low: f32, high: f32) -> Rectifier {
    Rectifier { low, high, slope: 0.0, positive_only: false, ungated: false }
}

/// The gate of a piecewise linear function whose open part has slope 1. Bounds are finite because shaders may assume
/// that no infinity occurs.
pub(crate) fn piecewise(activation: &Activation) -> Option<Rectifier> {
    match *activation {
        Activation::Relu => Some(gate(0.0, f32::MAX)),
        Activation::Clip { min, max } => Some(gate(min.max(f32::MIN), max.min(f32::MAX))),
        Activation::LeakyRelu { slope } => Some(Rectifier { slope, ..gate(0.0, f32::MAX) }),
        _ => None,
    }
}

fn sigmoid(x: &Tensor) -> Tensor {
    use burn::backend::{Dispatch, ops::ActivationOps as _};
    Tensor(Dispatch::sigmoid(x.0.clone()))
}

/// `max(x, 0) + ln(1 + e^-|x|)`, which neither overflows nor loses small values.
fn softplus(x: &Tensor) -> Tensor {
    x.clamp_min(0.0).add(&x.abs().neg().exp().add_scalar(1.0).log())
}

fn elu(x: &Tensor, alpha: f32) -> Tensor {
    x.clamp_min(0.0).add(&x.clamp_max(0.0).exp().add_scalar(-1.0).scale(alpha))
}

/// `scale · g` above zero, `g · below` elsewhere.
fn elu_gradient(x: &Tensor, below: &Tensor, scale: f32, g: &Tensor) -> Tensor {
    let open = kernel::rectifier_gradient(x, g, gate(0.0, f32::MAX));
    open.scale(scale).add(&g.sub(&open).mul(below))
}

fn normal_cdf(x: &Tensor) -> Tensor {
    x.scale(SQRT_HALF).erf().add_scalar(1.0).scale(0.5)
}

fn gelu_inner(x: &Tensor) -> Tensor {
    x.mul(&x.mul(x).scale(GELU_TANH_CUBIC).add_scalar(1.0)).scale(GELU_TANH_SCALE)
}

/// `x^exponent` with small integers by multiplication, as `powf` of a negative base is NaN on GPUs.
fn power(x: &Tensor, exponent: f32) -> Tensor {
    match exponent {
        0.0 => x.scale(0.0).add_scalar(1.0),
        1.0 => x.clone(),
        2.0 => x.mul(x),
        3.0 => x.mul(x).mul(x),
        -1.0 => x.recip(),
        0.5 => x.sqrt(),
        _ => x.powf(exponent),
    }
}
