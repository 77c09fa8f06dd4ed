//! PatternNet and PatternAttribution.

use innspect_engine::PatternFit;
use innspect_graph::{Conv2d, Op};
use innspect_protocol::ExplainSpec;

use crate::common::{assert_alike, assert_close, given, linear, on_both, picture, plain, read, run, spec, sum};

#[test]
fn invariant_31_weights_times_pattern_is_1() {
    on_both(|device| {
        for rectified_only in [false, true] {
            let run = run(plain(true), &picture(3), device);
            let mut fit = PatternFit::new(&run.network, rectified_only);
            fit.add(&run.tape);
            let patterns = fit.finish();
            let graph = run.network.graph();
            let (mut ones, mut zeros) = (0, 0);
            for node in &graph.nodes {
                let (Op::Conv2d(Conv2d { weight, .. }) | Op::Dense { weight, .. }) = &node.op else { continue };
                let w = graph.param(*weight);
                let numbers = w.data.held().unwrap();
                let a = read(patterns.of(*weight).unwrap());
                assert_eq!(a.len(), w.data.len());
                // The last axis counts the units of a dense layer, the first those of a convolution.
                let is_dense = matches!(node.op, Op::Dense { .. });
                let units = if is_dense { w.shape[1] } else { w.shape[0] };
                let unit_of = |at: usize| if is_dense { at % units } else { at / (a.len() / units) };
                for unit in 0..units {
                    let own = (0..a.len()).filter(|&at| unit_of(at) == unit);
                    let product: f64 = own.clone().map(|at| f64::from(numbers[at]) * f64::from(a[at])).sum();
                    if own.clone().all(|at| a[at] == 0.0) {
                        zeros += 1;
                        continue;
                    }
                    ones += 1;
                    assert_close(&node.name, product, 1.0, 1.0, 1e-4);
                }
            }
            // Units that never were positive have no pattern.
            assert!(ones >= 30 && zeros < 8, "{ones} units with a pattern, {zeros} without");
        }
    });
}

/// With pictures spread evenly in all directions the pattern of a unit is its weights over their square.
#[test]
fn patterns_of_even_pictures_are_the_weights() {
    on_both(|device| {
        let (graph, weights) = linear([3, 2, 2], 4);
        let pictures: Vec<f32> = (0..24)
            .flat_map(|index| {
                let mut picture = vec![0.0; 12];
                picture[index / 2] = if index % 2 == 0 { 3.0 } else { -3.0 };
                picture
            })
            .collect();
        let run = run(graph, &[0.5; 12], device).with_pictures(&pictures);
        for class in 0..4 {
            let w: Vec<f32> = (0..12).map(|i| weights[i * 4 + class]).collect();
            let square: f32 = w.iter().map(|w| w * w).sum();
            let of = |method: &str| {
                let params = given(&[("patterns", "linear"), ("pictures", "24")]);
                run.map_of(&ExplainSpec { class: Some(class), ..spec(method, params) })
            };
            // Of a signal only the shape counts: it arrives with a largest value of 1.
            let largest = w.iter().fold(0.0_f32, |max, w| max.max(w.abs()));
            let expected: Vec<f32> = w.iter().map(|w| w / largest).collect();
            assert_alike("PatternNet", &of("pattern.net"), &expected, 1e-5);
            let expected: Vec<f32> = w.iter().map(|w| w * w / square).collect();
            let attribution = of("pattern.attribution");
            assert_alike("PatternAttribution", &attribution, &expected, 1e-5);
            assert_close("its sum", sum(&attribution), 1.0, 1.0, 1e-5);
        }
    });
}

/// The pattern follows the signal where the weights follow the distractor (Kindermans et al. 2018, section 2).
#[test]
fn patterns_leave_the_distractor_out() {
    on_both(|device| {
        // Pixels are (y + d, d, 0, …): the weights (1, -1, 0, …) read y, whose direction is (1, 0, 0, …).
        let mut builder = innspect_graph::GraphBuilder::new("toy", "image", [3, 2, 2]);
        let input = builder.input();
        let flat = crate::common::flatten(&mut builder, input);
        let mut weights = vec![0.0; 12];
        (weights[0], weights[1]) = (1.0, -1.0);
        let weight = builder.param("w", [12, 1], weights);
        let y = builder.node("", Op::Dense { weight, bias: None }, &[flat], "").unwrap();
        let graph = builder.finish(y);
        let pictures: Vec<f32> = [(1.0, 2.0), (1.0, -2.0), (-1.0, 2.0), (-1.0, -2.0), (3.0, 0.5), (3.0, -0.5)]
            .iter()
            .flat_map(|&(signal, distractor)| {
                let mut picture = vec![0.0; 12];
                (picture[0], picture[1]) = (signal + distractor, distractor);
                picture
            })
            .collect();
        let run = run(graph, &[0.5; 12], device).with_pictures(&pictures);
        let mut expected = vec![0.0; 12];
        expected[0] = 1.0;
        assert_alike("PatternNet", &run.map("pattern.net", &[("patterns", "linear")]), &expected, 1e-5);
        assert_eq!(run.map("gradient", &[])[..2], [1.0, -1.0]);
        let outcome = run.outcome("pattern.net", &[("pictures", "4")]);
        assert_eq!(outcome.notes, ["Patterns were fitted to 4 pictures."]);
    });
}
