//! The selection: its pictures, the primary one among them, what to do with it.

use std::sync::Arc;

use leptos::prelude::*;

use super::{preview::Sayings, thumb::Thumb};
use crate::{
    flow::{items, marking},
    pure::suggest::words,
    state::Store,
    ui::{
        controls::IconButton,
        icons::{Glyph, Icon},
        picture_grid::PictureGrid,
    },
};

/// The right side.
#[component]
pub fn Side() -> impl IntoView {
    let store = Store::get();
    let selection = store.data.selection;
    let none = Memo::new(move |_| selection.with(|items| items.is_empty()));
    let shown = Signal::derive(move || if none.get() { store.suggest.visible.get() } else { selection.get() });
    let title = move || {
        let count = shown.with(|items: &Arc<Vec<u32>>| items.len());
        if none.get() {
            format!("{}, none selected", words::pictures(count))
        } else {
            format!("{} selected", words::pictures(count))
        }
    };
    view! {
        <section class="side" aria-label="Selected pictures" data-testid="selection-side">
            <div class="side-head">
                <h2 data-testid="selection-count">{title}</h2>
                <Show when=move || !none.get()>
                    <IconButton glyph=Glyph::Back label="Previous of the selection (←)" test="selection-previous" small=true press=move || _ = marking::step(store, -1) />
                    <IconButton glyph=Glyph::Forward label="Next of the selection (→)" test="selection-next" small=true press=move || _ = marking::step(store, 1) />
                    <IconButton glyph=Glyph::Cross label="Select nothing (Esc)" test="selection-clear" small=true press=move || marking::clear(store) />
                </Show>
            </div>
            {move || store.data.primary.get().map(|item| view! { <Primary item /> })}
            <PictureGrid items=shown />
        </section>
    }
}

/// The primary picture with what is said of it.
#[component]
fn Primary(item: u32) -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let starred = Memo::new(move |_| suggest.kept.with(|kept| kept.starred.contains(&item)));
    let note = move || suggest.kept.with(|kept| kept.notes.get(&item).cloned().unwrap_or_default());
    let broken = move || store.data.broken.with(|broken| broken.get(&item).cloned());
    view! {
        <article class="primary-item" data-testid="primary-item">
            <div class="primary-row">
                <div class="primary-picture"><Thumb item /></div>
                <div class="primary-text">
                    <div class="primary-name">
                        <h3>{move || suggest.facts.get().name(item).to_owned()}</h3>
                        <button
                            type="button"
                            class="icon-button small star"
                            aria-pressed=move || starred.get().to_string()
                            aria-label="Star"
                            title="Star"
                            data-testid="star"
                            on:click=move |_| suggest.keep(store.data, |kept| kept.toggle_star(item))
                        >
                            <Icon glyph=Glyph::Star />
                        </button>
                    </div>
                    <Sayings item />
                    {move || broken().map(|error| view! { <p class="note bad">{error.what}</p> })}
                </div>
            </div>
            <div class="primary-tools">
                <button type="button" class="button primary" data-testid="explain-item" title="E" on:click=move |_| items::explain(store, item)>
                    "Explain this picture"
                </button>
                <input
                    type="text"
                    placeholder="Note"
                    aria-label="Note on this picture"
                    data-testid="note"
                    prop:value=note
                    on:change=move |event| suggest.keep(store.data, |kept| kept.note(item, &event_target_value(&event)))
                />
            </div>
        </article>
    }
}
