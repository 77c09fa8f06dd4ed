//! The fields of the input dialog: a known convention or one's own numbers, beside what the network would see.

use std::sync::Arc;

use innspect_graph::{ChannelOrder, Preprocessing, preprocessing::ResizeFilter};
use innspect_protocol::ModelInfo;
use leptos::prelude::*;

use super::{input_labels::InputLabels, input_preview::InputPreview};
use crate::{
    flow::input,
    pure::{
        form::Draft,
        presets::{self, Preset},
    },
    state::{ModelEntry, Store},
};

const FILTERS: &[(ResizeFilter, &str)] =
    &[(ResizeFilter::Bilinear, "Bilinear"), (ResizeFilter::Bicubic, "Bicubic"), (ResizeFilter::Nearest, "Nearest")];
const COLOUR: &[(ChannelOrder, &str)] = &[(ChannelOrder::Rgb, "RGB"), (ChannelOrder::Bgr, "BGR")];
const GREY: &[(ChannelOrder, &str)] = &[(ChannelOrder::Grey, "Grey")];

/// The fields, each a signal.
#[derive(Clone, Copy)]
struct Fields {
    size: [usize; 2],
    cropped: RwSignal<bool>,
    share: RwSignal<String>,
    filter: RwSignal<ResizeFilter>,
    channels: RwSignal<ChannelOrder>,
    scale: RwSignal<String>,
    mean: RwSignal<String>,
    std: RwSignal<String>,
}

impl Fields {
    fn new(steps: &Preprocessing) -> Self {
        let draft = Draft::of(steps);
        Self {
            size: draft.size,
            cropped: RwSignal::new(draft.cropped),
            share: RwSignal::new(draft.share),
            filter: RwSignal::new(draft.filter),
            channels: RwSignal::new(draft.channels),
            scale: RwSignal::new(draft.scale),
            mean: RwSignal::new(draft.mean),
            std: RwSignal::new(draft.std),
        }
    }

    fn put(self, draft: Draft) {
        self.cropped.set(draft.cropped);
        self.share.set(draft.share);
        self.filter.set(draft.filter);
        self.channels.set(draft.channels);
        self.scale.set(draft.scale);
        self.mean.set(draft.mean);
        self.std.set(draft.std);
    }

    /// What stands in them, tracked.
    fn draft(self) -> Draft {
        Draft {
            size: self.size,
            cropped: self.cropped.get(),
            share: self.share.get(),
            filter: self.filter.get(),
            channels: self.channels.get(),
            scale: self.scale.get(),
            mean: self.mean.get(),
            std: self.std.get(),
        }
    }
}

