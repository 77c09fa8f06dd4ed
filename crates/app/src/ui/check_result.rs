//! A measured quality as numbers, a sentence and a plot.

use std::sync::Arc;

use innspect_protocol::{Assessment, Curve, Randomised};
use leptos::prelude::*;

use super::{
    controls::Meter,
    layer_plot::LayerPlot,
    plot::{Line, Plot},
};
use crate::pure::{format, plot::Axis};

/// The result.
#[component]
pub fn CheckResult(assessment: Arc<Assessment>) -> impl IntoView {
    let body = match &*assessment {
        Assessment::Deletion { deletion, insertion } => {
            let (fall, rise) = (number(deletion.area), number(insertion.area));
            view! {
                <p class="verdict-line">
                    "Deletion area " <strong>{fall}</strong> " (small is good), insertion area " <strong>{rise}</strong> " (large is good)"
                </p>
                <Curves title="Probability of the class by the share of pixels" x="Pixels removed or shown" curves=[("Deletion", deletion.clone()), ("Insertion", insertion.clone())] />
            }
            .into_any()
        }
        Assessment::Road { most, least, score } => view! {
            <p class="verdict-line">
                "Score " <strong>{number(*score)}</strong> " between −0.5 and 0.5 (large is good); areas "
                {number(most.area)} " without the most and " {number(least.area)} " without the least relevant pixels"
            </p>
            <Curves title="Probability of the class by the share of pixels filled in" x="Pixels filled in" curves=[("Most relevant first", most.clone()), ("Least relevant first", least.clone())] />
        }
        .into_any(),
        Assessment::MaxSensitivity { value, radius, samples } => view! {
            <Meter name="Largest change of the map" value=*value test="max-sensitivity" title="Share of the map's size; 0 is perfectly stable" />
            <p class="verdict-line">
                {format!(
                    "Noise of at most {} of the input's range on {samples} pictures changed the map by up to {} of its size (small is good).",
                    format::percent(f64::from(*radius)),
                    format::percent(f64::from(*value)),
                )}
            </p>
        }
        .into_any(),
        Assessment::Randomisation { steps } => {
            view! { <p class="verdict-line">{last_words(steps)}</p> <LayerPlot steps=steps.clone() /> }.into_any()
        }
        Assessment::ClassSensitivity { similarity, insensitive } => {
            let words = if *insensitive {
                "The map hardly depends on what the last layers say: it would look much the same for any class."
            } else {
                "The map depends on what the last layers say."
            };
            view! {
                <Meter name="Similarity with two random last layers" value=*similarity test="class-similarity" title="Cosine similarity, up to the sign, of the maps with two random last layers; 1 means that they are the same" />
                <p class="verdict-line" class:warn=*insensitive>{words}</p>
            }
            .into_any()
        }
    };
    view! { <div class="check-result" data-testid="check-result">{body}</div> }
}

fn number(value: f32) -> String {
    format::number(f64::from(value))
}

/// Two curves over shares of the pixels.
#[component]
fn Curves(title: &'static str, x: &'static str, curves: [(&'static str, Curve); 2]) -> impl IntoView {
    let lines = curves.map(|(name, curve)| {
        let points = curve.shares.into_iter().zip(curve.scores);
        Line { name: name.to_owned(), points: points.map(|(x, y)| (f64::from(x), f64::from(y))).collect() }
    });
    let values = lines.iter().flat_map(|line| line.points.iter().map(|(_, y)| *y));
    let y_axis = Axis::of_shares(values);
    view! {
        <Plot title x y="Probability" x_axis=Axis { low: 0.0, high: 1.0 } y_axis lines=lines.to_vec() />
    }
}

fn last_words(steps: &[Randomised]) -> String {
    match steps.last() {
        Some(last) => format!(
            "With all layers randomised, in {} steps, the rank correlation with the original map is {}, the structural similarity {} (near 0 is good).",
            steps.len(),
            number(last.rank_correlation),
            number(last.structural_similarity),
        ),
        None => "The network has no weights that could be randomised.".to_owned(),
    }
}
