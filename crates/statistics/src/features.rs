//! A table of numbers: one row a picture, one column a feature.

/// The most rows that a table of features may have: distances between all pairs take minutes beyond.
pub const MAX_ROWS: usize = 100_000;

/// The most numbers in a table of features: 1 GiB of them, a quarter of what a browser's worker can address.
pub const MAX_VALUES: usize = 1 << 28;

/// Why numbers did not become [`Features`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.what())]
#[non_exhaustive]
pub enum FeaturesError {
    /// There are not as many numbers as rows times columns.
    Shape {
        /// How many numbers there are.
        values: usize,
        /// The rows asked for.
        rows: usize,
        /// The columns asked for.
        columns: usize,
    },
    /// More rows than [`MAX_ROWS`] or more numbers than [`MAX_VALUES`].
    TooLarge {
        /// The rows asked for.
        rows: usize,
        /// The columns asked for.
        columns: usize,
    },
    /// There is not one label for each row.
    Labels {
        /// How many labels there are.
        labels: usize,
        /// The rows of the table.
        rows: usize,
    },
}

impl FeaturesError {
    /// What happened, one sentence.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Shape { values, rows, columns } => {
                format!("A table of {rows} rows and {columns} columns cannot be made of {values} numbers.")
            }
            Self::TooLarge { rows, columns } => format!(
                "A table of {rows} rows and {columns} columns is too large: {MAX_ROWS} rows and {MAX_VALUES} numbers are the \
                 limit."
            ),
            Self::Labels { labels, rows } => format!("There are {labels} labels for {rows} rows."),
        }
    }

    /// Where; empty, as [`what`](Self::what) says it all.
    #[must_use]
    pub fn place(&self) -> String {
        String::new()
    }

    /// What to do, one sentence.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Shape { .. } | Self::Labels { .. } => "Compute the features of these pictures anew.",
            Self::TooLarge { .. } => "Choose fewer pictures, or a layer with fewer channels.",
        }
        .into()
    }
}

/// Numbers `[rows, columns]`, row-major, any values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    values: Vec<f32>,
    rows: usize,
    columns: usize,
}

impl Features {
    /// Takes `rows · columns` numbers, row after row. Either may be 0.
    ///
    /// # Errors
    /// [`FeaturesError::TooLarge`] over the limits, [`FeaturesError::Shape`] if the number of values is another.
    pub fn new(values: Vec<f32>, rows: usize, columns: usize) -> Result<Self, FeaturesError> {
        match rows.checked_mul(columns) {
            Some(count) if count <= MAX_VALUES && rows <= MAX_ROWS && columns <= MAX_VALUES => {
                if count == values.len() {
                    Ok(Self { values, rows, columns })
                } else {
                    Err(FeaturesError::Shape { values: values.len(), rows, columns })
                }
            }
            _ => Err(FeaturesError::TooLarge { rows, columns }),
        }
    }

    /// All numbers, row after row.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// One row; empty beyond the end.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        if row < self.rows { &self.values[row * self.columns..(row + 1) * self.columns] } else { &[] }
    }

    /// Does all of a [`Centring`]; returns its factor.
    pub(crate) fn centre(&mut self) -> f64 {
        let mut centring = Centring::new(self.columns);
        while !centring.rows(self, usize::MAX) {}
        centring.scale
    }

    /// The rows with zeros behind them up to a multiple of [`LANES`], which changes no distance; and their new length.
    pub(crate) fn padded(&self) -> (Vec<f32>, usize) {
        let stride = self.columns.next_multiple_of(LANES).max(LANES);
        let mut padded = vec![0.0; self.rows * stride];
        if self.columns > 0 {
            for (to, from) in padded.chunks_exact_mut(stride).zip(self.values.chunks_exact(self.columns)) {
                to[..self.columns].copy_from_slice(from);
            }
        }
        (padded, stride)
    }
}

/// Centres the columns of a table and brings all of it to -1..1 by one factor, some rows at a time.
///
/// Distances, variances and angles keep their proportions, and no square of what is left can overflow. A number that is not
/// finite becomes the mean of the finite ones of its column, so that it pulls nowhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Centring {
    means: Vec<f64>,
    counts: Vec<u32>,
    pass: Pass,
    row: usize,
    /// What all numbers were divided by, after the last pass.
    pub(crate) scale: f64,
    /// The sum of all squares after that.
    pub(crate) squares: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pass {
    #[default]
    Means,
    Largest,
    Scale,
}

