//! What the integration tests share.
#![allow(dead_code, reason = "each test uses a part")]

use innspect_engine::{Composite, Network, Tape, Tensor, Unpaced, Walk};
use innspect_graph::reference;

/// Numbers in `-1..1`.
pub fn seeded(count: usize, mut state: u64) -> Vec<f32> {
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// `|a - b|`, infinite if one of them is no number.
pub fn distance(a: f32, b: f32) -> f32 {
    let distance = (a - b).abs();
    if distance.is_nan() { f32::INFINITY } else { distance }
}

pub fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0_f32, |max, value| max.max(value.abs()))
}

/// The gradient of one sample's random mixture of logits along a random direction, against differences of the f64
/// reference interpreter. What is wrong, if it is off by more than `tolerance` of its parts.
pub fn check_gradient(
    network: &Network,
    tape: &Tape,
    input: &[f32],
    batch: usize,
    tolerance: f64,
) -> Result<(), String> {
    let graph = network.graph();
    let dims = tape.value(graph.output).dims();
    // L = Σ weights · output; its gradient along a random direction, sample by sample.
    let weights = seeded(dims.iter().product(), 7);
    let seed = Tensor::from_slice(&weights, &dims, network.device());
    let rules = Composite::gradient().resolve(graph);
    let walk = Walk::new((graph.output, seed), &rules, graph.input);
    let arrived = pollster::block_on(network.reverse(tape, walk, &mut Unpaced)).expect("a reverse pass");
    let gradient = pollster::block_on(arrived.relevance.read()).expect("numbers");
    let (per_input, per_output) = (input.len() / batch, weights.len() / batch);
    for sample in 0..batch {
        let x = &input[sample * per_input..][..per_input];
        let direction = seeded(per_input, 11 + sample as u64);
        let step = 1e-4 * largest(x).max(0.1);
        let moved = |sign: f32| -> Vec<f32> { x.iter().zip(&direction).map(|(x, d)| x + sign * step * d).collect() };
        let (above, below) = (moved(1.0), moved(-1.0));
        let loss = |x: &[f32]| -> f64 {
            let logits = reference::logits(graph, x).expect("the reference runs");
            logits.iter().zip(&weights[sample * per_output..]).map(|(y, &w)| y * f64::from(w)).sum()
        };
        let expected = loss(&above) - loss(&below);
        let parts: Vec<f64> = gradient[sample * per_input..][..per_input]
            .iter()
            .zip(above.iter().zip(&below))
            .map(|(&g, (&a, &b))| f64::from(g) * (f64::from(a) - f64::from(b)))
            .collect();
        let actual: f64 = parts.iter().sum();
        // Cancellation in the sum is no fault: errors count against the parts. Neither is what is below the precision of
        // the loss itself, as behind a saturated activation.
        let floor = 1e-9 * loss(x).abs().max(1.0);
        let scale = parts.iter().map(|part| part.abs()).sum::<f64>().max(expected.abs()).max(floor);
        if actual.is_nan() || (actual - expected).abs() > tolerance * scale + floor {
            return Err(format!("gradient, sample {sample}: {actual:e} is not {expected:e}"));
        }
    }
    Ok(())
}
