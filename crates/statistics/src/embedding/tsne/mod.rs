//! t-distributed stochastic neighbour embedding (van der Maaten & Hinton 2008; van der Maaten 2014).
//!
//! Features go to their first [`PRINCIPAL`] components; affinities are those of the `3 · perplexity + 1` nearest neighbours;
//! points start at the first two components, scaled to a spread of 1e-4, and descend the gradient of the Kullback-Leibler
//! divergence with gains and momentum and an early exaggeration, with the numbers of scikit-learn. What all points push at each
//! other is summed exactly for up to [`EXACT_ROWS`] points, beyond by Barnes and Hut's tree.

pub mod affinities;
mod repulsion;

use crate::embedding::graph::Graph;
use crate::embedding::neighbours::Neighbours;
use crate::embedding::pca::Pca;
use crate::embedding::{PRINCIPAL, WORK};
use crate::features::Features;
use crate::{Progress, Stepped};
use affinities::Affinities;
use repulsion::Repulsion;

/// The most points whose forces are all summed exactly.
pub const EXACT_ROWS: usize = 2000;

/// How coarse the tree may look at points far away: the side of a cell by its distance.
pub const THETA: f32 = 0.5;

/// Iterations with exaggerated affinities.
const EARLY: u32 = 250;
/// By how much they are exaggerated.
const EXAGGERATION: f64 = 12.0;
/// Spread of the first coordinate at the start.
const START: f64 = 1e-4;
/// Where the gradient counts as zero.
const LEAST_GRADIENT: f64 = 1e-7;
/// Points to a step by the tree: each looks at some hundred cells.
const TREE_POINTS: usize = 4096;

/// Choices of t-SNE.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TsneOptions {
    /// About how many neighbours a point has, at least 1; at most a third of the other points are taken. 5 to 50 are usual.
    pub perplexity: f32,
    /// Iterations of the descent, of which the first 250 exaggerate.
    pub iterations: u32,
    /// Seed of the tiny offsets that part equal points.
    pub seed: u64,
}

impl Default for TsneOptions {
    fn default() -> Self {
        Self { perplexity: 30.0, iterations: 1000, seed: 0 }
    }
}

/// t-SNE of features to the plane, in steps.
#[derive(Clone, Debug)]
pub struct Tsne {
    rows: usize,
    perplexity: f64,
    options: TsneOptions,
    stage: Stage,
    coordinates: Vec<f32>,
    progress: Progress,
}

#[derive(Clone, Debug)]
enum Stage {
    Components(Pca),
    Neighbours(Neighbours, Vec<f32>),
    Affinities(Affinities, Vec<f32>),
    Descent(Descent),
    Done,
}

impl Tsne {
    /// t-SNE of any features; one row lies at 0.
    #[must_use]
    pub fn new(features: Features, options: TsneOptions) -> Self {
        let rows = features.rows();
        let most = (rows.saturating_sub(1) as f64 / 3.0).max(1.0);
        let perplexity = f64::from(options.perplexity).max(1.0).min(most);
        let mut tsne = Self {
            rows,
            perplexity,
            options,
            stage: Stage::Components(Pca::new(features, PRINCIPAL)),
            coordinates: vec![0.0; 2 * rows],
            progress: Progress::default(),
        };
        // The stages before the descent have about as many steps as this.
        let before = 40 + (rows / 32) as u32;
        let iterations = tsne.options.iterations.max(1);
        tsne.progress.total = before.saturating_add(iterations.saturating_mul(steps_to_an_iteration(rows) as u32));
        tsne
    }

    /// The coordinates `[rows, 2]`: 0 at first, then those of each iteration.
    #[must_use]
    pub fn coordinates(&self) -> &[f32] {
        &self.coordinates
    }

    /// The perplexity after it was fitted to the number of rows.
    #[must_use]
    pub fn perplexity(&self) -> f64 {
        self.perplexity
    }

    /// Neighbours with an affinity.
    fn neighbours(&self) -> usize {
        (3.0 * self.perplexity + 1.0) as usize
    }

