//! Linear models fitted to what a network says about parts of a picture: ridge regression for LIME and the Shapley kernel's
//! regression for KernelSHAP.
//!
//! All in `f64`. A thousand unknowns take about a second, a few hundred are instant.

/// The first summand on the diagonal that is tried where a matrix cannot be factorised, as a share of its mean: the root of
/// the rounding, so that neither the summand nor the rounding counts for more than the other.
const JITTER: f64 = 1e-8;

/// How often it is multiplied by a hundred before the matrix counts as singular.
const JITTER_STEPS: u32 = 2;

/// A pivot below this share of its diagonal entry is rounding.
const SMALLEST_PIVOT: f64 = 1e-13;

/// Why there is no fit.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LeastSquaresError {
    /// There are not as many numbers as samples and unknowns ask for.
    #[error("{which} has {found} numbers instead of {expected}")]
    Length {
        /// `samples`, `present`, `targets` or `weights`.
        which: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A target is not finite.
    #[error("the score of sample {index} is {value}")]
    Target {
        /// The sample.
        index: usize,
        /// Its target.
        value: f64,
    },
    /// A weight is negative or not finite.
    #[error("the weight of sample {index} is {value}")]
    Weight {
        /// The sample.
        index: usize,
        /// Its weight.
        value: f64,
    },
    /// No sample tells one unknown from another.
    #[error("{samples} samples do not determine {unknowns} parts")]
    Singular {
        /// Number of samples.
        samples: usize,
        /// Number of unknowns.
        unknowns: usize,
    },
}

/// A fitted linear model.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// One number for each unknown.
    pub coefficients: Vec<f64>,
    /// What the model says where all unknowns are 0.
    pub intercept: f64,
    /// Whether the samples left the solution open, so that the smallest one was taken.
    pub underdetermined: bool,
}

/// Weighted ridge regression: the coefficients `β` and intercept `c` that minimise
/// `Σ w_i (y_i - c - x_i·β)² + α ‖β‖²`; the intercept is not penalised (Hoerl and Kennard 1970).
///
/// `samples` has `[n, unknowns]` row-major, `targets` and `weights` have `n` numbers. The weights are taken as they are, so
/// that doubling them halves the effect of `alpha`. With an `alpha` of 0, where the samples do not determine the solution,
/// about the smallest is taken.
///
/// # Errors
/// [`LeastSquaresError`] if lengths do not fit, a target is not finite, a weight is negative or not finite, or nothing is
/// determined: `alpha` is 0 (or below) and the samples with a weight do not differ.
pub fn ridge(
    samples: &[f64],
    unknowns: usize,
    targets: &[f64],
    weights: &[f64],
    alpha: f64,
) -> Result<Fit, LeastSquaresError> {
    let count = targets.len();
    check_length("samples", samples.len(), count * unknowns)?;
    check_numbers(targets, weights)?;
    let total: f64 = weights.iter().sum();
    if total == 0.0 {
        return Err(LeastSquaresError::Singular { samples: count, unknowns });
    }
    // Centred on the weighted means, the intercept drops out.
    let mean = |values: &dyn Fn(usize) -> f64| {
        weights.iter().enumerate().map(|(index, weight)| weight * values(index)).sum::<f64>() / total
    };
    let middle: Vec<f64> = (0..unknowns).map(|column| mean(&|row| samples[row * unknowns + column])).collect();
    let level = mean(&|row| targets[row]);
    let mut equations = Equations::new(
        count,
        unknowns,
        weights,
        |row, column| samples[row * unknowns + column] - middle[column],
        |row| targets[row] - level,
    );
    for index in 0..unknowns {
        equations.matrix[index * unknowns + index] += alpha.max(0.0);
    }
    let (coefficients, underdetermined) = equations.solve(count)?;
    let intercept = level - dot(&middle, &coefficients);
    Ok(Fit { coefficients, intercept, underdetermined })
}

