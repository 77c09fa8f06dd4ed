//! The layer, for methods that ask for one.

use leptos::prelude::*;

use super::{
    controls::NumberField,
    layer_select::{LayerSelects, ready_models},
};
use crate::{flow::target, state::Store};

/// The panel; absent where the method works on the whole network.
#[component]
pub fn LayerPicker() -> impl IntoView {
    let store = Store::get();
    let channels = move || store.method_info().is_some_and(|method| target::shows_channels(&method));
    let channel = store.aim.channel;
    view! {
        <Show when=move || store.wants_layer() && !ready_models(store).is_empty()>
            <section class="panel" aria-label="Layer">
                <h2>"Layer"</h2>
                <LayerSelects choice=|model| model.layer test="layer" maps_only=true />
                <Show when=channels>
                    <NumberField
                        id="layer-channel"
                        label="Channel"
                        empty="all channels"
                        value=channel
                        set=move |chosen| channel.set(chosen)
                    />
                </Show>
            </section>
        </Show>
    }
}
