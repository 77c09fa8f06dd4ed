//! Operations with a kernel of their own: one WGSL launch on the GPU, one pass over memory on the CPU.
//!
//! The kernels of rules are files of `shaders/` with their twins beside them here, in [`Kernels`]' implementation for
//! flex; both run in the tests of the operators and methods. Clipping and convolutions are burn's own on the GPU and have
//! a faster form here on the CPU. All tensors of one launch have the same layout in memory, whichever it is, so that a
//! convolution's channels-last result is not copied first.

use burn::{
    backend::{
        Backend, Dispatch, Flex, TensorMetadata, backend_extension,
        ops::{ConvOptions, FloatTensorOps, ModuleOps},
        tensor::FloatTensor,
        wgpu::{CubeBackend, CubeTensor, into_contiguous},
    },
    tensor::TensorData,
};

use crate::{
    Tensor, depthwise,
    launch::{Shader, apart, launch},
    shader,
};

/// How a rectifier treats the cotangent: the gradient's gate, Guided Backpropagation's or DeconvNet's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rectifier {
    /// The unit is open for inputs above this...
    pub low: f32,
    /// ...and below this.
    pub high: f32,
    /// Derivative where it is closed: 0, or the slope of a leaky rectifier.
    pub slope: f32,
    /// Only positive cotangents pass (DeconvNet, Guided Backpropagation).
    pub positive_only: bool,
    /// The input does not gate (DeconvNet).
    pub ungated: bool,
}

/// The extension of burn's backends by our kernels.
#[backend_extension(Cube, Flex)]
pub trait Kernels: Backend {
    /// `factor · n / (d + epsilon · s(d))`, `s(0) = +1`, 0 where that denominator is 0.
    fn stabilized_divide(n: FloatTensor<Self>, d: FloatTensor<Self>, epsilon: f32, factor: f32) -> FloatTensor<Self>;

