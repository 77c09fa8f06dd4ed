//! What is computed of a table: of predictions, of features, of heatmaps.
//!
//! ```text
//! logits  --scores-->  best classes, entropy, margin, loss --agreement--> the axes and quadrants of the Suggestion panel
//! classes --truth, calibration-->  accuracy, confusion, quality per class, reliability
//! columns --histogram, rank, table, points-->  bins, correlations, order, what lies under the pointer
//! maps    --overlap, rank-->  do two networks look at the same place
//! features --embedding-->  PCA, t-SNE, UMAP        features --cluster-->  groups of pictures, of heatmaps
//! ```
//!
//! Functions over slices: no networks, no device, no DOM, no threads; natively and in wasm32 alike. The short ones answer at
//! once. The long ones are works that go in [steps](Stepped) of about ten milliseconds, so that a worker can show what is
//! there, pause and stop between them.
//!
//! Any numbers may come. Each item says what it makes of NaN, of nothing and of what is all the same; none panics. Where two
//! columns belong together, rows beyond the end of the shorter one do not count. What is drawn at random depends on a seed.
//!
//! ```
//! use innspect_statistics::{Features, Stepped, embedding::tsne::{Tsne, TsneOptions}};
//!
//! let features = Features::new((0..60).map(|i| (i % 7) as f32).collect(), 20, 3)?;
//! let mut map = Tsne::new(features, TsneOptions::default());
//! while !map.step().is_done() { /* show map.coordinates(), see whether to go on */ }
//! assert_eq!(map.coordinates().len(), 2 * 20);
//! # Ok::<(), innspect_statistics::FeaturesError>(())
//! ```

pub mod agreement;
pub mod calibration;
pub mod cluster;
pub mod embedding;
pub mod histogram;
pub mod overlap;
pub mod points;
pub mod rank;
pub mod scores;
pub mod table;
pub mod truth;

mod eigen;
mod features;

pub use features::{Features, FeaturesError, MAX_ROWS, MAX_VALUES};

/// How far a work is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Parts that are done; never goes back, and may leap to `total`.
    pub done: u32,
    /// All parts; the same from beginning to end.
    pub total: u32,
}

impl Progress {
    /// Whether all is done.
    #[must_use]
    pub fn is_done(self) -> bool {
        self.done >= self.total
    }

    /// One part more, but only a work that says so is done.
    pub(crate) fn advance(&mut self, done: bool) -> Self {
        self.done = if done { self.total } else { (self.done + 1).min(self.total.saturating_sub(1)) };
        *self
    }
}

/// A work in steps of about ten milliseconds, driven by the caller.
pub trait Stepped {
    /// Does the next part; does nothing when all is done.
    fn step(&mut self) -> Progress;

    /// Does all of the work.
    fn finish(&mut self) {
        while !self.step().is_done() {}
    }
}
