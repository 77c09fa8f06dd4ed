//! Spectral clustering of heatmaps (SpRAy).
//!
//! As Lapuschkin et al. 2019, after Ng, Jordan & Weiss 2001 and von Luxburg 2007: rows are joined with their nearest
//! neighbours, in both directions and with weight 1; the eigenvalues of the normalised Laplacian `I - D^-½ W D^-½` are close
//! to 0 for as many groups as there are, and the gap behind them says how many; k-means of the rows of the eigenvectors,
//! scaled to length 1, finds them.
//!
//! The gap is measured by the eigenvalue behind it, `(λ_k+1 - λ_k) / (λ_k+1 + 0.05)`. Heatmaps that follow an object through
//! the picture are one group along a continuum: its eigenvalues grow step by step and the steps grow with them, so that the
//! widest step alone would cut it to pieces.

use crate::cluster::kmeans::KMeans;
use crate::eigen::{Subspace, add_scaled, jacobi};
use crate::embedding::graph::Graph;
use crate::embedding::neighbours::Neighbours;
use crate::features::Features;
use crate::{Progress, Stepped};

/// The fewest and the most groups that the gap may choose.
pub const CLUSTERS: std::ops::RangeInclusive<usize> = 2..=8;

/// Matrices up to this side are decomposed at once and exactly.
const EXACT_SIDE: usize = 64;

/// An eigenvalue that counts as nearly 0: gaps between smaller ones say nothing.
const NOISE: f64 = 0.05;

/// Vectors beside the wanted ones.
const SPARE: usize = 8;

/// Degree of the polynomial that damps unwanted eigenvectors, rounds at most, and where vectors count as found.
const DEGREE: u32 = 16;
const ROUNDS: u32 = 60;
const TOLERANCE: f64 = 1e-8;

/// Choices of spectral clustering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpectralOptions {
    /// Neighbours that each row is joined with, at least 1.
    pub neighbours: usize,
    /// Number of groups, at most as many as there are rows; `None` for the one of [`CLUSTERS`] behind which the eigenvalues
    /// have the clearest gap.
    pub clusters: Option<usize>,
    /// Seed of k-means and of the first vectors.
    pub seed: u64,
}

impl Default for SpectralOptions {
    fn default() -> Self {
        Self { neighbours: 10, clusters: None, seed: 0 }
    }
}

/// Spectral clustering of the rows of a table, in steps.
#[derive(Clone, Debug)]
pub struct Spectral {
    options: SpectralOptions,
    rows: usize,
    stage: Stage,
    eigenvalues: Vec<f64>,
    clusters: usize,
    labels: Vec<u32>,
    progress: Progress,
}

#[derive(Clone, Debug)]
enum Stage {
    Neighbours(Neighbours),
    Graph(Neighbours),
    Vectors(Vectors),
    Groups(KMeans),
    Done,
}

impl Spectral {
    /// Looks for groups of rows. With fewer than three rows all are in one group.
    #[must_use]
    pub fn new(features: Features, options: SpectralOptions) -> Self {
        let rows = features.rows();
        let neighbours = Neighbours::new(features, options.neighbours.max(1));
        let mut work = Self {
            options,
            rows,
            stage: Stage::Neighbours(neighbours),
            eigenvalues: Vec::new(),
            clusters: usize::from(rows > 0),
            labels: vec![0; rows],
            progress: Progress::default(),
        };
        work.progress.total = (rows as u32 / 16 + 2).saturating_add(ROUNDS * (DEGREE + 1)) + 200;
        work
    }

    /// The group of each row, numbered by their first row; all 0 before the last step.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Number of groups.
    #[must_use]
    pub fn clusters(&self) -> usize {
        self.clusters
    }

    /// The smallest eigenvalues of the normalised Laplacian in 0..2, ascending, one more than groups may be chosen: how clear
    /// the number of groups is. Empty before they are found.
    #[must_use]
    pub fn eigenvalues(&self) -> &[f64] {
        &self.eigenvalues
    }

    /// Eigenvectors that are needed.
    fn wanted(&self) -> usize {
        self.options.clusters.unwrap_or(0).max(CLUSTERS.end() + 1).min(self.rows)
    }

