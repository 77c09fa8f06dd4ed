//! Networks and pictures into the engine, one at a time and only when they are needed.

use std::{cell::RefCell, collections::HashMap};

use innspect_protocol::{CatalogModel, ImageId, Job, ModelId, Reply, Request, Source, Stage, UserError};
use js_sys::ArrayBuffer;
use leptos::prelude::*;

use super::{boot::site_url, input, items};
use crate::{
    pure::params,
    state::{
        EngineStatus, FilesHandle, ModelEntry, ModelOrigin, ModelState, Phase, Picture, PictureOrigin, PictureState,
        Store,
    },
    web::{canvas::Pixels, fetch},
};

/// How many pictures of the site stay decoded besides the primary one.
const KEPT_PICTURES: usize = 8;
/// How many pixels stay decoded, whoever the pictures are from; at three bytes each.
const KEPT_PIXELS: u64 = 64_000_000;

/// Loads the primary picture as soon as it changes and those that a parameter names, and the networks in turn: the next one when the one before has
/// shown its first map, so that the first card is not held up.
pub fn keep_loading(store: Store) {
    Effect::new(move |_| {
        let down = store.status.with(|status| matches!(status, EngineStatus::Down(_)));
        if down {
            return;
        }
        let named = named_pictures(store);
        let named = store.pictures.get().into_iter().filter(|picture| named.contains(&picture.id));
        for picture in store.picture().into_iter().chain(named) {
            if picture.state.get() != PictureState::Absent {
                continue;
            }
            match picture.item().map_or(Some(true), |(dataset, _)| items::at_hand(store, dataset)) {
                Some(true) => untrack(|| load_picture(store, &picture)),
                Some(false) => {}
                None => items::closed(&picture),
            }
        }
    });
    Effect::new(move |_| {
        if store.status.with(|status| matches!(status, EngineStatus::Down(_))) {
            return;
        }
        let has_picture = store.primary.with(Option::is_some);
        let models = store.shown_models();
        let busy = models.iter().any(|model| match model.state.get() {
            ModelState::Loading { .. } => true,
            ModelState::Ready(_) => {
                has_picture
                    && !model.card.settled.get()
                    && model.card.phase.with(|phase| matches!(phase, Phase::Waiting | Phase::Computing { .. }))
            }
            ModelState::Waiting | ModelState::Failed(_) => false,
        });
        if busy {
            return;
        }
        let next = models.into_iter().find(|model| model.state.with(|state| matches!(state, ModelState::Waiting)));
        if let Some(model) = next {
            untrack(|| load_model(store, model));
        }
    });
}

/// Loads a network.
pub fn load_model(store: Store, model: ModelEntry) {
    model.state.set(ModelState::Loading { stage: Stage::Waiting, done: 0, total: 0 });
    let job = store.engine.job();
    let entry = model.clone();
    let listen = move || store.engine.hear(job, move |reply, _| hear_model(store, &entry, reply));
    match model.origin.clone() {
        ModelOrigin::Files(files) => {
            listen();
            request_files(store, job, model.id, files);
        }
        ModelOrigin::BuiltIn(entry) => leptos::task::spawn_local(async move {
            match labels(&site_url(&entry.labels)).await {
                Ok(labels) => {
                    listen();
                    request_built_in(store, job, &model, &entry, labels);
                }
                Err(reason) => model.state.set(ModelState::Failed(UserError {
                    what: "The class names of this network could not be read.".into(),
                    place: format!("{}: {reason}", entry.labels),
                    advice: "Check the connection and try again.".into(),
                })),
            }
        }),
    }
}

fn request_built_in(store: Store, job: Job, model: &ModelEntry, entry: &CatalogModel, labels: Vec<String>) {
    let request = Request::LoadModel {
        job,
        model: model.id.clone(),
        name: model.name.clone(),
        source: Source::Site { url: site_url(&entry.file), bytes: entry.bytes },
        beside: Vec::new(),
        architecture: None,
        sha256: Some(entry.sha256.clone()),
        preprocessing: Some(entry.preprocessing.clone()),
        labels: Some(labels),
    };
    store.engine.send(request, Vec::new());
}

/// Asks for a network of the user's. What the user changed about its input is put back when it is there, so that what
/// its file says is known too.
pub fn request_files(store: Store, job: Job, model: ModelId, files: FilesHandle) {
    let files = files.get_value();
    let attachments = files.all().map(|file| file.file.clone()).collect();
    let request = Request::LoadModel {
        job,
        model,
        name: files.own.name,
        source: Source::Attached,
        beside: files.beside.into_iter().map(|file| file.name).collect(),
        architecture: files.architecture,
        sha256: None,
        preprocessing: None,
        labels: None,
    };
    store.engine.send(request, attachments);
}

