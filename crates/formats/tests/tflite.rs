//! TensorFlow Lite files, with what its interpreter makes of pictures, through the reader, the passes and the reference
//! interpreter. `tests/golden/tflite/generate_tflite.py` made them.

mod common;

use std::time::{Duration, Instant};

use common::{Random, difference, golden, npy};
use innspect_formats::{FormatError, Imported, ModelFiles, read_model};
use innspect_graph::{FinalActivation, Op, OpKind};

fn path(file: &str) -> std::path::PathBuf {
    golden("tflite").join(file)
}

fn bytes(file: &str) -> Vec<u8> {
    std::fs::read(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn good(file: &str) -> Imported {
    let result = read_model(&ModelFiles::new(file, bytes(file)));
    result.unwrap_or_else(|error| panic!("{file}: {} {}", error.what(), error.place()))
}

/// All networks of the folder, without the ending of their names.
fn networks() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(path("."))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .filter_map(|name| name.strip_suffix(".tflite").map(str::to_owned))
        .filter(|name| name != "described")
        .collect();
    names.sort();
    names
}

#[test]
fn networks_give_the_scores_of_the_interpreter() {
    let mut failures = Vec::new();
    let names = networks();
    for name in &names {
        let file = format!("{name}.tflite");
        let imported = match read_model(&ModelFiles::new(&file, bytes(&file))) {
            Ok(imported) => imported,
            Err(error) => {
                failures.push(format!("{file}: {} {}", error.what(), error.place()));
                continue;
            }
        };
        let (network, form) = name.split_once('.').expect("a form");
        let input = npy(&path(&format!("{network}.input.npy")));
        let output = npy(&path(&format!("{name}.output.npy")));
        // The interpreter rounds activations to 8 bits where the file says so.
        let tolerance = match form {
            "int8" | "uint8" => 0.1,
            "dynamic" => 0.02,
            "half" => 1e-3,
            _ => 1e-4,
        };
        match difference(&imported, &input, &output) {
            Ok(difference) if difference < tolerance => {}
            Ok(difference) => failures.push(format!("{file}: differs by {difference:e}")),
            Err(error) => failures.push(format!("{file}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), names.len(), failures.join("\n"));
    assert!(names.len() >= 15, "only {} files", names.len());
}
