//! Under a card: the way to the checks of its map, and what is known of the method with this network.

use leptos::prelude::*;

use super::icons::{Glyph, Icon};
use crate::{
    flow::sensitivity,
    pure::format,
    state::{ModelEntry, Sensitivity, Store},
};

/// The button and the badge; they keep their place while there is no map.
#[component]
pub fn CardQuality(model: ModelEntry) -> impl IntoView {
    let store = Store::get();
    let card = model.card;
    let id = model.id.clone();
    let label = format!("Check this map of {}", model.name);
    let entry = StoredValue::new(model);
    let finished = Memo::new(move |_| card.finished().is_some());
    let known = Memo::new(move |_| entry.with_value(|model| sensitivity::of(store, model)));
    view! {
        <div class="quality">
            <button
                type="button"
                class="text-button"
                aria-label=label
                data-testid="check-map"
                disabled=move || !finished.get()
                on:click=move |_| store.inspecting.set(Some(id.clone()))
            >
                "Check this map…"
            </button>
            {move || match known.get() {
                Some(Sensitivity::Known { similarity, insensitive: true }) => {
                    let title = format!(
                        "Maps with two random last layers have a cosine similarity of {}: what is shown would be much the same for any class",
                        format::number(f64::from(similarity)),
                    );
                    view! {
                        <span class="insensitive" title=title data-testid="insensitive">
                            <Icon glyph=Glyph::Warning />
                            "Hardly depends on the class layers"
                        </span>
                    }
                    .into_any()
                }
                Some(Sensitivity::Checking(_)) => {
                    view! { <span class="quiet" data-testid="sensitivity-checking">"checking…"</span> }.into_any()
                }
                _ => ().into_any(),
            }}
        </div>
    }
}
