//! What is explained: gradients of every target by finite differences in f64, and targets that are differences.

use innspect_graph::{FinalActivation, Graph, NodeId, reference};
use innspect_protocol::{ExplainSpec, Neuron, Target};

use crate::common::{
    Numbers, Run, assert_alike, assert_close, chain, deviation, exact, flat, given, less, modern, on_both, picture,
    plain, run, softmax, spec, sum,
};

/// Fails unless a map is the gradient of a number of the network: central differences along random directions.
#[track_caller]
fn assert_gradient(what: &str, graph: &Graph, x: &[f32], map: &[f32], number: impl Fn(&[Vec<f64>]) -> f64) {
    let mut directions = Numbers(77);
    let mut worst = 0.0_f64;
    for _ in 0..4 {
        let direction = directions.take(x.len(), 1.0 / 8192.0);
        let moved = |sign: f32| x.iter().zip(&direction).map(|(x, v)| x + sign * v).collect::<Vec<f32>>();
        let (up, down) = (moved(1.0), moved(-1.0));
        let change = number(&reference::run(graph, &up).unwrap()) - number(&reference::run(graph, &down).unwrap());
        // The step as it is in f32.
        let steps = up.iter().zip(&down).zip(map).map(|((up, down), g)| (f64::from(*up) - f64::from(*down), *g));
        let parts: Vec<f64> = steps.map(|(step, g)| step * f64::from(g)).collect();
        let typical = parts.iter().map(|part| part * part).sum::<f64>().sqrt();
        worst = worst.max((change - parts.iter().sum::<f64>()).abs() / typical);
    }
    println!("{what}: {worst:.1e}");
    assert!(worst < 1e-4, "{what}: {worst:e}");
}

fn gradient_of(run: &Run, target: Target, class: usize) -> Vec<f32> {
    run.map_of(&ExplainSpec { target, class: Some(class), ..spec("gradient", given(&[])) })
}

#[test]
fn invariant_30_the_gradient_is_what_finite_differences_say() {
    on_both(|device| {
        for (name, graph) in [("plain", plain(true)), ("modern", modern())] {
            let x = picture(1);
            let run = run(graph, &x, device);
            let graph = run.network.graph();
            let output = graph.output.index();
            for class in 0..5 {
                let map = gradient_of(&run, Target::Logit, class);
                assert_gradient(&format!("{name}, logit {class}"), graph, &x, &map, |values| values[output][class]);
                let map = gradient_of(&run, Target::Probability, class);
                let number = |values: &[Vec<f64>]| softmax(&values[output])[class];
                assert_gradient(&format!("{name}, probability {class}"), graph, &x, &map, number);
                let against = (class + 2) % 5;
                let map = gradient_of(&run, Target::Contrast { against: Some(against) }, class);
                let number = |values: &[Vec<f64>]| values[output][class] - values[output][against];
                assert_gradient(&format!("{name}, contrast {class}"), graph, &x, &map, number);
            }
        }
    });
}

#[test]
fn a_sigmoid_has_probabilities_of_its_own() {
    on_both(|device| {
        let x = picture(1);
        let run = run(Graph { final_activation: FinalActivation::Sigmoid, ..plain(true) }, &x, device);
        let graph = run.network.graph();
        for class in 0..5 {
            let map = gradient_of(&run, Target::Probability, class);
            let number = |values: &[Vec<f64>]| 1.0 / (1.0 + (-values[graph.output.index()][class]).exp());
            assert_gradient("sigmoid", graph, &x, &map, number);
        }
    });
}

/// Units of every layer but the last: channels and single positions.
fn units(graph: &Graph) -> Vec<(NodeId, Neuron)> {
    let mut units = Vec::new();
    for id in graph.node_ids() {
        let shape = graph.value(graph.node(id).output).shape.dims();
        units.push((id, Neuron { channel: shape[0] / 2, position: None }));
        if let [_, height, width] = shape {
            units.push((id, Neuron { channel: 1.min(shape[0] - 1), position: Some([height / 3, width / 2]) }));
        }
    }
    units
}

fn unit_of(graph: &Graph, values: &[Vec<f64>], id: NodeId, neuron: Neuron) -> f64 {
    let value = graph.node(id).output;
    let shape = graph.value(value).shape.dims();
    let cells: usize = shape[1..].iter().product();
    let channel = &values[value.index()][neuron.channel * cells..][..cells];
    neuron.position.map_or_else(|| channel.iter().sum(), |[row, column]| channel[row * shape[2] + column])
}

#[test]
fn units_of_layers_have_gradients_too() {
    on_both(|device| {
        for graph in [plain(true), modern()] {
            let x = picture(1);
            let run = run(graph, &x, device);
            let graph = run.network.graph();
            let values = reference::run(graph, &x).unwrap();
            for (id, neuron) in units(graph) {
                let layer = graph.node(id).name.clone();
                let what = format!("{layer} {neuron:?}");
                let target = Target::Neuron { layer, neuron };
                let map = gradient_of(&run, target.clone(), 0);
                if map.iter().all(|value| *value == 0.0) {
                    assert_eq!(unit_of(graph, &values, id, neuron), 0.0, "{what} has no gradient, so it is closed");
                    continue;
                }
                assert_gradient(&what, graph, &x, &map, |values| unit_of(graph, values, id, neuron));
            }
        }
    });
}

