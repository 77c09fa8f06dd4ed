//! `innspect scan`: what several networks say of many pictures, and which of them deserve a look.

use std::{
    fs,
    path::{Path, PathBuf},
};

use innspect_dataset::{Collection, match_classes, prepare};
use innspect_engine::{Network, Tensor, Unpaced};
use innspect_explain::batch;
use innspect_formats::Blob;
use innspect_protocol::{ClassMatch, ClassScore};
use innspect_statistics::agreement::{Agreement, Vote};
use serde::Serialize;

use crate::{
    args::{ModelChoice, ScanOptions},
    disk::OnDisk,
    failure::{Failure, write},
    model::{self, Model},
    output::outln,
    predict,
};

/// Folders deeper than this below the one that is scanned are left alone: a link may lead round in a circle.
const MAX_DEPTH: usize = 16;

#[derive(Serialize)]
struct Scan {
    models: Vec<Scanned>,
    images: Vec<Row>,
    /// Files that are no pictures of the set, and pictures that could not be read.
    left_out: Vec<LeftOut>,
}

#[derive(Serialize)]
struct Scanned {
    model: String,
    sha256: String,
    format: String,
    classes: usize,
    /// Share of the labelled pictures whose best class is theirs; absent without labels.
    accuracy: Option<f64>,
    milliseconds: f64,
}

#[derive(Serialize)]
struct Row {
    file: String,
    label: Option<String>,
    predictions: Vec<Said>,
    /// Mean over the networks of the best score.
    mean_score: f32,
    /// Number of different best classes.
    distinct_classes: usize,
}

#[derive(Serialize)]
struct Said {
    model: String,
    top: Vec<ClassScore>,
    /// Whether the best class is the label's; absent without a label that the network knows.
    correct: Option<bool>,
}

#[derive(Serialize)]
struct LeftOut {
    file: String,
    reason: String,
}

/// A network with what it has said so far, by picture.
struct Taker {
    model: Model,
    network: Network,
    truth: Vec<Option<ClassMatch>>,
    said: Vec<Option<Said>>,
    /// Prepared pictures that wait for a full batch.
    waiting: Vec<(usize, Vec<f32>)>,
    milliseconds: f64,
}

/// Scans and writes the table.
pub fn run(options: &ScanOptions) -> Result<(), Failure> {
    if options.top == 0 {
        return Err(Failure::new("--top 0 lists no class", "", "Give 1 or more."));
    }
    let device = model::device(options.device)?;
    let collection = collect(&options.images, options.labels.as_deref())?;
    let wnids = wnids();
    let wnids: Vec<&str> = wnids.iter().map(String::as_str).collect();
    let mut takers = Vec::new();
    for name in &options.model {
        let model = model::open(&ModelChoice { model: name.clone(), architecture: None })?;
        let network = model.on(&device)?;
        let truth = match_classes(&collection.classes, &model.labels, &wnids);
        let said = collection.items.iter().map(|_| None).collect();
        takers.push(Taker { model, network, truth, said, waiting: Vec::new(), milliseconds: 0.0 });
    }
    let mut left_out: Vec<LeftOut> =
        collection.left_out.iter().map(|(file, error)| LeftOut { file: file.clone(), reason: error.what() }).collect();
    for (index, item) in collection.items.iter().enumerate() {
        let broken = |error: String| LeftOut { file: item.name.clone(), reason: error };
        let picture = match item.picture_over(collection.background) {
            Ok(picture) => picture,
            Err(error) => {
                left_out.push(broken(error.what()));
                continue;
            }
        };
        for taker in &mut takers {
            match prepare(&picture, &taker.model.preprocessing) {
                Ok(prepared) => taker.waiting.push((index, prepared.tensor)),
                Err(error) => left_out.push(broken(error.what())),
            }
            if taker.waiting.len() == batch::size(&taker.network) {
                taker.predict(&collection, options.top)?;
            }
        }
    }
    for taker in &mut takers {
        taker.predict(&collection, options.top)?;
    }
    let scan = table(&collection, takers, left_out);
    let csv = options.out.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
    let bytes = if csv { as_csv(&scan)? } else { serde_json::to_vec_pretty(&scan)? };
    write(&options.out, &bytes)?;
    for model in &scan.models {
        let accuracy = model.accuracy.map_or(String::new(), |share| format!(", {:.1} % right", 100.0 * share));
        let each = model.milliseconds / scan.images.len().max(1) as f64;
        outln!("{}: {} pictures{accuracy}, {each:.1} ms each", model.model, scan.images.len());
    }
    if !scan.left_out.is_empty() {
        let files = if scan.left_out.len() == 1 { "file was" } else { "files were" };
        outln!("{} {files} left out; {} says why", scan.left_out.len(), options.out.display());
    }
    Ok(())
}

