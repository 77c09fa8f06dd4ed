//! Deflate, bounded.

use std::io::Read;

use flate2::read::{DeflateDecoder, ZlibDecoder};

use crate::FileError;

/// Inflates zlib data of at most `limit` bytes.
///
/// # Errors
/// If the data is damaged or longer.
pub fn zlib(data: &[u8], limit: usize) -> Result<Vec<u8>, FileError> {
    bounded(ZlibDecoder::new(data), limit)
}

/// Inflates raw deflate data of at most `limit` bytes.
///
/// # Errors
/// If the data is damaged or longer.
pub fn deflate(data: &[u8], limit: usize) -> Result<Vec<u8>, FileError> {
    bounded(DeflateDecoder::new(data), limit)
}

fn bounded(decoder: impl Read, limit: usize) -> Result<Vec<u8>, FileError> {
    let mut result = Vec::new();
    let more = limit.saturating_add(1) as u64;
    decoder
        .take(more)
        .read_to_end(&mut result)
        .map_err(|error| FileError::Damaged { reason: format!("compressed data cannot be read: {error}") })?;
    if result.len() > limit {
        return Err(FileError::Damaged { reason: format!("compressed data is longer than {limit} bytes") });
    }
    Ok(result)
}
