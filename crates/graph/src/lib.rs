//! A trained image classifier as data.
//!
//! A [`Graph`] is a network in static single assignment: every [`Value`] is written once, by the input or by one
//! [`Node`]; nodes stand in topological order. It knows shapes and weights, and nothing of files (`innspect-formats`
//! makes it), of tensors on a device (`innspect-engine` runs it) or of pictures.
//!
//! Conventions that hold everywhere:
//! * **The batch is implicit.** A value's [`Shape`] is that of one sample: `[C, H, W]` for a feature map, `[F]` for
//!   features. Axes in ops count within the sample, so axis 0 of a feature map is its channels. No op may mix samples.
//! * **Feature maps are channels first.** Readers of channels-last formats put a transposition behind the input and
//!   [`passes::optimize`] cancels it against the ones that follow.
//! * **Weights are [`Param`]s**, f32, row-major, shared by id, perhaps read when needed ([`Weights`]); the op that owns one says its axes.
//! * **Names are the file's.** Passes keep the names a person knows from the framework ([`Node::name`], [`Value::name`])
//!   and list in [`Node::absorbed`] what was folded into a node.

pub mod passes;
pub mod preprocessing;
pub mod reference;

mod build;
mod graph;
mod op;
mod shape;
mod weights;

pub use build::GraphBuilder;
pub use graph::{FinalActivation, Graph, Node, NodeId, Param, ParamId, Value, ValueId};
pub use op::{
    Activation, BinaryKind, Conv2d, ConvTranspose2d, Op, OpKind, PadMode, Pool2d, ReduceKind, Resize,
    ResizeCoordinates, ResizeMode,
};
pub use preprocessing::{ChannelOrder, Fit, Preprocessing, ResizeFilter, guess_preprocessing};
pub use shape::{GraphError, MAX_ELEMENTS, Shape, window_size};
pub use weights::Weights;