impl Centring {
    pub(crate) fn new(columns: usize) -> Self {
        Self { means: vec![0.0; columns], counts: vec![0; columns], ..Self::default() }
    }

    /// Goes on by some rows of a pass; true when all three are done.
    pub(crate) fn rows(&mut self, features: &mut Features, count: usize) -> bool {
        let columns = features.columns;
        if features.values.is_empty() {
            self.scale = 1.0;
            return true;
        }
        let end = self.row.saturating_add(count).min(features.rows);
        let values = &mut features.values[self.row * columns..end * columns];
        match self.pass {
            Pass::Means => {
                for row in values.chunks_exact(columns) {
                    for ((mean, count), &value) in self.means.iter_mut().zip(&mut self.counts).zip(row) {
                        if value.is_finite() {
                            *mean += f64::from(value);
                            *count += 1;
                        }
                    }
                }
            }
            Pass::Largest => {
                for row in values.chunks_exact(columns) {
                    for (mean, &value) in self.means.iter().zip(row) {
                        if value.is_finite() {
                            self.scale = self.scale.max((f64::from(value) - mean).abs());
                        }
                    }
                }
            }
            Pass::Scale => {
                for row in values.chunks_exact_mut(columns) {
                    for (mean, value) in self.means.iter().zip(row) {
                        *value = if value.is_finite() { ((f64::from(*value) - mean) / self.scale) as f32 } else { 0.0 };
                        self.squares += f64::from(*value).powi(2);
                    }
                }
            }
        }
        self.row = end;
        if end < features.rows {
            return false;
        }
        self.row = 0;
        match self.pass {
            Pass::Means => {
                self.means.iter_mut().zip(&self.counts).for_each(|(mean, &count)| *mean /= f64::from(count.max(1)));
                self.pass = Pass::Largest;
                false
            }
            Pass::Largest => {
                self.scale = if self.scale > 0.0 { self.scale } else { 1.0 };
                self.pass = Pass::Scale;
                false
            }
            Pass::Scale => true,
        }
    }
}

/// Sums run in this many lanes, which a compiler can keep in vector registers; it may not reorder a sum by itself.
pub(crate) const LANES: usize = 8;

/// The squared distance of two rows whose length is a multiple of [`LANES`].
#[inline]
pub(crate) fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for lane in 0..LANES {
            let difference = a[lane] - b[lane];
            lanes[lane] += difference * difference;
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_as_many_numbers_as_it_says() {
        let two = Features::new(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3).unwrap();
        assert_eq!(two.row(1), [4.0, 5.0, 6.0]);
        assert!(two.row(2).is_empty() && two.row(usize::MAX).is_empty());
        let error = Features::new(vec![1.0], 2, 3).unwrap_err();
        assert_eq!(error, FeaturesError::Shape { values: 1, rows: 2, columns: 3 });
        assert_eq!(error.to_string(), "A table of 2 rows and 3 columns cannot be made of 1 numbers.");
        for (rows, columns) in [(usize::MAX, 2), (MAX_ROWS + 1, 0), (2, MAX_VALUES), (0, usize::MAX)] {
            let error = Features::new(Vec::new(), rows, columns).unwrap_err();
            assert_eq!(error, FeaturesError::TooLarge { rows, columns });
            assert!(!error.advice().is_empty() && error.place().is_empty());
        }
        assert_eq!(Features::new(Vec::new(), 0, 7).unwrap().rows(), 0);
    }

    #[test]
    fn centring_survives_the_extremes() {
        let values = vec![f32::NAN, 1e38, 5.0, -1e38, f32::INFINITY, 5.0, 2.0, 0.0, 5.0];
        let mut features = Features::new(values, 3, 3).unwrap();
        assert!(features.centre() > 4e37);
        assert!(features.values().iter().all(|value| value.abs() <= 1.0));
        assert_eq!([features.row(0)[0], features.row(1)[1], features.row(2)[2]], [0.0; 3]);
        let mut nothing = Features::new(vec![f32::NAN; 4], 2, 2).unwrap();
        assert_eq!(nothing.centre(), 1.0);
        assert_eq!(nothing.values(), [0.0; 4]);
    }

    #[test]
    fn padding_changes_no_distance() {
        let (padded, stride) = Features::new(vec![1.0, 2.0, 3.0, 4.0, 6.0, 3.0], 2, 3).unwrap().padded();
        assert_eq!(stride, 8);
        assert_eq!(squared_distance(&padded[..8], &padded[8..]), 25.0);
    }
}
