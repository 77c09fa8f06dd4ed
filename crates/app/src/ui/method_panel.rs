//! The method: which one, what it shows, when it misleads, and its parameters.

use innspect_protocol::{Family, MethodInfo, ParamInfo, ParamKind, ParamValue};
use leptos::prelude::*;

use super::words;
use crate::{
    flow::explaining::default_of,
    state::{EngineStatus, Store},
};

const FAMILIES: [Family; 4] = [Family::Cam, Family::Gradient, Family::Lrp, Family::Activation];

/// The panel.
#[component]
pub fn MethodPanel() -> impl IntoView {
    let store = Store::get();
    let groups = move || {
        let methods = store.methods.get();
        let group = |family: Family| {
            let rows: Vec<MethodInfo> = methods.iter().filter(|method| method.family == family).cloned().collect();
            (!rows.is_empty()).then(|| {
                let options = rows.into_iter().map(|method| {
                    let (id, value) = (method.id.clone(), method.id.clone());
                    view! { <option value=value prop:selected=move || store.method.get() == id>{method.name}</option> }
                });
                view! { <optgroup label=words::family(family)>{options.collect_view()}</optgroup> }
            })
        };
        FAMILIES.into_iter().filter_map(group).collect_view()
    };
    view! {
        <section class="panel" aria-label="Method">
            <h2><label for="method">"Method"</label></h2>
            <select
                id="method"
                data-testid="method"
                disabled=move || store.methods.with(|methods| methods.is_empty())
                on:change=move |event| store.method.set(event_target_value(&event))
            >
                <Show when=move || store.methods.with(|methods| methods.is_empty())>
                    <option>{move || if matches!(store.status.get(), EngineStatus::Down(_)) { "The engine stopped" } else { "The engine is starting" }}</option>
                </Show>
                {groups}
            </select>
            {move || store.method_info().map(|method| view! { <About method /> })}
        </section>
    }
}

#[component]
fn About(method: MethodInfo) -> impl IntoView {
    let store = Store::get();
    let id = method.id.clone();
    let params =
        method.params.iter().map(|info| view! { <Parameter method=id.clone() info=info.clone() /> }).collect_view();
    let reset = method.id.clone();
    let changed = move || store.params.with(|params| params.get(&id).is_some_and(|params| !params.is_empty()));
    view! {
        <p class="summary" data-testid="method-summary">{method.summary}</p>
        <details class="more">
            <summary>"When it misleads"</summary>
            <p>{method.caveat}</p>
            <p class="quiet">{method.source}</p>
        </details>
        {params}
        <Show when=changed>
            {
                let reset = reset.clone();
                view! {
                    <button
                        type="button"
                        class="text-button"
                        data-testid="params-reset"
                        on:click=move |_| store.params.update(|params| drop(params.remove(&reset)))
                    >
                        "Back to the defaults"
                    </button>
                }
            }
        </Show>
    }
}

#[component]
fn Parameter(method: String, info: ParamInfo) -> impl IntoView {
    let store = Store::get();
    let field = format!("param-{}", info.name);
    let (of, name, default) = (method.clone(), info.name.clone(), default_of(&info.kind));
    let value = Memo::new(move |_| {
        store.params.with(|params| params.get(&of)?.get(&name).cloned()).unwrap_or_else(|| default.clone())
    });
    let text = move || match value.get() {
        ParamValue::Number(number) => number.to_string(),
        ParamValue::Text(text) => text,
    };
    let name = info.name.clone();
    let set = move |value: ParamValue| {
        store.params.update(|params| drop(params.entry(method.clone()).or_default().insert(name.clone(), value)));
    };
    let control = match info.kind {
        ParamKind::Number { min, max, .. } => view! {
            <input
                id=field.clone()
                type="number"
                inputmode="decimal"
                step="any"
                min=min
                max=max
                data-testid=field.clone()
                prop:value=text
                on:change=move |event| {
                    let typed = event_target_value(&event).parse::<f64>().ok().filter(|number| number.is_finite());
                    match typed {
                        Some(number) => set(ParamValue::Number(number.clamp(min, max))),
                        None => store.params.notify(),
                    }
                }
            />
        }
        .into_any(),
        ParamKind::Choice { options } => {
            let options = options.into_iter().map(|option| {
                let this = option.clone();
                let word = option.clone();
                view! { <option value=option prop:selected=move || text() == this>{word}</option> }
            });
            view! {
                <select id=field.clone() data-testid=field.clone() on:change=move |event| set(ParamValue::Text(event_target_value(&event)))>
                    {options.collect_view()}
                </select>
            }
            .into_any()
        }
    };
    view! {
        <div class="field row" title=info.help.clone()>
            <label for=field>{info.label}</label>
            {control}
        </div>
        <p class="help">{info.help}</p>
    }
}
