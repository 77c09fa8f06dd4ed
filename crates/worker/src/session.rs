//! Everything that is loaded, and the jobs that use it.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use innspect_dataset::{
    Picture, Rgba,
    baseline::{Baseline, to_view},
    decode, prepare, thumbnail, view_large,
};
use innspect_engine::{Device, Network, Tape, Tensor};
use innspect_explain::{Provenance, Setting, Subject, explain, quality, read_logits, scores, top_classes};
use innspect_formats::{Blob, ModelFiles, read_labels, read_model};
use innspect_graph::Preprocessing;
use innspect_protocol::{
    Check, ClassScore, Display, ExplainSpec, ImageId, ImageInfo, Job, ModelId, ModelInfo, ParamValue, Prediction,
    Reply, Stage,
};

use crate::{
    dataset::Datasets,
    failure::Failure,
    fetch, hash,
    model::{Known, Model},
    monitor::JobMonitor,
    opening::MAX_LABELS,
    pause::{Cancelled, JobPacer, breathe},
    port::{self, Attachment},
    render::{Kept, Summed},
    user_file::UserFile,
};

/// Classes listed with a prediction.
const TOP: usize = 5;
/// Longer side of thumbnails in pixels.
const THUMBNAIL: u32 = 192;
/// Longer side of the picture under a heatmap in pixels, so that it is crisp on dense screens.
const VIEW: usize = 448;
/// Explanations kept for redrawing.
const KEPT: usize = 64;

/// A forward pass that later explanations of the same picture start from.
struct Pass {
    image: ImageId,
    revision: u32,
    tape: Tape,
    logits: Vec<f32>,
    view: Rgba,
    milliseconds: f64,
}

struct LoadedPicture {
    picture: Rc<Picture>,
}

/// One explanation that is asked for.
pub struct Asked {
    pub model: ModelId,
    pub image: ImageId,
    pub spec: ExplainSpec,
    /// Other pictures, for methods that use them.
    pub pictures: Vec<ImageId>,
}

/// What is loaded. All fields are behind cells: a job borrows them briefly, never across a pause.
pub struct Session {
    device: Device,
    device_name: String,
    cancelled: Cancelled,
    models: RefCell<HashMap<ModelId, Model>>,
    pictures: RefCell<HashMap<ImageId, LoadedPicture>>,
    /// The last forward pass of each network: one tape each bounds the memory.
    passes: RefCell<HashMap<ModelId, Rc<Pass>>>,
    kept: RefCell<Vec<(Job, Rc<Kept>)>>,
    datasets: Datasets,
}

type Outcome = Result<(), Failure>;

impl Session {
    /// An empty session on a device.
    pub fn new(device: Device, device_name: String, cancelled: Cancelled) -> Self {
        Self {
            device,
            device_name,
            cancelled,
            models: RefCell::default(),
            pictures: RefCell::default(),
            passes: RefCell::default(),
            kept: RefCell::default(),
            datasets: Datasets::default(),
        }
    }

    /// Loads a network from its file and those that hold weights of it.
    pub async fn add_model(
        &self,
        job: Job,
        known: Known,
        expected: Option<String>,
        file: Blob,
        beside: &[(String, Rc<UserFile>)],
        architecture: Option<String>,
    ) -> Outcome {
        self.stage(job, Stage::Reading).await?;
        fetch::check_size(file.len())?;
        let mut pacer = JobPacer::new(job, Stage::Reading, self.cancelled.clone());
        if let Some(expected) = expected
            && let hash = hash::of_files(std::slice::from_ref(&file), &mut pacer).await?
            && expected != hash
        {
            return Err(Failure::new(
                format!("{} arrived damaged.", known.name),
                format!("its SHA-256 is {hash}"),
                "Reload the page; if it happens again, the site's copy of the file is broken.",
            ));
        }
        // In the same order however they were given, for the hash.
        let mut beside: Vec<&(String, Rc<UserFile>)> = beside.iter().collect();
        beside.sort_by(|a, b| a.0.cmp(&b.0));
        let named = beside.iter().map(|(name, file)| (name.clone(), file.blob())).collect();
        let files = ModelFiles { beside: named, architecture, ..ModelFiles::new(&known.name, file) };
        let imported = read_model(&files)?;
        // Weights in other files make another network of the same description, and so does another architecture.
        let taken = beside.iter().filter(|(_, file)| file.is_read()).map(|(_, file)| file.blob());
        let chosen = files.architecture.map(|name| name.into_bytes().into());
        let parts: Vec<Blob> = std::iter::once(files.file).chain(taken).chain(chosen).collect();
        let hash = hash::of_files(&parts, &mut pacer).await?;
        self.stage(job, Stage::Preparing).await?;
        let id = known.id.clone();
        let mut pacer = JobPacer::new(job, Stage::Preparing, self.cancelled.clone());
        let model = Model::load(imported, hash, known, &self.device, &mut pacer).await?;
        let info = Box::new((*model.info).clone());
        self.passes.borrow_mut().remove(&id);
        self.models.borrow_mut().insert(id, model);
        port::send(&Reply::ModelReady { job, model: info });
        Ok(())
    }

