//! Files that may be far larger than memory: read piece by piece, and out of zip archives.
//!
//! Networks and data sets come from the same places: the browser's `File`, a file on disk, bytes that were fetched. A
//! [`Blob`] is any of them, or a part of one.
//!
//! ```
//! use innspect_files::{Blob, Zip};
//!
//! let error = Zip::open(Blob::from(b"no archive".to_vec()), 100).err().unwrap();
//! assert!(error.to_string().contains("the file is cut off"));
//! ```

#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable)
)]

mod blob;
mod error;
pub mod inflate;
mod zip;

pub use blob::{Blob, Slices};
pub use error::FileError;
pub use zip::{Entry, Zip};
