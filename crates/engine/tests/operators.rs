//! Every operator forward against onnxruntime's answers and backward against finite differences of the f64 reference
//! interpreter, on the CPU and on the GPU.

mod common;

use std::{path::PathBuf, rc::Rc};

use common::{check_gradient, distance, largest};
use innspect_engine::{Device, Network, Tensor, Unpaced};
use innspect_graph::{FinalActivation, Graph};

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
        if let Err(error) = check_gradient(&network, &tape, &case.input, batch, 5e-3) {
            failures.push(format!("{} {error}", case.name));
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
