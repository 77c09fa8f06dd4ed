//! Small seeded networks, and what tests ask of them.

use std::rc::Rc;

use innspect_engine::{Assigned, Composite, Device, Network, Tape, Tensor, Unpaced, Walk};
use innspect_explain::{ExplainError, Monitor, Outcome, Setting, Subject, explain, read_logits};
use innspect_graph::{
    Activation, BinaryKind, Conv2d, Graph, GraphBuilder, Op, Pool2d, Preprocessing, ReduceKind, ValueId, reference,
};
use innspect_protocol::{ExplainSpec, MethodInfo, ParamValue, Params, Target};

/// Seeded numbers in -1..1.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn take(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count)
            .map(|_| {
                self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0) * scale
            })
            .collect()
    }
}

pub fn conv(
    builder: &mut GraphBuilder,
    numbers: &mut Numbers,
    x: ValueId,
    out: usize,
    bias: bool,
    pads: [usize; 4],
) -> ValueId {
    let channels = builder.shape(x).dims()[0];
    let weight = numbers.take(out * channels * 9, 1.0 / (channels as f32 * 3.0).sqrt());
    let weight = builder.param("w", [out, channels, 3, 3], weight);
    let bias = bias.then(|| builder.param("b", [out], numbers.take(out, 0.3)));
    let op = Op::Conv2d(Conv2d { weight, bias, stride: [1, 1], pads, dilation: [1, 1], groups: 1 });
    builder.node("", op, &[x], "").unwrap()
}

pub fn dense(builder: &mut GraphBuilder, numbers: &mut Numbers, x: ValueId, out: usize, bias: bool) -> ValueId {
    let features = builder.shape(x).dims()[0];
    let weight = builder.param("w", [features, out], numbers.take(features * out, 1.5 / (features as f32).sqrt()));
    let bias = bias.then(|| builder.param("b", [out], numbers.take(out, 0.3)));
    builder.node("", Op::Dense { weight, bias }, &[x], "").unwrap()
}

pub fn apply(builder: &mut GraphBuilder, function: Activation, x: ValueId) -> ValueId {
    builder.node("", Op::Activation(function), &[x], "").unwrap()
}

pub fn relu(builder: &mut GraphBuilder, x: ValueId) -> ValueId {
    apply(builder, Activation::Relu, x)
}

pub fn flatten(builder: &mut GraphBuilder, x: ValueId) -> ValueId {
    let shape = vec![builder.shape(x).numel()];
    builder.node("", Op::Reshape { shape }, &[x], "").unwrap()
}

fn window(kernel: usize, stride: usize, pads: [usize; 4]) -> Pool2d {
    Pool2d {
        kernel: [kernel; 2],
        stride: [stride; 2],
        pads,
        dilation: [1, 1],
        ceil_mode: false,
        count_include_pad: false,
    }
}

/// conv-relu-pool-conv-relu-flatten-dense-relu-dense on 3 × 12 × 12 with or without biases.
pub fn plain(bias: bool) -> Graph {
    chain(12, bias)
}

/// The same on another size.
pub fn chain(side: usize, bias: bool) -> Graph {
    let mut numbers = Numbers(3);
    let mut builder = GraphBuilder::new("plain", "image", [3, side, side]);
    let x = builder.input();
    let x = conv(&mut builder, &mut numbers, x, 8, bias, [1; 4]);
    let x = relu(&mut builder, x);
    let x = builder.node("pool", Op::MaxPool2d(window(2, 2, [0; 4])), &[x], "").unwrap();
    let x = conv(&mut builder, &mut numbers, x, 8, bias, [1; 4]);
    let x = relu(&mut builder, x);
    let x = flatten(&mut builder, x);
    let x = dense(&mut builder, &mut numbers, x, 16, bias);
    let x = relu(&mut builder, x);
    let x = dense(&mut builder, &mut numbers, x, 5, bias);
    builder.finish(x)
}

