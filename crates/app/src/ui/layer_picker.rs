//! The layer, for methods that ask for one: per network, since layers have no names in common.

use leptos::prelude::*;

use crate::state::{ModelEntry, Store};

/// The panel; absent where the method works on the whole network.
#[component]
pub fn LayerPicker() -> impl IntoView {
    let store = Store::get();
    let ready = move || {
        let models = store.shown_models();
        models.into_iter().filter(|model| model.state.with(|state| state.info().is_some())).collect::<Vec<_>>()
    };
    view! {
        <Show when=move || store.wants_layer() && !ready().is_empty()>
            <section class="panel" aria-label="Layer">
                <h2>"Layer"</h2>
                <For each=ready key=|model| (model.id.clone(), model.revision.get_untracked()) let:model>
                    <LayerSelect model />
                </For>
            </section>
        </Show>
    }
}

#[component]
fn LayerSelect(model: ModelEntry) -> impl IntoView {
    let layer = model.layer;
    let info = model.state.with_untracked(|state| state.info());
    let default = info.as_ref().and_then(|info| info.default_layer.clone());
    let layers = info.map(|info| info.layers.clone()).unwrap_or_default();
    let options = layers.into_iter().filter(|layer| layer.feature_map).map(|row| {
        let shape = row.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
        let (this, value) = (row.name.clone(), row.name.clone());
        view! {
            <option value=value prop:selected=move || layer.get().as_ref() == Some(&this)>
                {format!("{} ({}, {shape})", row.name, row.op)}
            </option>
        }
    });
    let label = format!("Layer of {}", model.name);
    view! {
        <div class="layer" data-slot=model.slot.to_string()>
            <span class="swatch" aria-hidden="true"></span>
            <select
                aria-label=label.clone()
                title=label
                data-testid="layer"
                data-model=model.id.0.clone()
                on:change=move |event| {
                    let name = event_target_value(&event);
                    layer.set((!name.is_empty()).then_some(name));
                }
            >
                <option value="" prop:selected=move || layer.get().is_none()>
                    {match default {
                        Some(name) => format!("Default: {name}"),
                        None => "Default".to_owned(),
                    }}
                </option>
                {options.collect_view()}
            </select>
        </div>
    }
}
