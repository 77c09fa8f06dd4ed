//! Passes over graphs; each gives a new graph with the same output.
//!
//! One pass is one file. All rebuild the graph node by node with the same `Rewriter`, which keeps the names: a node that is
//! folded into another is listed in [`Node::absorbed`](crate::Node::absorbed), and the survivor's output takes the name
//! of the last output it replaces, so that tensor names of the file still find their values. Weights are never changed
//! in place, since another op may share them.

mod activations;
mod affine;
mod finals;
mod identities;
mod layout;
mod pads;
mod rewrite;
mod split;

use crate::{Graph, GraphError};

pub use activations::fuse_activations;
pub use affine::fold_affine;
pub use finals::{flatten_output, strip_final_activation};
pub use identities::remove_identities;
pub use layout::{cancel_transposes, reshape_transposes};
pub use pads::merge_pads;
pub use rewrite::compact;
pub use split::split_dense;

/// More rounds than any network needs; each round that changes something removes or moves nodes.
const MAX_ROUNDS: usize = 16;

/// Runs all passes until nothing changes.
///
/// Afterwards batch normalisations are folded into the layers they follow, composed activations are single nodes,
/// channels-last networks run channels first, unused nodes and weights are gone, a final softmax or sigmoid is taken off
/// and remembered in [`Graph::final_activation`], and the output is `[classes]`.
///
/// # Errors
/// [`GraphError`] if the graph does not hold together in the first place.
pub fn optimize(graph: Graph) -> Result<Graph, GraphError> {
    let mut graph = strip_final_activation(compact(graph)?)?;
    for _ in 0..MAX_ROUNDS {
        let mut changed = false;
        for pass in [remove_identities, fuse_activations, cancel_transposes, fold_affine, merge_pads] {
            let (next, did) = pass(graph)?;
            graph = next;
            changed |= did;
        }
        if !changed {
            break;
        }
    }
    // A transposition that only moves axes of size 1 could be cancelled as such until here.
    let (graph, _) = reshape_transposes(graph)?;
    let (graph, _) = remove_identities(graph)?;
    flatten_output(strip_final_activation(graph)?)
}

#[cfg(test)]
mod tests;
