//! The Suggest view without its markup: what is known of each picture, axes, filters, order, export.

pub mod accuracy;
pub mod axes;
pub mod bars;
pub mod classes;
pub mod cloud;
pub mod facts;
pub mod filter;
pub mod kept;
pub mod raster;
pub mod table;
pub mod words;
