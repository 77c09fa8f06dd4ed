//! The view without an open data set.

use innspect_protocol::UserError;
use leptos::prelude::*;

use crate::{
    flow::datasets,
    pure::suggest::words,
    state::{DatasetStatus, Store},
    ui::{
        dataset_bar::BuiltInMenu,
        icons::{Glyph, Icon},
    },
};

/// What the view is for, and ways to fill it.
#[component]
pub fn Empty() -> impl IntoView {
    let store = Store::get();
    move || match store.data.status.get() {
        DatasetStatus::Opening(_, known) => view! { <Opening known /> }.into_any(),
        DatasetStatus::Failed(error) => view! { <Failed error /> }.into_any(),
        DatasetStatus::None | DatasetStatus::Open(_) => view! { <Invitation /> }.into_any(),
    }
}

#[component]
fn Invitation() -> impl IntoView {
    view! {
        <div class="suggest-empty" data-testid="suggest-empty">
            <Drawing />
            <h2>"Which pictures deserve a look?"</h2>
            <p>
                "Give a set of pictures: all shown networks predict all of them, and this view sorts out where they agree, waver or contradict each other while being sure. One click then explains such a picture under every network."
            </p>
            <Ways />
            <p class="quiet">
                "Folders whose sub-folders name the classes, archives, arrays with labels, or many files; you can also drop them anywhere. Nothing leaves this machine."
            </p>
        </div>
    }
}

#[component]
fn Ways() -> impl IntoView {
    let store = Store::get();
    view! {
        <div class="suggest-ways">
            <button type="button" class="button primary" data-testid="suggest-folder" on:click=move |_| datasets::pick_folder(store)>
                "Open a folder…"
            </button>
            <button type="button" class="button" data-testid="suggest-files" on:click=move |_| datasets::pick_files(store)>
                "Open files…"
            </button>
            <button type="button" class="button" data-testid="suggest-photos" on:click=move |_| datasets::open_builtin(store, "photos")>
                "Try the sample photos"
            </button>
            <BuiltInMenu />
        </div>
    }
}

#[component]
fn Opening(known: usize) -> impl IntoView {
    let store = Store::get();
    let text = if known == 0 {
        "Looking through the files.".to_owned()
    } else {
        format!("{} so far.", words::pictures(known))
    };
    view! {
        <div class="suggest-empty" data-testid="suggest-opening" aria-busy="true">
            <div class="suggest-ghost" aria-hidden="true">{(0..12).map(|_| view! { <span class="ghost-thumb"></span> }).collect_view()}</div>
            <h2>"Opening the data set"</h2>
            <p role="status">{text}</p>
            <button type="button" class="button" data-testid="suggest-cancel" on:click=move |_| datasets::cancel(store)>"Cancel"</button>
        </div>
    }
}

#[component]
fn Failed(error: UserError) -> impl IntoView {
    view! {
        <div class="suggest-empty" data-testid="suggest-failed">
            <div role="alert">
                <Icon glyph=Glyph::Warning />
                <h2>{error.what}</h2>
                {(!error.place.is_empty()).then(|| view! { <p class="place">{error.place}</p> })}
                <p>{error.advice}</p>
            </div>
            <Ways />
        </div>
    }
}

/// The scatter in small: bands of points and the line from which networks are sure.
#[component]
fn Drawing() -> impl IntoView {
    let dots = [
        (150, 86),
        (166, 92),
        (178, 84),
        (190, 93),
        (201, 87),
        (210, 91),
        (184, 90),
        (157, 90),
        (96, 88),
        (74, 92),
        (112, 91),
        (60, 56),
        (82, 50),
        (100, 58),
        (118, 51),
        (132, 55),
        (168, 54),
        (48, 22),
        (66, 18),
        (91, 24),
        (186, 20),
    ];
    let dots = dots.into_iter().map(|(x, y)| {
        let odd = x > 140 && y < 60;
        view! { <circle cx=x cy=y r=if odd { "4.5" } else { "3" } class:odd=odd /> }
    });
    view! {
        <svg class="suggest-drawing" viewBox="0 0 236 112" aria-hidden="true" focusable="false">
            <path class="plot-axis" d="M28 4V106H232" />
            <path class="plot-grid" d="M28 38H232M28 72H232" />
            <path class="threshold-line" d="M140 4V106" />
            {dots.collect_view()}
        </svg>
    }
}
