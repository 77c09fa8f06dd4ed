//! The test oracle: every op in plain nested loops and f64, as its documentation says, for one sample.
//!
//! It is slow on purpose, since it is to be right by reading. Nothing but tests should call it: the passes are checked
//! by equal output before and after, the readers against other frameworks, the engine against this.

use crate::{
    Activation, BinaryKind, Conv2d, ConvTranspose2d, Graph, GraphError, Op, PadMode, Pool2d, ReduceKind, Resize,
    ResizeCoordinates, ResizeMode, Shape, shape::infer,
};

/// Runs the network on one sample and gives all values, indexed by [`ValueId::index`](crate::ValueId::index).
///
/// # Errors
/// [`GraphError`] if the input has another number of elements than the graph's input, or a node does not take its
/// inputs.
pub fn run(graph: &Graph, input: &[f32]) -> Result<Vec<Vec<f64>>, GraphError> {
    let shape = &graph.value(graph.input).shape;
    if shape.numel() != input.len() {
        return Err(GraphError::Shape {
            op: "Input",
            input: shape.clone(),
            reason: format!("{} values were given", input.len()),
        });
    }
    // The loops want numbers at hand.
    let params = graph.params.iter().map(|param| {
        let data = param.data.read().map_err(|reason| GraphError::Weight { name: param.name.clone(), reason })?;
        Ok(Constant { shape: param.shape.clone(), data: data.into_owned() })
    });
    let params = params.collect::<Result<Vec<Constant>, GraphError>>()?;
    let mut values = vec![Vec::new(); graph.values.len()];
    values[graph.input.index()] = input.iter().copied().map(f64::from).collect();
    for node in &graph.nodes {
        let shapes: Vec<&Shape> = node.inputs.iter().map(|&id| &graph.value(id).shape).collect();
        let output = infer(&node.op, &shapes, &graph.params)?;
        let inputs: Vec<Array> = node
            .inputs
            .iter()
            .map(|&id| Array { dims: graph.value(id).shape.dims(), data: &values[id.index()] })
            .collect();
        let result = apply(&node.op, &inputs, output.dims(), &params);
        debug_assert_eq!(result.len(), output.numel(), "{}", node.name);
        values[node.output.index()] = result;
    }
    Ok(values)
}

/// The logits of one sample.
///
/// # Errors
/// As [`run`].
pub fn logits(graph: &Graph, input: &[f32]) -> Result<Vec<f64>, GraphError> {
    Ok(run(graph, input)?.swap_remove(graph.output.index()))
}

/// A weight with its elements.
struct Constant {
    shape: Vec<usize>,
    data: Vec<f32>,
}

#[derive(Clone, Copy)]
struct Array<'a> {
    dims: &'a [usize],
    data: &'a [f64],
}

impl Array<'_> {
    /// The element at `position`, aligned from the right, an axis of size 1 being repeated: NumPy's broadcasting.
    fn broadcast(&self, position: &[usize]) -> f64 {
        self.data[broadcast_index(self.dims, position)]
    }
}

fn broadcast_index(dims: &[usize], position: &[usize]) -> usize {
    let skip = position.len() - dims.len();
    dims.iter().zip(&position[skip..]).fold(0, |index, (&size, &at)| index * size + if size == 1 { 0 } else { at })
}

fn param_at(param: &Constant, position: &[usize]) -> f64 {
    // A parameter may have leading axes of size 1 more than the sample.
    let extra = param.shape.len().saturating_sub(position.len());
    f64::from(param.data[broadcast_index(&param.shape[extra..], position)])
}

/// All positions of an array, row-major.
fn positions(dims: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    let total: usize = dims.iter().product();
    (0..total).map(|index| {
        let mut position = vec![0; dims.len()];
        let mut rest = index;
        for axis in (0..dims.len()).rev() {
            position[axis] = rest % dims[axis];
            rest /= dims[axis];
        }
        position
    })
}

fn index(dims: &[usize], position: &[usize]) -> usize {
    dims.iter().zip(position).fold(0, |index, (&size, &at)| index * size + at)
}

