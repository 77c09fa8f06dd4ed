//! Keeps every card showing what is chosen: a change of any choice stops the old job at once and starts the new one.

use std::{collections::HashMap, sync::Arc, time::Duration};

use innspect_protocol::{
    Display, ExplainSpec, LayerNeed, MethodInfo, ParamKind, ParamValue, Params, Reply, Request, Scale, Stage,
};
use js_sys::ArrayBuffer;
use leptos::prelude::*;

use crate::{
    pure::choice::{ClassChoice, class_in},
    state::{Map, ModelEntry, Phase, PictureState, Store, Wanted},
    web::canvas::{Pixels, floats},
};

/// Changes that follow each other this fast start one job.
const PAUSE: Duration = Duration::from_millis(40);

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

/// Stops the work on a card because the user said so.
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

/// Parameters that differ from the defaults of the method.
#[must_use]
pub fn changed_params(method: &MethodInfo, chosen: Option<&Params>) -> Params {
    let default = |name: &str| method.params.iter().find(|info| info.name == name).map(|info| default_of(&info.kind));
    let differs = |name: &str, value: &ParamValue| default(name).is_some_and(|default| default != *value);
    chosen
        .into_iter()
        .flatten()
        .filter(|(name, value)| differs(name, value))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect()
}

/// The value of a parameter that nobody changed.
#[must_use]
pub fn default_of(kind: &ParamKind) -> ParamValue {
    match kind {
        ParamKind::Number { default, .. } => ParamValue::Number(*default),
        ParamKind::Choice { options } => ParamValue::Text(options.first().cloned().unwrap_or_default()),
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
    let class = if method.class_dependent { class_of(store, model, &info.labels).0 } else { None };
    let layer = if method.layer == LayerNeed::FeatureMap { model.layer.get() } else { None };
    let params = store.params.with(|params| changed_params(&method, params.get(&method.id)));
    let spec = ExplainSpec { method: method.id, params, class, layer, neuron: None, seed: 0 };
    Some(Wanted { revision: model.revision.get(), image: picture.id, spec })
}

fn change(store: Store, model: &ModelEntry, wanted: Option<Wanted>) {
    let card = model.card;
    if let Some(job) = card.job.get_untracked() {
        if card.map.with_untracked(Option::is_some) {
            store.engine.forget(job);
        } else {
            store.engine.cancel(job);
        }
    }
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
    let (model, image, spec) = (model.id.clone(), wanted.image, wanted.spec);
    store.engine.send(Request::Explain { job, model, image, spec, display }, Vec::new());
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
        Reply::Explained { job, explanation } => {
            let (width, height) = (explanation.width as u32, explanation.height as u32);
            let pixels = attachments.first().and_then(|buffer| Pixels::from_buffer(buffer, width, height));
            let values = attachments.get(1).map(floats).unwrap_or_default();
            let first = card.map.with_untracked(Option::is_none);
            if first {
                store.announcement.set(format!("{}: {} explained", model.name, explanation.facts.label));
            }
            let map = Map { job, explanation: *explanation, pixels: pixels.unwrap_or_default(), values };
            card.map.set(Some(Arc::new(map)));
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

/// Draws finished maps anew when the display changes, and brings them to one scale where that is chosen.
pub fn keep_drawn(store: Store) {
    let pending: StoredValue<HashMap<u32, Display>> = StoredValue::new(HashMap::new());
    let timer: StoredValue<bool> = StoredValue::new(false);
    Effect::new(move |_| {
        let mut display = store.display();
        let models = store.shown_models();
        let maps: Vec<_> = models.iter().filter_map(|model| Some((model.card, model.card.map.get()?))).collect();
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
                        let job = innspect_protocol::Job(job);
                        store.engine.send(Request::Render { job, display }, Vec::new());
                    }
                },
                PAUSE,
            );
        }
    });
}
