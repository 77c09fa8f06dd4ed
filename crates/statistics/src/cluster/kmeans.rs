//! k-means.

use crate::embedding::rows_to_a_step;
use crate::features::{Features, squared_distance};
use crate::{Progress, Stepped};

/// Runs from other starts, of which the best counts.
pub const RESTARTS: u32 = 10;

/// Rounds of one run at most.
const ROUNDS: u32 = 300;

/// k-means (Lloyd 1982) with the starts of k-means++ (Arthur & Vassilvitskii 2007) and ten restarts, in steps.
///
/// Runs until no row changes its group. A group that loses all of its rows gets the row that lies farthest from its centre.
#[derive(Clone, Debug)]
pub struct KMeans {
    padded: Vec<f32>,
    stride: usize,
    rows: usize,
    columns: usize,
    scale: f64,
    clusters: usize,
    random: fastrand::Rng,
    run: Run,
    restart: u32,
    best: Option<(f64, Vec<u32>)>,
    progress: Progress,
}

/// One run from one start.
#[derive(Clone, Debug, Default)]
struct Run {
    centres: Vec<f32>,
    labels: Vec<u32>,
    /// The squared distance of each row from its centre, at the start from the nearest one.
    squares: Vec<f32>,
    /// Place within a round.
    row: usize,
    round: u32,
    moved: bool,
}

impl KMeans {
    /// Looks for `clusters` groups, at least one and at most as many as there are rows.
    #[must_use]
    pub fn new(mut features: Features, clusters: usize, seed: u64) -> Self {
        let scale = features.centre();
        let (padded, stride) = features.padded();
        let rows = features.rows();
        let clusters = clusters.clamp(1, rows.max(1));
        let mut work = Self {
            padded,
            stride,
            rows,
            columns: features.columns(),
            scale,
            clusters,
            random: fastrand::Rng::with_seed(seed),
            run: Run::default(),
            restart: 0,
            best: None,
            progress: Progress::default(),
        };
        // Rounds are few mostly; the rest of a run's share is leapt over at its end.
        work.progress.total = RESTARTS * work.parts();
        work
    }

    fn rows_to_a_step(&self) -> usize {
        rows_to_a_step(self.clusters * self.stride)
    }

    /// Parts of the progress for each run.
    fn parts(&self) -> u32 {
        20 * (self.rows.div_ceil(self.rows_to_a_step()) as u32).max(1)
    }

    /// Number of groups.
    #[must_use]
    pub fn clusters(&self) -> usize {
        self.clusters
    }

