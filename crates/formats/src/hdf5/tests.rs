//! The reader against files of h5py, whole and bent.

use std::{cell::Cell, ops::Range, path::Path, rc::Rc};

use bytes::Bytes;
use innspect_graph::Weights;

use super::File;
use crate::{Blob, FormatError, Slices};

fn golden(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/keras").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn weights(file: impl Into<Blob>) -> Result<Vec<Vec<f32>>, FormatError> {
    let all = elements(file.into())?;
    Ok(all.iter().map(|weights| weights.read().expect("numbers").into_owned()).collect())
}

fn elements(file: Blob) -> Result<Vec<Weights>, FormatError> {
    let file = File::open(file)?;
    let group = file.root()?.find("model_weights")?.expect("weights");
    let mut all = Vec::new();
    for layer in group.list("layer_names")?.expect("names of layers") {
        let layer = group.find(&layer)?.expect("a layer");
        for name in layer.list("weight_names")?.expect("names of weights") {
            let weight = layer.find(&name)?.expect("a weight");
            let floats = weight.weights()?;
            assert_eq!(weight.dims()?.iter().product::<usize>(), floats.len());
            all.push(floats);
        }
    }
    Ok(all)
}

/// Chunks with gzip and shuffle, chunks alone, doubles in the other byte order, groups in a fractal heap, fixed and
/// variable text, one list in parts.
#[test]
fn the_same_weights_are_read_from_every_kind_of_file() {
    let plain = weights(golden("plain.k2.h5")).expect("it reads");
    assert_eq!(plain.len(), 7);
    assert_eq!(plain[0].len(), 3 * 3 * 3 * 4);
    for name in ["plain.gzip.h5", "plain.chunked.h5", "plain.double.h5", "plain.latest.h5"] {
        assert_eq!(weights(golden(name)).expect(name), plain, "{name}");
    }
    let half = weights(golden("plain.half.h5")).expect("it reads");
    for (half, plain) in half.iter().zip(&plain) {
        assert!(half.iter().zip(plain.iter()).all(|(a, b)| (a - b).abs() <= b.abs() / 1024.0));
    }
}

/// A file that is read piece by piece, and how many bytes were.
struct Pieces(Vec<u8>, Cell<u64>);

impl Slices for Pieces {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, range: Range<u64>) -> Result<Bytes, String> {
        self.1.set(self.1.get() + range.end - range.start);
        Ok(Bytes::copy_from_slice(&self.0[range.start as usize..range.end as usize]))
    }
}

#[test]
fn a_file_in_pieces_gives_the_same_weights_when_they_are_asked_for() {
    for name in ["plain.k2.h5", "plain.gzip.h5", "plain.chunked.h5", "plain.double.h5", "plain.latest.h5"] {
        // Behind the structures stands more than a page.
        let mut file = golden(name);
        file.resize(file.len() + 200_000, 0);
        let length = file.len() as u64;
        let pieces = Rc::new(Pieces(file, Cell::default()));
        let found = elements(Blob::slices(pieces.clone())).expect(name);
        assert!(pieces.1.get() < length, "{name} was read as a whole");
        let before = pieces.1.get();
        let read: Vec<Vec<f32>> = found.iter().map(|weights| weights.read().expect(name).into_owned()).collect();
        assert_eq!(read, weights(golden(name)).expect(name), "{name}");
        let deferred = found.iter().filter(|weights| weights.held().is_none()).count();
        // Chunks are put together at once.
        let expected = if name.contains("gzip") || name.contains("chunked") { 0 } else { 1 };
        assert!(deferred >= expected, "{name}: {deferred} of {} weights are deferred", found.len());
        assert!(deferred == 0 || pieces.1.get() > before, "{name}");
    }
}

/// Where a signature stands in a file.
fn places(bytes: &[u8], signature: &[u8]) -> Vec<usize> {
    (0..bytes.len()).filter(|&at| bytes[at..].starts_with(signature)).collect()
}

#[test]
fn structures_that_contain_themselves_are_refused() {
    // The first child of a group's tree is the tree.
    for name in ["plain.k2.h5", "plain.gzip.h5"] {
        let whole = golden(name);
        for at in places(&whole, b"TREE") {
            let mut bent = whole.clone();
            // The key before it takes 8 bytes in a group, more in a data set of several axes.
            let keys = if bent[at + 4] == 0 { 8 } else { 8 + 8 * 3 };
            let child = at + 24 + keys;
            bent[child..child + 8].copy_from_slice(&(at as u64).to_le_bytes());
            if let Err(error) = weights(bent) {
                assert!(matches!(error, FormatError::Damaged { .. }), "{error}");
            }
        }
    }
    let whole = golden("plain.k2.h5");
    let mut bent = whole.clone();
    let at = places(&whole, b"TREE")[0];
    bent[at + 24 + 8..at + 24 + 16].copy_from_slice(&(at as u64).to_le_bytes());
    let error = weights(bent).expect_err("a tree in itself");
    assert_eq!(error.to_string(), "the file is damaged: the tree of an HDF5 group leads back to itself");
}

#[test]
fn a_header_that_goes_on_in_itself_ends() {
    // Every message becomes one that says that the header goes on, at the start of the file.
    let whole = golden("plain.k2.h5");
    let root = u64::from_le_bytes(whole[64..72].try_into().expect("eight bytes")) as usize;
    let mut bent = whole.clone();
    let size = u32::from_le_bytes(whole[root + 8..root + 12].try_into().expect("four bytes")) as usize;
    let message = root + 16;
    bent[message..message + 8].copy_from_slice(&[0x10, 0, 16, 0, 0, 0, 0, 0]);
    bent[message + 8..message + 16].copy_from_slice(&(message as u64).to_le_bytes());
    bent[message + 16..message + 24].copy_from_slice(&(size as u64).to_le_bytes());
    let error = weights(bent).expect_err("a header in itself");
    assert_eq!(error.to_string(), "the file is damaged: its HDF5 structures lead back to themselves");
}

#[test]
fn sizes_beyond_the_file_are_refused_before_anything_is_allocated() {
    let whole = golden("plain.k2.h5");
    // The shape of the first kernel: 3 × 3 × 3 × 4, with its largest sizes behind it.
    let shape: Vec<u8> = [3u64, 3, 3, 4].iter().flat_map(|size| size.to_le_bytes()).collect();
    let at = places(&whole, &shape)[0];
    for (size, words) in [
        (1u64 << 20, "bytes of weights"),
        (1 << 40, "bytes of weights"),
        (u64::MAX, "larger than any memory"),
        (300, "is cut off"),
    ] {
        let mut bent = whole.clone();
        bent[at..at + 8].copy_from_slice(&size.to_le_bytes());
        let error = weights(bent).expect_err("a shape beyond the file").to_string();
        assert!(error.contains(words), "{size}: {error}");
    }
}

#[test]
fn what_is_not_known_is_named() {
    let mut other = golden("plain.k2.h5");
    other[8] = 9;
    let error = File::open(other.into()).map(|_| ()).expect_err("a superblock of the future");
    assert_eq!(error.to_string(), "the file uses version 9 of HDF5's superblock, which is not supported");
    let gzip = golden("plain.gzip.h5");
    let mut bent = gzip.clone();
    // The filter pipeline: version 1, two filters, shuffle first.
    for at in places(&gzip, b"\x01\x02\0\0\0\0\0\0\x02\0") {
        bent[at + 8] = 4;
    }
    let error = weights(bent).expect_err("another compression");
    assert_eq!(error.to_string(), "the file uses HDF5's szip compression, which is not supported");
}
