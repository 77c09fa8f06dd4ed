//! Each pass gives equal output, does what it is for, and refuses what would change the output.

use super::*;
use crate::{
    Activation, BinaryKind, Conv2d, ConvTranspose2d, FinalActivation, GraphBuilder, Node, Op, PadMode, ParamId, Pool2d,
    ReduceKind, ValueId, Weights, reference,
};

/// xorshift64*, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32
    }

    fn below(&mut self, limit: usize) -> usize {
        self.bits() as usize % limit
    }

    /// In `-1..1`, never 0.
    fn number(&mut self) -> f32 {
        self.bits() as f32 / 2f32.powi(31) - 1.0 + 1e-4
    }

    fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.number()).collect()
    }
}

/// A builder with the shorthands that the tests need.
struct Net {
    builder: GraphBuilder,
    random: Random,
}

impl Net {
    fn new(input: impl Into<crate::Shape>) -> Self {
        Self { builder: GraphBuilder::new("net", "image", input), random: Random(7) }
    }

    fn input(&self) -> ValueId {
        self.builder.input()
    }

    fn add(&mut self, name: &str, op: Op, inputs: &[ValueId]) -> ValueId {
        self.builder.node(name, op, inputs, format!("{name}:0")).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn param(&mut self, shape: &[usize]) -> ParamId {
        let data = self.random.numbers(shape.iter().product());
        self.builder.param(format!("{shape:?}"), shape.to_vec(), data)
    }

    fn number(&mut self, value: f32, rank: usize) -> ParamId {
        self.builder.param(format!("{value}"), vec![1; rank], vec![value])
    }

    fn affine(&mut self, name: &str, input: ValueId, scale: Option<&[usize]>, shift: Option<&[usize]>) -> ValueId {
        let scale = scale.map(|shape| self.param(shape));
        let shift = shift.map(|shape| self.param(shape));
        self.add(name, Op::Affine { scale, shift }, &[input])
    }

    fn times(&mut self, name: &str, input: ValueId, value: f32) -> ValueId {
        let rank = self.builder.shape(input).rank();
        let scale = Some(self.number(value, rank));
        self.add(name, Op::Affine { scale, shift: None }, &[input])
    }

    fn plus(&mut self, name: &str, input: ValueId, value: f32) -> ValueId {
        let rank = self.builder.shape(input).rank();
        let shift = Some(self.number(value, rank));
        self.add(name, Op::Affine { scale: None, shift }, &[input])
    }

    fn activate(&mut self, name: &str, input: ValueId, activation: Activation) -> ValueId {
        self.add(name, Op::Activation(activation), &[input])
    }

    fn mul(&mut self, name: &str, a: ValueId, b: ValueId) -> ValueId {
        self.add(name, Op::Binary(BinaryKind::Mul), &[a, b])
    }

    fn conv_with(
        &mut self,
        name: &str,
        input: ValueId,
        weight: &[usize],
        groups: usize,
        pads: [usize; 4],
        bias: bool,
    ) -> ValueId {
        let out = weight[0];
        let weight = self.param(weight);
        let bias = bias.then(|| self.param(&[out]));
        let conv = Conv2d { weight, bias, stride: [1, 1], pads, dilation: [1, 1], groups };
        self.add(name, Op::Conv2d(conv), &[input])
    }

    fn conv(&mut self, name: &str, input: ValueId, out: usize, pads: [usize; 4]) -> ValueId {
        let channels = self.builder.shape(input).dims()[0];
        self.conv_with(name, input, &[out, channels, 2, 2], 1, pads, true)
    }

    fn dense(&mut self, name: &str, input: ValueId, out: usize) -> ValueId {
        let features = *self.builder.shape(input).dims().last().expect("an axis");
        let weight = self.param(&[features, out]);
        let bias = Some(self.param(&[out]));
        self.add(name, Op::Dense { weight, bias }, &[input])
    }

    fn flatten(&mut self, name: &str, input: ValueId) -> ValueId {
        let shape = vec![self.builder.shape(input).numel()];
        self.add(name, Op::Reshape { shape }, &[input])
    }

    fn transpose(&mut self, name: &str, input: ValueId, permutation: &[usize]) -> ValueId {
        self.add(name, Op::Transpose { permutation: permutation.to_vec() }, &[input])
    }

    fn finish(self, output: ValueId) -> Graph {
        self.builder.finish(output)
    }
}

/// Both graphs on the same pictures.
fn check_equal(before: &Graph, after: &Graph) {
    let mut random = Random(42);
    for _ in 0..3 {
        let input: Vec<f32> =
            random.numbers(before.value(before.input).shape.numel()).iter().map(|x| x * 3.0).collect();
        let expected = reference::logits(before, &input).expect("the graph before");
        let actual = reference::logits(after, &input).expect("the graph after");
        assert_eq!(expected.len(), actual.len());
        let largest = expected.iter().fold(1e-3f64, |largest, value| largest.max(value.abs()));
        for (expected, actual) in expected.iter().zip(&actual) {
            assert!((expected - actual).abs() <= 1e-5 * largest, "{expected} became {actual}: {before:#?} {after:#?}");
        }
    }
}

type Pass = fn(Graph) -> Result<(Graph, bool), GraphError>;

/// Runs a pass that must change the graph and keep the output.
fn changes(pass: Pass, graph: &Graph) -> Graph {
    let (after, changed) = pass(graph.clone()).expect("the pass");
    assert!(changed, "nothing changed");
    check_equal(graph, &after);
    after
}

/// Runs a pass that must leave the graph alone.
fn refuses(pass: Pass, graph: &Graph) {
    let (after, changed) = pass(graph.clone()).expect("the pass");
    assert!(!changed, "changed to {after:#?}");
    assert_eq!(after.nodes, graph.nodes);
}

fn ops(graph: &Graph) -> Vec<&'static str> {
    graph.nodes.iter().map(|node| node.op.name()).collect()
}

