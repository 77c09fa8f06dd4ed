//! How a network's input is made, to be checked and changed: the dialog around the form.

use leptos::{html, prelude::*};

use super::{controls::IconButton, icons::Glyph, input_form::InputForm};
use crate::state::Store;

/// The dialog; it follows `Store::configuring`.
#[component]
pub fn InputDialog() -> impl IntoView {
    let store = Store::get();
    let dialog = NodeRef::<html::Dialog>::new();
    let model = Memo::new(move |_| store.configuring.get());
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        if model.get().is_some() {
            store.labels_note.set(None);
            if !dialog.open() {
                dialog.show_modal().ok();
            }
        } else if dialog.open() {
            dialog.close();
        }
    });
    let form = move || {
        let entry = untrack(|| store.model(&model.get()?));
        model.get().and(entry).map(|entry| match entry.state.with_untracked(|state| state.info()) {
            Some(info) => view! { <InputForm model=entry info /> }.into_any(),
            None => view! { <p class="quiet">"The input is known once the network is loaded."</p> }.into_any(),
        })
    };
    view! {
        <dialog
            node_ref=dialog
            class="dialog wide"
            class:dropping=move || store.dragging.get()
            aria-labelledby="input-title"
            data-testid="input-dialog"
            on:close=move |_| store.configuring.set(None)
        >
            <div class="dialog-body">
                <div class="dialog-head">
                    <h2 id="input-title">
                        {move || model.get().and_then(|id| store.model(&id)).map(|model| format!("Input of {}", model.name))}
                    </h2>
                    <IconButton glyph=Glyph::Cross label="Close" test="input-close" press=move || store.configuring.set(None) />
                </div>
                {form}
            </div>
        </dialog>
    }
}
