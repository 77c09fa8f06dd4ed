//! The selection of pictures of a data set, the primary one among them, and steps from one to the next.

use std::sync::Arc;

use leptos::prelude::*;

use super::{items, picking};
use crate::{
    pure::{selection::Press, suggest::words},
    state::{Store, View},
};

/// Selects pictures, instead of those that are or beside them.
pub fn select(store: Store, mut items: Vec<u32>, add: bool) {
    if add {
        items.extend(store.data.selection.get_untracked().iter());
    }
    items.sort_unstable();
    items.dedup();
    if *store.data.selection.get_untracked() == items {
        return;
    }
    if store.data.primary.get_untracked().is_some_and(|primary| items.binary_search(&primary).is_err()) {
        store.data.primary.set(None);
    }
    store.data.selection.set(Arc::new(items));
}

/// Selects pictures and says how many.
pub fn select_aloud(store: Store, items: Vec<u32>, add: bool) {
    select(store, items, add);
    let count = store.data.selection.with_untracked(|items| items.len());
    store.announcement.set(format!("{} selected", words::pictures(count)));
}

/// Selects nothing.
pub fn clear(store: Store) {
    if store.data.selection.with_untracked(|items| !items.is_empty()) {
        store.data.selection.set(Arc::default());
        store.data.primary.set(None);
        store.announcement.set("Nothing is selected".to_owned());
    }
}

/// Selects a picture, or takes it out of the selection.
pub fn toggle(store: Store, item: u32) {
    picking::press(store, &store.suggest.visible.get_untracked(), item, Press::Toggle);
    let selected = store.data.selection.with_untracked(|items| items.binary_search(&item).is_ok());
    let what = if selected { "selected" } else { "not selected" };
    store.announcement.set(format!("image {}, {what}", item + 1));
}

/// Makes a picture the primary one. Where it is not selected, it becomes the selection.
pub fn choose(store: Store, item: u32) {
    picking::press(store, &[item], item, Press::Plain);
}

/// Goes `by` pictures on in the selection, around its end; in the Explain view the picture is explained. Whether there was
/// anything to go to.
pub fn step(store: Store, by: isize) -> bool {
    let items = store.data.selection.get_untracked();
    let Some(next) = next(&items, store.data.primary.get_untracked(), by) else { return false };
    if store.data.view.get_untracked() == View::Explain {
        items::explain(store, next);
    } else {
        store.data.primary.set(Some(next));
        store.announcement.set(words::spoken(&store.suggest.facts.get_untracked(), next));
    }
    true
}

fn next(items: &[u32], from: Option<u32>, by: isize) -> Option<u32> {
    let count = items.len() as isize;
    if count == 0 {
        return None;
    }
    let at = from.and_then(|item| items.binary_search(&item).ok());
    let to = at.map_or(if by < 0 { -1 } else { 0 }, |at| at as isize + by);
    items.get(to.rem_euclid(count) as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn steps_go_round() {
        let items = [3, 7, 9];
        assert_eq!(
            [None, Some(3), Some(9), Some(8)].map(|from| next(&items, from, 1)),
            [Some(3), Some(7), Some(3), Some(3)]
        );
        assert_eq!([None, Some(3)].map(|from| next(&items, from, -1)), [Some(9), Some(9)]);
        assert_eq!(next(&[], Some(3), 1), None);
    }
}
