//! What a row of the method table says of itself: enough to build the page's form, the command's help and the docs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The families that the method list is grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Derivatives of the score, plain or with modified rectifiers.
    Gradient,
    /// Class activation maps: a weighted sum of one layer's feature maps.
    Cam,
    /// Differences from a baseline, shared out over the pixels.
    Baseline,
    /// Layer-wise relevance propagation and deep Taylor decomposition.
    Lrp,
    /// Signals learned from pictures.
    Pattern,
    /// What happens to the score when parts of the picture are hidden; the network stays a black box.
    Perturbation,
    /// What a layer computes, without an explained class.
    Activation,
}

/// Which layer, if any, a method asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerNeed {
    /// The method works on the whole network.
    None,
    /// A layer whose output is `[C, H, W]`; by default the last one before the features are pooled.
    FeatureMap,
}

/// What the sum of a map should equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SumRule {
    /// Nothing in particular.
    Free,
    /// The start value, up to what biases take (LRP).
    Start,
    /// The score minus that of the baseline.
    Difference,
}

/// The kinds of [`Target`](crate::Target) beside a logit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// The class's probability.
    Probability,
    /// One class rather than another.
    Contrast,
    /// A unit or channel of a layer.
    Neuron,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// A number.
    Number(f64),
    /// A choice or a structured text such as `box:-1,1`.
    Text(String),
}

/// Parameters by name.
pub type Params = BTreeMap<String, ParamValue>;

/// The kind of a parameter with its range and default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ParamKind {
    /// A real number in `[min, max]`.
    Number {
        /// Smallest allowed value.
        min: f64,
        /// Largest allowed value.
        max: f64,
        /// Value when none is given.
        default: f64,
    },
    /// A whole number in `[min, max]`.
    Integer {
        /// Smallest allowed value.
        min: u32,
        /// Largest allowed value.
        max: u32,
        /// Value when none is given.
        default: u32,
    },
    /// A real number in `[min, max]`, or `auto`, which is the default.
    Auto {
        /// Smallest allowed value.
        min: f64,
        /// Largest allowed value.
        max: f64,
    },
    /// One of a few words.
    Choice {
        /// The words, the first being the default.
        options: Vec<String>,
    },
    /// The picture that stands for "nothing there": one of [`BASELINES`], or `picture:` and the id of a loaded picture
    /// (in the command a file).
    Baseline {
        /// Value when none is given.
        default: String,
    },
    /// The parts a picture is cut into: `grid:N` for N × N cells, `slic:N` for about N superpixels.
    Segments {
        /// Value when none is given.
        default: String,
    },
    /// What the first layer does: `none`, `flat`, `w_square`, or `box:LOW,HIGH` in the network's input space, where `box`
    /// alone takes the range of pixels.
    InputRule,
}

/// The named baselines: black, white and middle grey pixels, the picture's own mean colour, the picture blurred, uniform
/// noise, and 0 in the network's input space.
pub const BASELINES: [&str; 7] = ["black", "white", "grey", "mean", "blur", "noise", "zero"];

/// One parameter of a method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParamInfo {
    /// Name, as the command takes it.
    pub name: String,
    /// Label in the form.
    pub label: String,
    /// One sentence of help.
    pub help: String,
    /// Range and default.
    #[serde(flatten)]
    pub kind: ParamKind,
}

/// One method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MethodInfo {
    /// Id, as the command takes it, such as `lrp.epsilon`.
    pub id: String,
    /// Name in lists.
    pub name: String,
    /// Group in lists.
    pub family: Family,
    /// One sentence: what it shows.
    pub summary: String,
    /// One sentence: when it misleads.
    pub caveat: String,
    /// The paper the method is from.
    pub source: String,
    /// Whether the map has a sign that means for and against the class.
    pub signed: bool,
    /// Whether the explained class changes the map.
    pub class_dependent: bool,
    /// What the map's sum should equal.
    pub sum: SumRule,
    /// The layer it asks for.
    pub layer: LayerNeed,
    /// What can be explained with it, beside a logit.
    pub targets: Vec<TargetKind>,
    /// Whether it can be restricted to channels of a layer (concept relevance).
    pub concept: bool,
    /// Whether it computes in many steps, showing maps on the way.
    pub steps: bool,
    /// Whether it draws random numbers.
    pub draws: bool,
    /// Whether it uses the other loaded pictures.
    pub pictures: bool,
    /// Its parameters.
    pub params: Vec<ParamInfo>,
}
