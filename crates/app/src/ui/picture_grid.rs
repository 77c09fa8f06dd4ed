//! Pictures of a data set.

use std::sync::Arc;

use leptos::prelude::*;

use super::suggest::Thumb;
use crate::{flow::marking, state::Store};

/// The grid.
#[component]
pub fn PictureGrid(
    /// Numbers of the pictures.
    #[prop(into)]
    items: Signal<Arc<Vec<u32>>>,
) -> impl IntoView {
    let store = Store::get();
    let shown = move || items.get().iter().copied().take(120).collect::<Vec<_>>();
    view! {
        <ul class="strip" data-testid="picture-grid">
            <For each=shown key=|item| *item let:item>
                <li class="thumb">
                    <button
                        type="button"
                        aria-current=move || (store.data.primary.get() == Some(item)).then_some("true")
                        aria-label=move || store.suggest.facts.get().name(item).to_owned()
                        on:click=move |_| marking::choose(store, item)
                    >
                        <Thumb item />
                    </button>
                </li>
            </For>
        </ul>
    }
}