fn apply(op: &Op, inputs: &[Array], output: &[usize], params: &[Constant]) -> Vec<f64> {
    let x = inputs[0];
    let param = |id: crate::ParamId| &params[id.index()];
    match op {
        Op::Conv2d(conv) => conv2d(conv, x, output, params),
        Op::ConvTranspose2d(conv) => conv_transpose2d(conv, x, output, params),
        Op::Dense { weight, bias } => {
            let weight = param(*weight);
            let (features, out) = (weight.shape[0], weight.shape[1]);
            positions(output)
                .enumerate()
                .map(|(at, _)| {
                    let (row, column) = (at / out, at % out);
                    let start = bias.map_or(0.0, |bias| f64::from(param(bias).data[column]));
                    (0..features).fold(start, |sum, k| {
                        sum + x.data[row * features + k] * f64::from(weight.data[k * out + column])
                    })
                })
                .collect()
        }
        Op::MatMul => {
            let (a, b) = (x, inputs[1]);
            let inner = a.dims[a.dims.len() - 1];
            positions(output)
                .map(|mut position| {
                    let rank = position.len();
                    let (row, column) = (position[rank - 2], position[rank - 1]);
                    (0..inner)
                        .map(|k| {
                            position[rank - 2] = row;
                            position[rank - 1] = k;
                            let left = a.broadcast(&position);
                            position[rank - 2] = k;
                            position[rank - 1] = column;
                            left * b.broadcast(&position)
                        })
                        .sum()
                })
                .collect()
        }
        Op::Affine { scale, shift } => positions(output)
            .zip(x.data)
            .map(|(position, &value)| {
                let scale = scale.map_or(1.0, |id| param_at(param(id), &position));
                let shift = shift.map_or(0.0, |id| param_at(param(id), &position));
                value * scale + shift
            })
            .collect(),
        Op::InstanceNorm { scale, shift, epsilon } => {
            let area = x.dims[1] * x.dims[2];
            let mut result = Vec::new();
            for channel in 0..x.dims[0] {
                let map = &x.data[channel * area..(channel + 1) * area];
                let mean = map.iter().sum::<f64>() / area as f64;
                let variance = map.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / area as f64;
                let factor = f64::from(param(*scale).data[channel]) / (variance + f64::from(*epsilon)).sqrt();
                result.extend(map.iter().map(|value| (value - mean) * factor + f64::from(param(*shift).data[channel])));
            }
            result
        }
        Op::Lrn { size, alpha, beta, bias } => {
            let channels = x.dims[0];
            positions(output)
                .map(|position| {
                    let channel = position[0];
                    let first = channel.saturating_sub((size - 1) / 2);
                    let last = (channel + size / 2).min(channels - 1);
                    let square: f64 = (first..=last)
                        .map(|other| x.data[index(x.dims, &[other, position[1], position[2]])].powi(2))
                        .sum();
                    let base = f64::from(*bias) + f64::from(*alpha) / *size as f64 * square;
                    x.data[index(x.dims, &position)] / base.powf(f64::from(*beta))
                })
                .collect()
        }
        Op::Activation(activation) => positions(output)
            .zip(x.data)
            .map(|(position, &value)| match activation {
                Activation::PRelu { slope } if value < 0.0 => value * param_at(param(*slope), &position),
                Activation::PRelu { .. } => value,
                other => activate(other, value),
            })
            .collect(),
        Op::MaxPool2d(pool) => {
            pool2d(pool, x, output, |cells, _| cells.iter().copied().fold(f64::NEG_INFINITY, f64::max))
        }
        Op::AvgPool2d(pool) => pool2d(pool, x, output, |cells, padded| {
            let count = if pool.count_include_pad { padded } else { cells.len() };
            cells.iter().sum::<f64>() / count as f64
        }),
        Op::Reduce { kind, axes, .. } => {
            let start = if *kind == ReduceKind::Max { f64::NEG_INFINITY } else { 0.0 };
            let kept: Vec<usize> =
                x.dims.iter().enumerate().map(|(axis, &size)| if axes.contains(&axis) { 1 } else { size }).collect();
            let mut result = vec![start; kept.iter().product()];
            for (position, &value) in positions(x.dims).zip(x.data) {
                let slot = &mut result[broadcast_index(&kept, &position)];
                *slot = if *kind == ReduceKind::Max { slot.max(value) } else { *slot + value };
            }
            if *kind == ReduceKind::Mean {
                let count = (x.data.len() / result.len()) as f64;
                result.iter_mut().for_each(|sum| *sum /= count);
            }
            result
        }
        Op::Binary(kind) => positions(output)
            .map(|position| {
                let (a, b) = (x.broadcast(&position), inputs[1].broadcast(&position));
                match kind {
                    BinaryKind::Add => a + b,
                    BinaryKind::Sub => a - b,
                    BinaryKind::Mul => a * b,
                    BinaryKind::Div => a / b,
                    BinaryKind::Max => a.max(b),
                    BinaryKind::Min => a.min(b),
                }
            })
            .collect(),
        Op::Concat { axis } => positions(output)
            .map(|mut position| {
                for input in inputs {
                    if position[*axis] < input.dims[*axis] {
                        return input.data[index(input.dims, &position)];
                    }
                    position[*axis] -= input.dims[*axis];
                }
                f64::NAN
            })
            .collect(),
        Op::Slice { axis, start, step, .. } => positions(output)
            .map(|mut position| {
                position[*axis] = start + position[*axis] * step;
                x.data[index(x.dims, &position)]
            })
            .collect(),
        Op::Pad { pads, mode } => positions(output)
            .map(|position| {
                let mut source = Vec::new();
                for ((&at, &(before, _)), &size) in position.iter().zip(pads).zip(x.dims) {
                    let at = at as isize - before as isize;
                    let last = size as isize - 1;
                    let inside = (0..=last).contains(&at);
                    source.push(match mode {
                        PadMode::Constant(value) if !inside => return f64::from(*value),
                        PadMode::Constant(_) => at,
                        PadMode::Edge => at.clamp(0, last),
                        PadMode::Reflect if at < 0 => -at,
                        PadMode::Reflect if at > last => 2 * last - at,
                        PadMode::Reflect => at,
                    } as usize);
                }
                x.data[index(x.dims, &source)]
            })
            .collect(),
        Op::Reshape { .. } => x.data.to_vec(),
        Op::Transpose { permutation } => positions(output)
            .map(|position| {
                let mut source = vec![0; position.len()];
                for (axis, &from) in permutation.iter().enumerate() {
                    source[from] = position[axis];
                }
                x.data[index(x.dims, &source)]
            })
            .collect(),
        Op::Resize(resize) => positions(output).map(|position| resized(resize, x, &position)).collect(),
        Op::Softmax { axis } => softmax(x, *axis, |value, sum| value.exp() / sum),
        Op::LogSoftmax { axis } => softmax(x, *axis, |value, sum| value - sum.ln()),
    }
}

