//! Networks and single operators with the answers of other frameworks, through the reader, the passes and the reference
//! interpreter. `tests/golden/README.md` says where the numbers are from.

mod common;

use common::{golden, npy};
use innspect_formats::{Imported, ModelFiles, onnx};
use innspect_graph::reference;

fn read(file: &str) -> Imported {
    let bytes = std::fs::read(golden(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    onnx::read_any(&ModelFiles::new(file, bytes)).unwrap_or_else(|error| panic!("{file}: {error} ({})", error.place()))
}

/// The largest difference over all samples, relative to the largest value.
fn difference(imported: &Imported, input: &str, output: &str, channels_last: bool) -> Result<f64, String> {
    let (input, output) = (npy(&golden(input)), npy(&golden(output)));
    let graph = &imported.graph;
    let samples = input.shape[0];
    let size = input.data.len() / samples;
    let mut worst = 0.0f64;
    let mut result = Vec::new();
    for sample in input.data.chunks_exact(size) {
        let mut sample: Vec<f32> = sample.iter().map(|&value| value as f32).collect();
        if channels_last {
            let [height, width, channels] = [1, 2, 3].map(|axis| input.shape[axis]);
            sample =
                (0..size).map(|index| sample[index % (height * width) * channels + index / (height * width)]).collect();
        }
        result.extend(reference::logits(graph, &sample).map_err(|error| error.to_string())?);
    }
    if result.len() != output.data.len() {
        return Err(format!("{} values instead of {}", result.len(), output.data.len()));
    }
    let largest = output.data.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    for (result, output) in result.iter().zip(&output.data) {
        let difference = (result - output).abs();
        worst = if difference.is_nan() { f64::INFINITY } else { worst.max(difference) };
    }
    Ok(worst / largest)
}

#[test]
fn networks_give_the_logits_of_pytorch() {
    for name in ["plain", "residual", "depthwise", "concat", "squeeze_excite"] {
        let imported = read(&format!("{name}.onnx"));
        assert_eq!(imported.warnings, Vec::<String>::new(), "{name}");
        let difference = difference(&imported, &format!("{name}.input.npy"), &format!("{name}.logits.npy"), false);
        let difference = difference.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(difference < 1e-5, "{name}: {difference:e}");
    }
}

/// What the graph cannot say and no classifier has been seen to need: it must be refused by name, not read wrongly. The
/// resizes have scales that do not lead to whole sizes, so that scale and sizes disagree.
const REFUSED: &[&str] = &[
    "thresholded_relu",
    "pow_channels",
    "resize_nearest_uneven",
    "resize_nearest_down",
    "resize_linear_uneven",
    "resize_linear_down",
];

#[test]
fn operators_give_the_values_of_onnxruntime() {
    let cases = std::fs::read(golden("ops/cases.json")).expect("the list of cases");
    let cases: serde_json::Value = serde_json::from_slice(&cases).expect("JSON");
    let text = |case: &serde_json::Value, key: &str| format!("ops/{}", case[key].as_str().expect("a file name"));
    let mut failures = Vec::new();
    let mut count = 0;
    for case in cases["cases"].as_array().expect("cases") {
        let name = case["name"].as_str().expect("a name");
        let bytes = std::fs::read(golden(&text(case, "onnx"))).expect("a network");
        let imported = match onnx::read_any(&ModelFiles::new(name, bytes)) {
            Ok(_) if REFUSED.contains(&name) => {
                failures.push(format!("{name}: is read"));
                continue;
            }
            Ok(imported) => imported,
            Err(_) if REFUSED.contains(&name) => continue,
            Err(error) => {
                failures.push(format!("{name}: {error} ({})", error.place()));
                continue;
            }
        };
        let mut imported = imported;
        if imported.graph.final_activation != innspect_graph::FinalActivation::None {
            // The case holds the scores; the graph the logits.
            with_scores(&mut imported);
        }
        count += 1;
        match difference(&imported, &text(case, "input"), &text(case, "output"), case["layout"] == "NHWC") {
            Ok(difference) if difference < 1e-5 => {}
            Ok(difference) => failures.push(format!("{name}: differs by {difference:e}")),
            Err(error) => failures.push(format!("{name}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
    assert!(count > 150, "only {count} cases");
}

/// Puts the final activation back behind the logits.
fn with_scores(imported: &mut Imported) {
    use innspect_graph::{Activation, FinalActivation, GraphBuilder, Op};

    let graph = &imported.graph;
    let axis = graph.value(graph.output).shape.rank() - 1;
    let op = match graph.final_activation {
        FinalActivation::Softmax => Op::Softmax { axis },
        FinalActivation::LogSoftmax => Op::LogSoftmax { axis },
        FinalActivation::Sigmoid => Op::Activation(Activation::Sigmoid),
        FinalActivation::None => return,
    };
    let input = graph.value(graph.input);
    let mut builder = GraphBuilder::new("scores", input.name.clone(), input.shape.clone());
    for param in &graph.params {
        builder.param(param.name.clone(), param.shape.clone(), param.data.clone());
    }
    let mut ids = std::collections::HashMap::from([(graph.input, builder.input())]);
    for node in &graph.nodes {
        let inputs: Vec<_> = node.inputs.iter().map(|id| ids[id]).collect();
        ids.insert(node.output, builder.node(node.name.clone(), node.op.clone(), &inputs, "").expect("the same graph"));
    }
    let scores = builder.node("scores", op, &[ids[&graph.output]], "scores").expect("logits take it");
    imported.graph = builder.finish(scores);
}
