//! Many pictures through a network, for what it says and not for why: the pass of a scan.

use innspect_engine::{Network, Pacer, Tensor};
use innspect_graph::ValueId;

use crate::{ExplainError, features};

/// Bytes of the largest value of a batch on a CPU: what fits its caches.
const CPU_BUDGET: usize = 4 << 20;
/// Bytes of the largest value of a batch on a GPU.
const GPU_BUDGET: usize = 64 << 20;
/// Pictures of a batch at most, so that progress stays fine.
const MAX_BATCH: usize = 64;

/// What a network says of a batch of pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// Logits `[n, classes]`, row-major.
    pub logits: Vec<f32>,
    /// Features `[n, width]`, row-major: what the last layer with weights reads, averaged over positions. Empty if
    /// that is the picture itself.
    pub features: Vec<f32>,
    /// Mean and maximum of the chosen layer's output, for each picture; empty if none was chosen.
    pub activations: Vec<[f32; 2]>,
}

/// How many pictures go through a network at once. A CPU gains from it while a layer's values fit its caches, a GPU by
/// fewer launches.
#[must_use]
pub fn size(network: &Network) -> usize {
    let largest = network.graph().values.iter().map(|value| 4 * value.shape.numel()).max().unwrap_or(1);
    let budget = if network.device().is_gpu() { GPU_BUDGET } else { CPU_BUDGET };
    (budget / largest.max(1)).clamp(1, MAX_BATCH)
}

/// Runs a batch `[n, C, H, W]` forward, keeping nothing that is not asked for.
///
/// # Errors
/// [`ExplainError::UnknownLayer`], or what the engine says.
pub async fn run(
    network: &Network,
    input: &Tensor,
    layer: Option<&str>,
    pacer: &mut impl Pacer,
) -> Result<Said, ExplainError> {
    let graph = network.graph();
    let layer = match layer {
        Some(name) => {
            let node = graph.find_node(name).ok_or_else(|| ExplainError::UnknownLayer { name: name.into() })?;
            Some(graph.node(node).output)
        }
        None => None,
    };
    let features = features(graph);
    let wanted: Vec<ValueId> = [Some(graph.output), features, layer].into_iter().flatten().collect();
    let tape = network.infer_all(input, &wanted, pacer).await?;
    let pooled = |value: ValueId| {
        let value = tape.value(value);
        if value.dims().len() == 4 { value.spatial_mean() } else { value.clone() }
    };
    let mut said = Said { logits: tape.value(graph.output).read().await?, ..Said::default() };
    if let Some(value) = features {
        said.features = pooled(value).read().await?;
    }
    if let Some(value) = layer {
        let count = input.batch();
        let width = tape.value(value).dims().iter().skip(1).product::<usize>().max(1);
        let rows = tape.value(value).reshape(&[count, width]);
        let means = rows.sum_dim(1).scale(1.0 / width as f32).read().await?;
        let largest = rows.max_dim(1).read().await?;
        said.activations = means.into_iter().zip(largest).map(|(mean, max)| [mean, max]).collect();
    }
    Ok(said)
}

/// A map averaged down to `side · side` cells that cover it evenly, row-major; a cell of a map with fewer pixels than
/// cells is the pixel that it lies in.
#[must_use]
pub fn shrink(map: &[f32], [height, width]: [usize; 2], side: usize) -> Vec<f32> {
    let range = |cell: usize, length: usize| {
        let start = cell * length / side;
        start..((cell + 1) * length / side).max(start + 1)
    };
    let mut cells = Vec::with_capacity(side * side);
    for row in 0..side {
        for column in 0..side {
            let (rows, columns) = (range(row, height), range(column, width));
            let count = (rows.len() * columns.len()) as f64;
            let sum: f64 = rows
                .flat_map(|y| map.get(y * width..(y + 1) * width).and_then(|line| line.get(columns.clone())))
                .flatten()
                .map(|&value| f64::from(value))
                .sum();
            cells.push((sum / count) as f32);
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::shrink;

    #[test]
    fn cells_are_means_of_what_they_cover() {
        let map: Vec<f32> = (0..16).map(|value| value as f32).collect();
        assert_eq!(shrink(&map, [4, 4], 2), [2.5, 4.5, 10.5, 12.5]);
        assert_eq!(shrink(&map, [4, 4], 1), [7.5]);
        assert_eq!(shrink(&[1.0, 2.0], [1, 2], 4)[..4], [1.0, 1.0, 2.0, 2.0]);
        // Cells of uneven sizes cover every pixel once.
        assert_eq!(shrink(&map[..3], [1, 3], 2)[..2], [0.0, 1.5]);
    }
}
