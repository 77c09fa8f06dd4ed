//! The parts that a picture is cut into.

use innspect_protocol::ParamValue;
use leptos::prelude::*;
use web_sys::HtmlInputElement;

use super::params_form::Param;
use crate::pure::params::{Cut, Segments};

/// The ways to cut and how many parts are called.
const CUTS: [(Cut, &str, &str); 2] =
    [(Cut::Grid, "Grid", "Cells a side"), (Cut::Slic, "Superpixels", "About this many")];

/// The field: how, and into how many.
#[component]
pub fn SegmentsField(
    /// The parameter.
    param: Param,
) -> impl IntoView {
    let now = move || Segments::parse(&param.text()).unwrap_or(Segments { cut: Cut::Grid, count: Cut::Grid.usual() });
    let set = move |segments: Segments| param.set(&ParamValue::Text(segments.text()));
    let id = param.id();
    let count_id = format!("{id}-count");
    let options = CUTS.iter().map(|&(cut, word, _)| {
        view! { <option value=cut.name() prop:selected=move || now().cut == cut>{word}</option> }
    });
    let options = options.collect_view();
    let called = move || CUTS.iter().find(|(cut, ..)| *cut == now().cut).map_or("", |(.., called)| called);
    view! {
        <div class="field row" title=param.help()>
            <label for=id.clone()>{param.label()}</label>
            <select
                id=id.clone()
                data-testid=id
                on:change=move |event| {
                    let name = event_target_value(&event);
                    if let Some(&(cut, ..)) = CUTS.iter().find(|(cut, ..)| cut.name() == name) {
                        set(Segments { cut, count: cut.usual() });
                    }
                }
            >
                {options}
            </select>
        </div>
        <div class="field row">
            <label for=count_id.clone()>{called}</label>
            <input
                id=count_id.clone()
                type="number"
                inputmode="numeric"
                step="1"
                min=move || now().cut.range()[0]
                max=move || now().cut.range()[1]
                data-testid=count_id
                prop:value=move || now().count.to_string()
                on:change=move |event| {
                    let field: HtmlInputElement = event_target(&event);
                    let current = untrack(now);
                    let [least, most] = current.cut.range();
                    if let Ok(count) = field.value().trim().parse::<u32>() {
                        set(Segments { count: count.clamp(least, most), ..current });
                    }
                    field.set_value(&untrack(now).count.to_string());
                }
            />
        </div>
    }
}
