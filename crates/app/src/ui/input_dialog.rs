//! How a network's input is made, to be checked and changed.

use innspect_graph::{ChannelOrder, Fit, Preprocessing, preprocessing::ResizeFilter};
use leptos::{html, prelude::*};

use super::{controls::IconButton, icons::Glyph};
use crate::{
    flow::files,
    pure::form,
    state::{ModelEntry, Store},
};

/// The dialog; it follows `Store::configuring`.
#[component]
pub fn InputDialog() -> impl IntoView {
    let store = Store::get();
    let dialog = NodeRef::<html::Dialog>::new();
    let model = Memo::new(move |_| store.configuring.get());
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        if model.get().is_some() {
            if !dialog.open() {
                dialog.show_modal().ok();
            }
        } else if dialog.open() {
            dialog.close();
        }
    });
    let form = move || {
        let entry = untrack(|| store.model(&model.get()?));
        model.get().and(entry).map(|entry| match entry.state.with_untracked(|state| state.info()) {
            Some(info) => {
                view! { <Form model=entry steps=info.preprocessing.clone() origin=info.preprocessing_origin.clone() /> }
                    .into_any()
            }
            None => view! { <p class="quiet">"The input is known once the network is loaded."</p> }.into_any(),
        })
    };
    view! {
        <dialog
            node_ref=dialog
            class="dialog"
            aria-labelledby="input-title"
            data-testid="input-dialog"
            on:close=move |_| store.configuring.set(None)
        >
            <div class="dialog-body">
                <div class="dialog-head">
                    <h2 id="input-title">
                        {move || model.get().and_then(|id| store.model(&id)).map(|model| format!("Input of {}", model.name))}
                    </h2>
                    <IconButton glyph=Glyph::Cross label="Close" test="input-close" press=move || store.configuring.set(None) />
                </div>
                {form}
            </div>
        </dialog>
    }
}

