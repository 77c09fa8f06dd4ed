//! Methods that average over noisy copies.

use innspect_graph::{Activation, GraphBuilder, Op};

use crate::common::{Numbers, Run, apply, assert_alike, flatten, on_both, picture, plain, run};

#[test]
fn invariant_22_without_noise_nothing_changes() {
    on_both(|device| {
        let run = run(plain(true), &picture(1), device);
        for of in ["gradient", "input_t_gradient", "guided_backprop", "deconvnet", "lrp.epsilon", "lrp.z_plus"] {
            let clean = run.map(of, &[]);
            let squares: Vec<f32> = clean.iter().map(|value| value * value).collect();
            for samples in ["1", "5", "33"] {
                let params = [("of", of), ("noise", "0"), ("samples", samples)];
                assert_alike(of, &run.map("smoothgrad", &params), &clean, 1e-6);
                assert_alike(of, &run.map("smoothgrad_squared", &params), &squares, 2e-6);
                let largest = squares.iter().copied().fold(0.0, f32::max);
                let variance = run.map("vargrad", &params);
                assert!(variance.iter().all(|value| (0.0..=1e-10 * largest).contains(value)), "{of}: {variance:?}");
            }
        }
    });
}

/// `Σ w x²`: its gradient `2 w x` moves with the noise by `2 w σ`.
fn parabola(x: &[f32], weights: &[f32], device: &innspect_engine::Device) -> Run {
    let mut builder = GraphBuilder::new("parabola", "image", [3, 6, 6]);
    let input = builder.input();
    let y = apply(&mut builder, Activation::Pow { exponent: 2.0 }, input);
    let y = flatten(&mut builder, y);
    let weight = builder.param("w", [108, 1], weights.to_vec());
    let y = builder.node("", Op::Dense { weight, bias: None }, &[y], "").unwrap();
    run(builder.finish(y), x, device)
}

#[test]
fn noise_has_the_deviation_that_is_asked_for() {
    on_both(|device| {
        let x = Numbers(18).take(108, 1.0);
        let weights: Vec<f32> = Numbers(19).take(108, 1.0).iter().map(|w| w.signum() + w).collect();
        let run = parabola(&x, &weights, device);
        let low = x.iter().copied().fold(f32::INFINITY, f32::min);
        let high = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let params = |noise| [("noise", noise), ("samples", "1000"), ("of", "gradient")];
        let sigma = 0.2 * (high - low);
        // The mean over pixels of what each should be relative to its own.
        let ratio = |map: &[f32], expected: &dyn Fn(usize) -> f32| {
            (0..108).map(|i| f64::from(map[i] / expected(i))).sum::<f64>() / 108.0
        };
        let variance = run.map("vargrad", &params("0.2"));
        let found = ratio(&variance, &|i| (2.0 * weights[i] * sigma).powi(2));
        assert!((found - 1.0).abs() < 0.02, "{found}");
        let squares = run.map("smoothgrad_squared", &params("0.2"));
        let found = ratio(&squares, &|i| (2.0 * weights[i]).powi(2) * (x[i] * x[i] + sigma * sigma));
        assert!((found - 1.0).abs() < 0.02, "{found}");
        // The mean of 1000 copies is off by σ / √1000, six times that at the very most.
        let mean = run.map("smoothgrad", &params("0.2"));
        for (i, value) in mean.iter().enumerate() {
            let error = (value / (2.0 * weights[i]) - x[i]).abs();
            assert!(error < 6.0 * sigma / 1000.0_f32.sqrt(), "{error}");
        }
        // In iNNvestigate's units.
        let of = |samples| run.map("smoothgrad", &[("noise", "0.5"), ("samples", samples), ("compat", "innvestigate")]);
        let one = of("1");
        let drawn = (0..108).map(|i| f64::from((one[i] / (2.0 * weights[i]) - x[i]).powi(2))).sum::<f64>() / 108.0;
        assert!((drawn.sqrt() / 0.5 - 1.0).abs() < 0.25, "{}", drawn.sqrt());
    });
}

#[test]
fn a_linear_model_does_not_feel_noise() {
    on_both(|device| {
        let (graph, weights) = crate::common::linear([3, 6, 6], 4);
        let run = run(graph, &Numbers(18).take(108, 1.0), device);
        let class = run.best();
        let expected: Vec<f32> = (0..108).map(|i| weights[i * 4 + class]).collect();
        assert_alike("SmoothGrad", &run.map("smoothgrad", &[("noise", "0.5")]), &expected, 1e-6);
        let squares: Vec<f32> = expected.iter().map(|w| w * w).collect();
        assert_alike("SmoothGrad²", &run.map("smoothgrad_squared", &[("noise", "0.5")]), &squares, 2e-6);
        assert!(run.map("vargrad", &[("noise", "0.5")]).iter().all(|value| *value == 0.0));
    });
}
