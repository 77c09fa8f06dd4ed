//! Shared by the tests beside this file.
#![allow(dead_code)]

use std::path::PathBuf;

use innspect_dataset::{Picture, decode};

/// Folder of the fixtures, made by `make.py` in it.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Bytes of a fixture.
pub fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A fixture decoded.
pub fn picture(name: &str) -> Picture {
    decode(&bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Largest and mean difference of two pictures of one size, in levels.
pub fn difference(a: &[u8], b: &[u8]) -> (u8, f64) {
    assert_eq!(a.len(), b.len());
    let steps = || a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    (steps().max().unwrap_or(0), steps().map(f64::from).sum::<f64>() / a.len().max(1) as f64)
}
