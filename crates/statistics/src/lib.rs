//! stub
#![allow(missing_docs)]
pub mod agreement;
pub mod calibration;
pub mod features;
pub mod histogram;
pub mod overlap;
pub mod points;
pub mod rank;
pub mod scores;
pub mod table;
pub mod truth;
pub use features::*;
