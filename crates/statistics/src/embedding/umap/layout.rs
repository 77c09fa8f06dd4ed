//! The descent: edges pull their ends together, random points are pushed away.

use crate::embedding::graph::Graph;

/// Points that are pushed away each time an edge pulls.
const NEGATIVE_SAMPLES: f32 = 5.0;

/// A move in one coordinate at most.
const CLIP: f32 = 4.0;

/// Moves to a step, some twenty nanoseconds each.
const MOVES: usize = 200_000;

/// Edges that are looked at count as a part of a move each.
const LOOKS_TO_A_MOVE: usize = 16;

/// Stochastic gradient descent over the edges of a graph.
///
/// An edge takes its turn in a share of the epochs that is its weight by the greatest one, as in umap-learn.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    edges: Vec<Edge>,
    points: usize,
    curve: (f32, f32),
    epochs: u32,
    epoch: u32,
    /// The next edge of this epoch.
    edge: usize,
    random: fastrand::Rng,
}

#[derive(Clone, Copy, Debug)]
struct Edge {
    from: u32,
    to: u32,
    /// Epochs between two turns.
    every: f32,
    /// The epoch of the next turn.
    next: f32,
    /// The epoch of the next negative sample.
    negative: f32,
}

impl Layout {
    pub(super) fn new(graph: &Graph, curve: (f32, f32), epochs: u32, seed: u64) -> Self {
        let largest = graph.weights().iter().copied().fold(0.0_f32, f32::max);
        let least = largest / epochs as f32;
        let edges = (0..graph.rows())
            .flat_map(|row| graph.of(row).map(move |(target, weight)| (row, target, weight)))
            .filter(|&(_, _, weight)| weight > 0.0 && weight >= least)
            .map(|(from, to, weight)| {
                let every = largest / weight;
                Edge { from: from as u32, to: to as u32, every, next: every, negative: every / NEGATIVE_SAMPLES }
            })
            .collect();
        Self { edges, points: graph.rows(), curve, epochs, epoch: 0, edge: 0, random: fastrand::Rng::with_seed(seed) }
    }

    /// The epoch that runs, from 0.
    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Some moves; true after the last epoch.
    pub(super) fn step(&mut self, coordinates: &mut [f32]) -> bool {
        let mut moves = 0;
        while self.epoch < self.epochs && moves < MOVES {
            let now = self.epoch as f32;
            let rate = 1.0 - now / self.epochs as f32;
            let start = self.edge;
            while self.edge < self.edges.len() && moves < MOVES {
                let mut edge = self.edges[self.edge];
                if edge.next <= now {
                    moves += self.turn(coordinates, &mut edge, now, rate);
                    self.edges[self.edge] = edge;
                }
                self.edge += 1;
            }
            moves += (self.edge - start) / LOOKS_TO_A_MOVE + 1;
            if self.edge == self.edges.len() {
                self.edge = 0;
                self.epoch += 1;
            }
        }
        self.epoch >= self.epochs
    }

    /// One turn of an edge; returns the number of moves.
    fn turn(&mut self, coordinates: &mut [f32], edge: &mut Edge, now: f32, rate: f32) -> usize {
        let (a, b) = self.curve;
        let (from, to) = (edge.from as usize, edge.to as usize);
        let mut here = [coordinates[2 * from], coordinates[2 * from + 1]];
        let apart = [here[0] - coordinates[2 * to], here[1] - coordinates[2 * to + 1]];
        let square = apart[0] * apart[0] + apart[1] * apart[1];
        if square > 0.0 {
            let power = square.powf(b);
            let pull = -2.0 * a * b * power / square / (a * power + 1.0);
            for axis in 0..2 {
                let by = clip(pull * apart[axis]) * rate;
                here[axis] += by;
                coordinates[2 * to + axis] -= by;
            }
        }
        edge.next += edge.every;
        let between = edge.every / NEGATIVE_SAMPLES;
        let samples = ((now - edge.negative) / between).max(0.0) as usize;
        for _ in 0..samples {
            let other = self.random.usize(..self.points);
            if other == from {
                continue;
            }
            let apart = [here[0] - coordinates[2 * other], here[1] - coordinates[2 * other + 1]];
            let square = apart[0] * apart[0] + apart[1] * apart[1];
            if square > 0.0 {
                let push = 2.0 * b / ((0.001 + square) * (a * square.powf(b) + 1.0));
                for axis in 0..2 {
                    here[axis] += clip(push * apart[axis]) * rate;
                }
            }
        }
        edge.negative += samples as f32 * between;
        coordinates[2 * from] = here[0];
        coordinates[2 * from + 1] = here[1];
        1 + samples
    }
}

fn clip(value: f32) -> f32 {
    value.clamp(-CLIP, CLIP)
}
