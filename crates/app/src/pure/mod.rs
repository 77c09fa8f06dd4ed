//! What needs no browser: formatting, forms, geometry, the view state in the URL and the table of keys.

pub mod architectures;
pub mod choice;
pub mod form;
pub mod format;
pub mod geometry;
pub mod grid;
pub mod hash;
pub mod keys;
pub mod kinds;
pub mod methods;
pub mod pace;
pub mod params;
pub mod plot;
pub mod presets;
pub mod routing;
pub mod rows;
pub mod scan_file;
pub mod selection;
pub mod stored;
pub mod suggest;
pub mod target;
