//! Small parts that several panels use.

use leptos::prelude::*;

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
