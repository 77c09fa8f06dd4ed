//! Small parts that several panels use.

use leptos::prelude::*;
use web_sys::HtmlInputElement;

use super::icons::{Glyph, Icon};

/// A button that is an icon, with its name as label and tooltip.
#[component]
pub fn IconButton(
    /// The icon.
    glyph: Glyph,
    /// What it does.
    #[prop(into)]
    label: String,
    /// Its id in tests.
    test: &'static str,
    /// What happens.
    press: impl Fn() + 'static,
    /// Whether it is small.
    #[prop(optional)]
    small: bool,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="icon-button"
            class:small=small
            aria-label=label.clone()
            title=label
            data-testid=test
            on:click=move |event| {
                event.stop_propagation();
                press();
            }
        >
            <Icon glyph />
        </button>
    }
}

/// A few words of which one is chosen.
#[component]
pub fn Segments<T: Copy + PartialEq + Send + Sync + 'static>(
    /// What is chosen among them.
    label: &'static str,
    /// Its id in tests.
    test: &'static str,
    /// Values and their words.
    options: &'static [(T, &'static str)],
    /// The choice.
    value: RwSignal<T>,
) -> impl IntoView {
    let buttons = options.iter().map(|&(option, word)| {
        let chosen = move || value.get() == option;
        view! {
            <button type="button" aria-pressed=move || chosen().to_string() on:click=move |_| value.set(option)>
                {word}
            </button>
        }
    });
    view! {
        <div class="field">
            <span class="label">{label}</span>
            <div class="segments" role="group" aria-label=label data-testid=test>
                {buttons.collect_view()}
            </div>
        </div>
    }
}

/// A field for a whole number that may be empty.
#[component]
pub fn NumberField(
    /// Its id, also in tests.
    id: &'static str,
    /// What it is.
    label: &'static str,
    /// What stands in it while it is empty.
    empty: &'static str,
    /// The number.
    #[prop(into)]
    value: Signal<Option<usize>>,
    /// What happens with a new one; nothing where the field is emptied or what is typed is no number.
    set: impl Fn(Option<usize>) + 'static,
) -> impl IntoView {
    let text = move || value.get().map(|number| number.to_string()).unwrap_or_default();
    view! {
        <div class="field row">
            <label for=id>{label}</label>
            <input
                id=id
                type="number"
                inputmode="numeric"
                min="0"
                step="1"
                placeholder=empty
                data-testid=id
                prop:value=text
                on:change=move |event| {
                    set(event_target_value(&event).trim().parse().ok());
                    // What was refused does not stay in the field.
                    event_target::<HtmlInputElement>(&event).set_value(&untrack(text));
                }
            />
        </div>
    }
}

/// A share as a small bar with its number.
#[component]
pub fn Meter(
    /// What it is.
    name: &'static str,
    /// The share, usually in `[0, 1]`.
    value: f32,
    /// Its id in tests.
    test: &'static str,
    /// What it means.
    title: &'static str,
) -> impl IntoView {
    let number = if value.is_finite() { format!("{value:.2}").replace('-', "−") } else { "–".to_owned() };
    let share = if value.is_finite() { f64::from(value).clamp(0.0, 1.0) } else { 0.0 };
    view! {
        <div class="meter" title=title data-testid=test>
            <span class="meter-name">{name}</span>
            <span class="meter-value">{number}</span>
            <span
                class="meter-bar"
                role="meter"
                aria-label=name
                aria-valuemin="0"
                aria-valuemax="1"
                aria-valuenow=format!("{share:.3}")
            >
                <span style:width=format!("{:.1}%", share * 100.0)></span>
            </span>
        </div>
    }
}
