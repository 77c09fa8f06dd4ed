//! The operations a network is made of, and what each holds.

use crate::ParamId;

/// A 2-D convolution (cross-correlation) over `[C, H, W]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv2d {
    /// Kernel, `[out_channels, in_channels / groups, kernel_h, kernel_w]`.
    pub weight: ParamId,
    /// Bias, `[out_channels]`.
    pub bias: Option<ParamId>,
    /// Step in `[h, w]`, at least 1.
    pub stride: [usize; 2],
    /// Zero padding `[top, left, bottom, right]`.
    pub pads: [usize; 4],
    /// Spacing of the kernel's taps in `[h, w]`, at least 1.
    pub dilation: [usize; 2],
    /// Channel groups; equal to the input channels in a depthwise convolution.
    pub groups: usize,
}

/// A 2-D transposed convolution over `[C, H, W]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvTranspose2d {
    /// Kernel, `[in_channels, out_channels / groups, kernel_h, kernel_w]`.
    pub weight: ParamId,
    /// Bias, `[out_channels]`.
    pub bias: Option<ParamId>,
    /// Step in `[h, w]`, at least 1.
    pub stride: [usize; 2],
    /// What is cut from the full result, `[top, left, bottom, right]`.
    pub pads: [usize; 4],
    /// Extra rows and columns at the end of the result, `[h, w]`.
    pub output_padding: [usize; 2],
    /// Spacing of the kernel's taps in `[h, w]`, at least 1.
    pub dilation: [usize; 2],
    /// Channel groups.
    pub groups: usize,
}

/// The window of a 2-D pooling over `[C, H, W]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool2d {
    /// Window in `[h, w]`.
    pub kernel: [usize; 2],
    /// Step in `[h, w]`, at least 1.
    pub stride: [usize; 2],
    /// Padding `[top, left, bottom, right]`; never a winner in max pooling, zeros in average pooling.
    pub pads: [usize; 4],
    /// Spacing of the window's taps in `[h, w]`; 1 in average pooling.
    pub dilation: [usize; 2],
    /// Whether the last, partial window counts (output size rounded up).
    pub ceil_mode: bool,
    /// Average pooling: whether padding cells count in the divisor.
    pub count_include_pad: bool,
}

/// An element-wise function of one value.
#[derive(Clone, Debug, PartialEq)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `x` where positive, else `slope · x`.
    LeakyRelu {
        /// Factor for negative inputs.
        slope: f32,
    },
    /// `x` where positive, else `slope · x`, with a slope per channel (or any shape that broadcasts to the sample).
    PRelu {
        /// Slopes, broadcastable to the sample.
        slope: ParamId,
    },
    /// `min(max(x, min), max)`; ReLU6 is `min = 0, max = 6`.
    Clip {
        /// Lower bound, may be `-inf`.
        min: f32,
        /// Upper bound, may be `inf`.
        max: f32,
    },
    /// `x` where positive, else `alpha · (e^x - 1)`.
    Elu {
        /// Saturation for negative inputs.
        alpha: f32,
    },
    /// `gamma · (x where positive, else alpha · (e^x - 1))`.
    Selu {
        /// Saturation for negative inputs.
        alpha: f32,
        /// Overall factor.
        gamma: f32,
    },
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `min(max(alpha · x + beta, 0), 1)`.
    HardSigmoid {
        /// Slope.
        alpha: f32,
        /// Offset.
        beta: f32,
    },
    /// `x · min(max(x / 6 + 1/2, 0), 1)`.
    HardSwish,
    /// Hyperbolic tangent.
    Tanh,
    /// `ln(1 + e^x)`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `x · Φ(x)`, by the error function or by the tanh approximation.
    Gelu {
        /// Whether the tanh approximation is meant.
        tanh: bool,
    },
    /// The error function.
    Erf,
    /// `x · tanh(softplus(x))`.
    Mish,
    /// `x · sigmoid(x)`, also called Swish.
    Silu,
    /// `e^x`.
    Exp,
    /// Natural logarithm.
    Log,
    /// `|x|`.
    Abs,
    /// Square root.
    Sqrt,
    /// `1 / x`.
    Reciprocal,
    /// `x ^ exponent`.
    Pow {
        /// The constant exponent.
        exponent: f32,
    },
}

