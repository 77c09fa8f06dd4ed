//! A graph with its weights on a device.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use innspect_graph::{Activation, BinaryKind, Graph, NodeId, Op, Param, ParamId, ReduceKind, Resize, ValueId};

use crate::{Device, EngineError, Pacer, Tensor, resample};

/// A part of a weight that a rule asks for in place of the weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// The weight itself.
    Whole,
    /// `max(w, 0)`.
    Positive,
    /// `min(w, 0)`.
    Negative,
    /// `|w|`.
    Absolute,
    /// `w²`.
    Square,
    /// 1 everywhere.
    Ones,
    /// Positive and negative parts stacked, see [`sign_parts`](crate::sign_parts): `[w⁺, w⁻]` along the inputs, `[w⁻, w⁺]`
    /// behind it along the outputs. For a bias `[b⁺, b⁻]` along the outputs.
    Signs {
        /// Whether they are stacked along the inputs.
        inputs: bool,
        /// Whether they are stacked along the outputs.
        outputs: bool,
    },
}

/// A network ready to run: the graph, its weights on the device, and what rules derived from them, made once.
#[derive(Debug)]
pub struct Network {
    graph: Rc<Graph>,
    device: Device,
    params: Vec<Tensor>,
    parts: RefCell<HashMap<(ParamId, Part), Tensor>>,
    /// What rules derive from a node and its weights alone.
    derived: RefCell<HashMap<(NodeId, Part), Tensor>>,
    constants: HashMap<NodeId, Constants>,
    nonnegative: Vec<bool>,
    not_finite: Vec<String>,
}

/// A weight on the device.
struct Upload {
    tensor: Tensor,
    /// Whether all its elements are numbers.
    finite: bool,
}

fn upload(param: &Param, device: &Device) -> Result<Upload, EngineError> {
    let unreadable = |reason| EngineError::Weight { name: param.name.clone(), reason };
    let data = param.data.read().map_err(unreadable)?;
    let finite = data.iter().all(|value| value.is_finite());
    Ok(Upload { tensor: Tensor::from_vec(data.into_owned(), &upload_shape(&param.shape), device), finite })
}

/// What a node needs beside its weights, computed from its shapes when the network is loaded.
#[derive(Clone, Debug)]
pub(crate) enum Constants {
    /// Factors that correct an average pooling for windows over padding, `[1, 1, h, w]`.
    PoolCorrection(Box<Tensor>),
    /// Interpolation matrices of a resize.
    Resample(Box<resample::Matrices>),
}

impl Network {
    /// Puts the weights of `graph` on `device`, one after the other: a deferred weight is in memory only on its way.
    ///
    /// # Errors
    /// [`EngineError::Weight`] if a weight cannot be read. Uploads report failures when something is read back.
    pub fn load(graph: Rc<Graph>, device: &Device) -> Result<Self, EngineError> {
        let params = graph.params.iter().map(|param| upload(param, device)).collect::<Result<_, _>>()?;
        Ok(Self::new(graph, device, params))
    }

    /// Like [`load`](Self::load), with a pause after each weight; progress counts elements.
    ///
    /// # Errors
    /// As [`load`](Self::load), and what `pacer` says.
    pub async fn load_paced(graph: Rc<Graph>, device: &Device, pacer: &mut impl Pacer) -> Result<Self, EngineError> {
        let (mut done, total) = (0, graph.param_count());
        let mut params = Vec::with_capacity(graph.params.len());
        for param in &graph.params {
            params.push(upload(param, device)?);
            done += param.data.len();
            pacer.pace(done, total).await?;
        }
        Ok(Self::new(graph, device, params))
    }

    fn new(graph: Rc<Graph>, device: &Device, params: Vec<Upload>) -> Self {
        let not_finite =
            graph.params.iter().zip(&params).filter(|(param, upload)| !upload.finite && param.data.held().is_none());
        let not_finite = not_finite.map(|(param, _)| param.name.clone()).collect();
        let params = params.into_iter().map(|upload| upload.tensor).collect();
        let constants = graph.node_ids().filter_map(|id| Some((id, constants(&graph, id, device)?))).collect();
        let nonnegative = nonnegative(&graph);
        Self {
            graph,
            device: device.clone(),
            params,
            parts: RefCell::default(),
            derived: RefCell::default(),
            constants,
            nonnegative,
            not_finite,
        }
    }

