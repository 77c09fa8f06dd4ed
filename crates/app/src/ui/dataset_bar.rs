//! What is known of the open data set, and ways to open another.

use innspect_protocol::{LabelOrigin, UserError};
use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast as _;

use super::{
    controls::IconButton,
    icons::{Glyph, Icon},
    truth_dialog::TruthDialog,
};
use crate::{
    flow::{built_in_sets, datasets, kept_scans},
    pure::{format, pace},
    state::{BuiltInSet, Dataset, DatasetStatus, KeptScans, LastSet, Store},
};

/// Most rows of a list of files.
const MOST: usize = 200;

/// The bar. Without a data set it only tells of the last one.
#[component]
pub fn DatasetBar() -> impl IntoView {
    let store = Store::get();
    let none = Memo::new(move |_| store.data.status.with(|status| matches!(status, DatasetStatus::None)));
    view! {
        {move || store.data.open().map(|dataset| view! { <Open dataset /> })}
        {move || store.data.last.get().filter(|_| none.get()).map(|last| view! { <Last last /> })}
        <TruthDialog />
    }
}

#[component]
fn Open(dataset: std::sync::Arc<Dataset>) -> impl IntoView {
    let store = Store::get();
    let info = dataset.info.clone();
    let labels = labels(&info.labels, info.classes.len());
    let labelled = !info.classes.is_empty();
    let left_out: Vec<(String, UserError)> =
        info.left_out.iter().map(|left| (left.name.clone(), left.error.clone())).collect();
    let broken = move || {
        let mut broken: Vec<(u32, UserError)> =
            store.data.broken.with(|all| all.iter().map(|(item, error)| (*item, error.clone())).collect());
        broken.sort_by_key(|(item, _)| *item);
        let name = |item: u32| dataset.items.get(item as usize).map(|item| item.name.clone()).unwrap_or_default();
        broken.into_iter().map(|(item, error)| (name(item), error)).collect::<Vec<_>>()
    };
    view! {
        <header class="dataset-bar" data-testid="dataset" data-fingerprint=info.fingerprint.clone()>
            <div class="dataset-what">
                <h2 data-testid="dataset-name">{info.name.clone()}</h2>
                <p class="note">
                    <span data-testid="dataset-count">{pace::many(info.count as usize, "picture")}</span>
                    ", "
                    <span data-testid="dataset-labels">{labels}</span>
                </p>
            </div>
            <div class="dataset-tools">
                {labelled.then(|| view! {
                    <button type="button" class="text-button" data-testid="truth-open" on:click=move |_| store.data.truth_open.set(true)>
                        "True classes…"
                    </button>
                })}
                <button type="button" class="text-button" data-testid="dataset-folder" on:click=move |_| datasets::pick_folder(store)>
                    "Open folder…"
                </button>
                <button type="button" class="text-button" data-testid="dataset-files" on:click=move |_| datasets::pick_files(store)>
                    "Open files…"
                </button>
                <BuiltInMenu />
                <IconButton
                    glyph=Glyph::Cross
                    label=format!("Close {}", info.name)
                    test="dataset-close"
                    small=true
                    press=move || datasets::close(store)
                />
            </div>
            <div class="dataset-lists">
                <Reasons title="left out" test="left-out" files=left_out />
                {move || view! { <Reasons title="could not be read" test="broken" files=broken() /> }}
                <Kept />
            </div>
        </header>
    }
}

fn labels(origin: &LabelOrigin, classes: usize) -> String {
    let classes = match classes {
        1 => "1 class".to_owned(),
        count => format!("{count} classes"),
    };
    match origin {
        LabelOrigin::None => "no true classes".to_owned(),
        LabelOrigin::Folders => format!("{classes} by folder"),
        LabelOrigin::File { name } => format!("{classes} by {name}"),
        LabelOrigin::Array => format!("{classes} by the file"),
        LabelOrigin::Site => classes,
    }
}

/// Files with what is wrong with each; absent if there are none.
#[component]
fn Reasons(title: &'static str, test: &'static str, files: Vec<(String, UserError)>) -> impl IntoView {
    let count = files.len();
    let more = count.saturating_sub(MOST);
    (count > 0).then(|| {
        let rows = files.into_iter().take(MOST).map(|(name, error)| {
            let place = (!error.place.is_empty() && error.place != name).then_some(error.place);
            view! {
                <li data-testid=format!("{test}-item")>
                    <span class="file-name">{name}</span>
                    <span>{error.what}</span>
                    {place.map(|place| view! { <span class="place">{place}</span> })}
                    {(!error.advice.is_empty()).then(|| view! { <span class="quiet">{error.advice}</span> })}
                </li>
            }
        });
        view! {
            <details class="more reasons" data-testid=test>
                <summary>
                    <Icon glyph=Glyph::Warning />
                    {format!("{} {title}", pace::many(count, "file"))}
                </summary>
                <ul>
                    {rows.collect_view()}
                    {(more > 0).then(|| view! { <li class="quiet">{format!("and {more} more")}</li> })}
                </ul>
            </details>
        }
    })
}

