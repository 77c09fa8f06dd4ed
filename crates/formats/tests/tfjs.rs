//! TensorFlow.js models as its converter writes them, with the scores of TensorFlow and Keras, through the reader, the
//! passes and the reference interpreter. `tests/golden/tfjs/generate_tfjs.py` made them.

mod common;

use common::{difference, golden, npy};
use innspect_formats::{FormatError, Imported, ModelFiles, read_model};

/// A model's folder as it is dropped: the description and all other files.
fn files(folder: &str) -> ModelFiles {
    let mut entries: Vec<_> = std::fs::read_dir(golden("tfjs").join(folder))
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    let mut files = ModelFiles::new("model.json", Vec::new());
    for path in entries {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).expect("a file");
        match name.as_str() {
            "model.json" => files.file = bytes.into(),
            name if name.ends_with(".npy") => {}
            _ => files.beside.push((name, bytes.into())),
        }
    }
    files
}

/// The folders of a kind.
fn models(kind: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(golden("tfjs").join(kind))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .collect();
    names.sort();
    names
}

/// What is wrong with models of a kind.
fn failures(kind: &str, tolerance: impl Fn(&str) -> f64, arrays: impl Fn(&str) -> [std::path::PathBuf; 2]) -> Vec<String> {
    let mut failures = Vec::new();
    for name in models(kind) {
        let result = read_model(&files(&format!("{kind}/{name}")));
        let [input, output] = arrays(&name).map(|path| npy(&path));
        match result.map(|imported| difference(&imported, &input, &output)) {
            Ok(Ok(difference)) if difference < tolerance(&name) => {}
            Ok(Ok(difference)) => failures.push(format!("{name}: differs by {difference:e}")),
            Ok(Err(error)) => failures.push(format!("{name}: {error}")),
            Err(error) => failures.push(format!("{name}: {} {}", error.what(), error.place())),
        }
    }
    failures
}

/// What is left of a weight.
fn tolerance(name: &str) -> f64 {
    match name.rsplit('.').next() {
        Some("uint8") => 0.1,
        Some("uint16") => 1e-3,
        Some("float16") => 5e-3,
        _ => 1e-4,
    }
}

#[test]
fn layers_models_give_the_scores_of_keras() {
    let failures = failures("layers", tolerance, |name| {
        let mut parts = name.split('.');
        let (name, keras) = (parts.next().expect("a name"), parts.next().expect("a version"));
        ["input", "output"].map(|array| golden(&format!("keras/{name}.{keras}.{array}.npy")))
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(models("layers").len() >= 10);
}

#[test]
fn graph_models_give_the_scores_of_tensorflow() {
    let failures = failures("graph", tolerance, |name| {
        let folder = golden("tfjs/graph").join(name);
        let own = folder.join("input.npy");
        let network = name.split('.').next().expect("a name");
        [if own.exists() { own } else { golden(&format!("tflite/{network}.input.npy")) }, folder.join("output.npy")]
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(models("graph").len() >= 10);
}
