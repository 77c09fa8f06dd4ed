//! Methods that hide parts of the picture.

use innspect_graph::{Graph, GraphBuilder, Op};
use innspect_protocol::{ExplainSpec, Target};

use crate::common::{
    Numbers, Run, assert_alike, assert_close, chain, deviation, exact, flat, flatten, given, less, linear, on_both,
    over_channels, picture, plain, read, run, softmax, spec, sum,
};

/// A small picture, and the network that all combinations can be tried on.
fn small(device: &innspect_engine::Device) -> (Run, Vec<f32>) {
    let x = Numbers(18).take(108, 1.0);
    (run(chain(6, true), &x, device), x)
}

/// The part of each pixel of 6 × 6 in a grid of 3 × 3.
fn part(pixel: usize) -> usize {
    pixel / 12 * 3 + pixel % 6 / 2
}

/// The picture with some parts shown and grey elsewhere.
fn shown(x: &[f32], parts: usize) -> Vec<f32> {
    let grey = flat(127.5, 36);
    (0..x.len()).map(|i| if parts >> part(i % 36) & 1 == 1 { x[i] } else { grey[i] }).collect()
}

/// The mean over all orders of what each part adds.
fn shapley(graph: &Graph, x: &[f32], number: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let scores: Vec<f64> = (0..512).map(|parts| number(&exact(graph, &shown(x, parts)))).collect();
    let factorial = |n: usize| (1..=n).product::<usize>() as f64;
    (0..9)
        .map(|part| {
            let without = (0..512_usize).filter(|parts| parts >> part & 1 == 0);
            let share = |parts: usize| {
                let size = parts.count_ones() as usize;
                factorial(size) * factorial(8 - size) / factorial(9) * (scores[parts | 1 << part] - scores[parts])
            };
            without.map(share).sum()
        })
        .collect()
}

/// Shares of parts, spread over their four pixels.
fn spread(shares: &[f64]) -> Vec<f32> {
    (0..36).map(|pixel| (shares[part(pixel)] / 4.0) as f32).collect()
}

#[test]
fn invariant_21_kernel_shap_with_all_combinations_is_exact() {
    on_both(|device| {
        let (run, x) = small(device);
        let graph = run.network.graph();
        let class = run.best();
        let of = |target, samples| {
            let params = given(&[("segments", "grid:3"), ("samples", samples)]);
            run.ask(&ExplainSpec { target, ..spec("kernel_shap", params) })
        };
        let logit = spread(&shapley(graph, &x, |logits| logits[class]));
        let outcome = of(Target::Logit, "510");
        assert_alike("logit", &read(&outcome.attribution), &logit, 1e-4);
        assert_eq!(outcome.notes, ["All 510 combinations of 9 segments were tried: the shares are exact."]);
        let probability = spread(&shapley(graph, &x, |logits| softmax(logits)[class]));
        assert_alike("probability", &read(&of(Target::Probability, "600").attribution), &probability, 1e-4);
        // Fewer come near, and still add up.
        let outcome = of(Target::Logit, "200");
        let map = read(&outcome.attribution);
        let error = deviation(&map, &logit);
        assert!((1e-4..0.3).contains(&error), "{error}");
        assert_eq!(outcome.notes, ["200 combinations of 9 segments were tried."]);
        assert_close("200 samples", sum(&map), sum(&logit), sum(&logit).abs(), 1e-4);
    });
}

#[test]
fn invariant_20_shapley_values_add_up_for_any_number_of_orders() {
    on_both(|device| {
        let (run, x) = small(device);
        let graph = run.network.graph();
        let class = run.best();
        let whole = exact(graph, &x)[class] - exact(graph, &shown(&x, 0))[class];
        for segments in ["grid:1", "grid:2", "grid:3", "grid:6", "slic:7"] {
            for samples in ["1", "2", "7"] {
                let outcome = run.outcome("shapley_sampling", &[("segments", segments), ("samples", samples)]);
                let total = sum(&read(&outcome.attribution));
                assert_close(segments, total, whole, whole.abs(), 1e-5);
                let check = outcome.balance.unwrap().check(0, total);
                assert_close(segments, check.start, whole, whole.abs(), 1e-5);
            }
        }
        let expected = spread(&shapley(graph, &x, |logits| logits[class]));
        let error = |samples| {
            let map = run.map("shapley_sampling", &[("segments", "grid:3"), ("samples", samples)]);
            deviation(&map, &expected)
        };
        let (few, many) = (error("2"), error("600"));
        println!("Shapley values by sampling: {few:.2} with 2 orders, {many:.2} with 600");
        assert!(many < few && many < 0.1, "{few} and {many}");
    });
}

