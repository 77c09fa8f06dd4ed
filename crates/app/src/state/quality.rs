//! What was measured of a map, and whether a method depends on the layers that say the class.

use std::{collections::HashMap, sync::Arc};

use innspect_protocol::{Assessment, Check, ExplainSpec, Job, ModelId, Stage, UserError};

/// Where the measuring of one quality stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// The engine is at it.
    Running {
        /// The job.
        job: Job,
        /// What it does.
        stage: Stage,
        /// Done, in units of the stage.
        done: u64,
        /// All; 0 if unknown.
        total: u64,
    },
    /// Measured.
    Done(Arc<Assessment>),
    /// It cannot be measured here.
    NotApplicable(String),
    /// It went wrong.
    Failed(UserError),
}

/// The measured qualities of one map.
pub type Measures = HashMap<Check, Measure>;

/// A network with a method: what the check of class sensitivity speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pairing {
    /// The network.
    pub model: ModelId,
    /// Its configuration.
    pub revision: u32,
    /// The method.
    pub method: String,
    /// Its layer.
    pub layer: Option<String>,
    /// Parameters that differ from the defaults, as JSON.
    pub params: String,
}

impl Pairing {
    /// The pairing of an explanation.
    #[must_use]
    pub fn of(model: &ModelId, revision: u32, spec: &ExplainSpec) -> Self {
        Self {
            model: model.clone(),
            revision,
            method: spec.method.clone(),
            layer: spec.layer.clone(),
            params: serde_json::to_string(&spec.params).unwrap_or_default(),
        }
    }
}

/// Whether a method depends on the layers that say the class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sensitivity {
    /// It is found out.
    Checking(Job),
    /// It was.
    Known {
        /// Similarity of the maps with two random last layers.
        similarity: f32,
        /// Whether they are too alike.
        insensitive: bool,
    },
    /// It could not be.
    Unknown,
}
