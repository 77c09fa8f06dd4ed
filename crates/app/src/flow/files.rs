//! Files of the user: dropped, pasted or picked, several at once. What each is, the worker decides by its content.

use std::{cell::RefCell, collections::HashMap, rc::Rc, time::Duration};

use innspect_protocol::{GivenFile, ImageId, ImageInfo, Job, ModelId, ModelInfo, Reply, Request, Stage};
use js_sys::ArrayBuffer;
use leptos::prelude::*;
use web_sys::{File, FileList};

use super::{input, loading, selection, stored};
use crate::{
    pure::stored::belongings,
    state::{
        FileEntry, FileState, FilesHandle, ModelEntry, ModelOrigin, ModelState, NetworkFiles, Picture, PictureOrigin,
        PictureState, Store,
    },
    web::canvas::Pixels,
};

/// Files that belong to networks are told of together when no more of them came for this long.
const GATHER: Duration = Duration::from_millis(400);

/// The files of a drop, a paste or a picker.
#[must_use]
pub fn list(files: Option<FileList>) -> Vec<File> {
    let files = files.into_iter().flat_map(|files| (0..files.length()).filter_map(move |at| files.get(at)));
    files.collect()
}

/// Files that were given at once.
struct Batch {
    number: u32,
    /// The files of each network there may be among them, by the id it would get.
    files: HashMap<ModelId, FilesHandle>,
    /// Whether no picture among them was shown yet.
    first: RefCell<bool>,
    /// Networks among them. They are stored once it is known which files belong to them.
    ready: RefCell<Vec<ModelEntry>>,
    /// Which files belong to which networks, by their names, until that is told.
    belongs: RefCell<Vec<(String, String)>>,
}

thread_local! {
    static BATCHES: RefCell<HashMap<u32, Rc<Batch>>> = RefCell::default();
}

/// Opens files, all of them as one request; the first picture among them becomes the primary one. While the input
/// dialog is open, a file is a list of class names for its network.
pub fn open(store: Store, files: Vec<File>) {
    if let Some(model) = untrack(|| store.model(&store.configuring.get()?)) {
        if let Some(file) = files.into_iter().next() {
            input::take_labels(store, &model, file);
        }
        return;
    }
    if files.is_empty() {
        return;
    }
    let given: Vec<(GivenFile, File)> = files
        .into_iter()
        .map(|file| {
            let (job, id) = (store.engine.job(), format!("file-{}", store.fresh()));
            (GivenFile { job, id, name: file.name() }, file)
        })
        .collect();
    let handles = given.iter().map(|(given, file)| {
        let files = store.owned(|| StoredValue::new_local(NetworkFiles::of(file.clone().into())));
        (ModelId(given.id.clone()), files)
    });
    let batch = Rc::new(Batch {
        number: store.fresh(),
        files: handles.collect(),
        first: RefCell::new(true),
        ready: RefCell::default(),
        belongs: RefCell::default(),
    });
    BATCHES.with_borrow_mut(|batches| batches.insert(batch.number, batch.clone()));
    for (given, file) in &given {
        let state = store.owned(|| RwSignal::new(FileState::Reading(Stage::Waiting, 0, 0)));
        let (job, id, name) = (given.job, given.id.clone(), given.name.clone());
        let entry = FileEntry { job, id, name, state, batch: batch.number };
        store.files.update(|all| all.push(entry.clone()));
        listen(store, &batch, entry, file.clone());
    }
    let (files, attachments) = given.into_iter().unzip();
    store.engine.send(Request::OpenFiles { files }, attachments);
}

/// Takes a file off the list; a file that is still read is given up.
pub fn dismiss(store: Store, job: Job) {
    store.engine.cancel(job);
    take_off(store, job);
}

fn take_off(store: Store, job: Job) {
    let mut batch = None;
    store.files.update(|files| {
        files.retain(|file| {
            if file.job == job {
                batch = Some(file.batch);
            }
            file.job != job
        });
    });
    if let Some(batch) = batch {
        close(store, batch);
    }
}

/// Stores the networks of a batch once nothing of it is read any more.
fn close(store: Store, number: u32) {
    let reading = |file: &FileEntry| file.state.with_untracked(|state| matches!(state, FileState::Reading(..)));
    let open = store.files.with_untracked(|files| files.iter().any(|file| file.batch == number && reading(file)));
    let Some(batch) = BATCHES.with_borrow(|batches| batches.get(&number).cloned()).filter(|_| !open) else { return };
    for model in batch.ready.take() {
        stored::keep(store, &model);
    }
    // A file that waits for a choice may still become a network of this batch.
    if store.files.with_untracked(|files| files.iter().all(|file| file.batch != number)) {
        BATCHES.with_borrow_mut(|batches| batches.remove(&number));
    }
}

/// After the engine ended: what was being read is lost with it, what waits for a choice can still be loaded.
pub fn restarted(store: Store) {
    store.files.update(|files| {
        files.retain(|file| file.state.with_untracked(|state| matches!(state, FileState::Choosing { .. })));
    });
    for number in BATCHES.with_borrow(|batches| batches.keys().copied().collect::<Vec<_>>()) {
        close(store, number);
    }
}

