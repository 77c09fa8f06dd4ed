//! What is asked of an explanation, and what comes back.

use serde::{Deserialize, Serialize};

use crate::{Params, SumRule};

/// One unit of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neuron {
    /// Channel (or feature) index.
    pub channel: usize,
    /// Row and column in a feature map; the whole channel if absent.
    pub position: Option<[usize; 2]>,
}

/// The number that is explained.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Target {
    /// The class's logit.
    #[default]
    Logit,
    /// The class's probability (or sigmoid score).
    Probability,
    /// The class's logit minus that of another: why this one rather than that.
    Contrast {
        /// The other class; the strongest other one if absent.
        against: Option<usize>,
    },
    /// The sum over a channel of a layer, or one unit of it. Methods that ask for a layer of their own do not take it.
    Neuron {
        /// Name of the layer.
        layer: String,
        /// The channel or unit.
        neuron: Neuron,
    },
}

/// Channels of a layer that relevance must pass through (concept relevance propagation).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concept {
    /// Name of the layer.
    pub layer: String,
    /// Its channels.
    pub channels: Vec<usize>,
}

/// One explanation to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainSpec {
    /// Method id.
    pub method: String,
    /// Parameters that differ from the defaults.
    #[serde(default)]
    pub params: Params,
    /// Explained class; the top prediction if absent.
    pub class: Option<usize>,
    /// What is explained of that class, or instead of one.
    #[serde(default)]
    pub target: Target,
    /// Restriction to a concept, for methods that allow one.
    #[serde(default)]
    pub concept: Option<Concept>,
    /// Layer for methods that ask for one, by name; the default layer if absent.
    pub layer: Option<String>,
    /// Unit of that layer for `activation`; all channels if absent.
    pub neuron: Option<Neuron>,
    /// Seed of methods that draw random numbers.
    #[serde(default)]
    pub seed: u64,
}

/// A class with its score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// Class index.
    pub class: usize,
    /// Name of the class.
    pub label: String,
    /// Softmax probability (or sigmoid score) in `[0, 1]`.
    pub score: f32,
    /// The logit.
    pub logit: f32,
}

/// What a model says of a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The best classes, best first.
    pub top: Vec<ClassScore>,
    /// Milliseconds of the forward pass, result read back.
    pub milliseconds: f64,
}

/// How many nodes a rule was applied to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleUse {
    /// The rule with its parameters, such as `epsilon 0.1`.
    pub rule: String,
    /// Names of the nodes it was applied to, in the order of execution.
    pub nodes: Vec<String>,
    /// Whether the method's table names the rule for these nodes, or it is the default for ops without one.
    pub fallback: bool,
}

/// What the sum of a map should be, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SumCheck {
    /// Which of the two promises it is.
    pub rule: SumRule,
    /// What the sum should be: the start of the reverse pass, or the score minus that of the baseline.
    pub start: f64,
    /// Sum of the attribution over the whole input.
    pub sum: f64,
    /// Relevance taken by biases and stabilisers, as measured at each node; `start - absorbed` should equal `sum`.
    pub absorbed: Option<f64>,
    /// `|start - sum| / max(|start|, tiny)`: the share of the score that does not arrive at the pixels.
    pub error: f64,
}

/// What a map turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MapState {
    /// A map with content.
    Ordinary,
    /// A positive-only map that is zero everywhere: nothing in the layer speaks for the class.
    NoPositiveEvidence,
    /// Zero everywhere although the method is not positive-only.
    AllZero,
    /// Contains NaN or infinity.
    NonFinite,
}

/// How a result was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Method id.
    pub method: String,
    /// All parameters with the values used.
    pub params: Params,
    /// Explained class.
    pub class: usize,
    /// Its name.
    pub label: String,
    /// What was propagated back, such as `logit 207`.
    pub target: String,
    /// The start value's kind: `1`, `value` or `none`.
    pub start: String,
    /// Layer used, for methods that ask for one.
    pub layer: Option<String>,
    /// Seed, for methods that draw random numbers.
    pub seed: Option<u64>,
    /// Rules by node.
    pub rules: Vec<RuleUse>,
    /// Sum check, for methods that promise one.
    pub check: Option<SumCheck>,
    /// What else there is to know, each one sentence.
    #[serde(default)]
    pub notes: Vec<String>,
    /// SHA-256 of the model file.
    pub model_sha256: String,
    /// Device: `CPU`, or the GPU's name.
    pub device: String,
    /// Seconds from the request to the map in memory, without the forward pass where that was cached.
    pub seconds: f64,
}

/// A finished explanation as the page gets it. Attachments of [`Reply::Explained`](crate::Reply::Explained):
/// the picture (RGBA bytes, `width · height · 4`), then the reduced map (f32, `width · height`, row-major).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Width of map and picture in pixels: the network's input.
    pub width: usize,
    /// Height of map and picture in pixels.
    pub height: usize,
    /// What the map turned out to be.
    pub state: MapState,
    /// Whether the picture uses a diverging scale.
    pub signed: bool,
    /// The map's own limit: the clip percentile of its absolute values.
    pub own_limit: f32,
    /// The limit the picture was drawn with.
    pub limit: f32,
    /// Smallest and largest value of the reduced map.
    pub range: [f32; 2],
    /// Gini index of the absolute values in `[0, 1]`: 0 for an even map, 1 for a single pixel (Chalasani et al. 2020).
    pub sparseness: f32,
    /// Entropy of the absolute values over that of an even map, in `[0, 1]` (Bhatt et al. 2020).
    pub complexity: f32,
    /// How it was made.
    pub facts: Facts,
}

/// How far a method that computes in steps is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepProgress {
    /// Steps done.
    pub done: u32,
    /// All steps.
    pub total: u32,
    /// Seconds that the rest takes at the pace so far.
    pub seconds_left: f64,
}
