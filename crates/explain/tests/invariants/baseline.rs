//! Methods that share out the difference to a baseline.

use innspect_engine::Device;
use innspect_graph::{Graph, GraphBuilder, Op};
use innspect_protocol::ExplainSpec;

use crate::common::{
    Numbers, Run, assert_alike, assert_close, conv, dense, deviation, exact, flat, flatten, given, less, linear,
    modern, on_both, over_channels, picture, plain, read, relu, run, spec, sum,
};

#[test]
fn invariant_13_integrated_gradients_without_biases_are_input_times_gradient() {
    on_both(|device| {
        let run = run(plain(false), &picture(1), device);
        let product = run.map("input_t_gradient", &[]);
        let scaled = |factor: f32| product.iter().map(|value| factor * value).collect::<Vec<f32>>();
        let of = |rule: &str, steps: &str| {
            run.map("integrated_gradients", &[("baseline", "zero"), ("rule", rule), ("steps", steps)])
        };
        for steps in ["1", "7", "64"] {
            assert_alike("midpoint", &of("midpoint", steps), &product, 1e-5);
            assert_alike("right", &of("right", steps), &product, 1e-5);
        }
        // At 0 itself every rectifier is shut, so a rule that looks there misses its share.
        assert_alike("left", &of("left", "64"), &scaled(63.0 / 64.0), 1e-5);
        assert_alike("trapezoid", &of("trapezoid", "64"), &scaled(125.0 / 126.0), 1e-5);
        let compat = run.map("integrated_gradients", &[("baseline", "zero"), ("compat", "innvestigate")]);
        assert_alike("iNNvestigate", &compat, &scaled(63.0 / 64.0), 1e-5);
    });
}

/// The difference of a class's logit to that at a baseline, in f64.
fn difference(graph: &Graph, x: &[f32], base: &[f32], class: usize) -> f64 {
    exact(graph, x)[class] - exact(graph, base)[class]
}

#[test]
fn invariant_14_integrated_gradients_approach_the_difference() {
    on_both(|device| {
        for (name, graph) in [("plain", plain(true)), ("modern", modern())] {
            let x = picture(1);
            let run = run(graph, &x, device);
            let logits = exact(run.network.graph(), &x);
            for (baseline, base) in [("black", flat(0.0, 144)), ("zero", vec![0.0; 432]), ("white", flat(255.0, 144))] {
                let at_base = exact(run.network.graph(), &base);
                let differences: Vec<f64> = logits.iter().zip(&at_base).map(|(y, y0)| y - y0).collect();
                let largest = differences.iter().fold(0.0_f64, |max, difference| max.max(difference.abs()));
                let expected = differences[run.best()];
                let error = |steps: &str| {
                    let outcome = run.outcome("integrated_gradients", &[("steps", steps), ("baseline", baseline)]);
                    let total = sum(&read(&outcome.attribution));
                    let check = outcome.balance.unwrap().check(0, total);
                    assert_close("the difference", check.start, expected, largest, 1e-5);
                    assert!((check.error - ((check.start - total) / check.start).abs()).abs() < 1e-9);
                    (total - expected).abs() / largest
                };
                let errors = ["1", "8", "64", "512"].map(error);
                println!("{name} from {baseline}: {errors:.6?}");
                assert!(errors[2] < 0.05 && errors[3] < 0.004 && errors[3] < errors[0], "{errors:?}");
            }
        }
    });
}

#[test]
fn invariant_14_a_linear_model_needs_one_step() {
    on_both(|device| {
        let (graph, weights) = linear([3, 6, 6], 4);
        let x = Numbers(18).take(108, 1.0);
        let run = run(graph, &x, device);
        let class = run.best();
        for rule in ["midpoint", "left", "right", "trapezoid"] {
            let map = run.map("integrated_gradients", &[("steps", "1"), ("rule", rule), ("baseline", "grey")]);
            let shares = less(&x, &flat(127.5, 36));
            let expected: Vec<f32> = shares.iter().enumerate().map(|(i, d)| weights[i * 4 + class] * d).collect();
            assert_alike(rule, &map, &expected, 1e-5);
            let expected = difference(run.network.graph(), &x, &flat(127.5, 36), class);
            assert_close(rule, sum(&map), expected, expected.abs().max(1.0), 1e-5);
        }
    });
}

