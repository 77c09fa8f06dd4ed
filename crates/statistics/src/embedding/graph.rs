//! A sparse symmetric graph of weighted edges between rows.

/// Weighted edges between rows, each in both directions: the edges of a row are one piece, by ascending target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    starts: Vec<u32>,
    targets: Vec<u32>,
    weights: Vec<f32>,
}

impl Graph {
    /// Makes a graph symmetric: each row has `k` edges (targets and weights `[rows, k]`, each target once in a row), and an
    /// edge's weight becomes `combine(there, back)`, where one that is missing is 0. `combine` must not mind the order.
    pub(crate) fn symmetric(
        rows: usize,
        k: usize,
        targets: &[u32],
        weights: &[f32],
        combine: fn(f32, f32) -> f32,
    ) -> Self {
        let mut back = vec![0_u32; rows + 1];
        for &target in targets {
            back[target as usize + 1] += 1;
        }
        for row in 0..rows {
            back[row + 1] += back[row];
        }
        let mut free = back.clone();
        let mut arriving = vec![(0_u32, 0.0_f32); targets.len()];
        for (edge, (&target, &weight)) in targets.iter().zip(weights).enumerate() {
            let place = &mut free[target as usize];
            arriving[*place as usize] = ((edge / k.max(1)) as u32, weight);
            *place += 1;
        }
        let mut graph = Self { starts: vec![0], targets: Vec::new(), weights: Vec::new() };
        let mut leaving: Vec<(u32, f32)> = Vec::with_capacity(k);
        for row in 0..rows {
            leaving.clear();
            leaving.extend(targets[row * k..(row + 1) * k].iter().copied().zip(weights[row * k..].iter().copied()));
            leaving.sort_unstable_by_key(|edge| edge.0);
            let mut there = leaving.iter().copied().peekable();
            let mut back = arriving[back[row] as usize..back[row + 1] as usize].iter().copied().peekable();
            loop {
                let (target, weight) = match (there.peek().copied(), back.peek().copied()) {
                    (Some((a, one)), Some((b, other))) if a == b => {
                        there.next();
                        back.next();
                        (a, combine(one, other))
                    }
                    (Some((a, one)), other) if other.is_none_or(|(b, _)| a < b) => {
                        there.next();
                        (a, combine(one, 0.0))
                    }
                    (_, Some((b, other))) => {
                        back.next();
                        (b, combine(other, 0.0))
                    }
                    _ => break,
                };
                graph.targets.push(target);
                graph.weights.push(weight);
            }
            graph.starts.push(graph.targets.len() as u32);
        }
        graph
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
        let graph = Graph::symmetric(3, 1, &[1, 2, 1], &[1.0, 2.0, 4.0], |a, b| a + b);
        assert_eq!(graph.of(0).collect::<Vec<_>>(), [(1, 1.0)]);
        assert_eq!(graph.of(1).collect::<Vec<_>>(), [(0, 1.0), (2, 6.0)]);
        assert_eq!(graph.of(2).collect::<Vec<_>>(), [(1, 6.0)]);
        assert_eq!((graph.rows(), graph.edges(), graph.of(3).count()), (3, 4, 0));
        assert_eq!(Graph::symmetric(1, 0, &[], &[], |a, _| a).rows(), 1);
        assert_eq!(Graph::symmetric(0, 0, &[], &[], |a, _| a).rows(), 0);
    }
}
