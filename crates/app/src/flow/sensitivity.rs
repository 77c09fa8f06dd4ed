//! Finds out by itself, while nothing else is to do, whether a method depends on the layers that say the class: once for
//! each network and method. Whatever the user asks for goes first.

use std::{sync::Arc, time::Duration};

use innspect_protocol::{Assessment, Check, Job, MapState, Reply, Target};
use leptos::prelude::*;

use super::quality;
use crate::state::{EngineStatus, Map, Measure, ModelEntry, ModelState, Pairing, Phase, Sensitivity, Store, Wanted};

/// How long nothing must be asked for before a check begins.
const CALM: Duration = Duration::from_millis(600);

/// Checks whatever is shown, from now on.
pub fn keep_checked(store: Store) {
    Effect::new(move |_| {
        if is_busy(store) {
            return untrack(|| give_way(store));
        }
        let Some((model, ..)) = next(store) else { return };
        set_timeout(
            move || {
                let still = untrack(|| (!is_busy(store)).then(|| next(store)).flatten());
                if let Some((now, map, wanted)) = still.filter(|(now, ..)| now.id == model.id) {
                    check(store, &now, &map, wanted);
                }
            },
            CALM,
        );
    });
}

/// Takes note of a result.
pub fn know(store: Store, pairing: Pairing, similarity: f32, insensitive: bool) {
    put(store, pairing, Sensitivity::Known { similarity, insensitive });
}

fn put(store: Store, pairing: Pairing, state: Sensitivity) {
    store.sensitivity.update(|all| {
        all.insert(pairing, state);
    });
}

/// What is known of what a card shows, tracked.
pub fn of(store: Store, model: &ModelEntry) -> Option<Sensitivity> {
    let (_, wanted) = model.card.finished().filter(|(_, wanted)| speaks_of_class(wanted))?;
    let pairing = Pairing::of(&model.id, wanted.revision, &wanted.spec);
    store.sensitivity.with(|all| all.get(&pairing).copied())
}

/// Whether a class is explained at all, and not a unit of a layer.
fn speaks_of_class(wanted: &Wanted) -> bool {
    !matches!(wanted.spec.target, Target::Neuron { .. })
}

/// Forgets everything, as when the engine starts anew.
pub fn forget(store: Store) {
    store.sensitivity.update(|all| all.clear());
}

/// Whether anything that the user asked for is still to do, tracked.
fn is_busy(store: Store) -> bool {
    if !store.status.with(|status| matches!(status, EngineStatus::Ready(_))) {
        return true;
    }
    let picture = store.primary.with(Option::is_some);
    let busy = |model: &ModelEntry| {
        let card = model.card;
        let measured = card.measures.with(|all| all.values().any(|state| matches!(state, Measure::Running { .. })));
        measured
            || model.state.with(|state| match state {
                ModelState::Waiting | ModelState::Loading { .. } => true,
                ModelState::Ready(_) => card.phase.with(|phase| match phase {
                    Phase::Computing { .. } => true,
                    Phase::Waiting => picture,
                    _ => false,
                }),
                ModelState::Failed(_) => false,
            })
    };
    store.shown_models().iter().any(busy)
}

/// The first card whose method was not checked yet, tracked; nothing while a check runs.
fn next(store: Store) -> Option<(ModelEntry, Arc<Map>, Wanted)> {
    let running = |state: &Sensitivity| matches!(state, Sensitivity::Checking(_));
    if store.sensitivity.with(|all| all.values().any(running)) {
        return None;
    }
    store.shown_models().into_iter().find_map(|model| {
        let (map, wanted) = model.card.finished()?;
        let quick = store.methods.with(|methods| {
            let method = methods.iter().find(|method| method.id == wanted.spec.method);
            method.is_some_and(|method| method.class_dependent && !method.steps)
        });
        let pairing = Pairing::of(&model.id, wanted.revision, &wanted.spec);
        let new = store.sensitivity.with(|all| !all.contains_key(&pairing));
        (quick && new && speaks_of_class(&wanted) && map.explanation.state == MapState::Ordinary)
            .then_some((model, map, wanted))
    })
}

fn check(store: Store, model: &ModelEntry, map: &Arc<Map>, wanted: Wanted) {
    let job: Job = store.engine.job();
    let pairing = Pairing::of(&model.id, wanted.revision, &wanted.spec);
    let of = pairing.clone();
    store.engine.hear(job, move |reply, _| {
        let outcome = match reply {
            Reply::Assessed { assessment: Assessment::ClassSensitivity { similarity, insensitive }, .. } => {
                Sensitivity::Known { similarity, insensitive }
            }
            Reply::Cancelled { .. } => return store.sensitivity.update(|all| all.retain(|pairing, _| *pairing != of)),
            Reply::Progress { .. } => return,
            _ => Sensitivity::Unknown,
        };
        put(store, of.clone(), outcome);
    });
    put(store, pairing, Sensitivity::Checking(job));
    store.engine.send(quality::request(job, model, map, wanted, Check::ClassSensitivity), Vec::new());
}

/// Stops a running check; it is made again later.
fn give_way(store: Store) {
    let running = |state: &Sensitivity| match state {
        Sensitivity::Checking(job) => Some(*job),
        _ => None,
    };
    if let Some(job) = store.sensitivity.with_untracked(|all| all.values().find_map(running)) {
        store.engine.cancel(job);
        store.sensitivity.update(|all| all.retain(|_, state| running(state).is_none()));
    }
}
