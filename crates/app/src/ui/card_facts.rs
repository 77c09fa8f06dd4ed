//! How a map came about: the line under a card, and all facts behind it.

use innspect_protocol::{Explanation, Facts as FactList, MethodInfo, SumCheck, SumRule};
use leptos::prelude::*;

use super::{controls::Meter, words};
use crate::{
    pure::{format, params::changed},
    state::{ModelEntry, ModelState, Phase, Store},
};

/// Up to this many parameters are written under a card.
const SHORT: usize = 3;

/// The line and the details.
#[component]
pub fn Facts(model: ModelEntry) -> impl IntoView {
    let store = Store::get();
    let card = model.card;
    let state = model.state;
    let open = RwSignal::new(false);
    let forward =
        move || card.prediction.with(|prediction| prediction.as_ref().map(|prediction| prediction.milliseconds));
    let computing = Memo::new(move |_| card.phase.with(|phase| matches!(phase, Phase::Computing { .. })));
    move || {
        let map = card.map.get();
        // While maps on the way follow each other, nothing that can be opened is made anew each time.
        let Some(map) = map.filter(|_| !computing.get()) else {
            return view! { <div class="facts-space"></div> }.into_any();
        };
        let explanation = map.explanation.clone();
        let method =
            store.methods.with(|methods| methods.iter().find(|method| method.id == explanation.facts.method).cloned());
        let line = line(&explanation, method.as_ref());
        let time = format::duration(explanation.facts.seconds * 1000.0);
        let check = explanation.facts.check.map(|check| view! { <Check check /> });
        let so_far = map.steps.map(|steps| format!(", {} so far", words::steps(steps)));
        let (sparseness, complexity) = (explanation.sparseness, explanation.complexity);
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
                    <span class="facts-line"><span data-testid="time">{time}</span> " on " {device} {so_far}</span>
                </summary>
                <dl>{rows}</dl>
            </details>
            <div class="measures">
                <Meter
                    name="Sparseness"
                    value=sparseness
                    test="sparseness"
                    title="Gini index of the absolute values: 0 for an even map, 1 for a single pixel"
                />
                <Meter
                    name="Complexity"
                    value=complexity
                    test="complexity"
                    title="Entropy of the absolute values: 0 for a single pixel, 1 for an even map"
                />
            </div>
        }
        .into_any()
    }
}

/// Method, parameters and layer in one line; of many parameters only those that were changed.
fn line(explanation: &Explanation, method: Option<&MethodInfo>) -> String {
    let facts = &explanation.facts;
    let mut parts = vec![method.map_or(&facts.method, |method| &method.name).clone()];
    let params = match method.filter(|_| facts.params.len() > SHORT) {
        Some(method) => changed(method, Some(&facts.params)),
        None => facts.params.clone(),
    };
    if !params.is_empty() {
        parts.push(words::params(&params));
    }
    parts.extend(facts.layer.clone());
    parts.join(" · ")
}

/// How well the map's sum is what it should be.
#[component]
fn Check(check: SumCheck) -> impl IntoView {
    let test = if check.rule == SumRule::Difference { "completeness" } else { "conservation" };
    view! {
        <span class="check" class:large={ check.error > 0.1 } title=words::sum_sentence(check) data-testid=test>
            {words::sum_error(check)}
        </span>
    }
}

fn rows(explanation: &Explanation, forward: Option<f64>, input: Option<String>, format: Option<String>) -> AnyView {
    let FactList {
        params, class, label, target, start, layer, seed, rules, check, notes, model_sha256, method, ..
    } = explanation.facts.clone();
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
    rows.push(("Sparseness", number(explanation.sparseness)));
    rows.push(("Complexity", number(explanation.complexity)));
    if let Some(check) = check {
        let name = if check.rule == SumRule::Difference { "Completeness" } else { "Conservation" };
        rows.push((name, words::sum_sentence(check)));
    }
    rows.extend(notes.into_iter().map(|note| ("Note", note)));
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
