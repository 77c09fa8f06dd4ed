//! Pixels taken away without a trace: noisy linear imputation (Rong et al., "A Consistent and Efficient Evaluation Strategy
//! for Attribution Methods", ICML 2022).
//!
//! A pixel painted black tells a network where something was removed. Here a removed pixel becomes the weighted mean of its
//! eight neighbours, which may be removed themselves: 1/6 for each that shares an edge, 1/12 for each that shares a corner;
//! at the border of the picture the weights of those that exist are brought to a sum of 1. This is a sparse linear system,
//! one for each channel with the same matrix. A little noise hides that the filled part is smooth.

/// Noise on filled pixels as a share of the range of the input, as in the paper.
pub const NOISE: f32 = 0.01;

/// Weight of a neighbour that shares an edge.
const DIRECT: f64 = 1.0 / 6.0;

/// Weight of a neighbour that shares a corner.
const DIAGONAL: f64 = 1.0 / 12.0;

/// Largest norm of what is left of the equations, as a share of the right side's.
const TOLERANCE: f64 = 1e-7;

/// Most steps of the solver. A picture of 224 × 224 needs less than a fifth of them.
const MAX_STEPS: usize = 500;

/// An input `[C, H, W]` with the removed pixels filled from their surroundings; the others stay as they are, bit for bit.
///
/// `removed` has `[H, W]` and counts for all channels. Gaussian noise of the standard deviation `noise` times the range
/// (largest less smallest value) of the input is added to the filled pixels; [`NOISE`] is the paper's, 0 adds none. The same
/// `seed` gives the same noise. Where no pixel is left, each takes the mean of its channel.
///
/// The equations are solved by conjugate gradients, preconditioned by a modified incomplete Cholesky factorisation
/// (Gustafsson 1978), until what is left of them is 1e-7 of the right side, or for 500 steps.
///
/// # Panics
/// If the input or `removed` is not of that shape.
#[must_use]
pub fn impute(image: &[f32], shape: [usize; 3], removed: &[bool], noise: f32, seed: u64) -> Vec<f32> {
    let [channels, height, width] = shape;
    let area = height * width;
    assert_eq!(image.len(), channels * area, "{channels} × {height} × {width} numbers");
    assert_eq!(removed.len(), area, "{height} × {width} pixels");
    let mut filled = image.to_vec();
    if !removed.contains(&true) {
        return filled;
    }
    if removed.contains(&false) {
        let system = System::new(removed, [height, width]);
        for plane in filled.chunks_exact_mut(area) {
            system.fill(plane);
        }
    } else {
        for plane in filled.chunks_exact_mut(area) {
            plane.fill((plane.iter().map(|&value| f64::from(value)).sum::<f64>() / area as f64) as f32);
        }
    }
    let low = image.iter().copied().fold(f32::INFINITY, f32::min);
    let high = image.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let deviation = f64::from(noise) * (f64::from(high) - f64::from(low));
    if deviation > 0.0 {
        let mut draw = Gaussian { rng: fastrand::Rng::with_seed(seed), spare: None };
        for plane in filled.chunks_exact_mut(area) {
            for (value, _) in plane.iter_mut().zip(removed).filter(|(_, removed)| **removed) {
                *value = (f64::from(*value) + deviation * draw.sample()) as f32;
            }
        }
    }
    filled
}

/// Standard normal numbers, two at a time (Box and Muller 1958).
struct Gaussian {
    rng: fastrand::Rng,
    spare: Option<f64>,
}

impl Gaussian {
    fn sample(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * (1.0 - self.rng.f64()).ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * self.rng.f64()).sin_cos();
        self.spare = Some(radius * sine);
        radius * cosine
    }
}

/// The equations `diagonal_i · x_i - Σ weight_ij · x_j = Σ weight_ik · known_k`, `j` over removed and `k` over known
/// neighbours. Symmetric and positive definite where any pixel is known.
///
/// Vectors lie on the picture with a frame of one pixel around it and are 0 wherever nothing was removed, so that a
/// neighbour that does not count needs no question.
struct System {
    width: usize,
    stride: usize,
    /// 1 where a pixel was removed.
    open: Vec<f64>,
    /// The weights of all neighbours inside the picture; 0 where nothing was removed.
    diagonal: Vec<f64>,
    /// The reciprocal diagonal of the factorisation; 0 where nothing was removed.
    inverse: Vec<f64>,
}

