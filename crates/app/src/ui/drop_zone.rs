//! Files from anywhere: dropped on the page, pasted, or picked.

use leptos::{ev, html, prelude::*};

use crate::{
    flow::{files, keyboard::FILE_FIELD},
    pure::kinds,
    state::Store,
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
            files::open(store, files::list(event.data_transfer().and_then(|data| data.files())));
        }
    });
    window_event_listener(ev::paste, move |event| {
        let pasted = event.clipboard_data().and_then(|data| data.files());
        let pasted = files::list(pasted);
        if !pasted.is_empty() {
            event.prevent_default();
            files::open(store, pasted);
        }
    });
    let picker = NodeRef::<html::Input>::new();
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
            on:change=move |_| {
                if let Some(field) = picker.get() {
                    files::open(store, files::list(field.files()));
                    field.set_value("");
                }
            }
        />
        <div class="drop" class:open=move || { depth.get() > 0 } aria-hidden="true" data-testid="drop-zone">
            <div class="drop-card">
                <p class="drop-title">"Drop pictures or models"</p>
                <p>{format!("{}, {}, with all files that belong to them.", kinds::PICTURES, kinds::NETWORKS)}</p>
                <p>"They stay on this machine."</p>
            </div>
        </div>
    }
}
