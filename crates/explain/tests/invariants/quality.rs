//! Checks of maps.

use std::collections::HashMap;

use innspect_engine::{Network, Unpaced};
use innspect_explain::{ExplainError, Subject, explain, quality, read_logits};
use innspect_protocol::{Assessment, Check, Curve, ExplainSpec};

use crate::common::{
    Numbers, Run, assert_alike, assert_close, chain, deviation, exact, flat, given, less, linear, on_both,
    over_channels, picture, plain, read, run, softmax, spec,
};

fn assess(run: &Run, spec: &ExplainSpec, map: &[f32], check: Check) -> Result<Assessment, ExplainError> {
    pollster::block_on(quality::assess(run.subject(), spec, map, check, &mut Unpaced))
}

fn deletion(run: &Run, map: &[f32]) -> (Curve, Curve) {
    match assess(run, &spec("gradient", given(&[])), map, Check::Deletion) {
        Ok(Assessment::Deletion { deletion, insertion }) => (deletion, insertion),
        other => panic!("{other:?}"),
    }
}

fn road(run: &Run, map: &[f32]) -> (Curve, Curve, f32) {
    match assess(run, &spec("gradient", given(&[])), map, Check::Road) {
        Ok(Assessment::Road { most, least, score }) => (most, least, score),
        other => panic!("{other:?}"),
    }
}

#[test]
fn invariant_33_curves_start_and_end_where_they_must() {
    on_both(|device| {
        let x = picture(1);
        let run = run(plain(true), &x, device);
        let graph = run.network.graph();
        let class = run.best();
        let probability = |x: &[f32]| softmax(&exact(graph, x))[class];
        let map = over_channels(&run.map("input_t_gradient", &[]));
        let (deletion, insertion) = deletion(&run, &map);
        assert_eq!((deletion.shares.len(), deletion.shares[0], deletion.shares[28]), (29, 0.0, 1.0));
        let black = flat(0.0, 144);
        let mut order: Vec<usize> = (0..144).collect();
        order.sort_by(|&a, &b| map[b].total_cmp(&map[a]));
        let mut gone = [false; 144];
        for (step, score) in deletion.scores.iter().enumerate() {
            let count = (step as f64 / 28.0 * 144.0).round() as usize;
            order[..count].iter().for_each(|&pixel| gone[pixel] = true);
            let left: Vec<f32> = (0..432).map(|i| if gone[i % 144] { black[i] } else { x[i] }).collect();
            assert_close("deletion", f64::from(*score), probability(&left), 1.0, 1e-5);
        }
        assert_close("deletion ends", f64::from(deletion.scores[28]), probability(&black), 1.0, 1e-5);
        assert_close("insertion ends", f64::from(insertion.scores[28]), probability(&x), 1.0, 1e-5);
        let blurred = innspect_dataset::baseline::blur(&x, [3, 12, 12], 5.0);
        assert_close("insertion starts", f64::from(insertion.scores[0]), probability(&blurred), 1.0, 1e-5);
        assert!((insertion.scores[0] - insertion.scores[28]).abs() > 1e-3, "the picture counts");
        // The trapezoid rule over even shares.
        let area = deletion.scores.windows(2).map(|pair| f64::from(pair[0] + pair[1]) / 56.0).sum();
        assert_close("area", f64::from(deletion.area), area, 1.0, 1e-5);
    });
}

