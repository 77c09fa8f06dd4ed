//! How a network's pictures are prepared and its classes named: changed by the user, remembered by the network's hash,
//! and put back when a network with the same hash is loaded again.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use innspect_graph::Preprocessing;
use innspect_protocol::{ImageId, Job, ModelId, ModelInfo, Reply, Request, UserError};
use leptos::prelude::*;
use web_sys::File;

use super::{boot::site_url, selection, stored};
use crate::{
    pure::stored::InputSettings,
    state::{FileEntry, FileState, LabelsNote, ModelEntry, ModelOrigin, ModelState, Store},
    web::{canvas::Pixels, opfs, pwa, storage},
};

thread_local! {
    /// What this visit knows, for browsers that keep nothing.
    static REMEMBERED: RefCell<HashMap<String, InputSettings>> = RefCell::default();
}

fn key(hash: &str) -> String {
    format!("input.{hash}")
}

/// What is remembered of the network with this hash.
#[must_use]
pub fn remembered(store: Store, hash: &str) -> InputSettings {
    if let Some(known) = REMEMBERED.with_borrow(|known| known.get(hash).cloned()) {
        return known;
    }
    let kept = storage::get(&key(hash)).and_then(|text| serde_json::from_str(&text).ok());
    // The leaf of a stored network outlives a cleared local storage.
    kept.or_else(|| stored::about(store, hash).map(|about| about.input)).unwrap_or_default()
}

fn remember(store: Store, hash: &str, settings: InputSettings) {
    if settings.is_empty() {
        storage::remove(&key(hash));
    } else if let Ok(text) = serde_json::to_string(&settings) {
        storage::set(&key(hash), &text);
    }
    stored::update(store, hash, &settings);
    REMEMBERED.with_borrow_mut(|known| known.insert(hash.to_owned(), settings));
}

/// Takes a network as loading left it: brings back what the user changed about its input before, then lets it be used.
pub fn arrive(store: Store, model: &ModelEntry, info: ModelInfo) {
    // The first network, whoever's it is, also has the photos of the site kept.
    pwa::keep(match &model.origin {
        ModelOrigin::BuiltIn(entry) => vec![site_url(&entry.file), site_url(&entry.labels)],
        ModelOrigin::Files(_) => Vec::new(),
    });
    let info = Arc::new(info);
    let mut wanted = remembered(store, &info.sha256);
    if is_labelled(model) && model.said.with_untracked(Option::is_none) {
        // Names that were just given along with it are newer than those that are remembered.
        wanted.labels = None;
    }
    model.hash.set(Some(info.sha256.clone()));
    model.said.set(Some(info.clone()));
    if wanted.checked || wanted.preprocessing.is_some() {
        model.checked.set(true);
    }
    let preprocessing = wanted.preprocessing.filter(|steps| *steps != info.preprocessing);
    let labels = wanted.labels.filter(|labels| *labels != info.labels);
    if preprocessing.is_none() && labels.is_none() {
        return ready(store, model, info);
    }
    let (entry, as_said) = (model.clone(), info);
    let file = labels.as_deref().and_then(labels_file);
    configure(store, model, preprocessing, file, move |outcome| {
        if outcome.is_err() {
            let text = format!("The input settings kept for {} do not fit it any more.", entry.name);
            selection::say(store, text);
            ready(store, &entry, as_said.clone());
        }
    });
}

fn ready(store: Store, model: &ModelEntry, info: Arc<ModelInfo>) {
    store.announcement.set(format!("{} is ready", model.name));
    model.revision.update(|revision| *revision += 1);
    model.state.set(ModelState::Ready(info.clone()));
    keep(store, model, &info);
}

/// Remembers how the input differs from what the file says.
fn keep(store: Store, model: &ModelEntry, info: &ModelInfo) {
    let Some(said) = model.said.get_untracked() else { return };
    let settings = InputSettings {
        preprocessing: (info.preprocessing != said.preprocessing).then(|| info.preprocessing.clone()),
        labels: (info.labels != said.labels || is_labelled(model)).then(|| info.labels.clone()),
        checked: model.catalog().is_none() && model.checked.get_untracked(),
    };
    if remembered(store, &info.sha256) != settings {
        remember(store, &info.sha256, settings);
    }
}

fn is_labelled(model: &ModelEntry) -> bool {
    model.files().is_some_and(|files| files.with_value(|files| files.labelled))
}