    /// `max(x, 0) · p + min(x, 0) · n`.
    fn recombine(x: FloatTensor<Self>, p: FloatTensor<Self>, n: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `x · a - low · p - high · n` with bounds `low` and `high` by channel.
    fn box_recombine(
        x: FloatTensor<Self>,
        a: FloatTensor<Self>,
        p: FloatTensor<Self>,
        n: FloatTensor<Self>,
        low: Vec<f32>,
        high: Vec<f32>,
    ) -> FloatTensor<Self>;

    /// `m · dy / dx`, or `g` where `|dx| < smallest`.
    fn secant(
        m: FloatTensor<Self>,
        g: FloatTensor<Self>,
        dx: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        smallest: f32,
    ) -> FloatTensor<Self>;

    /// [`Kernels::secant`] of a piecewise linear unit between the inputs `x0` and `x`.
    fn rectifier_secant(
        m: FloatTensor<Self>,
        x: FloatTensor<Self>,
        x0: FloatTensor<Self>,
        bounds: [f32; 2],
        slope: f32,
        smallest: f32,
    ) -> FloatTensor<Self>;

    /// The cotangent behind a piecewise linear unit with input `x`.
    fn rectifier_gradient(
        x: FloatTensor<Self>,
        g: FloatTensor<Self>,
        low: f32,
        high: f32,
        slope: f32,
        flags: u32,
    ) -> FloatTensor<Self>;

    /// `min(max(x, low), high)`; NaN stays.
    fn clip(x: FloatTensor<Self>, low: f32, high: f32) -> FloatTensor<Self>;

    /// Convolution, `x` `[n, c, h, w]`, `weight` `[o, c / groups, kh, kw]`.
    fn convolution(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions<2>) -> FloatTensor<Self>;

    /// Convolution with a bias `[o]`.
    fn convolution_with_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self>;

    /// Gradient of [`Kernels::convolution`] with respect to `x`, which gives only the shape.
    fn convolution_input_gradient(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        g: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self>;
}

const POSITIVE_ONLY: u32 = 1;
const UNGATED: u32 = 2;

/// See [`Kernels::stabilized_divide`]; the operands have the same shape.
pub(crate) fn stabilized_divide(n: &Tensor, d: &Tensor, epsilon: f32, factor: f32) -> Tensor {
    Tensor(<Dispatch as Kernels>::stabilized_divide(n.0.clone(), d.0.clone(), epsilon, factor))
}

/// See [`Kernels::recombine`]; the operands have the same shape.
pub(crate) fn recombine(x: &Tensor, p: &Tensor, n: &Tensor) -> Tensor {
    Tensor(<Dispatch as Kernels>::recombine(x.0.clone(), p.0.clone(), n.0.clone()))
}

/// See [`Kernels::box_recombine`]; the operands `[n, c, ...]` have the same shape, the bounds one number a channel.
pub(crate) fn box_recombine(x: &Tensor, a: &Tensor, p: &Tensor, n: &Tensor, low: &[f32], high: &[f32]) -> Tensor {
    let (x, a, p, n) = (x.0.clone(), a.0.clone(), p.0.clone(), n.0.clone());
    Tensor(<Dispatch as Kernels>::box_recombine(x, a, p, n, low.to_vec(), high.to_vec()))
}

/// See [`Kernels::secant`]; the operands have the same shape.
pub(crate) fn secant(m: &Tensor, g: &Tensor, dx: &Tensor, dy: &Tensor, smallest: f32) -> Tensor {
    let (m, g, dx, dy) = (m.0.clone(), g.0.clone(), dx.0.clone(), dy.0.clone());
    Tensor(<Dispatch as Kernels>::secant(m, g, dx, dy, smallest))
}

/// See [`Kernels::rectifier_secant`]; the operands have the same shape.
pub(crate) fn rectifier_secant(m: &Tensor, x: &Tensor, x0: &Tensor, rectifier: Rectifier, smallest: f32) -> Tensor {
    let Rectifier { low, high, slope, .. } = rectifier;
    let (m, x, x0) = (m.0.clone(), x.0.clone(), x0.0.clone());
    Tensor(<Dispatch as Kernels>::rectifier_secant(m, x, x0, [low, high], slope, smallest))
}

/// See [`Kernels::rectifier_gradient`]; the operands have the same shape.
pub(crate) fn rectifier_gradient(x: &Tensor, g: &Tensor, rectifier: Rectifier) -> Tensor {
    let Rectifier { low, high, slope, positive_only, ungated } = rectifier;
    let flags = if positive_only { POSITIVE_ONLY } else { 0 } | if ungated { UNGATED } else { 0 };
    Tensor(<Dispatch as Kernels>::rectifier_gradient(x.0.clone(), g.0.clone(), low, high, slope, flags))
}

/// See [`Kernels::clip`]; `f32::MIN` and `f32::MAX` are no bounds.
pub(crate) fn clip(x: &Tensor, low: f32, high: f32) -> Tensor {
    Tensor(<Dispatch as Kernels>::clip(x.0.clone(), low, high))
}

/// See [`Kernels::convolution`] and [`Kernels::convolution_with_bias`].
pub(crate) fn convolution(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, options: ConvOptions<2>) -> Tensor {
    let (x, weight) = (x.0.clone(), weight.0.clone());
    Tensor(match bias {
        Some(bias) => <Dispatch as Kernels>::convolution_with_bias(x, weight, bias.0.clone(), options),
        None => <Dispatch as Kernels>::convolution(x, weight, options),
    })
}

/// See [`Kernels::convolution_input_gradient`].
pub(crate) fn convolution_input_gradient(x: &Tensor, weight: &Tensor, g: &Tensor, options: ConvOptions<2>) -> Tensor {
    Tensor(<Dispatch as Kernels>::convolution_input_gradient(x.0.clone(), weight.0.clone(), g.0.clone(), options))
}

static LRP_DIVIDE: Shader = shader!("lrp_divide");
static LRP_RECOMBINE: Shader = shader!("lrp_recombine");
static LRP_BOX: Shader = shader!("lrp_box");
static SECANT: Shader = shader!("secant");
static RECTIFIER_SECANT: Shader = shader!("rectifier_secant");
static RECTIFIER_GRADIENT: Shader = shader!("rectifier_gradient");

/// Launches an element-wise shader: `inputs` of one shape, one output, `info` after the element count.
fn launch_elementwise(shader: &'static Shader, inputs: Vec<CubeTensor>, info: &[u32]) -> CubeTensor {
    let inputs = apart(inputs);
    let same_layout = inputs.iter().all(|tensor| {
        tensor.meta.strides() == inputs[0].meta.strides() && tensor.is_contiguous_buffer() && tensor.is_nonoverlapping()
    });
    let inputs: Vec<CubeTensor> = if same_layout { inputs } else { inputs.into_iter().map(into_contiguous).collect() };
    let first = &inputs[0];
    let (client, count) = (first.client.clone(), first.meta.shape().num_elements());
    let output = CubeTensor {
        client: client.clone(),
        handle: client.empty(count * size_of::<f32>()),
        meta: first.meta.clone(),
        device: first.device.clone(),
        dtype: first.dtype,
        qparams: None,
    };
    launch(shader, inputs.into_iter().map(|tensor| tensor.handle).collect(), &output, info);
    output
}

impl Kernels for CubeBackend {
    fn stabilized_divide(n: FloatTensor<Self>, d: FloatTensor<Self>, epsilon: f32, factor: f32) -> FloatTensor<Self> {
        launch_elementwise(&LRP_DIVIDE, vec![n, d], &[epsilon.to_bits(), factor.to_bits()])
    }

    fn recombine(x: FloatTensor<Self>, p: FloatTensor<Self>, n: FloatTensor<Self>) -> FloatTensor<Self> {
        launch_elementwise(&LRP_RECOMBINE, vec![x, p, n], &[])
    }

    fn box_recombine(
        x: FloatTensor<Self>,
        a: FloatTensor<Self>,
        p: FloatTensor<Self>,
        n: FloatTensor<Self>,
        low: Vec<f32>,
        high: Vec<f32>,
    ) -> FloatTensor<Self> {
        // The shader finds the channel from the place in memory.
        let inputs = [x, a, p, n].map(into_contiguous).to_vec();
        let shape = inputs[0].meta.shape();
        let (channels, cells) = (shape[1], shape.iter().skip(2).product::<usize>());
        let mut info = vec![cells as u32, channels as u32];
        info.extend(low.iter().chain(&high).map(|bound| bound.to_bits()));
        launch_elementwise(&LRP_BOX, inputs, &info)
    }

    fn secant(
        m: FloatTensor<Self>,
        g: FloatTensor<Self>,
        dx: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        smallest: f32,
    ) -> FloatTensor<Self> {
        launch_elementwise(&SECANT, vec![m, g, dx, dy], &[smallest.to_bits()])
    }

    fn rectifier_secant(
        m: FloatTensor<Self>,
        x: FloatTensor<Self>,
        x0: FloatTensor<Self>,
        [low, high]: [f32; 2],
        slope: f32,
        smallest: f32,
    ) -> FloatTensor<Self> {
        let info = [low.to_bits(), high.to_bits(), slope.to_bits(), smallest.to_bits()];
        launch_elementwise(&RECTIFIER_SECANT, vec![m, x, x0], &info)
    }

    fn rectifier_gradient(
        x: FloatTensor<Self>,
        g: FloatTensor<Self>,
        low: f32,
        high: f32,
        slope: f32,
        flags: u32,
    ) -> FloatTensor<Self> {
        let info = [low.to_bits(), high.to_bits(), slope.to_bits(), flags];
        launch_elementwise(&RECTIFIER_GRADIENT, vec![x, g], &info)
    }

    fn clip(x: FloatTensor<Self>, low: f32, high: f32) -> FloatTensor<Self> {
        if high == f32::MAX {
            Self::float_clamp_min(x, low.into())
        } else {
            Self::float_clamp(x, low.into(), high.into())
        }
    }

    fn convolution(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions<2>) -> FloatTensor<Self> {
        Self::conv2d(x, weight, None, options)
    }

    fn convolution_with_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        Self::conv2d(x, weight, Some(bias), options)
    }

    fn convolution_input_gradient(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        g: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        Self::conv2d_x_backward(x, weight, g, options)
    }
}

/// Applies `f` to the elements of one flex tensor. The closures are branch-free selections over plain iterators, which
/// the compiler turns into SIMD.
fn map(x: FloatTensor<Flex>, f: impl Fn(f32) -> f32) -> FloatTensor<Flex> {
    let (shape, x) = (x.shape(), x.to_contiguous());
    let data: Vec<f32> = elements(&x).iter().map(|&x| f(x)).collect();
    Flex::float_from_data(TensorData::new(data, shape), &Default::default())
}

/// Applies `f` to the elements of two flex tensors of one shape.
fn zip(a: FloatTensor<Flex>, b: FloatTensor<Flex>, f: impl Fn(f32, f32) -> f32) -> FloatTensor<Flex> {
    let (shape, a, b) = (a.shape(), a.to_contiguous(), b.to_contiguous());
    let data: Vec<f32> = elements(&a).iter().zip(elements(&b)).map(|(&a, &b)| f(a, b)).collect();
    Flex::float_from_data(TensorData::new(data, shape), &Default::default())
}

impl Kernels for Flex {
    fn stabilized_divide(n: FloatTensor<Self>, d: FloatTensor<Self>, epsilon: f32, factor: f32) -> FloatTensor<Self> {
        zip(n, d, |n, d| {
            let stabilized = d + if d >= 0.0 { epsilon } else { -epsilon };
            let quotient = factor * n / stabilized;
            if stabilized == 0.0 { 0.0 } else { quotient }
        })
    }

