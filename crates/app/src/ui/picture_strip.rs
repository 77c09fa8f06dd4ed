//! The pictures as thumbnails.

use leptos::{html, prelude::*};

use super::{
    controls::IconButton,
    icons::{Glyph, Icon},
};
use crate::{
    flow::{keyboard, selection},
    state::{Picture, PictureState, Store},
};

/// The strip.
#[component]
pub fn PictureStrip() -> impl IntoView {
    let store = Store::get();
    view! {
        <section class="panel pictures" aria-label="Pictures">
            <h2>
                "Pictures"
                <span class="count">{move || store.pictures.with(Vec::len)}</span>
            </h2>
            <button type="button" class="add" data-testid="add-picture" on:click=move |_| keyboard::pick_files()>
                <Icon glyph=Glyph::Plus />
                "Add pictures…"
            </button>
            <ul class="strip" data-testid="strip">
                <For each=move || store.pictures.get() key=|picture| picture.id.clone() let:picture>
                    <Thumbnail picture />
                </For>
                <Show when=move || !store.catalog_read.get()>
                    {(0..9).map(|_| view! { <li class="ghost-thumb"></li> }).collect_view()}
                </Show>
            </ul>
        </section>
    }
}

#[component]
fn Thumbnail(picture: Picture) -> impl IntoView {
    let store = Store::get();
    let (id, for_click, for_remove) = (picture.id.clone(), picture.id.clone(), picture.id.clone());
    let chosen = Memo::new(move |_| store.primary.get().as_ref() == Some(&id));
    let canvas = NodeRef::<html::Canvas>::new();
    let (state, thumbnail) = (picture.state, picture.thumbnail);
    let own = picture.catalog().is_none();
    Effect::new(move |_| {
        if let (Some(canvas), Some(pixels)) = (canvas.get(), thumbnail.get()) {
            pixels.draw(&canvas);
        }
    });
    let button = NodeRef::<html::Button>::new();
    Effect::new(move |before: Option<bool>| {
        let now = chosen.get();
        if now
            && before == Some(false)
            && let Some(button) = button.get_untracked()
        {
            let options = js_sys::Object::new();
            js_sys::Reflect::set(&options, &"block".into(), &"nearest".into()).ok();
            // The typed options need a feature of their own for one word.
            if let Ok(scroll) = js_sys::Reflect::get(&button, &"scrollIntoView".into())
                && let Ok(scroll) = wasm_bindgen::JsCast::dyn_into::<js_sys::Function>(scroll)
            {
                scroll.call1(&button, &options).ok();
            }
        }
        now
    });
    let title = picture.title.clone();
    let image = if own {
        view! { <canvas node_ref=canvas></canvas> }.into_any()
    } else {
        view! { <img src=picture.url.clone() alt="" loading="lazy" decoding="async" /> }.into_any()
    };
    view! {
        <li class="thumb" class:own=own>
            <button
                type="button"
                node_ref=button
                aria-current=move || chosen.get().then_some("true")
                aria-label=title.clone()
                title=title.clone()
                data-testid="picture"
                data-picture-id=picture.id.0.clone()
                data-state=move || match state.get() {
                    PictureState::Absent => "absent",
                    PictureState::Loading => "loading",
                    PictureState::Ready(_) => "ready",
                    PictureState::Failed(_) => "failed",
                }
                on:click=move |_| selection::choose_picture(store, &for_click)
            >
                {image}
                <Show when=move || matches!(state.get(), PictureState::Failed(_))>
                    <span class="thumb-bad"><Icon glyph=Glyph::Warning /></span>
                </Show>
            </button>
            {own.then(|| view! {
                <IconButton
                    glyph=Glyph::Cross
                    label=format!("Remove {title}")
                    test="picture-remove"
                    small=true
                    press=move || selection::remove_picture(store, &for_remove)
                />
            })}
        </li>
    }
}
