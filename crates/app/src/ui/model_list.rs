//! The networks: which are shown, how far they are, and how to add one.

use leptos::prelude::*;

use super::{
    controls::IconButton,
    icons::{Glyph, Icon},
    words,
};
use crate::{
    flow::{keyboard, loading, selection},
    pure::format,
    state::{ModelEntry, ModelState, Store},
};

/// The list.
#[component]
pub fn ModelList() -> impl IntoView {
    let store = Store::get();
    view! {
        <section class="panel" aria-label="Models">
            <h2>"Models"</h2>
            <ul class="models" data-testid="models">
                <For each=move || store.models.get() key=|model| model.id.clone() let:model>
                    <ModelChip model />
                </For>
                <Show when=move || !store.catalog_read.get()>
                    <li class="ghost-line"></li>
                    <li class="ghost-line"></li>
                    <li class="ghost-line"></li>
                </Show>
            </ul>
            {move || store.catalog_error.get().map(|reason| view! {
                <p class="note bad" data-testid="catalog-error">
                    {format!("The built-in networks and photos could not be listed: {reason}. Your own files work.")}
                </p>
            })}
            <button type="button" class="add" data-testid="add-model" on:click=move |_| keyboard::pick_files()>
                <Icon glyph=Glyph::Plus />
                "Add a model…"
            </button>
        </section>
    }
}

#[component]
fn ModelChip(model: ModelEntry) -> impl IntoView {
    let store = Store::get();
    let id = model.id.clone();
    let shown = model.shown;
    let state = model.state;
    let bytes = model.catalog().map(|entry| entry.bytes);
    let detail = move || match state.get() {
        ModelState::Waiting if !shown.get() => bytes.map(format::bytes).unwrap_or_default(),
        ModelState::Waiting => bytes.map_or("waiting".to_owned(), |size| format!("{}, waiting", format::bytes(size))),
        ModelState::Loading { stage, done, total } => words::progress(stage, done, total),
        ModelState::Ready(info) => {
            format!("{} weights", format::count(info.params))
        }
        ModelState::Failed(_) => "failed".to_owned(),
    };
    let share = move || match state.get() {
        ModelState::Loading { done, total, .. } if total > 0 => Some(done as f64 / total as f64),
        _ => None,
    };
    let name = model.name.clone();
    let retry = model.clone();
    let description =
        model.catalog().map(|entry| format!("{} Weights: {}, {}.", entry.description, entry.source, entry.licence));
    view! {
        <li class="model" data-slot=model.slot.to_string() class:off=move || !shown.get() data-testid="model-chip" data-model=model.id.0.clone()>
            <label title=description>
                <input type="checkbox" prop:checked=move || shown.get() on:change=move |event| shown.set(event_target_checked(&event)) />
                <span class="swatch" aria-hidden="true"></span>
                <span class="model-text">
                    <span class="model-name">{name.clone()}</span>
                    <span class="model-detail">{detail}</span>
                </span>
            </label>
            <span class="model-tools">
                <Show when=move || state.with(|state| matches!(state, ModelState::Failed(_)))>
                    {
                        let retry = retry.clone();
                        let name = name.clone();
                        view! {
                            <IconButton glyph=Glyph::Retry label=format!("Load {name} again") test="model-retry" small=true press=move || loading::load_model(store, retry.clone()) />
                        }
                    }
                </Show>
                <IconButton
                    glyph=Glyph::Cross
                    label=format!("Remove {}", model.name)
                    test="model-remove"
                    small=true
                    press=move || selection::remove_model(store, &id)
                />
            </span>
            {move || share().map(|share| view! {
                <span class="thin-progress" aria-hidden="true"><span style:width=format!("{:.1}%", share * 100.0)></span></span>
            })}
        </li>
    }
}