/// The Shapley kernel for `0..=features` present parts: `(q - 1) / (C(q, s) · s · (q - s))` (Lundberg and Lee, "A Unified
/// Approach to Interpreting Model Predictions", NeurIPS 2017, theorem 2), the weight of one coalition of that size.
///
/// None and all weigh infinitely much: [`kernel_shap`] keeps to them exactly, here they have 0. For more than about a
/// thousand parts the weights of middle sizes are too small for a number and 0.
#[must_use]
pub fn kernel_weights(features: usize) -> Vec<f64> {
    let q = features as f64;
    let mut choices = 1.0; // C(q, s)
    let mut weights = vec![0.0; features + 1];
    for (size, weight) in weights.iter_mut().enumerate().take(features).skip(1) {
        let s = size as f64;
        choices *= (q - s + 1.0) / s;
        *weight = (q - 1.0) / (choices * s * (q - s));
    }
    weights
}

/// KernelSHAP: the contributions `φ` of the parts that minimise `Σ w_i (f(z_i) - f(none) - z_i·φ)²` under the exact
/// condition `Σ φ = f(all) - f(none)` (Lundberg and Lee 2017; the condition as in Covert and Lee, "Improving KernelSHAP",
/// AISTATS 2021).
///
/// `present` has `[n, features]` row-major, which parts each coalition shows; `scores` are the network's `f` of them, and
/// `weights` their weights in the regression: [`kernel_weights`] by size where each coalition occurs once, 1 where the
/// coalitions were drawn by the kernel. All coalitions give the Shapley values.
/// [`Fit::intercept`] is `none`. One part has the whole difference.
///
/// Of contributions that fit equally well, as there are with fewer coalitions than parts, about those nearest to equal
/// shares are taken; [`Fit::underdetermined`] says so.
///
/// # Errors
/// [`LeastSquaresError`] if lengths do not fit, a score is not finite, a weight is negative or not finite, or no coalition
/// tells the parts from one another.
pub fn kernel_shap(
    present: &[bool],
    features: usize,
    scores: &[f64],
    weights: &[f64],
    none: f64,
    all: f64,
) -> Result<Fit, LeastSquaresError> {
    let count = scores.len();
    check_length("present", present.len(), count * features)?;
    check_numbers(scores, weights)?;
    check_numbers(&[none, all], &[1.0; 2])?;
    let share = (all - none) / features as f64;
    if features < 2 {
        return Ok(Fit { coefficients: vec![share; features], intercept: none, underdetermined: false });
    }
    // φ is the equal share and a deviation that sums to 0. A deviation sees only how a coalition's row differs from its
    // own mean, so the rows lose their means, and the matrix all that points to (1, …, 1): a summand in this direction
    // makes it regular again and leaves the solution there at 0. No part is singled out to take up the rest.
    let sizes: Vec<f64> =
        present.chunks_exact(features).map(|row| row.iter().filter(|present| **present).count() as f64).collect();
    let mut equations = Equations::new(
        count,
        features,
        weights,
        |row, column| f64::from(u8::from(present[row * features + column])) - sizes[row] / features as f64,
        |row| scores[row] - none - sizes[row] * share,
    );
    let mean_diagonal = equations.mean_diagonal();
    for entry in &mut equations.matrix {
        *entry += mean_diagonal / features as f64;
    }
    let (deviations, underdetermined) = equations.solve(count)?;
    let rounding = deviations.iter().sum::<f64>() / features as f64;
    let coefficients = deviations.into_iter().map(|deviation| share + deviation - rounding).collect();
    Ok(Fit { coefficients, intercept: none, underdetermined })
}

fn check_length(which: &'static str, found: usize, expected: usize) -> Result<(), LeastSquaresError> {
    if found == expected { Ok(()) } else { Err(LeastSquaresError::Length { which, found, expected }) }
}

fn check_numbers(targets: &[f64], weights: &[f64]) -> Result<(), LeastSquaresError> {
    check_length("weights", weights.len(), targets.len())?;
    if let Some((index, &value)) = targets.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        return Err(LeastSquaresError::Target { index, value });
    }
    match weights.iter().enumerate().find(|(_, value)| !value.is_finite() || **value < 0.0) {
        Some((index, &value)) => Err(LeastSquaresError::Weight { index, value }),
        None => Ok(()),
    }
}

