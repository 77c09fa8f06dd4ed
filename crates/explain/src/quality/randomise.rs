//! Networks with randomised weights, for the sanity check of Adebayo et al. (2018).

use std::collections::HashMap;

use innspect_engine::{EngineError, Network};
use innspect_graph::{Graph, NodeId, OpKind};

use crate::coalitions::stream;

/// Stages at most: networks of more layers are randomised several layers at a time.
pub(super) const STAGES: usize = 8;

/// The layers with weights from the top of the network down.
fn layers(graph: &Graph) -> impl Iterator<Item = NodeId> {
    let with_weights =
        |id: &NodeId| matches!(graph.node(*id).op.kind(), OpKind::Conv | OpKind::ConvTranspose | OpKind::Dense);
    graph.node_ids().rev().filter(with_weights)
}

/// The last layer with weights: the one that tells classes apart.
pub(super) fn last_layer(graph: &Graph) -> Vec<NodeId> {
    layers(graph).take(1).collect()
}

/// The layers with weights from the top of the network down, in stages. Each stage adds to the ones before.
pub(super) fn stages(graph: &Graph) -> Vec<Vec<NodeId>> {
    let layers: Vec<NodeId> = layers(graph).collect();
    let count = layers.len().min(STAGES);
    (0..count)
        .map(|stage| {
            let range = stage * layers.len() / count..(stage + 1) * layers.len() / count;
            layers[range].to_vec()
        })
        .collect()
}

/// The network with the weights of layers drawn anew: normal numbers of the mean and deviation of the weight they replace,
/// so that activations keep their scale. A weight's numbers depend on the seed and the layer only.
pub(super) fn randomised(network: &Network, layers: &[NodeId], seed: u64) -> Result<Network, EngineError> {
    let graph = network.graph();
    let mut replaced = HashMap::new();
    for &layer in layers {
        for param in graph.node(layer).op.params() {
            let weight = graph.param(param);
            let unreadable = |reason| EngineError::Weight { name: weight.name.clone(), reason };
            let data = weight.data.read().map_err(unreadable)?;
            let count = data.len().max(1) as f64;
            let mean = data.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
            let variance = data.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count;
            let deviation = variance.sqrt();
            let mut rng = stream(seed, param.index() as u64);
            let mut drawn = Vec::with_capacity(data.len() + 1);
            while drawn.len() < data.len() {
                // Box and Muller (1958).
                let (u, v) = (1.0 - rng.f64(), rng.f64());
                let radius = (-2.0 * u.ln()).sqrt();
                let (sine, cosine) = (std::f64::consts::TAU * v).sin_cos();
                drawn.extend([radius * cosine, radius * sine].map(|normal| (mean + deviation * normal) as f32));
            }
            drawn.truncate(data.len());
            replaced.insert(param, drawn);
        }
    }
    Ok(network.with_params(&replaced))
}
