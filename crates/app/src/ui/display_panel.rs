//! How the maps are shown; set once for all cards.

use innspect_protocol::{ChannelReduction, Colormap};
use leptos::prelude::*;

use super::controls::Segments;
use crate::{pure::hash::word, state::Store};

const COLORMAPS: &[(Colormap, &str, &str)] = &[
    (Colormap::Auto, "auto", "By method"),
    (Colormap::Coolwarm, "coolwarm", "Coolwarm"),
    (Colormap::Seismic, "seismic", "Seismic"),
    (Colormap::Cividis, "cividis", "Cividis"),
    (Colormap::Grey, "grey", "Grey"),
];

const REDUCTIONS: &[(ChannelReduction, &str, &str)] = &[
    (ChannelReduction::Sum, "sum", "Sum of channels"),
    (ChannelReduction::AbsSum, "abs_sum", "Sum of absolute values"),
    (ChannelReduction::MaxAbs, "max_abs", "Largest absolute value"),
    (ChannelReduction::L2, "l2", "Euclidean norm"),
];

/// The panel.
#[component]
pub fn DisplayPanel() -> impl IntoView {
    let store = Store::get();
    let look = store.look;
    let swatches = COLORMAPS.iter().map(|&(value, name, words)| {
        view! {
            <label class="swatch-choice">
                <input
                    type="radio"
                    name="colormap"
                    value=name
                    prop:checked=move || look.colormap.get() == value
                    on:change=move |_| look.colormap.set(value)
                />
                <span class="gradient" data-map=name aria-hidden="true"></span>
                <span>{words}</span>
            </label>
        }
    });
    let reductions = REDUCTIONS.iter().map(|&(value, name, words)| {
        view! { <option value=name prop:selected=move || look.reduction.get() == value>{words}</option> }
    });
    view! {
        <section class="panel" aria-label="Display">
            <h2>"Display"</h2>
            <div class="field">
                <label for="opacity">"Heatmap opacity" <output>{move || format!("{} %", look.opacity.get())}</output></label>
                <input
                    id="opacity"
                    type="range"
                    min="0"
                    max="100"
                    step="5"
                    data-testid="opacity"
                    disabled=move || look.heat_only.get()
                    prop:value=move || look.opacity.get().to_string()
                    on:input=move |event| {
                        if let Ok(percent) = event_target_value(&event).parse::<u8>() {
                            look.opacity.set(percent.min(100));
                        }
                    }
                />
            </div>
            <label class="switch">
                <input
                    type="checkbox"
                    role="switch"
                    data-testid="heat-only"
                    prop:checked=move || look.heat_only.get()
                    on:change=move |event| look.heat_only.set(event_target_checked(&event))
                />
                <span class="track" aria-hidden="true"></span>
                <span>"Heatmap only"</span>
            </label>
            <fieldset class="field" data-testid="colormap">
                <legend class="label">"Colours"</legend>
                <div class="swatches">{swatches.collect_view()}</div>
            </fieldset>
            <Segments label="Scale" test="scale" options=&[(false, "Per map"), (true, "Shared")] value=look.shared />
            <details class="more">
                <summary>"Channels and clipping"</summary>
                <div class="field">
                    <label for="reduction">"Channels become one value by"</label>
                    <select
                        id="reduction"
                        data-testid="reduction"
                        on:change=move |event| {
                            if let Some(value) = word(&event_target_value(&event)) {
                                look.reduction.set(value);
                            }
                        }
                    >
                        {reductions.collect_view()}
                    </select>
                </div>
                <div class="field">
                    <label for="clip">"Full colour at percentile" <output>{move || format!("{:.1} %", look.clip.get())}</output></label>
                    <input
                        id="clip"
                        type="range"
                        min="90"
                        max="100"
                        step="0.1"
                        data-testid="clip"
                        prop:value=move || look.clip.get().to_string()
                        on:input=move |event| {
                            if let Ok(clip) = event_target_value(&event).parse::<f32>() {
                                look.clip.set(clip.clamp(1.0, 100.0));
                            }
                        }
                    />
                </div>
            </details>
        </section>
    }
}
