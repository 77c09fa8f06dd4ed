//! How an attribution becomes a picture.

use serde::{Deserialize, Serialize};

/// How the channels of an attribution `[C, H, W]` become one value per pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelReduction {
    /// Sum, keeping the sign: the relevance of the pixel.
    #[default]
    Sum,
    /// Sum of absolute values.
    AbsSum,
    /// Largest absolute value.
    MaxAbs,
    /// Euclidean norm.
    L2,
}

/// A colour map. Signed maps put zero in the middle; unsigned ones put it at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colormap {
    /// Coolwarm for signed maps, cividis for unsigned ones.
    #[default]
    Auto,
    /// Diverging blue to red through grey, readable with every common colour blindness.
    Coolwarm,
    /// Diverging blue to red through white: the look of iNNvestigate.
    Seismic,
    /// Sequential blue to yellow, made for colour blindness.
    Cividis,
    /// Black to white.
    Grey,
}

/// What value gets the end of the colour map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Scale {
    /// Each map's own limit: the `clip` percentile of its absolute values.
    #[default]
    PerMap,
    /// This limit for all maps, so that colours compare.
    Fixed {
        /// The absolute value at the end of the colour map, greater than 0.
        limit: f32,
    },
}

/// Everything that decides the picture of a given attribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Display {
    /// Channels to one value.
    pub reduction: ChannelReduction,
    /// Colours.
    pub colormap: Colormap,
    /// Scale.
    pub scale: Scale,
    /// Percentile in `(0, 100]` of the absolute values that becomes a map's own limit.
    pub clip: f32,
}

impl Default for Display {
    fn default() -> Self {
        Self { reduction: ChannelReduction::Sum, colormap: Colormap::Auto, scale: Scale::PerMap, clip: 99.5 }
    }
}
