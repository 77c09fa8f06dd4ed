//! What the scatter's colours say, and what it means.

use leptos::prelude::*;

use super::{palette::css, scatter_draw::Legend};
use crate::{
    flow::marking,
    pure::suggest::{axes::Measure, words},
    state::Store,
};

/// What the colours say; each is a button that selects its pictures.
#[component]
pub fn Colours(legend: Memo<Option<Legend>>) -> impl IntoView {
    let store = Store::get();
    move || {
        let entries = legend.with(|legend| legend.as_ref().map(|legend| legend.entries.clone())).unwrap_or_default();
        let shown = entries.into_iter().filter(|(_, _, items, _)| !items.is_empty());
        let buttons: Vec<_> = shown
            .map(|(colour, word, items, hollow)| {
                let count = words::grouped(items.len());
                view! {
                    <button
                        type="button"
                        class="colour-entry"
                        title="Select these"
                        data-testid="scatter-colour"
                        on:click=move |event| marking::select_aloud(store, items.clone(), event.shift_key())
                    >
                        <span class="dot" class:hollow=hollow style:--dot=css(colour)></span>
                        {word}
                        <span class="count">{count}</span>
                    </button>
                }
            })
            .collect();
        (!buttons.is_empty())
            .then(|| view! { <div class="colour-entries" role="group" aria-label="Colours">{buttons}</div> })
    }
}

/// What the plot means.
#[component]
pub fn Reading() -> impl IntoView {
    let store = Store::get();
    let axes = move || {
        let title = |measure: Measure| measure.title().to_lowercase();
        format!(
            "Each point is a picture. To the right: {}. Upwards: {}; points of a whole number are spread within its band so that they do not hide each other.",
            title(store.suggest.x.get()),
            title(store.suggest.y.get()),
        )
    };
    view! {
        <details class="more" data-testid="scatter-reading">
            <summary>"What am I looking at?"</summary>
            <div class="reading">
                <p>{axes}</p>
                <p>
                    "Pictures at the lower right are easy. At the lower left the networks say the same but waver. At the upper left they are lost. The upper right is the place to look: there the networks contradict each other and each is sure, as happens with things that no class fits, with two things in one picture, and with adversarial pictures."
                </p>
                <p>
                    "Scores are what the networks claim, not how often they are right: a badly calibrated network is sure of everything. Classes of networks with different lists are compared by name."
                </p>
            </div>
        </details>
    }
}