impl Activation {
    /// ReLU6, the clipped rectifier of the MobileNet family.
    pub const RELU6: Self = Self::Clip { min: 0.0, max: 6.0 };

    /// Whether this is a rectifier, the only functions for which DeconvNet and Guided Backpropagation are defined:
    /// ReLU and its clipped form (Zeiler & Fergus 2014; Springenberg et al. 2015).
    #[must_use]
    pub fn is_rectifier(&self) -> bool {
        matches!(self, Self::Relu) || matches!(self, Self::Clip { min, max } if *min == 0.0 && *max > 0.0)
    }

    /// The field's name, as shown in layer lists.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Relu => "ReLU",
            Self::LeakyRelu { .. } => "LeakyReLU",
            Self::PRelu { .. } => "PReLU",
            Self::Clip { min, max } if *min == 0.0 && *max == 6.0 => "ReLU6",
            Self::Clip { .. } => "Clip",
            Self::Elu { .. } => "ELU",
            Self::Selu { .. } => "SELU",
            Self::Sigmoid => "Sigmoid",
            Self::HardSigmoid { .. } => "HardSigmoid",
            Self::HardSwish => "HardSwish",
            Self::Tanh => "Tanh",
            Self::Softplus => "Softplus",
            Self::Softsign => "Softsign",
            Self::Gelu { .. } => "GELU",
            Self::Erf => "Erf",
            Self::Mish => "Mish",
            Self::Silu => "SiLU",
            Self::Exp => "Exp",
            Self::Log => "Log",
            Self::Abs => "Abs",
            Self::Sqrt => "Sqrt",
            Self::Reciprocal => "Reciprocal",
            Self::Pow { .. } => "Pow",
        }
    }
}

/// An element-wise function of two values, with broadcasting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryKind {
    /// `a + b`.
    Add,
    /// `a - b`.
    Sub,
    /// `a · b`.
    Mul,
    /// `a / b`.
    Div,
    /// `max(a, b)`.
    Max,
    /// `min(a, b)`.
    Min,
}

/// What a reduction computes over its axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReduceKind {
    /// Arithmetic mean. Over both spatial axes it is global average pooling.
    Mean,
    /// Sum.
    Sum,
    /// Maximum. Over both spatial axes it is global max pooling.
    Max,
}

/// How padding cells are filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadMode {
    /// With one value.
    Constant(f32),
    /// By mirroring without repeating the edge.
    Reflect,
    /// By repeating the edge.
    Edge,
}

/// How a resize reads between cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResizeMode {
    /// The nearest cell; halves go down, and [`ResizeCoordinates::Asymmetric`] always does.
    Nearest,
    /// Bilinear interpolation, coordinates clamped to the cells there are.
    Linear,
}

/// Which input coordinate an output cell stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResizeCoordinates {
    /// Cell centres correspond: `(i + 1/2) · in / out - 1/2`.
    HalfPixel,
    /// Corners correspond: `i · (in - 1) / (out - 1)`.
    AlignCorners,
    /// Origins correspond: `i · in / out`, rounded down for nearest.
    Asymmetric,
}

/// Resizing of the two spatial axes of `[C, H, W]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Resize {
    /// Result `[h, w]`.
    pub size: [usize; 2],
    /// Interpolation.
    pub mode: ResizeMode,
    /// Correspondence of coordinates.
    pub coordinates: ResizeCoordinates,
}

