//! What is explained: the class's score, its probability, the class rather than another, or a unit of a layer.

use std::sync::Arc;

use innspect_protocol::{Neuron, TargetKind};
use leptos::prelude::*;

use super::{
    class_combo::ClassCombo, controls::IconButton, controls::NumberField, icons::Glyph, layer_select::LayerSelects,
    words,
};
use crate::{
    flow::target,
    state::{ClassRef, Store},
};

/// All kinds in the order of the list.
const KINDS: [Option<TargetKind>; 4] =
    [None, Some(TargetKind::Probability), Some(TargetKind::Contrast), Some(TargetKind::Neuron)];
const AGAINST_FIELD: &str = "against-search";

/// The field with what belongs to the chosen kind.
#[component]
pub fn TargetField(
    /// Names of the classes.
    labels: Memo<Arc<Vec<String>>>,
) -> impl IntoView {
    let store = Store::get();
    let method = Memo::new(move |_| store.method_info());
    let kind = Memo::new(move |_| method.get().and_then(|method| target::kind(store, &method)));
    let options = move || {
        let offered = method.get().map(|method| method.targets).unwrap_or_default();
        let kinds = KINDS.into_iter().filter(|option| option.is_none_or(|kind| offered.contains(&kind)));
        let options = kinds.map(|option| {
            view! {
                <option value=words::target_id(option) prop:selected=move || kind.get() == option>
                    {words::target(option)}
                </option>
            }
        });
        options.collect_view()
    };
    // A choice that this method does not take stays for the methods that do.
    let lacking = move || {
        let chosen = store.aim.kind.get()?;
        let name = method.get()?.name;
        (kind.get() != Some(chosen)).then(|| words::target_lacking(chosen, &name))
    };
    view! {
        <div class="field">
            <label for="target">"What is explained"</label>
            <select
                id="target"
                data-testid="target"
                on:change=move |event| {
                    let id = event_target_value(&event);
                    let chosen = KINDS.into_iter().find(|kind| words::target_id(*kind) == id);
                    store.aim.kind.set(chosen.flatten());
                }
            >
                {options}
            </select>
        </div>
        {move || lacking().map(|text| view! { <p class="help" data-testid="target-note">{text}</p> })}
        {move || match kind.get() {
            Some(TargetKind::Contrast) => view! { <Against labels /> }.into_any(),
            Some(TargetKind::Neuron) => view! { <Unit /> }.into_any(),
            _ => ().into_any(),
        }}
    }
}

/// The class that is argued against.
#[component]
fn Against(labels: Memo<Arc<Vec<String>>>) -> impl IntoView {
    let store = Store::get();
    let against = store.aim.against;
    let strongest = move || against.with(Option::is_none);
    let shown = move || match against.get() {
        None => "The strongest other class".to_owned(),
        Some(class) if class.label.is_empty() => {
            labels.with(|labels| labels.get(class.index).cloned()).unwrap_or_else(|| format!("class {}", class.index))
        }
        Some(class) => class.label,
    };
    view! {
        <p class="chosen" class:top=strongest data-testid="against-chosen">
            <span>{shown}</span>
            <Show when=move || !strongest()>
                <IconButton glyph=Glyph::Cross label="Back to the strongest other class" test="against-top" small=true press=move || against.set(None) />
            </Show>
        </p>
        <ClassCombo
            id=AGAINST_FIELD
            label="Rather than this class"
            test="against"
            labels
            disabled=false
            choose=move |index, label| against.set(Some(ClassRef { index, label }))
        />
    }
}

/// A channel of a layer, or one position of it.
#[component]
fn Unit() -> impl IntoView {
    let store = Store::get();
    let unit = store.aim.unit;
    let channel = Signal::derive(move || Some(unit.get().channel));
    let row = Signal::derive(move || unit.get().position.map(|[row, _]| row));
    let column = Signal::derive(move || unit.get().position.map(|[_, column]| column));
    // A row given alone begins at the first column, and the other way round; emptying one of them empties both.
    let place = move |given: Option<usize>, other: fn([usize; 2]) -> usize, join: fn(usize, usize) -> [usize; 2]| {
        unit.update(|unit: &mut Neuron| {
            unit.position = given.map(|given| join(given, unit.position.map_or(0, other)));
        });
    };
    let set_row = move |row| place(row, |[_, column]| column, |row, column| [row, column]);
    let set_column = move |column| place(column, |[row, _]| row, |column, row| [row, column]);
    let set_channel = move |channel: Option<usize>| unit.update(|unit| unit.channel = channel.unwrap_or(0));
    view! {
        <LayerSelects choice=|model| model.unit_layer test="unit-layer" maps_only=false />
        <div class="triple">
            <NumberField
                id="unit-channel"
                label="Channel"
                empty=""
                value=channel
                set=set_channel
            />
            <NumberField
                id="unit-row"
                label="Row"
                empty="all"
                value=row
                set=set_row
            />
            <NumberField
                id="unit-column"
                label="Column"
                empty="all"
                value=column
                set=set_column
            />
        </div>
    }
}
