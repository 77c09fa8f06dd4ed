//! Histograms of equal bins, and who is in each bin.

use crate::table::argsort;

/// The most bins of a histogram.
pub const MAX_BINS: usize = 4096;

/// Counts of values in bins of equal width. As in NumPy, a bin holds its lower edge and not its upper one, but the last bin
/// holds both.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Number of values of each bin.
    pub counts: Vec<u32>,
    /// Finite values below the range.
    pub below: u32,
    /// Finite values above the range.
    pub above: u32,
    /// NaN and infinities.
    pub not_finite: u32,
    low: f64,
    high: f64,
}

impl Histogram {
    /// Counts values in `bins` bins (1 to [`MAX_BINS`]) of a range: given, or from the least to the greatest finite value.
    ///
    /// A range without width is widened by 0.5 on both sides, as NumPy does, or by a millionth of a large number; without any
    /// finite value the range is 0..1. A
    /// given range that is turned round is turned back, one that is not finite is replaced by that of the values.
    #[must_use]
    pub fn new(values: &[f32], bins: usize, range: Option<(f32, f32)>) -> Self {
        let range = range.filter(|(low, high)| low.is_finite() && high.is_finite());
        let (low, high) = range.or_else(|| extent(values)).unwrap_or((0.0, 1.0));
        let (low, high) = (f64::from(low.min(high)), f64::from(low.max(high)));
        let wider = if low == high { (low.abs() * 1e-6).max(0.5) } else { 0.0 };
        let (low, high) = (low - wider, high + wider);
        let mut histogram =
            Self { counts: vec![0; bins.clamp(1, MAX_BINS)], below: 0, above: 0, not_finite: 0, low, high };
        for &value in values {
            if let Some(bin) = histogram.bin_of(value) {
                histogram.counts[bin] += 1;
            } else if !value.is_finite() {
                histogram.not_finite += 1;
            } else if f64::from(value) < low {
                histogram.below += 1;
            } else {
                histogram.above += 1;
            }
        }
        histogram
    }

    /// The least and the greatest value that are counted.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Edge `index` of 0 to the number of bins.
    #[must_use]
    pub fn edge(&self, index: usize) -> f64 {
        if index >= self.counts.len() {
            return self.high;
        }
        index as f64 * ((self.high - self.low) / self.counts.len() as f64) + self.low
    }

    /// The bin of a value; `None` outside of the range.
    #[must_use]
    pub fn bin_of(&self, value: f32) -> Option<usize> {
        let value = f64::from(value);
        if !(self.low..=self.high).contains(&value) {
            return None;
        }
        let last = self.counts.len() - 1;
        let guess = ((value - self.low) / (self.high - self.low) * self.counts.len() as f64) as usize;
        let guess = guess.min(last);
        // The quotient may round over an edge; the edges decide.
        Some(if guess > 0 && value < self.edge(guess) {
            guess - 1
        } else if guess < last && value >= self.edge(guess + 1) {
            guess + 1
        } else {
            guess
        })
    }

    /// The indices of the values in each bin; the values are those of [`new`](Self::new).
    #[must_use]
    pub fn members(&self, values: &[f32]) -> Members {
        Members::new(self.counts.len(), values.iter().map(|&value| self.bin_of(value)))
    }
}

/// Indices in groups: the values of each bin of a histogram, the pictures of each cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    starts: Vec<u32>,
    indices: Vec<u32>,
}

impl Members {
    /// Puts index `i` into the `i`-th group that is given; indices of no group, or of one beyond `groups`, are left out.
    pub(crate) fn new(groups: usize, of: impl Iterator<Item = Option<usize>> + Clone) -> Self {
        let mut starts = vec![0_u32; groups + 1];
        for group in of.clone().flatten().filter(|&group| group < groups) {
            starts[group + 1] += 1;
        }
        for group in 0..groups {
            starts[group + 1] += starts[group];
        }
        let mut free = starts.clone();
        let mut indices = vec![0; starts[groups] as usize];
        for (index, group) in of.enumerate() {
            if let Some(group) = group.filter(|&group| group < groups) {
                indices[free[group] as usize] = index as u32;
                free[group] += 1;
            }
        }
        Self { starts, indices }
    }

    /// Number of groups.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.starts.len() - 1
    }

    /// The indices of a group, ascending; empty beyond the last group.
    #[must_use]
    pub fn of(&self, group: usize) -> &[u32] {
        match (self.starts.get(group), self.starts.get(group + 1)) {
            (Some(&start), Some(&end)) => &self.indices[start as usize..end as usize],
            _ => &[],
        }
    }
}

/// The least and the greatest finite value; `None` without any.
#[must_use]
pub fn extent(values: &[f32]) -> Option<(f32, f32)> {
    let mut finite = values.iter().copied().filter(|value| value.is_finite());
    let first = finite.next()?;
    Some(finite.fold((first, first), |(low, high), value| (low.min(value), high.max(value))))
}

