//! The nearest rows of each row, exactly, by comparing all pairs.

use crate::embedding::rows_to_a_step;
use crate::features::{Features, squared_distance};
use crate::{Progress, Stepped};

/// Rows that are compared with all others at a time: they stay in the processor's first cache.
const ROWS: usize = 32;

/// The `k` nearest rows of each row by Euclidean distance, in steps.
#[derive(Clone, Debug)]
pub struct Neighbours {
    padded: Vec<f32>,
    stride: usize,
    rows: usize,
    k: usize,
    row: usize,
    indices: Vec<u32>,
    squares: Vec<f32>,
    progress: Progress,
}

impl Neighbours {
    /// Looks for `k` neighbours of each row, at most all others. Features are centred and scaled first, so distances are in
    /// shares of the greatest number.
    #[must_use]
    pub fn new(mut features: Features, k: usize) -> Self {
        features.centre();
        let (padded, stride) = features.padded();
        let rows = features.rows();
        let k = k.min(rows.saturating_sub(1));
        let mut neighbours = Self {
            padded,
            stride,
            rows,
            k,
            row: 0,
            indices: vec![0; rows * k],
            squares: vec![f32::INFINITY; rows * k],
            progress: Progress::default(),
        };
        neighbours.progress.total = rows.div_ceil(neighbours.rows_to_a_step()).max(1) as u32;
        neighbours
    }

    fn rows_to_a_step(&self) -> usize {
        rows_to_a_step(self.rows * self.stride).min(ROWS)
    }

    /// Neighbours of each row.
    #[must_use]
    pub fn k(&self) -> usize {
        self.k
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The neighbours `[rows, k]`, nearest first and without the row itself; of equally near ones the lower row.
    #[must_use]
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The squared distances of [`indices`](Self::indices).
    #[must_use]
    pub fn squares(&self) -> &[f32] {
        &self.squares
    }
}

impl Stepped for Neighbours {
    fn step(&mut self) -> Progress {
        let (k, stride) = (self.k, self.stride);
        let end = (self.row + self.rows_to_a_step()).min(self.rows);
        if k > 0 {
            let first = self.row;
            for (other, there) in self.padded.chunks_exact(stride).enumerate() {
                for row in first..end {
                    let square = squared_distance(&self.padded[row * stride..(row + 1) * stride], there);
                    let squares = &mut self.squares[row * k..(row + 1) * k];
                    if square >= squares[k - 1] || other == row {
                        continue;
                    }
                    let place = squares.partition_point(|&nearer| nearer <= square);
                    squares.copy_within(place..k - 1, place + 1);
                    squares[place] = square;
                    let indices = &mut self.indices[row * k..(row + 1) * k];
                    indices.copy_within(place..k - 1, place + 1);
                    indices[place] = other as u32;
                }
            }
        }
        self.row = end;
        if end == self.rows {
            self.padded = Vec::new();
        }
        self.progress.advance(end == self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_a_line() {
        let mut line = Neighbours::new(Features::new(vec![0.0, 1.0, 3.0, 3.0, 10.0], 5, 1).unwrap(), 2);
        line.finish();
        assert_eq!(line.indices(), [1, 2, 0, 2, 3, 1, 2, 1, 2, 3]);
        assert_eq!(line.squares()[4], 0.0);
        for rows in [0, 1] {
            let mut few = Neighbours::new(Features::new(vec![1.0; rows], rows, 1).unwrap(), 3);
            few.finish();
            assert_eq!((few.k(), few.indices().len()), (0, 0));
        }
    }

    #[test]
    fn neighbours_are_those_of_a_scan() {
        let mut random = fastrand::Rng::with_seed(2);
        let (rows, columns, k) = (150, 11, 9);
        let values: Vec<f32> = (0..rows * columns).map(|_| random.f32()).collect();
        let features = Features::new(values, rows, columns).unwrap();
        let mut found = Neighbours::new(features.clone(), k);
        found.finish();
        for row in 0..rows {
            let square = |other: usize| {
                let pairs = features.row(row).iter().zip(features.row(other));
                pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>()
            };
            let mut others: Vec<usize> = (0..rows).filter(|&other| other != row).collect();
            others.sort_by(|&a, &b| square(a).total_cmp(&square(b)));
            let indices: Vec<usize> = found.indices()[row * k..][..k].iter().map(|&index| index as usize).collect();
            assert_eq!(indices, others[..k]);
        }
    }
}
