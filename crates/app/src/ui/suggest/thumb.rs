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
    let there = RwSignal::new(false);
    Effect::new(move |_| {
        let Some(canvas) = canvas.get() else { return };
        store.data.thumbnails_version.track();
        if there.get_untracked() {
            return;
        }
        there.set(thumbnails::draw(store, &canvas, item));
    });
    view! { <canvas node_ref=canvas class="thumb-pixels" class:absent=move || !there.get() width=THUMB height=THUMB></canvas> }
}
