//! Affinities of t-SNE: Gaussians around each point, as wide as its perplexity asks.

use crate::embedding::WORK;
use crate::embedding::graph::{Graph, Union};
use crate::embedding::neighbours::Neighbours;
use crate::{Progress, Stepped};

/// Halvings of the interval of a width, and where its entropy is near enough: scikit-learn's numbers.
const SEARCHES: usize = 100;
const TOLERANCE: f64 = 1e-5;

/// Joint affinities `p_ij = (p_j|i + p_i|j) / 2n` of neighbours, in steps; they sum to 1.
#[derive(Clone, Debug)]
pub struct Affinities {
    neighbours: Neighbours,
    entropy: f64,
    weights: Vec<f32>,
    row: usize,
    union: Option<Union>,
    graph: Graph,
    progress: Progress,
}

impl Affinities {
    /// Affinities of neighbours that were found, with the widths at which `exp(entropy)` is `perplexity`.
    #[must_use]
    pub fn new(neighbours: Neighbours, perplexity: f64) -> Self {
        let weights = vec![0.0; neighbours.indices().len()];
        let mut affinities = Self {
            entropy: perplexity.max(1.0).ln(),
            weights,
            row: 0,
            union: None,
            graph: Graph::default(),
            progress: Progress::default(),
            neighbours,
        };
        affinities.progress.total = affinities.neighbours.rows().div_ceil(affinities.rows_to_a_step()) as u32 + 8;
        affinities
    }

    fn rows_to_a_step(&self) -> usize {
        // Some thirty exponentials to a neighbour, each worth some twenty multiplications.
        (WORK / 600 / self.neighbours.k().max(1)).max(1)
    }

    /// The graph, when the work is done.
    #[must_use]
    pub fn into_graph(self) -> Graph {
        self.graph
    }
}

impl Stepped for Affinities {
    fn step(&mut self) -> Progress {
        let (rows, k) = (self.neighbours.rows(), self.neighbours.k());
        if self.row < rows {
            let end = (self.row + self.rows_to_a_step()).min(rows);
            for row in self.row..end {
                let squares = &self.neighbours.squares()[row * k..(row + 1) * k];
                conditional(squares, self.entropy, &mut self.weights[row * k..(row + 1) * k]);
            }
            self.row = end;
            return self.progress.advance(false);
        }
        let union = self.union.get_or_insert_with(|| {
            let weights = std::mem::take(&mut self.weights);
            Union::new(rows, k, self.neighbours.indices().to_vec(), weights, |there, back| there + back)
        });
        if self.graph.rows() != rows {
            let Some(mut graph) = union.step() else {
                return self.progress.advance(false);
            };
            let sum: f64 = graph.weights().iter().map(|&weight| f64::from(weight)).sum();
            let factor = if sum > 0.0 { 1.0 / sum } else { 0.0 };
            graph.weights_mut().iter_mut().for_each(|weight| *weight = (f64::from(*weight) * factor) as f32);
            self.graph = graph;
        }
        self.progress.advance(true)
    }
}

/// The conditional affinities `exp(-β d²) / Σ` of one point's neighbours, nearest first, with the β that gives the entropy.
fn conditional(squares: &[f32], entropy: f64, weights: &mut [f32]) {
    // What all distances have in common changes no affinity.
    let nearest = squares.first().map_or(0.0, |&square| f64::from(square));
    let (mut beta, mut low, mut high) = (1.0_f64, 0.0, f64::INFINITY);
    let mut sum = 1.0;
    for _ in 0..SEARCHES {
        sum = 0.0;
        let mut weighted = 0.0;
        for &square in squares {
            let square = f64::from(square) - nearest;
            let weight = (-beta * square).exp();
            sum += weight;
            weighted += square * weight;
        }
        let difference = sum.ln() + beta * weighted / sum - entropy;
        if difference.abs() <= TOLERANCE || sum == 0.0 {
            break;
        }
        // Too even: narrower.
        if difference > 0.0 {
            low = beta;
            beta = if high.is_finite() { (low + high) / 2.0 } else { beta * 2.0 };
        } else {
            high = beta;
            beta = (low + high) / 2.0;
        }
    }
    for (weight, &square) in weights.iter_mut().zip(squares) {
        *weight = ((-beta * (f64::from(square) - nearest)).exp() / sum.max(f64::MIN_POSITIVE)) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entropy_is_that_of_the_perplexity() {
        let squares: Vec<f32> = (0..40).map(|i| 1e-4 * (i * i) as f32).collect();
        let mut weights = vec![0.0; 40];
        conditional(&squares, 12_f64.ln(), &mut weights);
        let entropy: f64 = weights.iter().filter(|&&p| p > 0.0).map(|&p| -f64::from(p) * f64::from(p).ln()).sum();
        assert!((entropy.exp() - 12.0).abs() < 1e-3);
        // All equally near: evenly, though no width gives the entropy.
        conditional(&[3.0; 8], 2_f64.ln(), &mut weights[..8]);
        assert!(weights[..8].iter().all(|&weight| (weight - 0.125).abs() < 1e-6));
        conditional(&[], 1.0, &mut []);
    }
}
