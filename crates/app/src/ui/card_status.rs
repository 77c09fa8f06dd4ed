//! What lies over a card's picture while there is no map: progress, a reason, an error.

use innspect_protocol::{MapState, Stage, Target, UserError};
use leptos::prelude::*;

use super::{
    icons::{Glyph, Icon},
    words,
};
use crate::{
    flow::{explaining, loading},
    state::{CardState, EngineStatus, ModelEntry, ModelState, Phase, PictureState, Store},
};

/// The overlay.
#[component]
pub fn CardStatus(model: ModelEntry) -> impl IntoView {
    let store = Store::get();
    let (card, state) = (model.card, model.state);
    let now = Memo::new(move |_| card.state(state));
    let model = StoredValue::new(model);
    move || match now.get() {
        CardState::Done => ().into_any(),
        CardState::Waiting => view! {
            <div class="status"><span class="status-text">{move || waiting(store)}</span></div>
        }
        .into_any(),
        CardState::Loading if store.status.with(|status| matches!(status, EngineStatus::Down(_))) => view! {
            <div class="status"><span class="status-text">"The engine stopped"</span></div>
        }
        .into_any(),
        CardState::Loading => view! { <Loading state /> }.into_any(),
        CardState::Computing => view! { <Computing model=model.get_value() /> }.into_any(),
        CardState::Stopped => view! { <Stopped model=model.get_value() /> }.into_any(),
        CardState::NotApplicable => {
            let reason = card.phase.with(|phase| match phase {
                Phase::NotApplicable(reason) => reason.clone(),
                _ => String::new(),
            });
            view! { <NotApplicable reason /> }.into_any()
        }
        CardState::NoEvidence => {
            let label = card.map.with(|map| map.as_ref().map(|map| map.explanation.facts.label.clone()));
            view! {
                <div class="verdict low" data-testid="verdict">
                    <p class="verdict-title">"No positive evidence"</p>
                    <p>{format!("Nothing in this layer speaks for {}.", label.unwrap_or_default())}</p>
                </div>
            }
            .into_any()
        }
        CardState::Suspect => {
            let not_finite =
                card.map.with(|map| map.as_ref().is_some_and(|map| map.explanation.state == MapState::NonFinite));
            let spec = card.wanted.get_value().map(|wanted| wanted.spec);
            let concept = spec.as_ref().is_some_and(|spec| spec.concept.is_some());
            let unit = spec.is_some_and(|spec| matches!(spec.target, Target::Neuron { .. }));
            let (title, text) = if not_finite {
                (
                    "Not a number",
                    "The map holds values that are not finite, so it is not drawn. Try a larger stabiliser or another method.",
                )
            } else if concept {
                ("Zero everywhere", "No relevance passes through these channels of the layer. Choose others.")
            } else if unit {
                ("Zero everywhere", "Nothing in this picture reaches the chosen unit. Choose another one.")
            } else {
                (
                    "Zero everywhere",
                    "The map is zero at every pixel, which this method should not give. Try again, or another class or device.",
                )
            };
            view! {
                <div class="verdict bad" role="alert" data-testid="verdict">
                    <Icon glyph=Glyph::Warning />
                    <p class="verdict-title">{title}</p>
                    <p>{text}</p>
                    <button type="button" class="button" data-testid="retry" on:click=move |_| explaining::again(store, &model.get_value())>
                        "Try again"
                    </button>
                </div>
            }
            .into_any()
        }
        CardState::Failed => view! { <Failed model=model.get_value() /> }.into_any(),
    }
}

fn waiting(store: Store) -> &'static str {
    match store.status.get() {
        EngineStatus::Starting => "Waiting for the engine",
        EngineStatus::Down(_) => "The engine stopped",
        EngineStatus::Ready(_) if store.primary.with(Option::is_none) => "Choose a picture",
        EngineStatus::Ready(_) => match store.picture().map(|picture| picture.state.get()) {
            Some(PictureState::Failed(_)) => "This picture could not be read",
            Some(PictureState::Loading | PictureState::Absent) => "Decoding the picture",
            _ => "Waiting for its turn",
        },
    }
}

#[component]
fn Loading(state: RwSignal<ModelState>) -> impl IntoView {
    let parts = move || match state.get() {
        ModelState::Loading { stage, done, total } => (stage, done, total),
        _ => (Stage::Waiting, 0, 0),
    };
    let share = move || {
        let (_, done, total) = parts();
        (total > 0).then(|| done as f64 / total as f64)
    };
    let text = move || {
        let (stage, done, total) = parts();
        if stage == Stage::Waiting { "Loading".to_owned() } else { words::progress(stage, done, total) }
    };
    view! {
        <div class="status">
            <span class="status-text">{text}</span>
            <Bar share=Signal::derive(share) label="Loading the network" />
        </div>
    }
}

