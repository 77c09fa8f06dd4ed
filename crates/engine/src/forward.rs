//! Running a network forward and keeping what the way back needs: the tape.

use burn::{
    backend::{
        Dispatch,
        ops::{ActivationOps as _, ModuleOps as _},
    },
    tensor::IntDType,
};
use innspect_graph::{BinaryKind, NodeId, Op, PadMode, Pool2d, ReduceKind, ValueId};

use crate::{
    EngineError, Pacer, Tensor, activation,
    kernel::{self, Rectifier},
    linear,
    network::{Constants, Network, Part, end_padding},
    tensor::Indices,
};

/// What a node keeps beside its output.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    /// Positions of the winners of a max pooling.
    Winners(Indices),
}

/// All values of one forward pass over a batch.
#[derive(Clone, Debug)]
pub struct Tape {
    values: Vec<Option<Tensor>>,
    kept: Vec<Option<Kept>>,
    batch: usize,
}

impl Tape {
    /// A value with its batch in front.
    ///
    /// # Panics
    /// If the value is of another graph, or one that [`Network::infer_all`] was not asked for.
    #[must_use]
    pub fn value(&self, id: ValueId) -> &Tensor {
        self.values[id.index()].as_ref().expect("a finished tape holds every value of its graph")
    }

    /// The number of samples.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The same pass with some values replaced, for rules that look at another point than the one that ran.
    pub(crate) fn with_values(&self, replaced: &[(ValueId, Tensor)]) -> Self {
        let mut tape = self.clone();
        for (id, value) in replaced {
            tape.values[id.index()] = Some(value.clone());
        }
        tape
    }

    pub(crate) fn kept(&self, node: NodeId) -> Option<&Kept> {
        self.kept[node.index()].as_ref()
    }
}

impl Network {
    /// Runs forward on `input`, `[n, C, H, W]` as the graph's input says.
    ///
    /// # Errors
    /// [`EngineError::InputShape`], or [`EngineError::Cancelled`] if the pacer says so.
    pub async fn forward(&self, input: &Tensor, pacer: &mut impl Pacer) -> Result<Tape, EngineError> {
        let graph = self.graph();
        let mut tape = self.begin(input)?;
        for id in graph.node_ids() {
            pacer.pace(id.index(), graph.nodes.len()).await?;
            let (output, kept) = self.evaluate(id, &tape);
            tape.values[graph.node(id).output.index()] = Some(output);
            tape.kept[id.index()] = kept;
        }
        Ok(tape)
    }

    /// A tape that holds the input and nothing else.
    fn begin(&self, input: &Tensor) -> Result<Tape, EngineError> {
        let graph = self.graph();
        let expected = &graph.value(graph.input).shape;
        let dims = input.dims();
        if dims.get(1..) != Some(expected.dims()) {
            let actual = dims.get(1..).unwrap_or_default().to_vec().into();
            return Err(EngineError::InputShape { expected: expected.clone(), actual });
        }
        let (values, kept) = (vec![None; graph.values.len()], vec![None; graph.nodes.len()]);
        let mut tape = Tape { values, kept, batch: input.batch() };
        tape.values[graph.input.index()] = Some(input.clone());
        Ok(tape)
    }

    /// Runs forward on `input` for the sake of one value, and frees each other one after its last use.
    ///
    /// # Errors
    /// As for [`Self::forward`].
    pub async fn infer(&self, input: &Tensor, wanted: ValueId, pacer: &mut impl Pacer) -> Result<Tensor, EngineError> {
        Ok(self.infer_all(input, &[wanted], pacer).await?.value(wanted).clone())
    }

    /// Runs forward on `input` for the sake of some values; the tape holds these in the end and no others.
    ///
    /// # Errors
    /// As for [`Self::forward`].
    pub async fn infer_all(
        &self,
        input: &Tensor,
        wanted: &[ValueId],
        pacer: &mut impl Pacer,
    ) -> Result<Tape, EngineError> {
        let graph = self.graph();
        let mut uses = graph.uses();
        for value in wanted {
            uses[value.index()] += 1;
        }
        let mut tape = self.begin(input)?;
        for id in graph.node_ids() {
            if wanted.iter().all(|value| tape.values[value.index()].is_some()) {
                break;
            }
            pacer.pace(id.index(), graph.nodes.len()).await?;
            let (output, _) = self.evaluate(id, &tape);
            tape.values[graph.node(id).output.index()] = Some(output);
            for used in &graph.node(id).inputs {
                uses[used.index()] -= 1;
                if uses[used.index()] == 0 {
                    tape.values[used.index()] = None;
                }
            }
        }
        Ok(tape)
    }

    /// Bytes of one sample's values on a tape.
    #[must_use]
    pub fn tape_bytes(&self) -> u64 {
        4 * self.graph().values.iter().map(|value| value.shape.numel() as u64).sum::<u64>()
    }

