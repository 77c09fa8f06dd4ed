//! The first moments: read the link, start the engine, read the catalogue, show a worked example.

use std::sync::Arc;

use innspect_protocol::{Catalog, ImageId, ModelId};
use leptos::prelude::*;

use super::{
    built_in_sets, datasets, explaining, files, items, link, loading, scanning, selection, sensitivity, stored,
};
use crate::{
    state::{EngineStatus, ModelEntry, ModelOrigin, Picture, PictureOrigin, PictureState, Store, Toast, ToastAction},
    web::{fetch, pwa},
};

const CATALOG: &str = "./models/catalog.json";

/// The address of a file that the catalogue names, relative to the page.
#[must_use]
pub fn site_url(file: &str) -> String {
    format!("models/{file}")
}

/// Starts everything.
pub fn begin(store: Store) {
    let link = link::read(store);
    pwa::watch_online(store.online);
    pwa::register(move || {
        let (id, text) = (store.fresh(), "A new version is ready.".to_owned());
        let toast = Toast { id, text, action: Some(ToastAction::Update), told: false };
        store.toasts.update(|toasts| toasts.push(toast));
    });
    store.engine.restart();
    leptos::task::spawn_local(async move {
        // Before the address is written: it may name networks that are stored.
        let stored = async {
            stored::read(store).await;
            stored::open_named(store, &link);
        };
        match fetch::json::<Catalog>(CATALOG).await {
            Ok(catalog) => {
                built_in_sets::fill(store, &catalog);
                fill(store, catalog, &link);
                built_in_sets::open_named(store, &link);
            }
            Err(reason) => store.catalog_error.set(Some(reason)),
        }
        store.catalog_read.set(true);
        stored.await;
        link::keep(store);
    });
    link::keep_known(store);
    loading::keep_loading(store);
    explaining::keep_explained(store);
    explaining::keep_drawn(store);
    sensitivity::keep_checked(store);
    datasets::begin(store);
    scanning::keep_scanned(store);
    items::keep_primary(store);
}

fn fill(store: Store, catalog: Catalog, link: &crate::pure::hash::ViewState) {
    let models = catalog.models.into_iter().enumerate().map(|(slot, entry)| {
        let shown = link.models.as_ref().is_none_or(|models| models.contains(&entry.id));
        store.owned(|| {
            let (id, name) = (ModelId(entry.id.clone()), entry.name.clone());
            let model = ModelEntry::new(id, name, slot, ModelOrigin::BuiltIn(Arc::new(entry)));
            model.shown.set(shown);
            model
        })
    });
    let models: Vec<ModelEntry> = models.collect();
    let photos = catalog.photos.into_iter().map(|photo| {
        let (id, url, title) = (ImageId(photo.file.clone()), site_url(&photo.file), photo.title.clone());
        store.owned(|| Picture::new(id, title, url, PictureOrigin::BuiltIn(Arc::new(photo))))
    });
    let photos: Vec<Picture> = photos.collect();
    let linked = link.picture.as_ref().and_then(|id| photos.iter().find(|photo| photo.id.0 == *id));
    let first = linked.or_else(|| photos.first()).map(|photo| photo.id.clone());

    // Files dropped before the catalogue came stay in front.
    store.pictures.update(|pictures| pictures.extend(photos));
    store.models.update(|all| all.extend(models));
    store.primary.update(|primary| {
        if primary.is_none() {
            *primary = first;
        }
    });
}

/// Starts the engine anew; everything is loaded again.
pub fn restart(store: Store) {
    store.status.set(EngineStatus::Starting);
    files::restarted(store);
    selection::forget_removed(store);
    sensitivity::forget(store);
    store.baselines.set(Default::default());
    for model in store.models.get_untracked() {
        model.card.clear();
        model.state.set(crate::state::ModelState::Waiting);
    }
    for picture in store.pictures.get_untracked() {
        picture.state.set(PictureState::Absent);
    }
    store.engine.restart();
    datasets::restarted(store);
}
