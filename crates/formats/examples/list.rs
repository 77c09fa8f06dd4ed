//! Prints the layers of a network: `cargo run -p innspect-formats --example list -- model.onnx`.

use std::{ffi::OsStr, path::Path};

use innspect_formats::{FileKind, Imported, ModelFiles, onnx, read_model, sniff};

/// The network of a file; what lies in the same folder is given along with JSON, which holds no weights.
fn read(path: &Path) -> Result<Imported, String> {
    let load = |path: &Path| std::fs::read(path).map_err(|error| error.to_string());
    let name = |path: &Path| path.file_name().unwrap_or(OsStr::new("")).to_string_lossy().into_owned();
    let bytes = load(path)?;
    let result = match sniff(&bytes) {
        // Single operators too.
        FileKind::Onnx => onnx::read_any(&ModelFiles::new(name(path), bytes)),
        kind => {
            let mut files = ModelFiles::new(name(path), bytes);
            let folder = path.parent().filter(|_| kind == FileKind::Json);
            for entry in folder.into_iter().flat_map(std::fs::read_dir).flatten().flatten() {
                if entry.path().is_file() {
                    files.beside.push((name(&entry.path()), load(&entry.path())?.into()));
                }
            }
            read_model(&files)
        }
    };
    result.map_err(|error| format!("{} {} {}", error.what(), error.place(), error.advice()))
}

fn main() {
    for path in std::env::args().skip(1) {
        let result = read(Path::new(&path));
        match result {
            Ok(imported) => {
                let graph = &imported.graph;
                println!(
                    "{path}: {}, {} → {}, {} nodes, {} weights, {:?} {:?}",
                    imported.format,
                    graph.value(graph.input).shape,
                    graph.value(graph.output).shape,
                    graph.nodes.len(),
                    graph.param_count(),
                    graph.final_activation,
                    imported.warnings
                );
                for node in &graph.nodes {
                    let value = graph.value(node.output);
                    let inputs: Vec<&str> = node.inputs.iter().map(|&id| graph.value(id).name.as_str()).collect();
                    println!(
                        "  {:<22} {} {inputs:?} → {:?} {}  {:?}",
                        node.op.name(),
                        node.name,
                        value.name,
                        value.shape,
                        node.absorbed
                    );
                }
            }
            Err(error) => println!("{path}: {error}"),
        }
    }
}