#[test]
fn invariant_15_deep_lift_is_complete() {
    on_both(|device| {
        for (name, graph) in [("plain", plain(true)), ("modern", modern())] {
            let x = picture(2);
            let run = run(graph, &x, device);
            let logits = [0, 1].map(|sample| exact(run.network.graph(), &x[sample * 432..][..432]));
            for (baseline, base) in [("black", flat(0.0, 144)), ("zero", vec![0.0; 432]), ("white", flat(255.0, 144))] {
                let at_base = exact(run.network.graph(), &base);
                for (method, params) in [
                    ("deep_lift.rescale", vec![("baseline", baseline)]),
                    ("deep_lift.reveal_cancel", vec![("baseline", baseline)]),
                    ("deep_lift.reveal_cancel", vec![("baseline", baseline), ("layers", "dense")]),
                ] {
                    for class in 0..5 {
                        let spec = ExplainSpec { class: Some(class), ..spec(method, given(&params)) };
                        let outcome = run.ask(&spec);
                        let map = read(&outcome.attribution);
                        let balance = outcome.balance.unwrap();
                        for sample in 0..2 {
                            let expected = logits[sample][class] - at_base[class];
                            let total = sum(&map[sample * 432..][..432]);
                            let what = format!("{name}, {method}, {params:?}, class {class}");
                            assert_close(&what, total, expected, expected.abs().max(0.1), 1e-4);
                            assert_close(&what, f64::from(balance.start[sample]), expected, 1.0, 1e-5);
                        }
                    }
                }
            }
        }
    });
}

#[test]
fn invariant_16_deep_lift_without_biases_is_input_times_gradient() {
    on_both(|device| {
        let mut numbers = Numbers(3);
        let mut builder = GraphBuilder::new("no pooling", "image", [3, 8, 8]);
        let x = builder.input();
        let x = conv(&mut builder, &mut numbers, x, 8, false, [1; 4]);
        let x = relu(&mut builder, x);
        let x = conv(&mut builder, &mut numbers, x, 8, false, [0; 4]);
        let x = relu(&mut builder, x);
        let x = flatten(&mut builder, x);
        let x = dense(&mut builder, &mut numbers, x, 5, false);
        let run = run(builder.finish(x), &numbers.take(192, 1.0), device);
        let map = run.map("deep_lift.rescale", &[("baseline", "zero")]);
        assert_alike("rescale", &map, &run.map("input_t_gradient", &[]), 1e-5);
    });
}

/// A rectified dense unit of four pixels.
fn rectified_unit(weights: [f32; 4], bias: f32, x: [f32; 4], device: &Device) -> Run {
    let mut builder = GraphBuilder::new("unit", "x", [1, 2, 2]);
    let input = builder.input();
    let y = flatten(&mut builder, input);
    let weight = builder.param("w", [4, 1], weights.to_vec());
    let bias = builder.param("b", [1], vec![bias]);
    let y = builder.node("unit", Op::Dense { weight, bias: Some(bias) }, &[y], "").unwrap();
    let y = relu(&mut builder, y);
    run(builder.finish(y), &x, device)
}

#[test]
fn invariant_17_on_one_unit_integrated_gradients_are_deep_lift() {
    on_both(|device| {
        let (weights, x) = ([0.5, -1.0, 2.0, 1.5], [1.0, 0.5, 0.75, -0.25]);
        // z is 1.125 at the picture and -0.5 at zero, so the rectifier opens on the way.
        let run = rectified_unit(weights, -0.5, x, device);
        let z: f32 = weights.iter().zip(&x).map(|(w, x)| w * x).sum();
        let slope = (z - 0.5) / z;
        let expected: Vec<f32> = weights.iter().zip(&x).map(|(w, x)| slope * w * x).collect();
        let rescale = run.map("deep_lift.rescale", &[("baseline", "zero")]);
        assert_alike("rescale", &rescale, &expected, 1e-6);
        let path = run.map("integrated_gradients", &[("baseline", "zero"), ("steps", "1024")]);
        assert_alike("integrated gradients", &path, &rescale, 1e-3);
    });
}

/// Shrikumar et al. 2017, section 3.5.2, by hand.
#[test]
fn reveal_cancel_tells_rising_from_falling() {
    on_both(|device| {
        // Contributions are 0.5 and 1.5 up, 0.5 and 0.375 down; from -0.5 the unit reaches 0.625.
        let (weights, x) = ([0.5, -1.0, 2.0, 1.5], [1.0, 0.5, 0.75, -0.25]);
        let run = rectified_unit(weights, -0.5, x, device);
        let rectified = |z: f64| z.max(0.0);
        let (up, down, start) = (2.0, -0.875, -0.5);
        let (y, y0) = (rectified(start + up + down), rectified(start));
        let dy_up = 0.5 * (rectified(start + up) - y0 + y - rectified(start + down));
        let dy_down = 0.5 * (rectified(start + down) - y0 + y - rectified(start + up));
        let expected: Vec<f32> = weights
            .iter()
            .zip(&x)
            .map(|(w, x)| f64::from(w * x))
            .map(|part| (part * if part > 0.0 { dy_up / up } else { dy_down / down }) as f32)
            .collect();
        let map = run.map("deep_lift.reveal_cancel", &[("baseline", "zero")]);
        assert_alike("reveal-cancel", &map, &expected, 1e-6);
        assert!(deviation(&map, &run.map("deep_lift.rescale", &[("baseline", "zero")])) > 0.03);
    });
}