/// A known convention: its name and the steps it stands for.
type Convention = (&'static str, fn([usize; 2]) -> Preprocessing);

const CONVENTIONS: &[Convention] = &[
    ("ImageNet mean and deviation", Preprocessing::torchvision),
    ("0 to 1", |size| Preprocessing::unit(size, ChannelOrder::Rgb)),
    ("−1 to 1", Preprocessing::keras_tf),
    ("BGR minus mean", Preprocessing::keras_caffe),
    ("0 to 255", |size| Preprocessing::raw(size, ChannelOrder::Rgb)),
    ("Grey, 0 to 1", |size| Preprocessing::unit(size, ChannelOrder::Grey)),
];

#[component]
fn Form(model: ModelEntry, steps: Preprocessing, origin: String) -> impl IntoView {
    let store = Store::get();
    let [height, width] = steps.size;
    let crop = |fit: Fit| match fit {
        Fit::CenterCrop { crop } => crop * 100.0,
        Fit::Stretch => 87.5,
    };
    let width = RwSignal::new(width.to_string());
    let height = RwSignal::new(height.to_string());
    let cropped = RwSignal::new(steps.fit != Fit::Stretch);
    let share = RwSignal::new(crop(steps.fit).to_string());
    let filter = RwSignal::new(steps.filter);
    let channels = RwSignal::new(steps.channels);
    let scale = RwSignal::new(form::show_factor(steps.scale));
    let mean = RwSignal::new(form::show_numbers(&steps.mean));
    let std = RwSignal::new(form::show_numbers(&steps.std));
    let problem = RwSignal::new(None::<String>);
    let labels = NodeRef::<html::Input>::new();

    let take = move |known: fn([usize; 2]) -> Preprocessing| {
        let steps = known([1, 1]);
        channels.set(steps.channels);
        scale.set(form::show_factor(steps.scale));
        mean.set(form::show_numbers(&steps.mean));
        std.set(form::show_numbers(&steps.std));
    };
    let built = move || -> Result<Preprocessing, String> {
        let channels = channels.get_untracked();
        let count = if channels == ChannelOrder::Grey { 1 } else { 3 };
        let fit = if cropped.get_untracked() {
            let crop = form::factor(&share.get_untracked())? / 100.0;
            if !(0.01..=1.0).contains(&crop) {
                return Err("The crop is between 1 and 100 %.".to_owned());
            }
            Fit::CenterCrop { crop }
        } else {
            Fit::Stretch
        };
        let std = form::numbers(&std.get_untracked(), count)?;
        if std.contains(&0.0) {
            return Err("A deviation of 0 would divide by zero.".to_owned());
        }
        Ok(Preprocessing {
            size: [form::side(&height.get_untracked())?, form::side(&width.get_untracked())?],
            fit,
            filter: filter.get_untracked(),
            channels,
            scale: form::factor(&scale.get_untracked())?,
            mean: form::numbers(&mean.get_untracked(), count)?,
            std,
        })
    };
    let apply = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        match built() {
            Ok(now) => {
                let file = files::list(labels.get_untracked().and_then(|field| field.files())).into_iter().next();
                let changed = (now != steps).then_some(now);
                if changed.is_some() || file.is_some() {
                    files::configure(store, &model, changed, file);
                }
                model.checked.set(true);
                store.configuring.set(None);
            }
            Err(text) => problem.set(Some(text)),
        }
    };
    let conventions = CONVENTIONS.iter().map(|&(name, known)| {
        view! { <button type="button" class="chip" on:click=move |_| take(known)>{name}</button> }
    });
    view! {
        <form class="input-form" on:submit=apply>
            <p class="origin">{origin}</p>
            <div class="grid">
                <Text label="Width in pixels" test="input-width" value=width />
                <Text label="Height in pixels" test="input-height" value=height />
                <div class="field">
                    <label for="input-fit">"Fit"</label>
                    <select id="input-fit" data-testid="input-fit" on:change=move |event| cropped.set(event_target_value(&event) == "crop")>
                        <option value="crop" prop:selected=move || cropped.get()>"Centre crop"</option>
                        <option value="stretch" prop:selected=move || !cropped.get()>"Stretch"</option>
                    </select>
                </div>
                <Show when=move || cropped.get()>
                    <Text label="Share that stays, %" test="input-crop" value=share />
                </Show>
                <Choice label="Interpolation" test="input-filter" value=filter options=&[
                    (ResizeFilter::Bilinear, "Bilinear"), (ResizeFilter::Bicubic, "Bicubic"), (ResizeFilter::Nearest, "Nearest"),
                ] />
                <Choice label="Channels" test="input-channels" value=channels options=&[
                    (ChannelOrder::Rgb, "RGB"), (ChannelOrder::Bgr, "BGR"), (ChannelOrder::Grey, "Grey"),
                ] />
            </div>
            <div class="field">
                <span class="label">"Values, by a known convention"</span>
                <div class="chips">{conventions.collect_view()}</div>
            </div>
            <p class="formula">"(pixel · scale − mean) / deviation"</p>
            <div class="grid three">
                <Text label="Scale" test="input-scale" value=scale />
                <Text label="Mean per channel" test="input-mean" value=mean />
                <Text label="Deviation per channel" test="input-std" value=std />
            </div>
            <div class="field">
                <label for="input-labels">"Class names (TXT with one a line, JSON or CSV)"</label>
                <input id="input-labels" type="file" node_ref=labels data-testid="input-labels" />
            </div>
            {move || problem.get().map(|text| view! { <p class="note bad" role="alert" data-testid="input-problem">{text}</p> })}
            <div class="dialog-foot">
                <button type="button" class="button quiet-button" on:click=move |_| store.configuring.set(None)>"Cancel"</button>
                <button type="submit" class="button primary" data-testid="input-apply">"Apply and explain again"</button>
            </div>
        </form>
    }
}

#[component]
fn Text(label: &'static str, test: &'static str, value: RwSignal<String>) -> impl IntoView {
    view! {
        <div class="field">
            <label for=test>{label}</label>
            <input
                id=test
                type="text"
                inputmode="decimal"
                autocomplete="off"
                data-testid=test
                prop:value=move || value.get()
                on:input=move |event| value.set(event_target_value(&event))
            />
        </div>
    }
}

#[component]
fn Choice<T: Copy + PartialEq + Send + Sync + 'static>(
    label: &'static str,
    test: &'static str,
    value: RwSignal<T>,
    options: &'static [(T, &'static str)],
) -> impl IntoView {
    let rows = options.iter().map(|&(option, word)| {
        view! { <option value=word prop:selected=move || value.get() == option>{word}</option> }
    });
    view! {
        <div class="field">
            <label for=test>{label}</label>
            <select
                id=test
                data-testid=test
                on:change=move |event| {
                    let word = event_target_value(&event);
                    if let Some((option, _)) = options.iter().find(|(_, name)| *name == word) {
                        value.set(*option);
                    }
                }
            >
                {rows.collect_view()}
            </select>
        </div>
    }
}
