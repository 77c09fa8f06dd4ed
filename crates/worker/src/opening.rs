//! Files that the user gave at once: what each is, and which belong together.

use std::rc::Rc;

use innspect_formats::{FileKind, read_labels, sniff_blob};
use innspect_protocol::{GivenFile, ImageId, Job, ModelId, Reply, Stage};

use crate::{failure::Failure, model::Known, port, session::Session, user_file::UserFile};

/// Longest list of class names that is looked at, in bytes.
pub const MAX_LABELS: u64 = 4 << 20;

/// A file with what is known of it so far.
struct Candidate {
    given: GivenFile,
    file: Rc<UserFile>,
    kind: FileKind,
    /// Names of classes, if it is a list of them.
    labels: Option<Vec<String>>,
    /// Networks that took something from it.
    takers: Vec<ModelId>,
    answered: bool,
}

/// In which order files are gone about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Picture,
    /// It says what a network is.
    Network,
    /// It is a network of its own, or holds the weights of one.
    Weights,
    /// It belongs to a network, or nowhere.
    Other,
}

impl Candidate {
    fn rank(&self) -> Rank {
        match self.kind {
            kind if kind.is_picture() => Rank::Picture,
            _ if self.labels.is_some() => Rank::Other,
            FileKind::Onnx | FileKind::Keras | FileKind::Hdf5 | FileKind::TfLite | FileKind::Json => Rank::Network,
            FileKind::Zip | FileKind::TorchZip | FileKind::Pickle | FileKind::Safetensors => Rank::Weights,
            _ => Rank::Other,
        }
    }
}

impl Session {
    /// Opens files that were given at once; every one gets its answer.
    pub async fn open_files(&self, given: Vec<(GivenFile, Rc<UserFile>)>) {
        let mut candidates = Vec::new();
        for (given, file) in given {
            match self.look(given.job, &file).await {
                Ok((kind, labels)) => {
                    candidates.push(Candidate { given, file, kind, labels, takers: Vec::new(), answered: false });
                }
                Err(failure) => port::send(&failure.into_reply(given.job)),
            }
        }
        candidates.sort_by_key(Candidate::rank);
        for index in 0..candidates.len() {
            // What a network took is no network itself, and lists are for those that are still to come.
            if !candidates[index].takers.is_empty() || candidates[index].labels.is_some() {
                continue;
            }
            candidates[index].answered = true;
            let candidate = &candidates[index];
            let job = candidate.given.job;
            let outcome = match candidate.rank() {
                Rank::Picture => self.open_picture(candidate).await,
                _ => self.open_network(&candidates, index).await,
            };
            if let Err(failure) = outcome {
                port::send(&failure.into_reply(job));
            }
            let taker = ModelId(candidates[index].given.id.clone());
            for (other, candidate) in candidates.iter_mut().enumerate() {
                if candidate.file.was_read() && other != index {
                    candidate.takers.push(taker.clone());
                }
            }
        }
        for candidate in candidates.iter().filter(|candidate| !candidate.answered) {
            self.say_where_it_belongs(&candidates, candidate);
        }
    }

    /// What a file is.
    async fn look(&self, job: Job, file: &Rc<UserFile>) -> Result<(FileKind, Option<Vec<String>>), Failure> {
        self.stage(job, Stage::Reading).await?;
        let blob = file.blob();
        let kind = sniff_blob(&blob)?;
        let listed = matches!(kind, FileKind::Text | FileKind::Json) && blob.len() <= MAX_LABELS;
        let labels = if listed { read_labels(&blob.bytes()?).ok().filter(|labels| labels.len() > 1) } else { None };
        file.was_read();
        Ok((kind, labels))
    }

    async fn open_picture(&self, candidate: &Candidate) -> Result<(), Failure> {
        let GivenFile { job, id, name } = candidate.given.clone();
        let bytes = candidate.file.blob().bytes()?;
        self.add_image(job, ImageId(id), name, &bytes).await
    }

    async fn open_network(&self, candidates: &[Candidate], index: usize) -> Result<(), Failure> {
        let candidate = &candidates[index];
        let GivenFile { job, id, name } = candidate.given.clone();
        let others = candidates.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| other);
        let beside: Vec<(String, Rc<UserFile>)> = others
            .clone()
            .filter(|other| other.rank() > Rank::Network && other.labels.is_none())
            .map(|other| (other.given.name.clone(), other.file.clone()))
            .collect();
        let lists = others.filter_map(|other| other.labels.clone()).collect();
        let known = Known { id: ModelId(id), name, preprocessing: None, labels: lists };
        self.add_model(job, known, None, candidate.file.blob(), &beside, None).await
    }

    /// Answers a file that went into networks, or should have.
    fn say_where_it_belongs(&self, candidates: &[Candidate], candidate: &Candidate) {
        let job = candidate.given.job;
        let Some(labels) = &candidate.labels else {
            return port::send(&Reply::Belongs { job, models: candidate.takers.clone(), labels: false });
        };
        let given = candidates.iter().map(|other| ModelId(other.given.id.clone()));
        let models: Vec<ModelId> = given.filter(|id| self.has_labels(id, labels)).collect();
        if models.is_empty() {
            let what =
                format!("{} is {}, not a network or a picture.", candidate.given.name, candidate.kind.describe());
            let advice = "If it lists the classes of a network, open it in the input settings of that network.";
            port::send(&Failure::new(what, "", advice).into_reply(job));
        } else {
            port::send(&Reply::Belongs { job, models, labels: true });
        }
    }
}
