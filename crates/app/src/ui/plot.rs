//! Lines over a number, with axes, a legend and a table that says the same.
//!
//! Lines differ in colour, in how they are drawn and in their marks, so that no colour needs to be told from another.

use leptos::prelude::*;

use crate::pure::{
    format,
    plot::{Axis, Frame, path, tick},
};

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its points, ascending in x.
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 236.0;
const FRAME: Frame = Frame { left: 52.0, top: 26.0, width: 484.0, height: 164.0 };
const PARTS: u32 = 4;

/// A plot of shares: x is written as a percentage.
#[component]
pub fn Plot(
    /// What is shown.
    title: &'static str,
    /// Name of the horizontal axis.
    x: &'static str,
    /// Name of the vertical axis.
    y: &'static str,
    /// The horizontal axis.
    x_axis: Axis,
    /// The vertical axis.
    y_axis: Axis,
    /// At most two lines.
    lines: Vec<Line>,
) -> impl IntoView {
    let (right, bottom) = (FRAME.x(1.0), FRAME.y(0.0));
    let across = y_axis.ticks(PARTS).into_iter().map(|value| {
        let at = FRAME.y(y_axis.share(value));
        view! {
            <line class="plot-grid" x1=FRAME.left x2=right y1=at y2=at />
            <text class="plot-tick" x=FRAME.left - 8.0 y=at + 4.0 text-anchor="end">{tick(value)}</text>
        }
    });
    let along = x_axis.ticks(PARTS).into_iter().map(|value| {
        let at = FRAME.x(x_axis.share(value));
        view! { <text class="plot-tick" x=at y=bottom + 17.0 text-anchor="middle">{format!("{:.0} %", value * 100.0)}</text> }
    });
    let drawn = lines.iter().enumerate().map(|(style, line)| {
        let place = |(x, y): &(f64, f64)| (FRAME.x(x_axis.share(*x)), FRAME.y(y_axis.share(*y)));
        let points: Vec<(f64, f64)> = line.points.iter().filter(|(_, y)| y.is_finite()).map(place).collect();
        view! { <Marked style points /> }
    });
    let summary = summary(title, &lines);
    let legend = view! { <Legend names=lines.iter().map(|line| line.name.clone()).collect() /> };
    view! {
        <figure class="plot" data-testid="plot">
            {legend}
            <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") role="img" aria-label=summary>
                <text class="plot-name" x="0" y="12">{y}</text>
                {across.collect_view()}
                {along.collect_view()}
                <line class="plot-axis" x1=FRAME.left x2=right y1=bottom y2=bottom />
                {drawn.collect_view()}
                <text class="plot-name" x=(FRAME.left + right) / 2.0 y=HEIGHT - 6.0 text-anchor="middle">{x}</text>
            </svg>
            <Table x y lines />
        </figure>
    }
}

/// A line with its marks, in drawing units.
#[component]
pub fn Marked(
    /// Which of the looks.
    style: usize,
    /// The points.
    points: Vec<(f64, f64)>,
) -> impl IntoView {
    let marks = points.iter().map(|&(x, y)| {
        if style == 0 {
            view! { <circle cx=x cy=y r="2.6" /> }.into_any()
        } else {
            view! { <rect x=x - 2.4 y=y - 2.4 width="4.8" height="4.8" /> }.into_any()
        }
    });
    view! {
        <g class="plot-line" data-style=style.to_string()>
            <path d=path(&points) />
            {marks.collect_view()}
        </g>
    }
}

/// What the lines are called.
#[component]
pub fn Legend(
    /// Their names in order.
    names: Vec<String>,
) -> impl IntoView {
    let rows = names.into_iter().enumerate().map(|(style, name)| {
        view! {
            <span>
                <svg class="plot-sample" viewBox="0 0 28 10" aria-hidden="true" focusable="false">
                    <Marked style points=vec![(1.0, 5.0), (14.0, 5.0), (27.0, 5.0)] />
                </svg>
                {name}
            </span>
        }
    });
    view! { <figcaption class="plot-legend">{rows.collect_view()}</figcaption> }
}

#[component]
fn Table(x: &'static str, y: &'static str, lines: Vec<Line>) -> impl IntoView {
    // Lines may have points at different places.
    let mut places: Vec<f64> = lines.iter().flat_map(|line| line.points.iter().map(|(x, _)| *x)).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let heads = lines.iter().map(|line| view! { <th scope="col">{format!("{y}, {}", line.name.to_lowercase())}</th> });
    let heads = heads.collect_view();
    let rows = places.into_iter().map(|place| {
        let cells = lines.iter().map(|line| {
            let value = line.points.iter().find(|(x, _)| *x == place).map(|(_, y)| format::number(*y));
            view! { <td>{value}</td> }
        });
        view! { <tr><th scope="row">{format::percent(place)}</th>{cells.collect_view()}</tr> }
    });
    view! {
        <details class="more plot-table" data-testid="plot-table">
            <summary>"As a table"</summary>
            <table>
                <thead><tr><th scope="col">{x}</th>{heads}</tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </details>
    }
}

fn summary(title: &str, lines: &[Line]) -> String {
    let ends = lines.iter().filter_map(|line| {
        let ((_, first), (_, last)) = (line.points.first()?, line.points.last()?);
        Some(format!("{} from {} to {}", line.name.to_lowercase(), format::number(*first), format::number(*last)))
    });
    format!("{title}: {}", ends.collect::<Vec<_>>().join("; "))
}
