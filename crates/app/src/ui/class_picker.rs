//! The class to explain, found by typing.

use std::sync::Arc;

use leptos::prelude::*;

use super::{
    controls::IconButton,
    icons::{Glyph, Icon},
};
use crate::{
    flow::{
        keyboard::{self, CLASS_FIELD},
        selection,
    },
    pure::choice::{self, ClassChoice},
    state::Store,
};

const MOST: usize = 40;
const LIST: &str = "class-list";

/// The panel.
#[component]
pub fn ClassPicker() -> impl IntoView {
    let store = Store::get();
    let query = RwSignal::new(String::new());
    let open = RwSignal::new(false);
    let active = RwSignal::new(0_usize);
    let labels = Memo::new(move |_| {
        let models = store.shown_models();
        let info = models.iter().find_map(|model| model.state.with(|state| state.info()));
        Arc::new(info.map(|info| info.labels.clone()).unwrap_or_default())
    });
    let found = Memo::new(move |_| labels.with(|labels| choice::search(labels, &query.get(), MOST)));
    let own = move || store.shown_models().iter().any(|model| model.own_class.get());
    let top = move || store.class.get() == ClassChoice::Top;
    let shown = move || match store.class.get() {
        ClassChoice::Top => "Each network's best class".to_owned(),
        ClassChoice::Class { index, label } if label.is_empty() => {
            labels.with(|labels| labels.get(index).cloned()).unwrap_or_else(|| format!("class {index}"))
        }
        ClassChoice::Class { label, .. } => label,
    };
    let choose = move |index: usize| {
        let label = labels.with_untracked(|labels| labels.get(index).cloned());
        if let Some(label) = label {
            store.class.set(ClassChoice::Class { index, label });
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
                    choose(index);
                }
            }
            "Escape" if open.get_untracked() => open.set(false),
            // A second Escape leaves the field, so that single keys act on the page again.
            "Escape" => keyboard::blur(CLASS_FIELD),
            _ => return,
        }
        event.prevent_default();
    };
    let disabled = move || store.method_info().is_some_and(|method| !method.class_dependent);
    view! {
        <section class="panel" aria-label="Class">
            <h2><label for=CLASS_FIELD>"Explained class"</label></h2>
            <p class="chosen" class:top=top data-testid="class-chosen">
                <span>{shown}</span>
                <Show when=move || !top() || own()>
                    <IconButton glyph=Glyph::Cross label="Back to each network's best class (B)" test="class-top" small=true press=move || selection::choose_top(store) />
                </Show>
            </p>
            <div class="combo">
                <Icon glyph=Glyph::Search />
                <input
                    id=CLASS_FIELD
                    type="text"
                    role="combobox"
                    autocomplete="off"
                    spellcheck="false"
                    placeholder="Find a class"
                    aria-autocomplete="list"
                    aria-controls=LIST
                    aria-expanded=move || open.get().to_string()
                    aria-activedescendant=move || open.get().then(|| format!("{LIST}-{}", active.get()))
                    data-testid="class"
                    disabled=move || disabled() || labels.with(|labels| labels.is_empty())
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
                <ul id=LIST class="options" role="listbox" aria-label="Classes" class:open=move || open.get()>
                    {move || {
                        let labels = labels.get();
                        let rows = found.get().into_iter().enumerate().map(|(at, index)| {
                            let label = labels.get(index).cloned().unwrap_or_default();
                            view! {
                                <li
                                    id=format!("{LIST}-{at}")
                                    role="option"
                                    data-testid="class-option"
                                    aria-selected=move || (active.get() == at).to_string()
                                    on:mousedown=move |event| {
                                        event.prevent_default();
                                        choose(index);
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
            <Show when=disabled>
                <p class="help">"This method does not depend on a class."</p>
            </Show>
        </section>
    }
}