fn hear_model(store: Store, model: &ModelEntry, reply: Reply) {
    match reply {
        Reply::Progress { stage, done, total, .. } => model.state.set(ModelState::Loading { stage, done, total }),
        Reply::ModelReady { model: info, .. } => {
            input::arrive(store, model, *info);
        }
        Reply::Failed { error, .. } | Reply::ChooseArchitecture { error, .. } => {
            model.state.set(ModelState::Failed(error));
        }
        Reply::Cancelled { .. } => model.state.set(ModelState::Waiting),
        _ => {}
    }
}

/// Decodes a picture in the engine.
pub fn load_picture(store: Store, picture: &Picture) {
    picture.state.set(PictureState::Loading);
    let job = store.engine.job();
    let entry = picture.clone();
    store.engine.hear(job, move |reply, attachments| hear_picture(store, &entry, reply, &attachments));
    let (image, name) = (picture.id.clone(), picture.title.clone());
    let from = |source| Request::LoadImage { job, image: image.clone(), name, source };
    let (request, attachments) = match &picture.origin {
        PictureOrigin::BuiltIn(_) => (from(Source::Site { url: picture.url.clone(), bytes: 0 }), Vec::new()),
        PictureOrigin::File(file) => (from(Source::Attached), vec![file.get_value()]),
        PictureOrigin::Item { dataset, item } => {
            (Request::LoadItem { job, image, dataset: dataset.clone(), item: *item }, Vec::new())
        }
    };
    store.engine.send(request, attachments);
}

fn hear_picture(store: Store, picture: &Picture, reply: Reply, attachments: &[ArrayBuffer]) {
    match reply {
        Reply::ImageReady { image, thumbnail: [width, height], .. } => {
            let pixels = attachments.first().and_then(|buffer| Pixels::from_buffer(buffer, width, height));
            picture.thumbnail.set(pixels.map(Into::into));
            picture.state.set(PictureState::Ready(image));
            evict(store, &picture.id);
        }
        Reply::Failed { error, .. } => picture.state.set(PictureState::Failed(error)),
        Reply::Cancelled { .. } => picture.state.set(PictureState::Absent),
        _ => {}
    }
}

/// The pictures that a parameter of the method names, tracked.
pub fn named_pictures(store: Store) -> Vec<ImageId> {
    let method = store.method.get();
    store.params.with(|params| params.get(&method).map(params::pictures_in)).unwrap_or_default()
}

/// Frees the pictures that were loaded longest ago; they are read again when they are chosen again.
pub fn evict(store: Store, newest: &ImageId) {
    thread_local! { static ORDER: RefCell<Vec<ImageId>> = const { RefCell::new(Vec::new()) }; }
    let order = ORDER.with_borrow_mut(|order| {
        order.retain(|id| id != newest);
        order.push(newest.clone());
        order.clone()
    });
    let in_use =
        untrack(|| [named_pictures(store), store.primary.get().into_iter().collect(), vec![newest.clone()]]).concat();
    let pictures = store.pictures.get_untracked();
    let (mut of_site, mut pixels) = (0, 0);
    for picture in order.iter().rev().filter_map(|id| pictures.iter().find(|picture| picture.id == *id)) {
        let Some(size) = picture.state.with_untracked(PictureState::pixels) else { continue };
        of_site += usize::from(picture.catalog().is_some());
        pixels += size;
        let surplus = pixels > KEPT_PIXELS || (picture.catalog().is_some() && of_site > KEPT_PICTURES + 1);
        if surplus && !in_use.contains(&picture.id) {
            pixels -= size;
            picture.state.set(PictureState::Absent);
            store.engine.send(Request::DropImage { image: picture.id.clone() }, Vec::new());
        }
    }
}

/// Class names, fetched once per file.
pub async fn labels(url: &str) -> Result<Vec<String>, String> {
    thread_local! { static KNOWN: RefCell<HashMap<String, Vec<String>>> = RefCell::default(); }
    if let Some(known) = KNOWN.with_borrow(|known| known.get(url).cloned()) {
        return Ok(known);
    }
    let labels: Vec<String> = fetch::json(url).await?;
    KNOWN.with_borrow_mut(|known| known.insert(url.to_owned(), labels.clone()));
    Ok(labels)
}
