//! Principal component analysis.
//!
//! The components are the eigenvectors of the smaller of `XᵀX` and `XXᵀ` where one of their sides has at most
//! [`GRAM_SIDE`] numbers, else those of `XᵀX` by products with X alone (randomised subspace iteration, Halko et al. 2011).

use crate::eigen::{Subspace, dot, jacobi};
use crate::embedding::rows_to_a_step;
use crate::features::{Centring, Features, LANES};
use crate::{Progress, Stepped};

/// The largest side of a matrix of products that is made: 32 MiB.
pub const GRAM_SIDE: usize = 2048;

/// Matrices up to this side are decomposed at once and exactly.
const EXACT_SIDE: usize = 64;

/// Vectors beside the wanted ones, which make the wanted ones converge.
const SPARE: usize = 10;

/// Rounds of subspace iteration at most, with a matrix of products and without one.
const ROUNDS: u32 = 80;
const WIDE_ROUNDS: u32 = 8;

/// Where the vectors count as found: how far they are from eigenvectors.
const TOLERANCE: f64 = 1e-9;

/// What a look at a number costs, in multiplications.
const VALUE_WORK: usize = 8;

/// Rows that are multiplied in float32 before float64 takes the sum.
const BLOCK: usize = 8;

/// PCA of features to some components, in steps.
///
/// The components are scikit-learn's, signs too: of each component the loading of greatest size is positive.
#[derive(Clone, Debug)]
pub struct Pca {
    features: Features,
    centring: Centring,
    stage: Stage,
    /// Rows done of this stage.
    row: usize,
    /// Components asked for, at most as many as there can be.
    components: usize,
    /// Whether rows and not columns are multiplied with each other.
    dual: bool,
    side: usize,
    gram: Vec<f64>,
    subspace: Subspace,
    rounds: u32,
    images: Vec<f64>,
    /// In the round without a matrix of products: the vectors and their images in float32.
    narrow: (Vec<f32>, Vec<f32>),
    loadings: Vec<f32>,
    coordinates: Vec<f32>,
    variances: Vec<f64>,
    total_variance: f64,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Centre,
    Gram,
    Decompose,
    Multiply,
    Loadings,
    Project,
    Done,
}

impl Pca {
    /// PCA to `components` columns, at most the smaller side of the table.
    #[must_use]
    pub fn new(features: Features, components: usize) -> Self {
        let (rows, columns) = (features.rows(), features.columns());
        let components = components.min(rows).min(columns);
        let wide = rows.min(columns) > GRAM_SIDE;
        let dual = !wide && rows < columns;
        let side = if dual { rows } else { columns };
        let mut pca = Self {
            coordinates: vec![0.0; rows * components],
            loadings: vec![0.0; components * columns],
            variances: vec![0.0; components],
            features,
            centring: Centring::new(columns),
            stage: Stage::Centre,
            row: 0,
            components,
            dual,
            side,
            gram: Vec::new(),
            subspace: Subspace::new(0, 0, 0),
            rounds: 0,
            images: Vec::new(),
            narrow: (Vec::new(), Vec::new()),
            total_variance: 0.0,
            progress: Progress::default(),
        };
        let steps = |rows: usize, each: usize| rows.div_ceil(rows_to_a_step(each)) as u32;
        let width = (components + SPARE).min(side);
        let rounds = if side <= EXACT_SIDE {
            0
        } else if wide {
            WIDE_ROUNDS * steps(rows, 2 * width * columns)
        } else {
            ROUNDS * steps(side, width * side)
        };
        let gram = if wide { 0 } else { steps(if dual { rows } else { rows.div_ceil(BLOCK) }, pca.gram_work()) };
        pca.progress.total = 1
            + 3 * steps(rows, VALUE_WORK * columns)
            + gram
            + rounds
            + components as u32
            + steps(rows, components * columns);
        pca
    }

    /// Number of columns of the coordinates.
    #[must_use]
    pub fn components(&self) -> usize {
        self.components
    }

    /// The coordinates `[rows, components]`, row-major; 0 before the last steps.
    #[must_use]
    pub fn coordinates(&self) -> &[f32] {
        &self.coordinates
    }

    /// The components as unit vectors, `[components, columns]` row-major; all 0 for one without variance.
    #[must_use]
    pub fn loadings(&self) -> &[f32] {
        &self.loadings
    }

