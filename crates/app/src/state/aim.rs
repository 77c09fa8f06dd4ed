//! What is explained, beside the class.

use innspect_protocol::{Neuron, TargetKind};
use leptos::prelude::*;

use crate::pure::target::FIRST_UNIT;

/// A class as it was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassRef {
    /// Its index where it was chosen.
    pub index: usize,
    /// Its name; empty if only the index is known, as from a link.
    pub label: String,
}

/// The choices.
#[derive(Clone, Copy)]
pub struct Aim {
    /// The kind of target; the class's logit if absent.
    pub kind: RwSignal<Option<TargetKind>>,
    /// The class that is argued against; the strongest other one if absent.
    pub against: RwSignal<Option<ClassRef>>,
    /// The explained unit, of the layer that each network has chosen.
    pub unit: RwSignal<Neuron>,
    /// The channel that an activation map shows; all if absent.
    pub channel: RwSignal<Option<usize>>,
    /// Channels that relevance must pass through; no restriction if empty.
    pub concept: RwSignal<Vec<usize>>,
    /// Seed of methods that draw random numbers.
    pub seed: RwSignal<u64>,
}

impl Aim {
    /// Nothing but the class; call it within the store's owner.
    pub fn new() -> Self {
        Self {
            kind: RwSignal::new(None),
            against: RwSignal::new(None),
            unit: RwSignal::new(FIRST_UNIT),
            channel: RwSignal::new(None),
            concept: RwSignal::new(Vec::new()),
            seed: RwSignal::new(0),
        }
    }
}

impl Default for Aim {
    fn default() -> Self {
        Self::new()
    }
}