    fn start(&mut self, graph: Graph, plane: &[f32]) -> Descent {
        let count = self.rows.max(1) as f64;
        let mean = plane.chunks_exact(2).map(|point| f64::from(point[0])).sum::<f64>() / count;
        let variance = plane.chunks_exact(2).map(|point| (f64::from(point[0]) - mean).powi(2)).sum::<f64>() / count;
        let factor = if variance > 0.0 { START / variance.sqrt() } else { 0.0 };
        let mut random = fastrand::Rng::with_seed(self.options.seed);
        // Equal points would stay equal for ever, and one on another would hide it.
        let apart = |random: &mut fastrand::Rng| (random.f64() - 0.5) * START * 0.01;
        self.coordinates = plane.iter().map(|&at| (f64::from(at) * factor + apart(&mut random)) as f32).collect();
        Descent::new(graph)
    }
}

fn steps_to_an_iteration(rows: usize) -> usize {
    rows.div_ceil(points_to_a_step(rows)).max(1)
}

fn points_to_a_step(rows: usize) -> usize {
    if rows > EXACT_ROWS { TREE_POINTS } else { (WORK / 4 / rows.max(1)).max(1) }
}

impl Stepped for Tsne {
    fn step(&mut self) -> Progress {
        let mut stage = std::mem::replace(&mut self.stage, Stage::Done);
        stage = match stage {
            Stage::Components(mut pca) => {
                if pca.step().is_done() {
                    let columns = pca.components();
                    let plane = first_two(pca.coordinates(), columns, self.rows);
                    // Of one row and its coordinates the shape is right.
                    let features = Features::new(pca.coordinates().to_vec(), self.rows, columns).unwrap_or_default();
                    Stage::Neighbours(Neighbours::new(features, self.neighbours()), plane)
                } else {
                    Stage::Components(pca)
                }
            }
            Stage::Neighbours(mut neighbours, plane) => {
                if neighbours.step().is_done() {
                    Stage::Affinities(Affinities::new(neighbours, self.perplexity), plane)
                } else {
                    Stage::Neighbours(neighbours, plane)
                }
            }
            Stage::Affinities(mut affinities, plane) => {
                if !affinities.step().is_done() {
                    Stage::Affinities(affinities, plane)
                } else if self.rows < 2 {
                    Stage::Done
                } else {
                    let descent = self.start(affinities.into_graph(), &plane);
                    Stage::Descent(descent)
                }
            }
            Stage::Descent(mut descent) => {
                if descent.step(&mut self.coordinates, self.options.iterations) {
                    Stage::Done
                } else {
                    Stage::Descent(descent)
                }
            }
            Stage::Done => Stage::Done,
        };
        self.stage = stage;
        self.progress.advance(matches!(self.stage, Stage::Done))
    }
}

/// The first two columns of a table, zeros for those it lacks.
pub(super) fn first_two(values: &[f32], columns: usize, rows: usize) -> Vec<f32> {
    (0..2 * rows)
        .map(|at| if at % 2 < columns { values.get(at / 2 * columns + at % 2).copied().unwrap_or(0.0) } else { 0.0 })
        .collect()
}

/// The descent of the gradient; an iteration takes some steps.
#[derive(Clone, Debug)]
struct Descent {
    graph: Graph,
    iteration: u32,
    /// Place in the order of the points, of the running iteration.
    place: usize,
    repulsion: Option<Repulsion>,
    /// What neighbours pull and what all push, `[rows, 2]`.
    pull: Vec<f32>,
    push: Vec<f32>,
    /// Sum over all pairs of `1 / (1 + d²)`.
    normal: f64,
    velocity: Vec<f32>,
    gains: Vec<f32>,
}

impl Descent {
    fn new(graph: Graph) -> Self {
        let count = 2 * graph.rows();
        Self {
            graph,
            iteration: 0,
            place: 0,
            repulsion: None,
            pull: vec![0.0; count],
            push: vec![0.0; count],
            normal: 0.0,
            velocity: vec![0.0; count],
            gains: vec![1.0; count],
        }
    }

