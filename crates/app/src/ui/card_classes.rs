//! The best five classes of a network; each one is a button that explains it.

use std::sync::Arc;

use innspect_protocol::{ClassScore, Prediction};
use leptos::prelude::*;

use super::icons::{Glyph, Icon};
use crate::{
    flow::{explaining, selection},
    pure::format,
    state::{ModelEntry, Store},
};

const TOP: usize = 5;

/// The list with its heading.
#[component]
pub fn TopClasses(model: ModelEntry) -> impl IntoView {
    let store = Store::get();
    let card = model.card;
    let entry = StoredValue::new(model.clone());
    let choice = Memo::new(move |_| {
        let model = entry.get_value();
        let info = model.state.with(|state| state.info());
        info.map_or((None, false), |info| explaining::class_of(store, &model, &info.labels))
    });
    let explained = Memo::new(move |_| {
        let best = card.prediction.with(|prediction| Some(prediction.as_ref()?.top.first()?.class));
        choice.get().0.or(best)
    });
    let own = model.own_class;
    let link = move |_| selection::toggle_own_class(&entry.get_value(), explained.get_untracked());
    let link_label = move || {
        if own.get() {
            "A class clicked here is explained in this network only. Press to follow the others again"
        } else {
            "A class clicked here is explained in all networks. Press to choose for this network only"
        }
    };
    view! {
        <div class="classes">
            <div class="classes-head">
                <h4>"Predicted"</h4>
                <button
                    type="button"
                    class="link-toggle"
                    class:own=move || own.get()
                    aria-pressed=move || own.get().to_string()
                    aria-label=link_label
                    title=link_label
                    data-testid="class-link"
                    on:click=link
                >
                    {move || if own.get() {
                        view! { <Icon glyph=Glyph::Unlink /> "this network" }.into_any()
                    } else {
                        view! { <Icon glyph=Glyph::Link /> "all networks" }.into_any()
                    }}
                </button>
            </div>
            <ol class="top-list" data-testid="top-classes">
                {move || match card.prediction.get() {
                    Some(prediction) => rows(store, entry, &prediction, explained),
                    None => (0..TOP).map(|_| view! { <li class="ghost-row" aria-hidden="true"><span></span></li> }).collect_view().into_any(),
                }}
            </ol>
            <Show when=move || choice.get().1>
                <p class="note" data-testid="class-missing">"This network does not have the chosen class; its best one is explained."</p>
            </Show>
        </div>
    }
}

fn rows(
    store: Store,
    entry: StoredValue<ModelEntry>,
    prediction: &Arc<Prediction>,
    explained: Memo<Option<usize>>,
) -> AnyView {
    let top = prediction.top.iter().take(TOP).cloned();
    let rows = top.map(|score| view! { <ClassRow store entry score explained /> }).collect_view();
    // A chosen class that is not among the best keeps a row of its own.
    let shown: Vec<usize> = prediction.top.iter().take(TOP).map(|score| score.class).collect();
    let all = prediction.clone();
    let extra = move || {
        let class = explained.get().filter(|class| !shown.contains(class))?;
        let score = all.top.iter().find(|score| score.class == class).cloned();
        let label = entry.with_value(|model| {
            model.state.with(|state| state.info()).and_then(|info| info.labels.get(class).cloned())
        });
        Some(match score {
            Some(score) => view! { <ClassRow store entry score explained /> }.into_any(),
            None => view! {
                <li class="extra" data-testid="explained-extra">
                    <span class="class-label">{label.unwrap_or_default()}</span>
                    <span class="class-score">"not in the best"</span>
                </li>
            }
            .into_any(),
        })
    };
    view! { {rows} {extra} }.into_any()
}

#[component]
fn ClassRow(
    store: Store,
    entry: StoredValue<ModelEntry>,
    score: ClassScore,
    explained: Memo<Option<usize>>,
) -> impl IntoView {
    let class = score.class;
    let chosen = move || explained.get() == Some(class);
    let label = score.label.clone();
    let title = format!(
        "{} (class {class}), logit {}. Click to explain it, with Alt only in this network",
        score.label,
        format::number(f64::from(score.logit)),
    );
    let share = f64::from(score.score).clamp(0.0, 1.0);
    view! {
        <li>
            <button
                type="button"
                class="class"
                aria-pressed=move || chosen().to_string()
                title=title
                data-testid="top-class"
                data-class=class.to_string()
                on:click=move |event| {
                    selection::choose_class(store, &entry.get_value(), class, &label, event.alt_key());
                }
            >
                <span class="class-label">{score.label.clone()}</span>
                <span class="class-score">{format::percent(f64::from(score.score))}</span>
                <span class="class-bar" aria-hidden="true"><span style:width=format!("{:.2}%", share * 100.0)></span></span>
            </button>
        </li>
    }
}