fn only(graph: &Graph) -> &Node {
    assert_eq!(graph.nodes.len(), 1, "{:?}", ops(graph));
    &graph.nodes[0]
}

#[test]
fn identities_vanish_into_what_they_follow() {
    let mut net = Net::new([2, 4, 3]);
    let x = net.input();
    let conv = net.conv("conv", x, 3, [0; 4]);
    let dropout = net.add("dropout", Op::Affine { scale: None, shift: None }, &[conv]);
    let one = net.times("one", dropout, 1.0);
    let pad = net.add("pad", Op::Pad { pads: vec![(0, 0); 3], mode: PadMode::Reflect }, &[one]);
    let slice = net.add("slice", Op::Slice { axis: 1, start: 0, end: 3, step: 1 }, &[pad]);
    let there = net.transpose("there", slice, &[1, 2, 0]);
    let back = net.transpose("back", there, &[2, 0, 1]);
    let graph = net.finish(back);
    let after = changes(remove_identities, &graph);
    let node = only(&after);
    assert_eq!(node.name, "conv");
    for name in ["dropout", "one", "pad", "slice", "there", "back"] {
        assert_eq!(after.find_node(name), Some(crate::NodeId(0)), "{name} is not found");
    }
    assert_eq!(after.value(node.output).name, "back:0", "the last output's name is that of the survivor's output");
}

#[test]
fn a_value_with_other_readers_keeps_its_name() {
    let mut net = Net::new([2, 4, 3]);
    let x = net.input();
    let conv = net.conv("conv", x, 3, [0; 4]);
    let dropout = net.add("dropout", Op::Affine { scale: None, shift: None }, &[conv]);
    let sum = net.add("sum", Op::Binary(BinaryKind::Add), &[conv, dropout]);
    let after = changes(remove_identities, &net.finish(sum));
    assert_eq!(ops(&after), ["Conv2D", "Add"]);
    assert_eq!(after.value(after.nodes[0].output).name, "conv:0");
}

#[test]
fn what_only_looks_like_an_identity_stays() {
    let mut net = Net::new([2, 4, 3]);
    let x = net.input();
    let a = net.times("a", x, 1.001);
    let b = net.add("b", Op::Slice { axis: 1, start: 0, end: 3, step: 1 }, &[a]);
    let c = net.transpose("c", b, &[0, 2, 1]);
    refuses(remove_identities, &net.finish(c));
}