/// What is in newer networks: overlapping max pooling, a squeeze-and-excitation gate, a residual sum, smooth functions,
/// a concatenation, a quotient, the larger of two values.
pub fn modern() -> Graph {
    let mut numbers = Numbers(31);
    let mut builder = GraphBuilder::new("modern", "image", [3, 12, 12]);
    let x = builder.input();
    let x = conv(&mut builder, &mut numbers, x, 8, true, [1; 4]);
    let x = relu(&mut builder, x);
    let pool = Op::MaxPool2d(window(3, 2, [1; 4]));
    let x = builder.node("pool", pool, &[x], "").unwrap();

    let mean = Op::Reduce { kind: ReduceKind::Mean, axes: vec![1, 2], keep_dims: false };
    let gate = builder.node("squeeze", mean, &[x], "").unwrap();
    let gate = dense(&mut builder, &mut numbers, gate, 4, true);
    let gate = relu(&mut builder, gate);
    let gate = dense(&mut builder, &mut numbers, gate, 8, true);
    let gate = apply(&mut builder, Activation::Sigmoid, gate);
    let gate = builder.node("", Op::Reshape { shape: vec![8, 1, 1] }, &[gate], "").unwrap();
    let gated = builder.node("gated", Op::Binary(BinaryKind::Mul), &[x, gate], "").unwrap();

    let branch = conv(&mut builder, &mut numbers, gated, 8, true, [1; 4]);
    let branch = apply(&mut builder, Activation::Tanh, branch);
    let sum = builder.node("sum", Op::Binary(BinaryKind::Add), &[gated, branch], "").unwrap();
    let scale = conv(&mut builder, &mut numbers, sum, 8, true, [1; 4]);
    let scale = apply(&mut builder, Activation::Sigmoid, scale);
    let one = Some(builder.param("one", [1, 1, 1], vec![1.0]));
    let scale = builder.node("", Op::Affine { scale: None, shift: one }, &[scale], "").unwrap();
    let quotient = builder.node("quotient", Op::Binary(BinaryKind::Div), &[sum, scale], "").unwrap();
    let larger = builder.node("larger", Op::Binary(BinaryKind::Max), &[quotient, branch], "").unwrap();
    let x = builder.node("joined", Op::Concat { axis: 0 }, &[larger, gated], "").unwrap();
    let x = builder.node("", Op::AvgPool2d(window(2, 2, [0; 4])), &[x], "").unwrap();
    let x = apply(&mut builder, Activation::Silu, x);
    let x = flatten(&mut builder, x);
    let x = dense(&mut builder, &mut numbers, x, 5, true);
    builder.finish(x)
}

/// A linear model of pictures, with its weights `[features, classes]`.
pub fn linear(shape: [usize; 3], classes: usize) -> (Graph, Vec<f32>) {
    let mut numbers = Numbers(41);
    let mut builder = GraphBuilder::new("linear", "image", shape);
    let x = builder.input();
    let x = flatten(&mut builder, x);
    let features = builder.shape(x).numel();
    let weights = numbers.take(features * classes, 1.0);
    let weight = builder.param("w", [features, classes], weights.clone());
    let bias = builder.param("b", [classes], numbers.take(classes, 0.5));
    let x = builder.node("head", Op::Dense { weight, bias: Some(bias) }, &[x], "").unwrap();
    (builder.finish(x), weights)
}

/// Parameters as words; numbers are read from them.
pub fn given(pairs: &[(&str, &str)]) -> Params {
    pairs.iter().map(|&(name, value)| (name.into(), ParamValue::Text(value.into()))).collect()
}

/// A request for the best class.
pub fn spec(method: &str, params: Params) -> ExplainSpec {
    ExplainSpec {
        method: method.into(),
        params,
        class: None,
        target: Target::Logit,
        concept: None,
        layer: None,
        neuron: None,
        seed: 0,
    }
}

/// Parameters of a method that make it quick on a small network.
pub fn quick(method: &MethodInfo) -> Params {
    let value = |name: &str| match name {
        "samples" => Some("12"),
        "steps" | "window" | "stride" | "channels" => Some("4"),
        "segments" => Some("grid:3"),
        "cells" => Some("3"),
        _ => None,
    };
    let names = method.params.iter().map(|param| param.name.as_str());
    given(&names.filter_map(|name| Some((name, value(name)?))).collect::<Vec<_>>())
}

/// A network that has run.
pub struct Run {
    pub network: Network,
    pub tape: Tape,
    pub logits: Vec<f32>,
    pub setting: Setting,
}

pub fn run(graph: Graph, input: &[f32], device: &Device) -> Run {
    let mut shape = vec![input.len() / graph.value(graph.input).shape.numel()];
    shape.extend_from_slice(graph.value(graph.input).shape.dims());
    let network = Network::load(Rc::new(graph), device).unwrap();
    let input = Tensor::from_slice(input, &shape, device);
    let tape = pollster::block_on(network.forward(&input, &mut Unpaced)).unwrap();
    let logits = pollster::block_on(read_logits(&network, &tape)).unwrap();
    Run { network, tape, logits, setting: Setting::new(Preprocessing::torchvision([1, 1])) }
}

impl Run {
    /// With other pictures of the size of the input, named 0, 1, ….
    pub fn with_pictures(mut self, pictures: &[f32]) -> Self {
        let mut shape = self.tape.value(self.network.graph().input).dims();
        shape[0] = 1;
        let each = shape.iter().product();
        let tensors = pictures.chunks(each).map(|picture| Tensor::from_slice(picture, &shape, self.network.device()));
        self.setting.pictures = tensors.enumerate().map(|(index, tensor)| (index.to_string(), tensor)).collect();
        self
    }

