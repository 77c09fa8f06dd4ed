//! The class to explain, and what of it.

use std::sync::Arc;

use leptos::prelude::*;

use super::{class_combo::ClassCombo, controls::IconButton, icons::Glyph, target_field::TargetField};
use crate::{
    flow::{keyboard::CLASS_FIELD, selection, target},
    pure::choice::ClassChoice,
    state::Store,
};

/// The panel.
#[component]
pub fn ClassPicker() -> impl IntoView {
    let store = Store::get();
    let labels = Memo::new(move |_| {
        let models = store.shown_models();
        let info = models.iter().find_map(|model| model.state.with(|state| state.info()));
        Arc::new(info.map(|info| info.labels.clone()).unwrap_or_default())
    });
    let own = move || store.shown_models().iter().any(|model| model.own_class.get());
    let top = move || store.class.get() == ClassChoice::Top;
    let shown = move || match store.class.get() {
        ClassChoice::Top => "Each network's best class".to_owned(),
        ClassChoice::Class { index, label } if label.is_empty() => {
            labels.with(|labels| labels.get(index).cloned()).unwrap_or_else(|| format!("class {index}"))
        }
        ClassChoice::Class { label, .. } => label,
    };
    let method = Memo::new(move |_| store.method_info());
    let dependent = Memo::new(move |_| method.with(|method| method.as_ref().is_none_or(|row| row.class_dependent)));
    let disabled =
        Memo::new(move |_| method.with(|method| method.as_ref().is_some_and(|row| !target::needs_class(store, row))));
    let why = move || {
        if dependent.get() {
            "A unit is explained instead of a class."
        } else {
            "This method does not depend on a class."
        }
    };
    view! {
        <section class="panel" aria-label="Class">
            <h2><label for=CLASS_FIELD>"Explained class"</label></h2>
            <p class="chosen" class:top=top data-testid="class-chosen">
                <span>{shown}</span>
                <Show when=move || !top() || own()>
                    <IconButton glyph=Glyph::Cross label="Back to each network's best class (B)" test="class-top" small=true press=move || selection::choose_top(store) />
                </Show>
            </p>
            <ClassCombo
                id=CLASS_FIELD
                test="class"
                labels
                disabled
                choose=move |index, label| store.class.set(ClassChoice::Class { index, label })
            />
            <Show when=move || disabled.get()>
                <p class="help">{why}</p>
            </Show>
            <Show when=move || dependent.get() && method.with(Option::is_some)>
                <TargetField labels />
            </Show>
        </section>
    }
}
