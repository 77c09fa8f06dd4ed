//! Modules of PyTorch as nodes, with their weights out of a state dictionary.

use std::{collections::HashSet, sync::Arc};

use innspect_graph::{
    Activation, BinaryKind, Conv2d, Graph, GraphBuilder, Op, ParamId, Pool2d, ReduceKind, Resize, ResizeCoordinates,
    ResizeMode, ValueId,
};

use super::state::{Read, State};
use crate::{FormatError, lower};

/// Why a network cannot be built.
#[derive(Debug)]
pub(super) enum Fault {
    /// The weights do not fit the architecture.
    Misfit(String),
    /// The file is at fault.
    File(FormatError),
}

impl Fault {
    pub fn missing(tensor: &str) -> Self {
        Self::Misfit(format!("the tensor {tensor:?} is missing"))
    }
}

impl From<FormatError> for Fault {
    fn from(error: FormatError) -> Self {
        Self::File(error)
    }
}

/// What a module gives.
pub(super) type Flow = Result<ValueId, Fault>;

/// The network so far. Modules are named as in PyTorch, without a dot at the end.
pub(super) struct Net<'a> {
    builder: GraphBuilder,
    state: &'a State,
    used: HashSet<String>,
}

impl<'a> Net<'a> {
    /// A network of one picture of shape `[C, H, W]`.
    pub fn new(name: &str, input: [usize; 3], state: &'a State) -> Self {
        Self { builder: GraphBuilder::new(name, "input", input), state, used: HashSet::new() }
    }

    pub fn input(&self) -> ValueId {
        self.builder.input()
    }

