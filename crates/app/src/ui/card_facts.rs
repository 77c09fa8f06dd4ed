//! How a map came about: the line under a card, and all facts behind it.

use innspect_protocol::{Explanation, Facts as FactList, SumCheck};
use leptos::prelude::*;

use super::words;
use crate::{
    pure::format,
    state::{ModelEntry, ModelState, Store},
};

/// The line and the details.
#[component]
pub fn Facts(model: ModelEntry) -> impl IntoView {
    let store = Store::get();
    let card = model.card;
    let state = model.state;
    let open = RwSignal::new(false);
    let forward =
        move || card.prediction.with(|prediction| prediction.as_ref().map(|prediction| prediction.milliseconds));
    move || {
        let Some(map) = card.map.get() else { return view! { <div class="facts-space"></div> }.into_any() };
        let explanation = map.explanation.clone();
        let method = store.methods.with(|methods| {
            methods.iter().find(|method| method.id == explanation.facts.method).map(|method| method.name.clone())
        });
        let line = line(&explanation, method.as_deref());
        let time = format::duration(explanation.facts.seconds * 1000.0);
        let check = explanation.facts.check.map(|check| view! { <Check check /> });
        let device =
            if explanation.facts.device == "cpu" { "CPU".to_owned() } else { explanation.facts.device.clone() };
        let info = state.with(ModelState::info);
        let input = info.as_deref().map(|info| words::preprocessing(&info.preprocessing));
        let rows = rows(&explanation, forward(), input, info.map(|info| info.format.clone()));
        view! {
            <details class="facts" data-testid="facts" prop:open=move || open.get() on:toggle=move |event| {
                open.set(event_target::<web_sys::Element>(&event).has_attribute("open"));
            }>
                <summary>
                    <span class="facts-line" data-testid="facts-line">{line}</span>
                    {check}
                    <span class="facts-line"><span data-testid="time">{time}</span> " on " {device}</span>
                </summary>
                <dl>{rows}</dl>
            </details>
        }
        .into_any()
    }
}

fn line(explanation: &Explanation, method: Option<&str>) -> String {
    let facts = &explanation.facts;
    let mut parts = vec![method.unwrap_or(&facts.method).to_owned()];
    if !facts.params.is_empty() {
        parts.push(words::params(&facts.params));
    }
    parts.extend(facts.layer.clone());
    parts.join(" · ")
}

/// The share of the score that does not arrive at the pixels.
#[component]
fn Check(check: SumCheck) -> impl IntoView {
    let title = format!(
        "Started with {}, the pixels sum to {}{}",
        format::number(check.start),
        format::number(check.sum),
        check
            .absorbed
            .map(|taken| format!("; biases and stabilisers took {}", format::number(taken)))
            .unwrap_or_default(),
    );
    view! {
        <span class="check" class:large={ check.error > 0.1 } title=title data-testid="conservation">
            {format!("conservation error {}", format::percent(check.error))}
        </span>
    }
}

fn rows(explanation: &Explanation, forward: Option<f64>, input: Option<String>, format: Option<String>) -> AnyView {
    let FactList { params, class, label, target, start, layer, seed, rules, check, model_sha256, method, .. } =
        explanation.facts.clone();
    let number = |value: f32| format::number(f64::from(value));
    let mut rows: Vec<(&str, String)> =
        vec![("Method", method), ("Class", format!("{label} ({class})")), ("Target", target), ("Start", start)];
    if !params.is_empty() {
        rows.push(("Parameters", words::params(&params)));
    }
    rows.extend(layer.map(|layer| ("Layer", layer)));
    rows.extend(seed.map(|seed| ("Seed", seed.to_string())));
    rows.push(("Values", format!("{} to {}", number(explanation.range[0]), number(explanation.range[1]))));
    rows.push(("Own limit", number(explanation.own_limit)));
    if let Some(check) = check {
        rows.push(("Start value", format::number(check.start)));
        rows.push(("Sum of pixels", format::number(check.sum)));
        rows.extend(check.absorbed.map(|taken| ("Taken by biases", format::number(taken))));
    }
    rows.extend(format.map(|format| ("File", format)));
    rows.extend(forward.map(|time| ("Forward", format::duration(time))));
    rows.extend(input.map(|input| ("Input", input)));
    rows.push(("Model SHA-256", model_sha256));
    let rules = rules.into_iter().map(|used| {
        let count = used.nodes.len();
        let head = format!(
            "{}, {count} {}{}",
            used.rule,
            if count == 1 { "node" } else { "nodes" },
            if used.fallback { ", by default" } else { "" }
        );
        view! { <dt>"Rule"</dt><dd>{head} <span class="nodes">{used.nodes.join(", ")}</span></dd> }
    });
    let rules = rules.collect_view();
    let rows = rows.into_iter().map(|(name, value)| view! { <dt>{name}</dt><dd>{value}</dd> }).collect_view();
    view! { {rows} {rules} }.into_any()
}
