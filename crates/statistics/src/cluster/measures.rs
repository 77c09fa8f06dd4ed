//! How good a grouping is, how alike two are, and what each group looks like.

use crate::embedding::rows_to_a_step;
use crate::features::{Features, FeaturesError, squared_distance};
use crate::histogram::Members;
use crate::{Progress, Stepped};

/// The most groups that are counted; a label beyond is a row without group.
pub const MAX_CLUSTERS: usize = 4096;

/// Adjusted Rand index of two groupings of the same rows (Hubert & Arabie 1985): 1 for equal ones, about 0 for chance.
/// Without rows, and where both put all rows into one group or each row into its own, 1. `None` if the lengths differ.
#[must_use]
pub fn adjusted_rand_index(a: &[u32], b: &[u32]) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    let pairs = |sorted: &[(u32, u32)], same: fn(&(u32, u32), &(u32, u32)) -> bool| -> f64 {
        sorted.chunk_by(same).map(|group| group.len() as f64 * (group.len() as f64 - 1.0) / 2.0).sum()
    };
    let mut rows: Vec<(u32, u32)> = a.iter().copied().zip(b.iter().copied()).collect();
    rows.sort_unstable();
    let (both, in_a) = (pairs(&rows, |x, y| x == y), pairs(&rows, |x, y| x.0 == y.0));
    rows.sort_unstable_by_key(|row| row.1);
    let in_b = pairs(&rows, |x, y| x.1 == y.1);
    let all = rows.len() as f64 * (rows.len() as f64 - 1.0) / 2.0;
    if all <= 0.0 {
        return Some(1.0);
    }
    let (expected, most) = (in_a * in_b / all, (in_a + in_b) / 2.0);
    Some(if most == expected { 1.0 } else { (both - expected) / (most - expected) })
}

/// The rows of each group.
#[must_use]
pub fn members(labels: &[u32]) -> Members {
    let groups = labels.iter().map(|&label| label as usize).filter(|&label| label < MAX_CLUSTERS).max();
    Members::new(groups.map_or(0, |most| most + 1), labels.iter().map(|&label| Some(label as usize)))
}

/// The mean row of each group, `[groups, columns]`: of heatmaps the mean map. Numbers that are not finite are left out; the
/// mean of none is 0.
///
/// # Errors
/// [`FeaturesError::Labels`] if there is not one label for each row.
pub fn means(features: &Features, labels: &[u32]) -> Result<Features, FeaturesError> {
    check(features, labels)?;
    let members = members(labels);
    let columns = features.columns();
    let mut values = Vec::with_capacity(members.groups() * columns);
    for group in 0..members.groups() {
        let (mut sums, mut counts) = (vec![0.0_f64; columns], vec![0_u32; columns]);
        for &row in members.of(group) {
            for ((sum, count), &value) in sums.iter_mut().zip(&mut counts).zip(features.row(row as usize)) {
                if value.is_finite() {
                    *sum += f64::from(value);
                    *count += 1;
                }
            }
        }
        values.extend(sums.iter().zip(&counts).map(|(sum, &count)| (sum / f64::from(count.max(1))) as f32));
    }
    Features::new(values, members.groups(), columns)
}

fn check(features: &Features, labels: &[u32]) -> Result<(), FeaturesError> {
    let rows = features.rows();
    if labels.len() == rows { Ok(()) } else { Err(FeaturesError::Labels { labels: labels.len(), rows }) }
}

/// Silhouettes (Rousseeuw 1987), in steps: for each row `(b - a) / max(a, b)` in -1..1, with `a` the mean distance from the
/// others of its group and `b` that from the nearest other group; 0 for a row that is alone in its group.
#[derive(Clone, Debug)]
pub struct Silhouette {
    padded: Vec<f32>,
    stride: usize,
    labels: Vec<usize>,
    sizes: Vec<u32>,
    row: usize,
    values: Vec<f32>,
    progress: Progress,
}

