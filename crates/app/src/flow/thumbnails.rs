//! Small pictures.

use crate::state::Store;

/// Asks for small pictures.
pub fn want(_store: Store, _items: &[u32]) {}
