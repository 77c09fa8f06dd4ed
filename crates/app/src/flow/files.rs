//! Files of the user: dropped, pasted or picked, several at once. What a file is, the worker decides by its content.

use innspect_graph::Preprocessing;
use innspect_protocol::{ImageId, ImageInfo, Job, ModelId, ModelInfo, Reply, Request, Stage};
use js_sys::ArrayBuffer;
use leptos::prelude::*;
use web_sys::{File, FileList};

use super::{loading, selection};
use crate::{
    state::{FileEntry, FileState, ModelEntry, ModelOrigin, ModelState, Picture, PictureOrigin, PictureState, Store},
    web::{canvas::Pixels, fetch},
};

/// The files of a drop, a paste or a picker.
#[must_use]
pub fn list(files: Option<FileList>) -> Vec<File> {
    let files = files.into_iter().flat_map(|files| (0..files.length()).filter_map(move |at| files.get(at)));
    files.collect()
}

/// Opens files; the first picture among them becomes the primary one.
pub fn open(store: Store, files: Vec<File>) {
    let first = store.owned(|| StoredValue::new(true));
    for file in files {
        let job = store.engine.job();
        let id = format!("file-{}", store.fresh());
        let state = store.owned(|| RwSignal::new(FileState::Reading(Stage::Waiting, 0, 0)));
        store.files.update(|all| all.push(FileEntry { job, name: file.name(), state }));
        leptos::task::spawn_local(read(store, job, id, file, state, first));
    }
}

/// Takes a file off the list; a file that is still read is given up.
pub fn dismiss(store: Store, job: Job) {
    store.engine.cancel(job);
    store.files.update(|files| files.retain(|file| file.job != job));
}

/// Sends a changed preparation or a labels file for a network.
pub fn configure(store: Store, model: &ModelEntry, preprocessing: Option<Preprocessing>, labels: Option<File>) {
    let model = model.clone();
    leptos::task::spawn_local(async move {
        let mut attachments = Vec::new();
        if let Some(file) = labels {
            match fetch::bytes(&file).await {
                Some(bytes) => attachments.push(bytes),
                None => return model.state.set(ModelState::Failed(loading::unreadable(&file.name()))),
            }
        }
        let job = store.engine.job();
        let before = model.state.get_untracked();
        let entry = model.clone();
        store.engine.hear(job, move |reply, _| {
            if let Reply::Failed { error, .. } = reply {
                // The network itself is as good as before; the error belongs to what was asked of it.
                entry.state.set(before.clone());
                let state = store.owned(|| RwSignal::new(FileState::Failed(error)));
                store.files.update(|all| all.push(FileEntry { job, name: entry.name.clone(), state }));
            } else {
                loading::hear_model(store, &entry, reply);
            }
        });
        let labels_file = !attachments.is_empty();
        let model = model.id.clone();
        store.engine.send(Request::ConfigureModel { job, model, preprocessing, labels_file }, attachments);
    });
}

async fn read(store: Store, job: Job, id: String, file: File, state: RwSignal<FileState>, first: StoredValue<bool>) {
    let Some(bytes) = fetch::bytes(&file).await else {
        return state.set(FileState::Failed(loading::unreadable(&file.name())));
    };
    let name = file.name();
    store.engine.hear(job, move |reply, attachments| match reply {
        Reply::Progress { stage, done, total, .. } => state.set(FileState::Reading(stage, done, total)),
        Reply::ModelReady { model, .. } => {
            dismiss(store, job);
            add_model(store, *model, &file);
        }
        Reply::ImageReady { image, thumbnail, .. } => {
            dismiss(store, job);
            let picture = add_picture(store, image, thumbnail, &attachments, &file);
            if first.get_value() {
                first.set_value(false);
                selection::choose_picture(store, &picture);
            }
        }
        Reply::Failed { error, .. } => {
            selection::tell(store, format!("{}: {}", file.name(), error.what));
            state.set(FileState::Failed(error));
        }
        Reply::Cancelled { .. } => dismiss(store, job),
        _ => {}
    });
    store.engine.send(Request::OpenFile { job, id, name }, vec![bytes]);
}

fn add_model(store: Store, info: ModelInfo, file: &File) {
    let slot = store.free_slot();
    let model = store.owned(|| {
        let origin = ModelOrigin::File(StoredValue::new_local(file.clone()));
        let model = ModelEntry::new(ModelId(info.id.0.clone()), info.name.clone(), slot, origin);
        model.state.set(ModelState::Ready(info.into()));
        model
    });
    store.announcement.set(format!("{} is ready", model.name));
    // What the user brought comes first, so that it is seen without scrolling.
    store.models.update(|models| models.insert(0, model));
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
