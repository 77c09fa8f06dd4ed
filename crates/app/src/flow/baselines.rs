//! What baselines look like, asked of the engine when the form shows them.

use std::{collections::HashMap, sync::Arc};

use innspect_protocol::{BASELINES, Reply, Request};
use leptos::prelude::*;

use crate::{
    state::{Baselines, PictureState, Store, Subject},
    web::canvas::Pixels,
};

/// The first network that is shown, with the current picture; tracked.
pub fn subject(store: Store) -> Option<Subject> {
    let picture = store.picture()?;
    if !picture.state.with(|state| matches!(state, PictureState::Ready(_))) {
        return None;
    }
    let mut models = store.shown_models().into_iter();
    let model = models.find(|model| model.state.with(|state| state.info().is_some()))?;
    Some((model.id, model.revision.get(), picture.id))
}

/// Asks for the named ones among `values` that were not asked for yet.
pub fn show<'a>(store: Store, subject: Subject, values: impl IntoIterator<Item = &'a str>) {
    if store.baselines.with_untracked(|known| known.subject.as_ref() != Some(&subject)) {
        let fresh = Baselines { subject: Some(subject.clone()), ..Baselines::default() };
        store.baselines.set(fresh);
    }
    for value in values.into_iter().filter(|value| BASELINES.contains(value)) {
        let new = store.baselines.try_update(|known| known.asked.insert(value.to_owned())).unwrap_or(false);
        if new {
            ask(store, subject.clone(), value.to_owned());
        }
    }
}

fn ask(store: Store, subject: Subject, baseline: String) {
    let job = store.engine.job();
    let (model, _, image) = subject.clone();
    let value = baseline.clone();
    store.engine.hear(job, move |reply, attachments| {
        let current = store.baselines.with_untracked(|known| known.subject.as_ref() == Some(&subject));
        match reply {
            _ if !current => {}
            Reply::Shown { size: [width, height], .. } => {
                let pixels = attachments.first().and_then(|buffer| Pixels::from_buffer(buffer, width, height));
                let pixels: HashMap<_, _> =
                    pixels.map(|pixels| (value.clone(), Arc::new(pixels))).into_iter().collect();
                store.baselines.update(|known| known.shown.extend(pixels));
            }
            // It may be asked for again when the form is opened again.
            Reply::Failed { .. } | Reply::Cancelled { .. } => {
                store.baselines.update_untracked(|known| {
                    known.asked.remove(&value);
                });
            }
            _ => {}
        }
    });
    store.engine.send(Request::ShowBaseline { job, model, image, baseline }, Vec::new());
}
