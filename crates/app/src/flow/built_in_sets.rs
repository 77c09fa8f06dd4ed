//! Data sets that the site brings.

use std::{collections::HashMap, sync::Arc};

use innspect_protocol::{Catalog, CatalogPhoto, DatasetSource, ModelId, SitePicture};
use leptos::prelude::*;

use super::{boot::site_url, datasets, loading, selection};
use crate::{
    pure::hash::ViewState,
    state::{BuiltInSet, BuiltInSource, ModelEntry, ModelOrigin, Store, ToastAction, View},
};

/// Id of the data set of the photos.
pub const PHOTOS: &str = "photos";

/// The data sets of a catalogue.
#[must_use]
pub fn of_catalog(catalog: &Catalog) -> Vec<BuiltInSet> {
    let photos = (!catalog.photos.is_empty()).then(|| BuiltInSet {
        id: PHOTOS.to_owned(),
        name: "Sample photos".to_owned(),
        detail: "Photos of animals and things, with their ImageNet classes where they show one.".to_owned(),
        count: catalog.photos.len(),
        models: Vec::new(),
        source: BuiltInSource::Photos {
            pictures: pictures(&catalog.photos),
            // Labels of photos count the classes of ImageNet, and so do the networks of the catalogue.
            names: catalog.models.first().map(|model| site_url(&model.labels)),
        },
    });
    let arrays = catalog.datasets.iter().map(|set| BuiltInSet {
        id: set.id.clone(),
        name: set.name.clone(),
        detail: set.description.clone(),
        count: set.count,
        models: catalog.models.iter().filter(|model| set.models.contains(&model.id)).cloned().map(Arc::new).collect(),
        source: BuiltInSource::File(DatasetSource::Site {
            url: site_url(&set.file),
            bytes: set.bytes,
            classes: set.classes.clone(),
        }),
    });
    photos.into_iter().chain(arrays).collect()
}

fn pictures(photos: &[CatalogPhoto]) -> Vec<SitePicture> {
    let mut titles: HashMap<&str, u32> = HashMap::new();
    photos
        .iter()
        .map(|photo| {
            let times = titles.entry(photo.title.as_str()).and_modify(|times| *times += 1).or_insert(1);
            // Names are unique within a set.
            let name = if *times == 1 { photo.title.clone() } else { format!("{} ({times})", photo.title) };
            let label = photo.label.and_then(|label| u32::try_from(label).ok());
            SitePicture { url: site_url(&photo.file), name, label }
        })
        .collect()
}

/// Lists those of the catalogue.
pub fn fill(store: Store, catalog: &Catalog) {
    store.data.built_in_sets.set(Arc::new(of_catalog(catalog)));
}

/// Opens one by its id and shows it.
pub fn open(store: Store, id: &str) {
    store.data.view.set(View::Suggest);
    begin(store, id);
}

fn begin(store: Store, id: &str) {
    let sets = store.data.built_in_sets.get_untracked();
    let Some(set) = sets.iter().find(|set| set.id == id).cloned() else { return };
    take_networks(store, &set);
    let BuiltInSet { id, name, source, .. } = set;
    match source {
        BuiltInSource::File(source) => datasets::open(store, name, source, Vec::new(), Some(id)),
        BuiltInSource::Photos { pictures, names } => {
            let number = store.fresh();
            store.data.fetching.set(Some(number));
            // Before the names are there, so that the address keeps it.
            store.data.built_in.set(Some(id.clone()));
            leptos::task::spawn_local(async move {
                let names = match names {
                    Some(url) => loading::labels(&url).await.unwrap_or_default(),
                    None => Vec::new(),
                };
                // Something else was opened meanwhile.
                if store.data.fetching.get_untracked() == Some(number) {
                    let (pictures, classes) = compact(pictures, &names);
                    let source = DatasetSource::Pictures { pictures, classes };
                    datasets::open(store, name, source, Vec::new(), Some(id));
                }
            });
        }
    }
}