#[test]
fn composed_activations_become_one() {
    type Build = fn(&mut Net, ValueId) -> ValueId;
    let cases: Vec<(Activation, Build)> = vec![
        (Activation::Silu, |net, x| {
            let gate = net.activate("s", x, Activation::Sigmoid);
            net.mul("m", gate, x)
        }),
        (Activation::HardSwish, |net, x| {
            let gate = net.activate("h", x, Activation::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 });
            net.mul("m", x, gate)
        }),
        (Activation::HardSwish, |net, x| {
            let moved = net.plus("p", x, 3.0);
            let gate = net.activate("c", moved, Activation::RELU6);
            let product = net.mul("m", x, gate);
            net.times("d", product, 1.0 / 6.0)
        }),
        (Activation::HardSwish, |net, x| {
            let moved = net.plus("p", x, 3.0);
            let gate = net.activate("c", moved, Activation::RELU6);
            let gate = net.times("d", gate, 1.0 / 6.0);
            net.mul("m", gate, x)
        }),
        (Activation::Mish, |net, x| {
            let soft = net.activate("s", x, Activation::Softplus);
            let gate = net.activate("t", soft, Activation::Tanh);
            net.mul("m", x, gate)
        }),
        (Activation::Gelu { tanh: false }, |net, x| {
            let small = net.times("d", x, std::f32::consts::FRAC_1_SQRT_2);
            let erf = net.activate("e", small, Activation::Erf);
            let one = net.plus("p", erf, 1.0);
            let product = net.mul("m", x, one);
            net.times("h", product, 0.5)
        }),
        (Activation::Gelu { tanh: false }, |net, x| {
            let half = net.times("h", x, 0.5);
            let small = net.times("d", x, std::f32::consts::FRAC_1_SQRT_2);
            let erf = net.activate("e", small, Activation::Erf);
            let one = net.plus("p", erf, 1.0);
            net.mul("m", half, one)
        }),
        (Activation::Gelu { tanh: true }, |net, x| {
            let cube = net.activate("c", x, Activation::Pow { exponent: 3.0 });
            let small = net.times("s", cube, 0.044_715);
            let sum = net.add("a", Op::Binary(BinaryKind::Add), &[x, small]);
            let inner = net.times("r", sum, 0.797_884_6);
            let tanh = net.activate("t", inner, Activation::Tanh);
            let one = net.plus("p", tanh, 1.0);
            let half = net.times("h", x, 0.5);
            net.mul("m", half, one)
        }),
        (Activation::Gelu { tanh: true }, |net, x| {
            let square = net.mul("q", x, x);
            let small = net.times("s", square, 0.044_715);
            let one = net.plus("o", small, 1.0);
            let inner = net.mul("i", x, one);
            let inner = net.times("r", inner, 0.797_884_6);
            let tanh = net.activate("t", inner, Activation::Tanh);
            let one = net.plus("p", tanh, 1.0);
            let product = net.mul("m", x, one);
            net.times("h", product, 0.5)
        }),
    ];
    for (index, (expected, build)) in cases.into_iter().enumerate() {
        let mut net = Net::new([2, 3, 2]);
        let x = net.input();
        let start = net.conv("conv", x, 2, [0; 4]);
        let out = build(&mut net, start);
        let graph = net.finish(out);
        let mut after = changes(fuse_activations, &graph);
        // A constant factor that is left over cancels with the one of the formula.
        for pass in [fold_affine, remove_identities] {
            after = pass(after).expect("the pass").0;
        }
        check_equal(&graph, &after);
        assert_eq!(after.nodes.len(), 2, "case {index}: {:?}", ops(&after));
        assert_eq!(after.nodes[1].op, Op::Activation(expected), "case {index}");
        assert_eq!(after.nodes[1].name, "m", "case {index}");
        let absorbed = &after.nodes[1].absorbed;
        assert!(
            graph.nodes[1..].iter().all(|node| node.name == "m" || absorbed.contains(&node.name)),
            "case {index}: {absorbed:?}"
        );
    }
}

#[test]
fn other_products_stay() {
    // Sigmoid of something else, of another factor, and a GELU with a wrong constant.
    let mut net = Net::new([2, 3, 2]);
    let x = net.input();
    let y = net.plus("y", x, 0.25);
    let gate = net.activate("s", y, Activation::Sigmoid);
    let out = net.mul("m", x, gate);
    refuses(fuse_activations, &net.finish(out));

    let mut net = Net::new([2, 3, 2]);
    let x = net.input();
    let y = net.times("y", x, 1.702);
    let gate = net.activate("s", y, Activation::Sigmoid);
    let out = net.mul("m", x, gate);
    refuses(fuse_activations, &net.finish(out));

    let mut net = Net::new([2, 3, 2]);
    let x = net.input();
    let small = net.times("d", x, 0.75);
    let erf = net.activate("e", small, Activation::Erf);
    let one = net.plus("p", erf, 1.0);
    let out = net.mul("m", x, one);
    refuses(fuse_activations, &net.finish(out));
}

