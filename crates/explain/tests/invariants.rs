//! Exact properties of the methods on seeded networks, on the CPU and on the GPU. Numbers are those of the list of
//! invariants that the project is tested against: completeness, conservation, symmetry, independence of the batch.

use std::sync::Arc;

use innspect_engine::{Composite, Device, Network, Rule, TINY, Tape, Tensor, Unpaced, Walk};
use innspect_explain::{Outcome, Subject, explain, read_logits};
use innspect_graph::{Activation, BinaryKind, Conv2d, Graph, GraphBuilder, Op, Pool2d, ReduceKind, ValueId, passes};
use innspect_protocol::{ExplainSpec, ParamValue};

/// Seeded numbers in -1..1.
struct Numbers(u64);

impl Numbers {
    fn take(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count)
            .map(|_| {
                self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0) * scale
            })
            .collect()
    }
}

fn conv(
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

fn relu(builder: &mut GraphBuilder, x: ValueId) -> ValueId {
    builder.node("", Op::Activation(Activation::Relu), &[x], "").unwrap()
}

/// conv-relu-pool-conv-relu-flatten-dense-relu-dense with or without biases.
fn plain(bias: bool) -> Graph {
    let mut numbers = Numbers(3);
    let mut builder = GraphBuilder::new("plain", "image", [3, 12, 12]);
    let x = builder.input();
    let x = conv(&mut builder, &mut numbers, x, 8, bias, [1; 4]);
    let x = relu(&mut builder, x);
    let pool = Pool2d {
        kernel: [2, 2],
        stride: [2, 2],
        pads: [0; 4],
        dilation: [1, 1],
        ceil_mode: false,
        count_include_pad: false,
    };
    let x = builder.node("pool", Op::MaxPool2d(pool), &[x], "").unwrap();
    let x = conv(&mut builder, &mut numbers, x, 8, bias, [1; 4]);
    let x = relu(&mut builder, x);
    let x = builder.node("flatten", Op::Reshape { shape: vec![8 * 36] }, &[x], "").unwrap();
    let x = dense(&mut builder, &mut numbers, x, 16, bias);
    let x = relu(&mut builder, x);
    let x = dense(&mut builder, &mut numbers, x, 5, bias);
    builder.finish(x)
}

fn dense(builder: &mut GraphBuilder, numbers: &mut Numbers, x: ValueId, out: usize, bias: bool) -> ValueId {
    let features = builder.shape(x).dims()[0];
    let weight = builder.param("w", [features, out], numbers.take(features * out, 1.5 / (features as f32).sqrt()));
    let bias = bias.then(|| builder.param("b", [out], numbers.take(out, 0.3)));
    builder.node("", Op::Dense { weight, bias }, &[x], "").unwrap()
}

struct Run {
    network: Network,
    tape: Tape,
    logits: Vec<f32>,
}

fn run(graph: Graph, input: &[f32], device: &Device) -> Run {
    let mut shape = vec![input.len() / graph.value(graph.input).shape.numel()];
    shape.extend_from_slice(graph.value(graph.input).shape.dims());
    let network = Network::load(Arc::new(graph), device).unwrap();
    let input = Tensor::from_slice(input, &shape, device);
    let tape = pollster::block_on(network.forward(&input, &mut Unpaced)).unwrap();
    let logits = pollster::block_on(read_logits(&network, &tape)).unwrap();
    Run { network, tape, logits }
}

impl Run {
    fn outcome(&self, method: &str, params: &[(&str, f64)]) -> Outcome {
        let spec = ExplainSpec {
            method: method.into(),
            params: params.iter().map(|&(name, value)| (name.into(), ParamValue::Number(value))).collect(),
            class: None,
            layer: None,
            neuron: None,
            seed: 0,
        };
        let subject = Subject { network: &self.network, tape: &self.tape, logits: &self.logits };
        pollster::block_on(explain(subject, &spec, true, &mut Unpaced)).unwrap()
    }

    fn map(&self, method: &str, params: &[(&str, f64)]) -> Vec<f32> {
        pollster::block_on(self.outcome(method, params).attribution.read()).unwrap()
    }

    /// Relevance of `until` under a composite, from a seed at the output.
    fn reverse(&self, composite: &Composite, seed: &[f32], until: ValueId) -> Vec<f32> {
        let graph = self.network.graph();
        let dims = self.tape.value(graph.output).dims();
        let seed = Tensor::from_slice(seed, &dims, self.network.device());
        let rules = composite.resolve(graph);
        let walk = Walk { seed: (graph.output, seed), rules: &rules, until, ledger: false };
        let arrived = pollster::block_on(self.network.reverse(&self.tape, walk, &mut Unpaced)).unwrap();
        pollster::block_on(arrived.relevance.read()).unwrap()
    }
}

fn sum(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value)).sum()
}

