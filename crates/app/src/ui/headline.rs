//! What one sees, what picture it is, and the zoom.

use innspect_protocol::{LayerNeed, TargetKind};
use leptos::prelude::*;

use super::{controls::IconButton, icons::Glyph};
use crate::{
    flow::{keyboard, target},
    pure::{
        choice::ClassChoice,
        geometry::{Point, Viewport},
    },
    state::{PictureState, Store},
};

/// The lines above the cards.
#[component]
pub fn Headline() -> impl IntoView {
    let store = Store::get();
    view! {
        <div class="headline">
            <div class="headline-text">
                <h2 data-testid="headline">{move || sentence(store)}</h2>
                <p class="credit">
                    {move || credit(store)}
                </p>
            </div>
            <div class="zoom" role="group" aria-label="Zoom, all cards">
                <IconButton
                    glyph=Glyph::Minus
                    label="Zoom out (−)"
                    test="zoom-out"
                    press=move || keyboard::zoom(store, 1.0 / 1.5, Point { x: 0.5, y: 0.5 })
                />
                <button
                    type="button"
                    class="zoom-value"
                    title="Whole pictures (0)"
                    data-testid="zoom-reset"
                    on:click=move |_| store.viewport.set(Viewport::default())
                >
                    {move || format!("{:.0} %", store.viewport.get().zoom * 100.0)}
                </button>
                <IconButton
                    glyph=Glyph::Plus
                    label="Zoom in (+)"
                    test="zoom-in"
                    press=move || keyboard::zoom(store, 1.5, Point { x: 0.5, y: 0.5 })
                />
            </div>
        </div>
    }
}

fn sentence(store: Store) -> AnyView {
    let method = store.method_info();
    if method.as_ref().is_some_and(|method| !method.class_dependent) {
        let layer = method.is_some_and(|method| method.layer != LayerNeed::None);
        return if layer { "What a layer of each network responds to" } else { "What each network responds to" }
            .into_any();
    }
    let kind = method.as_ref().and_then(|method| target::kind(store, method));
    if kind == Some(TargetKind::Neuron) {
        return "What excites the chosen unit of each network".into_any();
    }
    let rather = (kind == Some(TargetKind::Contrast)).then(|| match store.aim.against.get() {
        Some(class) if !class.label.is_empty() => class.label,
        _ => "another class".to_owned(),
    });
    match explained_class(store) {
        Explained::One(label) => match rather {
            Some(other) => {
                view! { "What speaks for " <em>{label}</em> " rather than " {other} " in each network" }.into_any()
            }
            None => view! { "What each network looked at to say " <em>{label}</em> }.into_any(),
        },
        Explained::Several => "What each network looked at for its own best guess".into_any(),
        Explained::Unknown => "What each network looks at".into_any(),
    }
}

enum Explained {
    One(String),
    Several,
    Unknown,
}

fn explained_class(store: Store) -> Explained {
    let models = store.shown_models();
    if let ClassChoice::Class { index, label } = store.class.get() {
        let known = models.iter().find_map(|model| model.state.with(|state| state.info()));
        let label = if label.is_empty() { known.and_then(|info| info.labels.get(index).cloned()) } else { Some(label) };
        return label.map_or(Explained::Unknown, Explained::One);
    }
    let top =
        |model: &crate::state::ModelEntry| model.card.prediction.get()?.top.first().map(|best| best.label.clone());
    let mut labels: Vec<String> = models.iter().filter_map(top).collect();
    labels.dedup();
    match labels.len() {
        0 => Explained::Unknown,
        1 => labels.pop().map_or(Explained::Unknown, Explained::One),
        _ => Explained::Several,
    }
}

fn credit(store: Store) -> AnyView {
    let Some(picture) = store.picture() else {
        return "Drop your own pictures or models anywhere.".into_any();
    };
    if let PictureState::Failed(error) = picture.state.get() {
        return view! { <span class="bad">{format!("{}: {}", picture.title, error.what)}</span> }.into_any();
    }
    let photo = picture.catalog().map(|photo| {
        let place = photo.source.starts_with("http").then(|| photo.source.clone());
        let author = photo.author.clone();
        let author = match place {
            Some(url) => view! { <a href=url rel="noreferrer" target="_blank">{author}</a> }.into_any(),
            None => author.into_any(),
        };
        view! { ". Photo: " {author} ", " {photo.licence.clone()} }
    });
    view! { <span class="credit-title">{picture.title.clone()}</span> {photo} ". " <span class="invite">"Drop your own pictures or models anywhere."</span> }
        .into_any()
}
