//! The view in the address: read once (and when the user edits it), written on every change.

use innspect_protocol::{ChannelReduction, Colormap, Display, ImageId, TargetKind};
use leptos::prelude::*;

use super::{built_in_sets, stored};
use crate::{
    pure::{
        choice::ClassChoice,
        hash::ViewState,
        params,
        target::{FIRST_UNIT, TargetChoice},
    },
    state::{
        Aim, ClassRef, ModelEntry, Store, View,
        store::{DEFAULT_METHOD, DEFAULT_OPACITY},
    },
    web::storage,
};

/// Takes the view from the address.
pub fn read(store: Store) -> ViewState {
    let link = ViewState::parse(&storage::fragment());
    apply(store, &link);
    link
}

/// Takes the method of a first visit where a link names one that is not in the table.
pub fn keep_known(store: Store) {
    Effect::new(move |_| {
        let known = store.method_info().is_some() || store.methods.with(|methods| methods.is_empty());
        if !known {
            store.method.set(DEFAULT_METHOD.to_owned());
        }
    });
}

/// Writes the view into the address from now on, and follows edits of the address.
pub fn keep(store: Store) {
    store.owned(|| {
        Effect::new(move |_| storage::set_fragment(&view(store).fragment()));
        window_event_listener(leptos::ev::hashchange, move |_| {
            let link = ViewState::parse(&storage::fragment());
            apply(store, &link);
            let pictures = store.pictures.get_untracked();
            if let Some(id) =
                link.picture.clone().map(ImageId).filter(|id| pictures.iter().any(|picture| picture.id == *id))
            {
                store.primary.set(Some(id));
            }
            for model in store.models.get_untracked() {
                let name = untrack(|| model.link_name());
                model
                    .shown
                    .set(link.models.as_ref().is_none_or(|models| name.is_some_and(|name| models.contains(&name))));
            }
            stored::open_named(store, &link);
            built_in_sets::open_named(store, &link);
        });
    });
}

fn apply(store: Store, link: &ViewState) {
    let method = link.method.clone().unwrap_or_else(|| DEFAULT_METHOD.to_owned());
    store.params.update(|params| drop(params.insert(method.clone(), link.params.clone())));
    store.method.set(method);
    store.class.set(link.class.map_or(ClassChoice::Top, |index| ClassChoice::Class { index, label: String::new() }));
    take_target(store.aim, link.target);
    store.aim.channel.set(link.channel);
    store.aim.concept.set(link.concept.clone());
    store.aim.seed.set(link.seed);
    store.look.colormap.set(link.colormap.unwrap_or_default());
    store.look.reduction.set(link.reduction.unwrap_or_default());
    store.look.clip.set(link.clip.unwrap_or(Display::default().clip));
    store.look.opacity.set(link.opacity.unwrap_or(DEFAULT_OPACITY));
    store.look.heat_only.set(link.heat_only);
    store.look.shared.set(link.shared);
    store.data.view.set(if link.suggest { View::Suggest } else { View::Explain });
}

fn take_target(aim: Aim, target: TargetChoice) {
    aim.kind.set(match target {
        TargetChoice::Logit => None,
        TargetChoice::Probability => Some(TargetKind::Probability),
        TargetChoice::Contrast(_) => Some(TargetKind::Contrast),
        TargetChoice::Unit(_) => Some(TargetKind::Neuron),
    });
    aim.against.set(match target {
        TargetChoice::Contrast(Some(index)) => Some(ClassRef { index, label: String::new() }),
        _ => None,
    });
    aim.unit.set(if let TargetChoice::Unit(unit) = target { unit } else { FIRST_UNIT });
}

fn target(aim: Aim) -> TargetChoice {
    match aim.kind.get() {
        None => TargetChoice::Logit,
        Some(TargetKind::Probability) => TargetChoice::Probability,
        Some(TargetKind::Contrast) => TargetChoice::Contrast(aim.against.get().map(|class| class.index)),
        Some(TargetKind::Neuron) => TargetChoice::Unit(aim.unit.get()),
    }
}

fn view(store: Store) -> ViewState {
    let method = store.method.get();
    let params = match store.method_info() {
        Some(info) => store.params.with(|params| params::changed(&info, params.get(&method))),
        None => store.params.with(|params| params.get(&method).cloned().unwrap_or_default()),
    };
    let models = store.models.get();
    let shown: Vec<&ModelEntry> = models.iter().filter(|model| model.shown.get()).collect();
    let names: Vec<String> = shown.iter().filter_map(|model| model.link_name()).collect();
    // All that the site brings, and nothing else, is what a visitor sees who has no link.
    let usual = names.len() == models.iter().filter(|model| model.catalog().is_some()).count()
        && shown.iter().all(|model| model.catalog().is_some());
    let first = store.pictures.with(|pictures| pictures.first().map(|picture| picture.id.clone()));
    // Files of the user cannot be named by a link.
    let picture = store.picture().filter(|picture| picture.catalog().is_some() && Some(&picture.id) != first.as_ref());
    ViewState {
        params,
        class: match store.class.get() {
            ClassChoice::Top => None,
            ClassChoice::Class { index, .. } => Some(index),
        },
        target: target(store.aim),
        channel: store.aim.channel.get(),
        concept: store.aim.concept.get(),
        seed: store.aim.seed.get(),
        picture: picture.map(|picture| picture.id.0),
        models: (!usual).then_some(names),
        colormap: Some(store.look.colormap.get()).filter(|colormap| *colormap != Colormap::Auto),
        reduction: Some(store.look.reduction.get()).filter(|reduction| *reduction != ChannelReduction::Sum),
        clip: Some(store.look.clip.get()).filter(|clip| *clip != Display::default().clip),
        opacity: Some(store.look.opacity.get()).filter(|opacity| *opacity != DEFAULT_OPACITY),
        heat_only: store.look.heat_only.get(),
        shared: store.look.shared.get(),
        suggest: store.data.view.get() == View::Suggest,
        set: store.data.built_in.get(),
        method: Some(method).filter(|method| method != DEFAULT_METHOD),
    }
}