#[test]
fn affine_folds_into_the_linear_op_before_it() {
    let kinds: Vec<fn(&mut Net, ValueId) -> ValueId> = vec![
        |net, x| net.conv("linear", x, 6, [1, 0, 0, 1]),
        |net, x| net.conv_with("linear", x, &[6, 2, 2, 1], 2, [0; 4], false),
        |net, x| {
            let weight = net.param(&[4, 3, 2, 2]);
            let conv = ConvTranspose2d {
                weight,
                bias: None,
                stride: [2, 1],
                pads: [0; 4],
                output_padding: [0; 2],
                dilation: [1, 1],
                groups: 2,
            };
            net.add("linear", Op::ConvTranspose2d(conv), &[x])
        },
        |net, x| {
            let scale = net.param(&[4]);
            let shift = net.param(&[4]);
            net.add("linear", Op::InstanceNorm { scale, shift, epsilon: 1e-3 }, &[x])
        },
        |net, x| {
            let flat = net.flatten("flat", x);
            net.dense("linear", flat, 6)
        },
        |net, x| net.affine("linear", x, Some(&[4, 1, 1]), None),
        // A dense layer over the last of three axes.
        |net, x| net.dense("linear", x, 6),
    ];
    for (index, build) in kinds.into_iter().enumerate() {
        for (scaled, shifted) in [(true, true), (true, false), (false, true)] {
            let mut net = Net::new([4, 3, 5]);
            let x = net.input();
            let linear = build(&mut net, x);
            let dims = net.builder.shape(linear).dims().to_vec();
            // Along the channels of a map, along the last axis behind a dense layer.
            let mut shape = vec![1; dims.len()];
            let axis = if index == 4 || index == 6 { dims.len() - 1 } else { 0 };
            shape[axis] = dims[axis];
            let norm = net.affine("norm", linear, scaled.then_some(&shape), shifted.then_some(&shape));
            let graph = net.finish(norm);
            let after = changes(fold_affine, &graph);
            let last = after.nodes.last().expect("a node");
            assert_eq!(
                (last.name.as_str(), last.absorbed.as_slice()),
                ("linear", &["norm".to_owned()][..]),
                "case {index}"
            );
            assert_eq!(after.value(after.output).name, "norm:0", "case {index}");
            assert_eq!(after.nodes.len(), graph.nodes.len() - 1, "case {index}");
        }
    }
}

#[test]
fn affine_stays_where_folding_would_be_wrong() {
    // Another reader of the convolution.
    let mut net = Net::new([2, 4, 3]);
    let x = net.input();
    let conv = net.conv("conv", x, 3, [0; 4]);
    let norm = net.affine("norm", conv, Some(&[3, 1, 1]), None);
    let sum = net.add("sum", Op::Binary(BinaryKind::Add), &[conv, norm]);
    refuses(fold_affine, &net.finish(sum));

    // Constants that vary over space, of as many elements as there are channels.
    let mut net = Net::new([2, 4, 4]);
    let x = net.input();
    let conv = net.conv("conv", x, 3, [0; 4]);
    let norm = net.affine("norm", conv, Some(&[1, 1, 3]), None);
    refuses(fold_affine, &net.finish(norm));

    // A row and a column, which together would be a matrix.
    let mut net = Net::new([2, 4, 4]);
    let x = net.input();
    let row = net.affine("row", x, Some(&[1, 1, 4]), None);
    let column = net.affine("column", row, Some(&[1, 4, 1]), None);
    refuses(fold_affine, &net.finish(column));
}

#[test]
fn folding_leaves_shared_weights_alone() {
    let mut net = Net::new([2, 4, 3]);
    let x = net.input();
    let weight = net.param(&[2, 2, 1, 1]);
    let conv =
        |weight| Op::Conv2d(Conv2d { weight, bias: None, stride: [1, 1], pads: [0; 4], dilation: [1, 1], groups: 1 });
    let first = net.add("first", conv(weight), &[x]);
    let norm = net.affine("norm", first, Some(&[2, 1, 1]), Some(&[2, 1, 1]));
    let second = net.add("second", conv(weight), &[norm]);
    let graph = net.finish(second);
    let old = graph.params[0].data.clone();
    let after = changes(fold_affine, &graph);
    let Op::Conv2d(second) = &after.nodes[1].op else { panic!("{:?}", ops(&after)) };
    assert_eq!(after.param(second.weight).data, old);
}

#[test]
fn affine_folds_into_the_next_layer_only_where_padding_stays_zero() {
    // ReLU keeps it from folding backwards.
    let build = |pads: [usize; 4], shift: bool, groups: usize| {
        let mut net = Net::new([4, 4, 3]);
        let x = net.input();
        let relu = net.activate("relu", x, Activation::Relu);
        let norm = net.affine("norm", relu, Some(&[4, 1, 1]), shift.then_some(&[4, 1, 1]));
        let conv = net.conv_with("conv", norm, &[6, 4 / groups, 2, 2], groups, pads, groups == 1);
        net.finish(conv)
    };
    for groups in [1, 2] {
        for graph in [build([0; 4], true, groups), build([1, 0, 1, 1], false, groups)] {
            let after = changes(fold_affine, &graph);
            assert_eq!(ops(&after).len(), 2);
            assert_eq!(after.nodes[1].absorbed, ["norm"]);
            assert_eq!(after.value(after.output).name, "conv:0");
        }
        refuses(fold_affine, &build([0, 1, 0, 0], true, groups));
    }
}