/// A good number of bins for values, 1 to `most` (at least 1 and at most [`MAX_BINS`]): bins as wide as twice the
/// interquartile range by the cube root of n (Freedman & Diaconis 1981), with quartiles interpolated as NumPy does; where more
/// than half of the values are equal and that width is 0, Sturges's `log₂ n + 1`. Values that are not finite do not count;
/// constant values have one bin.
#[must_use]
pub fn freedman_diaconis(values: &[f32], most: usize) -> usize {
    let Some((low, high)) = extent(values).filter(|(low, high)| low < high) else {
        return 1;
    };
    let order = argsort(values, false);
    let finite: Vec<f64> =
        order.iter().map(|&index| f64::from(values[index as usize])).filter(|value| value.is_finite()).collect();
    let count = finite.len() as f64;
    let quantile = |share: f64| {
        let place = share * (count - 1.0);
        let (below, above) = (finite[place as usize], finite[(place as usize + 1).min(finite.len() - 1)]);
        below + (above - below) * place.fract()
    };
    let width = 2.0 * (quantile(0.75) - quantile(0.25)) / count.cbrt();
    let bins =
        if width > 0.0 { ((f64::from(high) - f64::from(low)) / width).ceil() } else { count.log2().ceil() + 1.0 };
    (bins as usize).clamp(1, most.clamp(1, MAX_BINS))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_number_is_counted_apart() {
        let values = [0.0, 1.0, 0.5, f32::NAN, f32::INFINITY, -3.0, 7.0, 0.25];
        let histogram = Histogram::new(&values, 2, Some((1.0, 0.0)));
        assert_eq!(
            (&histogram.counts[..], histogram.below, histogram.above, histogram.not_finite),
            (&[2, 2][..], 1, 1, 2)
        );
        let members = histogram.members(&values);
        assert_eq!(
            (members.groups(), members.of(0), members.of(1), members.of(2)),
            (2, &[0, 7][..], &[1, 2][..], &[][..])
        );
    }

    #[test]
    fn a_range_always_has_width() {
        assert_eq!(Histogram::new(&[3.0; 5], 4, None).counts, [0, 0, 5, 0]);
        assert_eq!(Histogram::new(&[3.0; 5], 4, None).range(), (2.5, 3.5));
        assert_eq!(Histogram::new(&[], 3, None).range(), (0.0, 1.0));
        assert_eq!(Histogram::new(&[1.0, 2.0], 0, Some((f32::NAN, 1.0))).range(), (1.0, 2.0));
        assert_eq!(Histogram::new(&[1e30; 5], 4, None).counts, [0, 0, 5, 0]);
        let extreme = Histogram::new(&[f32::MIN, f32::MAX, 0.0], usize::MAX, None);
        assert_eq!((extreme.counts.len(), extreme.counts.iter().sum::<u32>()), (MAX_BINS, 3));
    }

    #[test]
    fn few_values_have_few_bins() {
        assert_eq!(freedman_diaconis(&[], 50), 1);
        assert_eq!(freedman_diaconis(&[2.0; 9], 50), 1);
        // The quartiles are equal: Sturges, log₂ 8 + 1.
        assert_eq!(freedman_diaconis(&[0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0], 50), 4);
        assert_eq!(freedman_diaconis(&[0.0, 1.0, 2.0, 1e30], 3), 3);
        assert_eq!(freedman_diaconis(&[0.0, f32::NAN, 1.0], 0), 1);
    }

    proptest! {
        #[test]
        fn each_value_lies_within_its_bin(values in prop::collection::vec(-9_f32..9.0, 1..60), bins in 1_usize..30) {
            let histogram = Histogram::new(&values, bins, None);
            prop_assert_eq!(histogram.counts.iter().sum::<u32>() as usize, values.len());
            let members = histogram.members(&values);
            for bin in 0..bins {
                prop_assert_eq!(members.of(bin).len(), histogram.counts[bin] as usize);
                for &index in members.of(bin) {
                    let value = f64::from(values[index as usize]);
                    prop_assert!(value >= histogram.edge(bin));
                    prop_assert!(value < histogram.edge(bin + 1) || (bin == bins - 1 && value <= histogram.edge(bins)));
                }
            }
        }

        #[test]
        fn no_values_panic(values in prop::collection::vec(any::<f32>(), 0..20), low in any::<f32>(), high in any::<f32>()) {
            let histogram = Histogram::new(&values, 5, Some((low, high)));
            let counted = histogram.counts.iter().sum::<u32>() + histogram.below + histogram.above + histogram.not_finite;
            prop_assert_eq!(counted as usize, values.len());
            prop_assert!((1..=100).contains(&freedman_diaconis(&values, 100)));
        }
    }
}
