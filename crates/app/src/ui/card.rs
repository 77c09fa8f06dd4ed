//! One network: its picture under its heatmap, its classes, and how it came about.

use leptos::prelude::*;

use super::{
    card_classes::TopClasses,
    card_facts::Facts,
    card_picture::CardPicture,
    card_quality::CardQuality,
    colour_bar::ColourBar,
    controls::IconButton,
    icons::{Glyph, Icon},
    words,
};
use crate::{
    flow::input,
    pure::format,
    state::{ModelEntry, ModelState, Store},
};

/// The card.
#[component]
pub fn Card(
    /// The network.
    model: ModelEntry,
) -> impl IntoView {
    let store = Store::get();
    let (card, state) = (model.card, model.state);
    let name = model.name.clone();
    let id = model.id.clone();
    let shown = model.shown;
    let bytes = model.catalog().map(|entry| entry.bytes);
    let subtitle = move || match state.get() {
        ModelState::Ready(info) => {
            format!("{} weights · {} × {}", format::count(info.params), info.input[2], info.input[1])
        }
        _ => bytes.map(format::bytes).unwrap_or_default(),
    };
    view! {
        <article
            class="card"
            aria-label=name.clone()
            data-slot=model.slot.to_string()
            data-testid="model-card"
            data-model=model.id.0.clone()
            data-state=move || card.state(state).name()
            data-job=move || card.job.get().map(|job| job.0.to_string())
        >
            <header class="card-head">
                <span class="swatch" aria-hidden="true"></span>
                <div class="card-title">
                    <h3 title=model.catalog().map(|entry| entry.description.clone())>{name.clone()}</h3>
                    <p>{subtitle}</p>
                </div>
                <IconButton
                    glyph=Glyph::Sliders
                    label=format!("Input of {name}…")
                    test="configure"
                    small=true
                    press=move || store.configuring.set(Some(id.clone()))
                />
                <IconButton glyph=Glyph::EyeOff label=format!("Hide {name}") test="card-hide" small=true press=move || shown.set(false) />
            </header>
            <div class="card-body">
                <div class="card-left">
                    <CardPicture model=model.clone() />
                    <ColourBar card />
                </div>
                <div class="card-right">
                    <InputHint model=model.clone() />
                    <TopClasses model=model.clone() />
                    <Facts model=model.clone() />
                    <CardQuality model=model.clone() />
                </div>
            </div>
        </article>
    }
}

/// What was assumed about the input of a network that the user gave, until the user has seen it.
#[component]
fn InputHint(model: ModelEntry) -> impl IntoView {
    let store = Store::get();
    let (checked, state) = (model.checked, model.state);
    let id = model.id.clone();
    let model = StoredValue::new(model);
    move || {
        let info = state.with(|state| state.info()).filter(|_| !checked.get());
        let id = id.clone();
        info.map(|info| {
            view! {
                <details class="hint" data-testid="input-hint">
                    <summary>
                        <Icon glyph=Glyph::Sliders />
                        "Input assumed, please check"
                    </summary>
                    <p>{info.preprocessing_origin.clone()}</p>
                    <p class="quiet">{words::preprocessing(&info.preprocessing)}</p>
                    {info.warnings.iter().map(|warning| view! { <p class="quiet">{warning.clone()}</p> }).collect_view()}
                    <div class="hint-tools">
                        <button type="button" class="text-button" data-testid="input-change" on:click=move |_| store.configuring.set(Some(id.clone()))>
                            "Change…"
                        </button>
                        <button type="button" class="text-button" data-testid="input-right" on:click=move |_| input::confirm(store, &model.get_value())>
                            "It is right"
                        </button>
                    </div>
                </details>
            }
        })
    }
}
