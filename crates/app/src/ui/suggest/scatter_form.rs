//! Selecting by numbers: what a drag does, without one.

use std::sync::Arc;

use leptos::prelude::*;

use crate::{
    flow::marking,
    pure::suggest::{axes::Measure, cloud::Cloud},
    state::Store,
};

/// The form.
#[component]
pub fn ByNumbers(cloud: Memo<Arc<Cloud>>) -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let ends = [const { None::<f32> }; 4].map(RwSignal::new);
    let [x_low, x_high, y_low, y_high] = ends;
    let select = move |add: bool| {
        let facts = suggest.facts.get_untracked();
        let (x, y) = (suggest.x.get_untracked(), suggest.y.get_untracked());
        let within = |measure: Measure, low: RwSignal<Option<f32>>, high: RwSignal<Option<f32>>, item: u32| {
            let (low, high) = (low.get_untracked().unwrap_or(f32::MIN), high.get_untracked().unwrap_or(f32::MAX));
            (low..=high).contains(&measure.value(&facts, item))
        };
        let items = cloud.with_untracked(|cloud| cloud.items.clone());
        let items = items.into_iter().filter(|item| within(x, x_low, x_high, *item) && within(y, y_low, y_high, *item));
        marking::select_aloud(store, items.collect(), add);
    };
    view! {
        <details class="more" data-testid="by-numbers">
            <summary>"Select by numbers"</summary>
            <form
                class="by-numbers"
                on:submit=move |event| {
                    event.prevent_default();
                    select(false);
                }
            >
                <Range name=Signal::derive(move || suggest.x.get().name()) test="numbers-x" low=x_low high=x_high />
                <Range name=Signal::derive(move || suggest.y.get().name()) test="numbers-y" low=y_low high=y_high />
                <div class="tool-row">
                    <button type="submit" class="button" data-testid="numbers-select">"Select"</button>
                    <button type="button" class="button quiet-button" data-testid="numbers-add" on:click=move |_| select(true)>
                        "Add"
                    </button>
                </div>
            </form>
        </details>
    }
}

#[component]
fn Range(
    name: Signal<&'static str>,
    test: &'static str,
    low: RwSignal<Option<f32>>,
    high: RwSignal<Option<f32>>,
) -> impl IntoView {
    let field = move |end: RwSignal<Option<f32>>, word: &'static str| {
        view! {
            <input
                type="number"
                step="any"
                placeholder=word
                aria-label=move || format!("{}, {word}", name.get())
                data-testid=format!("{test}-{word}")
                on:input=move |event| end.set(event_target_value(&event).parse().ok())
            />
        }
    };
    view! {
        <fieldset class="range-fields">
            <legend class="label">{move || name.get()}</legend>
            {field(low, "from")}
            {field(high, "to")}
        </fieldset>
    }
}
