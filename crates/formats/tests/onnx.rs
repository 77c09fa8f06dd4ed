//! Networks as today's exporters and quantisers write them, through the reader, the passes and the reference interpreter.
//! `tests/golden/onnx/generate_onnx.py` made them.

mod common;

use common::{golden, npy};
use innspect_formats::{FormatError, Imported, ModelFiles, read_model};
use innspect_graph::{FinalActivation, reference};

fn bytes(file: &str) -> Vec<u8> {
    std::fs::read(golden("onnx").join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A network with the files that it refers to.
fn files(case: &serde_json::Value) -> ModelFiles {
    let name = case["name"].as_str().expect("a name");
    let mut files = ModelFiles::new(format!("{name}.onnx"), bytes(&format!("{name}.onnx")));
    for file in case["beside"].as_array().into_iter().flatten() {
        let file = file.as_str().expect("a file name");
        files.beside.push((file.to_owned(), bytes(file).into()));
    }
    files
}

fn cases() -> Vec<serde_json::Value> {
    let list: serde_json::Value = serde_json::from_slice(&bytes("cases.json")).expect("JSON");
    list["cases"].as_array().expect("cases").clone()
}

/// The scores that a network gives instead of its logits.
fn scores(imported: &Imported, logits: Vec<f64>) -> Vec<f64> {
    match imported.graph.final_activation {
        FinalActivation::Softmax => {
            let max = logits.iter().copied().fold(f64::MIN, f64::max);
            let sum: f64 = logits.iter().map(|logit| (logit - max).exp()).sum();
            logits.iter().map(|logit| (logit - max).exp() / sum).collect()
        }
        FinalActivation::Sigmoid => logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect(),
        _ => logits,
    }
}

/// The largest difference over all samples, relative to the largest value.
fn difference(imported: &Imported, name: &str, output: &str) -> Result<f64, String> {
    let array = |kind: &str| npy(&golden("onnx").join(format!("{name}.{kind}.npy")));
    let (input, output) = (array("input"), array(output));
    let size = input.data.len() / input.shape[0];
    let mut result = Vec::new();
    for sample in input.data.chunks_exact(size) {
        let sample: Vec<f32> = sample.iter().map(|&value| value as f32).collect();
        let logits = reference::logits(&imported.graph, &sample).map_err(|error| error.to_string())?;
        result.extend(scores(imported, logits));
    }
    if result.len() != output.data.len() {
        return Err(format!("{} values instead of {}", result.len(), output.data.len()));
    }
    let largest = output.data.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    let mut worst = 0.0f64;
    for (result, output) in result.iter().zip(&output.data) {
        let difference = (result - output).abs();
        worst = if difference.is_nan() { f64::INFINITY } else { worst.max(difference) };
    }
    Ok(worst / largest)
}

#[test]
fn networks_give_the_scores_of_onnxruntime() {
    let mut failures = Vec::new();
    let cases = cases();
    for case in &cases {
        let name = case["name"].as_str().expect("a name");
        let imported = match read_model(&files(case)) {
            Ok(imported) => imported,
            Err(error) => {
                failures.push(format!("{name}: {} {}", error.what(), error.place()));
                continue;
            }
        };
        let warnings = case["warnings"].as_u64().unwrap_or(0) as usize;
        if imported.warnings.len() != warnings {
            failures.push(format!("{name}: warns {:?}", imported.warnings));
        }
        let mut check = |kind: &str, tolerance: f64| match difference(&imported, name, kind) {
            Ok(difference) if difference < tolerance => {}
            Ok(difference) => failures.push(format!("{name}: {kind} differs by {difference:e}")),
            Err(error) => failures.push(format!("{name}: {error}")),
        };
        check("output", case["tolerance"].as_f64().expect("a number"));
        // What onnxruntime makes of the integers themselves, which it rounds to after every layer.
        if let Some(tolerance) = case["rounded"].as_f64() {
            check("rounded", tolerance);
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
    assert!(cases.len() >= 18, "only {} networks", cases.len());
}
