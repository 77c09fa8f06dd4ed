//! Every operator forward against onnxruntime's answers and backward against finite differences of the f64 reference
//! interpreter, on the CPU and on the GPU.

use std::{path::PathBuf, rc::Rc};

use innspect_engine::{Composite, Device, Network, Tensor, Unpaced, Walk};
use innspect_graph::{FinalActivation, Graph, reference};

struct Case {
    name: String,
    graph: Graph,
    shape: Vec<usize>,
    input: Vec<f32>,
    output: Vec<f32>,
}

/// The single-operator networks of `tests/golden/ops` that are read; a handful is refused on purpose, which the reader's
/// own tests pin.
fn cases() -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/ops");
    let text = std::fs::read(folder.join("cases.json")).expect("the list of cases");
    let list: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let mut cases = Vec::new();
    for case in list["cases"].as_array().expect("cases") {
        let file = |key: &str| std::fs::read(folder.join(case[key].as_str().expect("a file"))).expect("the file");
        let Ok(imported) =
            innspect_formats::onnx::read_any(&innspect_formats::ModelFiles::new("case.onnx", file("onnx")))
        else {
            continue;
        };
        let input = innspect_dataset::npy::read_f32(&file("input")).expect("an array");
        let output = innspect_dataset::npy::read_f32(&file("output")).expect("an array");
        let (mut shape, mut data) = (input.shape, input.data);
        if case["layout"] == "NHWC" {
            let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3]);
            let at = |n: usize, c: usize, y: usize, x: usize, i: usize| data[((n * h + y) * w + x) * i + c];
            data = (0..n * c * h * w).map(|k| at(k / (c * h * w), k / (h * w) % c, k / w % h, k % w, c)).collect();
            shape = vec![n, c, h, w];
        }
        cases.push(Case {
            name: case["name"].as_str().expect("a name").into(),
            graph: imported.graph,
            shape,
            input: data,
            output: output.data,
        });
    }
    assert!(cases.len() >= 190, "only {} cases were read", cases.len());
    cases
}

fn seeded(count: usize, mut state: u64) -> Vec<f32> {
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// `|a - b|`, infinite if one of them is no number.
fn distance(a: f32, b: f32) -> f32 {
    let distance = (a - b).abs();
    if distance.is_nan() { f32::INFINITY } else { distance }
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0_f32, |max, value| max.max(value.abs()))
}

/// The logits with what the reader took off the end of the network put on again.
fn finish(logits: &[f32], batch: usize, activation: FinalActivation) -> Vec<f32> {
    let softmax = |logits: &[f32]| {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = logits.iter().map(|logit| (logit - max).exp()).sum();
        logits.iter().map(|logit| (logit - max).exp() / sum).collect::<Vec<f32>>()
    };
    let samples = logits.chunks(logits.len() / batch);
    match activation {
        FinalActivation::None => logits.to_vec(),
        FinalActivation::Sigmoid => logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect(),
        FinalActivation::Softmax => samples.flat_map(softmax).collect(),
        FinalActivation::LogSoftmax => samples.flat_map(softmax).map(f32::ln).collect(),
    }
}

fn check(device: &Device) {
    let mut failures = Vec::new();
    for case in cases() {
        let graph = Rc::new(case.graph);
        let network = Network::load(graph.clone(), device).expect("a network");
        let batch = case.shape[0];
        let input = Tensor::from_slice(&case.input, &case.shape, device);
        let tape = pollster::block_on(network.forward(&input, &mut Unpaced)).expect("a forward pass");
        let output = pollster::block_on(tape.value(graph.output).read()).expect("numbers");
        let scale = largest(&case.output).max(1e-6);
        let answer = finish(&output, batch, graph.final_activation);
        let error = answer.iter().zip(&case.output).fold(0.0_f32, |max, (a, b)| max.max(distance(*a, *b)));
        if output.len() != case.output.len() || error / scale > 2e-5 {
            failures.push(format!("{} forward: {:e}", case.name, error / scale));
            continue;
        }
        // L = Σ weights · output; its gradient along a random direction, sample by sample.
        let weights = seeded(output.len(), 7);
        let seed = Tensor::from_slice(&weights, &tape.value(graph.output).dims(), device);
        let rules = Composite::gradient().resolve(&graph);
        let walk = Walk::new((graph.output, seed), &rules, graph.input);
        let arrived = pollster::block_on(network.reverse(&tape, walk, &mut Unpaced)).expect("a reverse pass");
        let gradient = pollster::block_on(arrived.relevance.read()).expect("numbers");
        let (per_input, per_output) = (case.input.len() / batch, output.len() / batch);
        for sample in 0..batch {
            let x = &case.input[sample * per_input..][..per_input];
            let direction = seeded(per_input, 11 + sample as u64);
            let step = 1e-4 * largest(x).max(0.1);
            let moved =
                |sign: f32| -> Vec<f32> { x.iter().zip(&direction).map(|(x, d)| x + sign * step * d).collect() };
            let (above, below) = (moved(1.0), moved(-1.0));
            let loss = |x: &[f32]| -> f64 {
                let logits = reference::logits(&graph, x).expect("the reference runs");
                logits.iter().zip(&weights[sample * per_output..]).map(|(y, &w)| y * f64::from(w)).sum()
            };
            let expected = loss(&above) - loss(&below);
            let parts: Vec<f64> = gradient[sample * per_input..][..per_input]
                .iter()
                .zip(above.iter().zip(&below))
                .map(|(&g, (&a, &b))| f64::from(g) * (f64::from(a) - f64::from(b)))
                .collect();
            let actual: f64 = parts.iter().sum();
            // Cancellation in the sum is no fault: errors count against the parts.
            let scale = parts.iter().map(|part| part.abs()).sum::<f64>().max(expected.abs()).max(1e-9);
            if actual.is_nan() || (actual - expected).abs() / scale > 5e-3 {
                failures.push(format!("{} gradient, sample {sample}: {actual:e} is not {expected:e}", case.name));
                break;
            }
        }
    }
    assert!(failures.is_empty(), "{} operators differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn operators_on_the_cpu() {
    check(&Device::cpu());
}

#[test]
fn operators_on_the_gpu() {
    check(&pollster::block_on(Device::gpu()).expect("a Vulkan device; lavapipe (mesa-vulkan-drivers) serves"));
}