#[test]
fn invariant_29_hiding_everything_takes_the_whole_difference() {
    on_both(|device| {
        let x = picture(1);
        let run = run(plain(true), &x, device);
        let class = run.best();
        for (baseline, base) in [("grey", flat(127.5, 144)), ("black", flat(0.0, 144)), ("zero", vec![0.0; 432])] {
            let whole = exact(run.network.graph(), &x)[class] - exact(run.network.graph(), &base)[class];
            for window in ["12", "512"] {
                let map = run.map("occlusion", &[("window", window), ("stride", "5"), ("baseline", baseline)]);
                assert_alike(baseline, &map, &[whole as f32; 144], 1e-5);
            }
        }
    });
}

#[test]
fn invariant_29_disjoint_windows_add_up_on_a_linear_model() {
    on_both(|device| {
        let (graph, weights) = linear([3, 6, 6], 4);
        let x = Numbers(18).take(108, 1.0);
        let run = run(graph, &x, device);
        let class = run.best();
        let shares = less(&x, &flat(127.5, 36));
        let parts: Vec<f32> = shares.iter().enumerate().map(|(i, d)| weights[i * 4 + class] * d).collect();
        let pixels = over_channels(&parts);
        let map = run.map("occlusion", &[("window", "2"), ("stride", "2")]);
        let expected: Vec<f32> =
            (0..36).map(|at| (0..36).filter(|&p| part(p) == part(at)).map(|p| pixels[p]).sum()).collect();
        assert_alike("windows", &map, &expected, 1e-5);
        let whole = exact(run.network.graph(), &x)[class] - exact(run.network.graph(), &flat(127.5, 36))[class];
        assert_close("their sum", sum(&map) / 4.0, whole, whole.abs(), 1e-5);
    });
}

#[test]
fn occlusion_is_the_mean_over_the_windows_on_a_pixel() {
    on_both(|device| {
        let (run, x) = small(device);
        let graph = run.network.graph();
        let class = run.best();
        let grey = flat(127.5, 36);
        let whole = exact(graph, &x)[class];
        let (mut sums, mut counts) = ([0.0; 36], [0.0; 36]);
        // Windows of 3 by steps of 2 start at 0 and 2, and one more ends at the border.
        for (top, left) in [0, 2, 3].into_iter().flat_map(|top| [0, 2, 3].map(|left| (top, left))) {
            let inside = |p: usize| (top..top + 3).contains(&(p / 6)) && (left..left + 3).contains(&(p % 6));
            let hidden: Vec<f32> = (0..108).map(|i| if inside(i % 36) { grey[i] } else { x[i] }).collect();
            let drop = whole - exact(graph, &hidden)[class];
            for pixel in (0..36).filter(|&pixel| inside(pixel)) {
                sums[pixel] += drop;
                counts[pixel] += 1.0;
            }
        }
        let expected: Vec<f32> = sums.iter().zip(counts).map(|(sum, count)| (sum / count) as f32).collect();
        assert_alike("occlusion", &run.map("occlusion", &[("window", "3"), ("stride", "2")]), &expected, 1e-5);
    });
}

/// Base-2 log odds after Laplace's correction for 100 000 pictures seen.
fn log_odds(probability: f64) -> f64 {
    let corrected = (probability * 1e5 + 1.0) / (1e5 + 5.0);
    (corrected / (1.0 - corrected)).log2()
}

#[test]
fn prediction_difference_compares_log_odds() {
    on_both(|device| {
        let (run, x) = small(device);
        let others = Numbers(23).take(2 * 108, 1.0);
        let run = run.with_pictures(&others);
        let graph = run.network.graph();
        let class = run.best();
        let probability = |x: &[f32]| softmax(&exact(graph, x))[class];
        // The left half and the right half, each from both other pictures.
        let halves = [0, 1].map(|half| {
            let filled = |other: &[f32]| {
                let mixed: Vec<f32> = (0..108).map(|i| if i % 6 / 3 == half { other[i] } else { x[i] }).collect();
                probability(&mixed)
            };
            log_odds(probability(&x)) - log_odds(others.chunks(108).map(filled).sum::<f64>() / 2.0)
        });
        // Windows of 6 × 6 are the whole picture; of 3 × 3 they are quarters, whose rows differ.
        let whole = log_odds(probability(&x)) - log_odds(others.chunks(108).map(probability).sum::<f64>() / 2.0);
        let map = run.map("prediction_difference", &[("window", "6"), ("stride", "6"), ("samples", "2")]);
        assert_alike("the whole picture", &map, &[whole as f32; 36], 1e-4);
        assert!((halves[0] - halves[1]).abs() > 1e-3);
        let quarter = |pixel: usize| {
            let inside = |p: usize| p / 6 / 3 == pixel / 6 / 3 && p % 6 / 3 == pixel % 6 / 3;
            let filled = |other: &[f32]| {
                let mixed: Vec<f32> = (0..108).map(|i| if inside(i % 36) { other[i] } else { x[i] }).collect();
                probability(&mixed)
            };
            (log_odds(probability(&x)) - log_odds(others.chunks(108).map(filled).sum::<f64>() / 2.0)) as f32
        };
        let expected: Vec<f32> = (0..36).map(quarter).collect();
        let map = run.map("prediction_difference", &[("window", "3"), ("stride", "3"), ("samples", "9")]);
        assert_alike("quarters", &map, &expected, 1e-4);
    });
}

