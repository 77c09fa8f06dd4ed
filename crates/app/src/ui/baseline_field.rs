//! The picture that stands for "nothing there", chosen by its looks.

use innspect_protocol::{BASELINES, ParamValue};
use leptos::{html, prelude::*};

use super::{params_form::Param, words};
use crate::{
    flow::baselines,
    pure::params::{picture_in, picture_text},
    state::{Picture, PictureState, Store},
};

/// The chooser: what is chosen, and behind it everything that could be.
#[component]
pub fn BaselineField(
    /// The parameter.
    param: Param,
) -> impl IntoView {
    let store = Store::get();
    let open = RwSignal::new(false);
    Effect::new(move |_| {
        let Some(subject) = baselines::subject(store) else { return };
        let (open, current) = (open.get(), param.text());
        untrack(|| {
            let all = BASELINES.into_iter().filter(|_| open);
            baselines::show(store, subject, all.chain([current.as_str()]));
        });
    });
    let name = move || {
        let value = param.text();
        match picture_in(&value) {
            Some(id) => {
                let pictures = store.pictures.get();
                let picture = pictures.into_iter().find(|picture| picture.id == id);
                picture.map_or_else(|| "A picture that is not loaded".to_owned(), |picture| picture.title)
            }
            None => words::baseline(&value).to_owned(),
        }
    };
    let id = param.id();
    view! {
        <details
            class="baseline"
            data-testid=id.clone()
            data-value=move || param.text()
            on:toggle=move |event| open.set(event_target::<web_sys::Element>(&event).has_attribute("open"))
        >
            <summary title=param.help()>
                <span class="label">{param.label()}</span>
                <span class="baseline-now">
                    {move || view! { <Look value=param.text() /> }}
                    <span class="baseline-name">{name}</span>
                </span>
            </summary>
            <Show when=move || open.get()>
                <Options param />
            </Show>
        </details>
    }
}

/// The named baselines, then the loaded pictures.
#[component]
fn Options(param: Param) -> impl IntoView {
    let store = Store::get();
    let named = BASELINES
        .map(|value| view! { <Choice param value=value.to_owned() title=words::baseline(value).to_owned() /> });
    let pictures = move || {
        let ready = |picture: &Picture| picture.state.with(|state| matches!(state, PictureState::Ready(_)));
        let primary = store.primary.get();
        let others = store.pictures.get().into_iter().filter(|picture| Some(&picture.id) != primary.as_ref());
        others.filter(ready).collect::<Vec<_>>()
    };
    view! {
        <div class="baseline-options" role="radiogroup" aria-label=param.label()>
            {named.collect_view()}
            <For each=pictures key=|picture| picture.id.clone() let:picture>
                <Choice param value=picture_text(&picture.id) title=picture.title.clone() />
            </For>
        </div>
    }
}

#[component]
fn Choice(param: Param, value: String, title: String) -> impl IntoView {
    let (this, chosen, name) = (value.clone(), value.clone(), title.clone());
    view! {
        <label class="baseline-choice" title=title>
            <input
                type="radio"
                name=param.id()
                value=value.clone()
                data-testid=format!("{}-option", param.id())
                data-value=value.clone()
                prop:checked=move || param.text() == this
                on:change=move |_| param.set(&ParamValue::Text(chosen.clone()))
            />
            <Look value />
            <span>{name}</span>
        </label>
    }
}

/// What a baseline looks like.
#[component]
fn Look(value: String) -> impl IntoView {
    let store = Store::get();
    if let Some(id) = picture_in(&value) {
        let picture = store.pictures.with_untracked(|all| all.iter().find(|picture| picture.id == id).cloned());
        let image = picture.map(|picture| view! { <img src=picture.url alt="" loading="lazy" decoding="async" /> });
        return view! { <span class="baseline-look">{image}</span> }.into_any();
    }
    let canvas = NodeRef::<html::Canvas>::new();
    let pixels = Memo::new(move |_| store.baselines.with(|known| known.shown.get(&value).cloned()));
    Effect::new(move |_| {
        if let (Some(canvas), Some(pixels)) = (canvas.get(), pixels.get()) {
            pixels.draw(&canvas);
        }
    });
    view! {
        <span class="baseline-look">
            <canvas node_ref=canvas class:absent=move || pixels.with(Option::is_none) aria-hidden="true"></canvas>
        </span>
    }
    .into_any()
}
