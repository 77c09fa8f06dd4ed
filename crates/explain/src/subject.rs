//! What is explained: a network that has run on inputs, and what surrounds it.

use innspect_dataset::baseline::Baseline;
use innspect_engine::{Network, Tape, Tensor};
use innspect_graph::Preprocessing;

use crate::ExplainError;

/// What surrounds the inputs: how they were made from pictures, and which other pictures there are.
#[derive(Clone, Debug)]
pub struct Setting {
    /// How pictures become inputs; it maps baselines from pixels.
    pub preprocessing: Preprocessing,
    /// Other pictures prepared for the network, `[1, C, H, W]` each, by name.
    pub pictures: Vec<(String, Tensor)>,
    /// Bytes that the values of one chunk of variants may take on the device.
    pub budget: u64,
}

/// The default of [`Setting::budget`].
pub const BUDGET: u64 = 256 << 20;
/// Variants in a chunk on a GPU at most: more gain nothing and make progress coarse.
const MAX_CHUNK: u64 = 16;

impl Setting {
    /// No other pictures, and the default budget.
    #[must_use]
    pub fn new(preprocessing: Preprocessing) -> Self {
        Self { preprocessing, pictures: Vec::new(), budget: BUDGET }
    }
}

/// A network that has run on a batch of inputs.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The network.
    pub network: &'a Network,
    /// Its forward pass.
    pub tape: &'a Tape,
    /// Its logits, `[n, classes]` row-major, read back once.
    pub logits: &'a [f32],
    /// What surrounds it.
    pub setting: &'a Setting,
}

impl Subject<'_> {
    /// The input, `[n, C, H, W]`.
    pub(crate) fn input(&self) -> &Tensor {
        self.tape.value(self.network.graph().input)
    }

    /// The input of one sample, `[1, C, H, W]`.
    pub(crate) fn sample(&self, index: usize) -> Tensor {
        if self.tape.batch() == 1 { self.input().clone() } else { self.input().slice(0, index, index + 1, 1) }
    }

    /// `[C, H, W]`.
    ///
    /// # Errors
    /// [`ExplainError::NotApplicable`] if the network does not read pictures.
    pub(crate) fn image_shape(&self) -> Result<[usize; 3], ExplainError> {
        self.network.graph().image_shape().ok_or_else(|| ExplainError::NotApplicable {
            reason: "The network does not read pictures, so no part of one can be changed.".into(),
        })
    }

    /// How many variants of a sample run at once: `passes` is what one of them holds, in forward passes whose values
    /// are all kept.
    pub(crate) fn chunk(&self, passes: f64) -> usize {
        // A CPU gains nothing from a batch: what one variant touches fits its caches better than what many do.
        if !self.network.device().is_gpu() {
            return 1;
        }
        let bytes = (self.network.tape_bytes() as f64 * passes).max(1.0);
        ((self.setting.budget as f64 / bytes) as u64).clamp(1, MAX_CHUNK) as usize
    }

    /// The baseline of a sample `[1, C, H, W]` as a parameter says it.
    ///
    /// # Errors
    /// [`ExplainError::NotApplicable`] if it is a picture that is not loaded.
    pub(crate) async fn baseline(&self, sample: &Tensor, value: &str, seed: u64) -> Result<Tensor, ExplainError> {
        if let Some(name) = value.strip_prefix("picture:") {
            let found = self.setting.pictures.iter().find(|(id, _)| id == name);
            return found.map(|(_, picture)| picture.clone()).ok_or_else(|| ExplainError::NotApplicable {
                reason: format!("The baseline picture {name} is not loaded."),
            });
        }
        let baseline: Baseline = value
            .parse()
            .map_err(|error| ExplainError::NotApplicable { reason: format!("The baseline {value:?}: {error}") })?;
        let shape = self.image_shape()?;
        let input = sample.read().await?;
        let made = baseline
            .make(&input, shape, &self.setting.preprocessing, seed)
            .map_err(|error| ExplainError::NotApplicable { reason: error.to_string() })?;
        Ok(Tensor::from_vec(made, &sample.dims(), self.network.device()))
    }
}
