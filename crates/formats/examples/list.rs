//! Prints the layers of a network: `cargo run -p innspect-formats --example list -- model.onnx`.

fn main() {
    for path in std::env::args().skip(1) {
        let result = std::fs::read(&path).map_err(|error| error.to_string()).and_then(|bytes| {
            innspect_formats::onnx::read_any(&innspect_formats::ModelFiles::new(path.as_str(), bytes))
                .map_err(|error| format!("{} {} {}", error.what(), error.place(), error.advice()))
        });
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
