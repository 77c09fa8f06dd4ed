//! What carrying out a method means for the engine.

use innspect_engine::Composite;

/// What is propagated back at the explained class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// 1: the result is a derivative.
    One,
    /// The logit itself: the result is a decomposition of it.
    Value,
}

impl Start {
    /// The word in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Value => "value",
        }
    }
}

/// How a method uses the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// One reverse pass to the input.
    Reverse {
        /// Rules.
        composite: Composite,
        /// Start.
        start: Start,
        /// Whether the result is multiplied with the input.
        times_input: bool,
    },
    /// GradCAM: the feature maps of a layer, each weighted by the mean of its gradient.
    GradCam {
        /// Whether negative evidence stays in the map.
        signed: bool,
    },
    /// The rectified, enlarged GradCAM map times Guided Backpropagation.
    GuidedGradCam,
    /// A layer's activation itself.
    Activation,
}