/// One operation. Axes and shapes are those of one sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Convolution.
    Conv2d(Conv2d),
    /// Transposed convolution.
    ConvTranspose2d(ConvTranspose2d),
    /// `x · weight + bias` over the last axis: fully connected layer.
    Dense {
        /// Matrix, `[in_features, out_features]`.
        weight: ParamId,
        /// Bias, `[out_features]`.
        bias: Option<ParamId>,
    },
    /// Product of two values over their last two axes: `[.., m, k] × [.., k, n]`.
    MatMul,
    /// `scale · x + shift` with constants: batch normalisation at inference, and any sum or product with a constant.
    Affine {
        /// Factor, broadcastable to the sample (`[C, 1, 1]` for a feature map); 1 if absent.
        scale: Option<ParamId>,
        /// Summand, broadcastable to the sample; 0 if absent.
        shift: Option<ParamId>,
    },
    /// Normalisation of each channel by its own mean and variance over space.
    InstanceNorm {
        /// Factor per channel, `[C]`.
        scale: ParamId,
        /// Summand per channel, `[C]`.
        shift: ParamId,
        /// Added to the variance.
        epsilon: f32,
    },
    /// Local response normalisation across channels: `x / (bias + alpha / size · Σ x²)^beta`.
    Lrn {
        /// Number of channels in the window.
        size: usize,
        /// Weight of the sum of squares.
        alpha: f32,
        /// Exponent.
        beta: f32,
        /// Constant in the denominator.
        bias: f32,
    },
    /// Element-wise function.
    Activation(Activation),
    /// Maximum over a sliding window.
    MaxPool2d(Pool2d),
    /// Mean over a sliding window.
    AvgPool2d(Pool2d),
    /// Reduction over axes; global pooling when it is both spatial axes.
    Reduce {
        /// What is computed.
        kind: ReduceKind,
        /// Axes of the sample, ascending.
        axes: Vec<usize>,
        /// Whether reduced axes stay with size 1.
        keep_dims: bool,
    },
    /// Element-wise function of two values.
    Binary(BinaryKind),
    /// Joins values along an axis.
    Concat {
        /// Axis of the sample.
        axis: usize,
    },
    /// Takes a range of one axis.
    Slice {
        /// Axis of the sample.
        axis: usize,
        /// First index.
        start: usize,
        /// One past the last index.
        end: usize,
        /// Step, at least 1.
        step: usize,
    },
    /// Adds cells around.
    Pad {
        /// Cells before and after each axis of the sample.
        pads: Vec<(usize, usize)>,
        /// What they hold.
        mode: PadMode,
    },
    /// Gives the sample another shape with the same elements; also flatten, squeeze and unsqueeze.
    Reshape {
        /// New shape of the sample.
        shape: Vec<usize>,
    },
    /// Permutes the axes of the sample.
    Transpose {
        /// `permutation[i]` is the input axis that becomes output axis `i`.
        permutation: Vec<usize>,
    },
    /// Spatial resizing.
    Resize(Resize),
    /// `e^x / Σ e^x` along an axis.
    Softmax {
        /// Axis of the sample.
        axis: usize,
    },
    /// Logarithm of the softmax along an axis.
    LogSoftmax {
        /// Axis of the sample.
        axis: usize,
    },
}

/// The kind of an op, for selecting rules and listing layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OpKind {
    /// [`Op::Conv2d`].
    Conv,
    /// [`Op::ConvTranspose2d`].
    ConvTranspose,
    /// [`Op::Dense`].
    Dense,
    /// [`Op::MatMul`].
    MatMul,
    /// [`Op::Affine`].
    Affine,
    /// [`Op::InstanceNorm`] and [`Op::Lrn`].
    Normalization,
    /// [`Op::Activation`].
    Activation,
    /// [`Op::MaxPool2d`] and maxima over axes.
    MaxPool,
    /// [`Op::AvgPool2d`] and means and sums over axes.
    AvgPool,
    /// Sums and differences of two values.
    Add,
    /// Products and quotients of two values.
    Mul,
    /// Element-wise extremum of two values.
    Extremum,
    /// Ops that only move elements: concat, slice, pad, reshape, transpose.
    Shape,
    /// [`Op::Resize`].
    Resize,
    /// [`Op::Softmax`], [`Op::LogSoftmax`].
    Softmax,
}