/// Notes that a file given along with a network names its classes, which the worker may say late.
pub fn labelled(store: Store, model: &ModelEntry) {
    let Some(said) = model.said.get_untracked() else { return };
    match model.state.with_untracked(ModelState::info) {
        Some(now) if now.labels == said.labels => keep(store, model, &now),
        // The names that were remembered are in use, or on their way.
        _ => configure(store, model, None, labels_file(&said.labels), |_| {}),
    }
}

/// The user says that what was assumed is right.
pub fn confirm(store: Store, model: &ModelEntry) {
    model.checked.set(true);
    if let Some(info) = model.state.with_untracked(ModelState::info) {
        keep(store, model, &info);
    }
}

/// Changes how a network's pictures are prepared or its classes named; `done` hears how it went. A network that could
/// not be changed stays as it was.
pub fn configure(
    store: Store,
    model: &ModelEntry,
    preprocessing: Option<Preprocessing>,
    labels: Option<File>,
    done: impl Fn(Result<(), UserError>) + 'static,
) {
    let job = store.engine.job();
    let entry = model.clone();
    store.engine.hear(job, move |reply, _| match reply {
        Reply::ModelReady { model: info, .. } => {
            let mut info = *info;
            if let Some(said) = entry.said.get_untracked().filter(|said| said.preprocessing == info.preprocessing) {
                info.preprocessing_origin.clone_from(&said.preprocessing_origin);
            }
            ready(store, &entry, Arc::new(info));
            done(Ok(()));
        }
        Reply::Failed { error, .. } => done(Err(error)),
        _ => {}
    });
    let labels_file = labels.is_some();
    let model = model.id.clone();
    store.engine.send(Request::ConfigureModel { job, model, preprocessing, labels_file }, labels.into_iter().collect());
}

/// Changes how pictures are prepared as the input dialog says; an error stands in the list of files.
pub fn apply(store: Store, model: &ModelEntry, preprocessing: Preprocessing) {
    model.checked.set(true);
    let name = model.name.clone();
    configure(store, model, Some(preprocessing), None, move |outcome| {
        // The network itself is as good as before; the error belongs to what was asked of it.
        if let Err(error) = outcome {
            let state = store.owned(|| RwSignal::new(FileState::Failed(error)));
            let (job, id, name) = (store.engine.job(), String::new(), name.clone());
            store.files.update(|all| all.push(FileEntry { job, id, name, state, batch: 0 }));
        }
    });
}

/// Names the classes by the file that the input dialog was given.
pub fn take_labels(store: Store, model: &ModelEntry, file: File) {
    let name = file.name();
    store.labels_note.set(Some(LabelsNote::Reading(name.clone())));
    configure(store, model, None, Some(file), move |outcome| {
        store.labels_note.set(Some(match outcome {
            Ok(()) => LabelsNote::Taken(name.clone()),
            Err(error) => LabelsNote::Refused(error),
        }));
    });
}

/// Names the classes as they were.
pub fn put_labels_back(store: Store, model: &ModelEntry, labels: &[String]) {
    if let Some(file) = labels_file(labels) {
        configure(store, model, None, Some(file), move |outcome| {
            store.labels_note.set(outcome.err().map(LabelsNote::Refused));
        });
    }
}

/// Class names as the file that the worker reads them from.
fn labels_file(labels: &[String]) -> Option<File> {
    opfs::text_file("labels.json", &serde_json::to_string(labels).ok()?)
}

/// What a network would see, and the smallest and largest of the numbers it would get.
pub struct Seen {
    /// The picture.
    pub pixels: Pixels,
    /// The numbers.
    pub range: [f32; 2],
}

/// Asks what a network would see of a picture that is prepared in another way.
pub fn show(
    store: Store,
    model: ModelId,
    image: ImageId,
    preprocessing: Preprocessing,
    shown: impl Fn(Result<Seen, UserError>) + 'static,
) -> Job {
    let job = store.engine.job();
    store.engine.hear(job, move |reply, attachments| match reply {
        Reply::ShownInput { size: [width, height], range, .. } => {
            let pixels = attachments.first().and_then(|buffer| Pixels::from_buffer(buffer, width, height));
            if let Some(pixels) = pixels {
                shown(Ok(Seen { pixels, range }));
            }
        }
        Reply::Failed { error, .. } => shown(Err(error)),
        _ => {}
    });
    store.engine.send(Request::ShowInput { job, model, image, preprocessing }, Vec::new());
    job
}

/// Whether the input of a network differs from what its file or the catalogue says, tracked.
#[must_use]
pub fn is_changed(model: &ModelEntry) -> bool {
    let (said, now) = (model.said.get(), model.state.with(ModelState::info));
    said.zip(now).is_some_and(|(said, now)| said.preprocessing != now.preprocessing || said.labels != now.labels)
}
