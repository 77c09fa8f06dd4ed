//! Eigenvectors of symmetric matrices: all of a small one by Jacobi's rotations, the first few of a large one by subspace
//! iteration.
//!
//! Own code, as is the small linear algebra of the engine; [`embedding`](crate::embedding) says why.

use crate::features::LANES;

/// Sweeps over all rotations; a matrix of this crate's sizes needs about eight.
const SWEEPS: usize = 60;

/// All eigenvalues, greatest first, and their unit eigenvectors as rows, of a symmetric matrix `[n, n]`.
pub(crate) fn jacobi(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = vec![0.0; n * n];
    for i in 0..n {
        vectors[i * n + i] = 1.0;
    }
    let total: f64 = a.iter().map(|value| value * value).sum();
    for _ in 0..SWEEPS {
        let outside: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i * n + j].powi(2)).sum();
        if outside <= total * 1e-32 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                let pq = a[p * n + q];
                if pq == 0.0 {
                    continue;
                }
                // The rotation that makes a[p, q] zero, by the smaller of two angles.
                let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * pq);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for k in 0..n {
                    let (x, y) = (a[k * n + p], a[k * n + q]);
                    a[k * n + p] = c * x - s * y;
                    a[k * n + q] = s * x + c * y;
                }
                rotate_rows(&mut a, n, p, q, c, s);
                rotate_rows(&mut vectors, n, p, q, c, s);
                a[p * n + q] = 0.0;
                a[q * n + p] = 0.0;
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[j * n + j].total_cmp(&a[i * n + i]));
    let values = order.iter().map(|&i| a[i * n + i]).collect();
    let sorted = order.iter().flat_map(|&i| &vectors[i * n..(i + 1) * n]).copied().collect();
    (values, sorted)
}

