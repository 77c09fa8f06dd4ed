//! The qualities of a card's map.

use innspect_protocol::Check;
use leptos::{html, prelude::*};

use super::{check_row::CheckRow, controls::IconButton, icons::Glyph};
use crate::{
    flow::quality,
    state::{ModelEntry, Store},
};

/// The dialog; it follows `Store::inspecting`.
#[component]
pub fn QualityDialog() -> impl IntoView {
    let store = Store::get();
    let dialog = NodeRef::<html::Dialog>::new();
    let inspecting = Memo::new(move |_| store.inspecting.get());
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        if inspecting.get().is_some() {
            if !dialog.open() {
                dialog.show_modal().ok();
            }
        } else if dialog.open() {
            dialog.close();
        }
    });
    view! {
        <dialog
            node_ref=dialog
            class="dialog wide"
            aria-labelledby="quality-title"
            data-testid="quality-dialog"
            on:close=move |_| store.inspecting.set(None)
            on:click=move |event| {
                // A click outside the body hits the dialog itself: its backdrop.
                if event_target::<web_sys::Element>(&event).tag_name() == "DIALOG" {
                    store.inspecting.set(None);
                }
            }
        >
            <div class="dialog-body">
                <div class="dialog-head">
                    <h2 id="quality-title">"How far can this map be trusted?"</h2>
                    <IconButton glyph=Glyph::Cross label="Close" test="quality-close" press=move || store.inspecting.set(None) />
                </div>
                {move || {
                    let model = inspecting.get().and_then(|id| untrack(|| store.model(&id)));
                    model.map(|model| view! { <Checks model /> })
                }}
            </div>
        </dialog>
    }
}

#[component]
fn Checks(model: ModelEntry) -> impl IntoView {
    let store = Store::get();
    let card = model.card;
    let name = model.name.clone();
    let subject = move || {
        let map = card.finished().map(|(map, _)| map)?;
        let facts = &map.explanation.facts;
        let method = store
            .methods
            .with(|methods| methods.iter().find(|method| method.id == facts.method).map(|method| method.name.clone()));
        let picture = store.picture().map(|picture| picture.title).unwrap_or_default();
        Some(format!("{name} · {} · {} · {picture}", method.unwrap_or_else(|| facts.method.clone()), facts.label))
    };
    let finished = Memo::new(move |_| card.finished().is_some());
    let entry = StoredValue::new(model);
    let missing =
        move || Check::ALL.into_iter().filter(move |check| card.measures.with(|all| !all.contains_key(check)));
    let all = move |_| {
        for check in untrack(|| missing().collect::<Vec<_>>()) {
            entry.with_value(|model| quality::measure(store, model, check));
        }
    };
    let rows = Check::ALL.map(|check| view! { <CheckRow model=entry check finished /> });
    view! {
        <p class="quiet" data-testid="quality-subject">
            {move || subject().unwrap_or_else(|| "The map is being made anew; checks need a finished one.".to_owned())}
        </p>
        {rows.collect_view()}
        <div class="dialog-foot">
            <button type="button" class="button" data-testid="check-all" disabled=move || !finished.get() || missing().next().is_none() on:click=all>
                "Measure all"
            </button>
        </div>
    }
}
