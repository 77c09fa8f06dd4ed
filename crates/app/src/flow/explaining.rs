//! Keeps every card showing what is chosen: a change of any choice stops the old job at once and starts the new one.

use std::{collections::HashMap, sync::Arc, time::Duration};

use innspect_protocol::{
    Display, ExplainSpec, Explanation, ImageId, Job, LayerNeed, Reply, Request, Scale, Stage, StepProgress,
};
use js_sys::ArrayBuffer;
use leptos::prelude::*;

use super::{quality, target};
use crate::{
    pure::{
        choice::{ClassChoice, class_in},
        params,
    },
    state::{Map, ModelEntry, Phase, PictureState, Store, Wanted},
    web::canvas::{Pixels, floats},
};

/// Changes that follow each other this fast start one job.
const PAUSE: Duration = Duration::from_millis(40);
/// Most pictures that a method gets besides the explained one.
const MOST_PICTURES: usize = 64;

/// Explains whatever is chosen, from now on.
pub fn keep_explained(store: Store) {
    Effect::new(move |_| {
        let wishes: Vec<_> = store.models.get().into_iter().map(|model| (wanted(store, &model), model)).collect();
        untrack(|| {
            for (wanted, model) in wishes {
                if model.card.wanted.get_value() != wanted {
                    change(store, &model, wanted);
                }
            }
        });
    });
}

/// Asks once more for what a card shows, after an error or a stop.
pub fn again(store: Store, model: &ModelEntry) {
    let wanted = model.card.wanted.get_value();
    model.card.wanted.set_value(None);
    change(store, model, wanted);
}

/// Stops the work on a card because the user said so. The map so far stays.
pub fn stop(store: Store, model: &ModelEntry) {
    if model.card.phase.with_untracked(|phase| matches!(phase, Phase::Computing { .. })) {
        if let Some(job) = model.card.job.get_untracked() {
            store.engine.cancel(job);
        }
        model.card.job.set(None);
        model.card.phase.set(Phase::Stopped);
        model.card.settled.set(true);
    }
}

/// The class that a card explains if it is not the network's best one, tracked; and whether a chosen class is missing.
pub fn class_of(store: Store, model: &ModelEntry, labels: &[String]) -> (Option<usize>, bool) {
    if model.own_class.get() {
        return (model.class.get().filter(|class| *class < labels.len()), false);
    }
    match store.class.get() {
        ClassChoice::Top => (None, false),
        ClassChoice::Class { index, label } => {
            let class = class_in(labels, index, &label);
            (class, class.is_none())
        }
    }
}

fn wanted(store: Store, model: &ModelEntry) -> Option<Wanted> {
    let method = store.method_info()?;
    let shown = model.shown.get();
    let info = model.state.with(|state| state.info())?;
    let picture = store.picture()?;
    if !shown || !picture.state.with(|state| matches!(state, PictureState::Ready(_))) {
        return None;
    }
    let params = store.params.with(|params| params::changed(&method, params.get(&method.id)));
    if !named_pictures_ready(store, &params::pictures_in(&params)) {
        return None;
    }
    let spec = ExplainSpec {
        class: if target::needs_class(store, &method) { class_of(store, model, &info.labels).0 } else { None },
        target: target::of(store, model, &info, &method),
        concept: target::concept(store, model, &info, &method),
        layer: if method.layer == LayerNeed::FeatureMap { model.layer.get() } else { None },
        neuron: target::channel(store, &method),
        seed: if method.draws { store.aim.seed.get() } else { 0 },
        method: method.id.clone(),
        params,
    };
    let pictures = if method.pictures { other_pictures(store, &picture.id) } else { Vec::new() };
    Some(Wanted { revision: model.revision.get(), image: picture.id, spec, pictures })
}

/// Whether no picture that a parameter names is still on its way, tracked.
fn named_pictures_ready(store: Store, named: &[ImageId]) -> bool {
    let pictures = store.pictures.get();
    let mut named = pictures.iter().filter(|picture| named.contains(&picture.id));
    named.all(|picture| picture.state.with(|state| !matches!(state, PictureState::Absent | PictureState::Loading)))
}

/// The loaded pictures but one, tracked.
fn other_pictures(store: Store, one: &ImageId) -> Vec<ImageId> {
    let ready = |state: &PictureState| matches!(state, PictureState::Ready(_));
    let others = store.pictures.get().into_iter().filter(|picture| picture.id != *one && picture.state.with(ready));
    others.map(|picture| picture.id).take(MOST_PICTURES).collect()
}

fn change(store: Store, model: &ModelEntry, wanted: Option<Wanted>) {
    let card = model.card;
    if let Some(job) = card.job.get_untracked() {
        if card.map.with_untracked(|map| map.as_ref().is_some_and(|map| map.is_finished())) {
            store.engine.forget(job);
        } else {
            store.engine.cancel(job);
        }
    }
    quality::clear(store, card);
    let before = card.wanted.get_value();
    let same_input = match (&before, &wanted) {
        (Some(before), Some(now)) => before.image == now.image && before.revision == now.revision,
        _ => false,
    };
    if !same_input {
        card.view.set(None);
        card.prediction.set(None);
    }
    card.job.set(None);
    card.map.set(None);
    card.wanted.set_value(wanted.clone());
    let Some(wanted) = wanted else { return card.phase.set(Phase::Waiting) };

    card.phase.set(Phase::Computing { stage: Stage::Waiting, done: 0, total: 0 });
    let model = model.clone();
    set_timeout(
        move || {
            let current = card.wanted.with_value(|now| now.as_ref() == Some(&wanted));
            let idle = card.phase.with_untracked(|phase| matches!(phase, Phase::Computing { .. }));
            if current && idle && card.job.get_untracked().is_none() {
                start(store, &model, wanted);
            }
        },
        PAUSE,
    );
}

