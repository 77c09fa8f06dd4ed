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
    /// Layer-wise relevance propagation.
    Lrp,
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
    /// One of a few words.
    Choice {
        /// The words, the first being the default.
        options: Vec<String>,
    },
}

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
    /// Whether the map's sum should equal the start value up to what biases take (LRP).
    pub conserves: bool,
    /// The layer it asks for.
    pub layer: LayerNeed,
    /// Its parameters.
    pub params: Vec<ParamInfo>,
}
