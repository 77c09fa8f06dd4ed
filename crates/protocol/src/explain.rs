//! What is asked of an explanation, and what comes back.

use serde::{Deserialize, Serialize};

use crate::Params;

/// One unit of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neuron {
    /// Channel (or feature) index.
    pub channel: usize,
    /// Row and column in a feature map; the whole channel if absent.
    pub position: Option<[usize; 2]>,
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

/// The balance of a conserving method.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SumCheck {
    /// What the reverse pass started from.
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
    /// Sum check, for conserving methods.
    pub check: Option<SumCheck>,
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
    /// How it was made.
    pub facts: Facts,
}