    fn choose(&mut self, vectors: &Vectors) -> KMeans {
        let count = self.wanted().min(vectors.subspace.values.len());
        self.eigenvalues = vectors.subspace.values[..count].iter().map(|value| (1.0 - value).clamp(0.0, 2.0)).collect();
        let gap = |&clusters: &usize| match (self.eigenvalues.get(clusters - 1), self.eigenvalues.get(clusters)) {
            (Some(last), Some(next)) => (next - last) / (next + NOISE),
            _ => -1.0,
        };
        // Of equal gaps the fewest groups.
        let by_gap = CLUSTERS.rev().max_by(|a, b| gap(a).total_cmp(&gap(b))).unwrap_or(1);
        self.clusters = self.options.clusters.unwrap_or(by_gap).clamp(1, count.max(1));
        let rows = self.rows;
        let mut values = Vec::with_capacity(rows * self.clusters);
        for row in 0..rows {
            let of = |vector: usize| vectors.subspace.vectors[vector * rows + row];
            let length = (0..self.clusters).map(|vector| of(vector).powi(2)).sum::<f64>().sqrt();
            let factor = if length > 0.0 { 1.0 / length } else { 0.0 };
            values.extend((0..self.clusters).map(|vector| (of(vector) * factor) as f32));
        }
        KMeans::new(Features::new(values, rows, self.clusters).unwrap_or_default(), self.clusters, self.options.seed)
    }
}

impl Stepped for Spectral {
    fn step(&mut self) -> Progress {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Done) {
            _ if self.rows < 3 => Stage::Done,
            Stage::Neighbours(mut neighbours) => {
                if neighbours.step().is_done() {
                    Stage::Graph(neighbours)
                } else {
                    Stage::Neighbours(neighbours)
                }
            }
            Stage::Graph(neighbours) => {
                let ones = vec![1.0; neighbours.indices().len()];
                let graph = Graph::symmetric(self.rows, neighbours.k(), neighbours.indices().to_vec(), ones, f32::max);
                Stage::Vectors(Vectors::new(&graph, self.wanted(), self.options.seed))
            }
            Stage::Vectors(mut vectors) => {
                if vectors.step() {
                    let groups = self.choose(&vectors);
                    Stage::Groups(groups)
                } else {
                    Stage::Vectors(vectors)
                }
            }
            Stage::Groups(mut groups) => {
                if groups.step().is_done() {
                    self.labels = groups.labels().to_vec();
                    Stage::Done
                } else {
                    Stage::Groups(groups)
                }
            }
            Stage::Done => Stage::Done,
        };
        self.progress.advance(matches!(self.stage, Stage::Done))
    }
}

/// The first eigenvectors of `D^-½ W D^-½`, whose eigenvalues are 1 less those of the Laplacian: subspace iteration with
/// Chebyshev's polynomials, which damp everything below the last estimate and so part even eigenvalues that lie close.
#[derive(Clone, Debug)]
struct Vectors {
    /// Where each row's entries start, and the entries of the matrix.
    starts: Vec<usize>,
    entries: Vec<(u32, f64)>,
    wanted: usize,
    subspace: Subspace,
    /// Two steps of the recurrence, and its degree: 0 before a round.
    previous: Vec<f64>,
    current: Vec<f64>,
    degree: u32,
    round: u32,
}

impl Vectors {
    fn new(graph: &Graph, wanted: usize, seed: u64) -> Self {
        let rows = graph.rows();
        let degrees: Vec<f64> = (0..rows).map(|row| graph.of(row).map(|(_, weight)| f64::from(weight)).sum()).collect();
        let scale = |row: usize| if degrees[row] > 0.0 { 1.0 / degrees[row].sqrt() } else { 0.0 };
        let mut starts = vec![0];
        let mut entries = Vec::with_capacity(graph.edges());
        for row in 0..rows {
            entries.extend(
                graph.of(row).map(|(target, weight)| (target as u32, f64::from(weight) * scale(row) * scale(target))),
            );
            starts.push(entries.len());
        }
        let subspace = Subspace::new(rows, wanted + SPARE, seed);
        let mut vectors =
            Self { starts, entries, wanted, subspace, previous: Vec::new(), current: Vec::new(), degree: 0, round: 0 };
        if rows <= EXACT_SIDE {
            let mut whole = vec![0.0; rows * rows];
            for row in 0..rows {
                for &(target, value) in &vectors.entries[vectors.starts[row]..vectors.starts[row + 1]] {
                    whole[row * rows + target as usize] = value;
                }
            }
            (vectors.subspace.values, vectors.subspace.vectors) = jacobi(whole, rows);
            vectors.round = ROUNDS;
        }
        vectors
    }

    /// Images of vectors `[width, rows]`.
    fn images(&self, of: &[f64]) -> Vec<f64> {
        let rows = self.starts.len() - 1;
        let mut images = Vec::with_capacity(of.len());
        for vector in of.chunks_exact(rows.max(1)) {
            images.extend(self.starts.windows(2).map(|bounds| {
                self.entries[bounds[0]..bounds[1]].iter().map(|&(at, value)| value * vector[at as usize]).sum::<f64>()
            }));
        }
        images
    }