#[component]
fn Computing(model: ModelEntry) -> impl IntoView {
    let store = Store::get();
    let phase = model.card.phase;
    let parts = move || match phase.get() {
        Phase::Computing { stage, done, total } => (stage, done, total),
        _ => (Stage::Waiting, 0, 0),
    };
    // Once a map is on its way, its steps say more than the stages.
    let steps = move || model.card.map.with(|map| map.as_ref().and_then(|map| map.steps));
    let share = move || {
        let (done, total) = match (steps(), parts()) {
            (Some(steps), _) => (u64::from(steps.done), u64::from(steps.total)),
            (None, (_, done, total)) => (done, total),
        };
        (total > 0 && done > 0).then(|| done as f64 / total as f64)
    };
    view! {
        <div class="status">
            <span class="status-text">
                {move || match steps() {
                    Some(steps) => view! { <span data-testid="steps">{words::steps_left(steps)}</span> }.into_any(),
                    None => {
                        let (stage, done, total) = parts();
                        words::progress(stage, done, total).into_any()
                    }
                }}
            </span>
            <button type="button" class="cancel" data-testid="cancel" on:click=move |_| explaining::stop(store, &model)>
                "Cancel"
            </button>
            <Bar share=Signal::derive(share) label="Explaining" />
        </div>
    }
}

/// Stopped by the user, with the map so far if there is one.
#[component]
fn Stopped(model: ModelEntry) -> impl IntoView {
    let store = Store::get();
    let steps = model.card.map.with_untracked(|map| map.as_ref().and_then(|map| map.steps));
    let again = move |_| explaining::again(store, &model);
    let (class, title) = match steps {
        Some(steps) => ("status", format!("Stopped at {}", words::steps(steps))),
        None => ("verdict", "Stopped".to_owned()),
    };
    let title = if steps.is_some() {
        view! { <span class="status-text" data-testid="steps">{title}</span> }.into_any()
    } else {
        view! { <p class="verdict-title">{title}</p> }.into_any()
    };
    let button = if steps.is_some() { "cancel" } else { "button" };
    view! {
        <div class=class data-testid="verdict">
            {title}
            <button type="button" class=button data-testid="retry" on:click=again>"Explain again"</button>
        </div>
    }
}

/// A thin bar; it moves to and fro while the share is unknown.
#[component]
pub fn Bar(share: Signal<Option<f64>>, label: &'static str) -> impl IntoView {
    let percent = move || share.get().map(|share| (share * 100.0).clamp(0.0, 100.0));
    view! {
        <span
            class="bar"
            class:unknown=move || percent().is_none()
            role="progressbar"
            aria-label=label
            aria-valuemin="0"
            aria-valuemax="100"
            aria-valuenow=move || percent().map(|percent| format!("{percent:.0}"))
        >
            <span style:width=move || percent().map_or(String::new(), |percent| format!("{percent:.1}%"))></span>
        </span>
    }
}

#[component]
fn NotApplicable(reason: String) -> impl IntoView {
    let store = Store::get();
    // Gradients fit every network.
    let other = move || {
        let methods = store.methods.get();
        methods.iter().find(|method| method.id == "gradient").cloned()
    };
    view! {
        <div class="verdict" data-testid="verdict">
            <p class="verdict-title">"Does not apply"</p>
            <p>{reason}</p>
            {move || other().map(|method| view! {
                <button type="button" class="button" data-testid="use-other" on:click=move |_| store.method.set(method.id.clone())>
                    {format!("Use {}", method.name)}
                </button>
            })}
        </div>
    }
}

#[component]
fn Failed(model: ModelEntry) -> impl IntoView {
    let store = Store::get();
    let (state, phase) = (model.state, model.card.phase);
    let error = move || match (state.get(), phase.get()) {
        (ModelState::Failed(error), _) | (_, Phase::Failed(error)) => error,
        _ => UserError { what: String::new(), place: String::new(), advice: String::new() },
    };
    let retry = move |_| {
        if state.with_untracked(|state| matches!(state, ModelState::Failed(_))) {
            loading::load_model(store, model.clone());
        } else {
            explaining::again(store, &model);
        }
    };
    view! {
        <div class="verdict bad" role="alert" data-testid="verdict">
            <Icon glyph=Glyph::Warning />
            <p class="verdict-title">{move || error().what}</p>
            <p class="place">{move || error().place}</p>
            <p>{move || error().advice}</p>
            <button type="button" class="button" data-testid="retry" on:click=retry>"Try again"</button>
        </div>
    }
}
