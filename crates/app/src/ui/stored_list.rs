//! The networks that the browser keeps for the next visit.

use leptos::prelude::*;

use super::{controls::IconButton, icons::Glyph};
use crate::{
    flow::stored,
    pure::{format, stored::About},
    state::Store,
};

/// The list; absent while nothing is stored.
#[component]
pub fn StoredList() -> impl IntoView {
    let store = Store::get();
    let some = move || store.stored.with(|all| !all.is_empty()) || store.keeping.with(Option::is_some);
    let total = move || store.stored.with(|all| all.iter().map(About::bytes).sum::<u64>());
    view! {
        <Show when=some>
            <section class="panel" aria-label="Your networks">
                <h2>
                    "Your networks"
                    <span class="count" title="Kept in this browser" data-testid="stored-total">{move || format::bytes(total())}</span>
                </h2>
                {move || store.keeping.get().map(|keeping| {
                    let share = keeping.done * 100 / keeping.total.max(1);
                    view! {
                        <p class="note" data-testid="stored-keeping">
                            {format!("Keeping {} for the next visit, {share} %", keeping.name)}
                        </p>
                    }
                })}
                <ul class="stored" data-testid="stored">
                    <For each=move || store.stored.get() key=|about| about.sha256.clone() let:about>
                        <Row about />
                    </For>
                </ul>
            </section>
        </Show>
    }
}

#[component]
fn Row(about: About) -> impl IntoView {
    let store = Store::get();
    let hash = about.sha256.clone();
    let open = Memo::new(move |_| {
        store.models.get().iter().any(|model| model.hash.get().as_deref() == Some(&hash) && model.shown.get())
    });
    let (to_open, to_remove, name) = (about.sha256.clone(), about.sha256.clone(), about.name.clone());
    let size = format::bytes(about.bytes());
    let date = js_sys::Date::new(&about.stored.into());
    let date = format::day(date.get_date(), date.get_month(), date.get_full_year());
    let what = match about.architecture.clone() {
        Some(architecture) => format!("{}, {architecture}", about.format),
        None => about.format.clone(),
    };
    view! {
        <li class="stored-row" data-testid="stored-row" data-hash=about.sha256.clone() title=what>
            <span class="model-text">
                <span class="model-name">{about.name.clone()}</span>
                <span class="model-detail">{format!("{size}, {date}")}</span>
            </span>
            {move || {
                let to_open = to_open.clone();
                if open.get() {
                    view! { <span class="stored-open" data-testid="stored-in-use">"In use"</span> }.into_any()
                } else {
                    view! {
                        <button
                            type="button"
                            class="text-button"
                            aria-label=format!("Open {name}")
                            data-testid="stored-open"
                            on:click=move |_| stored::open(store, &to_open)
                        >
                            "Open"
                        </button>
                    }
                    .into_any()
                }
            }}
            <IconButton
                glyph=Glyph::Cross
                label=format!("Remove {} from this browser", about.name.clone())
                test="stored-remove"
                small=true
                press=move || stored::remove(store, &to_remove)
            />
        </li>
    }
}
