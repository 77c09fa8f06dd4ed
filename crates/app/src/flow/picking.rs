//! Items that are pressed, in whatever view.

use leptos::prelude::*;

use crate::{
    pure::selection::{Press, Selection},
    state::Store,
};

/// What is selected, tracked.
#[must_use]
pub fn selection(store: Store) -> Selection {
    Selection {
        items: store.data.selection.get().to_vec(),
        primary: store.data.primary.get(),
        focus: store.data.focus.get(),
        anchor: store.data.anchor.get_value(),
    }
}

/// An item of a view was pressed; `order` is what the view shows.
pub fn press(store: Store, order: &[u32], item: u32, press: Press) {
    let now = untrack(|| selection(store));
    take(store, now.pressed(order, item, press));
}

fn take(store: Store, after: Selection) {
    let data = store.data;
    data.anchor.set_value(after.anchor);
    if *data.selection.get_untracked() != after.items {
        data.selection.set(after.items.into());
    }
    if data.primary.get_untracked() != after.primary {
        data.primary.set(after.primary);
    }
    if data.focus.get_untracked() != after.focus {
        data.focus.set(after.focus);
    }
}