impl Taker {
    /// Runs the pictures that wait.
    fn predict(&mut self, collection: &Collection, top: usize) -> Result<(), Failure> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let begun = std::time::Instant::now();
        let waiting = std::mem::take(&mut self.waiting);
        let shape = self.model.graph.image_shape().ok_or_else(|| {
            Failure::new(format!("{} reads no pictures", self.model.name), "", "Give an image classifier.")
        })?;
        let [channels, height, width] = shape;
        let numbers = waiting.iter().flat_map(|(_, tensor)| tensor.iter().copied()).collect();
        let input = Tensor::from_vec(numbers, &[waiting.len(), channels, height, width], self.network.device());
        let said = pollster::block_on(batch::run(&self.network, &input, None, &mut Unpaced))?;
        self.milliseconds += begun.elapsed().as_secs_f64() * 1000.0;
        for ((index, _), logits) in waiting.iter().zip(said.logits.chunks(self.model.graph.classes())) {
            let prediction = predict::prediction(&self.model, logits, top, 0.0);
            let label = collection.items.get(*index).and_then(|item| item.label);
            let truth = label.and_then(|label| *self.truth.get(label as usize)?);
            let correct =
                truth.map(|truth| prediction.top.first().is_some_and(|best| best.class == truth.class as usize));
            let said = Said { model: self.model.name.clone(), top: prediction.top, correct };
            if let Some(place) = self.said.get_mut(*index) {
                *place = Some(said);
            }
        }
        Ok(())
    }
}

/// The pictures in a folder, an archive or an array, with the labels of a list if there is one.
fn collect(images: &Path, labels: Option<&Path>) -> Result<Collection, Failure> {
    let mut files = Vec::new();
    if images.is_dir() {
        walk(images, images, 0, &mut files)?;
    } else {
        files.push((name_of(images), OnDisk::open(images)?.blob()));
    }
    if let Some(labels) = labels {
        files.push((name_of(labels), OnDisk::open(labels)?.blob()));
    }
    let collection = innspect_dataset::collect(files, &[]);
    if collection.items.is_empty() {
        let reason = collection.left_out.first().map(|(name, error)| format!("{name}: {}", error.what()));
        return Err(Failure::new(
            format!("There is no picture in {}", images.display()),
            reason.unwrap_or_default(),
            "Give a folder, a zip or an array with pictures.",
        ));
    }
    Ok(collection)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// All files of a folder and those below it, in the order of their names.
fn walk(root: &Path, folder: &Path, depth: usize, files: &mut Vec<(String, Blob)>) -> Result<(), Failure> {
    let unreadable =
        |error: std::io::Error| Failure::new(format!("{} cannot be read", folder.display()), error.to_string(), "");
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(unreadable)?
        .map(|entry| Ok(entry.map_err(unreadable)?.path()))
        .collect::<Result<_, Failure>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if depth < MAX_DEPTH {
                walk(root, &path, depth + 1, files)?;
            }
        } else {
            let name = path.strip_prefix(root).unwrap_or(&path);
            let parts: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
            files.push((parts.join("/"), OnDisk::open(&path)?.blob()));
        }
    }
    Ok(())
}

/// Ids of ImageNet's classes in WordNet, where the built-in models are found.
fn wnids() -> Vec<String> {
    let file = model::models_directory().map(|folder| folder.join("imagenet1k_wnids.json"));
    file.and_then(|file| fs::read(file).ok()).and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn table(collection: &Collection, takers: Vec<Taker>, left_out: Vec<LeftOut>) -> Scan {
    let models = takers
        .iter()
        .map(|taker| {
            let judged: Vec<bool> = taker.said.iter().flatten().filter_map(|said| said.correct).collect();
            let right = judged.iter().filter(|right| **right).count();
            Scanned {
                model: taker.model.name.clone(),
                sha256: taker.model.sha256.clone(),
                format: taker.model.format.clone(),
                classes: taker.model.graph.classes(),
                accuracy: (!judged.is_empty()).then(|| right as f64 / judged.len() as f64),
                milliseconds: taker.milliseconds,
            }
        })
        .collect();
    let mut columns: Vec<_> = takers.into_iter().map(|taker| taker.said.into_iter()).collect();
    let mut images = Vec::new();
    for item in &collection.items {
        let predictions: Vec<Said> = columns.iter_mut().filter_map(|column| column.next().flatten()).collect();
        if predictions.is_empty() {
            continue;
        }
        // Networks may number classes differently, so that names are compared.
        let votes: Vec<Vote<&str>> = predictions
            .iter()
            .filter_map(|said| said.top.first())
            .map(|best| Vote { class: best.label.as_str(), score: best.score })
            .collect();
        let agreement = Agreement::of(&votes);
        let label = item.label.and_then(|label| collection.classes.get(label as usize)).cloned();
        images.push(Row {
            file: item.name.clone(),
            label,
            mean_score: agreement.mean_score,
            distinct_classes: agreement.distinct as usize,
            predictions,
        });
    }
    Scan { models, images, left_out }
}

/// One line a picture; three columns a network.
fn as_csv(scan: &Scan) -> Result<Vec<u8>, Failure> {
    let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let failed = |reason: String| Failure::new("The result cannot be written as CSV.", reason, "");
    let mut head = ["file", "label", "mean_score", "distinct_classes"].map(str::to_owned).to_vec();
    for model in &scan.models {
        head.extend(["class", "label", "score"].map(|column| format!("{} {column}", model.model)));
    }
    table.write_record(&head).map_err(|error| failed(error.to_string()))?;
    for row in &scan.images {
        let mut line = vec![
            row.file.clone(),
            row.label.clone().unwrap_or_default(),
            row.mean_score.to_string(),
            row.distinct_classes.to_string(),
        ];
        for model in &scan.models {
            let said = row.predictions.iter().find(|said| said.model == model.model);
            match said.and_then(|said| said.top.first()) {
                Some(best) => line.extend([best.class.to_string(), best.label.clone(), best.score.to_string()]),
                None => line.extend([String::new(), String::new(), String::new()]),
            }
        }
        table.write_record(&line).map_err(|error| failed(error.to_string()))?;
    }
    table.into_inner().map_err(|error| failed(error.to_string()))
}