fn deviation(actual: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(actual.len(), expected.len());
    let scale = expected.iter().fold(0.0_f32, |max, value| max.max(value.abs())).max(f32::MIN_POSITIVE);
    actual.iter().zip(expected).fold(0.0_f32, |max, (a, b)| {
        let difference = (a - b).abs() / scale;
        if difference.is_nan() { f32::INFINITY } else { max.max(difference) }
    })
}

fn on_both(check: impl Fn(&Device)) {
    check(&Device::cpu());
    check(&pollster::block_on(Device::gpu()).expect("a Vulkan device; lavapipe (mesa-vulkan-drivers) serves"));
}

fn picture(count: usize) -> Vec<f32> {
    Numbers(17).take(count * 3 * 144, 1.0)
}

#[test]
fn invariant_1_lrp_0_is_input_times_gradient() {
    on_both(|device| {
        for bias in [false, true] {
            let run = run(plain(bias), &picture(2), device);
            // Both decompose the logit: LRP starts from its value, the gradient from 1 and is then multiplied with x.
            let product = run.map("input_t_gradient", &[]);
            assert!(deviation(&run.map("lrp.z", &[]), &product) < 1e-5);
        }
    });
}

#[test]
fn invariant_2_lrp_0_conserves_the_logit_at_every_node_without_biases() {
    on_both(|device| {
        let run = run(plain(false), &picture(1), device);
        let graph = run.network.graph();
        let outcome = run.outcome("lrp.z", &[]);
        let start = run.logits[outcome.classes[0]];
        let mut seed = vec![0.0; 5];
        seed[outcome.classes[0]] = start;
        let composite = Composite::lrp(Rule::Epsilon(TINY), Rule::Epsilon(TINY), None);
        for node in &graph.nodes {
            let relevance = run.reverse(&composite, &seed, node.inputs[0]);
            assert!(
                (sum(&relevance) - f64::from(start)).abs() < 1e-5 * f64::from(start.abs()).max(1.0),
                "{}",
                node.name
            );
        }
    });
}

#[test]
fn invariants_3_4_6_the_ledger_balances() {
    on_both(|device| {
        let run = run(plain(true), &picture(3), device);
        for (method, params) in [
            ("lrp.z", &[][..]),
            ("lrp.epsilon", &[("epsilon", 1e-6)][..]),
            ("lrp.epsilon", &[("epsilon", 0.25)][..]),
            ("lrp.alpha_1_beta_0", &[][..]),
            ("lrp.alpha_2_beta_1", &[][..]),
            ("lrp.alpha_beta", &[("alpha", 3.0)][..]),
            ("lrp.z_plus", &[][..]),
            ("lrp.sequential_preset_a_flat", &[][..]),
        ] {
            let outcome = run.outcome(method, params);
            let map = pollster::block_on(outcome.attribution.read()).unwrap();
            let balance = outcome.balance.expect("LRP keeps a ledger");
            let absorbed = balance.absorbed.clone().expect("asked for");
            for (sample, map) in map.chunks(432).enumerate() {
                let (start, arrived) = (f64::from(balance.start[sample]), sum(map));
                let rest = start - f64::from(absorbed[sample]) - arrived;
                let scale = map.iter().map(|value| f64::from(value.abs())).sum::<f64>().max(start.abs());
                assert!(
                    rest.abs() < 2e-5 * scale,
                    "{method} {params:?}: {start} - {} is not {arrived}",
                    absorbed[sample]
                );
            }
        }
    });
}

#[test]
fn invariant_5_lrp_epsilon_approaches_lrp_0() {
    on_both(|device| {
        let run = run(plain(true), &picture(1), device);
        let exact = run.map("lrp.z", &[]);
        let errors: Vec<f32> = [1e-2, 1e-4, 1e-6]
            .iter()
            .map(|&epsilon| deviation(&run.map("lrp.epsilon", &[("epsilon", epsilon)]), &exact))
            .collect();
        assert!(errors[0] > errors[1] && errors[1] > errors[2], "{errors:?}");
    });
}

