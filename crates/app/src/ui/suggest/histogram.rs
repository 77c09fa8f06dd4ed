//! One network: how its pictures are spread over a quantity. Bars are buttons.

use leptos::prelude::*;
use web_sys::KeyboardEvent;

use crate::{
    flow::{keyboard, marking},
    pure::{
        format,
        plot::{Axis, Frame, tick},
        suggest::{
            bars::{Bars, bars, top},
            words,
        },
    },
    state::{Quantity, Store},
};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const FRAME: Frame = Frame { left: 52.0, top: 26.0, width: 572.0, height: 244.0 };

/// The histogram with its choices.
#[component]
pub fn HistogramView() -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let column = Memo::new_with_compare(
        move |_| suggest.shown_network().and_then(|at| suggest.facts.get().networks.get(at).cloned()),
        |_, _| true,
    );
    let quantity = Memo::new(move |_| {
        let chosen = suggest.quantity.get();
        let there = column.with(|column| column.as_ref().is_some_and(|column| chosen.is_there(column)));
        if there { chosen } else { Quantity::Score }
    });
    let counted = Memo::new_with_compare(
        move |_| column.get().map(|column| bars(&column, quantity.get(), &suggest.visible.get())),
        |_, _| true,
    );
    let name = move || column.with(|column| column.as_ref().map(|column| column.name.clone()).unwrap_or_default());
    let summary = move || {
        counted.with(|counted| {
            let Some(counted) = counted else { return "No network has scanned pictures yet.".to_owned() };
            let histogram = &counted.histogram;
            words::histogram(quantity.get().name(), &name(), &histogram.counts, |edge| histogram.edge(edge))
        })
    };
    view! {
        <figure class="scatter histogram" data-testid="histogram" aria-labelledby="histogram-summary">
            <div class="scatter-tools">
                <NetworkChoice />
                <QuantityChoice quantity />
            </div>
            <Drawing counted quantity />
            <figcaption><p id="histogram-summary" class="note" data-testid="histogram-summary">{summary}</p></figcaption>
            <div class="scatter-more">
                <Twin counted quantity />
                <details class="more" data-testid="histogram-reading">
                    <summary>"What am I looking at?"</summary>
                    <div class="reading">
                        <p>{move || format!("Each bar counts the pictures of which {} says so much. {}", name(), quantity.get().meaning())}</p>
                        <p>"Click a bar to see its pictures, with Shift to add them. The dark part of a bar is selected."</p>
                    </div>
                </details>
            </div>
        </figure>
    }
}

/// Which network, where there are several.
#[component]
pub fn NetworkChoice() -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let networks = Memo::new(move |_| {
        let facts = suggest.facts.get();
        facts.networks.iter().map(|network| (network.id.clone(), network.name.clone())).collect::<Vec<_>>()
    });
    let options = move || {
        let shown = suggest.shown_network();
        let option = move |(at, (id, name)): (usize, (innspect_protocol::ModelId, String))| {
            view! { <option value=id.0 prop:selected=shown == Some(at)>{name}</option> }
        };
        networks.get().into_iter().enumerate().map(option).collect_view()
    };
    view! {
        <div class="field">
            <label for="network-choice">"Network"</label>
            <select
                id="network-choice"
                data-testid="network-choice"
                on:change=move |event| suggest.network.set(Some(innspect_protocol::ModelId(event_target_value(&event))))
            >
                {options}
            </select>
        </div>
    }
}

#[component]
fn QuantityChoice(quantity: Memo<Quantity>) -> impl IntoView {
    let suggest = Store::get().suggest;
    let there = Memo::new(move |_| {
        let column = suggest.shown_network().and_then(|at| suggest.facts.get().networks.get(at).cloned());
        let there = |quantity: &Quantity| column.as_ref().is_some_and(|column| quantity.is_there(column));
        Quantity::ALL.into_iter().filter(there).collect::<Vec<_>>()
    });
    let options = move || {
        let option = |of: Quantity| {
            view! { <option value=of.id() prop:selected=move || quantity.get() == of>{of.name()}</option> }
        };
        there.get().into_iter().map(option).collect_view()
    };
    view! {
        <div class="field">
            <label for="quantity-choice">"Of"</label>
            <select
                id="quantity-choice"
                data-testid="quantity-choice"
                on:change=move |event| {
                    if let Some(chosen) = Quantity::of(&event_target_value(&event)) {
                        suggest.quantity.set(chosen);
                    }
                }
            >
                {options}
            </select>
        </div>
    }
}