#[test]
fn affine_folds_into_the_next_dense_layer() {
    let build = |shape: &[usize]| {
        let mut net = Net::new([4, 5, 3]);
        let x = net.input();
        let relu = net.activate("relu", x, Activation::Relu);
        let norm = net.affine("norm", relu, Some(shape), Some(shape));
        let dense = net.dense("dense", norm, 7);
        net.finish(dense)
    };
    let after = changes(fold_affine, &build(&[1, 1, 3]));
    assert_eq!(ops(&after), ["ReLU", "Dense"]);
    // Over another axis than the one the layer sums over.
    refuses(fold_affine, &build(&[1, 5, 1]));
}

#[test]
fn the_preparation_of_the_picture_stays_visible() {
    let mut net = Net::new([3, 4, 4]);
    let x = net.input();
    let norm = net.affine("norm", x, Some(&[3, 1, 1]), Some(&[3, 1, 1]));
    let conv = net.conv("conv", norm, 2, [0; 4]);
    refuses(fold_affine, &net.finish(conv));
}

#[test]
fn padding_merges_into_windows() {
    let pads = vec![(0, 0), (1, 2), (0, 1)];
    let window = |pads, include| Pool2d {
        kernel: [3, 3],
        stride: [2, 1],
        pads,
        dilation: [1, 1],
        ceil_mode: false,
        count_include_pad: include,
    };
    let build = |value: f32, op: &dyn Fn(&mut Net) -> Op| {
        let mut net = Net::new([2, 5, 6]);
        let x = net.input();
        let pad = net.add("pad", Op::Pad { pads: pads.clone(), mode: PadMode::Constant(value) }, &[x]);
        let op = op(&mut net);
        let out = net.add("window", op, &[pad]);
        net.finish(out)
    };
    let conv = |net: &mut Net| {
        let weight = net.param(&[3, 2, 2, 2]);
        Op::Conv2d(Conv2d { weight, bias: None, stride: [1, 2], pads: [0, 1, 0, 0], dilation: [1, 1], groups: 1 })
    };
    for graph in [
        build(0.0, &conv),
        build(0.0, &|_| Op::AvgPool2d(window([0; 4], false))),
        build(0.0, &|_| Op::AvgPool2d(window([1, 0, 0, 1], true))),
        build(f32::NEG_INFINITY, &|_| Op::MaxPool2d(window([0; 4], false))),
    ] {
        let after = changes(merge_pads, &graph);
        assert_eq!(only(&after).absorbed, ["pad"]);
    }
    refuses(merge_pads, &build(0.5, &conv));
    refuses(merge_pads, &build(0.0, &|_| Op::AvgPool2d(window([1, 0, 0, 1], false))));
    refuses(merge_pads, &build(0.0, &|_| Op::MaxPool2d(window([0; 4], false))));
}

/// A channels-last network as tf2onnx writes it: a transposition around each convolution, everything else in between.
#[test]
fn channels_last_networks_run_channels_first() {
    let mut net = Net::new([3, 6, 5]);
    let x = net.input();
    let nhwc = net.transpose("input", x, &[1, 2, 0]);
    let prepared = net.affine("prepared", nhwc, Some(&[1, 1, 3]), Some(&[1, 1, 3]));
    let to = net.transpose("to", prepared, &[2, 0, 1]);
    let conv = net.conv("conv", to, 4, [0; 4]);
    let from = net.transpose("from", conv, &[1, 2, 0]);
    let slope = net.param(&[1, 1, 4]);
    let prelu = net.activate("prelu", from, Activation::PRelu { slope });
    // A gate by squeeze and excitation.
    let squeeze =
        net.add("squeeze", Op::Reduce { kind: ReduceKind::Mean, axes: vec![0, 1], keep_dims: false }, &[prelu]);
    let excite = net.dense("excite", squeeze, 4);
    let gate = net.add("gate", Op::Reshape { shape: vec![1, 1, 4] }, &[excite]);
    let gated = net.mul("gated", prelu, gate);
    let biased = net.affine("biased", gated, None, Some(&[5, 4, 1]));
    let padded = net.add("padded", Op::Pad { pads: vec![(1, 0), (0, 2), (0, 0)], mode: PadMode::Edge }, &[biased]);
    let cut = net.add("cut", Op::Slice { axis: 1, start: 1, end: 6, step: 2 }, &[padded]);
    let joined = net.add("joined", Op::Concat { axis: 2 }, &[cut, cut]);
    let soft = net.add("soft", Op::Softmax { axis: 2 }, &[joined]);
    let kept = net.add("kept", Op::Reduce { kind: ReduceKind::Max, axes: vec![1], keep_dims: true }, &[soft]);
    let sum = net.add("sum", Op::Binary(BinaryKind::Add), &[joined, kept]);
    let pointwise = net.dense("pointwise", sum, 3);
    let flat = net.flatten("flat", pointwise);
    let dense = net.dense("dense", flat, 2);
    let graph = net.finish(dense);
    let optimized = optimize(graph.clone()).expect("the passes");
    check_equal(&graph, &optimized);
    assert!(!ops(&optimized).contains(&"Transpose"), "{:?}", ops(&optimized));
    let shape = |name: &str| {
        let id = optimized.find_node(name).unwrap_or_else(|| panic!("{name} is lost"));
        optimized.value(optimized.node(id).output).shape.dims().to_vec()
    };
    assert_eq!(shape("conv"), [4, 5, 4]);
    assert_eq!(shape("pointwise"), [3, 6, 3], "a dense layer over the channels makes a feature map");
    for node in &graph.nodes {
        if !matches!(node.op, Op::Transpose { .. }) {
            assert!(optimized.find_node(&node.name).is_some(), "{} is lost", node.name);
        }
    }
}

