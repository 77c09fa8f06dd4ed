//! What the formats of TensorFlow share: its operations, whose feature maps have their channels last.
//!
//! A file of TensorFlow Lite and a graph model of TensorFlow.js hold the same operations under other names. Each of
//! them is written here as a few nodes of ONNX, whose importer then knows what to do with batches, constants, shape
//! arithmetic and layouts; so there is one place that knows it. Convolutions and the like stand between two
//! transpositions, which the passes of the graph cancel.

mod functions;
mod network;
mod shapes;
mod windows;

pub(crate) use functions::Fused;
pub(crate) use network::{Description, MAX_OPERATIONS, Network, Unread};
pub(crate) use shapes::Strided;
pub(crate) use windows::{Kernel, Normalisation, Padding, Pool, Window};