fn conv2d(conv: &Conv2d, x: Array, output: &[usize], params: &[Constant]) -> Vec<f64> {
    let weight = &params[conv.weight.index()];
    let [_, per_group, kernel_h, kernel_w] = [0, 1, 2, 3].map(|axis| weight.shape[axis]);
    let out_per_group = output[0] / conv.groups;
    positions(output)
        .map(|position| {
            let [out, row, column] = [0, 1, 2].map(|axis| position[axis]);
            let group = out / out_per_group;
            let mut sum = conv.bias.map_or(0.0, |bias| f64::from(params[bias.index()].data[out]));
            for channel in 0..per_group {
                for kh in 0..kernel_h {
                    for kw in 0..kernel_w {
                        let h = (row * conv.stride[0] + kh * conv.dilation[0]).checked_sub(conv.pads[0]);
                        let w = (column * conv.stride[1] + kw * conv.dilation[1]).checked_sub(conv.pads[1]);
                        if let (Some(h), Some(w)) = (h, w)
                            && h < x.dims[1]
                            && w < x.dims[2]
                        {
                            let factor = weight.data[index(&weight.shape, &[out, channel, kh, kw])];
                            sum += x.data[index(x.dims, &[group * per_group + channel, h, w])] * f64::from(factor);
                        }
                    }
                }
            }
            sum
        })
        .collect()
}