#[test]
fn a_transposition_that_matters_stays() {
    let mut net = Net::new([3, 4, 5]);
    let x = net.input();
    let moved = net.transpose("moved", x, &[1, 2, 0]);
    let other = net.add("other", Op::Reshape { shape: vec![4, 5, 3] }, &[x]);
    let sum = net.add("sum", Op::Binary(BinaryKind::Add), &[moved, other]);
    refuses(cancel_transposes, &net.finish(sum));
}

#[test]
fn the_final_activation_is_taken_off_and_remembered() {
    let build = |op: fn(usize) -> Op, shape: &[usize]| {
        let mut net = Net::new([4, 1, 1]);
        let x = net.input();
        let conv = net.conv_with("classify", x, &[5, 4, 1, 1], 1, [0; 4], true);
        let shaped = net.add("shaped", Op::Reshape { shape: shape.to_vec() }, &[conv]);
        let axis = shape.iter().position(|&size| size == 5).expect("the classes");
        let end = net.add("end", op(axis), &[shaped]);
        let flat = net.add("flat", Op::Reshape { shape: vec![1, 5] }, &[end]);
        net.finish(flat)
    };
    type Make = fn(usize) -> Op;
    let cases: Vec<(Make, FinalActivation)> = vec![
        (|axis| Op::Softmax { axis }, FinalActivation::Softmax),
        (|axis| Op::LogSoftmax { axis }, FinalActivation::LogSoftmax),
        (|_| Op::Activation(Activation::Sigmoid), FinalActivation::Sigmoid),
    ];
    for (op, expected) in cases {
        for shape in [&[5][..], &[5, 1, 1], &[1, 5]] {
            let graph = build(op, shape);
            let after = optimize(graph.clone()).expect("the passes");
            assert_eq!(after.final_activation, expected);
            assert_eq!(after.value(after.output).shape.dims(), [5]);
            assert!(after.find_node("end").is_some() && after.find_node("flat").is_some());
            let input = [0.3, -0.2, 1.0, 2.0];
            let logits = reference::logits(&after, &input).expect("the logits");
            let scores = reference::logits(&graph, &input).expect("the scores");
            let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
            for (logit, score) in logits.iter().zip(&scores) {
                let expected = match expected {
                    FinalActivation::Softmax => logit.exp() / sum,
                    FinalActivation::LogSoftmax => logit - sum.ln(),
                    _ => 1.0 / (1.0 + (-logit).exp()),
                };
                assert!((expected - score).abs() < 1e-9);
            }
        }
    }
}

#[test]
fn attention_at_the_end_is_no_final_activation() {
    let mut net = Net::new([2, 3, 4]);
    let x = net.input();
    let soft = net.add("soft", Op::Softmax { axis: 2 }, &[x]);
    let after = optimize(net.finish(soft)).expect("the passes");
    assert_eq!(after.final_activation, FinalActivation::None);
    assert_eq!(ops(&after), ["Softmax", "Reshape"]);
}

#[test]
fn a_gate_before_the_end_stays() {
    let mut net = Net::new([2, 3, 4]);
    let x = net.input();
    let flat = net.flatten("flat", x);
    let gate = net.activate("gate", flat, Activation::Sigmoid);
    let dense = net.dense("dense", gate, 3);
    let after = optimize(net.finish(dense)).expect("the passes");
    assert_eq!((after.final_activation, ops(&after)), (FinalActivation::None, vec!["Reshape", "Sigmoid", "Dense"]));
}