impl Silhouette {
    /// Measures a grouping; labels of [`MAX_CLUSTERS`] and beyond count as that last group.
    ///
    /// # Errors
    /// [`FeaturesError::Labels`] if there is not one label for each row.
    pub fn new(mut features: Features, labels: &[u32]) -> Result<Self, FeaturesError> {
        check(&features, labels)?;
        features.centre();
        let (padded, stride) = features.padded();
        let labels: Vec<usize> = labels.iter().map(|&label| (label as usize).min(MAX_CLUSTERS)).collect();
        let mut sizes = vec![0; labels.iter().max().map_or(0, |&most| most + 1)];
        labels.iter().for_each(|&label| sizes[label] += 1);
        let values = vec![0.0; labels.len()];
        let mut work = Self { padded, stride, labels, sizes, row: 0, values, progress: Progress::default() };
        work.progress.total = work.labels.len().div_ceil(work.rows_to_a_step()).max(1) as u32;
        Ok(work)
    }

    fn rows_to_a_step(&self) -> usize {
        rows_to_a_step(self.labels.len() * (self.stride + 8))
    }

    /// The silhouette of each row; 0 for those that are still to come.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The mean silhouette; `None` before the last step, and with fewer than two groups.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let groups = self.sizes.iter().filter(|&&size| size > 0).count();
        (self.row == self.labels.len() && groups >= 2)
            .then(|| self.values.iter().map(|&value| f64::from(value)).sum::<f64>() / self.values.len() as f64)
    }
}

impl Stepped for Silhouette {
    fn step(&mut self) -> Progress {
        let end = (self.row + self.rows_to_a_step()).min(self.labels.len());
        let mut sums = vec![0.0_f64; self.sizes.len()];
        for row in self.row..end {
            sums.fill(0.0);
            let here = &self.padded[row * self.stride..(row + 1) * self.stride];
            for (there, &label) in self.padded.chunks_exact(self.stride).zip(&self.labels) {
                sums[label] += f64::from(squared_distance(here, there)).sqrt();
            }
            let own = self.labels[row];
            if self.sizes[own] < 2 {
                continue;
            }
            let a = sums[own] / f64::from(self.sizes[own] - 1);
            let others = sums.iter().zip(&self.sizes).enumerate();
            let b = others
                .filter(|&(label, (_, &size))| label != own && size > 0)
                .map(|(_, (sum, &size))| sum / f64::from(size))
                .fold(f64::INFINITY, f64::min);
            let most = a.max(b);
            self.values[row] = if most > 0.0 && most.is_finite() { ((b - a) / most) as f32 } else { 0.0 };
        }
        self.row = end;
        self.progress.advance(end == self.labels.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groupings_are_compared_by_their_pairs() {
        assert_eq!(adjusted_rand_index(&[0, 0, 1, 1], &[7, 7, 3, 3]), Some(1.0));
        assert!((adjusted_rand_index(&[0, 0, 1, 1], &[0, 1, 0, 1]).unwrap() + 0.5).abs() < 1e-12);
        assert_eq!(adjusted_rand_index(&[0, 0], &[0]), None);
        for trivial in [&[][..], &[3], &[0, 0, 0], &[0, 1, 2]] {
            assert_eq!(adjusted_rand_index(trivial, trivial), Some(1.0));
        }
    }

    #[test]
    fn means_and_members_of_groups() {
        let features = Features::new(vec![1.0, 2.0, 3.0, f32::NAN, 5.0, 6.0], 3, 2).unwrap();
        let found = means(&features, &[2, 0, 2]).unwrap();
        assert_eq!((found.rows(), found.values()), (3, &[3.0, 0.0, 0.0, 0.0, 3.0, 4.0][..]));
        assert_eq!(members(&[2, 0, 2]).of(2), [0, 2]);
        assert_eq!(members(&[u32::MAX, 0]).groups(), 1);
        assert_eq!(means(&features, &[0]), Err(FeaturesError::Labels { labels: 1, rows: 3 }));
        assert_eq!(means(&Features::default(), &[]).unwrap().rows(), 0);
    }

    #[test]
    fn silhouettes_of_a_line() {
        let mut line = Silhouette::new(Features::new(vec![0.0, 1.0, 10.0], 3, 1).unwrap(), &[0, 0, u32::MAX]).unwrap();
        line.finish();
        for (value, wanted) in line.values().iter().zip([0.9, 8.0 / 9.0, 0.0]) {
            assert!((value - wanted).abs() < 1e-6);
        }
        let mut one = Silhouette::new(Features::new(vec![0.0; 3], 3, 1).unwrap(), &[0; 3]).unwrap();
        one.finish();
        assert_eq!((one.values(), one.mean()), (&[0.0; 3][..], None));
    }
}