    /// The same network with some weights replaced; the others are shared with this one.
    ///
    /// # Panics
    /// If a weight has another number of elements.
    #[must_use]
    pub fn with_params(&self, replaced: &HashMap<ParamId, Vec<f32>>) -> Self {
        let mut params = self.params.clone();
        for (id, data) in replaced {
            params[id.index()] = Tensor::from_slice(data, &upload_shape(&self.graph.param(*id).shape), &self.device);
        }
        Self {
            graph: self.graph.clone(),
            device: self.device.clone(),
            params,
            parts: RefCell::default(),
            derived: RefCell::default(),
            constants: self.constants.clone(),
            nonnegative: self.nonnegative.clone(),
            not_finite: self.not_finite.clone(),
        }
    }

    /// The graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Names of the deferred weights that hold values which are no finite numbers; of the others a reader warns.
    #[must_use]
    pub fn not_finite(&self) -> &[String] {
        &self.not_finite
    }

    /// Bytes of weights on the device, without what rules derive from them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        4 * self.graph.param_count() as u64
    }

    /// Whether a value cannot be negative, whatever the input.
    #[must_use]
    pub fn is_nonnegative(&self, value: ValueId) -> bool {
        self.nonnegative[value.index()]
    }

    pub(crate) fn constants(&self, node: NodeId) -> Option<&Constants> {
        self.constants.get(&node)
    }

    /// A weight, or a part of it.
    pub(crate) fn param(&self, id: ParamId, part: Part) -> Tensor {
        let whole = &self.params[id.index()];
        if part == Part::Whole {
            return whole.clone();
        }
        self.parts
            .borrow_mut()
            .entry((id, part))
            .or_insert_with(|| match part {
                Part::Positive => whole.clamp_min(0.0),
                Part::Negative => whole.clamp_max(0.0),
                Part::Absolute => whole.abs(),
                Part::Square => whole.mul(whole),
                Part::Signs { inputs, outputs } => stacked(whole, self.transposed(id), inputs, outputs),
                Part::Ones | Part::Whole => Tensor::full(1.0, &whole.dims(), &self.device),
            })
            .clone()
    }

    /// Something that depends on a node and a part of its weights alone, made at most once.
    pub(crate) fn once(&self, node: NodeId, part: Part, make: impl FnOnce() -> Tensor) -> Tensor {
        let known = self.derived.borrow().get(&(node, part)).cloned();
        known.unwrap_or_else(|| {
            let made = make();
            self.derived.borrow_mut().insert((node, part), made.clone());
            made
        })
    }

    /// Whether a weight has its inputs in front of its outputs, as those of dense layers and transposed convolutions.
    fn transposed(&self, id: ParamId) -> bool {
        self.graph.nodes.iter().any(|node| match &node.op {
            Op::Dense { weight, .. } => *weight == id,
            Op::ConvTranspose2d(conv) => conv.weight == id,
            _ => false,
        })
    }

    /// A weight that broadcasts to a value of `rank` axes with the batch.
    pub(crate) fn broadcastable(&self, id: ParamId, rank: usize) -> Tensor {
        let shape = &self.graph.param(id).shape;
        let mut dims = vec![1; rank.saturating_sub(shape.len())];
        dims.extend_from_slice(shape);
        self.params[id.index()].reshape(&dims)
    }
}

/// See [`Part::Signs`].
fn stacked(whole: &Tensor, transposed: bool, inputs: bool, outputs: bool) -> Tensor {
    let (output_axis, input_axis) = if transposed { (1, 0) } else { (0, 1) };
    let (positive, negative) = (whole.clamp_min(0.0), whole.clamp_max(0.0));
    let row = |first: &Tensor, second: &Tensor| {
        if inputs { Tensor::cat(vec![first.clone(), second.clone()], input_axis) } else { first.clone() }
    };
    let first = row(&positive, &negative);
    if outputs { Tensor::cat(vec![first, row(&negative, &positive)], output_axis) } else { first }
}

