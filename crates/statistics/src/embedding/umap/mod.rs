//! Uniform manifold approximation and projection (McInnes, Healy & Melville 2018; umap-learn's numbers).
//!
//! Features go to their first [`PRINCIPAL`] components; each point's nearest neighbours become a fuzzy set, the sets are
//! united to a graph, and points that start at the first two components are moved along its edges by stochastic gradient
//! descent with negative samples.

mod curve;
mod layout;
mod membership;

use crate::embedding::PRINCIPAL;
use crate::embedding::graph::Graph;
use crate::embedding::neighbours::Neighbours;
use crate::embedding::pca::Pca;
use crate::embedding::tsne::first_two;
use crate::features::Features;
use crate::{Progress, Stepped};
pub use curve::curve;
use layout::Layout;
pub use membership::FuzzyGraph;

/// Choices of UMAP.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UmapOptions {
    /// Size of a neighbourhood, the point itself included: at least 2, at most all points. Small shows detail, large the whole.
    pub neighbours: usize,
    /// How near points may lie together, at least 0 and at most `spread`.
    pub min_dist: f32,
    /// The scale of the plane, above 0.
    pub spread: f32,
    /// Epochs of the descent; `None` for umap-learn's choice, 500 up to 10 000 points and 200 beyond.
    pub epochs: Option<u32>,
    /// Seed of the start's noise and of the negative samples.
    pub seed: u64,
}

impl Default for UmapOptions {
    fn default() -> Self {
        Self { neighbours: 15, min_dist: 0.1, spread: 1.0, epochs: None, seed: 0 }
    }
}

/// UMAP of features to the plane, in steps.
#[derive(Clone, Debug)]
pub struct Umap {
    rows: usize,
    options: UmapOptions,
    stage: Stage,
    coordinates: Vec<f32>,
    progress: Progress,
}

#[derive(Clone, Debug)]
enum Stage {
    Components(Pca),
    Neighbours(Neighbours, Vec<f32>),
    Graph(FuzzyGraph, Vec<f32>),
    Descent(Layout),
    Done,
}

/// Parts of the progress before the descent, and for each epoch of it: an epoch has as many steps as it needs.
const PARTS_BEFORE: u32 = 100;

impl Umap {
    /// UMAP of any features; one row lies at 0. Options out of their range are brought into it.
    #[must_use]
    pub fn new(features: Features, options: UmapOptions) -> Self {
        let rows = features.rows();
        let mut umap = Self {
            rows,
            options,
            stage: Stage::Components(Pca::new(features, PRINCIPAL)),
            coordinates: vec![0.0; 2 * rows],
            progress: Progress::default(),
        };
        umap.progress.total = umap.epochs().saturating_add(PARTS_BEFORE);
        umap
    }

    /// The coordinates `[rows, 2]`: 0 at first, then those of the descent as it goes on.
    #[must_use]
    pub fn coordinates(&self) -> &[f32] {
        &self.coordinates
    }

    fn epochs(&self) -> u32 {
        self.options.epochs.unwrap_or(if self.rows <= 10_000 { 500 } else { 200 }).max(1)
    }

    /// Both axes from 0 to 10, with a little noise that parts equal points.
    fn start(&mut self, plane: &[f32], graph: &Graph) -> Layout {
        let mut random = fastrand::Rng::with_seed(self.options.seed);
        let largest = plane.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let factor = if largest > 0.0 { 10.0 / f64::from(largest) } else { 0.0 };
        self.coordinates =
            plane.iter().map(|&value| (f64::from(value) * factor + (random.f64() - 0.5) * 3e-4) as f32).collect();
        for axis in 0..2 {
            let column = || self.coordinates.iter().skip(axis).step_by(2).copied();
            let (low, high) = (column().fold(f32::INFINITY, f32::min), column().fold(f32::NEG_INFINITY, f32::max));
            // An axis with nothing but noise stays so: it is no extent to be enlarged.
            let factor = if high - low > 1e-2 { 10.0 / (high - low) } else { 1.0 };
            self.coordinates.iter_mut().skip(axis).step_by(2).for_each(|value| *value = (*value - low) * factor);
        }
        let (a, b) = curve(self.options.min_dist.into(), self.options.spread.into());
        Layout::new(graph, (a as f32, b as f32), self.epochs(), random.u64(..))
    }
}

impl Stepped for Umap {
    fn step(&mut self) -> Progress {
        let mut epoch = 0;
        self.stage = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Components(mut pca) => {
                if pca.step().is_done() {
                    let columns = pca.components();
                    let plane = first_two(pca.coordinates(), columns, self.rows);
                    let features = Features::new(pca.coordinates().to_vec(), self.rows, columns).unwrap_or_default();
                    let others = self.options.neighbours.max(2) - 1;
                    Stage::Neighbours(Neighbours::new(features, others), plane)
                } else {
                    Stage::Components(pca)
                }
            }
            Stage::Neighbours(mut neighbours, plane) => {
                if neighbours.step().is_done() {
                    Stage::Graph(FuzzyGraph::new(neighbours), plane)
                } else {
                    Stage::Neighbours(neighbours, plane)
                }
            }
            Stage::Graph(..) if self.rows < 2 => Stage::Done,
            Stage::Graph(mut graph, plane) => {
                if graph.step().is_done() {
                    Stage::Descent(self.start(&plane, &graph.into_graph()))
                } else {
                    Stage::Graph(graph, plane)
                }
            }
            Stage::Descent(mut layout) => {
                let done = layout.step(&mut self.coordinates);
                epoch = layout.epoch();
                if done { Stage::Done } else { Stage::Descent(layout) }
            }
            Stage::Done => Stage::Done,
        };
        match &self.stage {
            Stage::Done => self.progress.done = self.progress.total,
            Stage::Descent(_) => self.progress.done = (PARTS_BEFORE + epoch).min(self.progress.total - 1),
            _ => self.progress.done = (self.progress.done + 1).min(PARTS_BEFORE),
        }
        self.progress
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_table_has_coordinates() {
        for (values, rows, columns) in [
            (vec![], 0, 3),
            (vec![], 3, 0),
            (vec![5.0; 3], 1, 3),
            (vec![1.0, 2.0], 2, 1),
            (vec![7.0; 30], 10, 3),
            (vec![f32::NAN; 12], 4, 3),
            (vec![f32::MAX, f32::MIN, 1.0, f32::INFINITY, f32::NAN, -1.0], 3, 2),
        ] {
            for options in [
                UmapOptions { epochs: Some(50), ..UmapOptions::default() },
                UmapOptions { neighbours: 0, min_dist: f32::NAN, spread: -1.0, epochs: Some(0), seed: 1 },
            ] {
                let mut umap = Umap::new(Features::new(values.clone(), rows, columns).unwrap(), options);
                umap.finish();
                assert_eq!(umap.coordinates().len(), 2 * rows);
                assert!(umap.coordinates().iter().all(|value| value.is_finite()), "{rows} {:?}", umap.coordinates());
            }
        }
    }

    #[test]
    fn progress_never_goes_back() {
        let mut random = fastrand::Rng::with_seed(1);
        let values = (0..300 * 4).map(|_| random.f32()).collect();
        let options = UmapOptions { epochs: Some(30), ..UmapOptions::default() };
        let mut umap = Umap::new(Features::new(values, 300, 4).unwrap(), options);
        let mut before = umap.step();
        while !before.is_done() {
            let now = umap.step();
            assert!(now.done >= before.done && now.total == before.total);
            before = now;
        }
        assert_eq!(umap.step(), before);
    }
}
