//! Measuring the quality of a finished map, on demand.

use std::sync::Arc;

use innspect_protocol::{Assessment, Check, Job, Reply, Request, Stage};
use leptos::prelude::*;

use super::sensitivity;
use crate::state::{Card, Map, Measure, ModelEntry, Pairing, Store, Wanted};

/// Measures one quality of what a card shows.
pub fn measure(store: Store, model: &ModelEntry, check: Check) {
    let card = model.card;
    let Some((map, wanted)) = untrack(|| card.finished()) else { return };
    stop(store, card, check);
    let job = store.engine.job();
    let running = move |stage, done, total| Measure::Running { job, stage, done, total };
    put(card, check, running(Stage::Waiting, 0, 0));
    let pairing = Pairing::of(&model.id, wanted.revision, &wanted.spec);
    store.engine.hear(job, move |reply, _| {
        let now = match reply {
            Reply::Progress { stage, done, total, .. } => running(stage, done, total),
            Reply::Assessed { assessment, .. } => {
                if let Assessment::ClassSensitivity { similarity, insensitive } = assessment {
                    sensitivity::know(store, pairing.clone(), similarity, insensitive);
                }
                Measure::Done(Arc::new(assessment))
            }
            Reply::NotApplicable { reason, .. } => Measure::NotApplicable(reason),
            Reply::Failed { error, .. } => Measure::Failed(error),
            Reply::Cancelled { .. } => return card.measures.update(|all| drop(all.remove(&check))),
            _ => return,
        };
        put(card, check, now);
    });
    store.engine.send(request(job, model, &map, wanted, check), Vec::new());
}

/// The request for a measurement of a finished map.
pub(super) fn request(job: Job, model: &ModelEntry, map: &Arc<Map>, wanted: Wanted, check: Check) -> Request {
    let Wanted { image, spec, pictures, .. } = wanted;
    Request::Assess { job, of: map.job, model: model.id.clone(), image, spec, check, pictures }
}

/// Stops a measurement.
pub fn stop(store: Store, card: Card, check: Check) {
    if let Some(Measure::Running { job, .. }) = card.measures.with_untracked(|all| all.get(&check).cloned()) {
        store.engine.cancel(job);
        card.measures.update(|all| drop(all.remove(&check)));
    }
}

/// Stops all measurements of a card.
pub fn stop_all(store: Store, card: Card) {
    for check in Check::ALL {
        stop(store, card, check);
    }
}

/// Stops all measurements of a card and forgets the results, since its map goes.
pub fn clear(store: Store, card: Card) {
    stop_all(store, card);
    if card.measures.with_untracked(|all| !all.is_empty()) {
        card.measures.update(|all| all.clear());
    }
}

fn put(card: Card, check: Check, measure: Measure) {
    card.measures.update(|all| drop(all.insert(check, measure)));
}