    pub fn subject(&self) -> Subject<'_> {
        Subject { network: &self.network, tape: &self.tape, logits: &self.logits, setting: &self.setting }
    }

    pub fn watched(&self, spec: &ExplainSpec, monitor: &mut impl Monitor) -> Result<Outcome, ExplainError> {
        pollster::block_on(explain(self.subject(), spec, true, monitor))
    }

    pub fn refusal(&self, spec: &ExplainSpec) -> ExplainError {
        match self.watched(spec, &mut Unpaced) {
            Err(error) => error,
            Ok(_) => panic!("{} is not refused", spec.method),
        }
    }

    pub fn ask(&self, spec: &ExplainSpec) -> Outcome {
        self.watched(spec, &mut Unpaced).unwrap_or_else(|error| panic!("{}: {error}", spec.method))
    }

    pub fn outcome(&self, method: &str, params: &[(&str, &str)]) -> Outcome {
        self.ask(&spec(method, given(params)))
    }

    pub fn map_of(&self, spec: &ExplainSpec) -> Vec<f32> {
        read(&self.ask(spec).attribution)
    }

    pub fn map(&self, method: &str, params: &[(&str, &str)]) -> Vec<f32> {
        self.map_of(&spec(method, given(params)))
    }

    /// Relevance of `until` under a composite, from a seed at the output.
    pub fn reverse(&self, composite: &Composite, seed: &[f32], until: ValueId) -> Vec<f32> {
        let graph = self.network.graph();
        let dims = self.tape.value(graph.output).dims();
        let seed = Tensor::from_slice(seed, &dims, self.network.device());
        let rules: Vec<Assigned> = composite.resolve(graph);
        let walk = Walk::new((graph.output, seed), &rules, until);
        let arrived = pollster::block_on(self.network.reverse(&self.tape, walk, &mut Unpaced)).unwrap();
        read(&arrived.relevance)
    }

    /// The best class of the first sample.
    pub fn best(&self) -> usize {
        let logits = &self.logits[..self.network.graph().classes()];
        (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap()
    }
}

pub fn read(tensor: &Tensor) -> Vec<f32> {
    pollster::block_on(tensor.read()).unwrap()
}

/// The logits in f64, by the test oracle.
pub fn exact(graph: &Graph, input: &[f32]) -> Vec<f64> {
    reference::logits(graph, input).unwrap()
}

/// The softmax of logits.
pub fn softmax(logits: &[f64]) -> Vec<f64> {
    let powers: Vec<f64> = logits.iter().map(|logit| logit.exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// A picture of one grey, prepared as torchvision does.
pub fn flat(pixel: f32, area: usize) -> Vec<f32> {
    let channel = |mean: f32, std: f32| std::iter::repeat_n((pixel / 255.0 - mean) / std, area);
    channel(0.485, 0.229).chain(channel(0.456, 0.224)).chain(channel(0.406, 0.225)).collect()
}

pub fn sum(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value)).sum()
}

/// The sum over the three channels.
pub fn over_channels(map: &[f32]) -> Vec<f32> {
    let area = map.len() / 3;
    (0..area).map(|pixel| map[pixel] + map[area + pixel] + map[2 * area + pixel]).collect()
}

pub fn less(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// max|actual - expected| / max|expected|, infinite where a number is missing.
pub fn deviation(actual: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(actual.len(), expected.len());
    let scale = expected.iter().fold(0.0_f32, |max, value| max.max(value.abs())).max(f32::MIN_POSITIVE);
    actual.iter().zip(expected).fold(0.0_f32, |max, (a, b)| {
        let difference = (a - b).abs() / scale;
        if difference.is_nan() { f32::INFINITY } else { max.max(difference) }
    })
}

/// Fails if two maps differ by more than the tolerance, and prints by how much they differ.
#[track_caller]
pub fn assert_alike(what: &str, actual: &[f32], expected: &[f32], tolerance: f32) {
    let error = deviation(actual, expected);
    println!("{what}: {error:.1e}");
    assert!(expected.iter().any(|value| *value != 0.0), "{what}: nothing is expected");
    assert!(error <= tolerance, "{what}: {error:e} is more than {tolerance:e}");
}

/// The same for numbers, relative to a scale.
#[track_caller]
pub fn assert_close(what: &str, actual: f64, expected: f64, scale: f64, tolerance: f64) {
    let error = (actual - expected).abs() / scale;
    println!("{what}: {error:.1e}");
    assert!(error <= tolerance, "{what}: {actual} is not {expected} ({error:e})");
}

pub fn on_both(check: impl Fn(&Device)) {
    check(&Device::cpu());
    check(&pollster::block_on(Device::gpu()).expect("a Vulkan device; lavapipe (mesa-vulkan-drivers) serves"));
}

/// Pictures of 12 × 12.
pub fn picture(count: usize) -> Vec<f32> {
    Numbers(17).take(count * 3 * 144, 1.0)
}
