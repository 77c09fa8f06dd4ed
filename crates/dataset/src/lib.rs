//! Pictures in: from the files that a person drops to the tensor that a network reads.
//!
//! ```text
//! files --collect--> Collection of items with labels      folders, archives, arrays, lists
//!                      | Item::picture
//!                      v
//! bytes --decode--> Picture --prepare--> tensor [C, H, W]   what the network reads
//!                      |            \--> view   H × W       the same pixels for people, before normalisation
//!                      |--view_large-->  the same cut, sharper: lies under a heatmap
//!                      \--thumbnail-->   the whole picture, small
//! ```
//!
//! * [`decode`](decode()) knows a file by its content, never by its name, and never panics, whatever the bytes.
//! * [`collection`] finds the pictures and labels among many files, and reads each picture when it is needed;
//!   [`match_classes`] finds its classes among those of a network.
//! * [`prepare`](prepare()) resizes exactly as Pillow and torchvision do, bit for bit, so that a network sees here what it saw
//!   when its accuracy was measured; see [`resample`].
//! * [`baseline`] makes what stands for "nothing there" and brings a tensor back to pixels, [`segments`] cuts a picture into
//!   cells or superpixels.
//! * [`npy`] reads and writes NumPy's array files as networks take them, [`catalog`] reads the list of what is built in.
//!
//! The crate works on bytes and slices: no threads, no device, no DOM; it compiles for wasm32 and natively alike.
//!
//! ```
//! use innspect_dataset::{Picture, prepare};
//! use innspect_graph::Preprocessing;
//!
//! let picture = Picture::from_rgb(640, 480, vec![128; 640 * 480 * 3])?;
//! let prepared = prepare(&picture, &Preprocessing::torchvision([224, 224]))?;
//! assert_eq!(prepared.tensor.len(), 3 * 224 * 224);
//! assert_eq!(prepared.view.pixels.len(), 4 * 224 * 224);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod baseline;
pub mod catalog;
pub mod collection;
pub mod npy;
pub mod resample;
pub mod segments;
pub mod sniff;

mod classes;
mod decode;
mod picture;
mod prepare;

pub use baseline::{Baseline, BaselineError};
pub use classes::match_classes;
pub use collection::{Collection, Collector, Item, collect};
pub use decode::{ImageError, MAX_PIXELS, MAX_SIDE, decode, decode_over};
pub use picture::{Picture, Rgba};
pub use prepare::{MAX_INPUT_SIDE, PrepareError, Prepared, prepare, thumbnail, view_large};
pub use segments::{Segmentation, SegmentationError, Segments};
