//! Concept relevance: channels of a layer that relevance must pass through.

use leptos::prelude::*;

use super::layer_select::{LayerSelects, ready_models};
use crate::{
    pure::target::{channels, show_channels},
    state::Store,
};

const FIELD: &str = "concept-channels";

/// The panel; absent where the method allows no restriction.
#[component]
pub fn ConceptPicker() -> impl IntoView {
    let store = Store::get();
    let offered = move || store.method_info().is_some_and(|method| method.concept);
    view! {
        <Show when=move || offered() && !ready_models(store).is_empty()>
            <Concept />
        </Show>
    }
}

#[component]
fn Concept() -> impl IntoView {
    let store = Store::get();
    let concept = store.aim.concept;
    let problem = RwSignal::new(None::<String>);
    let summary = move || match concept.with(Vec::len) {
        0 => "Through a concept".to_owned(),
        1 => format!("Through channel {}", concept.with(|channels| show_channels(channels, ", "))),
        count => format!("Through {count} channels"),
    };
    view! {
        <section class="panel" aria-label="Concept">
            <details class="more fold" data-testid="concept" open=concept.with_untracked(|channels| !channels.is_empty())>
                <summary>{summary}</summary>
                <div class="stack">
                    <p class="help">"Only relevance that passes through these channels of a layer is shown; they differ from network to network."</p>
                    <LayerSelects choice=|model| model.concept_layer test="concept-layer" maps_only=false />
                    <div class="field row">
                        <label for=FIELD>"Channels"</label>
                        <input
                            id=FIELD
                            type="text"
                            inputmode="numeric"
                            autocomplete="off"
                            placeholder="all"
                            data-testid=FIELD
                            aria-invalid=move || problem.with(Option::is_some).to_string()
                            prop:value=move || concept.with(|channels| show_channels(channels, ", "))
                            on:change=move |event| match channels(&event_target_value(&event)) {
                                Ok(channels) => {
                                    problem.set(None);
                                    concept.set(channels);
                                }
                                Err(text) => problem.set(Some(text)),
                            }
                        />
                    </div>
                    {move || problem.get().map(|text| view! { <p class="note bad" role="alert">{text}</p> })}
                </div>
            </details>
        </section>
    }
}
