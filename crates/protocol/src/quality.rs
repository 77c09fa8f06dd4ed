//! Qualities of an explanation that are measured on demand.

use serde::{Deserialize, Serialize};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// How the score falls as the most relevant pixels go, and rises as they come (Petsiuk et al. 2018).
    Deletion,
    /// The same with removed pixels filled from their neighbours, most and least relevant first (Rong et al. 2022).
    Road,
    /// How much the map changes under small noise on the picture (Yeh et al. 2019).
    MaxSensitivity,
    /// How much the map changes as the network's weights are randomised from the top (Adebayo et al. 2018).
    Randomisation,
    /// Whether the map depends on what the last layers say (Sixt et al. 2020).
    ClassSensitivity,
}

impl Check {
    /// All of them, in the order of lists.
    pub const ALL: [Self; 5] =
        [Self::ClassSensitivity, Self::Deletion, Self::Road, Self::MaxSensitivity, Self::Randomisation];

    /// The word in commands and files.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Deletion => "deletion",
            Self::Road => "road",
            Self::MaxSensitivity => "max_sensitivity",
            Self::Randomisation => "randomisation",
            Self::ClassSensitivity => "class_sensitivity",
        }
    }
}

/// A score as a share of the picture is removed or shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Shares of the pixels in `[0, 1]`, ascending.
    pub shares: Vec<f32>,
    /// The class's probability at each.
    pub scores: Vec<f32>,
    /// Area under it by trapezoids, over the width of `shares`.
    pub area: f32,
}

/// How similar a map is after the weights from the top down to a layer were randomised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Randomised {
    /// The lowest randomised layer.
    pub layer: String,
    /// Spearman's rank correlation of the absolute values with the original map, in `[-1, 1]`.
    pub rank_correlation: f32,
    /// Structural similarity with the original map, in `[-1, 1]`.
    pub structural_similarity: f32,
}

/// A measured quality.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "check")]
pub enum Assessment {
    /// Of [`Check::Deletion`].
    Deletion {
        /// The picture loses its most relevant pixels to black. A small area is good.
        deletion: Curve,
        /// A blurred picture gets its most relevant pixels back. A large area is good.
        insertion: Curve,
    },
    /// Of [`Check::Road`].
    Road {
        /// The most relevant pixels are filled from their neighbours. A small area is good.
        most: Curve,
        /// The least relevant ones are. A large area is good.
        least: Curve,
        /// `(least - most) / 2` averaged over the shares, in `[-0.5, 0.5]`; larger is better.
        score: f32,
    },
    /// Of [`Check::MaxSensitivity`].
    MaxSensitivity {
        /// Largest relative change of the map.
        value: f32,
        /// Largest change of a pixel, as a share of the range of the input.
        radius: f32,
        /// Noisy pictures tried.
        samples: u32,
    },
    /// Of [`Check::Randomisation`].
    Randomisation {
        /// From the top of the network to the bottom.
        steps: Vec<Randomised>,
    },
    /// Of [`Check::ClassSensitivity`].
    ClassSensitivity {
        /// Cosine similarity, up to the sign, of the maps with two random last layers.
        similarity: f32,
        /// Whether the two are so alike that the map hardly depends on the layers above.
        insensitive: bool,
    },
}