/// One dense unit with a bias, for hand-computed relevance.
fn unit(weights: &[f32], bias: f32, x: &[f32], device: &Device) -> Run {
    let mut builder = GraphBuilder::new("unit", "x", [weights.len()]);
    let weight = builder.param("w", [weights.len(), 1], weights.to_vec());
    let bias = builder.param("b", [1], vec![bias]);
    let input = builder.input();
    let x_out = builder.node("unit", Op::Dense { weight, bias: Some(bias) }, &[input], "").unwrap();
    run(builder.finish(x_out), x, device)
}

#[test]
fn invariant_6_alpha_beta_splits_the_bias_by_its_sign() {
    on_both(|device| {
        let check = |weights: &[f32], bias: f32, x: &[f32], r: f32, alpha: f32, expected: &[f32]| {
            let run = unit(weights, bias, x, device);
            let rule = Rule::AlphaBeta { alpha, beta: alpha - 1.0 };
            let relevance = run.reverse(&Composite::lrp(rule, rule, None), &[r], run.network.graph().input);
            for (actual, expected) in relevance.iter().zip(expected) {
                assert!((actual - expected).abs() < 1e-6, "{relevance:?} is not {expected:?}");
            }
        };
        check(&[1.0, -1.0], -1.0, &[1.0, 1.0], -1.0, 1.0, &[-1.0, 0.0]);
        check(&[1.0, -1.0], -1.0, &[1.0, 1.0], -1.0, 2.0, &[-2.0, 0.5]);
        check(&[1.0], -0.25, &[1.0], 0.75, 1.0, &[0.75]);
        check(&[1.0], -0.25, &[1.0], 0.75, 2.0, &[1.5]);
    });
}

#[test]
fn invariant_8_the_sum_stays_over_a_layer() {
    on_both(|device| {
        let mut numbers = Numbers(5);
        let mut builder = GraphBuilder::new("layer", "x", [3, 8, 8]);
        let input = builder.input();
        let x = conv(&mut builder, &mut numbers, input, 4, true, [1; 4]);
        let x = builder.node("flatten", Op::Reshape { shape: vec![256] }, &[x], "").unwrap();
        let graph = builder.finish(x);
        let positive: Vec<f32> = numbers.take(192, 1.0).iter().map(|value| value.abs()).collect();
        let seed = numbers.take(256, 1.0);
        let run = run(graph, &positive, device);
        for rule in [Rule::ZPlus, Rule::Flat, Rule::WSquare] {
            let relevance = run.reverse(&Composite::lrp(rule, rule, None), &seed, run.network.graph().input);
            assert!((sum(&relevance) - sum(&seed)).abs() < 1e-4, "{rule}: {} is not {}", sum(&relevance), sum(&seed));
        }
    });
}

#[test]
fn invariant_9_flat_spreads_evenly_and_skips_padding() {
    on_both(|device| {
        let mut numbers = Numbers(6);
        let mut builder = GraphBuilder::new("layer", "x", [3, 5, 5]);
        let input = builder.input();
        let x = conv(&mut builder, &mut numbers, input, 1, false, [1; 4]);
        let x = builder.node("flatten", Op::Reshape { shape: vec![25] }, &[x], "").unwrap();
        let run = run(builder.finish(x), &numbers.take(75, 1.0), device);
        let composite = Composite::lrp(Rule::Flat, Rule::Flat, None);
        let mut seed = vec![0.0; 25];
        seed[12] = 1.0;
        let centre = run.reverse(&composite, &seed, run.network.graph().input);
        assert!(centre.iter().all(|&r| r == 0.0 || (r - 1.0 / 27.0).abs() < 1e-6));
        assert_eq!(centre.iter().filter(|&&r| r > 0.0).count(), 27);
        let mut seed = vec![0.0; 25];
        seed[0] = 1.0;
        let corner = run.reverse(&composite, &seed, run.network.graph().input);
        assert_eq!(corner.iter().filter(|&&r| (r - 1.0 / 12.0).abs() < 1e-6).count(), 12);
        assert!((sum(&corner) - 1.0).abs() < 1e-6);
    });
}