    /// Loads a picture from the bytes of its file.
    pub async fn add_image(&self, job: Job, id: ImageId, name: String, bytes: &[u8]) -> Outcome {
        self.stage(job, Stage::Reading).await?;
        self.keep_image(job, id, name, decode(bytes)?);
        Ok(())
    }

    /// Keeps a picture under a name and says that it is there.
    pub fn keep_image(&self, job: Job, id: ImageId, name: String, picture: Picture) {
        let small = thumbnail(&picture, THUMBNAIL);
        let image = ImageInfo { id: id.clone(), name, width: picture.width(), height: picture.height() };
        self.pictures.borrow_mut().insert(id, LoadedPicture { picture: Rc::new(picture) });
        port::send_with(
            &Reply::ImageReady { job, image, thumbnail: [small.width, small.height] },
            &[Attachment::Bytes(&small.pixels)],
        );
    }

    /// Jobs that were asked to stop.
    pub fn cancelled(&self) -> Cancelled {
        self.cancelled.clone()
    }

    /// The open data sets.
    pub fn datasets(&self) -> &Datasets {
        &self.datasets
    }

    /// Changes a network's preprocessing or class names.
    pub fn configure_model(
        &self,
        job: Job,
        id: &ModelId,
        preprocessing: Option<Preprocessing>,
        labels: Option<Blob>,
    ) -> Outcome {
        let labels = match labels {
            Some(file) if file.len() > MAX_LABELS => {
                return Err(Failure::new(
                    format!(
                        "The file has {} MB; a list of class names has less than {}.",
                        file.len() >> 20,
                        MAX_LABELS >> 20
                    ),
                    "",
                    "Give a text file with one name a line, or a JSON list of names, in the order of the classes.",
                ));
            }
            Some(file) => Some(read_labels(&file.bytes()?)?),
            None => None,
        };
        let mut models = self.models.borrow_mut();
        let model = models.get_mut(id).ok_or_else(missing_model)?;
        if let Some(labels) = labels {
            model.set_labels(labels)?;
        }
        if let Some(preprocessing) = preprocessing {
            model.check_preprocessing(&preprocessing)?;
            // A trial run refuses settings that no picture could be prepared with.
            let grey = Picture::from_rgb(2, 2, vec![128; 12])?;
            prepare(&grey, &preprocessing)?;
            model.set_preprocessing(preprocessing);
        }
        let info = Box::new((*model.info).clone());
        drop(models);
        port::send(&Reply::ModelReady { job, model: info });
        Ok(())
    }

    /// Frees a network.
    pub fn drop_model(&self, id: &ModelId) {
        self.models.borrow_mut().remove(id);
        self.passes.borrow_mut().remove(id);
        self.device.free_unused();
    }

    /// Frees a picture.
    pub fn drop_image(&self, id: &ImageId) {
        self.pictures.borrow_mut().remove(id);
        self.passes.borrow_mut().retain(|_, pass| pass.image != *id);
    }

    /// Predicts.
    pub async fn predict(&self, job: Job, model: &ModelId, image: &ImageId) -> Outcome {
        let pass = self.pass(job, model, image).await?;
        self.send_prediction(job, model, &pass)
    }