    /// Some points of an iteration; true after the last iteration.
    fn step(&mut self, coordinates: &mut [f32], iterations: u32) -> bool {
        if self.iteration >= iterations {
            return true;
        }
        let rows = self.graph.rows();
        let theta = (rows > EXACT_ROWS).then_some(THETA);
        let repulsion = self.repulsion.get_or_insert_with(|| Repulsion::new(coordinates, theta));
        let end = (self.place + points_to_a_step(rows)).min(rows);
        for place in self.place..end {
            let (point, force, normal) = repulsion.of(place);
            self.normal += normal;
            let pull = attraction(&self.graph, coordinates, point);
            for axis in 0..2 {
                self.push[2 * point + axis] = force[axis];
                self.pull[2 * point + axis] = pull[axis];
            }
        }
        self.place = end;
        if end < rows {
            return false;
        }
        let least = self.update(coordinates);
        self.iteration += 1;
        self.place = 0;
        self.normal = 0.0;
        self.repulsion = None;
        self.iteration >= iterations || least
    }

    /// Moves the points; true if the gradient is zero.
    fn update(&mut self, coordinates: &mut [f32]) -> bool {
        let early = self.iteration < EARLY;
        let (exaggeration, momentum) = if early { (EXAGGERATION, 0.5) } else { (1.0, 0.8) };
        let rate = (self.graph.rows() as f64 / EXAGGERATION / 4.0).max(50.0) as f32;
        let normal = self.normal.max(f64::MIN_POSITIVE);
        if self.iteration == EARLY {
            // The second phase starts afresh, as in scikit-learn.
            self.velocity.fill(0.0);
            self.gains.fill(1.0);
        }
        let mut square = 0.0;
        for (at, coordinate) in coordinates.iter_mut().enumerate() {
            let gradient = (4.0 * (exaggeration * f64::from(self.pull[at]) - f64::from(self.push[at]) / normal)) as f32;
            square += f64::from(gradient).powi(2);
            let (velocity, gain) = (&mut self.velocity[at], &mut self.gains[at]);
            *gain = if *velocity * gradient < 0.0 { *gain + 0.2 } else { (*gain * 0.8).max(0.01) };
            *velocity = momentum * *velocity - rate * *gain * gradient;
            *coordinate += *velocity;
        }
        !early && square.sqrt() < LEAST_GRADIENT
    }
}

/// What a point's neighbours pull at it: `Σ_j p_ij (y_i - y_j) / (1 + d²)`.
fn attraction(graph: &Graph, coordinates: &[f32], point: usize) -> [f32; 2] {
    let [x, y] = [coordinates[2 * point], coordinates[2 * point + 1]];
    let mut force = [0.0_f32; 2];
    for (other, affinity) in graph.of(point) {
        let (dx, dy) = (x - coordinates[2 * other], y - coordinates[2 * other + 1]);
        let weight = affinity / (1.0 + dx * dx + dy * dy);
        force[0] += weight * dx;
        force[1] += weight * dy;
    }
    force
}

