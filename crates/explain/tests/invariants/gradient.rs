//! Gradients, and rectifiers with rules of their own.

use innspect_engine::{Composite, Rule};
use innspect_graph::{Conv2d, GraphBuilder, Op, passes};

use crate::common::{
    Numbers, assert_close, conv, dense, deviation, exact, flatten, on_both, picture, plain, relu, run,
};

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
        let x = flatten(&mut builder, x);
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
            let composite = Composite::rectifiers(rule.clone());
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
            let x = flatten(&mut builder, x);
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
fn invariant_12_full_grad_is_the_logit() {
    on_both(|device| {
        let x = picture(1);
        let run = run(plain(true), &x, device);
        let graph = run.network.graph();
        let class = run.best();
        let mut seed = vec![0.0; 5];
        seed[class] = 1.0;
        let gradient = Composite::gradient();
        let at_input = run.reverse(&gradient, &seed, graph.input);
        let mut total: f64 = x.iter().zip(&at_input).map(|(x, g)| f64::from(*x) * f64::from(*g)).sum();
        let without_biases = total;
        for node in &graph.nodes {
            let (Op::Conv2d(Conv2d { bias: Some(bias), .. }) | Op::Dense { bias: Some(bias), .. }) = &node.op else {
                continue;
            };
            let g = run.reverse(&gradient, &seed, node.output);
            let biases = graph.param(*bias).data.held().unwrap();
            let cells = g.len() / biases.len();
            total += g.iter().enumerate().map(|(at, g)| f64::from(*g) * f64::from(biases[at / cells])).sum::<f64>();
        }
        let logit = exact(graph, &x)[class];
        assert!((without_biases - logit).abs() > 0.01, "biases count");
        assert_close("FullGrad", total, logit, logit.abs(), 1e-5);
    });
}

#[test]
fn guided_and_deconvnet_cut_what_their_papers_cut() {
    on_both(|device| {
        // Two units behind a rectifier, by hand: (open, closed) × (positive, negative) signals.
        let mut builder = GraphBuilder::new("units", "x", [1, 1, 4]);
        let input = builder.input();
        let flat = flatten(&mut builder, input);
        let y = relu(&mut builder, flat);
        let weight = builder.param("w", [4, 1], vec![3.0, -5.0, 7.0, -11.0]);
        let y = builder.node("", Op::Dense { weight, bias: None }, &[y], "").unwrap();
        let run = run(builder.finish(y), &[2.0, 2.0, -2.0, -2.0], device);
        assert_eq!(run.map("gradient", &[]), [3.0, -5.0, 0.0, 0.0]);
        assert_eq!(run.map("guided_backprop", &[]), [3.0, 0.0, 0.0, 0.0]);
        assert_eq!(run.map("deconvnet", &[]), [3.0, 0.0, 7.0, 0.0]);
        // From the value of the output, 6 - 10, as iNNvestigate starts.
        let guided = run.map("guided_backprop", &[("compat", "innvestigate")]);
        assert_eq!(guided, [0.0, 20.0, 0.0, 0.0]);
        assert_eq!(run.map("input_t_gradient", &[]), [6.0, -10.0, 0.0, 0.0]);
    });
}
