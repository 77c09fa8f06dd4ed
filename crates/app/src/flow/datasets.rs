//! Opening data sets.

use crate::state::Store;

/// Lets the visitor pick a folder.
pub fn pick_folder(_store: Store) {}

/// Lets the visitor pick files.
pub fn pick_files(_store: Store) {}

/// Opens a set of the site.
pub fn open_builtin(_store: Store, _id: &str) {}