/// The gradient `[rows, 2]` of t-SNE at some coordinates `[rows, 2]`, and the Kullback-Leibler divergence over the edges of
/// the graph, of affinities that sum to 1. With `theta` the forces are those of Barnes and Hut's tree, without exact.
///
/// Coordinates that are missing are 0.
#[must_use]
pub fn gradient(graph: &Graph, coordinates: &[f32], theta: Option<f32>) -> (Vec<f32>, f64) {
    let rows = graph.rows();
    let mut coordinates = coordinates.to_vec();
    coordinates.resize(2 * rows, 0.0);
    let repulsion = Repulsion::new(&coordinates, theta);
    let mut push = vec![0.0; 2 * rows];
    let mut normal = 0.0;
    for place in 0..rows {
        let (point, force, part) = repulsion.of(place);
        push[2 * point] = f64::from(force[0]);
        push[2 * point + 1] = f64::from(force[1]);
        normal += part;
    }
    let normal = normal.max(f64::MIN_POSITIVE);
    let mut divergence = 0.0;
    let mut gradient = Vec::with_capacity(2 * rows);
    for point in 0..rows {
        let pull = attraction(graph, &coordinates, point);
        for axis in 0..2 {
            gradient.push((4.0 * (f64::from(pull[axis]) - push[2 * point + axis] / normal)) as f32);
        }
        for (other, affinity) in graph.of(point).filter(|&(_, affinity)| affinity > 0.0) {
            let apart =
                |axis: usize| f64::from(coordinates[2 * point + axis]) - f64::from(coordinates[2 * other + axis]);
            let q = 1.0 / (1.0 + apart(0).powi(2) + apart(1).powi(2)) / normal;
            divergence += f64::from(affinity) * (f64::from(affinity) / q.max(f64::MIN_POSITIVE)).ln();
        }
    }
    (gradient, divergence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tsne(values: Vec<f32>, rows: usize, columns: usize, iterations: u32) -> Tsne {
        let options = TsneOptions { iterations, ..TsneOptions::default() };
        let mut tsne = Tsne::new(Features::new(values, rows, columns).unwrap(), options);
        tsne.finish();
        tsne
    }

    #[test]
    fn any_table_has_coordinates() {
        for (values, rows, columns) in [
            (vec![], 0, 3),
            (vec![], 3, 0),
            (vec![5.0; 3], 1, 3),
            (vec![], 2, 0),
            (vec![1.0, 2.0], 2, 1),
            (vec![7.0; 30], 10, 3),
            (vec![f32::NAN; 12], 4, 3),
            (vec![f32::MAX, f32::MIN, 1.0, f32::INFINITY, f32::NAN, -1.0], 3, 2),
        ] {
            let done = tsne(values, rows, columns, 300);
            assert_eq!(done.coordinates().len(), 2 * rows);
            assert!(done.coordinates().iter().all(|value| value.is_finite()), "{rows} {:?}", done.coordinates());
        }
    }

    #[test]
    fn progress_never_goes_back() {
        let mut random = fastrand::Rng::with_seed(1);
        let values = (0..300 * 4).map(|_| random.f32()).collect();
        let options = TsneOptions { iterations: 20, ..TsneOptions::default() };
        let mut tsne = Tsne::new(Features::new(values, 300, 4).unwrap(), options);
        let mut before = Progress::default();
        loop {
            let now = tsne.step();
            assert!(now.done >= before.done && (before.total == 0 || now.total == before.total));
            if now.is_done() {
                break;
            }
            before = now;
        }
        assert_eq!(tsne.step().done, tsne.progress.total);
    }

    #[test]
    fn the_tree_is_near_the_exact_gradient() {
        let mut random = fastrand::Rng::with_seed(4);
        let (rows, columns) = (600, 6);
        let values = (0..rows * columns).map(|at| random.f32() + (at / columns % 5) as f32).collect();
        let mut neighbours = Neighbours::new(Features::new(values, rows, columns).unwrap(), 60);
        neighbours.finish();
        let mut affinities = Affinities::new(neighbours, 20.0);
        affinities.finish();
        let graph = affinities.into_graph();
        let mut coordinates: Vec<f32> = (0..2 * rows).map(|_| random.f32() * 20.0 - 10.0).collect();
        // Points on one another, and one far away.
        coordinates.copy_within(0..20, 20);
        coordinates[100] = 200.0;
        let (exact, divergence) = gradient(&graph, &coordinates, None);
        let length = |values: &[f32]| values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        for (theta, share) in [(0.5, 0.03), (0.2, 0.006), (0.0, 1e-4)] {
            let (tree, other) = gradient(&graph, &coordinates, Some(theta));
            let difference: Vec<f32> = tree.iter().zip(&exact).map(|(a, b)| a - b).collect();
            let off = length(&difference) / length(&exact);
            assert!(off < share, "theta {theta}: {off}");
            assert!((other - divergence).abs() < 0.01);
        }
        // The gradient is the slope of the divergence.
        for at in [7, 123, 400] {
            let moved = |by: f32| {
                let mut moved = coordinates.clone();
                moved[at] += by;
                gradient(&graph, &moved, None).1
            };
            let slope = (moved(0.01) - moved(-0.01)) / 0.02;
            assert!((slope - f64::from(exact[at])).abs() < 2e-4 * length(&exact), "{slope} {}", exact[at]);
        }
    }
}