#[test]
fn invariant_19_grad_cam_is_cam_on_a_pooling_head() {
    on_both(|device| {
        let mut numbers = Numbers(8);
        let mut builder = GraphBuilder::new("gap", "x", [3, 8, 8]);
        let input = builder.input();
        let x = conv(&mut builder, &mut numbers, input, 6, true, [1; 4]);
        let features = relu(&mut builder, x);
        let pool = Op::Reduce { kind: ReduceKind::Mean, axes: vec![1, 2], keep_dims: false };
        let x = builder.node("gap", pool, &[features], "").unwrap();
        let weights = numbers.take(18, 1.0);
        let weight = builder.param("w", [6, 3], weights.clone());
        let biases = numbers.take(3, 0.5);
        let bias = builder.param("b", [3], biases.clone());
        let x = builder.node("head", Op::Dense { weight, bias: Some(bias) }, &[x], "").unwrap();
        let run = run(builder.finish(x), &numbers.take(192, 1.0), device);
        let spec = ExplainSpec {
            method: "grad_cam".into(),
            params: [("signed".to_owned(), ParamValue::Text("yes".into()))].into(),
            class: Some(1),
            layer: None,
            neuron: None,
            seed: 0,
        };
        let subject = Subject { network: &run.network, tape: &run.tape, logits: &run.logits };
        let outcome = pollster::block_on(explain(subject, &spec, false, &mut Unpaced)).unwrap();
        let map = pollster::block_on(outcome.layer_map.unwrap().read()).unwrap();
        let activation = pollster::block_on(run.tape.value(features).read()).unwrap();
        let cam: Vec<f32> =
            (0..64).map(|p| (0..6).map(|k| weights[k * 3 + 1] * activation[k * 64 + p]).sum::<f32>() / 64.0).collect();
        assert!(deviation(&map, &cam) < 1e-5);
        assert!((sum(&map) - f64::from(run.logits[1] - biases[1])).abs() < 1e-5);
    });
}

#[test]
fn invariant_23_guided_and_deconvnet_are_the_gradient_where_all_is_positive() {
    on_both(|device| {
        let mut numbers = Numbers(9);
        let mut builder = GraphBuilder::new("positive", "x", [3, 6, 6]);
        let input = builder.input();
        let positive: Vec<f32> = numbers.take(108, 1.0).iter().map(|value| value.abs()).collect();
        let weight = builder.param("w", [4, 3, 3, 3], positive.clone());
        let op = Op::Conv2d(Conv2d { weight, bias: None, stride: [1, 1], pads: [0; 4], dilation: [1, 1], groups: 1 });
        let x = builder.node("", op, &[input], "").unwrap();
        let x = relu(&mut builder, x);
        let x = builder.node("", Op::Reshape { shape: vec![64] }, &[x], "").unwrap();
        let weight: Vec<f32> = numbers.take(128, 1.0).iter().map(|value| value.abs()).collect();
        let weight = builder.param("w2", [64, 2], weight);
        let x = builder.node("", Op::Dense { weight, bias: None }, &[x], "").unwrap();
        let run = run(builder.finish(x), &positive, device);
        let gradient = run.map("gradient", &[]);
        assert!(deviation(&run.map("guided_backprop", &[]), &gradient) < 1e-6);
        assert!(deviation(&run.map("deconvnet", &[]), &gradient) < 1e-6);
    });
}

#[test]
fn invariant_24_what_leaves_a_rectifier_is_not_negative() {
    on_both(|device| {
        let run = run(plain(true), &picture(1), device);
        let graph = run.network.graph();
        for rule in [Rule::Guided, Rule::Deconv] {
            let composite = Composite::rectifiers(rule);
            for node in graph.nodes.iter().filter(|node| matches!(node.op, Op::Activation(_))) {
                let leaving = run.reverse(&composite, &[1.0, -1.0, 0.5, 0.0, 2.0], node.inputs[0]);
                assert!(leaving.iter().all(|&value| value >= 0.0), "{rule} at {}", node.name);
                assert!(leaving.iter().any(|&value| value > 0.0), "{rule} at {}", node.name);
            }
        }
    });
}

