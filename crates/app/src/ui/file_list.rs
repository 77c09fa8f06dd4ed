//! Files that are being read, and files that could not be: errors stay with the file they belong to.

use innspect_protocol::UserError;
use leptos::prelude::*;

use super::{
    controls::IconButton,
    icons::{Glyph, Icon},
    words,
};
use crate::{
    flow::files,
    state::{FileState, Store},
};

/// The list; absent while it is empty.
#[component]
pub fn FileList() -> impl IntoView {
    let store = Store::get();
    view! {
        <Show when=move || store.files.with(|files| !files.is_empty())>
            <section class="panel" aria-label="Files">
                <h2>"Files"</h2>
                <ul class="files">
                    <For each=move || store.files.get() key=|file| file.job let:file>
                        {
                            let (state, job, name) = (file.state, file.job, file.name.clone());
                            let failed = move || matches!(state.get(), FileState::Failed(_));
                            let asks = move || matches!(state.get(), FileState::Choosing { .. });
                            view! {
                                <li
                                    class="file"
                                    class:bad=failed
                                    class:asks=asks
                                    data-testid=move || match state.get() {
                                        FileState::Reading(..) => "file-reading",
                                        FileState::Choosing { .. } => "file-choice",
                                        FileState::Failed(_) => "file-error",
                                    }
                                    role=move || (failed() || asks()).then_some("alert")
                                >
                                    <div>
                                        <span class="file-name">
                                            {move || (failed() || asks()).then(|| view! { <Icon glyph=Glyph::Warning /> })}
                                            {name.clone()}
                                        </span>
                                        {move || match state.get() {
                                            FileState::Reading(stage, done, total) => {
                                                view! { <span class="quiet">{words::progress(stage, done, total)}</span> }.into_any()
                                            }
                                            FileState::Failed(error) => {
                                                view! { <Words error name=name.clone() /> }.into_any()
                                            }
                                            FileState::Choosing { error, .. } => view! {
                                                <Words error name=name.clone() />
                                                <button
                                                    type="button"
                                                    class="text-button"
                                                    data-testid="file-choose"
                                                    on:click=move |_| store.choosing.set(Some(job))
                                                >
                                                    "Choose architecture…"
                                                </button>
                                            }
                                            .into_any(),
                                        }}
                                    </div>
                                    <IconButton
                                        glyph=Glyph::Cross
                                        label=format!("Dismiss {}", file.name)
                                        test="file-dismiss"
                                        small=true
                                        press=move || files::dismiss(store, job)
                                    />
                                </li>
                            }
                        }
                    </For>
                </ul>
            </section>
        </Show>
    }
}

/// What happened, where, what to do.
#[component]
fn Words(error: UserError, name: String) -> impl IntoView {
    let place = (!error.place.is_empty() && error.place != name).then_some(error.place);
    view! {
        <span class="what">{error.what}</span>
        {place.map(|place| view! { <span class="place">{place}</span> })}
        <span class="quiet">{error.advice}</span>
    }
}