fn conv_transpose2d(conv: &ConvTranspose2d, x: Array, output: &[usize], params: &[Constant]) -> Vec<f64> {
    let weight = &params[conv.weight.index()];
    let [channels, out_per_group, kernel_h, kernel_w] = [0, 1, 2, 3].map(|axis| weight.shape[axis]);
    let in_per_group = channels / conv.groups;
    let mut result: Vec<f64> = positions(output)
        .map(|position| conv.bias.map_or(0.0, |bias| f64::from(params[bias.index()].data[position[0]])))
        .collect();
    for (position, &value) in positions(x.dims).zip(x.data) {
        let [channel, row, column] = [0, 1, 2].map(|axis| position[axis]);
        let group = channel / in_per_group;
        for out in 0..out_per_group {
            for kh in 0..kernel_h {
                for kw in 0..kernel_w {
                    let h = (row * conv.stride[0] + kh * conv.dilation[0]).checked_sub(conv.pads[0]);
                    let w = (column * conv.stride[1] + kw * conv.dilation[1]).checked_sub(conv.pads[1]);
                    if let (Some(h), Some(w)) = (h, w)
                        && h < output[1]
                        && w < output[2]
                    {
                        let factor = weight.data[index(&weight.shape, &[channel, out, kh, kw])];
                        result[index(output, &[group * out_per_group + out, h, w])] += value * f64::from(factor);
                    }
                }
            }
        }
    }
    result
}

/// Calls `summary` with the cells that each window sees and the number of its positions within input and padding.
fn pool2d(pool: &Pool2d, x: Array, output: &[usize], summary: impl Fn(&[f64], usize) -> f64) -> Vec<f64> {
    let [top, left, bottom, right] = pool.pads;
    positions(output)
        .map(|position| {
            let mut cells = Vec::new();
            let mut padded = 0;
            for kh in 0..pool.kernel[0] {
                for kw in 0..pool.kernel[1] {
                    let h = position[1] * pool.stride[0] + kh * pool.dilation[0];
                    let w = position[2] * pool.stride[1] + kw * pool.dilation[1];
                    // With ceil_mode the last window reaches beyond the padding; those positions never count.
                    if h < x.dims[1] + top + bottom && w < x.dims[2] + left + right {
                        padded += 1;
                    }
                    if let (Some(h), Some(w)) = (h.checked_sub(top), w.checked_sub(left))
                        && h < x.dims[1]
                        && w < x.dims[2]
                    {
                        cells.push(x.data[index(x.dims, &[position[0], h, w])]);
                    }
                }
            }
            summary(&cells, padded)
        })
        .collect()
}

fn resized(resize: &Resize, x: Array, position: &[usize]) -> f64 {
    let [channel, row, column] = [0, 1, 2].map(|axis| position[axis]);
    let coordinate = |at: usize, input: usize, output: usize| -> f64 {
        let (at, last, ratio) = (at as f64, (input - 1) as f64, input as f64 / output as f64);
        match resize.coordinates {
            ResizeCoordinates::HalfPixel => (at + 0.5) * ratio - 0.5,
            ResizeCoordinates::AlignCorners if output == 1 => 0.0,
            ResizeCoordinates::AlignCorners => at * last / (output - 1) as f64,
            ResizeCoordinates::Asymmetric => at * input as f64 / output as f64,
        }
        .clamp(0.0, last)
    };
    let h = coordinate(row, x.dims[1], resize.size[0]);
    let w = coordinate(column, x.dims[2], resize.size[1]);
    let cell = |h: f64, w: f64| x.data[index(x.dims, &[channel, h as usize, w as usize])];
    match resize.mode {
        ResizeMode::Nearest => {
            let near = |at: f64| match resize.coordinates {
                ResizeCoordinates::Asymmetric => at.floor(),
                // Halves are rounded down.
                ResizeCoordinates::HalfPixel | ResizeCoordinates::AlignCorners => (at - 0.5).ceil(),
            };
            cell(near(h), near(w))
        }
        ResizeMode::Linear => {
            let (top, left) = (h.floor(), w.floor());
            let bottom = (top + 1.0).min((x.dims[1] - 1) as f64);
            let right = (left + 1.0).min((x.dims[2] - 1) as f64);
            let (dh, dw) = (h - top, w - left);
            (cell(top, left) * (1.0 - dw) + cell(top, right) * dw) * (1.0 - dh)
                + (cell(bottom, left) * (1.0 - dw) + cell(bottom, right) * dw) * dh
        }
    }
}

