//! Axes, colours and tools of the scatter.

use std::sync::Arc;

use innspect_protocol::ModelId;
use leptos::prelude::*;

use crate::{
    flow::marking,
    pure::suggest::{axes::Measure, cloud::Cloud},
    state::{Colouring, Store, Tool},
};

/// The row above the plot.
#[component]
pub fn Tools(cloud: Memo<Arc<Cloud>>) -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let none = move || store.data.selection.with(|items| items.is_empty());
    view! {
        <div class="scatter-tools">
            <AxisChoice id="axis-x" word="Across" value=suggest.x />
            <AxisChoice id="axis-y" word="Up" value=suggest.y />
            <ColourChoice />
            <div class="tool-row">
                <div class="segments" role="group" aria-label="What dragging does" data-testid="tool">
                    <ToolButton tool=Tool::Brush word="Box" />
                    <ToolButton tool=Tool::Lasso word="Lasso" />
                </div>
                <button
                    type="button"
                    class="button quiet-button"
                    data-testid="select-all"
                    on:click=move |_| marking::select_aloud(store, cloud.with_untracked(|cloud| cloud.items.clone()), false)
                >
                    "All"
                </button>
                <button
                    type="button"
                    class="button quiet-button"
                    data-testid="select-none"
                    disabled=none
                    on:click=move |_| marking::clear(store)
                >
                    "Clear"
                </button>
            </div>
        </div>
    }
}

#[component]
fn ToolButton(tool: Tool, word: &'static str) -> impl IntoView {
    let suggest = Store::get().suggest;
    let title = match tool {
        Tool::Brush => "Drag a rectangle around points; with Shift they are added",
        Tool::Lasso => "Drag a line around points; with Shift they are added. Alt does so at any time",
    };
    view! {
        <button
            type="button"
            title=title
            aria-pressed=move || (suggest.tool.get() == tool).to_string()
            on:click=move |_| suggest.tool.set(tool)
        >
            {word}
        </button>
    }
}

#[component]
fn AxisChoice(id: &'static str, word: &'static str, value: RwSignal<Measure>) -> impl IntoView {
    let store = Store::get();
    let labelled = Memo::new(move |_| store.suggest.facts.get().labelled());
    let options = move || {
        let fitting = Measure::ALL.into_iter().filter(|measure| labelled.get() || !measure.needs_truth());
        fitting
            .map(|measure| {
                view! { <option value=measure.id() prop:selected=move || value.get() == measure>{measure.name()}</option> }
            })
            .collect_view()
    };
    view! {
        <div class="field">
            <label for=id>{word}</label>
            <select
                id=id
                data-testid=id
                on:change=move |event| {
                    if let Some(measure) = Measure::of(&event_target_value(&event)) {
                        value.set(measure);
                    }
                }
            >
                {options}
            </select>
        </div>
    }
}

#[component]
fn ColourChoice() -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let networks = Memo::new(move |_| {
        let facts = suggest.facts.get();
        let networks: Vec<(ModelId, String)> =
            facts.networks.iter().map(|network| (network.id.clone(), network.name.clone())).collect();
        (networks, facts.labelled())
    });
    let chosen = move || match suggest.colouring.get() {
        Colouring::None => "none".to_owned(),
        Colouring::Wrong => "wrong".to_owned(),
        Colouring::Predicted(id) => format!("of {}", id.0),
    };
    let options = move || {
        let (networks, labelled) = networks.get();
        let option = move |value: String, word: String| {
            let own = value.clone();
            view! { <option value=value prop:selected=move || chosen() == own>{word}</option> }
        };
        let mut options = vec![option("none".to_owned(), "Nothing".to_owned())];
        if labelled {
            options.push(option("wrong".to_owned(), "Right or wrong".to_owned()));
        }
        options
            .extend(networks.into_iter().map(|(id, name)| option(format!("of {}", id.0), format!("What {name} says"))));
        options
    };
    view! {
        <div class="field">
            <label for="colour-by">"Colour"</label>
            <select
                id="colour-by"
                data-testid="colour-by"
                on:change=move |event| {
                    let value = event_target_value(&event);
                    suggest.colouring.set(match value.strip_prefix("of ") {
                        Some(id) => Colouring::Predicted(ModelId(id.to_owned())),
                        None if value == "wrong" => Colouring::Wrong,
                        None => Colouring::None,
                    });
                }
            >
                {options}
            </select>
        </div>
    }
}