impl Op {
    /// The kind of this op.
    #[must_use]
    pub fn kind(&self) -> OpKind {
        match self {
            Self::Conv2d(_) => OpKind::Conv,
            Self::ConvTranspose2d(_) => OpKind::ConvTranspose,
            Self::Dense { .. } => OpKind::Dense,
            Self::MatMul => OpKind::MatMul,
            Self::Affine { .. } => OpKind::Affine,
            Self::InstanceNorm { .. } | Self::Lrn { .. } => OpKind::Normalization,
            Self::Activation(_) => OpKind::Activation,
            Self::MaxPool2d(_) | Self::Reduce { kind: ReduceKind::Max, .. } => OpKind::MaxPool,
            Self::AvgPool2d(_) | Self::Reduce { .. } => OpKind::AvgPool,
            Self::Binary(BinaryKind::Add | BinaryKind::Sub) => OpKind::Add,
            Self::Binary(BinaryKind::Mul | BinaryKind::Div) => OpKind::Mul,
            Self::Binary(BinaryKind::Max | BinaryKind::Min) => OpKind::Extremum,
            Self::Concat { .. }
            | Self::Slice { .. }
            | Self::Pad { .. }
            | Self::Reshape { .. }
            | Self::Transpose { .. } => OpKind::Shape,
            Self::Resize(_) => OpKind::Resize,
            Self::Softmax { .. } | Self::LogSoftmax { .. } => OpKind::Softmax,
        }
    }

    /// The field's name of the op, as shown in layer lists.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv2d(conv) if conv.groups > 1 => "Conv2D (grouped)",
            Self::Conv2d(_) => "Conv2D",
            Self::ConvTranspose2d(_) => "ConvTranspose2D",
            Self::Dense { .. } => "Dense",
            Self::MatMul => "MatMul",
            Self::Affine { .. } => "Affine",
            Self::InstanceNorm { .. } => "InstanceNorm",
            Self::Lrn { .. } => "LRN",
            Self::Activation(activation) => activation.name(),
            Self::MaxPool2d(_) => "MaxPool2D",
            Self::AvgPool2d(_) => "AveragePool2D",
            Self::Reduce { kind: ReduceKind::Mean, .. } => "ReduceMean",
            Self::Reduce { kind: ReduceKind::Sum, .. } => "ReduceSum",
            Self::Reduce { kind: ReduceKind::Max, .. } => "ReduceMax",
            Self::Binary(BinaryKind::Add) => "Add",
            Self::Binary(BinaryKind::Sub) => "Sub",
            Self::Binary(BinaryKind::Mul) => "Mul",
            Self::Binary(BinaryKind::Div) => "Div",
            Self::Binary(BinaryKind::Max) => "Max",
            Self::Binary(BinaryKind::Min) => "Min",
            Self::Concat { .. } => "Concat",
            Self::Slice { .. } => "Slice",
            Self::Pad { .. } => "Pad",
            Self::Reshape { .. } => "Reshape",
            Self::Transpose { .. } => "Transpose",
            Self::Resize(_) => "Resize",
            Self::Softmax { .. } => "Softmax",
            Self::LogSoftmax { .. } => "LogSoftmax",
        }
    }

    /// The weights this op owns.
    #[must_use]
    pub fn params(&self) -> Vec<ParamId> {
        match self {
            Self::Conv2d(Conv2d { weight, bias, .. })
            | Self::ConvTranspose2d(ConvTranspose2d { weight, bias, .. })
            | Self::Dense { weight, bias } => [Some(*weight), *bias].into_iter().flatten().collect(),
            Self::Affine { scale, shift } => [*scale, *shift].into_iter().flatten().collect(),
            Self::InstanceNorm { scale, shift, .. } => vec![*scale, *shift],
            Self::Activation(Activation::PRelu { slope }) => vec![*slope],
            _ => Vec::new(),
        }
    }

    /// Calls `visit` on each weight this op owns, to renumber them.
    pub(crate) fn for_each_param(&mut self, mut visit: impl FnMut(&mut ParamId)) {
        match self {
            Self::Conv2d(Conv2d { weight, bias, .. })
            | Self::ConvTranspose2d(ConvTranspose2d { weight, bias, .. })
            | Self::Dense { weight, bias } => {
                visit(weight);
                bias.iter_mut().for_each(visit);
            }
            Self::Affine { scale, shift } => scale.iter_mut().chain(shift).for_each(visit),
            Self::InstanceNorm { scale, shift, .. } => {
                visit(scale);
                visit(shift);
            }
            Self::Activation(Activation::PRelu { slope }) => visit(slope),
            _ => {}
        }
    }

    /// The number of values this op reads; `None` means one or more.
    #[must_use]
    pub fn arity(&self) -> Option<usize> {
        match self {
            Self::MatMul | Self::Binary(_) => Some(2),
            Self::Concat { .. } => None,
            _ => Some(1),
        }
    }
}