impl System {
    fn new(removed: &[bool], [height, width]: [usize; 2]) -> Self {
        let stride = width + 2;
        let mut inside = vec![0.0; (height + 2) * stride];
        let mut open = inside.clone();
        for (row, removed) in removed.chunks_exact(width).enumerate() {
            let start = (row + 1) * stride + 1;
            inside[start..start + width].fill(1.0);
            for (open, &removed) in open[start..start + width].iter_mut().zip(removed) {
                *open = if removed { 1.0 } else { 0.0 };
            }
        }
        let (mut diagonal, mut inverse) = (vec![0.0; inside.len()], vec![0.0; inside.len()]);
        let later = |index: usize| {
            DIRECT * (open[index + 1] + open[index + stride])
                + DIAGONAL * (open[index + stride - 1] + open[index + stride + 1])
        };
        for index in stride + 1..inside.len() - stride - 1 {
            if open[index] == 0.0 {
                continue;
            }
            diagonal[index] = neighbours(&inside, stride, index);
            // What the product of the factors has beyond the matrix is taken from the diagonal, nearly all of it, so that
            // both agree on smooth pictures. A whole row's worth could leave nothing.
            let mut pivot = diagonal[index];
            for (offset, weight) in [(1, DIRECT), (stride - 1, DIAGONAL), (stride, DIRECT), (stride + 1, DIAGONAL)] {
                let before = index - offset;
                pivot -= weight * inverse[before] * (weight + 0.98 * (later(before) - weight));
            }
            inverse[index] = 1.0 / pivot;
        }
        Self { width, stride, open, diagonal, inverse }
    }

    /// Fills the removed pixels of one channel.
    fn fill(&self, plane: &mut [f32]) {
        let stride = self.stride;
        let count: f64 = plane.len() as f64 - self.open.iter().sum::<f64>();
        // The known pixels less their mean: the equations hold for the deviations alike, and 0 is a fair first guess.
        let mut known = vec![0.0; self.open.len()];
        for (row, values) in plane.chunks_exact(self.width).enumerate() {
            for (column, &value) in values.iter().enumerate() {
                let index = (row + 1) * stride + column + 1;
                known[index] = (1.0 - self.open[index]) * f64::from(value);
            }
        }
        let mean = known.iter().sum::<f64>() / count;
        for (row, values) in known.chunks_exact_mut(stride).enumerate() {
            if (1..=plane.len() / self.width).contains(&row) {
                let open = &self.open[row * stride..];
                for (value, open) in values.iter_mut().zip(open).skip(1).take(self.width) {
                    *value -= (1.0 - open) * mean;
                }
            }
        }
        let right = |(index, open): (usize, &f64)| if *open == 0.0 { 0.0 } else { neighbours(&known, stride, index) };
        let rest = self.open.iter().enumerate().map(right).collect();
        let solution = self.solve(rest);
        for (row, values) in plane.chunks_exact_mut(self.width).enumerate() {
            for (column, value) in values.iter_mut().enumerate() {
                let index = (row + 1) * stride + column + 1;
                if self.open[index] == 1.0 {
                    *value = (mean + solution[index]) as f32;
                }
            }
        }
    }