    fn recombine(x: FloatTensor<Self>, p: FloatTensor<Self>, n: FloatTensor<Self>) -> FloatTensor<Self> {
        // The sign of x decides which of the two it is multiplied with.
        let shape = x.shape();
        let (x, p, n) = (x.to_contiguous(), p.to_contiguous(), n.to_contiguous());
        let parts = elements(&p).iter().zip(elements(&n));
        let data: Vec<f32> =
            elements(&x).iter().zip(parts).map(|(&x, (&p, &n))| x * if x > 0.0 { p } else { n }).collect();
        Self::float_from_data(TensorData::new(data, shape), &Default::default())
    }

    fn box_recombine(
        x: FloatTensor<Self>,
        a: FloatTensor<Self>,
        p: FloatTensor<Self>,
        n: FloatTensor<Self>,
        low: Vec<f32>,
        high: Vec<f32>,
    ) -> FloatTensor<Self> {
        let shape = x.shape();
        let cells = shape.iter().skip(2).product::<usize>().max(1);
        let (x, a) = (x.to_contiguous(), a.to_contiguous());
        let (p, n) = (p.to_contiguous(), n.to_contiguous());
        let planes = elements(&x).chunks(cells).zip(elements(&a).chunks(cells));
        let parts = elements(&p).chunks(cells).zip(elements(&n).chunks(cells));
        let mut data = Vec::with_capacity(shape.num_elements());
        for (plane, ((x, a), (p, n))) in planes.zip(parts).enumerate() {
            let (low, high) = (low[plane % low.len()], high[plane % high.len()]);
            data.extend(x.iter().zip(a).zip(p.iter().zip(n)).map(|((&x, &a), (&p, &n))| x * a - low * p - high * n));
        }
        Self::float_from_data(TensorData::new(data, shape), &Default::default())
    }

