//! Shapes of one sample, and what each op makes of them.

use thiserror::Error;

use crate::{Op, OpKind, Param, Pool2d};

/// The shape of one sample, without the batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// The sizes of the axes.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    /// The number of axes.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The number of elements, saturating.
    #[must_use]
    pub fn numel(&self) -> usize {
        self.0.iter().fold(1, |product, &size| product.saturating_mul(size))
    }

    /// `[C, H, W]`, if this is a feature map.
    #[must_use]
    pub fn feature_map(&self) -> Option<[usize; 3]> {
        self.0.as_slice().try_into().ok()
    }

    /// The shape that two operands broadcast to by NumPy's rule, if they do.
    #[must_use]
    pub fn broadcast(&self, other: &Self) -> Option<Self> {
        broadcast(&self.0, &other.0).map(Self)
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Self {
        Self(dims)
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        Self(dims.to_vec())
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("scalar");
        }
        for (index, size) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("×")?;
            }
            write!(f, "{size}")?;
        }
        Ok(())
    }
}

/// Why an op cannot take its inputs.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GraphError {
    /// The op reads another number of values.
    #[error("{op} takes {expected} inputs but has {actual}")]
    Arity {
        /// Op.
        op: &'static str,
        /// Number it takes.
        expected: usize,
        /// Number it has.
        actual: usize,
    },
    /// The op does not take this shape.
    #[error("{op} cannot take an input of shape {input}: {reason}")]
    Shape {
        /// Op.
        op: &'static str,
        /// Shape of the sample.
        input: Shape,
        /// What does not fit.
        reason: String,
    },
    /// A weight cannot be read.
    #[error("the weight {name:?} cannot be read: {reason}")]
    Weight {
        /// Its name in the file.
        name: String,
        /// What the reader of the file says.
        reason: String,
    },
    /// A result would be larger than any device holds.
    #[error("{op} would make a value of shape {output}, more than {limit} elements")]
    TooLarge {
        /// Op.
        op: &'static str,
        /// Shape it would make.
        output: Shape,
        /// The limit in elements.
        limit: usize,
    },
}

/// The largest value that a graph may hold, in elements of one sample: 1 GiB of f32, WebGPU's usual largest buffer.
pub const MAX_ELEMENTS: usize = 1 << 28;

pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |dims: &[usize], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |index| dims[index]);
    (0..rank)
        .map(|axis| match (at(a, axis), at(b, axis)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

/// The output size of a window along one axis, `None` if the window does not fit or a size overflows.
///
/// With `ceil_mode`, a last window that would start in the end padding is dropped, as ONNX and PyTorch do.
#[must_use]
pub fn window_size(
    input: usize,
    kernel: usize,
    stride: usize,
    pads: (usize, usize),
    dilation: usize,
    ceil_mode: bool,
) -> Option<usize> {
    if kernel == 0 || stride == 0 || dilation == 0 {
        return None;
    }
    let padded = input.checked_add(pads.0)?.checked_add(pads.1)?;
    let extent = (kernel - 1).checked_mul(dilation)?.checked_add(1)?;
    let span = padded.checked_sub(extent)?;
    let mut output = if ceil_mode { span.div_ceil(stride) } else { span / stride }.checked_add(1)?;
    if ceil_mode && (output - 1).checked_mul(stride)? >= input.checked_add(pads.0)? {
        output -= 1;
    }
    Some(output)
}

/// The shape that `op` makes of `inputs`.
///
/// # Errors
/// [`GraphError`] if the op cannot take them, saying why with the operands.
pub fn infer(op: &Op, inputs: &[&Shape], params: &[Param]) -> Result<Shape, GraphError> {
    let name = op.name();
    match op.arity() {
        Some(expected) if inputs.len() != expected => {
            return Err(GraphError::Arity { op: name, expected, actual: inputs.len() });
        }
        None if inputs.is_empty() => return Err(GraphError::Arity { op: name, expected: 1, actual: 0 }),
        _ => {}
    }
    let input = inputs[0];
    let fail = |reason: String| GraphError::Shape { op: name, input: input.clone(), reason };
    let map = || input.feature_map().ok_or_else(|| fail("a feature map [channels, height, width] is needed".into()));
    let param = |id: crate::ParamId| &params[id.index()];
    let in_rank = |axis: usize| {
        if axis < input.rank() {
            Ok(())
        } else {
            Err(fail(format!("axis {axis} is outside its {} axes", input.rank())))
        }
    };

    let output: Shape = match op {
        Op::Conv2d(conv) => {
            let [channels, height, width] = map()?;
            let weight = param(conv.weight);
            let &[out, per_group, kernel_h, kernel_w] = weight.shape.as_slice() else {
                return Err(fail(format!("its kernel has {} axes instead of 4", weight.shape.len())));
            };
            if conv.groups == 0
                || per_group.checked_mul(conv.groups) != Some(channels)
                || !out.is_multiple_of(conv.groups)
            {
                return Err(fail(format!(
                    "its kernel of shape {} in {} groups does not match {channels} channels",
                    Shape::from(weight.shape.clone()),
                    conv.groups
                )));
            }
            check_bias(conv.bias.map(param), out).map_err(fail)?;
            let [top, left, bottom, right] = conv.pads;
            let rows = window_size(height, kernel_h, conv.stride[0], (top, bottom), conv.dilation[0], false);
            let columns = window_size(width, kernel_w, conv.stride[1], (left, right), conv.dilation[1], false);
            match (rows, columns) {
                (Some(rows), Some(columns)) => [out, rows, columns].into(),
                _ => return Err(fail(format!("its {kernel_h}×{kernel_w} kernel does not fit"))),
            }
        }
        Op::ConvTranspose2d(conv) => {
            let [channels, height, width] = map()?;
            let weight = param(conv.weight);
            let &[in_channels, per_group, kernel_h, kernel_w] = weight.shape.as_slice() else {
                return Err(fail(format!("its kernel has {} axes instead of 4", weight.shape.len())));
            };
            if conv.groups == 0 || in_channels != channels || !channels.is_multiple_of(conv.groups) {
                return Err(fail(format!(
                    "its kernel of shape {} in {} groups does not match {channels} channels",
                    Shape::from(weight.shape.clone()),
                    conv.groups
                )));
            }
            let out = per_group.checked_mul(conv.groups).ok_or_else(|| fail("its kernel is too large".into()))?;
            check_bias(conv.bias.map(param), out).map_err(fail)?;
            let size = |axis: usize, input: usize, kernel: usize| -> Option<usize> {
                if kernel == 0 || input == 0 || conv.stride[axis] == 0 || conv.dilation[axis] == 0 {
                    return None;
                }
                let full = (input - 1)
                    .checked_mul(conv.stride[axis])?
                    .checked_add((kernel - 1).checked_mul(conv.dilation[axis])?)?
                    .checked_add(1)?
                    .checked_add(conv.output_padding[axis])?;
                full.checked_sub(conv.pads[axis].checked_add(conv.pads[axis + 2])?).filter(|&size| size > 0)
            };
            match (size(0, height, kernel_h), size(1, width, kernel_w)) {
                (Some(rows), Some(columns)) => [out, rows, columns].into(),
                _ => return Err(fail("its padding cuts everything away".into())),
            }
        }
        Op::Dense { weight, bias } => {
            let weight = param(*weight);
            let &[features, out] = weight.shape.as_slice() else {
                return Err(fail(format!("its matrix has {} axes instead of 2", weight.shape.len())));
            };
            if input.dims().last() != Some(&features) {
                return Err(fail(format!("its matrix expects {features} features in the last axis")));
            }
            check_bias(bias.map(param), out).map_err(fail)?;
            let mut dims = input.dims().to_vec();
            if let Some(last) = dims.last_mut() {
                *last = out;
            }
            dims.into()
        }
        Op::MatMul => {
            let other = inputs[1];
            let (a, b) = (input.dims(), other.dims());
            if a.len() < 2 || b.len() < 2 || a[a.len() - 1] != b[b.len() - 2] {
                return Err(fail(format!("it does not multiply with {other}")));
            }
            let batch = broadcast(&a[..a.len() - 2], &b[..b.len() - 2])
                .ok_or_else(|| fail(format!("it does not multiply with {other}")))?;
            let mut dims = batch;
            dims.extend([a[a.len() - 2], b[b.len() - 1]]);
            dims.into()
        }
        Op::Affine { scale, shift } => {
            for operand in [scale, shift].into_iter().flatten().map(|&id| param(id)) {
                if broadcast(input.dims(), &operand.shape).as_deref() != Some(input.dims()) {
                    return Err(fail(format!(
                        "the constant {:?} of shape {} does not broadcast to it",
                        operand.name,
                        Shape::from(operand.shape.clone())
                    )));
                }
            }
            input.clone()
        }
        Op::InstanceNorm { scale, shift, .. } => {
            let [channels, ..] = map()?;
            for operand in [scale, shift].map(|id| param(*id)) {
                if operand.data.len() != channels {
                    return Err(fail(format!("{:?} has {} elements", operand.name, operand.data.len())));
                }
            }
            input.clone()
        }
        Op::Lrn { size, .. } => {
            map()?;
            if *size == 0 {
                return Err(fail("its window has size 0".into()));
            }
            input.clone()
        }
        Op::Activation(crate::Activation::PRelu { slope }) => {
            let slope = param(*slope);
            if broadcast(input.dims(), &slope.shape).as_deref() != Some(input.dims()) {
                return Err(fail(format!("its slopes of shape {} do not broadcast", Shape::from(slope.shape.clone()))));
            }
            input.clone()
        }
        Op::Activation(_) => input.clone(),
        Op::MaxPool2d(pool) | Op::AvgPool2d(pool) => {
            let [channels, height, width] = map()?;
            let Pool2d { kernel, stride, pads: [top, left, bottom, right], dilation, ceil_mode, .. } = *pool;
            if top >= kernel[0].max(1).saturating_mul(dilation[0])
                || left >= kernel[1].max(1).saturating_mul(dilation[1])
            {
                return Err(fail("its padding is as large as its window".into()));
            }
            let rows = window_size(height, kernel[0], stride[0], (top, bottom), dilation[0], ceil_mode);
            let columns = window_size(width, kernel[1], stride[1], (left, right), dilation[1], ceil_mode);
            match (rows, columns) {
                (Some(rows), Some(columns)) => [channels, rows, columns].into(),
                _ => return Err(fail(format!("its {}×{} window does not fit", kernel[0], kernel[1]))),
            }
        }
        Op::Reduce { axes, keep_dims, .. } => {
            for &axis in axes {
                in_rank(axis)?;
            }
            let mut dims = Vec::new();
            for (axis, &size) in input.dims().iter().enumerate() {
                match (axes.contains(&axis), keep_dims) {
                    (true, true) => dims.push(1),
                    (true, false) => {}
                    (false, _) => dims.push(size),
                }
            }
            dims.into()
        }
        Op::Binary(_) => {
            let other = inputs[1];
            input.broadcast(other).ok_or_else(|| fail(format!("it does not broadcast with {other}")))?
        }
        Op::Concat { axis } => {
            in_rank(*axis)?;
            let mut dims = input.dims().to_vec();
            for other in &inputs[1..] {
                let fits = other.rank() == dims.len()
                    && other.dims().iter().zip(&dims).enumerate().all(|(index, (a, b))| index == *axis || a == b);
                if !fits {
                    return Err(fail(format!("it does not join with {other} along axis {axis}")));
                }
                dims[*axis] = dims[*axis].saturating_add(other.dims()[*axis]);
            }
            dims.into()
        }
        Op::Slice { axis, start, end, step } => {
            in_rank(*axis)?;
            if start >= end || *end > input.dims()[*axis] || *step == 0 {
                return Err(fail(format!("the range {start}..{end} by {step} is not within axis {axis}")));
            }
            let mut dims = input.dims().to_vec();
            dims[*axis] = (end - start).div_ceil(*step);
            dims.into()
        }
        Op::Pad { pads, mode } => {
            if pads.len() != input.rank() {
                return Err(fail(format!("it pads {} axes", pads.len())));
            }
            let mut dims = Vec::with_capacity(pads.len());
            for (&size, &(before, after)) in input.dims().iter().zip(pads) {
                let room = match mode {
                    crate::PadMode::Constant(_) => usize::MAX,
                    crate::PadMode::Reflect => size.saturating_sub(1),
                    crate::PadMode::Edge => {
                        if size == 0 {
                            0
                        } else {
                            usize::MAX
                        }
                    }
                };
                if before > room || after > room {
                    return Err(fail(format!("a mirrored padding of ({before}, {after}) is larger than the axis")));
                }
                dims.push(size.saturating_add(before).saturating_add(after));
            }
            dims.into()
        }
        Op::Reshape { shape } => {
            let shape = Shape::from(shape.clone());
            if shape.numel() != input.numel() {
                return Err(fail(format!("it has another number of elements than {shape}")));
            }
            shape
        }
        Op::Transpose { permutation } => {
            let mut seen = vec![false; input.rank()];
            let valid = permutation.len() == input.rank()
                && permutation.iter().all(|&axis| axis < seen.len() && !std::mem::replace(&mut seen[axis], true));
            if !valid {
                return Err(fail(format!("{permutation:?} does not permute its axes")));
            }
            permutation.iter().map(|&axis| input.dims()[axis]).collect::<Vec<_>>().into()
        }
        Op::Resize(resize) => {
            let [channels, height, width] = map()?;
            if height == 0 || width == 0 || resize.size.contains(&0) {
                return Err(fail("a size is 0".into()));
            }
            [channels, resize.size[0], resize.size[1]].into()
        }
        Op::Softmax { axis } | Op::LogSoftmax { axis } => {
            in_rank(*axis)?;
            input.clone()
        }
    };
    debug_assert!(op.kind() != OpKind::Conv || output.rank() == 3);
    if output.dims().contains(&0) {
        return Err(fail("the result would be empty".into()));
    }
    if output.numel() > MAX_ELEMENTS {
        return Err(GraphError::TooLarge { op: name, output, limit: MAX_ELEMENTS });
    }
    Ok(output)
}

fn check_bias(bias: Option<&Param>, out: usize) -> Result<(), String> {
    match bias {
        Some(bias) if bias.data.len() != out => {
            Err(format!("its bias {:?} has {} elements instead of {out}", bias.name, bias.data.len()))
        }
        _ => Ok(()),
    }
}
