//! The words for what the page opens, said in one place.

/// Networks, as in "drop … anywhere".
pub const NETWORKS: &str = "ONNX, Keras, TensorFlow Lite, TensorFlow.js or PyTorch weights";
/// Pictures.
pub const PICTURES: &str = "JPEG, PNG, WebP, BMP or GIF pictures";
/// Lists of class names.
pub const LABELS: &str = "TXT with one name a line, CSV or JSON";