fn start(store: Store, model: &ModelEntry, wanted: Wanted) {
    let job = store.engine.job();
    let display = untrack(|| store.display());
    model.card.job.set(Some(job));
    model.card.asked.set_value(Some(display));
    let entry = model.clone();
    store.engine.hear(job, move |reply, attachments| hear(store, &entry, reply, &attachments));
    let model = model.id.clone();
    let Wanted { image, spec, pictures, .. } = wanted;
    store.engine.send(Request::Explain { job, model, image, spec, display, pictures }, Vec::new());
}

fn hear(store: Store, model: &ModelEntry, reply: Reply, attachments: &[ArrayBuffer]) {
    let card = model.card;
    match reply {
        Reply::Progress { stage, done, total, .. } => card.phase.set(Phase::Computing { stage, done, total }),
        Reply::Predicted { prediction, view: [width, height], .. } => {
            let view = attachments.first().and_then(|buffer| Pixels::from_buffer(buffer, width, height));
            card.view.set(view.map(Arc::new));
            card.prediction.set(Some(Arc::new(prediction)));
        }
        Reply::Partial { job, explanation, steps } => {
            card.map.set(Some(Arc::new(map_of(job, *explanation, attachments, Some(steps)))));
        }
        Reply::Explained { job, explanation } => {
            let first = card.map.with_untracked(|map| map.as_ref().is_none_or(|map| !map.is_finished()));
            if first {
                store.announcement.set(format!("{}: {} explained", model.name, explanation.facts.label));
            }
            card.map.set(Some(Arc::new(map_of(job, *explanation, attachments, None))));
            card.phase.set(Phase::Done);
            card.settled.set(true);
        }
        Reply::NotApplicable { reason, .. } => {
            card.phase.set(Phase::NotApplicable(reason));
            card.settled.set(true);
            if card.prediction.with_untracked(Option::is_none) {
                predict(store, model);
            }
        }
        Reply::Failed { error, .. } => {
            card.phase.set(Phase::Failed(error));
            card.settled.set(true);
        }
        Reply::Cancelled { .. } => {
            card.phase.set(Phase::Stopped);
            card.settled.set(true);
        }
        _ => {}
    }
}

fn map_of(job: Job, explanation: Explanation, attachments: &[ArrayBuffer], steps: Option<StepProgress>) -> Map {
    let (width, height) = (explanation.width as u32, explanation.height as u32);
    let pixels = attachments.first().and_then(|buffer| Pixels::from_buffer(buffer, width, height));
    let values = attachments.get(1).map(floats).unwrap_or_default();
    Map { job, explanation, pixels: pixels.unwrap_or_default(), values, steps }
}

/// The classes alone, for a card whose method does not apply.
fn predict(store: Store, model: &ModelEntry) {
    let Some(wanted) = model.card.wanted.get_value() else { return };
    let job = store.engine.job();
    let (entry, still) = (model.clone(), wanted.clone());
    store.engine.hear(job, move |reply, attachments| {
        if matches!(reply, Reply::Predicted { .. }) && entry.card.wanted.get_value().as_ref() == Some(&still) {
            hear(store, &entry, reply, &attachments);
        }
    });
    store.engine.send(Request::Predict { job, model: model.id.clone(), image: wanted.image }, Vec::new());
}

/// Draws finished maps anew when the display changes, and brings them to one scale where that is chosen. A map that is
/// not finished stays as it was drawn until it is.
pub fn keep_drawn(store: Store) {
    let pending: StoredValue<HashMap<u32, Display>> = StoredValue::new(HashMap::new());
    let timer: StoredValue<bool> = StoredValue::new(false);
    Effect::new(move |_| {
        let mut display = store.display();
        let models = store.shown_models();
        let finished = |model: &ModelEntry| model.card.map.get().filter(|map| map.is_finished());
        let maps: Vec<_> = models.iter().filter_map(|model| Some((model.card, finished(model)?))).collect();
        if store.look.shared.get() {
            let limits = maps.iter().map(|(_, map)| map.explanation.own_limit).filter(|limit| limit.is_finite());
            let limit = limits.fold(0.0_f32, f32::max);
            if limit > 0.0 {
                display.scale = Scale::Fixed { limit };
            }
        }
        for (card, map) in maps {
            if card.asked.get_value() != Some(display) {
                card.asked.set_value(Some(display));
                pending.update_value(|pending| {
                    pending.insert(map.job.0, display);
                });
            }
        }
        // A dragged slider draws at most once in a pause.
        if pending.with_value(|pending| !pending.is_empty()) && !timer.get_value() {
            timer.set_value(true);
            set_timeout(
                move || {
                    timer.set_value(false);
                    for (job, display) in pending.try_update_value(std::mem::take).unwrap_or_default() {
                        let job = Job(job);
                        store.engine.send(Request::Render { job, display }, Vec::new());
                    }
                },
                PAUSE,
            );
        }
    });
}
