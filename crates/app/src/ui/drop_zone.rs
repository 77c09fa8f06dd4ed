//! Files from anywhere: dropped on the page, pasted, or picked.

use leptos::{ev, html, prelude::*};

use crate::{
    flow::{
        dropping,
        keyboard::{FILE_FIELD, FOLDER_FIELD},
    },
    pure::{kinds, pace},
    state::{Store, View},
    web::entries,
};

/// The overlay while files are dragged over the page, and the hidden picker.
#[component]
pub fn DropZone() -> impl IntoView {
    let store = Store::get();
    // Enter and leave come in pairs for every element under the pointer.
    let depth = RwSignal::new(0_i32);
    let carries = |event: &web_sys::DragEvent| {
        event.data_transfer().is_some_and(|data| data.types().includes(&"Files".into(), 0))
    };
    Effect::new(move |_| store.dragging.set(depth.get() > 0));
    window_event_listener(ev::dragenter, move |event| {
        if carries(&event) {
            event.prevent_default();
            depth.update(|depth| *depth += 1);
        }
    });
    window_event_listener(ev::dragleave, move |event| {
        if carries(&event) {
            depth.update(|depth| *depth = (*depth - 1).max(0));
        }
    });
    window_event_listener(ev::dragover, move |event| {
        if carries(&event) {
            event.prevent_default();
        }
    });
    window_event_listener(ev::drop, move |event| {
        if carries(&event) {
            event.prevent_default();
            depth.set(0);
            if let Some(data) = event.data_transfer() {
                dropping::dropped(store, &data);
            }
        }
    });
    window_event_listener(ev::paste, move |event| {
        let pasted = event.clipboard_data().and_then(|data| data.files());
        let pasted = entries::listed(pasted);
        if !pasted.is_empty() {
            event.prevent_default();
            dropping::given(store, pasted);
        }
    });
    let picker = NodeRef::<html::Input>::new();
    let folder_picker = NodeRef::<html::Input>::new();
    let take = move |field: NodeRef<html::Input>| {
        if let Some(field) = field.get_untracked() {
            dropping::given(store, entries::listed(field.files()));
            field.set_value("");
        }
    };
    // Not among the typed attributes.
    Effect::new(move |_| {
        if let Some(field) = folder_picker.get() {
            field.set_attribute("webkitdirectory", "").ok();
        }
    });
    let suggest = move || store.data.view.get() == View::Suggest;
    view! {
        <input
            node_ref=picker
            id=FILE_FIELD
            class="hidden-text"
            type="file"
            multiple
            tabindex="-1"
            aria-hidden="true"
            data-testid="file-input"
            on:change=move |_| take(picker)
        />
        <input
            node_ref=folder_picker
            id=FOLDER_FIELD
            class="hidden-text"
            type="file"
            multiple
            tabindex="-1"
            aria-hidden="true"
            data-testid="folder-input"
            on:change=move |_| take(folder_picker)
        />
        {move || store.data.walking.get().map(|(_, count)| view! {
            <div class="walking" role="status" data-testid="walking">
                <span>{format!("Looking through the folder, {}", pace::many(count, "file"))}</span>
                <button type="button" class="toast-action" data-testid="walking-stop" on:click=move |_| dropping::stop_walking(store)>
                    "Stop"
                </button>
            </div>
        })}
        <div class="drop" class:open=move || { depth.get() > 0 } aria-hidden="true" data-testid="drop-zone">
            <div class="drop-card">
                <p class="drop-title">
                    {move || if suggest() { "Drop a data set or models" } else { "Drop pictures, a folder of them, or models" }}
                </p>
                <p>{format!("{}, {}, with all files that belong to them.", kinds::PICTURES, kinds::NETWORKS)}</p>
                <p>"They stay on this machine."</p>
            </div>
        </div>
    }
}
