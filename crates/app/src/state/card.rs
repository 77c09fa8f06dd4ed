//! What one card shows: a network's view of the primary picture, its prediction and the explanation.

use std::sync::Arc;

use innspect_protocol::{
    Display, ExplainSpec, Explanation, ImageId, Job, MapState, Prediction, Stage, StepProgress, UserError,
};
use leptos::prelude::*;

use super::{Measures, ModelState};
use crate::web::canvas::Pixels;

/// What an explanation was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Counts the configurations of the model.
    pub revision: u32,
    /// The picture.
    pub image: ImageId,
    /// What to make.
    pub spec: ExplainSpec,
    /// The other pictures, for methods that use them.
    pub pictures: Vec<ImageId>,
}

/// A map.
#[derive(Clone, Debug)]
pub struct Map {
    /// The job that made it and by whose name the worker keeps it.
    pub job: Job,
    /// How it was made.
    pub explanation: Explanation,
    /// Its picture.
    pub pixels: Pixels,
    /// The relevance of each pixel, row-major.
    pub values: Vec<f32>,
    /// How far it is, if it is not finished.
    pub steps: Option<StepProgress>,
}

impl Map {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.steps.is_none()
    }
}

/// Where the work on a card stands.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Phase {
    /// Nothing is asked for yet.
    #[default]
    Waiting,
    /// The engine is at it.
    Computing {
        /// What it does.
        stage: Stage,
        /// Done, in units of the stage.
        done: u64,
        /// All; 0 if unknown.
        total: u64,
    },
    /// There is a map.
    Done,
    /// The method does not fit the network.
    NotApplicable(String),
    /// It went wrong.
    Failed(UserError),
    /// The user stopped it.
    Stopped,
}

/// What a card shows, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardState {
    /// For its turn.
    Waiting,
    /// The network is loaded.
    Loading,
    /// The explanation is made.
    Computing,
    /// A map.
    Done,
    /// A map that is zero because nothing speaks for the class.
    NoEvidence,
    /// A map that is zero or not finite and should not be.
    Suspect,
    /// The method does not fit.
    NotApplicable,
    /// An error.
    Failed,
    /// Stopped by the user.
    Stopped,
}

impl CardState {
    /// Its name in `data-state`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Loading => "loading",
            Self::Computing => "computing",
            Self::Done => "done",
            Self::NoEvidence => "no-evidence",
            Self::Suspect => "suspect",
            Self::NotApplicable => "not-applicable",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// The signals of a card.
#[derive(Clone, Copy)]
pub struct Card {
    /// What was asked for last.
    pub wanted: StoredValue<Option<Wanted>>,
    /// The job at work or done.
    pub job: RwSignal<Option<Job>>,
    /// Where it stands.
    pub phase: RwSignal<Phase>,
    /// What the network sees.
    pub view: RwSignal<Option<Arc<Pixels>>>,
    /// What it says.
    pub prediction: RwSignal<Option<Arc<Prediction>>>,
    /// The explanation, as far as it is.
    pub map: RwSignal<Option<Arc<Map>>>,
    /// How the map was last asked to be drawn.
    pub asked: StoredValue<Option<Display>>,
    /// What was measured of the map.
    pub measures: RwSignal<Measures>,
    /// Whether anything was ever finished here; the next network is loaded then.
    pub settled: RwSignal<bool>,
}

impl Card {
    /// An empty card; call it within the store's owner.
    pub fn new() -> Self {
        Self {
            wanted: StoredValue::new(None),
            job: RwSignal::new(None),
            phase: RwSignal::new(Phase::Waiting),
            view: RwSignal::new(None),
            prediction: RwSignal::new(None),
            map: RwSignal::new(None),
            asked: StoredValue::new(None),
            measures: RwSignal::new(Measures::new()),
            settled: RwSignal::new(false),
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.wanted.set_value(None);
        self.job.set(None);
        self.phase.set(Phase::Waiting);
        self.view.set(None);
        self.prediction.set(None);
        self.map.set(None);
        self.asked.set_value(None);
        self.measures.update(Measures::clear);
        self.settled.set(false);
    }

    /// The finished map with what it was asked for, tracked.
    pub fn finished(&self) -> Option<(Arc<Map>, Wanted)> {
        let done = self.phase.with(|phase| matches!(phase, Phase::Done));
        let map = self.map.get().filter(|map| done && map.is_finished())?;
        Some((map, self.wanted.get_value()?))
    }

    /// What the card shows, tracked.
    pub fn state(&self, model: RwSignal<ModelState>) -> CardState {
        match model.get() {
            ModelState::Waiting => return CardState::Waiting,
            ModelState::Loading { .. } => return CardState::Loading,
            ModelState::Failed(_) => return CardState::Failed,
            ModelState::Ready(_) => {}
        }
        match self.phase.get() {
            Phase::Waiting => CardState::Waiting,
            Phase::Computing { .. } => CardState::Computing,
            Phase::NotApplicable(_) => CardState::NotApplicable,
            Phase::Failed(_) => CardState::Failed,
            Phase::Stopped => CardState::Stopped,
            Phase::Done => self.map.with(|map| match map.as_ref().map(|map| map.explanation.state) {
                Some(MapState::NoPositiveEvidence) => CardState::NoEvidence,
                Some(MapState::AllZero | MapState::NonFinite) => CardState::Suspect,
                _ => CardState::Done,
            }),
        }
    }
}

impl Default for Card {
    fn default() -> Self {
        Self::new()
    }
}
