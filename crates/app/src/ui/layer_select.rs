//! A layer per network, since layers have no names in common.

use leptos::prelude::*;

use crate::{
    flow::target,
    state::{ModelEntry, Store},
};

/// The networks with a card whose layers are known, tracked.
pub fn ready_models(store: Store) -> Vec<ModelEntry> {
    store.shown_models().into_iter().filter(|model| model.state.with(|state| state.info().is_some())).collect()
}

/// A choice of a layer for each network.
#[component]
pub fn LayerSelects(
    /// Where the choice is kept.
    choice: fn(&ModelEntry) -> RwSignal<Option<String>>,
    /// Its id in tests.
    test: &'static str,
    /// Whether only feature maps are offered.
    maps_only: bool,
) -> impl IntoView {
    let store = Store::get();
    view! {
        <For each=move || ready_models(store) key=|model| (model.id.clone(), model.revision.get_untracked()) let:model>
            <LayerSelect layer=choice(&model) model test maps_only />
        </For>
    }
}

#[component]
fn LayerSelect(
    model: ModelEntry,
    layer: RwSignal<Option<String>>,
    test: &'static str,
    maps_only: bool,
) -> impl IntoView {
    let info = model.state.with_untracked(|state| state.info());
    let default = match &info {
        Some(info) if maps_only => info.default_layer.clone(),
        Some(info) => target::layer(info, None),
        None => None,
    };
    let layers = info.map(|info| info.layers.clone()).unwrap_or_default();
    let options = layers.into_iter().filter(|layer| layer.feature_map || !maps_only).map(|row| {
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
                data-testid=test
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