fn rotate_rows(a: &mut [f64], n: usize, p: usize, q: usize, c: f64, s: f64) {
    let (before, from_q) = a.split_at_mut(q * n);
    for (x, y) in before[p * n..][..n].iter_mut().zip(&mut from_q[..n]) {
        (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
    }
}

/// Dot product in lanes.
#[inline]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// `to += factor · from`.
#[inline]
pub(crate) fn add_scaled(to: &mut [f64], factor: f64, from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
}

/// Orthonormal vectors that turn towards the eigenvectors of the greatest eigenvalues of a symmetric operator, which only the
/// caller knows: he gives its images of the vectors.
#[derive(Clone, Debug)]
pub(crate) struct Subspace {
    side: usize,
    width: usize,
    /// The vectors, one a row, `[width, side]`.
    pub(crate) vectors: Vec<f64>,
    /// Estimates of the eigenvalues, greatest first.
    pub(crate) values: Vec<f64>,
    random: fastrand::Rng,
}

impl Subspace {
    /// `width` random vectors of `side` numbers, at most as many as there can be.
    pub(crate) fn new(side: usize, width: usize, seed: u64) -> Self {
        let width = width.min(side);
        let mut random = fastrand::Rng::with_seed(seed);
        let vectors = (0..width * side).map(|_| random.f64() - 0.5).collect();
        let mut subspace = Self { side, width, vectors: Vec::new(), values: vec![0.0; width], random };
        subspace.replace(vectors);
        subspace
    }

    /// Number of vectors.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Takes other vectors, made orthonormal in their order. One that depends on those before it is drawn anew.
    pub(crate) fn replace(&mut self, mut vectors: Vec<f64>) {
        for index in 0..self.width {
            let (before, rest) = vectors.split_at_mut(index * self.side);
            let vector = &mut rest[..self.side];
            for _ in 0..3 {
                let start = dot(vector, vector).sqrt();
                // Twice is enough (Kahan and Parlett).
                for _ in 0..2 {
                    for other in before.chunks_exact(self.side) {
                        let along = dot(vector, other);
                        add_scaled(vector, -along, other);
                    }
                }
                let length = dot(vector, vector).sqrt();
                if length > start * 1e-12 && length.is_finite() {
                    vector.iter_mut().for_each(|value| *value /= length);
                    break;
                }
                vector.iter_mut().for_each(|value| *value = self.random.f64() - 0.5);
            }
        }
        self.vectors = vectors;
    }

    /// Turns the vectors within their span to the best estimates of eigenvectors (Rayleigh and Ritz), given their images;
    /// returns the images of the turned vectors.
    pub(crate) fn turn(&mut self, images: &[f64]) -> Vec<f64> {
        let (side, width) = (self.side, self.width);
        let row = |of: &[f64], index: usize| -> Vec<f64> { of[index * side..(index + 1) * side].to_vec() };
        let mut small = vec![0.0; width * width];
        for i in 0..width {
            let vector = row(&self.vectors, i);
            for j in 0..width {
                small[i * width + j] = dot(&vector, &images[j * side..(j + 1) * side]);
            }
        }
        for i in 0..width {
            for j in 0..i {
                let mean = (small[i * width + j] + small[j * width + i]) / 2.0;
                small[i * width + j] = mean;
                small[j * width + i] = mean;
            }
        }
        let (values, turns) = jacobi(small, width);
        self.values = values;
        let turned = |of: &[f64]| {
            let mut turned = vec![0.0; width * side];
            for (to, turn) in turned.chunks_exact_mut(side.max(1)).zip(turns.chunks_exact(width.max(1))) {
                for (&factor, from) in turn.iter().zip(of.chunks_exact(side)) {
                    add_scaled(to, factor, from);
                }
            }
            turned
        };
        self.vectors = turned(&self.vectors);
        turned(images)
    }

    /// The greatest distance of the images of the first `wanted` vectors from a multiple of them, as a share of the greatest
    /// eigenvalue: how far they are from being eigenvectors. After [`turn`](Self::turn), with its result.
    pub(crate) fn residual(&self, images: &[f64], wanted: usize) -> f64 {
        let largest = self.values.first().map_or(0.0, |value| value.abs()).max(f64::MIN_POSITIVE);
        let rows = self.vectors.chunks_exact(self.side.max(1)).zip(images.chunks_exact(self.side.max(1)));
        rows.zip(&self.values)
            .take(wanted)
            .map(|((vector, image), value)| {
                image.iter().zip(vector).map(|(image, vector)| (image - value * vector).powi(2)).sum::<f64>().sqrt()
            })
            .fold(0.0, f64::max)
            / largest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random_symmetric(n: usize) -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(5);
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let value = random.f64() - 0.5;
                a[i * n + j] = value;
                a[j * n + i] = value;
            }
        }
        a
    }

    #[test]
    fn rotations_find_all_eigenvectors() {
        let n = 23;
        let a = random_symmetric(n);
        let (values, vectors) = jacobi(a.clone(), n);
        assert!(values.windows(2).all(|pair| pair[0] >= pair[1]));
        for (value, vector) in values.iter().zip(vectors.chunks(n)) {
            for i in 0..n {
                assert!((dot(&a[i * n..(i + 1) * n], vector) - value * vector[i]).abs() < 1e-12);
            }
        }
        assert_eq!(jacobi(Vec::new(), 0), (Vec::new(), Vec::new()));
        assert_eq!(jacobi(vec![0.0; 4], 2).0, [0.0, 0.0]);
    }

    #[test]
    fn a_subspace_finds_the_first_ones() {
        let n = 90;
        let a = random_symmetric(n);
        // The square has no negative eigenvalues.
        let square: Vec<f64> = (0..n * n).map(|at| dot(&a[at / n * n..][..n], &a[at % n * n..][..n])).collect();
        let mut subspace = Subspace::new(n, 14, 1);
        let mut residual = 1.0;
        for _ in 0..200 {
            let images: Vec<f64> = subspace
                .vectors
                .chunks(n)
                .flat_map(|vector| square.chunks(n).map(|row| dot(row, vector)).collect::<Vec<_>>())
                .collect();
            let images = subspace.turn(&images);
            residual = subspace.residual(&images, 3);
            if residual < 1e-10 {
                break;
            }
            subspace.replace(images);
        }
        assert!(residual < 1e-10, "{residual}");
        let (values, _) = jacobi(square, n);
        for (found, value) in subspace.values.iter().zip(&values).take(3) {
            assert!((found - value).abs() < 1e-9 * values[0]);
        }
        // Vectors that depend on each other are replaced.
        subspace.replace(vec![1.0; 14 * n]);
        assert!(dot(&subspace.vectors[..n], &subspace.vectors[n..2 * n]).abs() < 1e-9);
        assert_eq!(Subspace::new(0, 3, 0).width(), 0);
    }
}
