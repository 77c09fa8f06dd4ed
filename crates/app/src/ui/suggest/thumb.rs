//! One small picture of the data set.

use leptos::{html, prelude::*};

use crate::{
    flow::thumbnails,
    state::{Store, dataset::THUMB},
};

/// The picture, as soon as it is there.
#[component]
pub fn Thumb(
    /// Its number.
    item: u32,
) -> impl IntoView {
    let store = Store::get();
    let canvas = NodeRef::<html::Canvas>::new();
    thumbnails::want(store, &[item]);
    Effect::new(move |drawn: Option<bool>| {
        if drawn == Some(true) {
            return true;
        }
        store.data.thumbnails_version.track();
        canvas.get().is_some_and(|canvas| thumbnails::draw(store, &canvas, item))
    });
    view! { <canvas node_ref=canvas class="thumb-pixels" width=THUMB height=THUMB></canvas> }
}