#[test]
fn invariant_25_folding_a_batch_norm_changes_nothing() {
    on_both(|device| {
        let build = || {
            let mut numbers = Numbers(12);
            let mut builder = GraphBuilder::new("bn", "x", [3, 12, 12]);
            let input = builder.input();
            let x = conv(&mut builder, &mut numbers, input, 6, true, [1; 4]);
            let scale = builder.param("scale", [6, 1, 1], numbers.take(6, 1.5));
            let shift = builder.param("shift", [6, 1, 1], numbers.take(6, 0.5));
            let x = builder.node("bn", Op::Affine { scale: Some(scale), shift: Some(shift) }, &[x], "").unwrap();
            let x = relu(&mut builder, x);
            let x = builder.node("flatten", Op::Reshape { shape: vec![864] }, &[x], "").unwrap();
            let x = dense(&mut builder, &mut numbers, x, 5, true);
            builder.finish(x)
        };
        let raw = run(build(), &picture(1), device);
        let folded = passes::optimize(build()).unwrap();
        assert!(folded.nodes.iter().all(|node| !matches!(node.op, Op::Affine { .. })), "the batch norm is folded");
        let folded = run(folded, &picture(1), device);
        assert!(deviation(&folded.logits, &raw.logits) < 1e-5);
        assert!(deviation(&folded.map("gradient", &[]), &raw.map("gradient", &[])) < 1e-5);
    });
}

#[test]
fn invariant_27_a_batch_is_its_single_pictures() {
    on_both(|device| {
        let batch = run(plain(true), &picture(3), device);
        for method in innspect_explain::methods() {
            let together = batch.map(&method.id, &[]);
            let single = together.len() / 3;
            for (sample, picture) in picture(3).chunks(432).enumerate() {
                let alone = run(plain(true), picture, device);
                let error = deviation(&together[sample * single..][..single], &alone.map(&method.id, &[]));
                assert!(error < 1e-5, "{}, sample {sample}: {error:e}", method.id);
            }
        }
    });
}

#[test]
fn invariant_28_scale_passes_through_a_network_without_biases() {
    on_both(|device| {
        let one = run(plain(false), &picture(1), device);
        let scaled: Vec<f32> = picture(1).iter().map(|value| 2.5 * value).collect();
        let two = run(plain(false), &scaled, device);
        assert!(deviation(&two.map("gradient", &[]), &one.map("gradient", &[])) < 1e-5);
        let expected: Vec<f32> = one.map("lrp.z", &[]).iter().map(|value| 2.5 * value).collect();
        assert!(deviation(&two.map("lrp.z", &[]), &expected) < 1e-5);
    });
}

#[test]
fn invariant_32_sums_split_and_shapes_keep_relevance() {
    on_both(|device| {
        let mut numbers = Numbers(14);
        let mut builder = GraphBuilder::new("sum", "x", [2, 4, 4]);
        let input = builder.input();
        let a = builder.node("a", Op::Slice { axis: 0, start: 0, end: 1, step: 1 }, &[input], "").unwrap();
        let b = builder.node("b", Op::Slice { axis: 0, start: 1, end: 2, step: 1 }, &[input], "").unwrap();
        let added = builder.node("add", Op::Binary(BinaryKind::Add), &[a, b], "").unwrap();
        let joined = builder.node("concat", Op::Concat { axis: 0 }, &[added, a], "").unwrap();
        let pads = vec![(0, 0), (1, 2), (0, 1)];
        let padded =
            builder.node("pad", Op::Pad { pads, mode: innspect_graph::PadMode::Constant(0.0) }, &[joined], "").unwrap();
        let flat = builder.node("flatten", Op::Reshape { shape: vec![2 * 7 * 5] }, &[padded], "").unwrap();
        let run = run(builder.finish(flat), &numbers.take(32, 1.0), device);
        let composite = Composite::lrp(Rule::Epsilon(TINY), Rule::Epsilon(TINY), None);
        // Relevance only where there are cells of the input; padding keeps what lies on it.
        let seed: Vec<f32> = (0..70)
            .map(|i| if (1..5).contains(&(i % 35 / 5)) && i % 5 < 4 { ((i * 7) % 11) as f32 - 4.0 } else { 0.0 })
            .collect();
        let relevance = run.reverse(&composite, &seed, run.network.graph().input);
        assert!((sum(&relevance) - sum(&seed)).abs() < 1e-3, "{} is not {}", sum(&relevance), sum(&seed));
    });
}