/// The normal equations `Xᵀ W X β = Xᵀ W y`.
struct Equations {
    unknowns: usize,
    /// `[unknowns, unknowns]`; only the part up to the diagonal counts.
    matrix: Vec<f64>,
    right: Vec<f64>,
}

impl Equations {
    fn new(
        count: usize,
        unknowns: usize,
        weights: &[f64],
        sample: impl Fn(usize, usize) -> f64,
        target: impl Fn(usize) -> f64,
    ) -> Self {
        let roots: Vec<f64> = weights.iter().map(|weight| weight.sqrt()).collect();
        // A column of all samples after the other, so that each entry of the matrix is one pass over two of them.
        let mut columns = Vec::with_capacity(count * unknowns);
        for column in 0..unknowns {
            columns.extend((0..count).map(|row| roots[row] * sample(row, column)));
        }
        let targets: Vec<f64> = (0..count).map(|row| roots[row] * target(row)).collect();
        let column = |index: usize| &columns[index * count..(index + 1) * count];
        let mut matrix = vec![0.0; unknowns * unknowns];
        for row in 0..unknowns {
            for other in 0..=row {
                matrix[row * unknowns + other] = dot(column(row), column(other));
            }
        }
        let right = (0..unknowns).map(|index| dot(column(index), &targets)).collect();
        Self { unknowns, matrix, right }
    }

    fn mean_diagonal(&self) -> f64 {
        let sum: f64 = (0..self.unknowns).map(|index| self.matrix[index * self.unknowns + index]).sum();
        sum / self.unknowns.max(1) as f64
    }

    /// The solution, and whether the matrix had to be made regular.
    fn solve(&self, samples: usize) -> Result<(Vec<f64>, bool), LeastSquaresError> {
        let mean = self.mean_diagonal();
        let singular = LeastSquaresError::Singular { samples, unknowns: self.unknowns };
        if self.unknowns > 0 && (mean <= 0.0 || !mean.is_finite()) {
            return Err(singular);
        }
        if let Some(solution) = self.solve_with(0.0) {
            return Ok((solution, false));
        }
        let steps = (0..=JITTER_STEPS).map(|step| mean * JITTER * 100.0_f64.powi(step as i32));
        steps.into_iter().find_map(|jitter| self.solve_with(jitter)).map(|solution| (solution, true)).ok_or(singular)
    }

    /// By Cholesky's factorisation; `None` where a pivot is not positive.
    fn solve_with(&self, jitter: f64) -> Option<Vec<f64>> {
        let n = self.unknowns;
        let mut factor = self.matrix.clone();
        for row in 0..n {
            let (before, rest) = factor.split_at_mut(row * n);
            let current = &mut rest[..n];
            current[row] += jitter;
            for other in 0..row {
                let earlier = &before[other * n..other * n + n];
                current[other] = (current[other] - dot(&current[..other], &earlier[..other])) / earlier[other];
            }
            let pivot = current[row] - dot(&current[..row], &current[..row]);
            if !pivot.is_finite() || pivot <= SMALLEST_PIVOT * current[row] {
                return None;
            }
            current[row] = pivot.sqrt();
        }
        let mut solution = self.right.clone();
        for row in 0..n {
            let line = &factor[row * n..row * n + row];
            solution[row] = (solution[row] - dot(line, &solution[..row])) / factor[row * n + row];
        }
        for row in (0..n).rev() {
            solution[row] /= factor[row * n + row];
            let value = solution[row];
            for (earlier, entry) in solution[..row].iter_mut().zip(&factor[row * n..row * n + row]) {
                *earlier -= value * entry;
            }
        }
        Some(solution)
    }
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
    use crate::coalitions;

    fn close(got: &[f64], expected: &[f64], tolerance: f64) {
        assert_eq!(got.len(), expected.len());
        for (a, b) in got.iter().zip(expected) {
            assert!((a - b).abs() <= tolerance, "{got:?} instead of {expected:?}");
        }
    }