    fn secant(
        m: FloatTensor<Self>,
        g: FloatTensor<Self>,
        dx: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        smallest: f32,
    ) -> FloatTensor<Self> {
        let shape = m.shape();
        let (m, g) = (m.to_contiguous(), g.to_contiguous());
        let (dx, dy) = (dx.to_contiguous(), dy.to_contiguous());
        let multipliers = elements(&m).iter().zip(elements(&g));
        let differences = elements(&dx).iter().zip(elements(&dy));
        let data: Vec<f32> = multipliers
            .zip(differences)
            .map(|((&m, &g), (&dx, &dy))| {
                let secant = m * (dy / dx);
                if dx.abs() < smallest { g } else { secant }
            })
            .collect();
        Self::float_from_data(TensorData::new(data, shape), &Default::default())
    }

    fn rectifier_secant(
        m: FloatTensor<Self>,
        x: FloatTensor<Self>,
        x0: FloatTensor<Self>,
        [low, high]: [f32; 2],
        slope: f32,
        smallest: f32,
    ) -> FloatTensor<Self> {
        let shape = m.shape();
        let (m, x, x0) = (m.to_contiguous(), x.to_contiguous(), x0.to_contiguous());
        let f = |x: f32| {
            let below = low + slope * (x - low);
            let x = if x < low { below } else { x };
            if x > high { high } else { x }
        };
        let points = elements(&x).iter().zip(elements(&x0));
        let data: Vec<f32> = elements(&m)
            .iter()
            .zip(points)
            .map(|(&m, (&x, &x0))| {
                let dx = x - x0;
                let secant = m * ((f(x) - f(x0)) / dx);
                let gradient = m * if (x > low) & (x < high) { 1.0 } else { slope };
                if dx.abs() < smallest { gradient } else { secant }
            })
            .collect();
        Self::float_from_data(TensorData::new(data, shape), &Default::default())
    }