    pub fn state(&self) -> &'a State {
        self.state
    }

    pub fn finish(self, output: ValueId) -> Graph {
        self.builder.finish(output)
    }

    /// The tensors that no module has read, but for those that `ignored` tells and the counters of batches, which only
    /// training needs.
    pub fn unused(&self, ignored: impl Fn(&str) -> bool) -> Vec<&'a str> {
        let left = |name: &&str| !self.used.contains(*name) && !name.ends_with("num_batches_tracked") && !ignored(name);
        self.state.names().filter(left).collect()
    }

    /// Channels, height and width of a feature map; zeros for anything else, which no module takes.
    pub fn size(&self, value: ValueId) -> [usize; 3] {
        self.builder.shape(value).feature_map().unwrap_or_default()
    }

    /// The height of a module's kernel, which fixed architectures leave to the weights in places.
    pub fn kernel(&self, module: &str) -> Result<usize, Fault> {
        let name = format!("{module}.weight");
        let dims = self.state.dims(&name).ok_or_else(|| Fault::missing(&name))?;
        dims.get(2).copied().ok_or_else(|| Fault::Misfit(format!("the tensor {name:?} is no kernel")))
    }

    fn tensor(&mut self, name: &str) -> Result<Read<'a>, Fault> {
        self.used.insert(name.to_owned());
        self.state.read(name)?.ok_or_else(|| Fault::missing(name))
    }

    /// A tensor of `length` elements.
    fn vector(&mut self, name: &str, length: usize) -> Result<Arc<[f32]>, Fault> {
        let (dims, data) = self.tensor(name)?;
        if data.len() == length {
            Ok(data)
        } else {
            Err(Fault::Misfit(format!("the tensor {name:?} has the shape {dims:?} instead of {length} elements")))
        }
    }

    fn bias(&mut self, module: &str, length: usize) -> Result<Option<ParamId>, Fault> {
        let name = format!("{module}.bias");
        if !self.state.has(&name) {
            return Ok(None);
        }
        let data = self.vector(&name, length)?;
        Ok(Some(self.builder.param(name, vec![length], data)))
    }

    pub fn node(&mut self, name: &str, op: Op, inputs: &[ValueId]) -> Flow {
        let fail = |error| Fault::Misfit(format!("at {name:?}, {error}"));
        self.builder.node(name, op, inputs, "").map_err(fail)
    }

    /// A convolution with a square kernel, padded by half of it.
    pub fn conv(&mut self, x: ValueId, module: &str, kernel: usize, stride: usize) -> Flow {
        self.conv2d(x, module, [kernel; 2], stride, [kernel / 2; 2])
    }

    /// A convolution with its kernel and padding in `[h, w]`. The number of groups is that of the shapes.
    pub fn conv2d(&mut self, x: ValueId, module: &str, kernel: [usize; 2], stride: usize, padding: [usize; 2]) -> Flow {
        let name = format!("{module}.weight");
        let (dims, data) = self.tensor(&name)?;
        let [channels, ..] = self.size(x);
        let groups = match dims {
            &[_, per_group, height, width] if [height, width] == kernel => channels.checked_div(per_group),
            _ => None,
        };
        let fail = || {
            Fault::Misfit(format!(
                "the tensor {name:?} has the shape {dims:?}, not [_, _, {}, {}]",
                kernel[0], kernel[1]
            ))
        };
        let groups = groups.ok_or_else(fail)?;
        let weight = self.builder.param(&name, dims, data);
        let bias = self.bias(module, dims.first().copied().unwrap_or_default())?;
        let [height, width] = padding;
        let conv = Conv2d {
            weight,
            bias,
            stride: [stride; 2],
            pads: [height, width, height, width],
            dilation: [1, 1],
            groups,
        };
        self.node(module, Op::Conv2d(conv), &[x])
    }

    /// A fully connected layer over features.
    pub fn linear(&mut self, x: ValueId, module: &str) -> Flow {
        let name = format!("{module}.weight");
        let (dims, data) = self.tensor(&name)?;
        let &[out, features] = dims else { return Err(no_matrix(&name, dims)) };
        let weight = self.builder.param(&name, vec![features, out], transposed(out, features, &data));
        let bias = self.bias(module, out)?;
        self.node(module, Op::Dense { weight, bias }, &[x])
    }

    /// A fully connected layer over the channels at each place of a feature map.
    pub fn pointwise(&mut self, x: ValueId, module: &str) -> Flow {
        let name = format!("{module}.weight");
        let (dims, data) = self.tensor(&name)?;
        let &[out, features] = dims else { return Err(no_matrix(&name, dims)) };
        let weight = self.builder.param(&name, vec![out, features, 1, 1], data);
        let bias = self.bias(module, out)?;
        let conv = Conv2d { weight, bias, stride: [1, 1], pads: [0; 4], dilation: [1, 1], groups: 1 };
        self.node(module, Op::Conv2d(conv), &[x])
    }

    /// `scale · x + shift` for each channel.
    pub fn affine(&mut self, x: ValueId, name: &str, scale: Option<Arc<[f32]>>, shift: Option<Arc<[f32]>>) -> Flow {
        let mut param = |part: &str, data: Option<Arc<[f32]>>| {
            data.map(|data| self.builder.param(format!("{name}.{part}"), vec![data.len(), 1, 1], data))
        };
        let (scale, shift) = (param("scale", scale), param("shift", shift));
        self.node(name, Op::Affine { scale, shift }, &[x])
    }

    /// A factor for each channel, a tensor that is no module's.
    pub fn scale(&mut self, x: ValueId, tensor: &str) -> Flow {
        let [channels, ..] = self.size(x);
        let scale = self.vector(tensor, channels)?;
        self.affine(x, tensor, Some(scale), None)
    }

    pub fn batch_norm(&mut self, x: ValueId, module: &str, epsilon: f64) -> Flow {
        let [channels, ..] = self.size(x);
        let mut part = |part: &str| self.vector(&format!("{module}.{part}"), channels);
        let (weight, bias, mean, variance) =
            (part("weight")?, part("bias")?, part("running_mean")?, part("running_var")?);
        let factors: Vec<f64> = weight
            .iter()
            .zip(variance.iter())
            .map(|(&weight, &variance)| f64::from(weight) / (f64::from(variance) + epsilon).sqrt())
            .collect();
        let shift = bias
            .iter()
            .zip(mean.iter())
            .zip(&factors)
            .map(|((&bias, &mean), factor)| (f64::from(bias) - f64::from(mean) * factor) as f32)
            .collect();
        let scale = factors.iter().map(|&factor| factor as f32).collect();
        self.affine(x, module, Some(scale), Some(shift))
    }

    /// Normalisation over the channels at each place of a feature map.
    pub fn layer_norm(&mut self, x: ValueId, module: &str, epsilon: f32) -> Flow {
        let [channels, ..] = self.size(x);
        let part = |part: &str| format!("{module}.{part}");
        let epsilon = self.builder.param(part("epsilon"), vec![1, 1, 1], vec![epsilon]);
        let normal = lower::normalize(x, vec![0], epsilon, true, |at, op, inputs| self.node(&part(at), op, inputs))?;
        let (weight, bias) = (self.vector(&part("weight"), channels)?, self.vector(&part("bias"), channels)?);
        self.affine(normal, module, Some(weight), Some(bias))
    }

    pub fn activation(&mut self, x: ValueId, name: &str, activation: &Activation) -> Flow {
        self.node(name, Op::Activation(activation.clone()), &[x])
    }

    pub fn relu(&mut self, x: ValueId, name: &str) -> Flow {
        self.activation(x, name, &Activation::Relu)
    }

    /// `ceil` counts a last, partial window.
    pub fn max_pool(
        &mut self,
        x: ValueId,
        name: &str,
        kernel: usize,
        stride: usize,
        padding: usize,
        ceil: bool,
    ) -> Flow {
        self.node(name, Op::MaxPool2d(pool(kernel, stride, padding, ceil)), &[x])
    }

    /// Cells of the padding count.
    pub fn avg_pool(&mut self, x: ValueId, name: &str, kernel: usize, stride: usize, padding: usize) -> Flow {
        self.node(name, Op::AvgPool2d(pool(kernel, stride, padding, false)), &[x])
    }

    /// The mean of each channel, without the axes of space.
    pub fn global_pool(&mut self, x: ValueId, name: &str) -> Flow {
        self.node(name, Op::Reduce { kind: ReduceKind::Mean, axes: vec![1, 2], keep_dims: false }, &[x])
    }

    /// Averages a feature map to `side` × `side` cells, where windows of one size do it.
    pub fn adaptive_pool(&mut self, x: ValueId, name: &str, side: usize) -> Flow {
        let [_, height, width] = self.size(x);
        if [height, width] == [side; 2] {
            return Ok(x);
        }
        if height == width && height > side && height.is_multiple_of(side) {
            let kernel = height / side;
            return self.avg_pool(x, name, kernel, kernel, 0);
        }
        if height == width && height > 0 && side.is_multiple_of(height) {
            let (mode, coordinates) = (ResizeMode::Nearest, ResizeCoordinates::Asymmetric);
            return self.node(name, Op::Resize(Resize { size: [side; 2], mode, coordinates }), &[x]);
        }
        Err(Fault::Misfit(format!("{name:?} cannot make {side} × {side} cells of {height} × {width} evenly")))
    }

    pub fn flatten(&mut self, x: ValueId, name: &str) -> Flow {
        let shape = vec![self.builder.shape(x).numel()];
        self.node(name, Op::Reshape { shape }, &[x])
    }

    pub fn add(&mut self, a: ValueId, b: ValueId, name: &str) -> Flow {
        self.node(name, Op::Binary(BinaryKind::Add), &[a, b])
    }

    /// Joins channels.
    pub fn concat(&mut self, parts: &[ValueId], name: &str) -> Flow {
        self.node(name, Op::Concat { axis: 0 }, parts)
    }

    /// `Conv2dNormActivation`: a convolution `.0`, its normalisation `.1` and, if there is one, its activation `.2`.
    pub fn conv_norm(
        &mut self,
        x: ValueId,
        module: &str,
        stride: usize,
        epsilon: f64,
        activation: Option<&Activation>,
    ) -> Flow {
        let conv = format!("{module}.0");
        let kernel = self.kernel(&conv)?;
        let x = self.conv(x, &conv, kernel, stride)?;
        let x = self.batch_norm(x, &format!("{module}.1"), epsilon)?;
        match activation {
            Some(activation) => self.activation(x, &format!("{module}.2"), activation),
            None => Ok(x),
        }
    }

    /// `SqueezeExcitation`: each channel times a gate made of the means of all.
    pub fn squeeze_excitation(&mut self, x: ValueId, module: &str, activation: &Activation, gate: &Activation) -> Flow {
        let part = |part: &str| format!("{module}.{part}");
        let mean = Op::Reduce { kind: ReduceKind::Mean, axes: vec![1, 2], keep_dims: true };
        let squeezed = self.node(&part("avgpool"), mean, &[x])?;
        let squeezed = self.conv(squeezed, &part("fc1"), 1, 1)?;
        let squeezed = self.activation(squeezed, &part("activation"), activation)?;
        let factors = self.conv(squeezed, &part("fc2"), 1, 1)?;
        let factors = self.activation(factors, &part("scale_activation"), gate)?;
        self.node(module, Op::Binary(BinaryKind::Mul), &[factors, x])
    }
}

