//! Pictures of a data set into the Explain view.

use innspect_protocol::{DatasetId, ImageId, Request};
use leptos::prelude::*;

use super::{loading, marking, selection};
use crate::state::{DatasetStatus, Picture, PictureOrigin, PictureState, Store, View};

/// How many pictures of data sets the strip holds; the one that was explained longest ago goes first.
const IN_STRIP: usize = 12;

/// Explains a picture of the open data set.
pub fn explain(store: Store, item: u32) {
    let Some(dataset) = untrack(|| store.data.open()) else { return };
    let Some(name) = dataset.items.get(item as usize).map(|item| item.name.clone()) else { return };
    marking::choose(store, item);
    let id = ImageId(format!("{}/{item}", dataset.info.id.0));
    if store.pictures.with_untracked(|pictures| pictures.iter().all(|picture| picture.id != id)) {
        make_room(store);
        let origin = PictureOrigin::Item { dataset: dataset.info.id.clone(), item };
        let picture = store.owned(|| Picture::new(id.clone(), name, String::new(), origin));
        store.pictures.update(|pictures| pictures.insert(0, picture));
    }
    selection::choose_picture(store, &id);
    store.data.view.set(View::Explain);
}

fn make_room(store: Store) {
    let primary = store.primary.get_untracked();
    let named = untrack(|| loading::named_pictures(store));
    let surplus: Vec<ImageId> = store.pictures.with_untracked(|pictures| {
        let of_sets = pictures.iter().filter(|picture| picture.item().is_some());
        let old = of_sets.skip(IN_STRIP - 1).map(|picture| picture.id.clone());
        old.filter(|id| Some(id) != primary.as_ref() && !named.contains(id)).collect()
    });
    if surplus.is_empty() {
        return;
    }
    store.pictures.update(|pictures| pictures.retain(|picture| !surplus.contains(&picture.id)));
    for image in surplus {
        store.engine.send(Request::DropImage { image }, Vec::new());
    }
}

/// Whether the engine can be asked for an item now, tracked; nothing where its data set is gone for good.
pub fn at_hand(store: Store, dataset: &DatasetId) -> Option<bool> {
    store.data.status.with(|status| match status {
        DatasetStatus::Open(open) => (open.info.id == *dataset).then_some(true),
        // Perhaps it is this one that is being opened anew.
        DatasetStatus::Opening(..) => Some(false),
        DatasetStatus::None | DatasetStatus::Failed(_) => None,
    })
}

/// The item that is explained, tracked.
pub fn explained(store: Store) -> Option<u32> {
    let dataset = store.data.open()?;
    store.picture().and_then(|picture| picture.item().filter(|(id, _)| **id == dataset.info.id).map(|(_, item)| item))
}

/// The primary item follows the picture that is chosen in the strip.
pub fn keep_primary(store: Store) {
    Effect::new(move |_| {
        let item = explained(store);
        if let Some(item) = item
            && store.data.view.get_untracked() == View::Explain
            && store.data.primary.get_untracked() != Some(item)
        {
            store.data.primary.set(Some(item));
        }
    });
}

/// Why a picture cannot be loaded: its data set is closed.
pub fn closed(picture: &Picture) {
    picture.state.set(PictureState::Failed(innspect_protocol::UserError {
        what: "The data set of this picture is closed.".into(),
        place: picture.title.clone(),
        advice: "Open the data set again and choose the picture there.".into(),
    }));
}
