//! Every method against the numbers of Captum and zennit in `tests/golden`, on the CPU and on the GPU.

use std::{path::PathBuf, rc::Rc};

use innspect_engine::{Device, Network, Tensor, Unpaced};
use innspect_explain::{Setting, Subject, explain, read_logits};
use innspect_graph::Preprocessing;
use innspect_protocol::{ExplainSpec, ParamValue, Params};
use serde_json::Value;

fn golden(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(file)
}

fn array(file: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(golden(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let array = innspect_dataset::npy::read_f32(&bytes).unwrap();
    (array.shape, array.data)
}

/// max|a - b| / max|b|, infinite if a number is missing.
fn deviation(actual: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(actual.len(), expected.len());
    let scale = expected.iter().fold(0.0_f32, |max, value| max.max(value.abs()));
    let error = actual.iter().zip(expected).fold(0.0_f32, |max, (a, b)| {
        let difference = (a - b).abs();
        if difference.is_nan() { f32::INFINITY } else { max.max(difference) }
    });
    error / scale.max(f32::MIN_POSITIVE)
}

/// The sum over channels, averaged over a coarse grid, of maps `[n, C, H, W]`: how references of large networks are kept
/// small. Cell `i` covers pixels `floor(i · H / grid)..floor((i + 1) · H / grid)`.
fn reduced(map: &[f32], shape: &[usize], grid: usize) -> Vec<f32> {
    let [channels, height, width] = [shape[1], shape[2], shape[3]];
    let edges = |cell: usize, side: usize| (cell * side / grid, (cell + 1) * side / grid);
    let mut cells = Vec::new();
    for sample in map.chunks(channels * height * width) {
        for (row, column) in (0..grid * grid).map(|cell| (cell / grid, cell % grid)) {
            let ((top, bottom), (left, right)) = (edges(row, height), edges(column, width));
            let pixels = (0..channels).flat_map(|channel| (top..bottom).map(move |y| (channel * height + y) * width));
            let sum: f64 = pixels.flat_map(|start| &sample[start + left..start + right]).map(|&r| f64::from(r)).sum();
            cells.push((sum / ((bottom - top) * (right - left)) as f64) as f32);
        }
    }
    cells
}

fn params(parameters: &Value) -> Params {
    let pairs = parameters.as_object().unwrap();
    pairs
        .iter()
        .map(|(name, value)| {
            let value = match value {
                Value::Number(number) => ParamValue::Number(number.as_f64().unwrap()),
                other => ParamValue::Text(other.as_str().unwrap().into()),
            };
            (name.clone(), value)
        })
        .collect()
}

fn check_all(device: &Device, logit_tolerance: f32, tolerance_factor: f32) {
    let expected: Value = serde_json::from_slice(&std::fs::read(golden("expected.json")).unwrap()).unwrap();
    let networks = expected["networks"].as_object().unwrap();
    assert!(networks.len() >= 8, "at least eight golden networks");
    let mut failures = Vec::new();
    let mut checked = 0;
    // Baselines of the references are zero in the network's own space, whatever pixels are.
    let setting = Setting::new(Preprocessing::torchvision([1, 1]));
    for (name, facts) in networks {
        let file = facts["onnx"].as_str().unwrap();
        let bytes = bytes::Bytes::from(std::fs::read(golden(file)).unwrap());
        let graph = innspect_formats::read_model(&innspect_formats::ModelFiles::new(file, bytes)).unwrap().graph;
        let network = Network::load(Rc::new(graph), device).unwrap();
        let (shape, input) = array(facts["input"]["file"].as_str().unwrap());
        let input = Tensor::from_slice(&input, &shape, device);
        let tape = pollster::block_on(network.forward(&input, &mut Unpaced)).unwrap();
        let logits = pollster::block_on(read_logits(&network, &tape)).unwrap();
        let (_, expected_logits) = array(facts["logits"].as_str().unwrap());
        let error = deviation(&logits, &expected_logits);
        if error > logit_tolerance {
            failures.push(format!("{name} logits: {error:e}"));
        }
        for entry in facts["attributions"].as_array().unwrap() {
            let reference = entry["file"].as_str().unwrap();
            let part = |key: &str| entry.get(key).filter(|value| !value.is_null()).cloned();
            let spec = ExplainSpec {
                method: entry["method"].as_str().unwrap().into(),
                params: params(&entry["parameters"]),
                class: None,
                target: part("target").map(|target| serde_json::from_value(target).unwrap()).unwrap_or_default(),
                concept: part("concept").map(|concept| serde_json::from_value(concept).unwrap()),
                layer: entry["layer"]["node"].as_str().map(Into::into),
                neuron: None,
                seed: 0,
            };
            let subject = Subject { network: &network, tape: &tape, logits: &logits, setting: &setting };
            let outcome = match pollster::block_on(explain(subject, &spec, true, &mut Unpaced)) {
                Ok(outcome) => outcome,
                Err(error) => {
                    failures.push(format!("{reference}: {error}"));
                    continue;
                }
            };
            let map =
                if reference.contains(".layer.") { outcome.layer_map.as_ref().unwrap() } else { &outcome.attribution };
            let mut actual = pollster::block_on(map.read()).unwrap();
            if let Some(how) = part("reduced") {
                assert_eq!(how["channels"], "sum", "{reference}");
                actual = reduced(&actual, &map.dims(), how["grid"].as_u64().unwrap() as usize);
            }
            let (_, numbers) = array(reference);
            let error = deviation(&actual, &numbers);
            checked += 1;
            if error > entry["tolerance"].as_f64().unwrap() as f32 * tolerance_factor {
                failures.push(format!("{reference}: {error:e}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {checked} differ:\n{}", failures.len(), failures.join("\n"));
    assert!(checked >= 500, "only {checked} references were found");
}

#[test]
fn cpu_equals_the_reference_libraries() {
    check_all(&Device::cpu(), 1e-5, 1.0);
}

#[test]
fn gpu_equals_the_reference_libraries() {
    let device = pollster::block_on(Device::gpu()).expect("a Vulkan device; lavapipe (mesa-vulkan-drivers) serves");
    check_all(&device, 1e-5, 1.0);
}
