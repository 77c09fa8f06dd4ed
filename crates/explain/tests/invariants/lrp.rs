//! Layer-wise relevance propagation and deep Taylor decomposition.

use innspect_engine::{Bias, Composite, Device, Rule, TINY};
use innspect_graph::{BinaryKind, GraphBuilder, Op, PadMode};
use innspect_protocol::{Concept, ExplainSpec};

use crate::{
    common::{
        Numbers, Run, assert_alike, chain, conv, deviation, exact, flatten, given, on_both, picture, plain, read, run,
        spec, sum,
    },
    oracle,
};

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
            ("lrp.epsilon", &[("epsilon", "1e-6")][..]),
            ("lrp.epsilon", &[("epsilon", "0.25")][..]),
            ("lrp.alpha_1_beta_0", &[][..]),
            ("lrp.alpha_2_beta_1", &[][..]),
            ("lrp.alpha_beta", &[("alpha", "3")][..]),
            ("lrp.z_plus", &[][..]),
            ("lrp.sequential_preset_a_flat", &[][..]),
        ] {
            let outcome = run.outcome(method, params);
            let map = read(&outcome.attribution);
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
        let errors: Vec<f32> = ["1e-2", "1e-4", "1e-6"]
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
            let rule = Rule::AlphaBeta { alpha, beta: alpha - 1.0, bias: Bias::Split };
            let relevance =
                run.reverse(&Composite::lrp(rule.clone(), rule.clone(), None), &[r], run.network.graph().input);
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
        let x = flatten(&mut builder, x);
        let graph = builder.finish(x);
        let positive: Vec<f32> = numbers.take(192, 1.0).iter().map(|value| value.abs()).collect();
        let seed = numbers.take(256, 1.0);
        let run = run(graph, &positive, device);
        for rule in [Rule::ZPlus, Rule::Flat, Rule::WSquare] {
            let relevance =
                run.reverse(&Composite::lrp(rule.clone(), rule.clone(), None), &seed, run.network.graph().input);
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
        let x = flatten(&mut builder, x);
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
        let padded = builder.node("pad", Op::Pad { pads, mode: PadMode::Constant(0.0) }, &[joined], "").unwrap();
        let flat = flatten(&mut builder, padded);
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

/// Every rule against relevance through dense matrices in f64, with inputs of any sign and biases.
#[test]
fn rules_are_those_of_the_papers() {
    on_both(|device| {
        let x = Numbers(18).take(108, 1.0);
        let run = run(chain(6, true), &x, device);
        let graph = run.network.graph();
        let class = run.best();
        let mut seed = vec![0.0; 5];
        seed[class] = exact(graph, &x)[class];
        for (method, params, rule, first, tolerance) in [
            ("lrp.z", &[][..], oracle::epsilon(0.0), None, 1e-5),
            ("lrp.epsilon", &[("epsilon", "0.25")], oracle::epsilon(0.25), None, 1e-5),
            ("lrp.epsilon", &[("input_rule", "flat")], oracle::epsilon(1e-7), Some(oracle::flat()), 1e-5),
            ("lrp.epsilon", &[("input_rule", "w_square")], oracle::epsilon(1e-7), Some(oracle::w_square()), 1e-5),
            ("lrp.z_plus", &[("input_rule", "box:-1,1")], oracle::z_plus(), Some(oracle::bounded(-1.0, 1.0)), 1e-5),
            // Denominators near 0 make the rule delicate.
            ("lrp.gamma", &[("gamma", "0.25")], oracle::gamma(0.25), None, 1e-3),
            ("lrp.gamma", &[("gamma", "10")], oracle::gamma(10.0), None, 1e-4),
            ("lrp.z_plus", &[], oracle::z_plus(), None, 1e-5),
            ("lrp.alpha_1_beta_0", &[], oracle::alpha_beta(1.0, true), None, 1e-5),
            ("lrp.alpha_2_beta_1", &[], oracle::alpha_beta(2.0, true), None, 1e-5),
            ("lrp.alpha_beta", &[("alpha", "3")], oracle::alpha_beta(3.0, true), None, 1e-5),
            ("lrp.alpha_2_beta_1_IB", &[], oracle::alpha_beta(2.0, false), None, 1e-5),
        ] {
            let expected = oracle::lrp(graph, &x, &seed, &rule, first.as_ref());
            assert_alike(&format!("{method} {params:?}"), &run.map(method, params), &expected, tolerance);
        }
    });
}

#[test]
fn invariant_7_alpha_1_beta_0_without_biases_is_z_plus() {
    on_both(|device| {
        let signed = Numbers(18).take(108, 1.0);
        let positive: Vec<f32> = signed.iter().map(|value| value.abs()).collect();
        for (x, fast_too) in [(&signed, false), (&positive, true)] {
            let run = run(chain(6, true), x, device);
            let graph = run.network.graph();
            let mut seed = vec![0.0; 5];
            seed[run.best()] = exact(graph, x)[run.best()];
            let expected = oracle::lrp(graph, x, &seed, &oracle::z_plus(), None);
            let map = run.map("lrp.alpha_1_beta_0_IB", &[]);
            assert_alike("alpha 1 beta 0 without biases", &map, &expected, 1e-5);
            assert_alike("z plus", &run.map("lrp.z_plus", &[]), &map, 1e-6);
            let fast = run.map("lrp.z_plus_fast", &[]);
            if fast_too {
                assert_alike("z plus fast", &fast, &map, 2e-6);
            } else {
                assert!(deviation(&fast, &map) > 0.1, "they differ where inputs are negative");
                let expected = oracle::lrp(graph, x, &seed, &oracle::z_plus_fast(), None);
                assert_alike("z plus fast, signed", &fast, &expected, 1e-4);
            }
        }
    });
}

#[test]
fn invariant_10_gamma_lies_between_lrp_0_and_z_plus() {
    on_both(|device| {
        let x = picture(1);
        let deep = run(plain(true), &x, device);
        assert_alike("gamma 0", &deep.map("lrp.gamma", &[("gamma", "0")]), &deep.map("lrp.z", &[]), 1e-6);

        let mut numbers = Numbers(5);
        let mut builder = GraphBuilder::new("layer", "x", [3, 6, 6]);
        let input = builder.input();
        let y = conv(&mut builder, &mut numbers, input, 4, false, [1; 4]);
        let y = flatten(&mut builder, y);
        let positive: Vec<f32> = numbers.take(108, 1.0).iter().map(|value| value.abs()).collect();
        let layer = run(builder.finish(y), &positive, device);
        let graph = layer.network.graph();
        // Relevance only where the output is positive: elsewhere the rule favours what makes it negative.
        let seed: Vec<f64> = exact(graph, &positive).iter().map(|z| z.max(0.0)).collect();
        let expected = oracle::lrp(graph, &positive, &seed, &oracle::z_plus(), None);
        let seed: Vec<f32> = seed.iter().map(|z| *z as f32).collect();
        for gamma in [1e3, 1e5] {
            let rule = Rule::Gamma(gamma);
            let map = layer.reverse(&Composite::lrp(rule.clone(), rule, None), &seed, graph.input);
            assert_alike(&format!("gamma {gamma}"), &map, &expected, 1.0 / gamma);
        }
    });
}

#[test]
fn invariant_11_deep_taylor_is_z_plus_from_the_positive_part() {
    on_both(|device| {
        let x = Numbers(18).take(108, 1.0);
        let run = run(chain(6, true), &x, device);
        let graph = run.network.graph();
        let logits = exact(graph, &x);
        assert!(logits.iter().any(|y| *y > 0.0) && logits.iter().any(|y| *y < 0.0), "classes of both kinds");
        for (class, &y) in logits.iter().enumerate() {
            let of = |method: &str| run.map_of(&ExplainSpec { class: Some(class), ..spec(method, given(&[])) });
            let map = of("deep_taylor");
            if y < 0.0 {
                assert!(map.iter().all(|value| *value == 0.0));
                continue;
            }
            let mut seed = vec![0.0; 5];
            seed[class] = y;
            let expected = oracle::lrp(graph, &x, &seed, &oracle::z_plus(), None);
            assert_alike("deep Taylor", &map, &expected, 1e-5);
            assert_alike("deep Taylor against LRP", &map, &of("lrp.alpha_1_beta_0_IB"), 1e-6);
            let bounded = given(&[("low", "-1"), ("high", "1")]);
            let bounded = ExplainSpec { class: Some(class), ..spec("deep_taylor.bounded", bounded) };
            let box_rule = oracle::bounded(-1.0, 1.0);
            let expected = oracle::lrp(graph, &x, &seed, &oracle::z_plus(), Some(&box_rule));
            assert_alike("deep Taylor, bounded", &run.map_of(&bounded), &expected, 1e-5);
        }
    });
}

#[test]
fn invariant_35_concepts_add_up() {
    on_both(|device| {
        let run = run(plain(true), &picture(1), device);
        let graph = run.network.graph();
        let layers: Vec<_> = graph.nodes.iter().filter(|node| matches!(node.op, Op::Activation(_))).collect();
        for node in layers {
            let channels = graph.value(node.output).shape.dims()[0];
            for method in ["lrp.epsilon", "lrp.z_plus", "lrp.alpha_2_beta_1", "lrp.sequential_preset_a_flat"] {
                let of = |channels: Vec<usize>| {
                    let concept = Some(Concept { layer: node.name.clone(), channels });
                    run.map_of(&ExplainSpec { concept, ..spec(method, given(&[])) })
                };
                let whole = run.map(method, &[]);
                let mut total = vec![0.0; whole.len()];
                for channel in 0..channels {
                    let map = of(vec![channel]);
                    assert!(deviation(&map, &whole) > 1e-3, "a single channel is not the whole");
                    total.iter_mut().zip(&map).for_each(|(total, value)| *total += value);
                }
                assert_alike(&format!("{method} at {}", node.name), &total, &whole, 1e-5);
                assert_alike("all channels at once", &of((0..channels).collect()), &whole, 1e-6);
                assert!(of(Vec::new()).iter().all(|value| *value == 0.0));
            }
        }
    });
}
