//! The reliability diagram: is a network as often right as its scores claim? Bars select their pictures.

use innspect_statistics::calibration::Reliability;
use leptos::prelude::*;

use crate::{
    flow::marking,
    pure::{
        format,
        plot::{Axis, Frame, tick},
        suggest::{accuracy::reliability, words},
    },
    state::Store,
};

const BINS: usize = 10;
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 340.0;
const FRAME: Frame = Frame { left: 48.0, top: 24.0, width: 336.0, height: 264.0 };
const SHARE: Axis = Axis { low: 0.0, high: 1.0 };

/// The diagram.
#[component]
pub fn Calibration() -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let counted = Memo::new_with_compare(
        move |_| {
            let at = suggest.shown_network()?;
            let facts = suggest.facts.get();
            let network = facts.networks.get(at)?;
            let (diagram, members) = reliability(network, &suggest.visible.get(), BINS);
            Some((diagram, members, network.slot))
        },
        |_, _| true,
    );
    let summary = move || {
        counted.with(|counted| {
            let error =
                counted.as_ref().and_then(|(diagram, ..)| Some((diagram.expected_error()?, diagram.largest_error()?)));
            match error {
                None => "No labelled picture is scanned yet.".to_owned(),
                Some((expected, largest)) => format!(
                    "Expected calibration error {} over {BINS} bins; at most {} in one bin.",
                    format::percent(expected),
                    format::percent(largest),
                ),
            }
        })
    };
    view! {
        <figure class="scatter" data-testid="calibration" aria-labelledby="calibration-summary">
            <h3>"Reliability"</h3>
            {move || counted.get().map(|(diagram, members, slot)| view! { <Diagram diagram members identity=slot /> })}
            <figcaption><p id="calibration-summary" class="note" data-testid="calibration-summary">{summary}</p></figcaption>
            <details class="more">
                <summary>"What am I looking at?"</summary>
                <p class="reading">"Pictures in bins of the score of the predicted class; the height is the share that is right, the dashed line is where a network stands that claims no more and no less than it keeps. Bars below it claim too much. The expected calibration error is the mean distance, weighted by pictures (Guo et al. 2017)."</p>
            </details>
        </figure>
    }
}

#[component]
fn Diagram(diagram: Reliability, members: Vec<Vec<u32>>, identity: usize) -> impl IntoView {
    let store = Store::get();
    let (right, bottom) = (FRAME.x(1.0), FRAME.y(0.0));
    let ticks = SHARE.ticks(5).into_iter().map(|value| {
        let (x, y) = (FRAME.x(value), FRAME.y(value));
        view! {
            <line class="plot-grid" x1=FRAME.left x2=right y1=y y2=y />
            <text class="plot-tick" x=FRAME.left - 8.0 y=y + 4.0 text-anchor="end">{tick(value)}</text>
            <text class="plot-tick" x=x y=bottom + 17.0 text-anchor="middle">{tick(value)}</text>
        }
    });
    let count = diagram.bins.len().max(1) as f64;
    let mut rows = Vec::new();
    let bars: Vec<_> = diagram
        .bins
        .iter()
        .zip(members)
        .enumerate()
        .map(|(at, (bin, items))| {
            let (from, to) = (at as f64 / count, (at + 1) as f64 / count);
            let share = bin.accuracy().unwrap_or(0.0);
            let right = bin.accuracy().map_or("–".to_owned(), format::percent);
            let words = format!("scores {} to {}: {right} of {} right", tick(from), tick(to), words::pictures(items.len()));
            let confidence = bin.confidence().map_or("–".to_owned(), format::percent);
            rows.push(view! {
                <tr><th scope="row">{format!("{} to {}", tick(from), tick(to))}</th><td>{confidence}</td><td>{right}</td><td>{bin.count}</td></tr>
            });
            let (empty, title) = (items.is_empty(), words.clone());
            let items = StoredValue::new(items);
            let take = move |add: bool| marking::select_aloud(store, items.get_value(), add);
            (!empty).then(|| view! {
                <g
                    class="bar"
                    role="button"
                    tabindex="0"
                    aria-label=words
                    data-testid="calibration-bar"
                    on:click=move |event| take(event.shift_key())
                    on:keydown=move |event| {
                        if event.key() == "Enter" || event.key() == " " {
                            event.prevent_default();
                            take(event.shift_key());
                        }
                    }
                >
                    <title>{title}</title>
                    <rect class="bar-room" x=FRAME.x(from) + 1.0 y=FRAME.top width=FRAME.width / count - 2.0 height=FRAME.height />
                    <rect class="bar-all" x=FRAME.x(from) + 1.0 y=FRAME.y(share) width=FRAME.width / count - 2.0 height=(FRAME.height * share).max(2.0) />
                </g>
            })
        })
        .collect();
    view! {
        <div class="plot-card narrow-plot" data-slot=identity.to_string()>
            <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") class="bars" role="group" aria-label="Bins of scores">
                <text class="plot-name" x="0" y="12">"Share that is right"</text>
                {ticks.collect_view()}
                {bars}
                <line class="threshold-line" x1=FRAME.left y1=bottom x2=right y2=FRAME.top />
                <line class="plot-axis" x1=FRAME.left x2=right y1=bottom y2=bottom />
                <text class="plot-name" x=FRAME.x(0.5) y=HEIGHT - 8.0 text-anchor="middle">"Score of the predicted class"</text>
            </svg>
        </div>
        <details class="more plot-table">
            <summary>"As a table"</summary>
            <table>
                <thead><tr><th scope="col">"Score"</th><th scope="col">"Mean score"</th><th scope="col">"Right"</th><th scope="col">"Pictures"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </details>
    }
}
