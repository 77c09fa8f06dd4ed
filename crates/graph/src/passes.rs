//! Passes (to be written).
