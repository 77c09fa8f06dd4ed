//! A class found by typing.

use std::sync::Arc;

use leptos::prelude::*;

use super::icons::{Glyph, Icon};
use crate::{flow::keyboard, pure::choice};

const MOST: usize = 40;

/// A field with the list of classes that fit what is typed.
#[component]
pub fn ClassCombo(
    /// Id of the field.
    id: &'static str,
    /// What it is for, where no label stands beside it.
    #[prop(optional)]
    label: Option<&'static str>,
    /// Its id in tests; options have it with `-option`.
    test: &'static str,
    /// Names of the classes.
    labels: Memo<Arc<Vec<String>>>,
    /// Whether nothing can be chosen.
    #[prop(into)]
    disabled: Signal<bool>,
    /// What happens with the choice.
    choose: impl Fn(usize, String) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let query = RwSignal::new(String::new());
    let open = RwSignal::new(false);
    let active = RwSignal::new(0_usize);
    let list = format!("{id}-list");
    let option = move |at: usize| format!("{id}-option-{at}");
    let found = Memo::new(move |_| labels.with(|labels| choice::search(labels, &query.get(), MOST)));
    let take = move |index: usize| {
        if let Some(label) = labels.with_untracked(|labels| labels.get(index).cloned()) {
            choose(index, label);
        }
        query.set(String::new());
        open.set(false);
    };
    let key = move |event: web_sys::KeyboardEvent| {
        let count = found.with_untracked(Vec::len);
        match event.key().as_str() {
            "ArrowDown" => {
                open.set(true);
                active.update(|at| *at = (*at + 1).min(count.saturating_sub(1)));
            }
            "ArrowUp" => active.update(|at| *at = at.saturating_sub(1)),
            "Enter" => {
                if let Some(index) = found.with_untracked(|found| found.get(active.get_untracked()).copied()) {
                    take(index);
                }
            }
            "Escape" if open.get_untracked() => open.set(false),
            // A second Escape leaves the field, so that single keys act on the page again.
            "Escape" => keyboard::blur(id),
            _ => return,
        }
        event.prevent_default();
    };
    view! {
        <div class="combo">
            <Icon glyph=Glyph::Search />
            <input
                id=id
                type="text"
                role="combobox"
                autocomplete="off"
                spellcheck="false"
                placeholder="Find a class"
                aria-label=label
                aria-autocomplete="list"
                aria-controls=list.clone()
                aria-expanded=move || open.get().to_string()
                aria-activedescendant=move || open.get().then(|| option(active.get()))
                data-testid=test
                disabled=move || disabled.get() || labels.with(|labels| labels.is_empty())
                prop:value=move || query.get()
                on:input=move |event| {
                    query.set(event_target_value(&event));
                    active.set(0);
                    open.set(true);
                }
                on:focus=move |_| open.set(true)
                on:blur=move |_| open.set(false)
                on:keydown=key
            />
            <ul id=list class="options" role="listbox" aria-label="Classes" class:open=move || open.get()>
                {move || {
                    let labels = labels.get();
                    let rows = found.get().into_iter().enumerate().map(|(at, index)| {
                        let label = labels.get(index).cloned().unwrap_or_default();
                        view! {
                            <li
                                id=option(at)
                                role="option"
                                data-testid=format!("{test}-option")
                                aria-selected=move || (active.get() == at).to_string()
                                on:mousedown=move |event| {
                                    event.prevent_default();
                                    take(index);
                                }
                            >
                                <span>{label}</span>
                                <span class="index">{index}</span>
                            </li>
                        }
                    });
                    let rows = rows.collect_view();
                    let none = found.with(Vec::is_empty).then(|| view! { <li class="quiet">"No such class"</li> });
                    view! { {rows} {none} }
                }}
            </ul>
        </div>
    }
}
