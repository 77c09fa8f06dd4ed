//! Short messages, most of them with a way back.

use leptos::prelude::*;

use crate::{
    flow::selection,
    state::{Store, ToastAction},
    ui::{controls::IconButton, icons::Glyph},
};

/// The messages at the bottom.
#[component]
pub fn Toasts() -> impl IntoView {
    let store = Store::get();
    let close = move |id: u32| store.toasts.update(|toasts| toasts.retain(|toast| toast.id != id));
    view! {
        <div class="toasts" role="region" aria-label="Messages">
            <For each=move || store.toasts.get() key=|toast| toast.id let:toast>
                <div class="toast" class:told=toast.told data-testid="toast">
                    <span>{toast.text.clone()}</span>
                    {toast.action.clone().map(|action| {
                        let word = match action {
                            ToastAction::Update => "Reload",
                            ToastAction::ShowModels(_) => "Show the others again",
                            _ => "Undo",
                        };
                        view! {
                            <button
                                type="button"
                                class="toast-action"
                                data-testid="toast-action"
                                on:click=move |_| {
                                    selection::act(store, &action);
                                    close(toast.id);
                                }
                            >
                                {word}
                            </button>
                        }
                    })}
                    <IconButton glyph=Glyph::Cross label="Dismiss" test="toast-close" small=true press=move || close(toast.id) />
                </div>
            </For>
        </div>
    }
}
