//! Axes, the line from which networks count as sure, and the four quadrants.

use std::sync::Arc;

use innspect_statistics::agreement::Quadrant;
use leptos::prelude::*;

use super::scatter_draw::Size;
use crate::{
    flow::marking,
    pure::suggest::{axes::Measure, cloud::Cloud, words},
    state::Store,
};

/// Grid, ticks and titles; what is drawn here is said by the caption and the table.
#[component]
pub fn Axes(size: RwSignal<Size>, cloud: Memo<Arc<Cloud>>) -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let spans = Memo::new(move |_| cloud.with(|cloud| (cloud.x_span, cloud.y_span)));
    let drawn = move || {
        let (size, (x, y)) = (size.get(), spans.get());
        let frame = size.frame();
        let (right, bottom) = (frame.x(1.0), frame.y(0.0));
        let along = x.ticks().into_iter().map(|(share, word)| {
            let at = frame.x(share);
            view! {
                <line class="plot-grid" x1=at x2=at y1=frame.top y2=bottom />
                <text class="plot-tick" x=at y=bottom + 17.0 text-anchor="middle">{word}</text>
            }
        });
        let up = y.ticks().into_iter().map(|(share, word)| {
            let at = frame.y(share);
            view! {
                {(!y.counts).then(|| view! { <line class="plot-grid" x1=frame.left x2=right y1=at y2=at /> })}
                <text class="plot-tick" x=frame.left - 9.0 y=at + 4.0 text-anchor="end">{word}</text>
            }
        });
        // Between bands, where one would look for the border of the quadrants.
        let borders = y.ticks().into_iter().skip(1).filter(|_| y.counts).map(|(share, _)| {
            let half = f64::from(y.share(y.low + 1.0)) / 2.0;
            let at = frame.y(share - half);
            view! { <line class="plot-grid" x1=frame.left x2=right y1=at y2=at /> }
        });
        let split = (suggest.y.get() == Measure::Distinct).then(|| frame.y(f64::from(y.share(1.5))));
        let sure = (suggest.x.get() == Measure::MeanScore).then(|| frame.x(f64::from(suggest.threshold.get())));
        view! {
            <svg class="scatter-axes" width=size.width height=size.height aria-hidden="true" focusable="false">
                {along.collect_view()}
                {up.collect_view()}
                {borders.collect_view()}
                <path class="plot-axis" d=format!("M{} {}V{bottom}H{right}", frame.left, frame.top) />
                {split.map(|at| view! { <line class="threshold-line" x1=frame.left x2=right y1=at y2=at /> })}
                {sure.map(|at| view! { <line class="threshold-line" x1=at x2=at y1=frame.top - 8.0 y2=bottom /> })}
                <text class="plot-name" x=(frame.left + right) / 2.0 y=bottom + 38.0 text-anchor="middle">{suggest.x.get().title()}</text>
                <text
                    class="plot-name"
                    text-anchor="middle"
                    transform=format!("translate(12 {}) rotate(-90)", f64::midpoint(frame.top, bottom))
                >
                    {short(suggest.y.get(), frame.height)}
                </text>
            </svg>
        }
    };
    move || (size.get().width > 0.0).then(drawn)
}

/// The title where there is room for it, else the name.
fn short(measure: Measure, room: f64) -> &'static str {
    if room > 300.0 { measure.title() } else { measure.name() }
}

/// The mean score from which networks count as sure, as a slider over the plot.
#[component]
pub fn ThresholdSlider(size: RwSignal<Size>) -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let shown = Memo::new(move |_| suggest.x.get() == Measure::MeanScore && size.get().width > 0.0);
    // The thumb is 16 pixels wide and its centre stands over the line.
    let left = move || format!("{}px", size.get().frame().left - 8.0);
    let width = move || format!("{}px", size.get().frame().width + 16.0);
    let at_right = move || suggest.threshold.get() > 0.7;
    let at = move || suggest.threshold.get().to_string();
    view! {
        <Show when=move || shown.get()>
            <div class="threshold" style:left=left style:width=width>
                <input
                    type="range"
                    min="0"
                    max="1"
                    step="0.01"
                    aria-label="Sure from a mean score of"
                    data-testid="threshold"
                    prop:value=move || suggest.threshold.get().to_string()
                    on:input=move |event| {
                        if let Ok(value) = event_target_value(&event).parse::<f32>() {
                            suggest.threshold.set(value);
                        }
                    }
                />
                <output class="threshold-value" class:right=at_right style:--at=at>
                    {move || format!("sure from {:.2}", suggest.threshold.get())}
                </output>
            </div>
        </Show>
    }
}

/// Two of the four quadrants, above or below the plot as they lie in it; each selects its pictures.
#[component]
pub fn Corners(corners: Memo<Arc<[Vec<u32>; 4]>>, top: bool) -> impl IntoView {
    let places = if top {
        [Quadrant::DisagreeUnsure, Quadrant::DisagreeSure]
    } else {
        [Quadrant::AgreeUnsure, Quadrant::AgreeSure]
    };
    let buttons = places.map(|place| view! { <Corner corners place /> });
    view! { <div class="corners" class:below=!top role="group" aria-label=if top { "Networks disagree" } else { "Networks agree" }>{buttons.into_iter().collect_view()}</div> }
}

#[component]
fn Corner(corners: Memo<Arc<[Vec<u32>; 4]>>, place: Quadrant) -> impl IntoView {
    let store = Store::get();
    let at = Quadrant::ALL.iter().position(|other| *other == place).unwrap_or(0);
    let (name, meaning) = words::quadrant(place);
    let count = move || corners.with(|corners| corners[at].len());
    view! {
        <button
            type="button"
            class="corner"
            class:end=matches!(place, Quadrant::AgreeSure | Quadrant::DisagreeSure)
            data-testid="quadrant"
            data-quadrant=name
            disabled=move || count() == 0
            on:click=move |event| {
                let items = corners.with_untracked(|corners| corners[at].clone());
                let first = items.first().copied();
                marking::select_aloud(store, items, event.shift_key());
                if store.data.primary.get_untracked().is_none() {
                    store.data.primary.set(first);
                }
            }
        >
            <span class="corner-name">
                {name}
                <span class="count">{move || words::grouped(count())}</span>
            </span>
            <span class="corner-meaning">{meaning}</span>
        </button>
    }
}
