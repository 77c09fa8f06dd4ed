//! The vector-Jacobian product of every op: what a node passes back under the plain gradient.

use burn::{
    backend::{Dispatch, ops::ModuleOps as _},
    tensor::Shape,
};
use innspect_graph::{BinaryKind, NodeId, Op, PadMode, ReduceKind};

use crate::{
    Tensor, activation,
    forward::{
        Kept, Tape, batched_permutation, channel_window, instance_normalize, lrn_denominator, pad_for_max, pad_indices,
        pool_pads, reduce, same_rank,
    },
    kernel::{self, Rectifier},
    linear,
    network::{Constants, Network, Part},
    tensor::Indices,
};

/// The cotangents of a node's inputs, in their order, for the cotangent `g` of its output.
pub(crate) fn input_gradients(network: &Network, id: NodeId, tape: &Tape, g: &Tensor) -> Vec<Tensor> {
    let node = network.graph().node(id);
    let x = tape.value(node.inputs[0]);
    let y = tape.value(node.output);
    let rank = x.dims().len();
    let single = match &node.op {
        op @ (Op::Conv2d(_) | Op::ConvTranspose2d(_) | Op::Dense { .. }) => {
            linear::input_gradient(network, op, x, Part::Whole, g)
        }
        Op::MatMul => {
            let other = tape.value(node.inputs[1]);
            let (a, b) = same_rank(x, other);
            let swap = |tensor: &Tensor| {
                let rank = tensor.dims().len();
                let mut axes: Vec<usize> = (0..rank).collect();
                axes.swap(rank - 2, rank - 1);
                tensor.permute(&axes)
            };
            let for_a = g.matmul(&swap(&b)).sum_to(&a.dims()).reshape(&x.dims());
            let for_b = swap(&a).matmul(g).sum_to(&b.dims()).reshape(&other.dims());
            return vec![for_a, for_b];
        }
        Op::Affine { scale, .. } => scale.map_or_else(|| g.clone(), |scale| g.mul(&network.broadcastable(scale, rank))),
        Op::InstanceNorm { scale, epsilon, .. } => {
            let (normalized, inverse) = instance_normalize(x, *epsilon);
            let scaled = g.mul(&network.param(*scale, Part::Whole).reshape(&[1, x.dims()[1], 1, 1]));
            let mean = reduce(ReduceKind::Mean, &scaled, &[1, 2]);
            let projection = reduce(ReduceKind::Mean, &scaled.mul(&normalized), &[1, 2]);
            scaled.sub(&mean).sub(&normalized.mul(&projection)).mul(&inverse)
        }
        Op::Lrn { size, alpha, beta, bias } => {
            let denominator = lrn_denominator(x, *size, *alpha, *bias);
            let direct = g.mul(&denominator.powf(-beta));
            let spread = channel_window(&g.mul(y).div(&denominator), *size, size / 2);
            direct.sub(&x.mul(&spread).scale(2.0 * alpha * beta / *size as f32))
        }
        Op::Activation(function) => activation::gradient(network, function, x, y, g),
        Op::MaxPool2d(pool) => {
            let Some(Kept::Winners(winners)) = tape.kept(id) else { unreachable!("kept by the forward pass") };
            let (padded, pads) = pad_for_max(x, pool, &network.output_size(id));
            let result = Dispatch::max_pool2d_with_indices_backward(
                padded.0,
                pool.kernel,
                pool.stride,
                [0, 0],
                pool.dilation,
                false,
                g.0.clone(),
                winners.0.clone(),
            );
            Tensor(result.x_grad).unpad(&pads)
        }
        Op::AvgPool2d(pool) => {
            let pads = pool_pads(x, pool, &network.output_size(id));
            let g = match network.constants(id) {
                Some(Constants::PoolCorrection(factor)) => g.mul(factor),
                _ => g.clone(),
            };
            let padded = x.pad(&pads, 0.0);
            let spread = Dispatch::avg_pool2d_backward(padded.0, g.0, pool.kernel, pool.stride, [0, 0], true, false);
            Tensor(spread).unpad(&pads)
        }
        Op::Reduce { kind, axes, .. } => {
            let dims = x.dims();
            let mut kept = dims.clone();
            for axis in axes {
                kept[axis + 1] = 1;
            }
            let spread = g.reshape(&kept).expand(&dims);
            let count: usize = axes.iter().map(|axis| dims[axis + 1]).product();
            match kind {
                ReduceKind::Sum => spread,
                ReduceKind::Mean => spread.scale(1.0 / count.max(1) as f32),
                ReduceKind::Max => {
                    // The winner's distance to the maximum is exactly 0; equal winners share.
                    let distance = x.sub(&y.reshape(&kept).expand(&dims));
                    let gate = Rectifier {
                        low: -f32::MIN_POSITIVE,
                        high: f32::MAX,
                        slope: 0.0,
                        positive_only: false,
                        ungated: false,
                    };
                    let ones = Tensor::full(1.0, &dims, network.device());
                    let winners = kernel::rectifier_gradient(&distance, &ones, gate);
                    let shares = winners.div(&reduce(ReduceKind::Sum, &winners, axes).expand(&dims));
                    spread.mul(&shares)
                }
            }
        }
        Op::Binary(kind) => {
            let other = tape.value(node.inputs[1]);
            let (a, b) = same_rank(x, other);
            let (for_a, for_b) = match kind {
                BinaryKind::Add => (g.clone(), g.clone()),
                BinaryKind::Sub => (g.clone(), g.neg()),
                BinaryKind::Mul => (g.mul(&b), g.mul(&a)),
                BinaryKind::Div => {
                    let for_a = g.div(&b);
                    let for_b = for_a.mul(&a).div(&b).neg();
                    (for_a, for_b)
                }
                BinaryKind::Max | BinaryKind::Min => {
                    let difference = if *kind == BinaryKind::Max { a.sub(&b) } else { b.sub(&a) };
                    let gate = Rectifier { low: 0.0, high: f32::MAX, slope: 0.0, positive_only: false, ungated: false };
                    let for_a = kernel::rectifier_gradient(&difference, g, gate);
                    let for_b = g.sub(&for_a);
                    (for_a, for_b)
                }
            };
            return vec![for_a.sum_to(&a.dims()).reshape(&x.dims()), for_b.sum_to(&b.dims()).reshape(&other.dims())];
        }
        Op::Concat { axis } => {
            let mut start = 0;
            return node
                .inputs
                .iter()
                .map(|&input| {
                    let size = tape.value(input).dims()[axis + 1];
                    start += size;
                    g.slice(axis + 1, start - size, start, 1)
                })
                .collect();
        }
        Op::Slice { axis, start, end, step } => {
            Tensor::full(0.0, &x.dims(), network.device()).slice_assign(axis + 1, *start, *end, *step, g)
        }
        Op::Pad { pads, mode: PadMode::Constant(_) } => g.unpad(pads),
        Op::Pad { pads, mode } => {
            let mut sizes = g.dims();
            pad_indices(x, pads, *mode).into_iter().rev().fold(g.clone(), |g, (axis, indices)| {
                sizes[axis] = x.dims()[axis];
                let zeros = Tensor::full(0.0, &sizes, network.device());
                zeros.select_add(axis, &Indices::from_slice(&indices, network.device()), &g)
            })
        }
        Op::Reshape { .. } => g.reshape(&x.dims()),
        Op::Transpose { permutation } => {
            let permutation = batched_permutation(permutation);
            let mut inverse = vec![0; permutation.len()];
            for (position, &axis) in permutation.iter().enumerate() {
                inverse[axis] = position;
            }
            g.permute(&inverse)
        }
        Op::Resize(_) => match network.constants(id) {
            Some(Constants::Resample(matrices)) => matrices.adjoint(g),
            _ => g.clone(),
        },
        Op::Softmax { axis } => {
            let weighted = g.mul(y);
            weighted.sub(&y.mul(&weighted.sum_dim(axis + 1)))
        }
        Op::LogSoftmax { axis } => g.sub(&y.exp().mul(&g.sum_dim(axis + 1))),
    };
    debug_assert_eq!(Shape::from(single.dims()), Shape::from(x.dims()), "{}", node.name);
    vec![single]
}
