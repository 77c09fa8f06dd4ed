//! Exact properties of the methods on seeded networks, on the CPU and on the GPU. Numbers are those of the list of
//! invariants that the project is tested against: completeness, conservation, symmetry, independence of the batch.
//!
//! What is expected comes from another way to the same number: the graph's f64 oracle, relevance through dense matrices,
//! finite differences, brute force over all combinations, or another method that must agree.

mod baseline;
mod cam;
mod common;
mod gradient;
mod lrp;
mod masks;
mod noise;
mod oracle;
mod pattern;
mod quality;
mod refusals;
mod target;
mod whole;
