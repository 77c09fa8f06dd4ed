//! Are the scores honest? Reliability diagram, calibration errors, Brier score.

/// The number of bins that is usual since Guo et al. 2017.
pub const BINS: usize = 15;

/// Rows whose confidence lies in one bin of a reliability diagram.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// Number of rows.
    pub count: u32,
    /// Of these, the rows that are right.
    pub right: u32,
    /// Sum of the rows' confidences.
    sum: f64,
}

impl Bin {
    /// Mean confidence of the bin; `None` if it is empty.
    #[must_use]
    pub fn confidence(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }

    /// Share of right rows; `None` if the bin is empty.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        (self.count > 0).then(|| f64::from(self.right) / f64::from(self.count))
    }

    /// Accuracy less confidence: negative where the network claims too much.
    #[must_use]
    pub fn gap(&self) -> Option<f64> {
        Some(self.accuracy()? - self.confidence()?)
    }
}

/// A reliability diagram (Guo et al., "On Calibration of Modern Neural Networks", 2017): bins of equal width over confidences
/// in 0..1; bin `b` of `B` holds those in `(b/B, (b+1)/B]`, the first one 0 as well.
#[derive(Clone, Debug, PartialEq)]
pub struct Reliability {
    /// The bins, lowest confidences first.
    pub bins: Vec<Bin>,
    /// Rows whose confidence is not in 0..1.
    pub left_out: u32,
}

impl Reliability {
    /// Sorts rows of confidence (the score of the predicted class) and whether the prediction is right into `bins` bins, at
    /// least one and at most 1000.
    #[must_use]
    pub fn new(bins: usize, rows: impl IntoIterator<Item = (f32, bool)>) -> Self {
        let mut diagram = Self { bins: vec![Bin::default(); bins.clamp(1, 1000)], left_out: 0 };
        for (confidence, right) in rows {
            match diagram.bin_of(confidence).and_then(|bin| diagram.bins.get_mut(bin)) {
                Some(bin) => {
                    bin.count += 1;
                    bin.right += u32::from(right);
                    bin.sum += f64::from(confidence);
                }
                None => diagram.left_out += 1,
            }
        }
        diagram
    }

    /// The bin of a confidence; `None` outside of 0..1.
    #[must_use]
    pub fn bin_of(&self, confidence: f32) -> Option<usize> {
        if !(0.0..=1.0).contains(&confidence) {
            return None;
        }
        let (value, count) = (f64::from(confidence), self.bins.len() as f64);
        let guess = ((value * count).ceil() as usize).clamp(1, self.bins.len()) - 1;
        // The product may round over an edge; the edges decide.
        Some(if guess > 0 && value <= guess as f64 / count { guess - 1 } else { guess })
    }

    fn total(&self) -> f64 {
        self.bins.iter().map(|bin| f64::from(bin.count)).sum()
    }

    /// Expected calibration error: mean of `|accuracy - confidence|` over bins, weighted by their rows. `None` without rows.
    #[must_use]
    pub fn expected_error(&self) -> Option<f64> {
        let total = self.total();
        (total > 0.0).then(|| {
            self.bins.iter().filter_map(|bin| Some(bin.gap()?.abs() * f64::from(bin.count))).sum::<f64>() / total
        })
    }

    /// Maximum calibration error: the largest `|accuracy - confidence|` of a bin. `None` without rows.
    #[must_use]
    pub fn largest_error(&self) -> Option<f64> {
        self.bins.iter().filter_map(|bin| Some(bin.gap()?.abs())).max_by(f64::total_cmp)
    }
}

/// Brier score of one row of scores `[C]`: `Σ (p - one-hot)²` (Brier 1950), in 0..2 for a distribution, 0 for a sure and
/// right one. `None` if the label lies beyond the row or a score is not finite.
///
/// The score of a table is the mean over its rows.
#[must_use]
pub fn brier(scores: &[f32], label: usize) -> Option<f64> {
    if label >= scores.len() || scores.iter().any(|score| !score.is_finite()) {
        return None;
    }
    let square = |(class, &score): (usize, &f32)| (f64::from(score) - f64::from(u8::from(class == label))).powi(2);
    Some(scores.iter().enumerate().map(square).sum())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edges_belong_to_the_bin_below() {
        let diagram = Reliability::new(4, [(0.0, false), (0.25, true), (0.26, true), (1.0, true)]);
        let counts: Vec<u32> = diagram.bins.iter().map(|bin| bin.count).collect();
        assert_eq!(counts, [2, 1, 0, 1]);
        assert_eq!(diagram.bins[2].gap(), None);
        assert_eq!(diagram.bins[0].gap(), Some(0.375));
        assert_eq!(Reliability::new(4, [(f32::NAN, true), (1.5, true), (-0.1, false)]).left_out, 3);
        assert_eq!(Reliability::new(0, []).expected_error(), None);
        assert_eq!(Reliability::new(0, []).largest_error(), None);
    }

    #[test]
    fn brier_is_between_zero_and_two() {
        assert_eq!((brier(&[0.0, 1.0], 1), brier(&[0.0, 1.0], 0)), (Some(0.0), Some(2.0)));
        assert_eq!((brier(&[1.0], 1), brier(&[f32::NAN], 0), brier(&[], 0)), (None, None, None));
    }

    proptest! {
        #[test]
        fn a_bin_holds_what_lies_between_its_edges(confidence in 0_f32..=1.0, bins in 1_usize..60) {
            let diagram = Reliability::new(bins, [(confidence, true)]);
            let bin = diagram.bin_of(confidence).unwrap();
            let (value, count) = (f64::from(confidence), bins as f64);
            prop_assert!(value <= (bin + 1) as f64 / count);
            prop_assert!(bin == 0 || value > bin as f64 / count);
            prop_assert!((diagram.expected_error().unwrap() - (1.0 - value)).abs() < 1e-12);
        }
    }
}
