//! `innspect inspect`.

use innspect_explain::{default_layer, layer_infos};
use innspect_protocol::LayerInfo;
use serde::Serialize;

use crate::{args::ModelChoice, failure::Failure, model, output::outln};

#[derive(Serialize)]
struct Report<'a> {
    name: &'a str,
    format: &'a str,
    sha256: &'a str,
    input: Vec<usize>,
    classes: usize,
    params: usize,
    final_activation: innspect_graph::FinalActivation,
    preprocessing: &'a innspect_graph::Preprocessing,
    preprocessing_origin: &'a str,
    default_layer: Option<String>,
    warnings: &'a [String],
    layers: Vec<LayerInfo>,
}

/// Prints a network's layers.
pub fn run(choice: &ModelChoice, json: bool) -> Result<(), Failure> {
    let model = model::open(choice)?;
    let graph = &model.graph;
    let report = Report {
        name: &model.name,
        format: &model.format,
        sha256: &model.sha256,
        input: graph.value(graph.input).shape.dims().to_vec(),
        classes: graph.classes(),
        params: graph.param_count(),
        final_activation: graph.final_activation,
        preprocessing: &model.preprocessing,
        preprocessing_origin: &model.preprocessing_origin,
        default_layer: default_layer(graph).map(|id| graph.node(id).name.clone()),
        warnings: &model.warnings,
        layers: layer_infos(graph),
    };
    if json {
        outln!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    outln!("{} ({})", report.name, report.format);
    outln!("input {}, {} classes, {} weights", graph.value(graph.input).shape, report.classes, report.params);
    for warning in report.warnings {
        outln!("note: {warning}");
    }
    let width = report.layers.iter().map(|layer| layer.name.chars().count()).max().unwrap_or(0);
    for layer in &report.layers {
        let shape = layer.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
        let default = if Some(&layer.name) == report.default_layer.as_ref() { "  (default layer)" } else { "" };
        outln!("{:width$}  {:18} {:>14} {:>10}  {}{default}", layer.name, layer.op, shape, layer.params, layer.detail);
    }
    Ok(())
}
