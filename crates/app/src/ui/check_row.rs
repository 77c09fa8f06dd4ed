//! One quality of a map: what it asks, how to measure it, and the answer.

use innspect_protocol::{Assessment, Check, Stage};
use leptos::prelude::*;

use super::{card_status::Bar, check_result::CheckResult, words};
use crate::{
    flow::{quality, sensitivity},
    state::{Measure, ModelEntry, Sensitivity, Store},
};

/// What a row shows, the numbers apart.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Nothing,
    ByItself,
    Running,
    Done,
    NotApplicable,
    Failed,
}

/// The row.
#[component]
pub fn CheckRow(
    /// The network whose map it is.
    model: StoredValue<ModelEntry>,
    /// The quality.
    check: Check,
    /// Whether there is a finished map.
    finished: Memo<bool>,
) -> impl IntoView {
    let store = Store::get();
    let card = model.with_value(|model| model.card);
    // What was found out by itself need not be asked for again.
    let known = Memo::new(move |_| {
        let known = || model.with_value(|model| sensitivity::of(store, model));
        (check == Check::ClassSensitivity).then(known).flatten()
    });
    let now = Memo::new(move |_| {
        let measured = card.measures.with(|all| all.get(&check).cloned());
        measured.or_else(|| match known.get() {
            Some(Sensitivity::Known { similarity, insensitive }) => {
                Some(Measure::Done(Assessment::ClassSensitivity { similarity, insensitive }.into()))
            }
            _ => None,
        })
    });
    // Buttons must not be made anew with every step of progress.
    let kind = Memo::new(move |_| {
        now.with(|now| match now {
            None if matches!(known.get(), Some(Sensitivity::Checking(_))) => Kind::ByItself,
            None => Kind::Nothing,
            Some(Measure::Running { .. }) => Kind::Running,
            Some(Measure::Done(_)) => Kind::Done,
            Some(Measure::NotApplicable(_)) => Kind::NotApplicable,
            Some(Measure::Failed(_)) => Kind::Failed,
        })
    });
    let state = move || match kind.get() {
        Kind::Nothing => "none",
        Kind::ByItself | Kind::Running => "running",
        Kind::Done => "done",
        Kind::NotApplicable => "not-applicable",
        Kind::Failed => "failed",
    };
    let measure = move |_| model.with_value(|model| quality::measure(store, model, check));
    let title = format!("check-{}", check.id());
    let labelled = title.clone();
    let tools = move || {
        match kind.get() {
        Kind::ByItself => view! { <span class="quiet">"being measured"</span> }.into_any(),
        Kind::NotApplicable => ().into_any(),
        Kind::Running => view! {
            <button type="button" class="text-button" data-testid="check-stop" on:click=move |_| quality::stop(store, card, check)>
                "Stop"
            </button>
        }
        .into_any(),
        kind => view! {
            <button
                type="button"
                class="text-button"
                aria-label=format!("Measure: {}", words::check(check))
                data-testid="check-measure"
                disabled=move || !finished.get()
                on:click=measure
            >
                {if kind == Kind::Nothing { "Measure" } else { "Measure again" }}
            </button>
        }
        .into_any(),
    }
    };
    let result = move || {
        kind.track();
        match now.get_untracked() {
            None => ().into_any(),
            Some(Measure::Running { .. }) => view! { <Progress now /> }.into_any(),
            Some(Measure::Done(assessment)) => view! { <CheckResult assessment /> }.into_any(),
            Some(Measure::NotApplicable(reason)) => view! { <p class="note">{reason}</p> }.into_any(),
            Some(Measure::Failed(error)) => view! {
                <p class="note bad" role="alert">
                    {error.what} " " <span class="place">{error.place}</span> " " {error.advice}
                </p>
            }
            .into_any(),
        }
    };
    view! {
        <section class="check-row" aria-labelledby=labelled data-testid="check-row" data-check=check.id() data-state=state>
            <div class="check-head">
                <h3 id=title>{words::check(check)}</h3>
                {tools}
            </div>
            <p class="check-question">{words::check_question(check)}</p>
            {result}
        </section>
    }
}

#[component]
fn Progress(now: Memo<Option<Measure>>) -> impl IntoView {
    let parts = move || match now.get() {
        Some(Measure::Running { stage, done, total, .. }) => (stage, done, total),
        _ => (Stage::Waiting, 0, 0),
    };
    let share = move || {
        let (_, done, total) = parts();
        (total > 0 && done > 0).then(|| done as f64 / total as f64)
    };
    let text = move || {
        let (stage, done, total) = parts();
        words::progress(stage, done, total)
    };
    view! {
        <div class="check-progress">
            <span class="quiet">{text}</span>
            <Bar share=Signal::derive(share) label="Measuring" />
        </div>
    }
}
