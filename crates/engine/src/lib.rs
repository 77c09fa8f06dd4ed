//! Running a network on a device: forward with a tape, and back under a composite of rules.
//!
//! ```text
//! Graph --load--> Network --forward(batch)--> Tape --reverse(seed, rules, until)--> relevance
//! ```
//!
//! * [`Network`] holds the weights on a [`Device`], and the parts of them (positive, negative) that rules ask for, made
//!   once.
//! * [`Tape`] holds every value of one forward pass. One tape serves any number of explanations.
//! * [`Composite`] says which [`Rule`] each node gets; [`Network::reverse`] walks back. The plain gradient is the
//!   composite in which every node has [`Rule::Gradient`], so gradients, Guided Backpropagation and LRP are one pass.
//!
//! The engine interprets the graph over burn's rank-erased tensors; the same code runs on the CPU and, through wgpu, on a
//! GPU. It does not use burn's autodiff, which can neither replace the rule of an op nor return what arrives at an inner
//! value.

mod activation;
mod deep_lift;
mod depthwise;
mod device;
mod error;
mod forward;
mod gradient;
mod kernel;
pub mod launch;
mod linear;
mod lrp;
mod network;
mod pacer;
mod pattern;
pub mod resample;
mod reverse;
mod rule;
mod sampling;
mod sign_parts;
mod tensor;

pub use device::Device;
pub use error::EngineError;
pub use forward::Tape;
pub use kernel::Kernels;
pub use network::Network;
pub use pacer::{Pacer, Unpaced};
pub use pattern::{PatternFit, Patterns};
pub use reverse::{Arrived, Walk};
pub use rule::{Assigned, Bias, Bounds, Composite, Rule, Selector, TINY};
pub use sampling::{Copies, Sampling};
pub use sign_parts::SignParts;
pub use tensor::Tensor;
