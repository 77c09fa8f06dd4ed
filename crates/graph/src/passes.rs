//! Passes over graphs; each gives a new graph with the same output.

use crate::{Graph, GraphError};

/// placeholder until the passes land in the next commit
pub fn optimize(graph: Graph) -> Result<Graph, GraphError> {
    Ok(graph)
}
