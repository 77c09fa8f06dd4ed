//! How far an embedding can be trusted: are neighbours in the plane neighbours in the features?

use crate::embedding::rows_to_a_step;
use crate::features::{Features, FeaturesError, squared_distance};
use crate::{Progress, Stepped};

/// Trustworthiness (Venna & Kaski 2001; scikit-learn's formula), in steps:
/// `1 - 2 / (n k (2n - 3k - 1)) Σ_i Σ_j∈U(i) (r(i, j) - k)`, where U(i) are the `k` nearest points of i in the plane and
/// `r(i, j) > k` is the place of j among the neighbours of i in the features. 1: all neighbours are true.
#[derive(Clone, Debug)]
pub struct Trustworthiness {
    high: (Vec<f32>, usize),
    low: (Vec<f32>, usize),
    rows: usize,
    k: usize,
    row: usize,
    sum: u64,
    progress: Progress,
}

impl Trustworthiness {
    /// Compares features with coordinates `[rows, 2]`; `k` is at least 1 and at most `(n - 1) / 2`, 5 is usual.
    ///
    /// # Errors
    /// [`FeaturesError::Shape`] if there are not two coordinates for each row.
    pub fn new(mut features: Features, coordinates: &[f32], k: usize) -> Result<Self, FeaturesError> {
        let rows = features.rows();
        let mut plane = Features::new(coordinates.to_vec(), rows, 2)?;
        features.centre();
        plane.centre();
        let (high, low) = (features.padded(), plane.padded());
        let mut work = Self {
            high,
            low,
            rows,
            k: k.clamp(1, (rows.saturating_sub(1) / 2).max(1)),
            row: 0,
            sum: 0,
            progress: Progress::default(),
        };
        work.progress.total = rows.div_ceil(work.rows_to_a_step()).max(1) as u32;
        Ok(work)
    }

    fn rows_to_a_step(&self) -> usize {
        // Beside the distances there is an order to find.
        rows_to_a_step(self.rows * (self.high.1 + self.low.1 + 40))
    }

    /// The result, in 0..1; `None` before the last step and for fewer than four rows, which have no false neighbours.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        let (n, k) = (self.rows as f64, self.k as f64);
        let most = n * k * (2.0 * n - 3.0 * k - 1.0);
        (self.row == self.rows && self.rows >= 4 && most > 0.0).then(|| 1.0 - 2.0 / most * self.sum as f64)
    }

    fn distances(of: &(Vec<f32>, usize), row: usize, to: &mut Vec<f32>) {
        let (values, stride) = of;
        let here = &values[row * stride..(row + 1) * stride];
        to.clear();
        to.extend(values.chunks_exact(*stride).map(|there| squared_distance(here, there)));
    }
}

impl Stepped for Trustworthiness {
    fn step(&mut self) -> Progress {
        let end = (self.row + self.rows_to_a_step()).min(self.rows);
        let (mut high, mut low, mut order) = (Vec::new(), Vec::new(), Vec::<u32>::new());
        for row in self.row..end {
            Self::distances(&self.high, row, &mut high);
            Self::distances(&self.low, row, &mut low);
            order.clear();
            order.extend((0..self.rows as u32).filter(|&other| other as usize != row));
            let k = self.k.min(order.len());
            if k == 0 {
                continue;
            }
            let nearer =
                |squares: &[f32], a: u32, b: u32| squares[a as usize].total_cmp(&squares[b as usize]).then(a.cmp(&b));
            order.select_nth_unstable_by(k - 1, |&a, &b| nearer(&low, a, b));
            for &other in &order[..k] {
                // The place among the neighbours: 1 for the nearest.
                let before = (0..self.rows as u32)
                    .filter(|&third| third as usize != row && nearer(&high, third, other).is_lt())
                    .count();
                self.sum += (before + 1).saturating_sub(self.k) as u64;
            }
        }
        self.row = end;
        self.progress.advance(end == self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_can_be_trusted() {
        let mut random = fastrand::Rng::with_seed(1);
        let plane: Vec<f32> = (0..80).map(|_| random.f32()).collect();
        let features = Features::new(plane.clone(), 40, 2).unwrap();
        let mut same = Trustworthiness::new(features.clone(), &plane, 5).unwrap();
        assert_eq!(same.value(), None);
        same.finish();
        assert_eq!(same.value(), Some(1.0));
        let other: Vec<f32> = (0..80).map(|_| random.f32()).collect();
        let mut other = Trustworthiness::new(features.clone(), &other, 5).unwrap();
        other.finish();
        assert!((0.3..0.7).contains(&other.value().unwrap()));
        assert!(Trustworthiness::new(features, &[0.0], 5).is_err());
        for rows in 0..4 {
            let few = Features::new(vec![0.0; rows], rows, 1).unwrap();
            let mut few = Trustworthiness::new(few, &vec![0.0; 2 * rows], 5).unwrap();
            few.finish();
            assert_eq!(few.value(), None);
        }
    }
}
