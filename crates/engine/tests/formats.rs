//! Whole networks of every format on the CPU and on the GPU: forward against the f64 reference interpreter, which the
//! readers' own tests hold against the frameworks, and backward against its finite differences.

mod common;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    rc::Rc,
};

use common::{check_gradient, distance, largest, seeded};
use innspect_engine::{Device, Network, Tensor, Unpaced};
use innspect_formats::{FileKind, ModelFiles, read_model, sniff_blob, torch};
use innspect_graph::{Graph, reference};

/// Larger networks would take the interpreter too long.
const MAX_INPUT: usize = 1 << 14;

/// Files in a folder and those in it.
fn files_in(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { files_in(&path, found) } else { found.push(path) }
    }
}

/// All golden networks that are read, by their path. What is refused on purpose the readers' tests pin.
fn networks() -> BTreeMap<String, Graph> {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let mut networks = BTreeMap::new();
    for (format, least) in [("keras", 30), ("onnx", 30), ("tflite", 10), ("tfjs", 10), ("torch", 8)] {
        let mut files = Vec::new();
        files_in(&golden.join(format), &mut files);
        let before = networks.len();
        for path in &files {
            let known = ["onnx", "h5", "keras", "tflite", "json", "zip", "pth", "pt", "safetensors"];
            if !path.extension().is_some_and(|extension| known.iter().any(|known| extension == *known)) {
                continue;
            }
            let siblings = files.iter().filter(|other| *other != path && other.parent() == path.parent());
            let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
            let read = |path: &Path| std::fs::read(path).expect("the file");
            let beside = siblings.map(|other| (name(other), read(other).into())).collect();
            let files = ModelFiles { beside, ..ModelFiles::new(name(path), read(path)) };
            // The pictures of classifiers in PyTorch's own format are too large for the interpreter; theirs is not said.
            let imported = match sniff_blob(&files.file).expect("bytes") {
                FileKind::TorchZip | FileKind::Pickle => torch::read_checkpoint(&files, Some(32)),
                FileKind::Safetensors => torch::read_safetensors(&files, Some(32)),
                _ => read_model(&files),
            };
            if let Ok(imported) = imported
                && imported.graph.value(imported.graph.input).shape.numel() <= MAX_INPUT
            {
                let title = path.strip_prefix(&golden).expect("inside").display().to_string();
                networks.insert(title, imported.graph);
            }
        }
        let count = networks.len() - before;
        assert!(count >= least, "only {count} networks of {format} were read");
    }
    networks
}

fn check(device: &Device) {
    let mut failures = Vec::new();
    let networks = networks();
    for (name, graph) in networks {
        let shape = graph.value(graph.input).shape.clone();
        let input: Vec<f32> = seeded(shape.numel(), 5).iter().map(|value| 0.5 + value / 2.0).collect();
        let expected = reference::logits(&graph, &input).expect("the reference runs");
        let expected: Vec<f32> = expected.iter().map(|&value| value as f32).collect();
        let mut dims = vec![1];
        dims.extend_from_slice(shape.dims());
        let network = Network::load(Rc::new(graph), device).expect("a network");
        let x = Tensor::from_slice(&input, &dims, device);
        let tape = pollster::block_on(network.forward(&x, &mut Unpaced)).expect("a forward pass");
        let output = pollster::block_on(tape.value(network.graph().output).read()).expect("numbers");
        let error = output.iter().zip(&expected).fold(0.0_f32, |max, (a, b)| max.max(distance(*a, *b)));
        let error = error / largest(&expected).max(1e-6);
        if output.len() != expected.len() || error > 1e-4 {
            failures.push(format!("{name} forward: {error:e}"));
        } else if let Err(error) = check_gradient(&network, &tape, &input, 1, 2e-2) {
            // Kinks of many layers lie within a step.
            failures.push(format!("{name} {error}"));
        }
    }
    assert!(failures.is_empty(), "{} networks differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn networks_on_the_cpu() {
    check(&Device::cpu());
}

#[test]
fn networks_on_the_gpu() {
    check(&pollster::block_on(Device::gpu()).expect("a Vulkan device; lavapipe (mesa-vulkan-drivers) serves"));
}