    /// A game with interactions of all orders: a random value for each set of players.
    fn random_game(seed: u64, players: usize) -> Vec<f64> {
        let mut rng = fastrand::Rng::with_seed(seed);
        (0..1 << players).map(|_| rng.f64() * 10.0 - 5.0).collect()
    }

    fn as_set(row: &[bool]) -> usize {
        row.iter().enumerate().map(|(player, &present)| usize::from(present) << player).sum()
    }

    /// By definition: each player's mean contribution over all sets of the others.
    fn shapley(game: &[f64], players: usize) -> Vec<f64> {
        let factorial = |n: usize| (1..=n).map(|k| k as f64).product::<f64>();
        let contribution = |player: usize| {
            (0..1_usize << players)
                .filter(|set| set >> player & 1 == 0)
                .map(|set| {
                    let size = set.count_ones() as usize;
                    let weight = factorial(size) * factorial(players - size - 1) / factorial(players);
                    weight * (game[set | 1 << player] - game[set])
                })
                .sum()
        };
        (0..players).map(contribution).collect()
    }

    #[test]
    fn ridge_by_hand() {
        // The samples (1, 0), (0, 1), (1, 1), (0, 0) with the targets 3, 1, 5, 0, equal weights and α = 1. The means are
        // 1/2, 1/2 and 9/4. Centred, Xᵀ X = I and Xᵀ y = (8 - 9/2, 6 - 9/2) = (7/2, 3/2), so (I + I) β = (7/2, 3/2).
        let samples = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0];
        let fit = ridge(&samples, 2, &[3.0, 1.0, 5.0, 0.0], &[1.0; 4], 1.0).unwrap();
        close(&fit.coefficients, &[1.75, 0.75], 1e-12);
        close(&[fit.intercept], &[1.0], 1e-12);
        assert!(!fit.underdetermined);
        // With α = 0 and a weight of 0 for the last sample: three points, an exact plane 5 = 3 + 1 - c.
        let plane = ridge(&samples, 2, &[3.0, 1.0, 5.0, 77.0], &[2.0, 1.0, 0.5, 0.0], 0.0).unwrap();
        close(&plane.coefficients, &[4.0, 2.0], 1e-12);
        close(&[plane.intercept], &[-1.0], 1e-12);
    }

    #[test]
    fn ridge_weights() {
        // One unknown: x = 0, 1 with the targets 0, 1 and the weights 1, 3. The means are 3/4; Σ w (x - x̄)² = 3/4, and so is
        // Σ w (x - x̄)(y - ȳ). β = (3/4) / (3/4 + 1/4), c = 3/4 - β·3/4.
        let fit = ridge(&[0.0, 1.0], 1, &[0.0, 1.0], &[1.0, 3.0], 0.25).unwrap();
        close(&[fit.coefficients[0], fit.intercept], &[0.75, 0.1875], 1e-12);
        // A weight of two is a sample that occurs twice.
        let mut rng = fastrand::Rng::with_seed(3);
        let samples: Vec<f64> = (0..60).map(|_| rng.f64()).collect();
        let targets: Vec<f64> = (0..20).map(|_| rng.f64()).collect();
        let mut weights = vec![1.0; 20];
        weights[7] = 2.0;
        let weighted = ridge(&samples, 3, &targets, &weights, 0.5).unwrap();
        let (mut twice, mut both) = (samples.clone(), targets.clone());
        twice.extend_from_slice(&samples[21..24]);
        both.push(targets[7]);
        let repeated = ridge(&twice, 3, &both, &[1.0; 21], 0.5).unwrap();
        close(&weighted.coefficients, &repeated.coefficients, 1e-12);
        // The gradient of what is minimised is 0, also in the intercept.
        let rest: Vec<f64> = (0..20)
            .map(|row| targets[row] - weighted.intercept - dot(&samples[row * 3..row * 3 + 3], &weighted.coefficients))
            .collect();
        close(&[dot(&weights, &rest)], &[0.0], 1e-12);
        for column in 0..3 {
            let slope: f64 = (0..20).map(|row| weights[row] * rest[row] * samples[row * 3 + column]).sum();
            close(&[slope], &[0.5 * weighted.coefficients[column]], 1e-12);
        }
        // A strong penalty leaves the weighted mean.
        let flat = ridge(&samples, 3, &targets, &weights, 1e12).unwrap();
        close(&flat.coefficients, &[0.0; 3], 1e-10);
        close(&[flat.intercept], &[dot(&weights, &targets) / 21.0], 1e-10);
    }

    #[test]
    fn what_is_not_determined() {
        // Two equal columns share what they explain.
        let samples = [0.0, 0.0, 1.0, 1.0, 2.0, 2.0];
        let fit = ridge(&samples, 2, &[1.0, 5.0, 9.0], &[1.0; 3], 0.0).unwrap();
        assert!(fit.underdetermined);
        close(&fit.coefficients, &[2.0, 2.0], 1e-6);
        close(&[fit.intercept], &[1.0], 1e-6);
        let singular = LeastSquaresError::Singular { samples: 2, unknowns: 1 };
        assert_eq!(ridge(&[3.0, 3.0], 1, &[1.0, 2.0], &[1.0; 2], 0.0), Err(singular.clone()));
        assert_eq!(ridge(&[3.0, 4.0], 1, &[1.0, 2.0], &[0.0; 2], 1.0), Err(singular));
        assert_eq!(ridge(&[3.0, 3.0], 1, &[1.0, 2.0], &[1.0; 2], 1.0).unwrap().coefficients, [0.0]);
        // Three parts, one coalition that shows the first alone: the other two are alike.
        let fit = kernel_shap(&[true, false, false], 3, &[5.0], &[1.0], 1.0, 7.0).unwrap();
        assert!(fit.underdetermined);
        close(&fit.coefficients, &[4.0, 1.0, 1.0], 1e-6);
        let nothing = kernel_shap(&[], 3, &[], &[], 1.0, 7.0);
        assert_eq!(nothing, Err(LeastSquaresError::Singular { samples: 0, unknowns: 3 }));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let length = |which, found, expected| Err(LeastSquaresError::Length { which, found, expected });
        assert_eq!(ridge(&[1.0; 5], 2, &[1.0; 3], &[1.0; 3], 1.0), length("samples", 5, 6));
        assert_eq!(ridge(&[1.0; 6], 2, &[1.0; 3], &[1.0; 2], 1.0), length("weights", 2, 3));
        assert_eq!(kernel_shap(&[true; 5], 2, &[1.0; 3], &[1.0; 3], 0.0, 1.0), length("present", 5, 6));
        let error = ridge(&[1.0, 2.0], 1, &[1.0, f64::INFINITY], &[1.0; 2], 1.0).unwrap_err();
        assert_eq!(error.to_string(), "the score of sample 1 is inf");
        assert_eq!(
            ridge(&[1.0, 2.0], 1, &[1.0; 2], &[-1.0, 1.0], 1.0),
            Err(LeastSquaresError::Weight { index: 0, value: -1.0 })
        );
        assert!(kernel_shap(&[true, false], 2, &[1.0], &[1.0], f64::NAN, 1.0).is_err());
    }

    #[test]
    fn the_kernel() {
        // q = 4: 3 / (4·1·3), 3 / (6·2·2), 3 / (4·3·1).
        close(&kernel_weights(4), &[0.0, 0.25, 0.125, 0.25, 0.0], 1e-15);
        assert_eq!(kernel_weights(1), [0.0, 0.0]);
        assert_eq!(kernel_weights(0), [0.0]);
        let large = kernel_weights(1024);
        assert!(large.iter().all(|weight| weight.is_finite()) && large[1] > 0.0);
        assert!((large[1] / large[1023] - 1.0).abs() < 1e-9);
    }

    /// Invariant: all coalitions give the Shapley values.
    #[test]
    fn all_coalitions_are_shapley() {
        for (seed, players) in [(1, 8), (2, 8), (3, 5), (4, 2), (5, 3)] {
            let game = random_game(seed, players);
            let (coalitions, weights) = coalitions::kernel(0, 1 << players, players);
            assert_eq!(coalitions.count(), (1 << players) - 2);
            let scores: Vec<f64> = (0..coalitions.count()).map(|index| game[as_set(coalitions.row(index))]).collect();
            let (none, all) = (game[0], game[game.len() - 1]);
            let fit = kernel_shap(&coalitions.present, players, &scores, &weights, none, all).unwrap();
            assert!(!fit.underdetermined);
            close(&fit.coefficients, &shapley(&game, players), 1e-9);
            close(&[fit.coefficients.iter().sum()], &[all - none], 1e-12);
        }
        let alone = kernel_shap(&[], 1, &[], &[], 2.0, 5.0).unwrap();
        assert_eq!(alone.coefficients, [3.0]);
        assert!(kernel_shap(&[], 0, &[], &[], 2.0, 2.0).unwrap().coefficients.is_empty());
    }

    /// Drawn coalitions: exact for a game without interactions, near for one with, and the sum is always exact.
    #[test]
    fn drawn_coalitions_come_near() {
        let players = 10;
        let shares: Vec<f64> = (0..players).map(|player| (player * player) as f64 - 20.0).collect();
        let additive: Vec<f64> = (0..1_usize << players)
            .map(|set| {
                3.0 + (0..players).filter(|player| set >> player & 1 == 1).map(|player| shares[player]).sum::<f64>()
            })
            .collect();
        let noise = random_game(9, players);
        let game: Vec<f64> = additive.iter().zip(&noise).map(|(a, b)| a + b).collect();
        let fit = |game: &[f64], samples: usize| {
            let (coalitions, weights) = coalitions::kernel(4, samples, players);
            let scores: Vec<f64> = (0..samples).map(|index| game[as_set(coalitions.row(index))]).collect();
            kernel_shap(&coalitions.present, players, &scores, &weights, game[0], game[game.len() - 1]).unwrap()
        };
        close(&fit(&additive, 60).coefficients, &shares, 1e-9);
        let exact = shapley(&game, players);
        let distance = |samples| {
            let fit = fit(&game, samples);
            close(&[fit.coefficients.iter().sum()], &[game[game.len() - 1] - game[0]], 1e-9);
            fit.coefficients.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        };
        let (few, many) = (distance(40), distance(1000));
        assert!(many < 0.5 * few && many < 1.0, "{few} {many}");
    }

    /// Every permutation alone shares out exactly the difference, and their mean comes near the Shapley values.
    #[test]
    fn permutations_telescope() {
        let players = 8;
        let game = random_game(6, players);
        let mut mean = vec![0.0; players];
        let rounds = 4000;
        for index in 0..rounds {
            let order = coalitions::permutation(11, index, players);
            let rows = coalitions::prefixes(&order);
            let scores: Vec<f64> = (0..rows.count()).map(|row| game[as_set(rows.row(row))]).collect();
            let marginals = coalitions::marginals(&order, &scores);
            close(&[marginals.iter().sum()], &[game[255] - game[0]], 1e-12);
            for (mean, marginal) in mean.iter_mut().zip(marginals) {
                *mean += marginal / rounds as f64;
            }
        }
        close(&mean, &shapley(&game, players), 0.35); // contributions have a deviation of about 4; 4/√4000 = 0.06
    }

    #[test]
    fn a_thousand_unknowns() {
        let (unknowns, count) = (1024, 1500);
        let mut rng = fastrand::Rng::with_seed(2);
        let truth: Vec<f64> = (0..unknowns).map(|_| rng.f64() - 0.5).collect();
        let present: Vec<bool> = (0..unknowns * count).map(|_| rng.bool()).collect();
        let score =
            |row: &[bool]| row.iter().zip(&truth).map(|(&on, value)| if on { *value } else { 0.0 }).sum::<f64>();
        let scores: Vec<f64> = present.chunks(unknowns).map(score).collect();
        let all = truth.iter().sum();
        let fit = kernel_shap(&present, unknowns, &scores, &vec![1.0; count], 0.0, all).unwrap();
        close(&fit.coefficients, &truth, 1e-9);
    }
}