fn listen(store: Store, batch: &Rc<Batch>, entry: FileEntry, file: File) {
    let batch = batch.clone();
    let (job, state) = (entry.job, entry.state);
    store.engine.hear(job, move |reply, attachments| match reply {
        Reply::Progress { stage, done, total, .. } => state.set(FileState::Reading(stage, done, total)),
        Reply::ModelReady { model, .. } => {
            if let Some(files) = batch.files.get(&model.id).copied() {
                let model = add_model(store, *model, files);
                batch.ready.borrow_mut().push(model);
            }
            take_off(store, job);
        }
        Reply::ImageReady { image, thumbnail, .. } => {
            take_off(store, job);
            let picture = add_picture(store, image, thumbnail, &attachments, &file);
            if batch.first.replace(false) {
                selection::choose_picture(store, &picture);
            }
        }
        Reply::Belongs { models, labels, .. } => {
            belong(store, &batch, &file, &models, labels);
            take_off(store, job);
        }
        Reply::ChooseArchitecture { candidates, error, .. } => {
            selection::tell(store, format!("{}: {}", entry.name, error.what));
            state.set(FileState::Choosing { candidates, error });
            close(store, batch.number);
        }
        Reply::Failed { error, .. } => {
            selection::tell(store, format!("{}: {}", entry.name, error.what));
            state.set(FileState::Failed(error));
            close(store, batch.number);
        }
        Reply::Cancelled { .. } => take_off(store, job),
        _ => {}
    });
}

/// Notes that a file is part of networks that were given along with it, whether they are ready yet or not.
fn belong(store: Store, batch: &Rc<Batch>, file: &File, models: &[ModelId], labels: bool) {
    for id in models {
        let Some(files) = batch.files.get(id) else { continue };
        files.update_value(|files| {
            if labels {
                files.labelled = true;
            } else {
                files.beside.push(file.clone().into());
            }
        });
        let name = files.with_value(|files| files.own.name.clone());
        batch.belongs.borrow_mut().push((file.name(), name));
        if labels && let Some(model) = untrack(|| store.model(id)) {
            input::labelled(store, &model);
        }
    }
    // A network of many parts is told of once.
    let (batch, count) = (batch.clone(), batch.belongs.borrow().len());
    set_timeout(
        move || {
            if batch.belongs.borrow().len() == count {
                for text in belongings(&batch.belongs.take()) {
                    selection::say(store, text);
                }
            }
        },
        GATHER,
    );
}

/// Loads a file of weights as the network that the user says they belong to. Where that fails, it can be said again.
pub fn choose(store: Store, job: Job, architecture: &str) {
    let Some(entry) = store.files.with_untracked(|files| files.iter().find(|file| file.job == job).cloned()) else {
        return;
    };
    let FileState::Choosing { candidates, .. } = entry.state.get_untracked() else { return };
    let model = ModelId(entry.id.clone());
    let Some(batch) = BATCHES.with_borrow(|batches| batches.get(&entry.batch).cloned()) else { return };
    let Some(files) = batch.files.get(&model).copied() else { return };
    entry.state.set(FileState::Reading(Stage::Waiting, 0, 0));
    files.update_value(|files| files.architecture = Some(architecture.to_owned()));
    let state = entry.state;
    store.engine.hear(job, move |reply, _| match reply {
        Reply::Progress { stage, done, total, .. } => state.set(FileState::Reading(stage, done, total)),
        Reply::ModelReady { model, .. } => {
            let model = add_model(store, *model, files);
            batch.ready.borrow_mut().push(model);
            take_off(store, job);
        }
        Reply::ChooseArchitecture { candidates, error, .. } => state.set(FileState::Choosing { candidates, error }),
        Reply::Failed { error, .. } => {
            selection::tell(store, format!("{}: {}", entry.name, error.what));
            state.set(FileState::Choosing { candidates: candidates.clone(), error });
        }
        Reply::Cancelled { .. } => take_off(store, job),
        _ => {}
    });
    loading::request_files(store, job, model, files);
}

/// Adds a network that the engine has.
fn add_model(store: Store, info: ModelInfo, files: FilesHandle) -> ModelEntry {
    let model = new_model(store, info.id.clone(), info.name.clone(), files);
    // The engine has it already; it only waits for the settings that are remembered.
    model.state.set(ModelState::Loading { stage: Stage::Preparing, done: 0, total: 0 });
    input::arrive(store, &model, info);
    store.models.update(|models| models.insert(0, model.clone()));
    show_first();
    model
}

/// Adds a network to be loaded from files. What the user brought comes first, so that it is seen without scrolling.
pub fn add_waiting(store: Store, name: String, hash: String, files: NetworkFiles) {
    let id = ModelId(format!("file-{}", store.fresh()));
    let files = store.owned(|| StoredValue::new_local(files));
    let model = new_model(store, id, name, files);
    model.hash.set(Some(hash));
    store.models.update(|models| models.insert(0, model));
    show_first();
}

fn new_model(store: Store, id: ModelId, name: String, files: FilesHandle) -> ModelEntry {
    let slot = store.free_slot();
    store.owned(|| ModelEntry::new(id, name, slot, ModelOrigin::Files(files)))
}

fn show_first() {
    if let Some(centre) = document().get_element_by_id("cards") {
        centre.set_scroll_top(0);
    }
}

fn add_picture(store: Store, info: ImageInfo, size: [u32; 2], attachments: &[ArrayBuffer], file: &File) -> ImageId {
    let url = web_sys::Url::create_object_url_with_blob(file).unwrap_or_default();
    let thumbnail = attachments.first().and_then(|buffer| Pixels::from_buffer(buffer, size[0], size[1]));
    let id = info.id.clone();
    let picture = store.owned(|| {
        let origin = PictureOrigin::File(StoredValue::new_local(file.clone()));
        let picture = Picture::new(id.clone(), info.name.clone(), url, origin);
        picture.thumbnail.set(thumbnail.map(Into::into));
        picture.state.set(PictureState::Ready(info));
        picture
    });
    store.pictures.update(|pictures| {
        let own = pictures.iter().take_while(|picture| picture.catalog().is_none()).count();
        pictures.insert(own, picture);
    });
    loading::evict(store, &id);
    id
}
