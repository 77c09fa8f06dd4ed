//! What cannot be explained is refused in words that help.

use innspect_engine::Device;
use innspect_explain::ExplainError;
use innspect_graph::GraphBuilder;
use innspect_protocol::{Concept, ExplainSpec, Neuron, Target};

use crate::common::{Numbers, Run, dense, given, linear, modern, picture, plain, run, spec};

fn plain_run() -> Run {
    run(plain(true), &picture(1), &Device::cpu())
}

#[track_caller]
fn assert_refused(run: &Run, spec: &ExplainSpec, message: &str) {
    assert_eq!(run.refusal(spec).to_string(), message);
}

#[test]
fn methods_and_parameters_must_exist() {
    let run = plain_run();
    assert_refused(
        &run,
        &spec("gradcam", given(&[])),
        r#"there is no method "gradcam"; `innspect methods` lists them all"#,
    );
    for (method, name, value, message) in [
        ("gradient", "x", "1", r#"gradient has no parameter "x"; it has none"#),
        (
            "integrated_gradients",
            "step",
            "3",
            r#"integrated_gradients has no parameter "step"; it has steps, baseline, rule, compat"#,
        ),
        (
            "integrated_gradients",
            "steps",
            "0",
            "integrated_gradients: steps must be a whole number from 1 to 1024, not 0",
        ),
        (
            "integrated_gradients",
            "steps",
            "2.5",
            "integrated_gradients: steps must be a whole number from 1 to 1024, not 2.5",
        ),
        (
            "integrated_gradients",
            "rule",
            "simpson",
            "integrated_gradients: rule must be one of midpoint, left, right, trapezoid, not simpson",
        ),
        (
            "integrated_gradients",
            "baseline",
            "purple",
            "integrated_gradients: baseline must be one of black, white, grey, mean, blur, noise, zero or picture:NAME, not purple",
        ),
        ("lrp.epsilon", "epsilon", "0", "lrp.epsilon: epsilon must be a number from 0.000000001 to 1000, not 0"),
        ("lrp.alpha_beta", "beta", "0.5", "lrp.alpha_beta: beta must be auto or alpha - 1, which is 1, not 0.5"),
        ("lrp.epsilon", "epsilon", "NaN", "lrp.epsilon: epsilon must be a number from 0.000000001 to 1000, not NaN"),
        (
            "lrp.epsilon",
            "input_rule",
            "box:2,1",
            "lrp.epsilon: input_rule must be none, flat, w_square, box or box:LOW,HIGH with LOW below HIGH, not box:2,1",
        ),
        (
            "deep_taylor.bounded",
            "low",
            "dark",
            "deep_taylor.bounded: low must be auto or a number from -1000000 to 1000000, not dark",
        ),
        (
            "lime",
            "segments",
            "grid:0",
            r#"lime: segments must be grid:N or slic:N (The number "0" cannot be used with `grid`.), not grid:0"#,
        ),
    ] {
        assert_refused(&run, &spec(method, given(&[(name, value)])), message);
    }
    assert_refused(
        &run,
        &spec("deep_taylor.bounded", given(&[("low", "1"), ("high", "0")])),
        "The smallest input must lie below the largest one, but 1 and 0 were given.",
    );
}

#[test]
fn classes_layers_and_units_must_exist() {
    let run = plain_run();
    let gradient = spec("gradient", given(&[]));
    let no_class = ExplainError::Class { class: 5, classes: 5 };
    assert_eq!(no_class.to_string(), "the network has 5 classes, numbered from 0; there is no class 5");
    assert_eq!(run.refusal(&ExplainSpec { class: Some(5), ..gradient.clone() }), no_class);
    let target = Target::Contrast { against: Some(5) };
    assert_eq!(run.refusal(&ExplainSpec { target, ..gradient.clone() }), no_class);

    let no_layer = ExplainError::UnknownLayer { name: "conv9".into() };
    assert_eq!(no_layer.to_string(), r#"the network has no layer "conv9"; `innspect inspect` lists them all"#);
    let cam = spec("grad_cam", given(&[]));
    assert_eq!(run.refusal(&ExplainSpec { layer: Some("conv9".into()), ..cam.clone() }), no_layer);
    assert_refused(
        &run,
        &ExplainSpec { layer: Some("Dense_1".into()), ..cam },
        "Layer Dense_1 makes 16, not a feature map with more than one position.",
    );
    let unit = |layer: &str, channel, position| ExplainSpec {
        target: Target::Neuron { layer: layer.into(), neuron: Neuron { channel, position } },
        ..gradient.clone()
    };
    assert_eq!(run.refusal(&unit("conv9", 0, None)), no_layer);
    let channel = "Layer pool has 8 channels, numbered from 0; there is no channel 8.";
    assert_refused(&run, &unit("pool", 8, None), channel);
    let place = "Layer pool has 6 × 6 positions, numbered from 0; there is no 2, 6.";
    assert_refused(&run, &unit("pool", 7, Some([2, 6])), place);
    assert_refused(&run, &unit("Dense_1", 7, Some([0, 0])), "Layer Dense_1 has no rows and columns.");

    let concept = |layer: &str, channels: &[usize]| ExplainSpec {
        concept: Some(Concept { layer: layer.into(), channels: channels.to_vec() }),
        ..spec("lrp.epsilon", given(&[]))
    };
    assert_eq!(run.refusal(&concept("conv9", &[0])), no_layer);
    assert_refused(&run, &concept("pool", &[0, 8]), channel);
    let activation = |channel, position| ExplainSpec {
        layer: Some("pool".into()),
        neuron: Some(Neuron { channel, position }),
        ..spec("activation", given(&[]))
    };
    assert_refused(&run, &activation(8, None), channel);
    let whole = "An activation map shows a whole channel; leave row and column out.";
    assert_refused(&run, &activation(1, Some([0, 0])), whole);
}

#[test]
fn methods_say_what_they_do_not_explain() {
    let run = plain_run();
    let with = |method: &str, target| ExplainSpec { target, ..spec(method, given(&[])) };
    let unit = Target::Neuron { layer: "pool".into(), neuron: Neuron { channel: 0, position: None } };
    let contrast = Target::Contrast { against: None };
    assert_refused(&run, &with("eigen_cam", contrast), "EigenCAM does not explain one class rather than another.");
    assert_refused(&run, &with("grad_cam", unit.clone()), "Grad-CAM does not explain a unit of a layer.");
    assert_refused(&run, &with("deep_taylor", Target::Probability), "Deep Taylor does not explain a probability.");
    // Whatever the table says can be asked for can be had, and nothing else.
    let concept = Some(Concept { layer: "pool".into(), channels: vec![0] });
    let run = run.with_pictures(&Numbers(23).take(864, 1.0));
    for method in innspect_explain::methods() {
        let quick = crate::common::quick(&method);
        for (kind, target) in [
            (innspect_protocol::TargetKind::Probability, Target::Probability),
            (innspect_protocol::TargetKind::Contrast, Target::Contrast { against: None }),
            (innspect_protocol::TargetKind::Neuron, unit.clone()),
        ] {
            let spec = ExplainSpec { target, ..spec(&method.id, quick.clone()) };
            if method.targets.contains(&kind) {
                let map = run.map_of(&spec);
                assert!(map.iter().all(|value| value.is_finite()), "{}, {kind:?}", method.id);
            } else {
                let refused = run.refusal(&spec);
                assert!(matches!(refused, ExplainError::NotApplicable { .. }), "{}: {refused}", method.id);
            }
        }
        let spec = ExplainSpec { concept: concept.clone(), ..spec(&method.id, quick) };
        if method.concept {
            assert!(run.ask(&spec).notes[0].starts_with("Only what passes channel 0 of layer pool"));
        } else {
            let message = format!("{} cannot be restricted to a concept; LRP methods can.", method.name);
            assert_refused(&run, &spec, &message);
        }
    }
}

#[test]
fn networks_must_have_what_a_method_needs() {
    let (graph, _) = linear([3, 6, 6], 4);
    let without_layers = run(graph, &Numbers(18).take(108, 1.0), &Device::cpu());
    for method in ["guided_backprop", "deconvnet", "guided_grad_cam"] {
        let refused = without_layers.refusal(&spec(method, given(&[]))).to_string();
        assert!(refused.contains("is defined by what rectifiers (ReLU, ReLU6) let pass"), "{refused}");
    }
    let nothing = "The network has no layer with a feature map, so there is nothing to draw a map of.";
    assert_refused(&without_layers, &spec("grad_cam", given(&[])), nothing);

    let mut builder = GraphBuilder::new("vector", "x", [6]);
    let x = builder.input();
    let x = dense(&mut builder, &mut Numbers(3), x, 4, true);
    let vector = run(builder.finish(x), &[0.5; 6], &Device::cpu());
    let message = "The network does not read pictures, so no part of one can be changed.";
    for method in ["integrated_gradients", "deep_lift.rescale", "occlusion", "rise"] {
        assert_refused(&vector, &spec(method, given(&[])), message);
    }
    // Gradients and LRP need no picture.
    assert_eq!(vector.map("gradient", &[]).len(), 6);
    assert_eq!(vector.map("lrp.epsilon", &[]).len(), 6);
}

#[test]
fn pictures_must_be_there() {
    let run = plain_run();
    let more = "Expected Gradients starts its paths at other pictures; open some more.";
    assert_refused(&run, &spec("expected_gradients", given(&[])), more);
    let more = "Prediction Difference fills parts from other pictures; open some more.";
    assert_refused(&run, &spec("prediction_difference", given(&[])), more);
    let absent = "The baseline picture cat is not loaded.";
    for method in ["integrated_gradients", "deep_lift.rescale", "occlusion", "score_cam"] {
        assert_refused(&run, &spec(method, given(&[("baseline", "picture:cat")])), absent);
    }
    // Patterns make do with what is explained, and say so.
    let notes = run.outcome("pattern.net", &[]).notes;
    assert_eq!(notes, ["Patterns were fitted to 1 picture; open more for better ones."]);
    // In a batch the others are the other pictures.
    let batch = crate::common::run(modern(), &picture(2), &Device::cpu());
    assert_eq!(batch.map("expected_gradients", &[("samples", "2")]).len(), 864);
}
