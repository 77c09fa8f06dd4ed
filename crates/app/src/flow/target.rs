//! The choices of what is explained, as one network takes them.

use innspect_protocol::{Concept, Family, LayerNeed, MethodInfo, ModelInfo, Neuron, Target, TargetKind};
use leptos::prelude::*;

use crate::{
    pure::{choice::class_in, target::taken},
    state::{ModelEntry, Store},
};

/// The kind of target that a method explains as things are, tracked.
pub fn kind(store: Store, method: &MethodInfo) -> Option<TargetKind> {
    taken(method, store.aim.kind.get())
}

/// Whether a class is explained, and not a unit or whatever a layer computes; tracked.
pub fn needs_class(store: Store, method: &MethodInfo) -> bool {
    method.class_dependent && kind(store, method) != Some(TargetKind::Neuron)
}

/// Whether a method shows the channels of a layer, and one of them can be chosen.
#[must_use]
pub fn shows_channels(method: &MethodInfo) -> bool {
    method.family == Family::Activation && method.layer == LayerNeed::FeatureMap
}

/// What is explained in a network, tracked.
pub fn of(store: Store, model: &ModelEntry, info: &ModelInfo, method: &MethodInfo) -> Target {
    match kind(store, method) {
        None => Target::Logit,
        Some(TargetKind::Probability) => Target::Probability,
        Some(TargetKind::Contrast) => {
            let against = store.aim.against.get();
            Target::Contrast { against: against.and_then(|class| class_in(&info.labels, class.index, &class.label)) }
        }
        Some(TargetKind::Neuron) => match layer(info, model.unit_layer.get()) {
            Some(layer) => Target::Neuron { layer, neuron: store.aim.unit.get() },
            None => Target::Logit,
        },
    }
}

/// The concept that relevance must pass through in a network, tracked.
pub fn concept(store: Store, model: &ModelEntry, info: &ModelInfo, method: &MethodInfo) -> Option<Concept> {
    let channels = store.aim.concept.get();
    if !method.concept || channels.is_empty() {
        return None;
    }
    Some(Concept { layer: layer(info, model.concept_layer.get())?, channels })
}

/// The channel that an activation map shows, tracked.
pub fn channel(store: Store, method: &MethodInfo) -> Option<Neuron> {
    let channel = store.aim.channel.get().filter(|_| shows_channels(method))?;
    Some(Neuron { channel, position: None })
}

/// A chosen layer, or the one that is taken by itself: the last one before the features are pooled, else the last.
#[must_use]
pub fn layer(info: &ModelInfo, chosen: Option<String>) -> Option<String> {
    chosen.or_else(|| info.default_layer.clone()).or_else(|| info.layers.last().map(|layer| layer.name.clone()))
}
