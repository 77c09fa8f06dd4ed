//! The Suggest view: which pictures of a data set deserve a look.

mod accuracy;
mod calibration;
mod class_table;
mod confusion;
mod empty;
mod filters;
mod histogram;
mod palette;
mod preview;
mod scatter;
mod scatter_axes;
mod scatter_draw;
mod scatter_form;
mod scatter_tools;
mod selection_bar;
mod side;
mod thumb;
mod twin_table;

use leptos::prelude::*;

pub use selection_bar::SelectionBar;

use crate::{
    flow::keyboard,
    state::{DatasetStatus, Store, Tab},
    ui::{dataset_bar::DatasetBar, scan_bar::ScanBar},
};

/// The view.
#[component]
pub fn SuggestView() -> impl IntoView {
    let store = Store::get();
    let open = Memo::new(move |_| store.data.status.with(|status| matches!(status, DatasetStatus::Open(_))));
    view! {
        <section class="suggest" aria-label="Suggest" data-testid="suggest">
            <DatasetBar />
            <ScanBar />
            <Show when=move || open.get() fallback=|| view! { <empty::Empty /> }>
                <Desk />
            </Show>
        </section>
    }
}

#[component]
fn Desk() -> impl IntoView {
    let store = Store::get();
    let tab = Memo::new(move |_| store.suggest.shown_tab());
    view! {
        <div class="desk">
            <div class="desk-main">
                <filters::Filters />
                <Tabs tab />
                {move || match tab.get() {
                    Tab::Scatter => view! { <scatter::Scatter /> }.into_any(),
                    Tab::Histogram => view! { <histogram::HistogramView /> }.into_any(),
                    Tab::Table => view! { <twin_table::TwinTable /> }.into_any(),
                    Tab::Accuracy => view! { <accuracy::Accuracy /> }.into_any(),
                }}
            </div>
            <side::Side />
        </div>
    }
}

/// What fills the middle.
#[component]
fn Tabs(tab: Memo<Tab>) -> impl IntoView {
    let store = Store::get();
    let labelled = Memo::new(move |_| store.suggest.facts.get().labelled());
    let button = move |of: Tab, word: &'static str, test: &'static str| {
        view! {
            <button
                type="button"
                aria-pressed=move || (tab.get() == of).to_string()
                data-testid=test
                on:click=move |_| {
                    if of == Tab::Table && tab.get_untracked() != Tab::Table {
                        keyboard::twin(store);
                    } else {
                        store.suggest.tab.set(Some(of));
                    }
                }
            >
                {word}
            </button>
        }
    };
    view! {
        <div class="segments suggest-tabs" role="group" aria-label="What is shown" data-testid="suggest-tabs">
            {button(Tab::Scatter, "Scatter", "tab-scatter")}
            {button(Tab::Histogram, "Histogram", "tab-histogram")}
            {button(Tab::Table, "Table", "tab-table")}
            <Show when=move || labelled.get()>{button(Tab::Accuracy, "Accuracy", "tab-accuracy")}</Show>
        </div>
    }
}