#[component]
fn Drawing(counted: Memo<Option<Bars>>, quantity: Memo<Quantity>) -> impl IntoView {
    let store = Store::get();
    let focus = RwSignal::new(0_usize);
    let drawn = move || {
        let Some(Bars { histogram, members }) = counted.get() else { return ().into_any() };
        let end = top(&histogram.counts);
        let (low, high) = histogram.range();
        let (x, y) = (Axis { low, high }, Axis { low: 0.0, high: f64::from(end) });
        let bottom = FRAME.y(0.0);
        let grid = y.ticks(4).into_iter().map(|value| {
            let at = FRAME.y(y.share(value));
            view! {
                <line class="plot-grid" x1=FRAME.left x2=FRAME.x(1.0) y1=at y2=at />
                <text class="plot-tick" x=FRAME.left - 8.0 y=at + 4.0 text-anchor="end">{tick(value)}</text>
            }
        });
        let along = x.ticks(5).into_iter().map(|value| {
            view! { <text class="plot-tick" x=FRAME.x(x.share(value)) y=bottom + 18.0 text-anchor="middle">{tick(value)}</text> }
        });
        let last = members.len().saturating_sub(1);
        let rectangles: Vec<_> = members
            .into_iter()
            .enumerate()
            .map(|(bin, items)| {
                let (from, to) = (histogram.edge(bin), histogram.edge(bin + 1));
                let (left, right) = (FRAME.x(x.share(from)), FRAME.x(x.share(to)));
                let place = (left + 1.0, (right - left - 2.0).max(1.0));
                let words =
                    format!("{} to {}: {}", format::number(from), format::number(to), words::pictures(items.len()));
                view! { <Bar bin last place items words end focus /> }
            })
            .collect();
        view! {
            <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") class="bars" role="group" aria-label="Bars; arrows go from bar to bar">
                <text class="plot-name" x="0" y="12">"Pictures"</text>
                {grid.collect_view()}
                {along.collect_view()}
                {rectangles}
                <line class="plot-axis" x1=FRAME.left x2=FRAME.x(1.0) y1=bottom y2=bottom />
                <text class="plot-name" x=FRAME.x(0.5) y=HEIGHT - 8.0 text-anchor="middle">{quantity.get().title()}</text>
            </svg>
        }
        .into_any()
    };
    view! { <div class="plot-card" data-slot=move || slot(store)>{drawn}</div> }
}

fn slot(store: Store) -> String {
    let at = store.suggest.shown_network();
    let facts = store.suggest.facts.get();
    at.and_then(|at| facts.networks.get(at)).map_or(6, |network| network.slot).to_string()
}

/// One bar, over its full height so that short ones can be met.
#[component]
fn Bar(
    bin: usize,
    last: usize,
    place: (f64, f64),
    items: Vec<u32>,
    words: String,
    end: u32,
    focus: RwSignal<usize>,
) -> impl IntoView {
    let store = Store::get();
    let (count, title) = (items.len(), words.clone());
    let height = move |count: usize| FRAME.height * count as f64 / f64::from(end.max(1));
    let items = StoredValue::new(items);
    let selected = Memo::new(move |_| {
        let selection = store.data.selection.get();
        items.with_value(|items| items.iter().filter(|item| selection.binary_search(item).is_ok()).count())
    });
    let take = move |add: bool| marking::select_aloud(store, items.get_value(), add);
    let key = move |event: KeyboardEvent| {
        let to = match event.key().as_str() {
            "ArrowRight" | "ArrowUp" => (bin + 1).min(last),
            "ArrowLeft" | "ArrowDown" => bin.saturating_sub(1),
            "Home" => 0,
            "End" => last,
            "Enter" | " " => {
                event.prevent_default();
                return take(event.shift_key());
            }
            _ => return,
        };
        event.prevent_default();
        focus.set(to);
        keyboard::focus_any(&format!("bar-{to}"));
    };
    view! {
        <g
            id=format!("bar-{bin}")
            class="bar"
            role="button"
            tabindex=move || if focus.get() == bin { "0" } else { "-1" }
            aria-label=words
            data-testid="bar"
            on:click=move |event| {
                focus.set(bin);
                take(event.shift_key());
            }
            on:keydown=key
        >
            <title>{title}</title>
            <rect class="bar-room" x=place.0 y=FRAME.top width=place.1 height=FRAME.height />
            <rect class="bar-all" x=place.0 y=FRAME.y(0.0) - height(count) width=place.1 height=height(count) />
            <rect
                class="bar-selected"
                x=place.0
                width=place.1
                y=move || FRAME.y(0.0) - height(selected.get())
                height=move || height(selected.get())
            />
        </g>
    }
}

#[component]
fn Twin(counted: Memo<Option<Bars>>, quantity: Memo<Quantity>) -> impl IntoView {
    let rows = move || {
        counted.with(|counted| {
            let Some(counted) = counted else { return Vec::new() };
            let histogram = &counted.histogram;
            let row = |(bin, count): (usize, &u32)| {
                let edges =
                    format!("{} to {}", format::number(histogram.edge(bin)), format::number(histogram.edge(bin + 1)));
                view! { <tr><th scope="row">{edges}</th><td>{*count}</td></tr> }
            };
            histogram.counts.iter().enumerate().map(row).collect()
        })
    };
    view! {
        <details class="more plot-table" data-testid="histogram-table">
            <summary>"As a table"</summary>
            <table>
                <thead><tr><th scope="col">{move || quantity.get().name()}</th><th scope="col">"Pictures"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </details>
    }
}