/// Counts only the classes that are shown, in the order of the list: tables of a thousand empty classes help nobody. Labels
/// without a name are none.
fn compact(mut pictures: Vec<SitePicture>, names: &[String]) -> (Vec<SitePicture>, Vec<String>) {
    let known = |label: u32| names.get(label as usize);
    let mut used: Vec<u32> =
        pictures.iter().filter_map(|picture| picture.label).filter(|label| known(*label).is_some()).collect();
    used.sort_unstable();
    used.dedup();
    for picture in &mut pictures {
        let place = picture.label.and_then(|label| used.binary_search(&label).ok());
        picture.label = place.and_then(|place| u32::try_from(place).ok());
    }
    (pictures, used.into_iter().filter_map(known).cloned().collect())
}

/// Opens the data set that a link names, unless it is open.
pub fn open_named(store: Store, link: &ViewState) {
    let Some(id) = link.set.as_deref() else { return };
    if store.data.built_in.with_untracked(|open| open.as_deref() != Some(id)) {
        // A link may show the other view.
        begin(store, id);
    }
}

/// Shows the networks that were trained for a data set in place of all others, which say nothing about it.
fn take_networks(store: Store, set: &BuiltInSet) {
    if set.models.is_empty() {
        return;
    }
    let known: Vec<ModelId> =
        store.models.with_untracked(|models| models.iter().map(|model| model.id.clone()).collect());
    let missing = set.models.iter().filter(|entry| !known.iter().any(|id| id.0 == entry.id));
    let added: Vec<ModelEntry> = missing
        .map(|entry| {
            let (id, name, slot) = (ModelId(entry.id.clone()), entry.name.clone(), store.free_slot());
            let model = store.owned(|| ModelEntry::new(id, name, slot, ModelOrigin::BuiltIn(entry.clone())));
            // Colours are given one after the other.
            store.models.update(|models| models.push(model.clone()));
            model
        })
        .collect();
    let fits = |id: &ModelId| set.models.iter().any(|entry| entry.id == id.0);
    let models = store.models.get_untracked();
    let hidden: Vec<ModelId> = models
        .iter()
        .filter(|model| model.shown.get_untracked() && !fits(&model.id))
        .map(|model| model.id.clone())
        .collect();
    if added.is_empty() && hidden.is_empty() {
        return;
    }
    show_models(store, &set.models.iter().map(|entry| ModelId(entry.id.clone())).collect::<Vec<_>>());
    if !hidden.is_empty() {
        let text = format!("{} is shown with the networks that were trained for it.", set.name);
        selection::toast(store, text, ToastAction::ShowModels(hidden), || {});
    }
}

/// Shows networks instead of those that are shown now.
pub fn show_models(store: Store, ids: &[ModelId]) {
    for model in store.models.get_untracked() {
        model.shown.set(ids.contains(&model.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_classes_that_are_shown_are_counted() {
        let picture = |label| SitePicture { url: String::new(), name: String::new(), label };
        let names = ["a", "b", "c", "d"].map(str::to_owned);
        let (pictures, classes) = compact([Some(3), None, Some(1), Some(3), Some(9)].map(picture).into(), &names);
        assert_eq!(classes, ["b", "d"]);
        let labels: Vec<_> = pictures.iter().map(|picture| picture.label).collect();
        assert_eq!(labels, [Some(1), None, Some(0), Some(1), None]);
        assert_eq!(compact(vec![picture(Some(0))], &[]).0[0].label, None);
    }

    #[test]
    fn photos_have_names_of_their_own() {
        let photo = |title: &str| CatalogPhoto {
            file: "f.jpg".into(),
            title: title.into(),
            label: Some(5),
            author: String::new(),
            licence: String::new(),
            source: String::new(),
        };
        let catalog = Catalog { photos: ["A dog", "A cat", "A dog"].map(photo).into(), ..Catalog::default() };
        let sets = of_catalog(&catalog);
        let BuiltInSource::Photos { pictures, names } = &sets[0].source else { panic!() };
        assert_eq!(pictures[2].name, "A dog (2)");
        assert_eq!((pictures[0].url.as_str(), names), ("models/f.jpg", &None));
        assert!(of_catalog(&Catalog::default()).is_empty());
    }
}