/// What the browser keeps of scans.
#[component]
fn Kept() -> impl IntoView {
    let store = Store::get();
    let some = Memo::new(move |_| store.data.kept.with(|all| !all.is_empty()));
    let total = move || store.data.kept.with(|all| all.iter().map(|kept| kept.bytes).sum::<u64>());
    view! {
        <Show when=move || some.get()>
            <details class="more kept" data-testid="kept">
                <summary>"Results kept in this browser, " <span data-testid="kept-total">{move || format::bytes(total())}</span></summary>
                <ul class="stored">
                    <For each=move || store.data.kept.get() key=|kept| (kept.fingerprint.clone(), kept.bytes) let:kept>
                        <KeptRow kept />
                    </For>
                </ul>
            </details>
        </Show>
    }
}

#[component]
fn KeptRow(kept: KeptScans) -> impl IntoView {
    let store = Store::get();
    let date = js_sys::Date::new(&kept.stored.into());
    let date = format::day(date.get_date(), date.get_month(), date.get_full_year());
    let detail = format!("{}, {}, {date}", pace::many(kept.count as usize, "picture"), format::bytes(kept.bytes));
    let (label, fingerprint) = (format!("Remove the results of {}", kept.name), kept.fingerprint);
    view! {
        <li class="stored-row" data-testid="kept-row">
            <span class="model-text">
                <span class="model-name">{kept.name}</span>
                <span class="model-detail">{detail}</span>
            </span>
            <IconButton glyph=Glyph::Cross label=label test="kept-remove" small=true press=move || kept_scans::remove(store, &fingerprint) />
        </li>
    }
}

/// The data set of the last visit. One of the site is opened by a press; a folder must be given again, since a page cannot
/// keep it.
#[component]
fn Last(last: LastSet) -> impl IntoView {
    let store = Store::get();
    let pictures = pace::many(last.count as usize, "picture");
    let kept = {
        let fingerprint = last.fingerprint.clone();
        move || store.data.kept.with(|all| all.iter().any(|kept| kept.fingerprint == fingerprint))
    };
    let built_in = last.built_in.clone();
    let text = match &built_in {
        Some(_) => format!("{} ({pictures}) was open at your last visit.", last.name),
        None => {
            format!("{} ({pictures}) was open. Give it again to go on; a page cannot open it by itself.", last.name)
        }
    };
    view! {
        <section class="dataset-last" aria-label="Last data set" data-testid="dataset-last">
            <p class="note">{text} {move || kept().then_some(" What was computed is kept.")}</p>
            {match built_in {
                Some(id) => view! {
                    <button type="button" class="text-button" data-testid="last-open" on:click=move |_| built_in_sets::open(store, &id)>
                        "Open it again"
                    </button>
                }
                .into_any(),
                None => view! {
                    <button type="button" class="text-button" data-testid="last-folder" on:click=move |_| datasets::pick_folder(store)>
                        "Open folder…"
                    </button>
                    <button type="button" class="text-button" data-testid="last-files" on:click=move |_| datasets::pick_files(store)>
                        "Open files…"
                    </button>
                }
                .into_any(),
            }}
            <IconButton glyph=Glyph::Cross label="Dismiss" test="last-dismiss" small=true press=move || datasets::forget_last(store) />
        </section>
    }
}

/// Data sets of the site; absent if there are none.
#[component]
pub fn BuiltInMenu() -> impl IntoView {
    let store = Store::get();
    let details = NodeRef::<html::Details>::new();
    let close = move || {
        if let Some(details) = details.get_untracked() {
            details.set_open(false);
        }
    };
    let outside = window_event_listener(ev::click, move |event| {
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::Node>().ok());
        if details.get_untracked().is_some_and(|details| !details.contains(target.as_ref())) {
            close();
        }
    });
    on_cleanup(move || outside.remove());
    let some = Memo::new(move |_| store.data.built_in_sets.with(|sets| !sets.is_empty()));
    let row = move |set: BuiltInSet| {
        let id = set.id.clone();
        let current = {
            let id = set.id.clone();
            move || (store.data.built_in.get().as_deref() == Some(id.as_str())).then_some("true")
        };
        view! {
            <li>
                <button
                    type="button"
                    aria-current=current
                    data-testid="set-option"
                    data-set=set.id
                    on:click=move |_| {
                        close();
                        built_in_sets::open(store, &id);
                    }
                >
                    <span class="model-name">{set.name}</span>
                    <span class="model-detail">{format!("{}. {}", pace::many(set.count, "picture"), set.detail)}</span>
                </button>
            </li>
        }
    };
    view! {
        <Show when=move || some.get()>
            <details
                node_ref=details
                class="set-menu"
                data-testid="set-menu"
                on:keydown=move |event| {
                    if event.key() == "Escape" {
                        close();
                        event.prevent_default();
                    }
                }
            >
                <summary class="text-button">"Built-in sets"</summary>
                <ul class="popover">{move || store.data.built_in_sets.get().iter().cloned().map(row).collect_view()}</ul>
            </details>
        </Show>
    }
}
