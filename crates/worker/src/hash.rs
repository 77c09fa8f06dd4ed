//! Hashes that tell files apart.

use innspect_engine::Pacer;
use innspect_files::Blob;
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

/// SHA-256 of files one after the other, hexadecimal.
pub async fn of_files(files: &[Blob], pacer: &mut impl Pacer) -> Result<String, Failure> {
    let mut hash = Sha256::new();
    let megabytes = |length: u64| (length >> 20) as usize;
    let (mut done, total) = (0, files.iter().map(Blob::len).sum());
    for file in files {
        for piece in file.pieces() {
            let piece = piece?;
            hash.update(&piece);
            done += piece.len() as u64;
            pacer.pace(megabytes(done), megabytes(total)).await?;
        }
    }
    Ok(hexadecimal(hash))
}

/// SHA-256 of bytes, hexadecimal.
pub fn of_bytes(bytes: &[u8]) -> String {
    hexadecimal(Sha256::new_with_prefix(bytes))
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