    /// One node.
    fn evaluate(&self, id: NodeId, tape: &Tape) -> (Tensor, Option<Kept>) {
        let node = self.graph().node(id);
        let x = tape.value(node.inputs[0]);
        let rank = x.dims().len();
        let output = match &node.op {
            op @ (Op::Conv2d(_) | Op::ConvTranspose2d(_) | Op::Dense { .. }) => {
                let bias = linear::weights(op).and_then(|(_, bias)| bias).map(|bias| self.param(bias, Part::Whole));
                linear::forward(self, op, x, Part::Whole, bias.as_ref())
            }
            Op::MatMul => {
                let (a, b) = same_rank(x, tape.value(node.inputs[1]));
                a.matmul(&b)
            }
            Op::Affine { scale, shift } => {
                let scaled = scale.map_or_else(|| x.clone(), |scale| x.mul(&self.broadcastable(scale, rank)));
                shift.map_or_else(|| scaled.clone(), |shift| scaled.add(&self.broadcastable(shift, rank)))
            }
            Op::InstanceNorm { scale, shift, epsilon } => {
                let channels = x.dims()[1];
                let shape = [1, channels, 1, 1];
                let (normalized, _) = instance_normalize(x, *epsilon);
                normalized
                    .mul(&self.param(*scale, Part::Whole).reshape(&shape))
                    .add(&self.param(*shift, Part::Whole).reshape(&shape))
            }
            Op::Lrn { size, alpha, beta, bias } => x.mul(&lrn_denominator(x, *size, *alpha, *bias).powf(-beta)),
            Op::Activation(function) => activation::forward(self, function, x),
            Op::MaxPool2d(pool) => {
                let (padded, _) = pad_for_max(x, pool, &self.output_size(id));
                let result = Dispatch::max_pool2d_with_indices(
                    padded.0,
                    pool.kernel,
                    pool.stride,
                    [0, 0],
                    pool.dilation,
                    false,
                    IntDType::I32,
                );
                return (Tensor(result.output), Some(Kept::Winners(Indices(result.indices))));
            }
            Op::AvgPool2d(pool) => {
                let padded = x.pad(&pool_pads(x, pool, &self.output_size(id)), 0.0);
                let mean = Tensor(Dispatch::avg_pool2d(padded.0, pool.kernel, pool.stride, [0, 0], true, false));
                match self.constants(id) {
                    Some(Constants::PoolCorrection(factor)) => mean.mul(factor),
                    _ => mean,
                }
            }
            Op::Reduce { kind, axes, .. } => {
                let reduced = reduce(*kind, x, axes);
                reduced.reshape(&self.batched(node.output, tape.batch))
            }
            Op::Binary(kind) => {
                let (a, b) = same_rank(x, tape.value(node.inputs[1]));
                match kind {
                    BinaryKind::Add => a.add(&b),
                    BinaryKind::Sub => a.sub(&b),
                    BinaryKind::Mul => a.mul(&b),
                    BinaryKind::Div => a.div(&b),
                    // By selection: a sum with the difference would lose the smaller operand's digits.
                    BinaryKind::Max => select(&a.sub(&b), &a, &b),
                    BinaryKind::Min => select(&b.sub(&a), &a, &b),
                }
            }
            Op::Concat { axis } => {
                Tensor::cat(node.inputs.iter().map(|&input| tape.value(input).clone()).collect(), axis + 1)
            }
            Op::Slice { axis, start, end, step } => x.slice(axis + 1, *start, *end, *step),
            Op::Pad { pads, mode: PadMode::Constant(value) } => x.pad(pads, *value),
            Op::Pad { pads, mode } => pad_indices(x, pads, *mode)
                .into_iter()
                .fold(x.clone(), |x, (axis, indices)| x.select(axis, &Indices::from_slice(&indices, self.device()))),
            Op::Reshape { .. } => x.reshape(&self.batched(node.output, tape.batch)),
            Op::Transpose { permutation } => x.permute(&batched_permutation(permutation)),
            Op::Resize(_) => match self.constants(id) {
                Some(Constants::Resample(matrices)) => matrices.apply(x),
                _ => x.clone(),
            },
            Op::Softmax { axis } => Tensor(Dispatch::softmax(x.0.clone(), axis + 1)),
            Op::LogSoftmax { axis } => Tensor(Dispatch::log_softmax(x.0.clone(), axis + 1)),
        };
        (output, None)
    }

    /// The shape of a value with a batch in front.
    pub(crate) fn batched(&self, value: ValueId, batch: usize) -> Vec<usize> {
        let mut shape = vec![batch];
        shape.extend_from_slice(self.graph().value(value).shape.dims());
        shape
    }

    /// `[h, w]` of a node that makes a feature map.
    pub(crate) fn output_size(&self, id: NodeId) -> [usize; 2] {
        let shape = &self.graph().value(self.graph().node(id).output).shape;
        shape.feature_map().map_or([1, 1], |[_, height, width]| [height, width])
    }
}

