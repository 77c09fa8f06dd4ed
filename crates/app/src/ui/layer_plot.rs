//! Similarities by layer, from the top of the network downwards as one reads.

use innspect_protocol::Randomised;
use leptos::prelude::*;

use super::plot::{Legend, Marked};
use crate::pure::{
    format,
    plot::{Axis, Frame, shorten, tick},
};

const WIDTH: f64 = 560.0;
const LEFT: f64 = 210.0;
const ROW: f64 = 18.0;
const NAMES: [&str; 2] = ["Rank correlation", "Structural similarity"];
/// Characters of a layer's name that have room.
const LONGEST: usize = 30;

/// The plot with its table.
#[component]
pub fn LayerPlot(
    /// From the top to the bottom.
    steps: Vec<Randomised>,
) -> impl IntoView {
    let both = |step: &Randomised| [f64::from(step.rank_correlation), f64::from(step.structural_similarity)];
    let axis = Axis::of_similarities(steps.iter().flat_map(both));
    let rows = steps.len().max(1) as f64;
    let frame = Frame { left: LEFT, top: 8.0, width: WIDTH - LEFT - 14.0, height: rows * ROW };
    let bottom = frame.y(0.0);
    let height = bottom + 24.0;
    let middle = move |row: usize| frame.top + (row as f64 + 0.5) * ROW;
    let grid = axis.ticks(4).into_iter().map(|value| {
        let at = frame.x(axis.share(value));
        view! {
            <line class="plot-grid" x1=at x2=at y1=frame.top y2=bottom />
            <text class="plot-tick" x=at y=bottom + 16.0 text-anchor="middle">{tick(value)}</text>
        }
    });
    let names = steps.iter().enumerate().map(|(row, step)| {
        view! {
            <text class="plot-tick" x=LEFT - 10.0 y=middle(row) + 4.0 text-anchor="end">{shorten(&step.layer, LONGEST)}</text>
        }
    });
    let lines = [0, 1].map(|style: usize| {
        let place = |(row, step): (usize, &Randomised)| (frame.x(axis.share(both(step)[style])), middle(row));
        let finite = |(_, step): &(usize, &Randomised)| both(step)[style].is_finite();
        view! { <Marked style points=steps.iter().enumerate().filter(finite).map(place).collect() /> }
    });
    let summary = format!("Similarity with the original map after {} steps of randomisation from the top", steps.len());
    let table = steps.iter().map(|step| {
        let [rank, structure] = both(step).map(format::number);
        view! { <tr><th scope="row">{step.layer.clone()}</th><td>{rank}</td><td>{structure}</td></tr> }
    });
    view! {
        <figure class="plot" data-testid="plot">
            <Legend names=NAMES.map(str::to_owned).to_vec() />
            <svg viewBox=format!("0 0 {WIDTH} {height}") role="img" aria-label=summary>
                {grid.collect_view()}
                {names.collect_view()}
                {lines.collect_view()}
            </svg>
            <details class="more plot-table" data-testid="plot-table">
                <summary>"As a table"</summary>
                <table>
                    <thead><tr><th scope="col">"Randomised down to"</th>{NAMES.map(|name| view! { <th scope="col">{name}</th> }).collect_view()}</tr></thead>
                    <tbody>{table.collect_view()}</tbody>
                </table>
            </details>
        </figure>
    }
}
