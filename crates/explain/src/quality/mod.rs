//! How good a map is: numbers on maps, and what happens to the score and to the map when picture or network change.
//!
//! | check | asks |
//! |---|---|
//! | [`Check::ClassSensitivity`] | does the map depend on what the last layers say? |
//! | [`Check::Deletion`], [`Check::Road`] | does the score depend on the pixels that the map names? |
//! | [`Check::MaxSensitivity`] | is the map the same for a picture that looks the same? |
//! | [`Check::Randomisation`] | does the map depend on what the network learned? |
//!
//! [`Check::ClassSensitivity`]: innspect_protocol::Check::ClassSensitivity
//! [`Check::Deletion`]: innspect_protocol::Check::Deletion
//! [`Check::Road`]: innspect_protocol::Check::Road
//! [`Check::MaxSensitivity`]: innspect_protocol::Check::MaxSensitivity
//! [`Check::Randomisation`]: innspect_protocol::Check::Randomisation
//!
//! Results depend on what takes the place of removed pixels, which is why there are two of that kind, and no single
//! number says that a map is right.

mod assess;
pub mod measures;
mod randomise;
pub mod road;

pub use assess::{Assessed, assess};
