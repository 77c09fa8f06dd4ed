//! Files that hold trained networks, read into [`innspect_graph::Graph`]s.

pub mod onnx;
