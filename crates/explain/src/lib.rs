//! Explanation methods as rows of one table over the engine.
//!
//! A [`Method`] says of itself what lists and forms need ([`MethodInfo`](innspect_protocol::MethodInfo)) and makes a
//! [`Plan`]: a reverse pass under a composite of rules, or one of the ways in which reverse or forward passes are repeated
//! and summed. [`explain()`] carries a plan out on a [`Subject`]; what it tells of long work goes to a [`Monitor`]. A new
//! method is a new row of [`table`], not a new class. [`quality`] asks how good a map is.

pub mod batch;
mod cam;
mod coalitions;
mod error;
mod layers;
mod least_squares;
mod masks;
mod monitor;
mod params;
mod plan;
mod principal;
pub mod quality;
mod reverse;
mod run;
mod steps;
mod subject;
pub mod table;
mod target;

pub use error::ExplainError;
pub use layers::{default_layer, features, layer_infos};
pub use monitor::Monitor;
pub use plan::{CamKind, Ground, Masking, NoiseScale, NoiseSummary, Plan, Quadrature, Reversal, Start, Times};
pub use run::{Balance, Outcome, Provenance, explain, read_logits, scores, top_classes};
pub use subject::{BUDGET, Setting, Subject};
pub use table::{Method, find, methods};
