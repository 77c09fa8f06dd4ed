//! The preview of a picture beside its point.

use leptos::prelude::*;

use super::thumb::Thumb;
use crate::{
    flow::{items, marking},
    pure::suggest::{classes::NONE, facts::Facts},
    state::Store,
};

/// The preview; it stays while the pointer is on it and goes with Escape.
#[component]
pub fn Preview(
    /// Width of the plot in pixels.
    #[prop(into)]
    width: Signal<f64>,
) -> impl IntoView {
    let store = Store::get();
    let preview = store.suggest.preview;
    let item = Memo::new(move |_| preview.get().map(|(item, ..)| item));
    let left = move || preview.get().map(|(_, x, _)| format!("{x:.0}px"));
    let top = move || preview.get().map(|(.., y)| format!("{y:.0}px"));
    let turned = move || preview.get().is_some_and(|(_, x, _)| x > width.get() / 2.0);
    let content = move || {
        item.get().map(|item| {
            view! {
                <div
                    class="preview"
                    class:turned=turned
                    style:left=left
                    style:top=top
                    data-testid="preview"
                    on:pointerleave=move |_| {
                        preview.set(None);
                        store.data.focus.set(None);
                    }
                >
                    <button
                        type="button"
                        class="preview-picture"
                        tabindex="-1"
                        title="Explain this picture"
                        aria-label="Explain this picture"
                        on:click=move |_| items::explain(store, item)
                    >
                        <Thumb item />
                    </button>
                    <div class="preview-text" on:click=move |_| marking::choose(store, item)>
                        <p class="preview-name">{move || store.suggest.facts.get().name(item).to_owned()}</p>
                        <Sayings item />
                    </div>
                </div>
            }
        })
    };
    view! { {content} }
}

/// What each network says of a picture, and what is true.
#[component]
pub fn Sayings(
    /// Its number.
    item: u32,
) -> impl IntoView {
    let store = Store::get();
    let rows = move || {
        let facts = store.suggest.facts.get();
        let rows = facts.networks.iter().map(|network| {
            let at = item as usize;
            let score = network.score.get(at).copied().unwrap_or(f32::NAN);
            let said = network.class.get(at).is_some_and(|class| *class != NONE);
            let right = network.right(at);
            view! {
                <li data-slot=network.slot.to_string()>
                    <span class="swatch" title=network.name.clone()></span>
                    <span class="saying-network">{network.name.clone()}</span>
                    <span class="saying-class">{if said { network.said(at) } else { "not scanned yet".to_owned() }}</span>
                    {right.map(|right| view! { <span class="saying-right" class:bad=!right>{if right { "right" } else { "wrong" }}</span> })}
                    <span class="saying-score">{said.then(|| format!("{score:.2}"))}</span>
                </li>
            }
        });
        rows.collect_view()
    };
    let truth = move || truth_line(&store.suggest.facts.get(), item);
    view! {
        <ul class="sayings">{rows}</ul>
        {move || truth().map(|text| view! { <p class="saying-truth">{text}</p> })}
    }
}

fn truth_line(facts: &Facts, item: u32) -> Option<String> {
    let truth = facts.truth(item);
    (!truth.is_empty()).then(|| format!("True class: {}", crate::pure::suggest::classes::short(truth)))
}