    /// Preconditioned conjugate gradients from 0; `rest` is the right side.
    fn solve(&self, mut rest: Vec<f64>) -> Vec<f64> {
        let enough = TOLERANCE * TOLERANCE * dot(&rest, &rest);
        let mut solution = vec![0.0; rest.len()];
        let mut direction = vec![0.0; rest.len()];
        let mut image = vec![0.0; rest.len()];
        let mut conditioned = vec![0.0; rest.len()];
        let mut before = 0.0;
        for step in 0..MAX_STEPS {
            let left = dot(&rest, &rest);
            if left <= enough || left.is_nan() {
                break;
            }
            self.precondition(&rest, &mut conditioned);
            let now = dot(&rest, &conditioned);
            let keep = if step == 0 { 0.0 } else { now / before };
            before = now;
            for (direction, conditioned) in direction.iter_mut().zip(&conditioned) {
                *direction = conditioned + keep * *direction;
            }
            self.apply(&direction, &mut image);
            let length = now / dot(&direction, &image);
            for index in 0..rest.len() {
                solution[index] += length * direction[index];
                rest[index] -= length * image[index];
            }
        }
        solution
    }

    /// The matrix times a vector.
    fn apply(&self, vector: &[f64], image: &mut [f64]) {
        let stride = self.stride;
        let first = stride + 1;
        let count = vector.len() - 2 * first;
        // Slices of one length, shifted: the compiler sees that no index leaves them.
        let shifted = |offset: usize| &vector[offset..offset + count];
        let [above_left, above, above_right] = [0, 1, 2].map(shifted);
        let [left, middle, right] = [stride, stride + 1, stride + 2].map(shifted);
        let [below_left, below, below_right] = [2 * stride, 2 * stride + 1, 2 * stride + 2].map(shifted);
        let (open, diagonal) = (&self.open[first..first + count], &self.diagonal[first..first + count]);
        let image = &mut image[first..first + count];
        for i in 0..count {
            let direct = (left[i] + right[i]) + (above[i] + below[i]);
            let corners = (above_left[i] + above_right[i]) + (below_left[i] + below_right[i]);
            image[i] = diagonal[i] * middle[i] - open[i] * (DIRECT * direct + DIAGONAL * corners);
        }
    }

    /// Solves `(D + L) D⁻¹ (D + Lᵀ) result = vector`, where `L` is the matrix below its diagonal.
    fn precondition(&self, vector: &[f64], result: &mut [f64]) {
        let stride = self.stride;
        let (first, end) = (stride + 1, vector.len() - stride - 1);
        // A row at a time: what comes from the row before first, then along the row.
        for start in (first..end).step_by(stride) {
            let (before, row) = result.split_at_mut(start);
            let (mut left, above) = (0.0, &before[start - stride - 1..]);
            for x in 0..self.width {
                let sum = DIRECT * above[x + 1] + DIAGONAL * (above[x] + above[x + 2]);
                left = self.inverse[start + x] * (vector[start + x] + sum + DIRECT * left);
                row[x] = left;
            }
        }
        for start in (first..end).step_by(stride).rev() {
            let (row, after) = result[start..].split_at_mut(stride - 1);
            let mut right = 0.0;
            for x in (0..self.width).rev() {
                let sum = DIRECT * after[x + 1] + DIAGONAL * (after[x] + after[x + 2]);
                right = row[x] + self.inverse[start + x] * (sum + DIRECT * right);
                row[x] = right;
            }
        }
    }
}

/// The weighted sum of the eight neighbours.
fn neighbours(values: &[f64], stride: usize, index: usize) -> f64 {
    let direct = values[index - 1] + values[index + 1] + values[index - stride] + values[index + stride];
    let corners = values[index - stride - 1]
        + values[index - stride + 1]
        + values[index + stride - 1]
        + values[index + stride + 1];
    DIRECT * direct + DIAGONAL * corners
}

