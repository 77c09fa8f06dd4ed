//! The names of a network's classes: the first of them, and a file with others.

use leptos::{html, prelude::*};

use crate::{
    flow::{files, input},
    pure::{format, kinds},
    state::{LabelsNote, ModelEntry, Store},
};

/// How many names are shown.
const FIRST: usize = 5;

/// The part of the input dialog. Names are taken as soon as they are given, since the engine reads the file.
#[component]
pub fn InputLabels(
    /// The network.
    model: ModelEntry,
) -> impl IntoView {
    let store = Store::get();
    let field = NodeRef::<html::Input>::new();
    let state = model.state;
    let labels =
        Memo::new(move |_| state.with(|state| state.info()).map(|info| info.labels.clone()).unwrap_or_default());
    let before = StoredValue::new(labels.get_untracked());
    let entry = StoredValue::new(model);
    let changed = move || labels.with(|labels| before.with_value(|before| labels != before));
    let take_back =
        move |_| before.with_value(|before| entry.with_value(|model| input::put_labels_back(store, model, before)));
    view! {
        <div class="field labels-field">
            <label for="input-labels">{format!("Class names ({}); pick a file, or drop it here", kinds::LABELS)}</label>
            <input
                id="input-labels"
                type="file"
                node_ref=field
                data-testid="input-labels"
                on:change=move |_| {
                    if let Some(field) = field.get()
                        && let Some(file) = files::list(field.files()).into_iter().next()
                    {
                        entry.with_value(|model| input::take_labels(store, model, file));
                        field.set_value("");
                    }
                }
            />
            <p class="note" data-testid="labels-first">{move || labels.with(|labels| format::first_of(labels, FIRST))}</p>
            <div class="labels-note" role="status">
                {move || match store.labels_note.get() {
                    None => ().into_any(),
                    Some(LabelsNote::Reading(name)) => view! { <p class="note">{format!("Reading {name}")}</p> }.into_any(),
                    Some(LabelsNote::Taken(name)) => {
                        view! { <p class="note" data-testid="labels-taken">{format!("Named by {name}.")}</p> }.into_any()
                    }
                    Some(LabelsNote::Refused(error)) => view! {
                        <p class="note bad" data-testid="labels-refused">{format!("{} {}", error.what, error.advice)}</p>
                    }
                    .into_any(),
                }}
                <Show when=changed>
                    <button type="button" class="text-button" data-testid="labels-back" on:click=take_back>
                        "Back to the names before"
                    </button>
                </Show>
            </div>
        </div>
    }
}
