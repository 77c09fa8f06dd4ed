//! From neighbours to the fuzzy graph.

use crate::embedding::graph::Graph;
use crate::embedding::neighbours::Neighbours;

/// Halvings, tolerance and least width of umap-learn's `smooth_knn_dist`.
const SEARCHES: usize = 64;
const TOLERANCE: f64 = 1e-5;
const LEAST_WIDTH: f64 = 1e-3;

/// The graph of UMAP: for each point the nearest neighbour belongs to it with 1, others with `exp(-(d - ρ) / σ)`, where ρ is
/// the distance of the nearest one that is not equal, and σ such that the memberships of a neighbourhood of k points, itself
/// included, sum to `log₂ k`. The sets are united: `a + b - a b`.
///
/// For neighbours that were found to the end.
#[must_use]
pub fn fuzzy_graph(neighbours: &Neighbours) -> Graph {
    let (rows, k) = (neighbours.rows(), neighbours.k());
    let mut weights = vec![0.0; rows * k];
    if k > 0 {
        let mean_of = |squares: &[f32]| {
            // The point itself counts, at no distance.
            squares.iter().map(|&square| f64::from(square).sqrt()).sum::<f64>() / (squares.len() as f64 + 1.0)
        };
        let mean = neighbours.squares().chunks_exact(k).map(mean_of).sum::<f64>() / rows as f64;
        for (squares, weights) in neighbours.squares().chunks_exact(k).zip(weights.chunks_exact_mut(k)) {
            let nearest = squares.iter().find(|&&square| square > 0.0).map_or(0.0, |&square| f64::from(square).sqrt());
            let least = LEAST_WIDTH * if nearest > 0.0 { mean_of(squares) } else { mean };
            let width = width(squares, nearest, ((k + 1) as f64).log2()).max(least);
            for (weight, &square) in weights.iter_mut().zip(squares) {
                let beyond = f64::from(square).sqrt() - nearest;
                *weight = if beyond <= 0.0 || width == 0.0 { 1.0 } else { (-beyond / width).exp() as f32 };
            }
        }
    }
    Graph::symmetric(rows, k, neighbours.indices(), &weights, |there, back| there + back - there * back)
}

fn width(squares: &[f32], nearest: f64, wanted: f64) -> f64 {
    let (mut low, mut high, mut middle) = (0.0, f64::INFINITY, 1.0_f64);
    for _ in 0..SEARCHES {
        let sum: f64 = squares
            .iter()
            .map(|&square| {
                let beyond = f64::from(square).sqrt() - nearest;
                if beyond > 0.0 { (-beyond / middle).exp() } else { 1.0 }
            })
            .sum();
        if (sum - wanted).abs() < TOLERANCE {
            break;
        }
        if sum > wanted {
            high = middle;
            middle = (low + high) / 2.0;
        } else {
            low = middle;
            middle = if high.is_finite() { (low + high) / 2.0 } else { middle * 2.0 };
        }
    }
    middle
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Features, Stepped};

    #[test]
    fn memberships_sum_to_the_logarithm() {
        let mut random = fastrand::Rng::with_seed(1);
        let features = Features::new((0..300).map(|_| random.f32()).collect(), 100, 3).unwrap();
        let mut neighbours = Neighbours::new(features, 14);
        neighbours.finish();
        for squares in neighbours.squares().chunks(14) {
            let nearest = f64::from(squares[0]).sqrt();
            let width = width(squares, nearest, 15_f64.log2());
            let sum: f64 = squares.iter().map(|&s| (-(f64::from(s).sqrt() - nearest) / width).exp()).sum();
            assert!((sum - 15_f64.log2()).abs() < 1e-4);
        }
        let graph = fuzzy_graph(&neighbours);
        assert!(graph.weights().iter().all(|weight| (0.0..=1.0).contains(weight)));
        // The nearest neighbour belongs fully.
        assert!(graph.of(7).any(|(target, weight)| target == neighbours.indices()[7 * 14] as usize && weight == 1.0));
    }
}
