//! The linear operations with weights: what LRP rules act on.
//!
//! A rule asks for the same operation with a part of its weight or without its bias, forward and as vector-Jacobian
//! product, so both are functions of the [`Part`].

use burn::{
    backend::{
        Dispatch,
        ops::{ConvOptions, ConvTransposeOptions, ModuleOps as _},
    },
    tensor::Shape,
};
use innspect_graph::{Conv2d, ConvTranspose2d, Op, ParamId};

use crate::{
    Tensor, kernel,
    network::{Network, Part},
};

/// The weight and bias of a linear operation with weights, `None` for other ops.
pub(crate) fn weights(op: &Op) -> Option<(ParamId, Option<ParamId>)> {
    match op {
        Op::Conv2d(Conv2d { weight, bias, .. })
        | Op::ConvTranspose2d(ConvTranspose2d { weight, bias, .. })
        | Op::Dense { weight, bias } => Some((*weight, *bias)),
        _ => None,
    }
}

/// Whether every output reads every channel, so that weights can be stacked along inputs and outputs.
pub(crate) fn is_stackable(op: &Op) -> bool {
    match op {
        Op::Conv2d(conv) => conv.groups == 1,
        Op::ConvTranspose2d(conv) => conv.groups == 1,
        Op::Dense { .. } => true,
        _ => false,
    }
}

/// The axis of a value at a linear operation that counts channels (or features).
pub(crate) fn channel_axis(op: &Op, value: &Tensor) -> usize {
    if matches!(op, Op::Dense { .. }) { value.dims().len() - 1 } else { 1 }
}

/// The operation on `x` with a part of its weight and with the given bias `[out]`.
///
/// # Panics
/// If `op` has no weights.
pub(crate) fn forward(network: &Network, op: &Op, x: &Tensor, part: Part, bias: Option<&Tensor>) -> Tensor {
    forward_with(op, x, &part_of(network, op, part), bias)
}

/// The gradient with respect to `x` of the operation with a part of its weight, for the cotangent `g` of its output.
///
/// # Panics
/// If `op` has no weights.
pub(crate) fn input_gradient(network: &Network, op: &Op, x: &Tensor, part: Part, g: &Tensor) -> Tensor {
    input_gradient_with(op, x, &part_of(network, op, part), g)
}

fn part_of(network: &Network, op: &Op, part: Part) -> Tensor {
    let (weight, _) = weights(op).expect("only called for ops with weights");
    network.param(weight, part)
}

/// [`forward`] with any weight of the right shape.
pub(crate) fn forward_with(op: &Op, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    match op {
        Op::Conv2d(conv) => kernel::convolution(x, weight, bias, conv_options(conv)),
        Op::ConvTranspose2d(conv) => {
            let weight = weight.clone();
            let bias = bias.map(|bias| bias.0.clone());
            let full = Dispatch::conv_transpose2d(x.0.clone(), weight.0, bias, transpose_options(conv));
            Tensor(full).unpad(&cut(conv))
        }
        Op::Dense { .. } => {
            let bias = bias.map(|bias| bias.0.clone());
            dense(x, |flat| Tensor(Dispatch::linear(flat.0, weight.0.clone(), bias)))
        }
        _ => unreachable!("only called for ops with weights"),
    }
}

/// [`input_gradient`] with any weight of the right shape.
pub(crate) fn input_gradient_with(op: &Op, x: &Tensor, weight: &Tensor, g: &Tensor) -> Tensor {
    match op {
        Op::Conv2d(conv) => kernel::convolution_input_gradient(x, weight, g, conv_options(conv)),
        Op::ConvTranspose2d(conv) => {
            let weight = weight.clone();
            let g = g.pad(&cut(conv), 0.0);
            Tensor(Dispatch::conv_transpose2d_x_backward(weight.0, g.0, transpose_options(conv)))
        }
        Op::Dense { .. } => dense(g, |flat| Tensor(Dispatch::linear_x_backward(weight.0.clone(), flat.0))),
        _ => unreachable!("only called for ops with weights"),
    }
}

/// The gradient with respect to the weight of a convolution or dense layer, for the cotangent `g` of its output, summed
/// over the batch; `weight` gives its shape.
///
/// # Panics
/// If `op` is neither.
pub(crate) fn weight_gradient(op: &Op, x: &Tensor, weight: &Tensor, g: &Tensor) -> Tensor {
    match op {
        Op::Conv2d(conv) => {
            Tensor(Dispatch::conv2d_weight_backward(x.0.clone(), weight.0.clone(), g.0.clone(), conv_options(conv)))
        }
        Op::Dense { .. } => {
            let rows = |tensor: &Tensor| {
                let dims = tensor.dims();
                let features = dims.last().copied().unwrap_or(1);
                tensor.reshape(&[dims.iter().product::<usize>() / features.max(1), features])
            };
            rows(x).permute(&[1, 0]).matmul(&rows(g))
        }
        _ => unreachable!("only called for convolutions and dense layers"),
    }
}

/// Applies `f` to `[rows, features]`, whatever the number of axes.
fn dense(x: &Tensor, f: impl FnOnce(Tensor) -> Tensor) -> Tensor {
    let dims = x.dims();
    if dims.len() == 2 {
        return f(x.clone());
    }
    let features = dims.last().copied().unwrap_or(1);
    let rows = dims.iter().product::<usize>() / features.max(1);
    let result = f(x.reshape(&[rows, features]));
    let mut shape = dims;
    if let Some(last) = shape.last_mut() {
        *last = result.dims()[1];
    }
    result.reshape(&shape)
}

fn conv_options(conv: &Conv2d) -> ConvOptions<2> {
    let [top, left, bottom, right] = conv.pads;
    ConvOptions::new_with_padding(conv.stride, [(top, bottom), (left, right)], conv.dilation, conv.groups)
}

/// Without padding: what the op cuts may differ from side to side, which burn's options cannot say.
fn transpose_options(conv: &ConvTranspose2d) -> ConvTransposeOptions<2> {
    ConvTransposeOptions::new(conv.stride, [0, 0], conv.output_padding, conv.dilation, conv.groups)
}

fn cut(conv: &ConvTranspose2d) -> [(usize, usize); 3] {
    let [top, left, bottom, right] = conv.pads;
    [(0, 0), (top, bottom), (left, right)]
}

/// The shape of a bias so that it adds to an output with `rank` axes.
pub(crate) fn bias_shape(op: &Op, length: usize, rank: usize) -> Vec<usize> {
    let mut shape = vec![1; rank];
    let axis = if matches!(op, Op::Dense { .. }) { rank - 1 } else { 1 };
    shape[axis] = length;
    debug_assert_eq!(Shape::from(shape.clone()).num_elements(), length);
    shape
}
