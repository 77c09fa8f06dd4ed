//! Predictions against labels: accuracy, confusion, quality per class.
//!
//! Classes are numbers from 0. A row without a label, or without a prediction, is `None` and does not count. Where two
//! columns belong together, rows beyond the end of the shorter one do not count.

/// The most cells of a [`CrossTable`]: 4096 × 4096 classes, 64 MiB.
pub const MAX_CELLS: usize = 1 << 24;

/// A number of hits among a number of tries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// The hits.
    pub hits: u32,
    /// The tries.
    pub of: u32,
}

impl Share {
    /// Hits by tries, in 0..1; `None` without tries.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        (self.of > 0).then(|| f64::from(self.hits) / f64::from(self.of))
    }
}

/// How many rows are predicted as labelled.
#[must_use]
pub fn accuracy(predicted: &[Option<u32>], labels: &[Option<u32>]) -> Share {
    let mut share = Share::default();
    for (predicted, label) in predicted.iter().zip(labels) {
        if let (Some(predicted), Some(label)) = (predicted, label) {
            share.of += 1;
            share.hits += u32::from(predicted == label);
        }
    }
    share
}

/// How many rows have their label among their first `k` classes; each row gives its classes best first, and a row without any
/// does not count.
#[must_use]
pub fn top_accuracy<'a>(tops: impl IntoIterator<Item = &'a [u32]>, labels: &[Option<u32>], k: usize) -> Share {
    let mut share = Share::default();
    for (classes, label) in tops.into_iter().zip(labels) {
        if let (false, Some(label)) = (classes.is_empty(), label) {
            share.of += 1;
            share.hits += u32::from(classes.iter().take(k).any(|class| class == label));
        }
    }
    share
}

/// How often each pair of two columns of classes occurs: a confusion matrix with labels as rows and predictions as columns,
/// or model A against model B.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossTable {
    counts: Vec<u32>,
    rows: usize,
    columns: usize,
    /// Pairs of which one is missing or beyond the table.
    pub left_out: u32,
}

/// Quality of one class of a confusion matrix. A quotient whose denominator is 0 is `None`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassReport {
    /// Of the pictures predicted as this class, the share that is labelled so.
    pub precision: Option<f64>,
    /// Of the pictures labelled as this class, the share that is predicted so.
    pub recall: Option<f64>,
    /// Harmonic mean of both, `2 TP / (2 TP + FP + FN)`.
    pub f1: Option<f64>,
    /// Pictures labelled as this class.
    pub support: u32,
    /// Pictures predicted as this class.
    pub predicted: u32,
}

impl CrossTable {
    /// Counts pairs `(row, column)` of classes below `rows` and `columns`. `None` if the table had more than [`MAX_CELLS`].
    #[must_use]
    pub fn new(
        rows: usize,
        columns: usize,
        pairs: impl IntoIterator<Item = (Option<u32>, Option<u32>)>,
    ) -> Option<Self> {
        let cells = rows.checked_mul(columns).filter(|&cells| cells <= MAX_CELLS)?;
        let mut table = Self { counts: vec![0; cells], rows, columns, left_out: 0 };
        for pair in pairs {
            let cell = match pair {
                (Some(row), Some(column)) => table.cell(row as usize, column as usize),
                _ => None,
            };
            match cell.and_then(|cell| table.counts.get_mut(cell)) {
                Some(count) => *count = count.saturating_add(1),
                None => table.left_out = table.left_out.saturating_add(1),
            }
        }
        Some(table)
    }

    fn cell(&self, row: usize, column: usize) -> Option<usize> {
        (row < self.rows && column < self.columns).then(|| row * self.columns + column)
    }

    /// All counts, `[rows, columns]` row-major.
    #[must_use]
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// Rows and columns.
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// One count; 0 beyond the table.
    #[must_use]
    pub fn count(&self, row: usize, column: usize) -> u32 {
        self.cell(row, column).and_then(|cell| self.counts.get(cell)).copied().unwrap_or(0)
    }

    /// The sum of each row.
    #[must_use]
    pub fn row_sums(&self) -> Vec<u32> {
        (0..self.rows).map(|row| self.counts[row * self.columns..][..self.columns].iter().sum()).collect()
    }

    /// The sum of each column.
    #[must_use]
    pub fn column_sums(&self) -> Vec<u32> {
        let mut sums = vec![0; self.columns];
        for (cell, count) in self.counts.iter().enumerate() {
            sums[cell % self.columns] += count;
        }
        sums
    }

