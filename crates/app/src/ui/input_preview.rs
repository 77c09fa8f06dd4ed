//! What a network would see with the settings in the fields, before they are applied.

use std::{sync::Arc, time::Duration};

use innspect_graph::Preprocessing;
use innspect_protocol::{Job, ModelId, UserError};
use leptos::{html, prelude::*};

use crate::{
    flow::input::{self, Seen},
    pure::format,
    state::{PictureState, Store},
    web::canvas::Pixels,
};

/// Changes that follow each other this fast are shown once.
const PAUSE: Duration = Duration::from_millis(150);

/// Below this width the pixels of the input are shown as squares.
const COARSE: u32 = 128;

/// The thumbnail with the numbers that the network gets.
#[component]
pub fn InputPreview(
    /// The network.
    model: ModelId,
    /// What the fields say.
    steps: Memo<Result<Preprocessing, String>>,
) -> impl IntoView {
    let store = Store::get();
    let canvas = NodeRef::<html::Canvas>::new();
    let pixels = RwSignal::new(None::<Arc<Pixels>>);
    let range = RwSignal::new(None::<[f32; 2]>);
    let trouble = RwSignal::new(None::<UserError>);
    // Counts the wishes; an answer to an old one is not shown.
    let wish = StoredValue::new(0_u32);
    let job = StoredValue::new(None::<Job>);
    let drop_job = move || {
        if let Some(job) = job.try_update_value(Option::take).flatten() {
            store.engine.cancel(job);
        }
    };
    let picture = Memo::new(move |_| {
        let picture = store.picture()?;
        picture.state.with(|state| matches!(state, PictureState::Ready(_))).then_some((picture.id, picture.title))
    });
    Effect::new(move |before: Option<()>| {
        let (Ok(steps), Some((image, _))) = (steps.get(), picture.get()) else { return };
        let this = wish.try_update_value(|wish| {
            *wish += 1;
            *wish
        });
        let model = model.clone();
        let ask = move || {
            if wish.try_get_value() != this {
                return;
            }
            drop_job();
            let asked = input::show(store, model, image, steps, move |outcome| {
                if wish.try_get_value() != this {
                    return;
                }
                job.try_set_value(None);
                match outcome {
                    Ok(Seen { pixels: seen, range: numbers }) => {
                        pixels.try_set(Some(Arc::new(seen)));
                        range.try_set(Some(numbers));
                        trouble.try_set(None);
                    }
                    Err(error) => {
                        trouble.try_set(Some(error));
                    }
                }
            });
            job.try_set_value(Some(asked));
        };
        // The first is shown at once.
        if before.is_some() { set_timeout(ask, PAUSE) } else { ask() }
    });
    on_cleanup(drop_job);
    Effect::new(move |_| {
        if let (Some(canvas), Some(pixels)) = (canvas.get(), pixels.get()) {
            pixels.draw(&canvas);
        }
    });
    let label = move || match picture.get() {
        Some((_, title)) => format!("What the network sees of {title}"),
        None => "What the network sees".to_owned(),
    };
    let numbers = move || {
        range.get().map(|[low, high]| {
            format!("Numbers from {} to {}", format::number(f64::from(low)), format::number(f64::from(high)))
        })
    };
    view! {
        <figure class="seen" data-testid="input-preview" data-range=move || range.get().map(|[low, high]| format!("{low} {high}"))>
            <canvas
                node_ref=canvas
                role="img"
                aria-label=label
                class:absent=move || pixels.with(Option::is_none)
                class:coarse=move || pixels.with(|pixels| pixels.as_ref().is_some_and(|pixels| pixels.width < COARSE))
                class:stale=move || trouble.with(Option::is_some) || steps.with(Result::is_err)
                data-testid="input-seen"
            ></canvas>
            <figcaption>
                <span>"What the network sees"</span>
                {move || match (steps.get(), trouble.get(), picture.get()) {
                    (_, _, None) => view! { <span class="quiet">"Choose a picture to see it."</span> }.into_any(),
                    (Err(text), ..) => view! { <span class="bad">{text}</span> }.into_any(),
                    (_, Some(error), _) => view! { <span class="bad">{error.what}</span> }.into_any(),
                    _ => view! { <span class="quiet" data-testid="input-range">{numbers}</span> }.into_any(),
                }}
            </figcaption>
        </figure>
    }
}
