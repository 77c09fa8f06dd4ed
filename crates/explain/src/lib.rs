//! Explanation methods as rows of one table over the engine.
//!
//! A [`Method`] says of itself what lists and forms need ([`MethodInfo`](innspect_protocol::MethodInfo)) and makes a
//! [`Plan`]: a composite of rules with its start, possibly wrapped into a class activation map. [`explain`] carries a
//! plan out. A new method is a new row of [`table::METHODS`], not a new class.

mod error;
mod layers;
mod params;
mod plan;
mod run;
pub mod table;

pub use error::ExplainError;
pub use layers::{default_layer, layer_infos};
pub use plan::{Plan, Start};
pub use run::{Balance, Outcome, Provenance, Subject, explain, read_logits, scores, top_classes};
pub use table::{Method, find, methods};