    /// Explains.
    pub async fn explain(&self, job: Job, asked: &Asked, display: Display) -> Outcome {
        let pass = self.pass(job, &asked.model, &asked.image).await?;
        self.send_prediction(job, &asked.model, &pass)?;
        let (network, info) = self.network(&asked.model)?;
        let setting = self.setting(job, asked, &info).await?;
        let begun = port::now();
        let subject = Subject { network: &network, tape: &pass.tape, logits: &pass.logits, setting: &setting };
        let provenance =
            Provenance { model_sha256: &info.sha256, labels: &info.labels, device: &self.device_name, seconds: 0.0 };
        let mut monitor = JobMonitor {
            pacer: JobPacer::new(job, Stage::Explaining, self.cancelled.clone()),
            job,
            spec: &asked.spec,
            display,
            provenance,
            begun,
            next: begun,
        };
        // Start and sum say what is lost; where each share went is for the command, which is in no hurry.
        let outcome = explain(subject, &asked.spec, false, &mut monitor).await?;
        let summed = Summed::of(&outcome).await?;
        let seconds = (port::now() - begun) / 1000.0;
        let facts = outcome.facts(&asked.spec, 0, &summed.map, Provenance { seconds, ..provenance });
        let kept = Rc::new(Kept::new(&outcome, summed, facts));
        {
            let mut all = self.kept.borrow_mut();
            if all.len() == KEPT {
                all.remove(0);
            }
            all.push((job, kept.clone()));
        }
        Ok(kept.draw(job, display, None).await?)
    }

    /// Measures a quality of a kept explanation.
    pub async fn assess(&self, job: Job, of: Job, asked: &Asked, check: Check) -> Outcome {
        let kept = self.kept(of)?;
        let pass = self.pass(job, &asked.model, &asked.image).await?;
        let (network, info) = self.network(&asked.model)?;
        let setting = self.setting(job, asked, &info).await?;
        let subject = Subject { network: &network, tape: &pass.tape, logits: &pass.logits, setting: &setting };
        let mut pacer = JobPacer::new(job, Stage::Assessing, self.cancelled.clone());
        let assessment = quality::assess(subject, &asked.spec, kept.map(), check, &mut pacer).await?;
        port::send(&Reply::Assessed { job, assessment });
        Ok(())
    }

    /// Shows what a baseline looks like.
    pub fn show_baseline(&self, job: Job, model: &ModelId, image: &ImageId, baseline: &str) -> Outcome {
        let (_, info) = self.network(model)?;
        let name = baseline.strip_prefix("picture:");
        let picture = self.picture(&name.map_or_else(|| image.clone(), |name| ImageId(name.into())))?;
        let prepared = prepare(&picture, &info.preprocessing)?;
        let view = if name.is_some() {
            prepared.view
        } else {
            let parsed: Baseline = baseline.parse().map_err(|error: innspect_dataset::baseline::BaselineError| {
                Failure::new(error.what(), "", error.advice())
            })?;
            let made = parsed
                .make(&prepared.tensor, info.input, &info.preprocessing, 0)
                .map_err(|error| Failure::new(error.what(), "", error.advice()))?;
            to_view(&made, info.input, &info.preprocessing)
        };
        let size = [view.width, view.height];
        port::send_with(&Reply::Shown { job, size }, &[Attachment::Bytes(&view.pixels)]);
        Ok(())
    }

