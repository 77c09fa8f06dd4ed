//! Fields of parameters that are one number or one word.

use innspect_protocol::ParamValue;
use leptos::prelude::*;
use web_sys::HtmlInputElement;

use super::params_form::Param;
use crate::pure::params::AUTO;

/// A number.
#[component]
pub fn NumberInput(
    /// The parameter.
    param: Param,
    /// Smallest allowed value.
    min: f64,
    /// Largest allowed value.
    max: f64,
    /// Whether it is a whole number.
    whole: bool,
) -> impl IntoView {
    view! {
        <input
            id=param.id()
            type="number"
            inputmode=if whole { "numeric" } else { "decimal" }
            step=if whole { "1" } else { "any" }
            min=min
            max=max
            data-testid=param.id()
            prop:value=move || param.text()
            on:change=move |event| {
                let field: HtmlInputElement = event_target(&event);
                if let Ok(number) = field.value().trim().parse() {
                    param.set(&ParamValue::Number(number));
                }
                field.set_value(&untrack(|| param.text()));
            }
        />
    }
}

/// A number that the method chooses by itself where the field is empty.
#[component]
pub fn AutoInput(
    /// The parameter.
    param: Param,
    /// Smallest allowed value.
    min: f64,
    /// Largest allowed value.
    max: f64,
) -> impl IntoView {
    let text = move || Some(param.text()).filter(|text| text != AUTO).unwrap_or_default();
    view! {
        <input
            id=param.id()
            type="number"
            inputmode="decimal"
            step="any"
            min=min
            max=max
            placeholder=AUTO
            data-testid=param.id()
            prop:value=text
            on:change=move |event| {
                let field: HtmlInputElement = event_target(&event);
                let number = field.value().trim().parse().map(ParamValue::Number);
                param.set(&number.unwrap_or_else(|_| ParamValue::Text(AUTO.to_owned())));
                field.set_value(&untrack(text));
            }
        />
    }
}

/// A word.
#[component]
pub fn ChoiceInput(
    /// The parameter.
    param: Param,
    /// The words.
    options: Vec<String>,
) -> impl IntoView {
    let options = options.into_iter().map(|option| {
        let (this, word) = (option.clone(), option.clone());
        view! { <option value=option prop:selected=move || param.text() == this>{word}</option> }
    });
    view! {
        <select
            id=param.id()
            data-testid=param.id()
            on:change=move |event| param.set(&ParamValue::Text(event_target_value(&event)))
        >
            {options.collect_view()}
        </select>
    }
}