/// The form.
#[component]
pub fn InputForm(
    /// The network.
    model: ModelEntry,
    /// What is known of it as the dialog opens.
    info: Arc<ModelInfo>,
) -> impl IntoView {
    let store = Store::get();
    let fields = Fields::new(&info.preprocessing);
    let state = model.state;
    let entry = StoredValue::new(model.clone());
    let now = StoredValue::new(info.preprocessing.clone());
    let presets = presets::for_channels(info.input[0]);
    let built = Memo::new(move |_| now.with_value(|now| fields.draft().build(now)));
    let problem = RwSignal::new(None::<String>);
    // A person who wants their own numbers may start from those of a convention.
    let custom = RwSignal::new(false);
    let recognised = Memo::new(move |_| {
        let steps = built.get().ok().filter(|_| !custom.get())?;
        presets::recognise(presets, &steps).map(|preset| preset.id)
    });
    let take = move |preset: &'static Preset| {
        custom.set(false);
        let draft = untrack(|| fields.draft());
        fields.put(draft.with_values(&preset.steps(fields.size)));
    };

    let said = model.said;
    let reset_word =
        if model.catalog().is_some() { "Reset to the built-in settings" } else { "Reset to what the file says" };
    let can_reset = Memo::new(move |_| {
        let fields_differ = said.get().is_some_and(|said| built.get().as_ref() != Ok(&said.preprocessing));
        fields_differ || entry.with_value(input::is_changed)
    });
    let reset = move |_| {
        let Some(said) = said.get_untracked() else { return };
        custom.set(false);
        fields.put(Draft::of(&said.preprocessing));
        let labels = state.with_untracked(|state| state.info()).map(|info| info.labels.clone());
        if labels.is_some_and(|labels| labels != said.labels) {
            entry.with_value(|model| input::put_labels_back(store, model, &said.labels));
        }
    };
    let apply = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        match built.get_untracked() {
            Ok(steps) => {
                let changed = state.with_untracked(|state| state.info()).is_none_or(|now| now.preprocessing != steps);
                entry.with_value(|model| {
                    if changed { input::apply(store, model, steps) } else { input::confirm(store, model) }
                });
                store.configuring.set(None);
            }
            Err(text) => problem.set(Some(text)),
        }
    };

    let rows = presets.iter().map(|preset| {
        let chosen = move || recognised.get() == Some(preset.id);
        view! { <PresetRow id=preset.id name=preset.name detail=preset.detail chosen press=move || take(preset) /> }
    });
    let own = move || recognised.get().is_none();
    let [height, width] = info.preprocessing.size;
    let orders = if info.input[0] == 1 { GREY } else { COLOUR };
    view! {
        <form class="input-form" on:submit=apply>
            <p class="origin" data-testid="input-origin">{info.preprocessing_origin.clone()}</p>
            <div class="input-columns">
                <fieldset class="presets" data-testid="presets">
                    <legend class="label">"Values the network was trained on"</legend>
                    {rows.collect_view()}
                    <PresetRow
                        id="custom"
                        name="Custom"
                        detail="Your own numbers below"
                        chosen=own
                        press=move || custom.set(true)
                    />
                </fieldset>
                <InputPreview model=model.id.clone() steps=built />
            </div>
            <p class="formula">"(pixel · scale − mean) / deviation"</p>
            <div class="grid three">
                <Text label="Scale" test="input-scale" value=fields.scale />
                <Text label="Mean per channel" test="input-mean" value=fields.mean />
                <Text label="Deviation per channel" test="input-std" value=fields.std />
            </div>
            <div class="grid">
                <Choice label="Channels" test="input-channels" value=fields.channels options=orders />
                <Choice label="Interpolation" test="input-filter" value=fields.filter options=FILTERS />
                <div class="field">
                    <label for="input-fit">{format!("Fit to {width} × {height} pixels")}</label>
                    <select
                        id="input-fit"
                        data-testid="input-fit"
                        on:change=move |event| fields.cropped.set(event_target_value(&event) == "crop")
                    >
                        <option value="crop" prop:selected=move || fields.cropped.get()>"Centre crop"</option>
                        <option value="stretch" prop:selected=move || !fields.cropped.get()>"Stretch"</option>
                    </select>
                </div>
                <Show when=move || fields.cropped.get()>
                    <Text label="Share that stays, %" test="input-crop" value=fields.share />
                </Show>
            </div>
            <InputLabels model=model.clone() />
            {move || {
                let text = problem.get().filter(|_| built.get().is_err());
                text.map(|text| view! { <p class="note bad" role="alert" data-testid="input-problem">{text}</p> })
            }}
            <div class="dialog-foot">
                <Show when=move || can_reset.get()>
                    <button type="button" class="text-button reset" data-testid="input-reset" on:click=reset>{reset_word}</button>
                </Show>
                <button type="button" class="button quiet-button" on:click=move |_| store.configuring.set(None)>"Cancel"</button>
                <button type="submit" class="button primary" data-testid="input-apply">"Apply and explain again"</button>
            </div>
        </form>
    }
}

#[component]
fn PresetRow(
    id: &'static str,
    name: &'static str,
    detail: &'static str,
    chosen: impl Fn() -> bool + Copy + Send + Sync + 'static,
    press: impl Fn() + 'static,
) -> impl IntoView {
    view! {
        <label class="preset">
            <input
                type="radio"
                name="input-preset"
                value=id
                data-testid=format!("preset-{id}")
                prop:checked=chosen
                on:change=move |_| press()
            />
            <span class="preset-name">{name}</span>
            <span class="preset-detail">{detail}</span>
        </label>
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