    /// Shows what a network would see with other settings.
    pub fn show_input(&self, job: Job, model: &ModelId, image: &ImageId, preprocessing: &Preprocessing) -> Outcome {
        let input = {
            let models = self.models.borrow();
            let model = models.get(model).ok_or_else(missing_model)?;
            model.check_preprocessing(preprocessing)?;
            model.info.input
        };
        let picture = self.picture(image)?;
        let tensor = prepare(&picture, preprocessing)?.tensor;
        let view = to_view(&tensor, input, preprocessing);
        let range = tensor
            .iter()
            .fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], &value| [low.min(value), high.max(value)]);
        let size = [view.width, view.height];
        port::send_with(&Reply::ShownInput { job, size, range }, &[Attachment::Bytes(&view.pixels)]);
        Ok(())
    }

    /// Whether a network has these class names.
    pub fn has_labels(&self, id: &ModelId, labels: &[String]) -> bool {
        self.models.borrow().get(id).is_some_and(|model| model.info.labels == labels)
    }

    /// Draws a kept explanation anew.
    pub async fn render(&self, job: Job, display: Display) -> Outcome {
        let kept = self.kept(job)?;
        Ok(kept.draw(job, display, None).await?)
    }

    fn kept(&self, job: Job) -> Result<Rc<Kept>, Failure> {
        let kept = self.kept.borrow().iter().find(|(kept, _)| *kept == job).map(|(_, kept)| kept.clone());
        kept.ok_or_else(|| {
            Failure::new("This explanation is no longer in memory.", "", "Choose the method again to make it anew.")
        })
    }

    /// A network, and what people are told of it.
    pub fn network(&self, id: &ModelId) -> Result<(Rc<Network>, Rc<ModelInfo>), Failure> {
        let models = self.models.borrow();
        let model = models.get(id).ok_or_else(missing_model)?;
        Ok((model.network.clone(), model.info.clone()))
    }

    fn picture(&self, id: &ImageId) -> Result<Rc<Picture>, Failure> {
        let picture = self.pictures.borrow().get(id).map(|loaded| loaded.picture.clone());
        picture.ok_or_else(|| Failure::new("The picture is no longer loaded.", "", "Open it again."))
    }

    /// What surrounds an explanation: the other pictures that it asks for, prepared for the network.
    async fn setting(&self, job: Job, asked: &Asked, info: &ModelInfo) -> Result<Setting, Failure> {
        let mut setting = Setting::new(info.preprocessing.clone());
        let baselines = asked.spec.params.values().filter_map(|value| match value {
            ParamValue::Text(text) => text.strip_prefix("picture:").map(|name| ImageId(name.into())),
            ParamValue::Number(_) => None,
        });
        let [channels, height, width] = info.input;
        for id in baselines.chain(asked.pictures.iter().cloned()) {
            self.stage(job, Stage::Reading).await?;
            // A picture that was closed in the meantime is missed by the method that asks for it, if any.
            let Ok(picture) = self.picture(&id) else { continue };
            let prepared = prepare(&picture, &info.preprocessing)?;
            let tensor = Tensor::from_vec(prepared.tensor, &[1, channels, height, width], &self.device);
            setting.pictures.push((id.0, tensor));
        }
        Ok(setting)
    }

    /// Frees a kept explanation.
    pub fn forget(&self, job: Job) {
        self.kept.borrow_mut().retain(|(kept, _)| *kept != job);
    }

    /// Says what a job does now, and lets a cancellation through.
    pub async fn stage(&self, job: Job, stage: Stage) -> Outcome {
        port::send(&Reply::Progress { job, stage, done: 0, total: 0 });
        breathe().await;
        if self.cancelled.borrow().contains(&job) { Err(Failure::Cancelled) } else { Ok(()) }
    }

    /// The forward pass of a network on a picture, kept or made now.
    async fn pass(&self, job: Job, model_id: &ModelId, image: &ImageId) -> Result<Rc<Pass>, Failure> {
        let (network, info, revision) = {
            let models = self.models.borrow();
            let model = models.get(model_id).ok_or_else(missing_model)?;
            (model.network.clone(), model.info.clone(), model.revision)
        };
        let kept = self.passes.borrow().get(model_id).cloned();
        if let Some(pass) = kept.filter(|pass| pass.image == *image && pass.revision == revision) {
            return Ok(pass);
        }
        // The old tape goes before the new one is made.
        self.passes.borrow_mut().remove(model_id);
        let picture = self.picture(image)?;
        self.stage(job, Stage::Forward).await?;
        let prepared = prepare(&picture, &info.preprocessing)?;
        let view = view_large(&picture, &info.preprocessing, VIEW)?;
        let [channels, height, width] = info.input;
        let begun = port::now();
        let mut pacer = JobPacer::new(job, Stage::Forward, self.cancelled.clone());
        let input = Tensor::from_vec(prepared.tensor, &[1, channels, height, width], &self.device);
        let tape = network.forward(&input, &mut pacer).await?;
        let logits = read_logits(&network, &tape).await?;
        if logits.iter().any(|logit| !logit.is_finite()) {
            return Err(Failure::new(
                "The network's output is not a finite number.",
                info.name.clone(),
                "Check its input settings; if they are right, the network itself divides by zero or overflows.",
            ));
        }
        let milliseconds = port::now() - begun;
        let pass = Rc::new(Pass { image: image.clone(), revision, tape, logits, view, milliseconds });
        self.passes.borrow_mut().insert(model_id.clone(), pass.clone());
        Ok(pass)
    }

    fn send_prediction(&self, job: Job, model: &ModelId, pass: &Pass) -> Outcome {
        let models = self.models.borrow();
        let model = models.get(model).ok_or_else(missing_model)?;
        let scores = scores(&pass.logits, model.network.graph().final_activation);
        let top = top_classes(&pass.logits, TOP)
            .into_iter()
            .map(|class| ClassScore {
                class,
                label: model.info.labels[class].clone(),
                score: scores[class],
                logit: pass.logits[class],
            })
            .collect();
        let prediction = Prediction { top, milliseconds: pass.milliseconds };
        port::send_with(
            &Reply::Predicted { job, prediction, view: [pass.view.width, pass.view.height] },
            &[Attachment::Bytes(&pass.view.pixels)],
        );
        Ok(())
    }
}

fn missing_model() -> Failure {
    Failure::new("The network is no longer loaded.", "", "Load it again.")
}