    /// The share of the whole variance that each component explains, in 0..1; 0 where there is no variance.
    #[must_use]
    pub fn explained_variance_ratio(&self) -> Vec<f64> {
        let total = if self.total_variance > 0.0 { self.total_variance } else { 1.0 };
        self.variances.iter().map(|variance| (variance / total).clamp(0.0, 1.0)).collect()
    }

    /// Multiplications of one row (dual) or one block of rows for the matrix of products.
    fn gram_work(&self) -> usize {
        if self.dual { self.features.rows() * self.features.columns() / 2 } else { BLOCK * self.side * self.side / 2 }
    }

    fn centre(&mut self) {
        let rows = rows_to_a_step(VALUE_WORK * self.features.columns());
        if !self.centring.rows(&mut self.features, rows) {
            return;
        }
        self.total_variance = self.centring.squares;
        self.stage = if self.components == 0 || self.total_variance == 0.0 {
            Stage::Done
        } else if self.features.rows().min(self.features.columns()) > GRAM_SIDE {
            self.start_rounds();
            Stage::Multiply
        } else {
            self.gram = vec![0.0; self.side * self.side];
            Stage::Gram
        };
    }

    fn gram_rows(&mut self) {
        let columns = self.features.columns();
        let each = rows_to_a_step(self.gram_work());
        if self.dual {
            let end = (self.row + each).min(self.side);
            for i in self.row..end {
                for j in 0..=i {
                    let product = f64::from(dot32(self.features.row(i), self.features.row(j)));
                    self.gram[i * self.side + j] = product;
                    self.gram[j * self.side + i] = product;
                }
            }
            self.row = end;
            if end == self.side {
                self.next(Stage::Decompose);
            }
            return;
        }
        // Zeros stand in for rows that are missing in the last block.
        let blank = vec![0.0; columns];
        for _ in 0..each {
            let rows: [&[f32]; BLOCK] = std::array::from_fn(|offset| match self.features.row(self.row + offset) {
                [] => &blank[..],
                row => row,
            });
            for i in 0..columns {
                let factors = rows.map(|row| row[i]);
                let to = &mut self.gram[i * columns + i..(i + 1) * columns];
                let rest = rows.map(|row| &row[i..]);
                for (j, to) in to.iter_mut().enumerate() {
                    let mut sum = 0.0;
                    for (factor, row) in factors.iter().zip(&rest) {
                        sum += factor * row[j];
                    }
                    *to += f64::from(sum);
                }
            }
            self.row += BLOCK;
            if self.row >= self.features.rows() {
                for i in 0..columns {
                    for j in 0..i {
                        self.gram[i * columns + j] = self.gram[j * columns + i];
                    }
                }
                self.next(Stage::Decompose);
                return;
            }
        }
    }

    fn next(&mut self, stage: Stage) {
        self.stage = stage;
        self.row = 0;
    }

    fn start_rounds(&mut self) {
        self.subspace = Subspace::new(self.side, self.components + SPARE, 0);
        self.images = vec![0.0; self.subspace.width() * self.side];
    }

    fn decompose(&mut self) {
        if self.side > EXACT_SIDE {
            self.start_rounds();
            self.next(Stage::Multiply);
            return;
        }
        self.start_rounds();
        let (values, vectors) = jacobi(std::mem::take(&mut self.gram), self.side);
        self.subspace.values = values;
        self.subspace.vectors = vectors;
        self.next(Stage::Loadings);
    }

    /// Some rows of the images of the vectors; when all are there, a round is over.
    fn multiply(&mut self) {
        let (side, width) = (self.side, self.subspace.width());
        let wide = self.gram.is_empty();
        let count = if wide { self.features.rows() } else { side };
        let end = (self.row + rows_to_a_step(if wide { 2 * width * side } else { width * side })).min(count);
        if wide {
            self.multiply_wide(self.row..end);
        } else {
            for row in self.row..end {
                let products = &self.gram[row * side..(row + 1) * side];
                for (image, vector) in self.images.chunks_exact_mut(side).zip(self.subspace.vectors.chunks_exact(side))
                {
                    image[row] = dot(products, vector);
                }
            }
        }
        self.row = end;
        if end < count {
            return;
        }
        self.row = 0;
        self.rounds += 1;
        if wide {
            self.images = self.narrow.1.iter().map(|&value| f64::from(value)).collect();
        }
        let images = self.subspace.turn(&self.images);
        let most = if wide { WIDE_ROUNDS } else { ROUNDS };
        if self.rounds >= most || self.subspace.residual(&images, self.components) < TOLERANCE {
            self.gram = Vec::new();
            self.images = Vec::new();
            self.narrow = (Vec::new(), Vec::new());
            self.next(Stage::Loadings);
        } else {
            self.subspace.replace(images);
        }
    }

