//! Class activation maps.

use innspect_graph::{GraphBuilder, Op, ReduceKind};
use innspect_protocol::ExplainSpec;

use crate::common::{
    Numbers, assert_alike, assert_close, chain, conv, deviation, exact, given, on_both, read, relu, run, softmax, spec,
    sum,
};

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
        let activation = read(run.tape.value(features));
        let cam: Vec<f32> =
            (0..64).map(|p| (0..6).map(|k| weights[k * 3 + 1] * activation[k * 64 + p]).sum::<f32>() / 64.0).collect();
        for method in ["grad_cam", "hires_cam", "x_grad_cam"] {
            let spec = ExplainSpec { class: Some(1), ..spec(method, given(&[("signed", "yes")])) };
            let map = read(&run.ask(&spec).layer_map.unwrap());
            assert_alike(method, &map, &cam, 1e-5);
            assert_close(method, sum(&map), f64::from(run.logits[1] - biases[1]), 1.0, 1e-5);
            // Unsigned, evidence against the class is gone and nothing else.
            let spec = ExplainSpec { params: given(&[]), ..spec };
            let positive: Vec<f32> = cam.iter().map(|value| value.max(0.0)).collect();
            assert!(cam.iter().any(|value| *value < 0.0));
            assert_alike(method, &read(&run.ask(&spec).layer_map.unwrap()), &positive, 1e-5);
        }
    });
}

#[test]
fn score_cam_weighs_feature_maps_by_the_scores_of_what_they_show() {
    on_both(|device| {
        let graph = chain(6, true);
        let x = Numbers(18).take(108, 1.0);
        // At the resolution of the input nothing is enlarged.
        let layer = graph.nodes[1].output;
        let run = run(graph, &x, device);
        let graph = run.network.graph();
        let class = run.best();
        let values = innspect_graph::reference::run(graph, &x).unwrap();
        let planes: Vec<&[f64]> = values[layer.index()].chunks(36).collect();
        let score = |plane: &[f64]| {
            let low = plane.iter().copied().fold(f64::INFINITY, f64::min);
            let high = plane.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let shown: Vec<f32> =
                (0..108).map(|i| x[i] * ((plane[i % 36] - low) / (high - low + 1e-8)) as f32).collect();
            exact(graph, &shown)[class]
        };
        let mut order: Vec<usize> = (0..8).collect();
        order.sort_by(|&a, &b| planes[b].iter().sum::<f64>().total_cmp(&planes[a].iter().sum()));
        for count in [1, 3, 8] {
            let chosen = &order[..count];
            let weights = softmax(&chosen.iter().map(|&channel| score(planes[channel])).collect::<Vec<_>>());
            let expected: Vec<f32> = (0..36)
                .map(|p| chosen.iter().zip(&weights).map(|(&k, weight)| weight * planes[k][p]).sum::<f64>() as f32)
                .collect();
            let params = given(&[("channels", &count.to_string())]);
            let spec = ExplainSpec { layer: Some(graph.nodes[1].name.clone()), ..spec("score_cam", params) };
            let outcome = run.ask(&spec);
            assert_alike("Score-CAM", &read(&outcome.layer_map.unwrap()), &expected, 1e-5);
            assert!(deviation(&read(&outcome.attribution), &expected) < 1e-5);
        }
    });
}