#[test]
fn unused_nodes_weights_and_repeated_names_go() {
    let mut net = Net::new([2, 3, 3]);
    let x = net.input();
    let used = net.conv("used", x, 2, [0; 4]);
    net.conv("unused", x, 5, [0; 4]);
    let mut graph = net.finish(used);
    let again = graph.nodes[0].clone();
    graph.values.push(graph.values[1].clone());
    graph.nodes.push(Node { inputs: vec![x], output: ValueId(3), ..again });
    let sum = Node {
        name: "used".into(),
        op: Op::Binary(BinaryKind::Add),
        inputs: vec![ValueId(1), ValueId(3)],
        output: ValueId(4),
        absorbed: vec![],
    };
    graph.values.push(graph.values[1].clone());
    graph.nodes.push(sum);
    graph.output = ValueId(4);
    let after = compact(graph.clone()).expect("it holds together");
    check_equal(&graph, &after);
    let names: Vec<&str> = after.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["used", "used_2", "used_3"]);
    assert_eq!(after.params.len(), 2);
}

#[test]
fn a_cycle_is_an_error() {
    let mut net = Net::new([2, 3, 3]);
    let x = net.input();
    let first = net.activate("first", x, Activation::Relu);
    let second = net.activate("second", first, Activation::Relu);
    let mut graph = net.finish(second);
    graph.nodes[0].inputs[0] = second;
    assert!(optimize(graph).is_err());
}

/// Random networks of the ops that the passes touch.
fn random_graph(seed: u64) -> Graph {
    let mut net = Net::new([3, 5, 4]);
    net.random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut values = vec![net.input()];
    let count = 3 + net.random.below(12);
    for index in 0..count {
        // Mostly the last value, so that chains form that the passes can fold.
        let pick = if net.random.below(3) == 0 { net.random.below(values.len()) } else { values.len() - 1 };
        let x = values[pick];
        let dims = net.builder.shape(x).dims().to_vec();
        let name = format!("n{index}");
        let op = match net.random.below(14) {
            0 | 1 => {
                // A constant along one axis, or one number.
                let mut shape = vec![1; dims.len()];
                if net.random.below(4) > 0 && !dims.is_empty() {
                    let axis = net.random.below(dims.len());
                    shape[axis] = dims[axis];
                }
                let which = net.random.below(3);
                let scale = (which != 0).then(|| net.param(&shape));
                let shift = (which != 1).then(|| net.param(&shape));
                Op::Affine { scale, shift }
            }
            2 | 3 if dims.len() == 3 && dims[1] > 1 && dims[2] > 1 => {
                let groups = if dims[0].is_multiple_of(2) && net.random.below(2) == 0 { 2 } else { 1 };
                let weight = net.param(&[2 * groups, dims[0] / groups, 2, 2]);
                let bias = (net.random.below(2) == 0).then(|| net.param(&[2 * groups]));
                let pads = [0; 4].map(|_: usize| net.random.below(2));
                Op::Conv2d(Conv2d { weight, bias, stride: [1, 1], pads, dilation: [1, 1], groups })
            }
            4 if !dims.is_empty() => {
                let weight = net.param(&[dims[dims.len() - 1], 3]);
                Op::Dense { weight, bias: None }
            }
            5 => Op::Activation(
                [Activation::Relu, Activation::Sigmoid, Activation::Tanh, Activation::Silu][net.random.below(4)]
                    .clone(),
            ),
            6 | 7 if dims.len() == 3 => {
                let permutation = [[1, 2, 0], [2, 0, 1], [0, 2, 1]][net.random.below(3)].to_vec();
                Op::Transpose { permutation }
            }
            8 if dims.len() == 3 => {
                let pads = vec![(0, 0), (net.random.below(2), net.random.below(2)), (0, net.random.below(2))];
                Op::Pad { pads, mode: PadMode::Constant(0.0) }
            }
            9 if dims.len() == 3 => {
                let axis = net.random.below(3);
                Op::Reduce { kind: ReduceKind::Mean, axes: vec![axis], keep_dims: net.random.below(2) == 0 }
            }
            10 => Op::Reshape { shape: vec![dims.iter().product()] },
            11 if dims.len() == 3 && dims[1] > 1 && dims[2] > 1 => Op::AvgPool2d(Pool2d {
                kernel: [2, 2],
                stride: [1, 2],
                pads: [0; 4],
                dilation: [1, 1],
                ceil_mode: net.random.below(2) == 0,
                count_include_pad: net.random.below(2) == 0,
            }),
            12 => {
                let other = values
                    .iter()
                    .copied()
                    .find(|&other| other != x && net.builder.shape(other) == net.builder.shape(x));
                let kind = [BinaryKind::Add, BinaryKind::Mul][net.random.below(2)];
                let out = net.add(&name, Op::Binary(kind), &[x, other.unwrap_or(x)]);
                values.push(out);
                continue;
            }
            _ if !dims.is_empty() => {
                let axis = net.random.below(dims.len());
                let out = net.add(&name, Op::Concat { axis }, &[x, x]);
                values.push(out);
                continue;
            }
            _ => continue,
        };
        if net.builder.shape(x).numel() < 2000 {
            let out = net.add(&name, op, &[x]);
            values.push(out);
        }
    }
    let last = values[values.len() - 1];
    net.finish(last)
}