/// All of them must find weight × difference on a linear model.
#[test]
fn invariant_18_on_a_linear_model_all_agree() {
    on_both(|device| {
        let (graph, weights) = linear([3, 3, 3], 4);
        let x = Numbers(18).take(27, 1.0);
        let grey = flat(127.5, 9);
        let run = run(graph, &x, device).with_pictures(&grey);
        let class = run.best();
        let shares = less(&x, &grey);
        let expected: Vec<f32> = shares.iter().enumerate().map(|(i, d)| weights[i * 4 + class] * d).collect();
        let gradient = run.map("gradient", &[]);
        let product: Vec<f32> = gradient.iter().zip(&shares).map(|(g, d)| g * d).collect();
        assert_alike("gradient × difference", &product, &expected, 1e-5);
        for (method, params) in [
            ("integrated_gradients", &[("baseline", "grey"), ("steps", "3")][..]),
            ("expected_gradients", &[("samples", "3")]),
            ("deep_lift.rescale", &[("baseline", "grey")]),
            ("deep_lift.reveal_cancel", &[("baseline", "grey")]),
        ] {
            assert_alike(method, &run.map(method, params), &expected, 1e-5);
        }
        // Masks hide all channels of a pixel at once.
        let expected = over_channels(&expected);
        for (method, params) in [
            ("occlusion", &[("window", "1"), ("stride", "1")][..]),
            ("shapley_sampling", &[("segments", "grid:3"), ("samples", "1")]),
            // All 2⁹ - 2 combinations, and fewer than that.
            ("kernel_shap", &[("segments", "grid:3"), ("samples", "510")]),
            ("kernel_shap", &[("segments", "grid:3"), ("samples", "60")]),
        ] {
            assert_alike(method, &run.map(method, params), &expected, 1e-4);
        }
    });
}

#[test]
fn expected_gradients_approach_the_mean_difference() {
    on_both(|device| {
        let x = picture(1);
        let others = Numbers(23).take(3 * 432, 1.0);
        let run = run(plain(true), &x, device).with_pictures(&others);
        let graph = run.network.graph();
        let expected = others.chunks(432).map(|other| difference(graph, &x, other, run.best())).sum::<f64>() / 3.0;
        let error = |samples: &str| {
            let outcome = run.outcome("expected_gradients", &[("samples", samples)]);
            let total = sum(&read(&outcome.attribution));
            (f64::from(outcome.balance.unwrap().start[0]), (total - expected).abs() / expected.abs())
        };
        // Three pictures take equal turns.
        let (start, few) = error("9");
        assert_close("the mean difference", start, expected, expected.abs(), 1e-5);
        let (_, many) = error("300");
        println!("expected gradients: {few:.1e} with 9 samples, {many:.1e} with 300");
        assert!(many < 0.05 && many < few, "{few} and {many}");
    });
}

#[test]
fn baselines_are_the_pictures_that_they_say() {
    on_both(|device| {
        let x = picture(1);
        let other = Numbers(23).take(432, 1.0);
        let run = run(plain(true), &x, device).with_pictures(&other);
        let mean: Vec<f32> =
            x.chunks(144).flat_map(|plane| std::iter::repeat_n(sum(plane) as f32 / 144.0, 144)).collect();
        for (baseline, base) in [
            ("black", flat(0.0, 144)),
            ("grey", flat(127.5, 144)),
            ("white", flat(255.0, 144)),
            ("zero", vec![0.0; 432]),
            ("mean", mean),
            ("picture:0", other),
        ] {
            let expected = difference(run.network.graph(), &x, &base, run.best());
            let segments = ("segments", "grid:2");
            for (method, params) in [
                ("integrated_gradients", vec![("steps", "1")]),
                ("deep_lift.rescale", vec![]),
                ("shapley_sampling", vec![segments, ("samples", "1")]),
                ("kernel_shap", vec![segments]),
            ] {
                let params = [params, vec![("baseline", baseline)]].concat();
                let start = run.outcome(method, &params).balance.unwrap().start[0];
                assert_close(baseline, f64::from(start), expected, expected.abs().max(1.0), 1e-5);
            }
        }
    });
}
