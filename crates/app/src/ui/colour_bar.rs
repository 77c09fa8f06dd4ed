//! The colours of a map with their numbers.

use leptos::prelude::*;

use super::words;
use crate::{
    pure::format,
    state::{Card, Store},
};

/// The bar under a picture; it keeps its place while there is no map.
#[component]
pub fn ColourBar(card: Card) -> impl IntoView {
    let store = Store::get();
    let parts = move || {
        card.map.with(|map| {
            map.as_ref()
                .filter(|map| map.explanation.limit > 0.0)
                .map(|map| (map.explanation.signed, f64::from(map.explanation.limit), map.explanation.range))
        })
    };
    view! {
        <div class="colour-bar" data-testid="colour-bar">
            {move || match parts() {
                None => view! { <span class="gradient idle"></span><span class="ticks"></span> }.into_any(),
                Some((signed, limit, range)) => {
                    let name = words::colormap(store.look.colormap.get(), signed);
                    let half = !signed && matches!(name, "coolwarm" | "seismic");
                    let low = if signed { format::number(-limit) } else { "0".to_owned() };
                    let middle = if signed { "0".to_owned() } else { format::number(limit / 2.0) };
                    let extent = format!(
                        "Values from {} to {}; full colour at {}",
                        format::number(f64::from(range[0])),
                        format::number(f64::from(range[1])),
                        format::number(limit),
                    );
                    view! {
                        <span class="gradient" class:half=half data-map=name title=extent.clone()></span>
                        <span class="ticks" aria-label=extent>
                            <span>{low}</span>
                            <span>{middle}</span>
                            <span>{format::number(limit)}</span>
                        </span>
                    }
                        .into_any()
                }
            }}
        </div>
    }
}
