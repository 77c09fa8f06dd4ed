//! What an LRP method does at the first layer.

use innspect_protocol::ParamValue;
use leptos::prelude::*;

use super::params_form::Param;
use crate::pure::params::InputRule;

/// Names of the rules and their words.
const RULES: [(&str, &str); 4] = [("none", "None"), ("flat", "Flat"), ("w_square", "w²"), ("box", "Box")];

/// The field; a box has bounds, by default the range of pixels.
#[component]
pub fn InputRuleField(
    /// The parameter.
    param: Param,
) -> impl IntoView {
    let now = move || InputRule::parse(&param.text()).unwrap_or(InputRule::None);
    let name = move || match now() {
        InputRule::None => "none",
        InputRule::Flat => "flat",
        InputRule::WSquare => "w_square",
        InputRule::Box(_) => "box",
    };
    let set = move |rule: InputRule| param.set(&ParamValue::Text(rule.text()));
    let id = param.id();
    let options =
        RULES.map(|(value, word)| view! { <option value=value prop:selected=move || name() == value>{word}</option> });
    let boxed = Memo::new(move |_| matches!(now(), InputRule::Box(_)));
    view! {
        <div class="field row" title=param.help()>
            <label for=id.clone()>{param.label()}</label>
            <select
                id=id.clone()
                data-testid=id
                on:change=move |event| set(InputRule::parse(&event_target_value(&event)).unwrap_or(InputRule::None))
            >
                {options.collect_view()}
            </select>
        </div>
        <Show when=move || boxed.get()>
            <Bounds param />
        </Show>
    }
}

/// The bounds of a box. They are kept here until both are there, since one alone says nothing.
#[component]
fn Bounds(param: Param) -> impl IntoView {
    let kept = move || match InputRule::parse(&param.text()) {
        Some(InputRule::Box(bounds)) => bounds,
        _ => None,
    };
    let texts = [0, 1].map(|end: usize| {
        let bound = untrack(kept).map(|bounds| bounds[end].to_string());
        RwSignal::new(bound.unwrap_or_default())
    });
    // A reset or a link changes the bounds from outside.
    Effect::new(move |_| {
        let bounds = kept();
        let typed = texts.map(|text| text.with_untracked(|text| text.trim().parse::<f64>().ok()));
        if let Some(bounds) = bounds.filter(|bounds| typed != bounds.map(Some)) {
            texts[0].set(bounds[0].to_string());
            texts[1].set(bounds[1].to_string());
        }
    });
    let problem = Memo::new(move |_| {
        let [low, high] = texts.map(|text| text.get().trim().to_owned());
        match (low.parse::<f64>(), high.parse::<f64>()) {
            _ if low.is_empty() && high.is_empty() => None,
            (Ok(low), Ok(high)) if low < high => None,
            (Ok(_), Ok(_)) => Some("The lower bound must be below the upper one."),
            _ => Some("Give both bounds, or none for the range of pixels."),
        }
    });
    let take = move || {
        if untrack(|| problem.get()).is_none() {
            let bounds = texts.map(|text| text.with_untracked(|text| text.trim().parse::<f64>().ok()));
            let bounds = bounds[0].zip(bounds[1]).map(|(low, high)| [low, high]);
            param.set(&ParamValue::Text(InputRule::Box(bounds).text()));
        }
    };
    let id = param.id();
    let field = move |text: RwSignal<String>, end: &'static str, label: &'static str| {
        let id = format!("{id}-{end}");
        view! {
            <div class="field">
                <label for=id.clone()>{label}</label>
                <input
                    id=id.clone()
                    type="number"
                    inputmode="decimal"
                    step="any"
                    placeholder="pixels"
                    data-testid=id
                    prop:value=move || text.get()
                    on:change=move |event| {
                        text.set(event_target_value(&event));
                        take();
                    }
                />
            </div>
        }
    };
    view! {
        <div class="pair" role="group" aria-label="Bounds of the box">
            {field(texts[0], "low", "Lowest input")}
            {field(texts[1], "high", "Highest input")}
        </div>
        {move || problem.get().map(|text| view! { <p class="note bad" role="alert">{text}</p> })}
    }
}