/// The inner product, in eight strands that the processor can follow side by side.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut strands = [0.0; 8];
    let (mut left, mut right) = (a.chunks_exact(8), b.chunks_exact(8));
    for (a, b) in left.by_ref().zip(right.by_ref()) {
        for (strand, (a, b)) in strands.iter_mut().zip(a.iter().zip(b)) {
            *strand += a * b;
        }
    }
    let tail: f64 = left.remainder().iter().zip(right.remainder()).map(|(a, b)| a * b).sum();
    strands.iter().sum::<f64>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(seed: u64, count: usize) -> Vec<f32> {
        let mut rng = fastrand::Rng::with_seed(seed);
        (0..count).map(|_| rng.f32() * 4.0 - 2.0).collect()
    }

    fn only(count: usize, removed: &[usize]) -> Vec<bool> {
        (0..count).map(|index| removed.contains(&index)).collect()
    }

    /// The largest amount by which a removed pixel differs from the weighted mean of its neighbours.
    fn largest_fault(image: &[f32], [height, width]: [usize; 2], removed: &[bool]) -> f64 {
        let mut largest = 0.0_f64;
        for index in (0..height * width).filter(|&index| removed[index]) {
            let (mut sum, mut total) = (0.0, 0.0);
            for dy in -1..=1_isize {
                for dx in -1..=1_isize {
                    let (y, x) = ((index / width).checked_add_signed(dy), (index % width).checked_add_signed(dx));
                    let (Some(y), Some(x)) = (y, x) else { continue };
                    if (dy, dx) == (0, 0) || y >= height || x >= width {
                        continue;
                    }
                    let weight = if dy == 0 || dx == 0 { 1.0 / 6.0 } else { 1.0 / 12.0 };
                    sum += weight * f64::from(image[y * width + x]);
                    total += weight;
                }
            }
            largest = largest.max((f64::from(image[index]) - sum / total).abs());
        }
        largest
    }

    #[test]
    fn by_hand() {
        let image: Vec<f32> = [1.0, 2.0, 3.0, 4.0, 99.0, 6.0, 7.0, 8.0, 13.0].into();
        let middle = impute(&image, [1, 3, 3], &only(9, &[4]), 0.0, 0);
        // (2 + 4 + 6 + 8) / 6 + (1 + 3 + 7 + 13) / 12
        assert!((middle[4] - (20.0 / 6.0 + 2.0)).abs() < 1e-5);
        let corner = impute(&image, [1, 3, 3], &only(9, &[0]), 0.0, 0);
        // (2 + 4) / 6 + 99 / 12 over 2/6 + 1/12
        assert!((corner[0] - (1.0 + 8.25) / (5.0 / 12.0)).abs() < 1e-4);
        // Two removed side by side on a line of four: x = (1 + y)/2, y = (x + 4)/2, hence 2 and 3.
        let line = impute(&[1.0, 50.0, -50.0, 4.0], [1, 1, 4], &only(4, &[1, 2]), 0.0, 0);
        assert!((line[1] - 2.0).abs() < 1e-5 && (line[2] - 3.0).abs() < 1e-5, "{line:?}");
        assert_eq!((line[0], line[3]), (1.0, 4.0));
        // An end of a line has one neighbour.
        assert!((impute(&[7.0, 3.0], [1, 1, 2], &only(2, &[0]), 0.0, 0)[0] - 3.0).abs() < 1e-6);
    }

    #[test]
    fn nothing_and_everything() {
        let image = random(1, 2 * 12);
        assert_eq!(impute(&image, [2, 3, 4], &[false; 12], NOISE, 3), image);
        let gone = impute(&image, [2, 3, 4], &[true; 12], 0.0, 3);
        for (plane, filled) in image.chunks(12).zip(gone.chunks(12)) {
            let mean = plane.iter().sum::<f32>() / 12.0;
            assert!(filled.iter().all(|value| (value - mean).abs() < 1e-6));
        }
        assert!(impute(&[], [3, 0, 0], &[], NOISE, 0).is_empty());
        // Numbers that are not finite do not keep it.
        let broken = impute(&[f32::NAN, 1.0, 2.0, 3.0], [1, 2, 2], &only(4, &[3]), NOISE, 0);
        assert_eq!(broken[1..3], [1.0, 2.0]);
    }

    /// Pictures of any shape, any share removed: the known pixels stay, the others obey their equations and the range.
    #[test]
    fn the_equations_hold() {
        let mut rng = fastrand::Rng::with_seed(5);
        for round in 0..60 {
            let shape = [rng.usize(1..4), rng.usize(1..24), rng.usize(1..24)];
            let area = shape[1] * shape[2];
            let share = [0.1, 0.5, 0.9][round % 3];
            let mut removed: Vec<bool> = (0..area).map(|_| rng.f64() < share).collect();
            removed[rng.usize(0..area)] = false;
            let image = random(round as u64, shape[0] * area);
            let filled = impute(&image, shape, &removed, 0.0, 0);
            for (before, after) in image.chunks(area).zip(filled.chunks(area)) {
                let known = || before.iter().zip(&removed).filter(|(_, removed)| !**removed).map(|(value, _)| *value);
                let (low, high) = (known().fold(f32::INFINITY, f32::min), known().fold(f32::NEG_INFINITY, f32::max));
                for ((before, after), removed) in before.iter().zip(after).zip(&removed) {
                    assert!(*removed || before == after);
                    assert!(*after >= low - 1e-4 && *after <= high + 1e-4);
                }
                let fault = largest_fault(after, [shape[1], shape[2]], &removed);
                assert!(fault < 1e-5, "{fault} for {shape:?}");
            }
        }
    }

    /// A slope is its own fill, also across a hole that is nearly the whole picture.
    #[test]
    fn a_large_hole() {
        let (height, width) = (224, 224);
        let slope: Vec<f32> =
            (0..3 * height * width).map(|i| (i % width) as f32 / 100.0 - (i / width % height) as f32 / 50.0).collect();
        let inside = |side: usize| 5..side - 5;
        let removed: Vec<bool> = (0..height * width)
            .map(|i| inside(height).contains(&(i / width)) && inside(width).contains(&(i % width)))
            .collect();
        let mut image = slope.clone();
        for (index, value) in image.iter_mut().enumerate() {
            if removed[index % (height * width)] {
                *value = (index % 7) as f32;
            }
        }
        let filled = impute(&image, [3, height, width], &removed, 0.0, 0);
        let fault = filled.iter().zip(&slope).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(fault < 1e-4, "{fault} of a range of 6.7");
    }

    #[test]
    fn nine_tenths_of_all_pixels() {
        let (height, width) = (224, 224);
        let mut rng = fastrand::Rng::with_seed(9);
        let removed: Vec<bool> = (0..height * width).map(|_| rng.f64() < 0.9).collect();
        let image = random(4, 3 * height * width);
        let filled = impute(&image, [3, height, width], &removed, 0.0, 0);
        for plane in filled.chunks(height * width) {
            let fault = largest_fault(plane, [height, width], &removed);
            assert!(fault < 1e-5, "{fault}");
        }
    }

    #[test]
    fn noise_has_its_size_and_seed() {
        let (height, width) = (60, 60);
        let mut image = vec![1.0; 2 * height * width];
        image[0] = -1.0;
        image[1] = 9.0;
        let removed: Vec<bool> = (0..height * width).map(|i| i / width > 30).collect();
        let quiet = impute(&image, [2, height, width], &removed, 0.0, 1);
        let noisy = impute(&image, [2, height, width], &removed, 0.05, 1);
        assert_eq!(noisy, impute(&image, [2, height, width], &removed, 0.05, 1));
        assert_ne!(noisy, impute(&image, [2, height, width], &removed, 0.05, 2));
        let differences: Vec<f64> = quiet.iter().zip(&noisy).map(|(a, b)| f64::from(b - a)).collect();
        let of_removed: Vec<f64> =
            differences.iter().enumerate().filter(|(i, _)| removed[i % 3600]).map(|(_, d)| *d).collect();
        assert!(differences.iter().enumerate().all(|(i, d)| removed[i % 3600] || *d == 0.0));
        let n = of_removed.len() as f64; // 3480
        let mean = of_removed.iter().sum::<f64>() / n;
        let deviation = (of_removed.iter().map(|d| d * d).sum::<f64>() / n).sqrt();
        assert!(mean.abs() < 0.04, "{mean}");
        assert!((deviation / 0.5 - 1.0).abs() < 0.06, "{deviation}"); // 0.05 of 10; five standard errors
        let beyond = of_removed.iter().filter(|d| d.abs() > 1.0).count() as f64 / n;
        assert!((0.03..0.06).contains(&beyond), "{beyond}"); // 4.6 % of a Gaussian lie beyond two deviations
    }
}
