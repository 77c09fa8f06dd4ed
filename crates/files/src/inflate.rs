//! Deflate, bounded.

use std::io::Read;

use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};

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

/// Inflates a gzip file of at most `limit` bytes.
///
/// # Errors
/// If the data is damaged or longer.
pub fn gzip(data: &[u8], limit: usize) -> Result<Vec<u8>, FileError> {
    bounded(GzDecoder::new(data), limit)
}

/// The first bytes of raw deflate data that goes on behind `data`, at most `length`.
///
/// # Errors
/// If the data is damaged before anything comes out.
pub fn head(data: &[u8], length: usize) -> Result<Vec<u8>, FileError> {
    start(DeflateDecoder::new(data), length)
}

/// As [`head`], of a gzip file.
///
/// # Errors
/// If the data is damaged before anything comes out.
pub fn gzip_head(data: &[u8], length: usize) -> Result<Vec<u8>, FileError> {
    start(GzDecoder::new(data), length)
}

fn start(mut decoder: impl Read, length: usize) -> Result<Vec<u8>, FileError> {
    let mut result = vec![0; length];
    let mut filled = 0;
    while let Some(rest) = result.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match decoder.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            // That the data ends is expected.
            Err(_) if filled > 0 => break,
            Err(error) => return Err(unreadable(&error)),
        }
    }
    result.truncate(filled);
    Ok(result)
}

fn unreadable(error: &std::io::Error) -> FileError {
    FileError::Damaged { reason: format!("compressed data cannot be read: {error}") }
}

fn bounded(decoder: impl Read, limit: usize) -> Result<Vec<u8>, FileError> {
    let mut result = Vec::new();
    let more = limit.saturating_add(1) as u64;
    decoder.take(more).read_to_end(&mut result).map_err(|error| unreadable(&error))?;
    if result.len() > limit {
        return Err(FileError::Damaged { reason: format!("compressed data is longer than {limit} bytes") });
    }
    Ok(result)
}
