//! Attribution to picture.
//!
//! ```text
//! attribution [C, H, W] --reduce--> map [H, W] --limit--> scale --colorize--> RGBA --overlay--> RGBA --png--> file
//!        CAM [h, w] ----upsample------^
//! ```
//!
//! [`draw`] takes a map through all of it as a [`Display`](innspect_protocol::Display) asks. Everything here is plain
//! Rust on slices; the kernels `shaders/picture_*.wgsl` do the same on a GPU, and these functions are their twins
//! (module `gpu`, with the feature of that name).
//!
//! Maps and pictures are row-major, top row first. A pixel is four bytes: red, green, blue, opacity.

#[cfg(feature = "gpu")]
pub mod gpu;

mod colormap;
mod drawing;
mod picture;
mod reduce;

pub use colormap::{NOT_A_NUMBER, Table, legend, resolve, table};
pub use drawing::{Drawing, draw};
pub use picture::{PngError, colorize, overlay, png, upsample};
pub use reduce::{keeps_sign, limit, range, reduce, state};