/// On a linear model of two classes no order of pixels makes the score fall faster than that of their shares.
#[test]
fn the_exact_map_deletes_best() {
    on_both(|device| {
        let (graph, weights) = linear([3, 8, 8], 2);
        let x = Numbers(18).take(192, 1.0);
        let run = run(graph, &x, device);
        let class = run.best();
        let shares = less(&x, &flat(0.0, 64));
        let sign = if class == 0 { 1.0 } else { -1.0 };
        let parts: Vec<f32> =
            shares.iter().enumerate().map(|(i, d)| sign * (weights[i * 2] - weights[i * 2 + 1]) * d).collect();
        let map = over_channels(&parts);
        let (best, _) = deletion(&run, &map);
        let reversed: Vec<f32> = map.iter().map(|value| -value).collect();
        for other in [reversed.clone(), Numbers(5).take(64, 1.0), Numbers(6).take(64, 1.0), vec![0.0; 64]] {
            let (curve, _) = deletion(&run, &other);
            let pairs = best.scores.iter().zip(&curve.scores);
            assert!(pairs.clone().all(|(best, other)| *best <= other + 1e-6), "{best:?} and {curve:?}");
            assert!(curve.area > best.area + 0.01);
        }
        // The same pixels are taken away, whether as the most of a map or as the least of its negative.
        let (most, least, score) = road(&run, &map);
        let (other_most, other_least, other_score) = road(&run, &reversed);
        assert_eq!((&most.scores, &least.scores), (&other_least.scores, &other_most.scores));
        assert!(score == -other_score && score.is_finite());
        assert_eq!(most.shares, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]);
        let mean: f32 =
            least.scores.iter().zip(&most.scores).map(|(least, most)| (least - most) / 2.0).sum::<f32>() / 9.0;
        assert!((score - mean).abs() < 1e-6);
    });
}

#[test]
fn sensitivity_of_a_linear_model_is_known() {
    on_both(|device| {
        let (graph, weights) = linear([3, 6, 6], 4);
        let x = Numbers(18).take(108, 1.0);
        let run = run(graph, &x, device);
        let class = run.best();
        let of = |method: &str| {
            let map = over_channels(&run.map(method, &[]));
            match assess(&run, &spec(method, given(&[])), &map, Check::MaxSensitivity) {
                Ok(Assessment::MaxSensitivity { value, radius, samples }) => (value, radius, samples),
                other => panic!("{other:?}"),
            }
        };
        // The gradient is the same everywhere.
        assert_eq!(of("gradient"), (0.0, 0.02, 10));
        // Of input × gradient each pixel moves by at most the radius times the range times its weight.
        let (value, radius, _) = of("input_t_gradient");
        let low = x.iter().copied().fold(f32::INFINITY, f32::min);
        let high = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let reach = radius * (high - low);
        let norm = |each: &dyn Fn(usize) -> f32| (0..36).map(|p| each(p).powi(2)).sum::<f32>().sqrt();
        let w = |i: usize| weights[i * 4 + class];
        let most = norm(&|p| reach * (0..3).map(|c| w(c * 36 + p).abs()).sum::<f32>())
            / norm(&|p| (0..3).map(|c| w(c * 36 + p) * x[c * 36 + p]).sum::<f32>());
        assert!(value < most && value > 0.2 * most, "{value} and {most}");
    });
}

#[test]
fn invariant_34_without_other_weights_the_map_stays() {
    on_both(|device| {
        let run = run(plain(true), &picture(1), device);
        let graph = run.network.graph();
        let of = |network: &Network, method: &str| {
            let input = run.tape.value(graph.input);
            let tape = pollster::block_on(network.forward(input, &mut Unpaced)).unwrap();
            let logits = pollster::block_on(read_logits(network, &tape)).unwrap();
            let subject = Subject { network, tape: &tape, logits: &logits, setting: &run.setting };
            let spec = ExplainSpec { class: Some(run.best()), ..spec(method, given(&[])) };
            read(&pollster::block_on(explain(subject, &spec, false, &mut Unpaced)).unwrap().attribution)
        };
        for method in ["gradient", "lrp.alpha_2_beta_1", "lrp.flat", "lrp.w_square", "grad_cam"] {
            let map = run.map(method, &[]);
            assert_eq!(of(&run.network.with_params(&HashMap::new()), method), map);
            // The weights that it has are those that it gets.
            let all = graph.node_ids().flat_map(|id| graph.node(id).op.params());
            let same: HashMap<_, _> = all.map(|id| (id, graph.param(id).data.held().unwrap().to_vec())).collect();
            assert_eq!(of(&run.network.with_params(&same), method), map);
            // Parts of weights that rules ask for follow the new weights, not the old ones.
            let other: HashMap<_, _> =
                same.iter().map(|(id, data)| (*id, Numbers(7 + id.index() as u64).take(data.len(), 0.3))).collect();
            let changed = run.network.with_params(&other);
            let fresh = {
                let mut graph = graph.clone();
                for (id, data) in &other {
                    graph.params[id.index()].data = data.clone().into();
                }
                Network::load(std::rc::Rc::new(graph), device).unwrap()
            };
            let expected = of(&fresh, method);
            assert_alike(method, &of(&changed, method), &expected, 1e-6);
            if method != "lrp.flat" {
                assert!(deviation(&expected, &map) > 0.1, "{method} depends on the weights");
            }
            assert_eq!(of(&run.network, method), map, "the network itself stays");
        }
    });
}

