//! `innspect explain`.

use std::time::Instant;

use innspect_dataset::npy;
use innspect_engine::{Tensor, Unpaced};
use innspect_explain::{Outcome, Provenance, Subject, explain, find};
use innspect_protocol::{Display, ExplainSpec, Facts, MapState, Neuron, ParamValue, Params, Prediction};
use innspect_render as render;
use serde::Serialize;

use crate::{
    args::ExplainOptions,
    failure::{Failure, write},
    input,
    model::{self, Model},
    predict::{forward, prediction},
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
    let model = model::open(&options.model)?;
    for method in &options.method {
        find(method)?.applicable(&model.graph)?;
    }
    let batch = match (&options.input, &options.image) {
        (Some(file), _) => input::array(&model, file)?,
        (None, Some(file)) => input::pictures(&model, std::slice::from_ref(file))?,
        (None, None) => return Err(Failure::new("There is nothing to explain", "", "Give --image or --input.")),
    };
    let device = model::device(options.device)?;
    let network = model.on(&device)?;
    let class = class(&model, &options.class)?;
    let neuron = options.neuron.as_deref().map(neuron).transpose()?;
    let params = params(&options.params)?;
    for name in params.keys() {
        let known =
            |method: &String| find(method).is_ok_and(|row| row.info().params.iter().any(|param| &param.name == name));
        if !options.method.iter().any(known) {
            return Err(Failure::new(
                format!("No chosen method has a parameter {name:?}"),
                "",
                "innspect methods lists them.",
            ));
        }
    }
    std::fs::create_dir_all(&options.out)
        .map_err(|error| Failure::new(format!("{} cannot be made", options.out.display()), error.to_string(), ""))?;
    let pass = forward(&network, &device, &batch)?;
    let subject = Subject { network: &network, tape: &pass.tape, logits: &pass.logits };
    let mut results = Vec::new();
    for method in &options.method {
        let known = find(method)?.info();
        let spec = ExplainSpec {
            method: method.clone(),
            // With several methods a parameter goes to those that have it.
            params: params
                .iter()
                .filter(|(name, _)| options.method.len() == 1 || known.params.iter().any(|param| &param.name == *name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            class,
            layer: options.layer.clone(),
            neuron,
            seed: options.seed,
        };
        let begun = Instant::now();
        let outcome = pollster::block_on(explain(subject, &spec, true, &mut Unpaced))?;
        let values = pollster::block_on(outcome.attribution.read())?;
        let provenance = Provenance {
            model_sha256: &model.sha256,
            labels: &model.labels,
            device: device.name(),
            seconds: begun.elapsed().as_secs_f64(),
        };
        results.push(save(options, &spec, &outcome, &values, provenance)?);
    }
    let classes = model.graph.classes();
    let each = pass.milliseconds / batch.names.len() as f64;
    let report = Report {
        innspect: env!("CARGO_PKG_VERSION"),
        model: &model.name,
        format: &model.format,
        preprocessing: &model.preprocessing,
        samples: batch
            .names
            .iter()
            .zip(pass.logits.chunks(classes))
            .map(|(name, logits)| Sample { name: name.clone(), prediction: prediction(&model, logits, 5, each) })
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

/// `top`, a number, or a name.
fn class(model: &Model, text: &str) -> Result<Option<usize>, Failure> {
    if text == "top" {
        return Ok(None);
    }
    if let Ok(class) = text.parse() {
        return Ok(Some(class));
    }
    let matches: Vec<usize> =
        (0..model.labels.len()).filter(|&class| model.labels[class].eq_ignore_ascii_case(text)).collect();
    match matches.as_slice() {
        [class] => Ok(Some(*class)),
        [] => Err(Failure::new(format!("{} has no class {text:?}", model.name), "", "Give its number.")),
        several => Err(Failure::new(format!("The classes {several:?} are all named {text:?}"), "", "Give a number.")),
    }
}

/// `C` or `C,Y,X`.
fn neuron(text: &str) -> Result<Neuron, Failure> {
    let refuse =
        || Failure::new(format!("--neuron {text} is not understood"), "", "Give channel, or channel,row,column.");
    let numbers: Vec<usize> =
        text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>().map_err(|_| refuse())?;
    match *numbers.as_slice() {
        [channel] => Ok(Neuron { channel, position: None }),
        [channel, row, column] => Ok(Neuron { channel, position: Some([row, column]) }),
        _ => Err(refuse()),
    }
}

/// `KEY=VALUE` pairs.
fn params(pairs: &[String]) -> Result<Params, Failure> {
    pairs
        .iter()
        .map(|pair| {
            let (name, value) = pair.split_once('=').ok_or_else(|| {
                Failure::new(format!("--param {pair} is not understood"), "", "Give it as name=value.")
            })?;
            let value = match value.parse() {
                Ok(number) => ParamValue::Number(number),
                Err(_) => ParamValue::Text(value.into()),
            };
            Ok((name.to_owned(), value))
        })
        .collect()
}
