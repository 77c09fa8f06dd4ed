//! The help: what this is, and the keys.

use leptos::{html, prelude::*};

use super::{controls::IconButton, icons::Glyph};
use crate::{
    pure::{keys::BINDINGS, kinds},
    state::Store,
};

/// The dialog.
#[component]
pub fn Help() -> impl IntoView {
    let store = Store::get();
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        if store.help.get() {
            if !dialog.open() {
                dialog.show_modal().ok();
            }
        } else if dialog.open() {
            dialog.close();
        }
    });
    let rows = BINDINGS.iter().filter(|row| !row.help.is_empty()).map(|row| {
        let keys = row.shown.iter().map(|key| view! { <kbd>{*key}</kbd> }).collect_view();
        view! { <div><dt>{keys}</dt><dd>{row.help}</dd></div> }
    });
    view! {
        <dialog
            node_ref=dialog
            class="dialog"
            aria-labelledby="help-title"
            data-testid="help-dialog"
            on:close=move |_| store.help.set(false)
            on:click=move |event| {
                // A click outside the body hits the dialog itself: its backdrop.
                if event_target::<web_sys::Element>(&event).tag_name() == "DIALOG" {
                    store.help.set(false);
                }
            }
        >
            <div class="dialog-body">
                <div class="dialog-head">
                    <h2 id="help-title">"How to read this page"</h2>
                    <IconButton glyph=Glyph::Cross label="Close" test="help-close" press=move || store.help.set(false) />
                </div>
                <p>
                    "Each card is one network looking at the same picture. The heatmap marks the pixels that speak for the explained class, by the method chosen at the right; the bars are the network's best five classes. Click a bar to explain that class instead."
                </p>
                <p>
                    "The pointer sets a cross-hair in all cards: each one shows its own relevance at that pixel. Colours are scaled per map unless “Shared” is chosen, so compare strength between networks only on a shared scale."
                </p>
                <p>
                    {format!(
                        "Open your own by dropping, pasting or picking them: {}, and {}. Give all files of a network at once: its weights in parts, and a list of its classes ({}). Nothing leaves this machine; networks that you opened are kept in this browser until you remove them.",
                        kinds::PICTURES,
                        kinds::NETWORKS,
                        kinds::LABELS,
                    )}
                </p>
                <h3>"Keys"</h3>
                <dl class="keys">{rows.collect_view()}</dl>
            </div>
        </dialog>
    }
}