#[test]
fn lime_finds_a_linear_model() {
    on_both(|device| {
        let (graph, weights) = linear([3, 6, 6], 4);
        let x = Numbers(18).take(108, 1.0);
        let run = run(graph, &x, device);
        let shares = less(&x, &flat(127.5, 36));
        // A difference of logits is linear, the probability that LIME explains by default is not.
        let parts: Vec<f32> =
            shares.iter().enumerate().map(|(i, d)| (weights[i * 4 + 1] - weights[i * 4 + 2]) * d).collect();
        let pixels = over_channels(&parts);
        let expected: Vec<f32> =
            (0..36).map(|at| (0..36).filter(|&p| part(p) == part(at)).map(|p| pixels[p]).sum()).collect();
        let params = given(&[("segments", "grid:3"), ("samples", "3000"), ("baseline", "grey")]);
        let target = Target::Contrast { against: Some(2) };
        let map = run.map_of(&ExplainSpec { class: Some(1), target, ..spec("lime", params) });
        // The ridge penalty of 1 pulls a little towards 0.
        let error = deviation(&map, &expected);
        println!("LIME on a linear model: {error:.1e}");
        assert!((1e-5..0.02).contains(&error), "{error}");
    });
}

#[test]
fn rise_is_even_where_every_picture_scores_alike() {
    on_both(|device| {
        let mut builder = GraphBuilder::new("constant", "image", [3, 6, 6]);
        let input = builder.input();
        let y = flatten(&mut builder, input);
        let weight = builder.param("w", [108, 2], vec![0.0; 216]);
        let bias = builder.param("b", [2], vec![1.0, 0.0]);
        let y = builder.node("", Op::Dense { weight, bias: Some(bias) }, &[y], "").unwrap();
        let run = run(builder.finish(y), &Numbers(18).take(108, 1.0), device);
        let probability = 1.0 / (1.0 + (-1.0_f32).exp());
        for visible in ["0.25", "0.5", "0.8"] {
            let params = [("samples", "4000"), ("cells", "3"), ("visible", visible), ("centred", "no")];
            let map = run.map("rise", &params);
            let mean = sum(&map) as f32 / 36.0;
            assert!((mean / probability - 1.0).abs() < 0.03, "{mean} is not {probability}");
            assert!(deviation(&map, &[probability; 36]) < 0.15, "{map:?}");
            // With the mean taken off nothing makes a difference.
            let params = [("samples", "40"), ("cells", "3"), ("visible", visible)];
            assert!(run.map("rise", &params).iter().all(|value| value.abs() < 1e-6));
        }
    });
}

/// A pixel that decides alone is what RISE and LIME point at.
#[test]
fn what_decides_alone_is_found() {
    on_both(|device| {
        let mut builder = GraphBuilder::new("one pixel", "image", [3, 6, 6]);
        let input = builder.input();
        let y = flatten(&mut builder, input);
        let mut weights = vec![0.0; 216];
        // The pixel in row 4, column 1, of the second channel.
        weights[(36 + 25) * 2] = 4.0;
        let weight = builder.param("w", [108, 2], weights);
        let y = builder.node("", Op::Dense { weight, bias: None }, &[y], "").unwrap();
        let run = run(builder.finish(y), &[1.0; 108], device);
        let samples = ("samples", "600");
        for (method, params) in [
            ("rise", &[samples, ("cells", "6")][..]),
            ("lime", &[samples, ("segments", "grid:6"), ("baseline", "zero")]),
            ("kernel_shap", &[samples, ("segments", "grid:6"), ("baseline", "zero")]),
            ("shapley_sampling", &[("samples", "1"), ("segments", "grid:6"), ("baseline", "zero")]),
            ("occlusion", &[("window", "1"), ("stride", "1"), ("baseline", "zero")]),
        ] {
            let map = run.map(method, params);
            let best = (0..36).max_by(|&a, &b| map[a].total_cmp(&map[b])).unwrap();
            assert_eq!(best, 25, "{method}: {map:?}");
        }
    });
}
