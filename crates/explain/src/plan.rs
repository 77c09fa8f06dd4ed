//! What carrying out a method means for the engine.

use innspect_engine::Composite;
use innspect_graph::Preprocessing;

/// What a plan may depend on beside its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// How the network's pictures are prepared: it says what the range of pixels is in the network's input space.
    pub preprocessing: &'a Preprocessing,
    /// Channels of the network's input.
    pub channels: usize,
}

/// What is propagated back at the explained target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// 1: the result is a derivative.
    One,
    /// The target's own value: the result is a decomposition of it.
    Value,
    /// The value if it is positive, else 0 (deep Taylor).
    Positive,
}

impl Start {
    /// The word in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Value => "value",
            Self::Positive => "positive part of the value",
        }
    }
}

/// What the result of a reverse pass is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Nothing.
    One,
    /// The input.
    Input,
    /// The difference of the input to the baseline.
    Difference,
}

/// One reverse pass to the input.
#[derive(Clone, Debug, PartialEq)]
pub struct Reversal {
    /// Rules.
    pub composite: Composite,
    /// Start.
    pub start: Start,
    /// Factor.
    pub times: Times,
    /// The baseline that rules compare with, as the parameter says it.
    pub baseline: Option<String>,
}

/// How the results of noisy copies are summarised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoiseSummary {
    /// Mean (SmoothGrad, Smilkov et al. 2017).
    Mean,
    /// Mean of the squares (SmoothGrad-squared).
    MeanSquare,
    /// Variance (VarGrad, Adebayo et al. 2018).
    Variance,
}

/// Standard deviation of noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoiseScale {
    /// As a fraction of the input's own range.
    OfRange(f32),
    /// In the units of the network's input.
    Absolute(f32),
}

/// Where a path integral is evaluated, `steps` points with equal weights unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quadrature {
    /// The middles of equal parts.
    Midpoint,
    /// Their left ends (iNNvestigate).
    Left,
    /// Their right ends (DeepExplain, zennit).
    Right,
    /// Both ends and what is between, the ends with half the weight.
    Trapezoid,
}

impl Quadrature {
    /// The points in `[0, 1]` and their weights, which sum to 1.
    #[must_use]
    pub fn points(self, steps: usize) -> Vec<(f32, f32)> {
        let n = steps.max(1) as f32;
        let even = |offset: f32| (0..steps.max(1)).map(|k| ((k as f32 + offset) / n, 1.0 / n)).collect();
        match self {
            Self::Midpoint => even(0.5),
            Self::Left => even(0.0),
            Self::Right => even(1.0),
            Self::Trapezoid if steps < 2 => even(0.5),
            Self::Trapezoid => (0..steps)
                .map(|k| {
                    let inner = 1.0 / (n - 1.0);
                    (k as f32 * inner, if k == 0 || k == steps - 1 { inner / 2.0 } else { inner })
                })
                .collect(),
        }
    }
}

/// How a class activation map weighs the feature maps `A` with the gradient `g` at them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CamKind {
    /// The mean of `g` over positions (Selvaraju et al. 2017).
    GradCam,
    /// `Σ g⁺ · g² / (2g² + g³ ΣA)` (Chattopadhyay et al. 2018).
    GradCamPlusPlus,
    /// `Σ gA / ΣA` (Fu et al. 2020).
    XGradCam,
    /// `g` at each position (Draelos & Carin 2020).
    HiResCam,
    /// `g⁺` at each position (Jiang et al. 2021).
    LayerCam,
}

/// How parts of the picture are hidden, and what becomes of the scores.
#[derive(Clone, Debug, PartialEq)]
pub enum Masking {
    /// A window moves over the picture; each pixel gets the mean drop of the score over the windows on it (Zeiler &
    /// Fergus 2014).
    Occlusion {
        /// Side of the window in pixels.
        window: usize,
        /// Step in pixels.
        stride: usize,
    },
    /// The same with what is hidden taken from other pictures, and the log odds of the class (Zintgraf et al. 2017).
    PredictionDifference {
        /// Side of the window in pixels.
        window: usize,
        /// Step in pixels.
        stride: usize,
        /// Other pictures that each window is filled from.
        samples: usize,
    },
    /// A local linear model of the score over segments (Ribeiro et al. 2016).
    Lime {
        /// Segments.
        segments: String,
        /// Combinations tried.
        samples: usize,
    },
    /// Shapley values by weighted regression over segments (Lundberg & Lee 2017).
    KernelShap {
        /// Segments.
        segments: String,
        /// Combinations tried.
        samples: usize,
    },
    /// Shapley values by random orders of segments (Castro et al. 2009).
    Shapley {
        /// Segments.
        segments: String,
        /// Orders tried.
        samples: usize,
    },
    /// Random coarse masks weighted with the score (Petsiuk et al. 2018).
    Rise {
        /// Masks.
        samples: usize,
        /// Cells along a side of a mask.
        cells: usize,
        /// Share of a mask that shows the picture.
        visible: f32,
        /// Whether the mean score is taken off, so that 0 says that a pixel makes no difference.
        centred: bool,
    },
}

/// How a method uses the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// One reverse pass.
    Reverse(Reversal),
    /// One reverse pass with patterns for weights, fitted to the loaded pictures.
    Pattern {
        /// The pass.
        reversal: Reversal,
        /// Whether only positive outputs count where a rectifier follows.
        rectified_only: bool,
        /// How many pictures are used at most.
        pictures: usize,
    },
    /// A reverse pass on noisy copies.
    Noise {
        /// The pass.
        of: Reversal,
        /// Copies.
        samples: usize,
        /// Standard deviation.
        scale: NoiseScale,
        /// What becomes of the results.
        summary: NoiseSummary,
    },
    /// The gradient along a straight path from a baseline, times the difference to it (Sundararajan et al. 2017).
    Path {
        /// Points.
        steps: usize,
        /// Where they lie.
        quadrature: Quadrature,
        /// Baseline, as the parameter says it.
        baseline: String,
    },
    /// The same from random points of paths that start at other pictures (Erion et al. 2021).
    ExpectedPath {
        /// Points.
        samples: usize,
    },
    /// A class activation map.
    Cam {
        /// Weights.
        kind: CamKind,
        /// Whether negative evidence stays in the map.
        signed: bool,
    },
    /// The first principal component of a layer's feature maps (Muhammad & Yeasin 2020).
    EigenCam,
    /// Feature maps as masks, weighted by the softmax of the scores they leave (Wang et al. 2020).
    ScoreCam {
        /// Feature maps used, the most active ones.
        channels: usize,
        /// Baseline of what a mask hides.
        baseline: String,
    },
    /// The rectified, enlarged GradCAM map times Guided Backpropagation.
    GuidedGradCam,
    /// Parts of the picture are hidden.
    Mask {
        /// How.
        masking: Masking,
        /// What hidden parts look like, as the parameter says it.
        baseline: String,
    },
    /// A layer's activation itself.
    Activation,
}
