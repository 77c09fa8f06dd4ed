//! Networks as today's exporters and quantisers write them, through the reader, the passes and the reference interpreter.
//! `tests/golden/onnx/generate_onnx.py` made them.

mod common;

use common::{golden, npy, scores};
use innspect_formats::{Blob, FormatError, Imported, ModelFiles, read_model};
use innspect_graph::{Activation, Op, OpKind, reference};

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
    assert!(cases.len() >= 40, "only {} networks", cases.len());
}

fn case(name: &str) -> serde_json::Value {
    cases().into_iter().find(|case| case["name"] == name).unwrap_or_else(|| panic!("{name} is missing"))
}

fn good(name: &str) -> Imported {
    read_model(&files(&case(name))).unwrap_or_else(|error| panic!("{name}: {} {}", error.what(), error.place()))
}

/// The quantiser took every ReLU and ReLU6 out, as the limits of the integers behind it do its work.
#[test]
fn limits_of_integers_are_the_rectifiers_that_were_taken_out() {
    let rectifiers = |name: &str| {
        let graph = good(name).graph;
        let is_one = |op: &Op| matches!(op, Op::Activation(activation) if activation.is_rectifier());
        let has_plain = graph.nodes.iter().any(|node| matches!(node.op, Op::Activation(Activation::Relu)));
        (graph.nodes.iter().filter(|node| is_one(&node.op)).count(), has_plain)
    };
    for name in ["qdq_uint8", "qlinear_uint8"] {
        let (count, plain) = rectifiers(name);
        assert!(count >= 3 && !plain, "{name}: {count}");
    }
}

/// A quantised layer keeps the name of its node, and what it writes the file's name of it.
#[test]
fn quantised_layers_keep_their_names() {
    let graph = good("qlinear_uint8").graph;
    let convolutions: Vec<&str> =
        graph.nodes.iter().filter(|node| node.op.kind() == OpKind::Conv).map(|node| node.name.as_str()).collect();
    assert!(convolutions.iter().all(|name| name.ends_with("_quant")), "{convolutions:?}");
    assert!(graph.find_node(&format!("{}/clamp", convolutions[0])).is_some());
}

/// The file refers to its weights by a path; a browser may tell only the name, and a folder may be dropped whole.
#[test]
fn weights_beside_the_network_are_found_by_name() {
    let whole = files(&case("external"));
    let expected = read_model(&whole).expect("it is read");
    let data = whole.beside[0].1.clone();
    for path in ["external.onnx.data", "./external.onnx.data", "models/external.onnx.data", "a\\external.onnx.data"] {
        let files = ModelFiles { beside: vec![(path.to_owned(), data.clone())], ..whole.clone() };
        assert_eq!(read_model(&files).expect(path), expected, "{path}");
    }
    let alone = ModelFiles { beside: vec![("other.data".to_owned(), data.clone())], ..whole.clone() };
    let error = read_model(&alone).expect_err("its weights are missing");
    assert_eq!(error.what(), "A file is missing: external.onnx.data.");
    assert!(error.advice().contains("together"), "{}", error.advice());
    let bytes = data.bytes().expect("it is in memory");
    for percent in 0..100 {
        let cut = Blob::from(bytes.slice(..bytes.len() * percent / 100));
        let files = ModelFiles { beside: vec![("external.onnx.data".to_owned(), cut)], ..whole.clone() };
        let error = read_model(&files).expect_err("it is cut");
        assert!(
            matches!(&error, FormatError::Tensor { reason, .. } if reason.contains("do not lie within")),
            "{error}"
        );
    }
}

/// Of a file with weights only the ranges that tensors are in are read, whatever its length.
#[test]
fn large_files_with_weights_are_read_in_ranges() {
    use std::{cell::Cell, ops::Range, rc::Rc};

    struct Huge(bytes::Bytes, Rc<Cell<u64>>);
    impl innspect_formats::Slices for Huge {
        fn len(&self) -> u64 {
            1 << 33
        }

        fn read(&self, range: Range<u64>) -> Result<bytes::Bytes, String> {
            self.1.set(self.1.get() + range.end - range.start);
            Ok(self.0.slice(range.start as usize..range.end as usize))
        }
    }
    let whole = files(&case("external"));
    let data = whole.beside[0].1.bytes().expect("it is in memory");
    let read = Rc::new(Cell::new(0));
    let huge = Blob::slices(Rc::new(Huge(data.clone(), read.clone())));
    let split = ModelFiles { beside: vec![("external.onnx.data".to_owned(), huge)], ..whole.clone() };
    assert_eq!(read_model(&split), read_model(&whole));
    assert!(read.get() <= data.len() as u64, "{} bytes of {} were read", read.get(), data.len());
}

/// Quantisers put a clamp behind every node; behind one that only moves clamped values it has nothing to do.
#[test]
fn values_are_clamped_once() {
    let graph = good("qdq_vit").graph;
    let idle = graph.nodes.iter().filter(|node| {
        let before = graph.producer(node.inputs[0]).map(|id| graph.node(id));
        let moves = before.is_some_and(|before| matches!(before.op, Op::Reshape { .. } | Op::Transpose { .. }));
        matches!(node.op, Op::Activation(Activation::Clip { .. })) && moves
    });
    let idle: Vec<&str> = idle.map(|node| node.name.as_str()).collect();
    assert_eq!(idle, Vec::<&str>::new());
}