/// `a` where the difference is positive, else `b`, with broadcasting.
fn select(difference: &Tensor, a: &Tensor, b: &Tensor) -> Tensor {
    let gate = Rectifier { low: 0.0, high: f32::MAX, slope: 0.0, positive_only: false, ungated: false };
    let ones = difference.scale(0.0).add_scalar(1.0);
    let first = kernel::rectifier_gradient(difference, &ones, gate);
    a.mul(&first).add(&b.mul(&first.neg().add_scalar(1.0)))
}

/// Two operands with the same number of axes: the missing ones are inserted behind the batch.
pub(crate) fn same_rank(a: &Tensor, b: &Tensor) -> (Tensor, Tensor) {
    let rank = a.dims().len().max(b.dims().len());
    let raise = |x: &Tensor| {
        let dims = x.dims();
        if dims.len() == rank {
            return x.clone();
        }
        let mut shape = vec![dims[0]];
        shape.extend(std::iter::repeat_n(1, rank - dims.len()));
        shape.extend_from_slice(&dims[1..]);
        x.reshape(&shape)
    };
    (raise(a), raise(b))
}

/// The padding of a pooling window on each axis of the sample, end padding of ceil mode included.
pub(crate) fn pool_pads(x: &Tensor, pool: &Pool2d, output: &[usize; 2]) -> [(usize, usize); 3] {
    let dims = x.dims();
    let axis = |index: usize| {
        let (size, begin) = (dims[index + 2], pool.pads[index]);
        let end = end_padding(size, output[index], pool.kernel[index], pool.stride[index], pool.dilation[index], begin);
        (begin, end)
    };
    [(0, 0), axis(0), axis(1)]
}

/// `x` padded so that padding never wins, and the padding.
pub(crate) fn pad_for_max(x: &Tensor, pool: &Pool2d, output: &[usize; 2]) -> (Tensor, [(usize, usize); 3]) {
    let pads = pool_pads(x, pool, output);
    (x.pad(&pads, f32::MIN), pads)
}

/// A reduction over axes of the sample that keeps them with size 1.
pub(crate) fn reduce(kind: ReduceKind, x: &Tensor, axes: &[usize]) -> Tensor {
    let count: usize = axes.iter().map(|&axis| x.dims()[axis + 1]).product();
    let fold = |step: fn(&Tensor, usize) -> Tensor| axes.iter().fold(x.clone(), |x, &axis| step(&x, axis + 1));
    match kind {
        ReduceKind::Max => fold(Tensor::max_dim),
        ReduceKind::Sum => fold(Tensor::sum_dim),
        ReduceKind::Mean => fold(Tensor::sum_dim).scale(1.0 / count.max(1) as f32),
    }
}

/// `(x - mean) / std` per sample and channel, and `1 / std` `[n, c, 1, 1]`.
pub(crate) fn instance_normalize(x: &Tensor, epsilon: f32) -> (Tensor, Tensor) {
    let centered = x.sub(&reduce(ReduceKind::Mean, x, &[1, 2]));
    let variance = reduce(ReduceKind::Mean, &centered.mul(&centered), &[1, 2]);
    let inverse = variance.add_scalar(epsilon).sqrt().recip();
    (centered.mul(&inverse), inverse)
}

/// `bias + alpha / size · Σ x²` over the window of channels.
pub(crate) fn lrn_denominator(x: &Tensor, size: usize, alpha: f32, bias: f32) -> Tensor {
    let before = (size - 1) / 2;
    channel_window(&x.mul(x), size, before).scale(alpha / size as f32).add_scalar(bias)
}

/// Sums `size` neighbouring channels of which `before` come before each one.
pub(crate) fn channel_window(x: &Tensor, size: usize, before: usize) -> Tensor {
    let channels = x.dims()[1];
    let padded = x.pad(&[(before, size - 1 - before), (0, 0), (0, 0)], 0.0);
    (1..size)
        .fold(padded.slice(1, 0, channels, 1), |sum, offset| sum.add(&padded.slice(1, offset, offset + channels, 1)))
}

/// For each padded axis (batch counted) the source index of every cell.
pub(crate) fn pad_indices(x: &Tensor, pads: &[(usize, usize)], mode: PadMode) -> Vec<(usize, Vec<usize>)> {
    let dims = x.dims();
    pads.iter()
        .enumerate()
        .filter(|(_, (before, after))| before + after > 0)
        .map(|(axis, &(before, after))| {
            let size = dims[axis + 1] as isize;
            let source = |position: isize| match mode {
                PadMode::Reflect if position < 0 => -position,
                PadMode::Reflect if position >= size => 2 * (size - 1) - position,
                _ => position.clamp(0, size - 1),
            };
            let indices =
                (-(before as isize)..size + after as isize).map(|position| source(position) as usize).collect();
            (axis + 1, indices)
        })
        .collect()
}

/// A permutation of the sample's axes as one of the batched axes.
pub(crate) fn batched_permutation(permutation: &[usize]) -> Vec<usize> {
    std::iter::once(0).chain(permutation.iter().map(|axis| axis + 1)).collect()
}