#[test]
fn randomisation_goes_from_the_top_down() {
    on_both(|device| {
        let run = run(plain(true), &picture(1), device);
        let steps_of = |spec: &ExplainSpec| {
            let map = run.ask(spec).attribution;
            let map = read(&map.sum_dim(1));
            match assess(&run, spec, &map, Check::Randomisation) {
                Ok(Assessment::Randomisation { steps }) => steps,
                other => panic!("{other:?}"),
            }
        };
        let steps = steps_of(&spec("gradient", given(&[])));
        let names: Vec<&str> = steps.iter().map(|step| step.layer.as_str()).collect();
        assert_eq!(names, ["Dense_2", "Dense_1", "Conv2D_2", "Conv2D_1"]);
        assert!(steps.iter().all(|step| step.rank_correlation < 0.99), "{steps:?}");
        // What a layer computes does not change while only those above it do.
        let layer = Some(run.network.graph().nodes[1].name.clone());
        let steps = steps_of(&ExplainSpec { layer, ..spec("activation", given(&[])) });
        for step in &steps[..3] {
            assert_close(&step.layer, f64::from(step.rank_correlation), 1.0, 1.0, 1e-6);
            assert_close(&step.layer, f64::from(step.structural_similarity), 1.0, 1.0, 1e-6);
        }
        assert!(steps[3].rank_correlation < 0.95 && steps[3].structural_similarity < 0.95, "{steps:?}");
    });
}

#[test]
fn what_ignores_the_class_is_insensitive() {
    on_both(|device| {
        let run = run(chain(6, true), &Numbers(18).take(108, 1.0), device);
        let of = |method: &str| {
            let map = read(&run.outcome(method, &[]).attribution.sum_dim(1));
            match assess(&run, &spec(method, given(&[])), &map, Check::ClassSensitivity) {
                Ok(Assessment::ClassSensitivity { similarity, insensitive }) => (similarity, insensitive),
                other => panic!("{other:?}"),
            }
        };
        for method in ["activation", "eigen_cam"] {
            let (similarity, insensitive) = of(method);
            assert!((similarity - 1.0).abs() < 1e-6 && insensitive, "{method}: {similarity}");
        }
        let (similarity, insensitive) = of("gradient");
        assert!(similarity < 0.9 && !insensitive, "{similarity}");
    });
}

#[test]
fn an_empty_map_has_no_sensitivity() {
    let (graph, _) = linear([3, 6, 6], 4);
    let run = run(graph, &Numbers(18).take(108, 1.0), &innspect_engine::Device::cpu());
    let error = assess(&run, &spec("input_t_gradient", given(&[])), &[0.0; 36], Check::MaxSensitivity);
    let message = "The map is empty, so there is nothing to compare changes with.";
    assert_eq!(error.unwrap_err().to_string(), message);
}