    /// Adds what these rows give to `Xᵀ (X v)`.
    fn multiply_wide(&mut self, rows: std::ops::Range<usize>) {
        let side = self.side;
        if rows.start == 0 {
            self.narrow.0 = self.subspace.vectors.iter().map(|&value| value as f32).collect();
            self.narrow.1 = vec![0.0; self.narrow.0.len()];
        }
        for row in rows {
            let row = self.features.row(row);
            for (image, vector) in self.narrow.1.chunks_exact_mut(side).zip(self.narrow.0.chunks_exact(side)) {
                let along = dot32(row, vector);
                image.iter_mut().zip(row).for_each(|(image, value)| *image += along * value);
            }
        }
    }

    /// One component's unit vector, from the eigenvector.
    fn loading(&mut self) {
        let (columns, component) = (self.features.columns(), self.row);
        let vector = &self.subspace.vectors[component * self.side..(component + 1) * self.side];
        let value = self.subspace.values[component].max(0.0);
        let mut loading = vec![0.0; columns];
        if self.dual {
            for (&factor, row) in vector.iter().zip(self.features.values().chunks_exact(columns)) {
                loading.iter_mut().zip(row).for_each(|(to, &from)| *to += factor * f64::from(from));
            }
        } else {
            loading.copy_from_slice(vector);
        }
        let length = dot(&loading, &loading).sqrt();
        // What is left of rounding is no direction.
        let none = value <= self.total_variance * 1e-12 || length == 0.0;
        let largest = loading.iter().copied().fold(0.0_f64, |a, b| if b.abs() > a.abs() { b } else { a });
        let factor = if none { 0.0 } else { largest.signum() / length };
        for (to, from) in self.loadings[component * columns..(component + 1) * columns].iter_mut().zip(loading) {
            *to = (from * factor) as f32;
        }
        self.variances[component] = if none { 0.0 } else { value };
        self.row += 1;
        if self.row == self.components {
            self.next(Stage::Project);
        }
    }

    fn project(&mut self) {
        let (columns, components) = (self.features.columns(), self.components);
        let end = (self.row + rows_to_a_step(components * columns)).min(self.features.rows());
        for row in self.row..end {
            let to = &mut self.coordinates[row * components..(row + 1) * components];
            for (to, loading) in to.iter_mut().zip(self.loadings.chunks_exact(columns)) {
                // Back to the scale of the features, within what float32 holds.
                let along = f64::from(dot32(self.features.row(row), loading)) * self.centring.scale;
                *to = along.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32;
            }
        }
        self.row = end;
        if end == self.features.rows() {
            self.features = Features::default();
            self.stage = Stage::Done;
        }
    }
}

impl Stepped for Pca {
    fn step(&mut self) -> Progress {
        match self.stage {
            Stage::Centre => self.centre(),
            Stage::Gram => self.gram_rows(),
            Stage::Decompose => self.decompose(),
            Stage::Multiply => self.multiply(),
            Stage::Loadings => self.loading(),
            Stage::Project => self.project(),
            Stage::Done => {}
        }
        self.progress.advance(self.stage == Stage::Done)
    }
}

/// Dot product of two rows in float32, in lanes and in pieces, so that long rows lose no more than short ones.
fn dot32(a: &[f32], b: &[f32]) -> f32 {
    let mut sum = 0.0_f64;
    for (a, b) in a.chunks(1024).zip(b.chunks(1024)) {
        let mut lanes = [0.0_f32; LANES];
        let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
        for (a, b) in a.zip(b) {
            for lane in 0..LANES {
                lanes[lane] += a[lane] * b[lane];
            }
        }
        sum += f64::from(lanes.iter().sum::<f32>() + rest);
    }
    sum as f32
}

#[cfg(test)]
mod tests;
