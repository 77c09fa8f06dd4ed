//! The selection of the data set above the cards: `3 of 17 selected`.

use leptos::prelude::*;

use crate::{
    flow::{items, marking},
    pure::suggest::words,
    state::{Store, View},
    ui::{controls::IconButton, icons::Glyph},
};

/// The bar; nothing without a selection.
#[component]
pub fn SelectionBar() -> impl IntoView {
    let store = Store::get();
    let selection = store.data.selection;
    let shown = Memo::new(move |_| selection.with(|items| !items.is_empty()) && store.data.open().is_some());
    let words = move || {
        let count = selection.with(|items| items.len());
        let item = items::explained(store);
        let at = item.and_then(|item| selection.with(|items| items.binary_search(&item).ok()));
        match at {
            Some(at) => format!("{} of {} selected", words::grouped(at + 1), words::grouped(count)),
            None => format!("{} selected", words::pictures(count)),
        }
    };
    // From a picture of the strip the first step leads to the primary one or the first.
    let step = move |by: isize| {
        let back = untrack(|| items::explained(store)).is_none();
        match store.data.primary.get_untracked() {
            Some(item) if back => items::explain(store, item),
            _ => _ = marking::step(store, by),
        }
    };
    view! {
        <Show when=move || shown.get()>
            <nav class="selection-bar" aria-label="Selected pictures" data-testid="selection-bar">
                <IconButton glyph=Glyph::Back label="Previous of the selection (←)" test="bar-previous" small=true press=move || step(-1) />
                <span data-testid="bar-count">{words}</span>
                <IconButton glyph=Glyph::Forward label="Next of the selection (→)" test="bar-next" small=true press=move || step(1) />
                <button type="button" class="text-button" data-testid="bar-suggest" on:click=move |_| store.data.view.set(View::Suggest)>
                    "Back to the data set"
                </button>
            </nav>
        </Show>
    }
}