    /// The pairs with two equal classes among all: accuracy, or the agreement of two models.
    #[must_use]
    pub fn diagonal(&self) -> Share {
        let hits = (0..self.rows.min(self.columns)).map(|class| self.count(class, class)).sum();
        Share { hits, of: self.counts.iter().sum() }
    }

    /// Cohen's kappa: agreement beyond chance, `(p₀ - pₑ) / (1 - pₑ)`, at most 1. `None` for an empty table and where chance
    /// alone agrees always.
    #[must_use]
    pub fn kappa(&self) -> Option<f64> {
        let observed = self.diagonal().value()?;
        let total = f64::from(self.diagonal().of);
        let by_chance: f64 = self
            .row_sums()
            .iter()
            .zip(self.column_sums())
            .map(|(&a, b)| f64::from(a) / total * f64::from(b) / total)
            .sum();
        (by_chance < 1.0).then(|| (observed - by_chance) / (1.0 - by_chance))
    }

    /// Quality of each class, where rows are labels and columns are predictions.
    #[must_use]
    pub fn report(&self) -> Vec<ClassReport> {
        let (labelled, predicted) = (self.row_sums(), self.column_sums());
        let quotient = |hits: f64, of: f64| (of > 0.0).then(|| hits / of);
        (0..self.rows.max(self.columns))
            .map(|class| {
                let hits = f64::from(self.count(class, class));
                let support = labelled.get(class).copied().unwrap_or(0);
                let predicted = predicted.get(class).copied().unwrap_or(0);
                ClassReport {
                    precision: quotient(hits, predicted.into()),
                    recall: quotient(hits, support.into()),
                    f1: quotient(2.0 * hits, f64::from(support) + f64::from(predicted)),
                    support,
                    predicted,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_without_label_do_not_count() {
        let predicted = [Some(1), Some(0), None, Some(2), Some(2)];
        let labels = [Some(1), None, Some(0), Some(0)];
        assert_eq!(accuracy(&predicted, &labels), Share { hits: 1, of: 2 });
        assert_eq!(accuracy(&[], &[]).value(), None);
        let tops: [&[u32]; 4] = [&[3, 1], &[0], &[], &[1, 2, 0]];
        assert_eq!(top_accuracy(tops, &labels, 2), Share { hits: 1, of: 2 });
        assert_eq!(top_accuracy(tops, &labels, 3), Share { hits: 2, of: 2 });
    }

    #[test]
    fn a_table_need_not_be_square() {
        let pairs = [(Some(0), Some(2)), (Some(1), Some(1)), (Some(2), Some(0)), (None, Some(0)), (Some(0), None)];
        let table = CrossTable::new(2, 3, pairs).unwrap();
        assert_eq!((table.counts(), table.left_out), (&[0, 0, 1, 0, 1, 0][..], 3));
        assert_eq!((table.row_sums(), table.column_sums()), (vec![1, 1], vec![0, 1, 1]));
        assert_eq!(table.diagonal(), Share { hits: 1, of: 2 });
        let report = table.report();
        assert_eq!(
            (report.len(), report[0].precision, report[0].recall, report[0].f1),
            (3, None, Some(0.0), Some(0.0))
        );
        assert_eq!(table.count(5, 0), 0);
        assert!(CrossTable::new(usize::MAX, 2, []).is_none());
        let empty = CrossTable::new(0, 0, [(Some(0), Some(0))]).unwrap();
        assert_eq!((empty.left_out, empty.kappa(), empty.report().len()), (1, None, 0));
    }

    proptest! {
        #[test]
        fn sums_are_those_of_all_pairs(pairs in prop::collection::vec((0_u32..6, 0_u32..6), 0..80)) {
            let table = CrossTable::new(5, 5, pairs.iter().map(|&(a, b)| (Some(a), Some(b)))).unwrap();
            let inside = pairs.iter().filter(|&&(a, b)| a < 5 && b < 5).count();
            prop_assert_eq!(table.row_sums().iter().sum::<u32>() as usize, inside);
            prop_assert_eq!(table.column_sums().iter().sum::<u32>() as usize, inside);
            prop_assert_eq!(table.left_out as usize + inside, pairs.len());
            for class in table.report() {
                if let (Some(p), Some(r), Some(f)) = (class.precision, class.recall, class.f1) {
                    prop_assert!(f <= p.max(r) + 1e-12 && f >= p.min(r) - 1e-12);
                }
            }
        }
    }
}