    fn rectifier_gradient(
        x: FloatTensor<Self>,
        g: FloatTensor<Self>,
        low: f32,
        high: f32,
        slope: f32,
        flags: u32,
    ) -> FloatTensor<Self> {
        // Without branches, so that it becomes SIMD: the flags turn into bounds that let everything through.
        let floor = if flags & POSITIVE_ONLY != 0 { 0.0 } else { f32::NEG_INFINITY };
        let (low, high) = if flags & UNGATED != 0 { (f32::NEG_INFINITY, f32::INFINITY) } else { (low, high) };
        zip(x, g, |x, g| {
            let g = if g < floor { floor } else { g };
            let factor = if (x > low) & (x < high) { 1.0 } else { slope };
            factor * g
        })
    }

    fn clip(x: FloatTensor<Self>, low: f32, high: f32) -> FloatTensor<Self> {
        if high == f32::MAX {
            return Self::float_clamp_min(x, low.into());
        }
        map(x, |x| {
            let x = if x < low { low } else { x };
            if x > high { high } else { x }
        })
    }

    fn convolution(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions<2>) -> FloatTensor<Self> {
        match depthwise_geometry(&x.shape(), &weight.shape(), &options) {
            Some(geometry) => depthwise_convolution(x, weight, None, geometry),
            None => Self::conv2d(x, weight, None, options),
        }
    }

    fn convolution_with_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        match depthwise_geometry(&x.shape(), &weight.shape(), &options) {
            Some(geometry) => depthwise_convolution(x, weight, Some(bias), geometry),
            None => Self::conv2d(x, weight, Some(bias), options),
        }
    }

    fn convolution_input_gradient(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        g: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        let shape = x.shape();
        let geometry = depthwise_geometry(&shape, &weight.shape(), &options);
        if is_pointwise(&weight.shape(), &options) {
            // A product of matrices, whose adjoint is the product with the transposed one: no scattering of columns.
            return Self::conv2d(g, Self::float_swap_dims(weight, 0, 1), None, options);
        }
        match geometry.filter(|&geometry| depthwise::has_input_gradient(geometry)) {
            Some(geometry) => {
                let (g, weight) = (g.to_contiguous(), weight.to_contiguous());
                let planes = shape[0] * shape[1];
                let data = depthwise::input_gradient(elements(&g), elements(&weight), planes, geometry);
                Flex::float_from_data(TensorData::new(data, shape), &Default::default())
            }
            None => Self::conv2d_x_backward(x, weight, g, options),
        }
    }
}

pub(crate) fn elements(tensor: &FloatTensor<Flex>) -> &[f32] {
    tensor.as_slice::<f32>().unwrap_or_default()
}

/// Whether a convolution only mixes channels.
fn is_pointwise(weight: &[usize], options: &ConvOptions<2>) -> bool {
    weight[2..] == [1, 1] && options.groups == 1 && options.stride == [1, 1] && options.padding == [(0, 0); 2]
}

/// The geometry of a convolution with one kernel a channel; `None` for any other.
fn depthwise_geometry(x: &[usize], weight: &[usize], options: &ConvOptions<2>) -> Option<depthwise::Geometry> {
    if options.groups != x[1] || weight[0] != x[1] || weight[1] != 1 {
        return None;
    }
    let size = |axis: usize| {
        let (before, after) = options.padding[axis];
        let extent = (weight[axis + 2] - 1) * options.dilation[axis] + 1;
        Some((x[axis + 2] + before + after).checked_sub(extent)? / options.stride[axis] + 1)
    };
    Some(depthwise::Geometry {
        input: [x[2], x[3]],
        output: [size(0)?, size(1)?],
        kernel: [weight[2], weight[3]],
        stride: options.stride,
        before: options.padding_begin(),
        dilation: options.dilation,
    })
}

fn depthwise_convolution(
    x: FloatTensor<Flex>,
    weight: FloatTensor<Flex>,
    bias: Option<FloatTensor<Flex>>,
    geometry: depthwise::Geometry,
) -> FloatTensor<Flex> {
    let shape = x.shape();
    let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
    let bias = bias.map(|bias| bias.to_contiguous());
    let planes = shape[0] * shape[1];
    let data = depthwise::convolve(elements(&x), elements(&weight), bias.as_ref().map(elements), planes, geometry);
    let [height, width] = geometry.output;
    Flex::float_from_data(TensorData::new(data, [shape[0], shape[1], height, width]), &Default::default())
}
