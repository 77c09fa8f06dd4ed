//! Colours of the style sheet for what is drawn on a canvas.

use leptos::prelude::*;
use wasm_bindgen::{JsCast as _, closure::Closure};
use web_sys::Element;

use crate::{
    pure::suggest::raster::{Rgb, colour},
    state::Store,
};

/// Colours, as the theme has them now.
#[derive(Clone, Debug, PartialEq)]
pub struct Palette {
    /// Points that no colour tells apart.
    pub plain: Rgb,
    /// Outlines.
    pub ink: Rgb,
    /// Under outlines.
    pub surface: Rgb,
    /// The selection.
    pub accent: Rgb,
    /// Right.
    pub good: Rgb,
    /// Some are wrong.
    pub warn: Rgb,
    /// Wrong.
    pub bad: Rgb,
    /// Identities, as of networks.
    pub identities: [Rgb; 7],
}

impl Palette {
    /// Reads them.
    #[must_use]
    pub fn read(element: &Element) -> Self {
        let style = window().get_computed_style(element).ok().flatten();
        let named = |name: &str| {
            let text = style.as_ref().and_then(|style| style.get_property_value(name).ok());
            text.and_then(|text| colour(&text)).unwrap_or([128; 3])
        };
        Self {
            plain: named("--line-strong"),
            ink: named("--ink"),
            surface: named("--surface"),
            accent: named("--accent"),
            good: named("--good"),
            warn: named("--warn"),
            bad: named("--bad"),
            identities: [0, 1, 2, 3, 4, 5, 6].map(|slot| named(&format!("--id-{slot}"))),
        }
    }
}

/// A colour for the canvas.
#[must_use]
pub fn css([r, g, b]: Rgb) -> String {
    format!("rgb({r} {g} {b})")
}

/// Changes whenever the theme does, by choice or with the system.
#[must_use]
pub fn theme_changes(store: Store) -> Memo<u32> {
    let system = RwSignal::new(0_u32);
    if let Some(query) = window().match_media("(prefers-color-scheme: dark)").ok().flatten() {
        let heard = Closure::<dyn FnMut()>::new(move || {
            system.try_update(|times| *times += 1);
        });
        query.add_event_listener_with_callback("change", heard.as_ref().unchecked_ref()).ok();
        let held = StoredValue::new_local((query, heard));
        on_cleanup(move || {
            held.try_with_value(|(query, heard)| {
                query.remove_event_listener_with_callback("change", heard.as_ref().unchecked_ref()).ok();
            });
        });
    }
    Memo::new(move |before: Option<&u32>| {
        system.track();
        store.theme.track();
        before.copied().unwrap_or(0).wrapping_add(1)
    })
}
