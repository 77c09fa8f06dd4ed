//! From neighbours to the fuzzy graph.

use crate::embedding::graph::{Graph, Union};
use crate::embedding::neighbours::Neighbours;
use crate::embedding::rows_to_a_step;
use crate::{Progress, Stepped};

/// Halvings, tolerance and least width of umap-learn's `smooth_knn_dist`.
const SEARCHES: usize = 64;
const TOLERANCE: f64 = 1e-5;
const LEAST_WIDTH: f64 = 1e-3;

/// What the search costs for a neighbour, in multiplications.
const MEMBER_WORK: usize = 600;

/// The graph of UMAP, in steps: for each point the nearest neighbour belongs to it with 1, others with `exp(-(d - ρ) / σ)`,
/// where ρ is the distance of the nearest one that is not equal, and σ such that the memberships of a neighbourhood of k
/// points, itself included, sum to `log₂ k`. The sets are united: `a + b - a b`.
#[derive(Clone, Debug)]
pub struct FuzzyGraph {
    neighbours: Neighbours,
    /// Mean distance of all neighbours, the points themselves included.
    mean: f64,
    weights: Vec<f32>,
    row: usize,
    union: Option<Union>,
    graph: Graph,
    progress: Progress,
}

impl FuzzyGraph {
    /// The graph of neighbours that were found to the end.
    #[must_use]
    pub fn new(neighbours: Neighbours) -> Self {
        let (rows, k) = (neighbours.rows(), neighbours.k());
        let mean = if k == 0 {
            0.0
        } else {
            neighbours.squares().chunks_exact(k).map(mean_distance).sum::<f64>() / rows as f64
        };
        let total = rows.div_ceil(rows_to_a_step(k * MEMBER_WORK)) as u32 + 4;
        Self {
            weights: vec![0.0; rows * k],
            neighbours,
            mean,
            row: 0,
            union: None,
            graph: Graph::default(),
            progress: Progress { done: 0, total },
        }
    }

    /// The graph, when the work is done.
    #[must_use]
    pub fn into_graph(self) -> Graph {
        self.graph
    }
}

impl Stepped for FuzzyGraph {
    fn step(&mut self) -> Progress {
        let (rows, k) = (self.neighbours.rows(), self.neighbours.k());
        if self.row < rows && k > 0 {
            let end = (self.row + rows_to_a_step(k * MEMBER_WORK)).min(rows);
            for row in self.row..end {
                let squares = &self.neighbours.squares()[row * k..(row + 1) * k];
                memberships(squares, self.mean, &mut self.weights[row * k..(row + 1) * k]);
            }
            self.row = end;
            return self.progress.advance(false);
        }
        let union = self.union.get_or_insert_with(|| {
            let weights = std::mem::take(&mut self.weights);
            let unite = |there: f32, back: f32| there + back - there * back;
            Union::new(rows, k, self.neighbours.indices().to_vec(), weights, unite)
        });
        if self.graph.rows() != rows {
            match union.step() {
                Some(graph) => self.graph = graph,
                None => return self.progress.advance(false),
            }
        }
        self.progress.advance(true)
    }
}

/// The mean distance of one point's neighbourhood, itself included at no distance.
fn mean_distance(squares: &[f32]) -> f64 {
    squares.iter().map(|&square| f64::from(square).sqrt()).sum::<f64>() / (squares.len() as f64 + 1.0)
}

/// How far the neighbours of one point, nearest first, belong to it.
fn memberships(squares: &[f32], mean: f64, weights: &mut [f32]) {
    let nearest = squares.iter().find(|&&square| square > 0.0).map_or(0.0, |&square| f64::from(square).sqrt());
    let least = LEAST_WIDTH * if nearest > 0.0 { mean_distance(squares) } else { mean };
    let width = width(squares, nearest, ((squares.len() + 1) as f64).log2()).max(least);
    for (weight, &square) in weights.iter_mut().zip(squares) {
        let beyond = f64::from(square).sqrt() - nearest;
        *weight = if beyond <= 0.0 || width == 0.0 { 1.0 } else { (-beyond / width).exp() as f32 };
    }
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
    use crate::Features;

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
        let mut fuzzy = FuzzyGraph::new(neighbours.clone());
        fuzzy.finish();
        let graph = fuzzy.into_graph();
        assert!(graph.weights().iter().all(|weight| (0.0..=1.0).contains(weight)));
        // The nearest neighbour belongs fully.
        assert!(graph.of(7).any(|(target, weight)| target == neighbours.indices()[7 * 14] as usize && weight == 1.0));
    }
}