/// Softmax along an axis with the maximum taken off first; `finish` gets the shifted value and the sum of exponentials.
fn softmax(x: Array, axis: usize, finish: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    positions(x.dims)
        .map(|position| {
            let own = x.data[index(x.dims, &position)];
            let mut other = position;
            let line: Vec<f64> = (0..x.dims[axis])
                .map(|at| {
                    other[axis] = at;
                    x.data[index(x.dims, &other)]
                })
                .collect();
            let max = line.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            finish(own - max, line.iter().map(|value| (value - max).exp()).sum())
        })
        .collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn activate(activation: &Activation, x: f64) -> f64 {
    match *activation {
        Activation::Relu => x.max(0.0),
        Activation::LeakyRelu { slope } => {
            if x >= 0.0 {
                x
            } else {
                f64::from(slope) * x
            }
        }
        // Needs the position, done by the caller.
        Activation::PRelu { .. } => x,
        Activation::Clip { min, max } => x.max(f64::from(min)).min(f64::from(max)),
        Activation::Elu { alpha } => {
            if x > 0.0 {
                x
            } else {
                f64::from(alpha) * x.exp_m1()
            }
        }
        Activation::Selu { alpha, gamma } => f64::from(gamma) * if x > 0.0 { x } else { f64::from(alpha) * x.exp_m1() },
        Activation::Sigmoid => sigmoid(x),
        Activation::HardSigmoid { alpha, beta } => (f64::from(alpha) * x + f64::from(beta)).clamp(0.0, 1.0),
        Activation::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        Activation::Tanh => x.tanh(),
        Activation::Softplus => softplus(x),
        Activation::Softsign => x / (1.0 + x.abs()),
        Activation::Gelu { tanh: false } => 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)),
        Activation::Gelu { tanh: true } => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }
        Activation::Erf => erf(x),
        Activation::Mish => x * softplus(x).tanh(),
        Activation::Silu => x * sigmoid(x),
        Activation::Exp => x.exp(),
        Activation::Log => x.ln(),
        Activation::Abs => x.abs(),
        Activation::Sqrt => x.sqrt(),
        Activation::Reciprocal => 1.0 / x,
        Activation::Pow { exponent } => x.powf(f64::from(exponent)),
    }
}

/// The error function to about 1e-15: its power series, which converges everywhere and is accurate up to 3, and beyond
/// that one minus the continued fraction of the complement.
fn erf(x: f64) -> f64 {
    let magnitude = x.abs();
    if magnitude > 6.0 {
        return x.signum();
    }
    let value = if magnitude < 3.0 {
        let (mut term, mut sum) = (magnitude, magnitude);
        for n in 1..100 {
            term *= -magnitude * magnitude / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        2.0 / std::f64::consts::PI.sqrt() * sum
    } else {
        let fraction = (1..80).rev().fold(magnitude, |below, n| magnitude + 0.5 * f64::from(n) / below);
        1.0 - (-magnitude * magnitude).exp() / (std::f64::consts::PI.sqrt() * fraction)
    };
    value.copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GraphBuilder;

    /// The values are those of Python's `math.erf`.
    #[test]
    fn the_error_function_is_right() {
        for (x, expected) in [
            (0.0, 0.0),
            (0.1, 0.112_462_916_018_284_9),
            (-0.5, -0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (2.5, 0.999_593_047_982_555),
            (2.999, 0.999_977_758_1),
            (3.001, 0.999_978_061_2),
            (3.5, 0.999_999_256_901_627_7),
        ] {
            assert!((erf(x) - expected).abs() < 2e-8, "erf({x}) = {}", erf(x));
        }
        assert!((erf(2.999_999_9) - erf(3.000_000_1)).abs() < 1e-10);
    }

    #[test]
    fn a_convolution_reads_the_cells_it_should() {
        let mut builder = GraphBuilder::new("conv", "image", [1, 3, 3]);
        let weight = builder.param("w", [1, 1, 2, 2], vec![1.0, 10.0, 100.0, 1000.0]);
        let conv = Conv2d { weight, bias: None, stride: [2, 2], pads: [1, 0, 0, 1], dilation: [1, 1], groups: 1 };
        let out = builder.node("conv", Op::Conv2d(conv), &[builder.input()], "out").expect("it fits");
        let graph = builder.finish(out);
        let input: Vec<f32> = (1..=9u8).map(f32::from).collect();
        // Rows -1..1 and 1..3, columns 0..2 and 2..4: the padding is on top and on the right.
        assert_eq!(logits(&graph, &input).expect("it runs"), [2100.0, 300.0, 54.0 + 8700.0, 6.0 + 900.0]);
    }

    #[test]
    fn a_wrong_input_is_an_error() {
        let graph = GraphBuilder::new("empty", "image", [1, 2, 2]).finish(crate::ValueId(0));
        assert!(run(&graph, &[0.0; 3]).is_err());
    }
}
