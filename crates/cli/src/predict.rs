//! `innspect predict`.

use innspect_dataset::npy;
use innspect_engine::{Device, Network, Tape, Tensor, Unpaced};
use innspect_explain::{read_logits, scores, top_classes};
use innspect_protocol::{ClassScore, Prediction};
use serde::Serialize;

use crate::{
    args::PredictOptions,
    failure::{Failure, write},
    input::{self, Batch},
    model::{self, Model},
    output::outln,
};

/// A batch that has run forward.
pub struct Pass {
    /// The forward pass.
    pub tape: Tape,
    /// `[n, classes]`.
    pub logits: Vec<f32>,
    /// Milliseconds of the whole batch.
    pub milliseconds: f64,
}

/// Runs a batch forward.
pub fn forward(network: &Network, device: &Device, batch: &Batch) -> Result<Pass, Failure> {
    let begun = std::time::Instant::now();
    let input = Tensor::from_slice(&batch.data, &batch.shape, device);
    let tape = pollster::block_on(network.forward(&input, &mut Unpaced))?;
    let logits = pollster::block_on(read_logits(network, &tape))?;
    Ok(Pass { tape, logits, milliseconds: begun.elapsed().as_secs_f64() * 1000.0 })
}

/// The best classes of one sample.
pub fn prediction(model: &Model, logits: &[f32], top: usize, milliseconds: f64) -> Prediction {
    let scores = scores(logits, model.graph.final_activation);
    let top = top_classes(logits, top)
        .into_iter()
        .map(|class| ClassScore {
            class,
            label: model.labels[class].clone(),
            score: scores[class],
            logit: logits[class],
        })
        .collect();
    Prediction { top, milliseconds }
}

#[derive(Serialize)]
struct Sample {
    name: String,
    #[serde(flatten)]
    prediction: Prediction,
}

/// Predicts and prints.
pub fn run(options: &PredictOptions) -> Result<(), Failure> {
    let model = model::open(&options.model)?;
    let device = model::device(options.device)?;
    let network = model.on(&device)?;
    let classes = model.graph.classes();
    let batches = match &options.input {
        Some(file) => vec![input::array(&model, file)?],
        None => options
            .image
            .iter()
            .map(|file| input::pictures(&model, std::slice::from_ref(file)))
            .collect::<Result<_, _>>()?,
    };
    let mut samples = Vec::new();
    let mut logits = Vec::new();
    for batch in &batches {
        let pass = forward(&network, &device, batch)?;
        let each = pass.milliseconds / batch.names.len() as f64;
        for (name, values) in batch.names.iter().zip(pass.logits.chunks(classes)) {
            samples.push(Sample { name: name.clone(), prediction: prediction(&model, values, options.top, each) });
        }
        logits.extend(pass.logits);
    }
    if let Some(out) = &options.out {
        write(out, &npy::write_f32(&[samples.len(), classes], &logits)?)?;
    }
    if options.json {
        outln!("{}", serde_json::to_string_pretty(&samples)?);
        return Ok(());
    }
    for sample in &samples {
        outln!("{}", sample.name);
        for entry in &sample.prediction.top {
            outln!("  {:6.2} %  {} ({})", entry.score * 100.0, entry.label, entry.class);
        }
    }
    Ok(())
}