#[test]
fn large_dense_layers_are_split_by_outputs() {
    let mut net = Net::new([6]);
    let first = net.dense("first", net.input(), 10);
    let middle = net.activate("middle", first, Activation::Relu);
    let last = net.dense("last", middle, 3);
    let graph = net.finish(last);
    for graph in [deferred(&graph), graph] {
        let split = split_dense(graph.clone(), 24).expect("the pass");
        check_equal(&graph, &split);
        let shapes: Vec<&[usize]> = split.nodes.iter().map(|node| split.value(node.output).shape.dims()).collect();
        assert_eq!(ops(&split), ["Dense", "Dense", "Dense", "Concat", "ReLU", "Dense", "Dense", "Concat"]);
        assert_eq!(shapes[..4], [&[4][..], &[4], &[2], &[10]]);
        let found = split.find_node("first").expect("it keeps its name");
        assert_eq!(split.value(split.node(found).output).shape.dims(), [10]);
        // Rows that do not fit are left alone.
        assert_eq!(split_dense(graph.clone(), 5).expect("the pass").nodes.len(), graph.nodes.len());
    }
}

/// The graph with a sigmoid that a pass took off its end put back, so that outputs can be compared.
fn with_final(mut graph: Graph) -> Graph {
    if graph.final_activation == FinalActivation::Sigmoid {
        let id = ValueId(graph.values.len() as u32);
        let output = graph.value(graph.output).clone();
        graph.values.push(output);
        let op = Op::Activation(Activation::Sigmoid);
        graph.nodes.push(Node { name: "sigmoid".into(), op, inputs: vec![graph.output], output: id, absorbed: vec![] });
        graph.output = id;
    }
    graph
}

/// The graph with the weights of its convolutions and dense layers read when needed.
fn deferred(graph: &Graph) -> Graph {
    let mut graph = graph.clone();
    let large: Vec<ParamId> = graph
        .nodes
        .iter()
        .filter_map(|node| match &node.op {
            Op::Conv2d(Conv2d { weight, .. }) | Op::ConvTranspose2d(ConvTranspose2d { weight, .. }) => Some(*weight),
            Op::Dense { weight, .. } => Some(*weight),
            _ => None,
        })
        .collect();
    for id in large {
        let data = graph.param(id).data.clone();
        let read = move || data.read().map(std::borrow::Cow::into_owned);
        graph.params[id.index()].data = Weights::deferred(graph.param(id).data.len(), read);
    }
    graph
}

#[test]
fn random_networks_keep_their_output() {
    let passes: [(&str, Pass); 6] = [
        ("remove_identities", remove_identities),
        ("fuse_activations", fuse_activations),
        ("cancel_transposes", cancel_transposes),
        ("fold_affine", fold_affine),
        ("merge_pads", merge_pads),
        ("reshape_transposes", reshape_transposes),
    ];
    let mut counts = [0; 6];
    for seed in 0..1500 {
        let graph = random_graph(seed);
        let mut current = compact(graph.clone()).expect("it holds together");
        // Each pass by itself, then all together.
        for ((name, pass), count) in passes.iter().zip(&mut counts) {
            let (after, changed) = pass(current.clone()).unwrap_or_else(|error| panic!("seed {seed}, {name}: {error}"));
            if changed {
                check_equal(&current, &after);
                *count += 1;
            }
            current = after;
        }
        let optimized = with_final(optimize(graph.clone()).unwrap_or_else(|error| panic!("seed {seed}: {error}")));
        check_equal(&graph, &optimized);
        let again = optimize(optimized.clone()).expect("the passes");
        assert!(again.nodes.len() <= optimized.nodes.len(), "seed {seed} grows");
        let optimized = with_final(optimize(deferred(&graph)).unwrap_or_else(|error| panic!("seed {seed}: {error}")));
        check_equal(&graph, &optimized);
    }
    // Squares of sigmoids are rare; the rest must have happened often, or the test says nothing about it.
    for ((name, _), count) in passes.iter().zip(counts) {
        assert!(count >= if *name == "fuse_activations" { 0 } else { 20 }, "{name} changed {count} networks");
    }
}