#[test]
fn differences_to_a_baseline_are_those_of_the_unit() {
    on_both(|device| {
        let x = picture(1);
        let run = run(modern(), &x, device);
        let graph = run.network.graph();
        let values = reference::run(graph, &x).unwrap();
        let at_black = reference::run(graph, &flat(0.0, 144)).unwrap();
        for (id, neuron) in units(graph) {
            let target = Target::Neuron { layer: graph.node(id).name.clone(), neuron };
            let expected = unit_of(graph, &values, id, neuron) - unit_of(graph, &at_black, id, neuron);
            if expected.abs() < 0.05 {
                continue;
            }
            let of = |method: &str| ExplainSpec { target: target.clone(), ..spec(method, given(&[])) };
            let what = format!("{} {neuron:?}", graph.node(id).name);
            assert_close(&what, sum(&run.map_of(&of("deep_lift.rescale"))), expected, expected.abs(), 1e-4);
            let path = ExplainSpec { params: given(&[("steps", "1")]), ..of("integrated_gradients") };
            let outcome = run.ask(&path);
            let start = f64::from(outcome.balance.unwrap().start[0]);
            assert_close(&what, start, expected, expected.abs(), 1e-5);
        }
    });
}

/// A contrast is a difference for all methods that are linear in what they explain.
#[test]
fn invariant_26_a_contrast_is_a_difference() {
    on_both(|device| {
        let run = run(chain(6, true), &Numbers(18).take(108, 1.0), device);
        let window = &[("window", "2"), ("stride", "1")][..];
        let segments = &[("segments", "grid:3"), ("samples", "4")];
        let signed = &[("signed", "yes")];
        for (method, params, tolerance) in [
            ("gradient", &[][..], 1e-5),
            ("input_t_gradient", &[], 1e-5),
            ("smoothgrad", &[("samples", "3")], 1e-5),
            ("integrated_gradients", &[("steps", "4")], 1e-5),
            ("deep_lift.rescale", &[], 1e-5),
            ("deep_lift.reveal_cancel", &[], 1e-5),
            ("grad_cam", signed, 1e-5),
            ("hires_cam", signed, 1e-5),
            ("x_grad_cam", signed, 1e-5),
            ("occlusion", window, 1e-5),
            ("shapley_sampling", segments, 1e-5),
            ("kernel_shap", segments, 1e-4),
            // Each logit is split apart.
            ("lrp.epsilon", &[], 1e-5),
            ("lrp.alpha_2_beta_1", &[], 1e-5),
        ] {
            let of = |class, target| run.map_of(&ExplainSpec { class, target, ..spec(method, given(params)) });
            let maps: Vec<Vec<f32>> = (0..5).map(|class| of(Some(class), Target::Logit)).collect();
            let contrast = of(Some(3), Target::Contrast { against: Some(1) });
            assert_alike(method, &contrast, &less(&maps[3], &maps[1]), tolerance);
            // By default the best class against the next.
            let mut order: Vec<usize> = (0..5).collect();
            order.sort_by(|&a, &b| run.logits[b].total_cmp(&run.logits[a]));
            let contrast = of(None, Target::Contrast { against: None });
            assert_alike(method, &contrast, &less(&maps[order[0]], &maps[order[1]]), tolerance);
            // Any other class against the best.
            let contrast = of(Some(order[2]), Target::Contrast { against: None });
            assert_alike(method, &contrast, &less(&maps[order[2]], &maps[order[0]]), tolerance);
        }
    });
}

#[test]
fn results_name_their_target() {
    let run = run(plain(true), &picture(1), &innspect_engine::Device::cpu());
    let of =
        |method: &str, target| run.ask(&ExplainSpec { target, class: Some(3), ..spec(method, given(&[])) }).targets;
    assert_eq!(of("gradient", Target::Logit), ["logit 3"]);
    assert_eq!(of("gradient", Target::Probability), ["probability 3"]);
    assert_eq!(of("gradient", Target::Contrast { against: Some(1) }), ["logit 3 - logit 1"]);
    let unit = |position| Target::Neuron { layer: "pool".into(), neuron: Neuron { channel: 2, position } };
    assert_eq!(of("gradient", unit(None)), ["layer pool, channel 2"]);
    assert_eq!(of("gradient", unit(Some([1, 4]))), ["layer pool, channel 2, row 1, column 4"]);
    assert_eq!(of("activation", Target::Logit), ["layer activation"]);
    // Methods that are defined on probabilities.
    let lime = ExplainSpec { class: Some(3), ..spec("lime", given(&[("samples", "20"), ("segments", "grid:2")])) };
    assert_eq!(run.ask(&lime).targets, ["probability 3"]);
}

/// The probability of a class falls where another one rises, which its logit does not see.
#[test]
fn probabilities_add_up_to_nothing() {
    on_both(|device| {
        let x = picture(1);
        let run = run(plain(true), &x, device);
        let maps: Vec<Vec<f32>> = (0..5).map(|class| gradient_of(&run, Target::Probability, class)).collect();
        let total: Vec<f32> = (0..432).map(|at| maps.iter().map(|map| map[at]).sum()).collect();
        let largest = maps.iter().flatten().fold(0.0_f32, |max, value| max.max(value.abs()));
        assert!(total.iter().all(|value| value.abs() < 1e-6 * largest), "{total:?}");
        let shares = softmax(&exact(run.network.graph(), &x));
        assert!(shares.iter().all(|share| *share > 1e-3) && deviation(&maps[0], &maps[1]) > 0.1);
    });
}
