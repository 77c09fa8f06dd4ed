//! Pictures placed in the plane by their features: [PCA](pca), [t-SNE](tsne), [UMAP](umap).
//!
//! Each takes [`Features`](crate::Features) and is a [`Stepped`](crate::Stepped) work with coordinates `[n, 2]` (PCA: any
//! number of columns) that can be shown at any time. Features are centred and brought to -1..1 by one factor first; a number
//! that is not finite counts as the mean of its column. No features, one row, constant columns and equal rows have
//! coordinates too: equal rows lie together, and rows without any difference at 0. All draws come from a seed; the same
//! build gives the same coordinates.
//!
//! Why own code. Looked at were bhtsne 0.7 (t-SNE), umap-rs 0.4 (UMAP), linfa-reduction 0.8, petal-decomposition 0.9 and
//! smartcore 0.7 (PCA), linfa-clustering 0.8, petal-clustering 0.14 and kmeans 2 (clusters), nalgebra 0.35 and faer 0.24
//! (eigenvectors). Each of them, with and without its default features, changes the features of crates that burn shares
//! (such as num-complex, num-integer, rand, ordered-float or pulp), so that burn would compile anew (see *Two traps* in
//! ARCHITECTURE.md). bhtsne and umap-rs are moreover built on threads, which a worker in the browser does not have;
//! linfa-tsne wraps bhtsne, and fast-umap trains a network.

pub mod graph;
pub mod neighbours;
pub mod pca;
pub mod trustworthiness;
pub mod tsne;
pub mod umap;

/// The columns that t-SNE and UMAP look at: features are brought to so many principal components first, as van der Maaten
/// & Hinton 2008 do, which keeps nearly all of the distances and costs little time for each pair.
pub const PRINCIPAL: usize = 50;

/// Multiplications to a step of work: about ten milliseconds in a browser.
pub(crate) const WORK: usize = 16 << 20;

/// How many rows of some multiplications each fit into a step, at least one.
pub(crate) fn rows_to_a_step(each: usize) -> usize {
    (WORK / each.max(1)).max(1)
}