/// A scalar weight is uploaded with one axis, as burn has no tensors without axes.
fn upload_shape(shape: &[usize]) -> Vec<usize> {
    if shape.is_empty() { vec![1] } else { shape.to_vec() }
}

fn constants(graph: &Graph, id: NodeId, device: &Device) -> Option<Constants> {
    let node = graph.node(id);
    let input = graph.value(*node.inputs.first()?).shape.feature_map();
    match &node.op {
        Op::AvgPool2d(pool) => {
            let [_, height, width] = input?;
            let [_, rows, columns] = graph.value(node.output).shape.feature_map()?;
            let factor = |axis: usize, size: usize, count: usize| -> Vec<f32> {
                (0..count)
                    .map(|index| {
                        let start = (index * pool.stride[axis]) as isize - pool.pads[axis] as isize;
                        let end = start + pool.kernel[axis] as isize;
                        // Explicit padding counts if asked for; what ceil mode adds beyond it never does.
                        let (low, high) = if pool.count_include_pad {
                            (-(pool.pads[axis] as isize), (size + pool.pads[axis + 2]) as isize)
                        } else {
                            (0, size as isize)
                        };
                        pool.kernel[axis] as f32 / (end.min(high) - start.max(low)).max(1) as f32
                    })
                    .collect()
            };
            let (vertical, horizontal) = (factor(0, height, rows), factor(1, width, columns));
            if vertical.iter().chain(&horizontal).all(|&factor| factor == 1.0) {
                return None;
            }
            let product = vertical.iter().flat_map(|v| horizontal.iter().map(move |h| v * h)).collect();
            Some(Constants::PoolCorrection(Box::new(Tensor::from_vec(product, &[1, 1, rows, columns], device))))
        }
        Op::Resize(Resize { size, mode, coordinates }) => {
            let [_, height, width] = input?;
            let matrices = resample::Matrices::new([height, width], *size, *mode, *coordinates, device);
            Some(Constants::Resample(Box::new(matrices)))
        }
        _ => None,
    }
}

/// Which values cannot be negative: knowing it halves the work of the sign-splitting rules.
fn nonnegative(graph: &Graph) -> Vec<bool> {
    let mut known = vec![false; graph.values.len()];
    for node in &graph.nodes {
        let all = node.inputs.iter().all(|input| known[input.index()]);
        known[node.output.index()] = match &node.op {
            Op::Activation(activation) => match activation {
                Activation::Relu
                | Activation::Sigmoid
                | Activation::HardSigmoid { .. }
                | Activation::Softplus
                | Activation::Exp
                | Activation::Abs
                | Activation::Sqrt => true,
                Activation::Clip { min, max } => *max >= 0.0 && (*min >= 0.0 || all),
                Activation::Pow { exponent } => all || *exponent == 2.0,
                Activation::LeakyRelu { .. } | Activation::Elu { .. } => all,
                Activation::Selu { gamma, .. } => all && *gamma >= 0.0,
                _ => false,
            },
            Op::MaxPool2d(_)
            | Op::AvgPool2d(_)
            | Op::Reduce { kind: ReduceKind::Mean | ReduceKind::Sum | ReduceKind::Max, .. } => all,
            Op::Binary(BinaryKind::Add | BinaryKind::Mul | BinaryKind::Div | BinaryKind::Min) => all,
            Op::Binary(BinaryKind::Max) => node.inputs.iter().any(|input| known[input.index()]),
            Op::Concat { .. } | Op::Slice { .. } | Op::Reshape { .. } | Op::Transpose { .. } | Op::Resize(_) => all,
            Op::Pad { mode, .. } => all && !matches!(mode, innspect_graph::PadMode::Constant(value) if *value < 0.0),
            Op::Softmax { .. } => true,
            _ => false,
        };
    }
    known
}

/// The end padding that makes a floor-mode window produce as many cells as the op says.
pub(crate) fn end_padding(
    input: usize,
    output: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    begin: usize,
) -> usize {
    let needed = (output - 1) * stride + (kernel - 1) * dilation + 1;
    needed.saturating_sub(input + begin)
}
