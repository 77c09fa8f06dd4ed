//! One small picture of the data set.

use leptos::{html, prelude::*};
use wasm_bindgen::{Clamped, JsCast as _};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

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
        let pixels = store.data.thumbnails.with_value(|all| all.get(&item).cloned());
        if let Some(pixels) = pixels {
            there.set(draw(&canvas, &pixels).is_some());
        }
    });
    view! { <canvas node_ref=canvas class="thumb-pixels" class:absent=move || !there.get() width=THUMB height=THUMB></canvas> }
}

fn draw(canvas: &HtmlCanvasElement, pixels: &[u8]) -> Option<()> {
    let data = ImageData::new_with_u8_clamped_array_and_sh(Clamped(pixels), THUMB, THUMB).ok()?;
    let context = canvas.get_context("2d").ok().flatten()?.dyn_into::<CanvasRenderingContext2d>().ok()?;
    context.put_image_data(&data, 0.0, 0.0).ok()
}