    /// One product with the matrix; true when the vectors are found.
    fn step(&mut self) -> bool {
        if self.round >= ROUNDS {
            return true;
        }
        if self.degree == 0 {
            let images = self.images(&self.subspace.vectors);
            let images = self.subspace.turn(&images);
            if self.subspace.residual(&images, self.wanted) < TOLERANCE {
                self.round = ROUNDS;
                return true;
            }
            self.previous = self.subspace.vectors.clone();
            self.current = self.shifted(images, &self.previous, 1.0);
            self.degree = 1;
        } else {
            let images = self.images(&self.current);
            let mut next = self.shifted(images, &self.current, 2.0);
            add_scaled(&mut next, -1.0, &self.previous);
            self.previous = std::mem::replace(&mut self.current, next);
            self.degree += 1;
        }
        if self.degree == DEGREE {
            self.degree = 0;
            self.round += 1;
            self.subspace.replace(std::mem::take(&mut self.current));
            if self.round == ROUNDS {
                let images = self.images(&self.subspace.vectors);
                self.subspace.turn(&images);
            }
        }
        false
    }

    /// `factor · (image - centre · vector) / half`: the interval from -1 to the last estimate, which holds what is unwanted,
    /// becomes -1..1, where Chebyshev's polynomials stay small.
    fn shifted(&self, mut images: Vec<f64>, vectors: &[f64], factor: f64) -> Vec<f64> {
        let last = self.subspace.values.last().copied().unwrap_or(0.0).clamp(-0.9, 1.0 - 1e-6);
        let (centre, half) = ((last - 1.0) / 2.0, (last + 1.0) / 2.0);
        for (image, vector) in images.iter_mut().zip(vectors) {
            *image = factor * (*image - centre * vector) / half;
        }
        images
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::measures::adjusted_rand_index;

    fn spectral(values: Vec<f32>, rows: usize, columns: usize, options: SpectralOptions) -> Spectral {
        let mut work = Spectral::new(Features::new(values, rows, columns).unwrap(), options);
        work.finish();
        work
    }

    /// Rings around each other, which no k-means can part.
    fn rings(rows: usize, count: usize) -> (Vec<f32>, Vec<u32>) {
        let mut random = fastrand::Rng::with_seed(9);
        let labels: Vec<u32> = (0..rows).map(|row| (row % count) as u32).collect();
        let values = labels
            .iter()
            .flat_map(|&label| {
                let radius = 1.0 + 2.0 * label as f32 + 0.1 * random.f32();
                let angle = random.f32() * std::f32::consts::TAU;
                [radius * angle.cos(), radius * angle.sin()]
            })
            .collect();
        (values, labels)
    }

    #[test]
    fn rings_are_parted() {
        for (rows, count) in [(400, 2), (900, 3)] {
            let (values, labels) = rings(rows, count);
            let options = SpectralOptions { neighbours: 8, clusters: Some(count), ..SpectralOptions::default() };
            let found = spectral(values, rows, 2, options);
            assert_eq!(adjusted_rand_index(found.labels(), &labels), Some(1.0), "{:?}", found.eigenvalues());
        }
    }

    #[test]
    fn the_gap_counts_the_groups() {
        let mut random = fastrand::Rng::with_seed(2);
        for (rows, count) in [(60, 2), (60, 4), (300, 3), (400, 8)] {
            let labels: Vec<u32> = (0..rows).map(|row| (row % count) as u32).collect();
            let values: Vec<f32> = labels
                .iter()
                .flat_map(|&label| {
                    let at = |axis: u32| if label % 4 == axis { 1.0 + (label / 4) as f32 } else { 0.0 };
                    (0..4).map(|axis| at(axis) + 0.4 * (random.f32() - 0.5)).collect::<Vec<_>>()
                })
                .collect();
            let found = spectral(values, rows, 4, SpectralOptions::default());
            assert_eq!(found.clusters(), count, "{:?}", found.eigenvalues());
            assert_eq!(adjusted_rand_index(found.labels(), &labels), Some(1.0));
        }
    }

    #[test]
    fn any_table_has_groups() {
        for (values, rows, columns) in [
            (vec![], 0, 3),
            (vec![], 3, 0),
            (vec![5.0; 3], 1, 3),
            (vec![1.0, 2.0], 2, 1),
            (vec![7.0; 300], 100, 3),
            (vec![f32::NAN; 12], 4, 3),
            (vec![f32::MAX, f32::MIN, 1.0, f32::INFINITY, f32::NAN, -1.0], 3, 2),
        ] {
            for clusters in [None, Some(0), Some(3), Some(1000)] {
                let options = SpectralOptions { clusters, neighbours: 0, ..SpectralOptions::default() };
                let found = spectral(values.clone(), rows, columns, options);
                assert_eq!(found.labels().len(), rows);
                assert!(found.labels().iter().all(|&label| (label as usize) < found.clusters()));
            }
        }
    }
}
