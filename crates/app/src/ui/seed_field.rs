//! The seed of methods that draw random numbers: the same seed gives the same map.

use leptos::prelude::*;
use web_sys::HtmlInputElement;

use super::{controls::IconButton, icons::Glyph};
use crate::state::Store;

/// Seeds are drawn below this, so that they are easily said and copied.
const SEEDS: f64 = 1e6;

/// The field with a button for a new seed.
#[component]
pub fn SeedField() -> impl IntoView {
    let seed = Store::get().aim.seed;
    view! {
        <div class="field row" title="The same seed gives the same map, in all networks">
            <label for="seed">"Seed"</label>
            <div class="with-button">
                <input
                    id="seed"
                    type="number"
                    inputmode="numeric"
                    min="0"
                    step="1"
                    data-testid="seed"
                    prop:value=move || seed.get().to_string()
                    on:change=move |event| {
                        if let Ok(number) = event_target_value(&event).trim().parse() {
                            seed.set(number);
                        }
                        event_target::<HtmlInputElement>(&event).set_value(&seed.get_untracked().to_string());
                    }
                />
                <IconButton
                    glyph=Glyph::Retry
                    label="New seed"
                    test="seed-new"
                    press=move || seed.set((js_sys::Math::random() * SEEDS) as u64)
                />
            </div>
        </div>
    }
}
