//! `innspect explain`.

use std::time::Instant;

use innspect_dataset::npy;
use innspect_engine::{Tensor, Unpaced};
use innspect_explain::{Outcome, Provenance, Subject, explain};
use innspect_protocol::{Display, ExplainSpec, Facts, MapState, Prediction};
use innspect_render as render;
use serde::Serialize;

use crate::{
    args::ExplainOptions,
    failure::{Failure, write},
    predict::prediction,
    question,
};

#[derive(Serialize)]
struct Report<'a> {
    innspect: &'static str,
    model: &'a str,
    format: &'a str,
    preprocessing: &'a innspect_graph::Preprocessing,
    samples: Vec<Sample>,
    results: Vec<MethodResult>,
}

#[derive(Serialize)]
struct Sample {
    name: String,
    prediction: Prediction,
}

#[derive(Serialize)]
struct MethodResult {
    /// The attribution, `[n, C, H, W]` or `[n, 1, H, W]`.
    npy: String,
    /// The map at the layer's resolution.
    #[serde(skip_serializing_if = "Option::is_none")]
    layer_npy: Option<String>,
    shape: Vec<usize>,
    samples: Vec<SampleResult>,
}

#[derive(Serialize)]
struct SampleResult {
    png: String,
    state: MapState,
    /// The value at the end of the picture's colour map.
    limit: f32,
    #[serde(flatten)]
    facts: Facts,
}

/// Explains and writes.
pub fn run(options: &ExplainOptions) -> Result<(), Failure> {
    let asked = question::ask(&options.question)?;
    let (model, pass) = (&asked.model, &asked.pass);
    std::fs::create_dir_all(&options.out)
        .map_err(|error| Failure::new(format!("{} cannot be made", options.out.display()), error.to_string(), ""))?;
    let subject = Subject { network: &asked.network, tape: &pass.tape, logits: &pass.logits, setting: &asked.setting };
    let mut results = Vec::new();
    for spec in &asked.specs {
        let begun = Instant::now();
        let outcome = pollster::block_on(explain(subject, spec, true, &mut Unpaced))?;
        let values = pollster::block_on(outcome.attribution.read())?;
        let provenance = Provenance {
            model_sha256: &model.sha256,
            labels: &model.labels,
            device: asked.device.name(),
            seconds: begun.elapsed().as_secs_f64(),
        };
        results.push(save(options, spec, &outcome, &values, provenance)?);
    }
    let classes = model.graph.classes();
    let each = pass.milliseconds / asked.batch.names.len() as f64;
    let report = Report {
        innspect: env!("CARGO_PKG_VERSION"),
        model: &model.name,
        format: &model.format,
        preprocessing: &model.preprocessing,
        samples: asked
            .batch
            .names
            .iter()
            .zip(pass.logits.chunks(classes))
            .map(|(name, logits)| Sample { name: name.clone(), prediction: prediction(model, logits, 5, each) })
            .collect(),
        results,
    };
    write(&options.out.join("result.json"), serde_json::to_string_pretty(&report)?.as_bytes())
}

/// Writes the arrays and pictures of one method.
fn save(
    options: &ExplainOptions,
    spec: &ExplainSpec,
    outcome: &Outcome,
    values: &[f32],
    provenance: Provenance<'_>,
) -> Result<MethodResult, Failure> {
    let shape = outcome.attribution.dims();
    let npy = format!("{}.npy", spec.method);
    write(&options.out.join(&npy), &npy::write_f32(&shape, values)?)?;
    let layer_npy = match &outcome.layer_map {
        Some(map) => Some(save_layer(options, spec, map)?),
        None => None,
    };
    let (channels, height, width) = (shape[1], shape[2], shape[3]);
    let mut samples = Vec::new();
    for (sample, part) in values.chunks((channels * height * width).max(1)).enumerate() {
        let drawing = render::draw(part, channels, &Display::default(), outcome.signed);
        let png = if sample == 0 { format!("{}.png", spec.method) } else { format!("{}.{sample}.png", spec.method) };
        let bytes = render::png(&drawing.rgba, width as u32, height as u32)
            .map_err(|error| Failure::new("The picture cannot be encoded", error.to_string(), ""))?;
        write(&options.out.join(&png), &bytes)?;
        let state = match drawing.state {
            MapState::AllZero if outcome.rectified => MapState::NoPositiveEvidence,
            state => state,
        };
        let facts = outcome.facts(spec, sample, part, provenance);
        samples.push(SampleResult { png, state, limit: drawing.limit, facts });
    }
    Ok(MethodResult { npy, layer_npy, shape, samples })
}

fn save_layer(options: &ExplainOptions, spec: &ExplainSpec, map: &Tensor) -> Result<String, Failure> {
    let file = format!("{}.layer.npy", spec.method);
    let values = pollster::block_on(map.read())?;
    write(&options.out.join(&file), &npy::write_f32(&map.dims(), &values)?)?;
    Ok(file)
}
