//! The page of iNNspect: Leptos components over one store of signals, and the line to the worker that holds the engine.
//!
//! * [`pure`] needs no browser: formatting, geometry, the table of keys, the view state in the URL.
//! * [`web`] deals with the browser: the worker, canvases, fetching, storage, the service worker.
//! * [`state`] is what the page knows.
//! * [`flow`] is what happens when: loading, explaining, files, keys.
//! * [`ui`] is markup. No numbers are computed here: what is shown comes from the worker.

pub mod flow;
pub mod pure;
pub mod state;
pub mod ui;
pub mod web;

/// Replaces the skeleton of `index.html` by the page.
pub fn start() {
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(ui::App);
    if let Some(skeleton) = leptos::prelude::document().get_element_by_id("skeleton") {
        skeleton.remove();
    }
}