    /// The group of each row, of the best run until now; empty before the first one ends. Groups are numbered by their first
    /// row.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        self.best.as_ref().map_or(&[], |(_, labels)| labels)
    }

    /// Sum of the squared distances of the rows from the centres of their groups, of the best run until now.
    #[must_use]
    pub fn inertia(&self) -> Option<f64> {
        self.best.as_ref().map(|(inertia, _)| inertia * self.scale * self.scale)
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.padded[row * self.stride..(row + 1) * self.stride]
    }

    /// The next centre by k-means++: a row, drawn by its squared distance from the nearest centre; of some draws the one that
    /// leaves the least counts, as in scikit-learn.
    fn start(&mut self) {
        let (rows, stride) = (self.rows, self.stride);
        if self.run.centres.is_empty() {
            let first = self.random.usize(..rows);
            self.run = Run {
                centres: self.row(first).to_vec(),
                labels: vec![u32::MAX; rows],
                squares: (0..rows).map(|row| squared_distance(self.row(row), self.row(first))).collect(),
                ..Run::default()
            };
            return;
        }
        let total: f64 = self.run.squares.iter().map(|&square| f64::from(square)).sum();
        let mut best: Option<(f64, usize, Vec<f32>)> = None;
        for _ in 0..2 + (self.clusters as f64).ln() as usize {
            let mut left = self.random.f64() * total;
            let drawn = self.run.squares.iter().position(|&square| {
                left -= f64::from(square);
                left < 0.0
            });
            let drawn = drawn.unwrap_or_else(|| self.random.usize(..rows));
            let after: Vec<f32> = self
                .run
                .squares
                .iter()
                .enumerate()
                .map(|(row, &square)| square.min(squared_distance(self.row(row), self.row(drawn))))
                .collect();
            let sum = after.iter().map(|&square| f64::from(square)).sum();
            if best.as_ref().is_none_or(|(least, ..)| sum < *least) {
                best = Some((sum, drawn, after));
            }
        }
        if let Some((_, drawn, after)) = best {
            self.run.centres.extend_from_slice(&self.padded[drawn * stride..(drawn + 1) * stride]);
            self.run.squares = after;
        }
    }

    /// Puts some rows into the groups of their nearest centres.
    fn assign(&mut self) {
        let end = (self.run.row + self.rows_to_a_step()).min(self.rows);
        for row in self.run.row..end {
            let mut best = (f32::INFINITY, 0);
            for (cluster, centre) in self.run.centres.chunks_exact(self.stride).enumerate() {
                let square = squared_distance(self.row(row), centre);
                if square < best.0 {
                    best = (square, cluster as u32);
                }
            }
            self.run.moved |= self.run.labels[row] != best.1;
            self.run.labels[row] = best.1;
            self.run.squares[row] = best.0;
        }
        self.run.row = end;
    }

    /// Moves the centres to the means of their groups.
    fn update(&mut self) {
        let stride = self.stride;
        let mut sums = vec![0.0_f64; self.clusters * stride];
        let mut counts = vec![0_u32; self.clusters];
        for (row, &label) in self.run.labels.iter().enumerate() {
            counts[label as usize] += 1;
            let sum = &mut sums[label as usize * stride..(label as usize + 1) * stride];
            sum.iter_mut().zip(&self.padded[row * stride..]).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        for (cluster, &count) in counts.iter().enumerate() {
            let centre = cluster * stride..(cluster + 1) * stride;
            if count > 0 {
                for (to, sum) in self.run.centres[centre.clone()].iter_mut().zip(&sums[centre]) {
                    *to = (sum / f64::from(count)) as f32;
                }
            } else if let Some(far) =
                (0..self.rows).max_by(|&a, &b| self.run.squares[a].total_cmp(&self.run.squares[b]))
            {
                let row = self.row(far).to_vec();
                self.run.centres[centre].copy_from_slice(&row);
                self.run.squares[far] = 0.0;
            }
        }
    }

    /// The sum of squared distances from the means, in float64.
    fn measure(&self) -> f64 {
        let stride = self.stride;
        let mut sums = vec![0.0_f64; self.clusters * stride];
        let mut counts = vec![0.0_f64; self.clusters];
        for (row, &label) in self.run.labels.iter().enumerate() {
            counts[label as usize] += 1.0;
            let sum = &mut sums[label as usize * stride..(label as usize + 1) * stride];
            sum.iter_mut().zip(self.row(row)).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        let mut inertia = 0.0;
        for (row, &label) in self.run.labels.iter().enumerate() {
            let label = label as usize;
            let sum = &sums[label * stride..(label + 1) * stride];
            let differences = self.row(row).iter().zip(sum).take(self.columns);
            inertia += differences.map(|(&value, sum)| (f64::from(value) - sum / counts[label]).powi(2)).sum::<f64>();
        }
        inertia
    }
}

/// Numbers groups by their first row.
pub(super) fn in_order(labels: &[u32]) -> Vec<u32> {
    let most = labels.iter().max().map_or(0, |&label| label as usize + 1);
    let mut numbers = vec![None; most];
    let mut next = 0;
    labels
        .iter()
        .map(|&label| {
            *numbers[label as usize].get_or_insert_with(|| {
                next += 1;
                next - 1
            })
        })
        .collect()
}

impl Stepped for KMeans {
    fn step(&mut self) -> Progress {
        if self.rows == 0 || self.restart >= RESTARTS {
            return self.progress.advance(true);
        }
        if self.run.centres.len() < self.clusters * self.stride {
            self.start();
        } else {
            self.assign();
        }
        if self.run.row == self.rows {
            let moved = std::mem::take(&mut self.run.moved);
            self.run.row = 0;
            self.run.round += 1;
            if moved && self.run.round < ROUNDS {
                self.update();
            } else {
                let inertia = self.measure();
                if self.best.as_ref().is_none_or(|(least, _)| inertia < *least) {
                    self.best = Some((inertia, in_order(&self.run.labels)));
                }
                self.run = Run::default();
                self.restart += 1;
                self.progress.done = self.restart * self.parts();
                return self.progress;
            }
        }
        // Within a run's share, but never into the next one's.
        self.progress.done = (self.progress.done + 1).min((self.restart + 1) * self.parts() - 1);
        self.progress
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_groups_are_found() {
        let values = vec![0.0, 0.1, 9.0, 9.1, -0.1, 5.0, 5.2];
        let mut work = KMeans::new(Features::new(values, 7, 1).unwrap(), 3, 1);
        work.finish();
        assert_eq!(work.labels(), [0, 0, 1, 1, 0, 2, 2]);
        assert!((work.inertia().unwrap() - 0.045).abs() < 1e-5);
    }

    #[test]
    fn any_table_has_groups() {
        for (values, rows, columns) in [
            (vec![], 0, 3),
            (vec![], 3, 0),
            (vec![5.0; 3], 1, 3),
            (vec![7.0; 30], 10, 3),
            (vec![f32::NAN; 12], 4, 3),
            (vec![f32::MAX, f32::MIN, 1.0, f32::INFINITY, f32::NAN, -1.0], 3, 2),
        ] {
            let mut work = KMeans::new(Features::new(values, rows, columns).unwrap(), 3, 1);
            work.finish();
            assert_eq!(work.labels().len(), rows);
            assert!(work.inertia().is_none_or(f64::is_finite));
        }
    }
}
