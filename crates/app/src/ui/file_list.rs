//! Files that are being read, and files that could not be: errors stay with the file they belong to.

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
                            view! {
                                <li
                                    class="file"
                                    class:bad=failed
                                    data-testid=move || if failed() { "file-error" } else { "file-reading" }
                                    role=move || failed().then_some("alert")
                                >
                                    <div>
                                        <span class="file-name">
                                            {move || failed().then(|| view! { <Icon glyph=Glyph::Warning /> })}
                                            {name.clone()}
                                        </span>
                                        {move || match state.get() {
                                            FileState::Reading(stage, done, total) => {
                                                view! { <span class="quiet">{words::progress(stage, done, total)}</span> }.into_any()
                                            }
                                            FileState::Failed(error) => {
                                                let place = error.place.clone();
                                                let place = (!place.is_empty() && place != name).then_some(place);
                                                view! {
                                                    <span class="what">{error.what}</span>
                                                    {place.map(|place| view! { <span class="place">{place}</span> })}
                                                    <span class="quiet">{error.advice}</span>
                                                }
                                                    .into_any()
                                            }
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
