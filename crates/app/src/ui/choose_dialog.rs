//! The architecture of a file that holds weights alone, chosen by the user.

use std::time::Duration;

use innspect_protocol::{Job, UserError};
use leptos::{html, prelude::*};

use super::{
    controls::IconButton,
    icons::{Glyph, Icon},
};
use crate::{
    flow::{files, keyboard},
    pure::architectures,
    state::{FileState, Store},
};

const FIELD: &str = "architecture-search";
const LIST: &str = "architecture-list";

/// The dialog; it follows `Store::choosing`.
#[component]
pub fn ChooseDialog() -> impl IntoView {
    let store = Store::get();
    let dialog = NodeRef::<html::Dialog>::new();
    let choosing = Memo::new(move |_| store.choosing.get());
    let asked = move || {
        let job = choosing.get()?;
        let file = store.files.with_untracked(|files| files.iter().find(|file| file.job == job).cloned())?;
        match file.state.get_untracked() {
            FileState::Choosing { candidates, error } => Some((job, file.name, candidates, error)),
            _ => None,
        }
    };
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        if choosing.get().is_some() {
            if !dialog.open() {
                dialog.show_modal().ok();
            }
            // The field comes with the content, in the same turn.
            set_timeout(|| keyboard::focus(FIELD), Duration::ZERO);
        } else if dialog.open() {
            dialog.close();
        }
    });
    view! {
        <dialog
            node_ref=dialog
            class="dialog"
            aria-labelledby="choose-title"
            aria-describedby="choose-why"
            data-testid="choose-dialog"
            on:close=move |_| store.choosing.set(None)
            on:click=move |event| {
                // A click outside the body hits the dialog itself: its backdrop.
                if event_target::<web_sys::Element>(&event).tag_name() == "DIALOG" {
                    store.choosing.set(None);
                }
            }
        >
            <div class="dialog-body">
                <div class="dialog-head">
                    <h2 id="choose-title">"Which architecture is it?"</h2>
                    <IconButton glyph=Glyph::Cross label="Close" test="choose-close" press=move || store.choosing.set(None) />
                </div>
                {move || asked().map(|(job, name, candidates, error)| view! { <Choices job name candidates error /> })}
            </div>
        </dialog>
    }
}

#[component]
fn Choices(job: Job, name: String, candidates: Vec<String>, error: UserError) -> impl IntoView {
    let store = Store::get();
    let query = RwSignal::new(String::new());
    let active = RwSignal::new(0_usize);
    let found = Memo::new(move |_| architectures::filter(&candidates, &query.get()));
    let chosen = move || found.with(|found| found.get(active.get()).cloned());
    let option = |at: usize| format!("{LIST}-{at}");
    let take = move || {
        if let Some(architecture) = untrack(chosen) {
            store.choosing.set(None);
            files::choose(store, job, &architecture);
        }
    };
    let go = move |to: usize| {
        active.set(to.min(found.with_untracked(Vec::len).saturating_sub(1)));
        if let Some(row) = document().get_element_by_id(&option(active.get_untracked())) {
            // The nearest edge, without moving the page.
            let options = js_sys::Object::new();
            js_sys::Reflect::set(&options, &"block".into(), &"nearest".into()).ok();
            if let Ok(scroll) = js_sys::Reflect::get(&row, &"scrollIntoView".into())
                && let Ok(scroll) = wasm_bindgen::JsCast::dyn_into::<js_sys::Function>(scroll)
            {
                scroll.call1(&row, &options).ok();
            }
        }
    };
    let key = move |event: web_sys::KeyboardEvent| {
        let at = active.get_untracked();
        match event.key().as_str() {
            "ArrowDown" => go(at + 1),
            "ArrowUp" => go(at.saturating_sub(1)),
            "PageDown" => go(at + 8),
            "PageUp" => go(at.saturating_sub(8)),
            "Enter" => take(),
            _ => return,
        }
        event.prevent_default();
    };
    let place = (!error.place.is_empty() && error.place != name).then_some(error.place);
    view! {
        <div id="choose-why" class="choose-why">
            <p class="file-name">{name}</p>
            <p>{error.what}</p>
            {place.map(|place| view! { <p class="place">{place}</p> })}
            <p class="quiet">{error.advice}</p>
        </div>
        <div class="combo">
            <Icon glyph=Glyph::Search />
            <input
                id=FIELD
                type="text"
                role="combobox"
                autocomplete="off"
                spellcheck="false"
                placeholder="Find an architecture"
                aria-label="Architecture"
                aria-autocomplete="list"
                aria-expanded="true"
                aria-controls=LIST
                aria-activedescendant=move || chosen().map(|_| option(active.get()))
                data-testid="choose-search"
                prop:value=move || query.get()
                on:input=move |event| {
                    query.set(event_target_value(&event));
                    active.set(0);
                }
                on:keydown=key
            />
        </div>
        <ul id=LIST class="choices-list" role="listbox" aria-label="Architectures" data-testid="choose-list">
            {move || {
                let rows = found.get().into_iter().enumerate().map(|(at, name)| {
                    view! {
                        <li
                            id=option(at)
                            role="option"
                            data-testid="choose-option"
                            aria-selected=move || (active.get() == at).to_string()
                            on:mousedown=move |event| {
                                // The focus stays in the field, and with it the arrow keys.
                                event.prevent_default();
                                active.set(at);
                            }
                            on:dblclick=move |_| take()
                        >
                            {name}
                        </li>
                    }
                });
                rows.collect_view()
            }}
        </ul>
        <p class="note" role="status">
            {move || match found.with(Vec::len) {
                0 => "No architecture fits what is typed.".to_owned(),
                1 => "1 architecture".to_owned(),
                count => format!("{count} architectures"),
            }}
        </p>
        <div class="dialog-foot">
            <button type="button" class="button quiet-button" data-testid="choose-cancel" on:click=move |_| store.choosing.set(None)>
                "Cancel"
            </button>
            <button
                type="button"
                class="button primary"
                data-testid="choose-apply"
                disabled=move || chosen().is_none()
                on:click=move |_| take()
            >
                {move || chosen().map_or_else(|| "Open".to_owned(), |name| format!("Open as {name}"))}
            </button>
        </div>
    }
}
