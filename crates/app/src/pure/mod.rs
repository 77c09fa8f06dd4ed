//! What needs no browser: formatting, geometry, the view state in the URL and the table of keys.

pub mod choice;
pub mod form;
pub mod format;
pub mod geometry;
pub mod hash;
pub mod keys;
