//! The true classes of a data set among the classes of each network: found by the engine, corrected by the user.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
};

use innspect_protocol::{ClassMatch, MatchedBy, ModelId, Reply, Request};
use leptos::prelude::*;

use super::scan_rows::bump;
use crate::{
    state::{Dataset, DatasetStatus, ModelEntry, Store},
    web::storage,
};

type Matched = HashMap<ModelId, Vec<Option<ClassMatch>>>;

thread_local! {
    /// What the engine found, before corrections.
    static MATCHED: RefCell<Matched> = RefCell::default();
}

fn key(fingerprint: &str, hash: &str) -> String {
    format!("truth.{fingerprint}.{hash}")
}

/// Asks the engine for the true classes among those of a network.
pub fn ask(store: Store, dataset: &Dataset, model: &ModelEntry) {
    if dataset.info.classes.is_empty() {
        return;
    }
    if let Some(hash) = model.hash.get_untracked() {
        let kept = storage::get(&key(&dataset.info.fingerprint, &hash));
        let kept: Option<BTreeMap<u32, Option<u32>>> = kept.and_then(|text| serde_json::from_str(&text).ok());
        if let Some(kept) = kept {
            store.data.corrections.update_value(|all| drop(all.insert(model.id.clone(), kept)));
        }
    }
    let (job, id, dataset_id) = (store.engine.job(), model.id.clone(), dataset.info.id.clone());
    let (model, set) = (id.clone(), dataset_id.clone());
    store.engine.hear(job, move |reply, _| {
        let open = matches!(store.data.status.get_untracked(), DatasetStatus::Open(open) if open.info.id == set);
        if let (Reply::ClassesMatched { matches, .. }, true) = (reply, open) {
            MATCHED.with_borrow_mut(|all| drop(all.insert(model.clone(), matches)));
            lay_over(store, &model);
        }
    });
    store.engine.send(Request::MatchClasses { job, dataset: dataset_id, model: id }, Vec::new());
}

/// Puts the corrections over what was found.
fn lay_over(store: Store, model: &ModelId) {
    let Some(mut truth) = MATCHED.with_borrow(|all| all.get(model).cloned()) else { return };
    store.data.corrections.with_value(|all| {
        for (class, chosen) in all.get(model).into_iter().flatten() {
            if let Some(place) = truth.get_mut(*class as usize) {
                *place = chosen.map(|class| ClassMatch { class, by: MatchedBy::Index });
            }
        }
    });
    let known =
        store.data.predictions.try_update_value(|all| all.get_mut(model).map(|table| table.truth = truth).is_some());
    if known == Some(true) {
        bump(store);
    }
}

/// The user says which class of a network a true class is; `Some(None)`: none of them, `None`: as it was found.
pub fn correct(store: Store, model: &ModelEntry, class: u32, chosen: Option<Option<u32>>) {
    let DatasetStatus::Open(dataset) = store.data.status.get_untracked() else { return };
    let kept = store.data.corrections.try_update_value(|all| {
        let of_model = all.entry(model.id.clone()).or_default();
        match chosen {
            Some(chosen) => of_model.insert(class, chosen),
            None => of_model.remove(&class),
        };
        of_model.clone()
    });
    if let (Some(hash), Some(kept)) = (model.hash.get_untracked(), kept) {
        let key = key(&dataset.info.fingerprint, &hash);
        match serde_json::to_string(&kept) {
            Ok(text) if !kept.is_empty() => storage::set(&key, &text),
            _ => storage::remove(&key),
        }
    }
    lay_over(store, &model.id);
    store.announcement.set(format!("{}: the class is corrected", model.name));
}

/// Whether the user chose the match of a true class.
#[must_use]
pub fn is_corrected(store: Store, model: &ModelId, class: u32) -> bool {
    store.data.corrections.with_value(|all| all.get(model).is_some_and(|of_model| of_model.contains_key(&class)))
}

/// Takes what was found out, as when the data set is closed.
pub fn take() -> Matched {
    MATCHED.take()
}

/// Puts it back.
pub fn put(store: Store, matched: Matched, dataset: &Dataset) {
    let corrections = store.models.with_untracked(|models| {
        let of_model = |model: &ModelEntry| {
            let text = storage::get(&key(&dataset.info.fingerprint, &model.hash.get_untracked()?))?;
            Some((model.id.clone(), serde_json::from_str(&text).ok()?))
        };
        models.iter().filter_map(of_model).collect()
    });
    store.data.corrections.set_value(corrections);
    MATCHED.set(matched);
}
