//! A sparse symmetric graph of weighted edges between rows.

/// Weighted edges between rows, each in both directions: the edges of a row are one piece, by ascending target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    starts: Vec<u32>,
    targets: Vec<u32>,
    weights: Vec<f32>,
}

/// Edges that are sorted, or joined, in one step.
const EDGES: usize = 1 << 18;

/// Makes a graph symmetric, in steps: each row has `k` edges (targets and weights `[rows, k]`, each target once in a row), and
/// an edge's weight becomes `combine(there, back)`, where one that is missing is 0.
#[derive(Clone, Debug)]
pub(crate) struct Union {
    k: usize,
    rows: usize,
    targets: Vec<u32>,
    weights: Vec<f32>,
    /// Must not mind the order.
    combine: fn(f32, f32) -> f32,
    /// Where the edges that arrive at each row start, and where the next one goes.
    back: Vec<u32>,
    free: Vec<u32>,
    arriving: Vec<(u32, f32)>,
    edge: usize,
    graph: Graph,
}

impl Union {
    pub(crate) fn new(
        rows: usize,
        k: usize,
        targets: Vec<u32>,
        weights: Vec<f32>,
        combine: fn(f32, f32) -> f32,
    ) -> Self {
        let mut back = vec![0_u32; rows + 1];
        for &target in &targets {
            back[target as usize + 1] += 1;
        }
        for row in 0..rows {
            back[row + 1] += back[row];
        }
        let arriving = vec![(0, 0.0); targets.len()];
        let graph = Graph { starts: vec![0], targets: Vec::new(), weights: Vec::new() };
        Self { k, rows, targets, weights, combine, free: back.clone(), back, arriving, edge: 0, graph }
    }

    /// Goes on; the graph when it is done, after which there is nothing left.
    pub(crate) fn step(&mut self) -> Option<Graph> {
        if self.edge < self.targets.len() {
            let end = (self.edge + EDGES).min(self.targets.len());
            for edge in self.edge..end {
                let place = &mut self.free[self.targets[edge] as usize];
                self.arriving[*place as usize] = ((edge / self.k) as u32, self.weights[edge]);
                *place += 1;
            }
            self.edge = end;
            return None;
        }
        let end = (self.graph.rows() + EDGES / 2 / self.k.max(1) + 1).min(self.rows);
        let mut leaving: Vec<(u32, f32)> = Vec::with_capacity(self.k);
        for row in self.graph.rows()..end {
            leaving.clear();
            let piece = row * self.k..(row + 1) * self.k;
            leaving.extend(self.targets[piece.clone()].iter().copied().zip(self.weights[piece].iter().copied()));
            leaving.sort_unstable_by_key(|edge| edge.0);
            self.join(row, &leaving);
        }
        (end == self.rows).then(|| std::mem::take(&mut self.graph))
    }

    /// Joins the edges that leave a row with those that arrive there; both are sorted.
    fn join(&mut self, row: usize, leaving: &[(u32, f32)]) {
        let mut there = leaving.iter().copied().peekable();
        let arriving = &self.arriving[self.back[row] as usize..self.back[row + 1] as usize];
        let mut back = arriving.iter().copied().peekable();
        loop {
            let (target, weight) = match (there.peek().copied(), back.peek().copied()) {
                (Some((a, one)), Some((b, other))) if a == b => {
                    there.next();
                    back.next();
                    (a, (self.combine)(one, other))
                }
                (Some((a, one)), other) if other.is_none_or(|(b, _)| a < b) => {
                    there.next();
                    (a, (self.combine)(one, 0.0))
                }
                (_, Some((b, other))) => {
                    back.next();
                    (b, (self.combine)(other, 0.0))
                }
                _ => break,
            };
            self.graph.targets.push(target);
            self.graph.weights.push(weight);
        }
        self.graph.starts.push(self.graph.targets.len() as u32);
    }
}

impl Graph {
    /// Does all of a [`Union`].
    pub(crate) fn symmetric(
        rows: usize,
        k: usize,
        targets: Vec<u32>,
        weights: Vec<f32>,
        combine: fn(f32, f32) -> f32,
    ) -> Self {
        let mut union = Union::new(rows, k, targets, weights, combine);
        loop {
            if let Some(graph) = union.step() {
                return graph;
            }
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Number of edges; both directions count.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.targets.len()
    }

    /// All weights, row after row.
    pub(crate) fn weights(&self) -> &[f32] {
        &self.weights
    }

    pub(crate) fn weights_mut(&mut self) -> &mut [f32] {
        &mut self.weights
    }

    /// The edges of a row, by ascending target, with their weights; none beyond the last row.
    pub fn of(&self, row: usize) -> impl Iterator<Item = (usize, f32)> + '_ {
        let piece = match (self.starts.get(row), self.starts.get(row + 1)) {
            (Some(&start), Some(&end)) => start as usize..end as usize,
            _ => 0..0,
        };
        self.targets[piece.clone()].iter().map(|&target| target as usize).zip(self.weights[piece].iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_go_both_ways() {
        // 0 → 1, 1 → 2, 2 → 1
        let graph = Graph::symmetric(3, 1, vec![1, 2, 1], vec![1.0, 2.0, 4.0], |a, b| a + b);
        assert_eq!(graph.of(0).collect::<Vec<_>>(), [(1, 1.0)]);
        assert_eq!(graph.of(1).collect::<Vec<_>>(), [(0, 1.0), (2, 6.0)]);
        assert_eq!(graph.of(2).collect::<Vec<_>>(), [(1, 6.0)]);
        assert_eq!((graph.rows(), graph.edges(), graph.of(3).count()), (3, 4, 0));
        assert_eq!(Graph::symmetric(1, 0, Vec::new(), Vec::new(), |a, _| a).rows(), 1);
        assert_eq!(Graph::symmetric(0, 0, Vec::new(), Vec::new(), |a, _| a).rows(), 0);
    }
}
