//! How far the scan is, how fast, and how long it takes still.

use leptos::prelude::*;

use super::icons::{Glyph, Icon};
use crate::{
    flow::scanning,
    pure::pace,
    state::{ModelState, ScanState, Store},
    web::clock,
};

/// What is done of the whole: predictions of all shown networks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sum {
    done: u64,
    total: u64,
    networks: usize,
}

/// The bar; absent without an open data set.
#[component]
pub fn ScanBar() -> impl IntoView {
    let store = Store::get();
    let scan = store.data.scan;
    let open = Memo::new(move |_| store.data.open().is_some());
    let sum = Memo::new(move |_| sum(store));
    let name = move || match scan.get() {
        ScanState::Idle => "idle",
        ScanState::Running { .. } => "running",
        ScanState::Paused => "paused",
        ScanState::Done => "done",
        ScanState::Failed(_) => "failed",
    };
    // Told once at each change, not with every picture.
    let told = Memo::new(move |_| match scan.get() {
        ScanState::Idle => waiting(store),
        ScanState::Running { .. } => "Scanning".to_owned(),
        ScanState::Paused => "The scan is stopped".to_owned(),
        ScanState::Done => done_words(sum.get()),
        ScanState::Failed(error) => error.what,
    });
    let counted = move || {
        let Sum { done, total, .. } = sum.get();
        if total > 0 { pace::done_words(done, total) } else { String::new() }
    };
    let rate = move || match scan.get() {
        ScanState::Running { done, begun, .. } => {
            // A scan may be asked for before all networks are loaded; what is left counts them all.
            let sum = sum.get();
            let Some(rate) = pace::rate(done, clock::now() - begun) else { return String::new() };
            let left = pace::left_words(sum.done, sum.total, rate);
            if left.is_empty() { pace::rate_words(rate) } else { format!("{}, {left}", pace::rate_words(rate)) }
        }
        _ => String::new(),
    };
    let share = move || {
        let Sum { done, total, .. } = sum.get();
        if total > 0 { done as f64 / total as f64 } else { 0.0 }
    };
    let running = Memo::new(move |_| matches!(scan.get(), ScanState::Running { .. }));
    let stopped = Memo::new(move |_| matches!(scan.get(), ScanState::Paused | ScanState::Failed(_)));
    let failed = Memo::new(move |_| matches!(scan.get(), ScanState::Failed(_)));
    let shown = Memo::new(move |_| running.get() || stopped.get() || share() < 1.0);
    let error = move || match scan.get() {
        ScanState::Failed(error) => Some(error),
        _ => None,
    };
    view! {
        <Show when=move || open.get()>
            <section class="scan" aria-label="Scan" data-testid="scan" data-state=name>
                <div class="scan-line">
                    <span class="scan-words" role="status">{move || told.get()}</span>
                    <span class="scan-count" data-testid="scan-count">{counted}</span>
                    <span class="scan-rate quiet" data-testid="scan-rate">{rate}</span>
                    <Show when=move || running.get() || stopped.get()>
                        <button
                            type="button"
                            class="text-button"
                            data-testid="scan-pause"
                            on:click=move |_| if running.get_untracked() { scanning::pause(store) } else { scanning::resume(store) }
                        >
                            {move || match (running.get(), failed.get()) {
                                (true, _) => "Pause",
                                (false, true) => "Try again",
                                (false, false) => "Continue",
                            }}
                        </button>
                    </Show>
                </div>
                <Show when=move || shown.get()>
                    <div
                        class="scan-track"
                        role="progressbar"
                        aria-label="Predictions"
                        aria-valuemin="0"
                        aria-valuemax=move || sum.get().total.to_string()
                        aria-valuenow=move || sum.get().done.to_string()
                        aria-valuetext=counted
                    >
                        <span style:width=move || format!("{:.2}%", share() * 100.0)></span>
                    </div>
                </Show>
                {move || error().map(|error| view! {
                    <div class="scan-error" role="alert">
                        <Icon glyph=Glyph::Warning />
                        <div>
                            {(!error.place.is_empty()).then(|| view! { <p class="place">{error.place}</p> })}
                            <p class="quiet">{error.advice}</p>
                        </div>
                    </div>
                })}
            </section>
        </Show>
    }
}

fn sum(store: Store) -> Sum {
    store.data.version.track();
    let Some(dataset) = store.data.open() else { return Sum::default() };
    let count = dataset.items.len().saturating_sub(store.data.broken.with(|broken| broken.len())) as u64;
    let ready = |state: &ModelState| matches!(state, ModelState::Ready(_));
    let models = store.shown_models();
    let models: Vec<_> = models.iter().filter(|model| model.state.with(ready)).map(|model| &model.id).collect();
    let done = store.data.predictions.with_value(|all| {
        models.iter().filter_map(|model| all.get(model)).map(|table| (table.done as u64).min(count)).sum()
    });
    Sum { done, total: count * models.len() as u64, networks: models.len() }
}

fn done_words(sum: Sum) -> String {
    match sum.networks {
        1 => "All pictures are scanned by 1 network".to_owned(),
        count => format!("All pictures are scanned by {count} networks"),
    }
}

/// Why nothing is scanned yet.
fn waiting(store: Store) -> String {
    let models = store.shown_models();
    let is = |wanted: fn(&ModelState) -> bool| models.iter().any(|model| model.state.with(wanted));
    if models.is_empty() {
        "Show a network to scan the pictures with it".to_owned()
    } else if is(|state| matches!(state, ModelState::Ready(_))) {
        "Reading what is kept".to_owned()
    } else if is(|state| matches!(state, ModelState::Waiting | ModelState::Loading { .. })) {
        "The scan begins when a network is loaded".to_owned()
    } else {
        "No network could be loaded".to_owned()
    }
}
