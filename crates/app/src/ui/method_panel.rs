//! The method: which one, what it shows, when it misleads, and its parameters.

use innspect_protocol::MethodInfo;
use leptos::prelude::*;

use super::{params_form::ParamsForm, seed_field::SeedField, words};
use crate::{
    pure::methods::grouped,
    state::{EngineStatus, Store},
};

/// The panel.
#[component]
pub fn MethodPanel() -> impl IntoView {
    let store = Store::get();
    let groups = move || {
        let groups = store.methods.with(|methods| grouped(methods)).into_iter().map(|(family, rows)| {
            let options = rows.into_iter().map(|method| {
                let (id, value) = (method.id.clone(), method.id.clone());
                view! { <option value=value prop:selected=move || store.method.get() == id>{method.name}</option> }
            });
            view! { <optgroup label=words::family(family)>{options.collect_view()}</optgroup> }
        });
        groups.collect_view()
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
    let tags = [
        (method.steps, "takes many passes"),
        (method.draws, "draws random numbers"),
        (method.pictures, "uses the other loaded pictures"),
    ];
    let tags: Vec<&str> = tags.into_iter().filter(|(holds, _)| *holds).map(|(_, words)| words).collect();
    let draws = method.draws;
    view! {
        <p class="summary" data-testid="method-summary">{method.summary.clone()}</p>
        {(!tags.is_empty()).then(|| view! {
            <ul class="tags" data-testid="method-tags" aria-label="About its cost">
                {tags.into_iter().map(|words| view! { <li>{words}</li> }).collect_view()}
            </ul>
        })}
        <details class="more">
            <summary>"When it misleads"</summary>
            <p>{method.caveat.clone()}</p>
            <p class="quiet">{method.source.clone()}</p>
        </details>
        <ParamsForm method />
        {draws.then(|| view! { <SeedField /> })}
    }
}
