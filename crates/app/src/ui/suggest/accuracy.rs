//! Labelled sets: how often each network is right, and where it is not.

use leptos::prelude::*;

use super::{calibration::Calibration, class_table::ClassTable, confusion::Confusion, histogram::NetworkChoice};
use crate::{
    flow::marking,
    pure::{
        format,
        suggest::{accuracy::shares, words},
    },
    state::Store,
};

/// The tab.
#[component]
pub fn Accuracy() -> impl IntoView {
    view! {
        <div class="accuracy" data-testid="accuracy">
            <Shares />
            <div class="scatter-tools"><NetworkChoice /></div>
            <Confusion />
            <Calibration />
            <ClassTable />
        </div>
    }
}

/// Accuracy of all networks side by side; numbers of pictures are buttons.
#[component]
fn Shares() -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let rows = move || {
        let (facts, visible) = (suggest.facts.get(), suggest.visible.get());
        let row = |network: &std::sync::Arc<crate::pure::suggest::facts::Column>| {
            let (right, top) = shares(network, &visible);
            let percent =
                |share: innspect_statistics::truth::Share| share.value().map_or("–".to_owned(), format::percent);
            let counted = |share: innspect_statistics::truth::Share| {
                format!("{} of {}", words::grouped(share.hits as usize), words::grouped(share.of as usize))
            };
            let of = |wanted: bool| -> Vec<u32> {
                visible.iter().copied().filter(|item| network.right(*item as usize) == Some(wanted)).collect()
            };
            let (hits, misses) = (of(true), of(false));
            let button = move |items: Vec<u32>, test: &'static str, word: String| {
                view! {
                    <button
                        type="button"
                        class="cell-button"
                        data-testid=test
                        aria-label=format!("Select {word}")
                        disabled=items.is_empty()
                        on:click=move |event| marking::select_aloud(store, items.clone(), event.shift_key())
                    >
                        {words::grouped(items.len())}
                    </button>
                }
            };
            let name = network.name.clone();
            view! {
                <tr data-slot=network.slot.to_string() data-testid="accuracy-row">
                    <th scope="row"><span class="swatch"></span>{name.clone()}</th>
                    <td class="strong" title=counted(right)>{percent(right)}</td>
                    <td title=counted(top)>{percent(top)}</td>
                    <td>{button(hits, "accuracy-right", format!("what {name} has right"))}</td>
                    <td>{button(misses, "accuracy-wrong", format!("what {name} has wrong"))}</td>
                </tr>
            }
        };
        facts.networks.iter().map(row).collect_view()
    };
    view! {
        <table class="numbers">
            <thead>
                <tr>
                    <th scope="col">"Network"</th>
                    <th scope="col">"Accuracy"</th>
                    <th scope="col">"Among the best 5"</th>
                    <th scope="col">"Right"</th>
                    <th scope="col">"Wrong"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}