fn no_matrix(name: &str, dims: &[usize]) -> Fault {
    Fault::Misfit(format!("the tensor {name:?} has the shape {dims:?} and is no matrix"))
}

fn pool(kernel: usize, stride: usize, padding: usize, ceil_mode: bool) -> Pool2d {
    Pool2d {
        kernel: [kernel; 2],
        stride: [stride; 2],
        pads: [padding; 4],
        dilation: [1, 1],
        ceil_mode,
        count_include_pad: true,
    }
}

/// The matrix with rows and columns exchanged, in one allocation; block by block, since the large ones of VGG have a
/// hundred million elements.
fn transposed(rows: usize, columns: usize, data: &[f32]) -> Arc<[f32]> {
    const BLOCK: usize = 32;
    let mut result: Arc<[f32]> = std::iter::repeat_n(0.0, data.len()).collect();
    // Without elements one of the numbers may be anything.
    let Some(target) = Arc::get_mut(&mut result).filter(|target| !target.is_empty()) else { return result };
    for top in (0..rows).step_by(BLOCK) {
        for left in (0..columns).step_by(BLOCK) {
            for row in top..rows.min(top + BLOCK) {
                for column in left..columns.min(left + BLOCK) {
                    if let (Some(to), Some(&from)) =
                        (target.get_mut(column * rows + row), data.get(row * columns + column))
                    {
                        *to = from;
                    }
                }
            }
        }
    }
    result
}
