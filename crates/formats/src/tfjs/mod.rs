//! TensorFlow.js models: `model.json` with the network and a list of weights, and the files with the weights beside it.
//!
//! A layers model is an architecture of Keras, read as such; a graph model is a graph of TensorFlow's operations.

mod attributes;
mod graph;
mod manifest;
mod operations;

use innspect_graph::Preprocessing;
use manifest::Manifest;
use serde_json::Value;

use crate::{FormatError, Imported, ModelFiles, keras};

/// More bytes than the description of a network has.
const MAX_JSON: u64 = 1 << 24;

/// The description of a model; `None` if the JSON is something else.
///
/// # Errors
/// If it is not valid JSON, although it seems to be a model.
fn description(files: &ModelFiles) -> Result<Option<Value>, FormatError> {
    if files.file.len() > MAX_JSON {
        let actual = usize::try_from(files.file.len()).unwrap_or(usize::MAX);
        return Err(FormatError::TooLarge { what: "bytes of JSON", actual, limit: MAX_JSON as usize });
    }
    let bytes = files.file.bytes()?;
    if !mentions_topology(&bytes) {
        return Ok(None);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| FormatError::Damaged { reason: format!("its description is not valid JSON: {error}") })?;
    Ok(value.get("modelTopology").is_some().then_some(value))
}

/// Whether a file that is JSON may describe a model.
pub(crate) fn mentions_topology(bytes: &[u8]) -> bool {
    let wanted = b"\"modelTopology\"";
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Reads a model of TensorFlow.js; `None` if the JSON file is none. The shards of its weights are looked for beside it,
/// and so is the `metadata.json` of Teachable Machine.
///
/// # Errors
/// [`FormatError`] if shards are missing, if the files are damaged, or if the network is no image classifier or uses
/// layers or operations that are not supported, which are named.
pub fn read(files: &ModelFiles) -> Result<Option<Imported>, FormatError> {
    let Some(model) = description(files)? else { return Ok(None) };
    let mut imported = network(model, files)?;
    describe(&mut imported, files);
    Ok(Some(imported))
}

/// Takes over what Teachable Machine writes beside its models: class names and, by its own name, the range of pixels.
fn describe(imported: &mut Imported, files: &ModelFiles) {
    let Imported { graph, warnings, .. } = imported;
    let found = files.find("metadata.json").filter(|blob| blob.len() <= MAX_JSON);
    let said = found.and_then(|blob| serde_json::from_slice::<Value>(&blob.bytes().ok()?).ok());
    let Some(said) = said else { return };
    let labels = said.get("labels").and_then(Value::as_array);
    let labels: Option<Vec<String>> =
        labels.and_then(|labels| labels.iter().map(|label| label.as_str().map(str::to_owned)).collect());
    match labels {
        Some(labels) if labels.len() == graph.classes() => graph.labels = Some(labels),
        Some(labels) => warnings.push(format!(
            "metadata.json names {} classes, but the network has {}; the names are not used.",
            labels.len(),
            graph.classes()
        )),
        None => {}
    }
    let package = said.get("packageName").and_then(Value::as_str).unwrap_or_default();
    if let (true, Some([3, height, width])) = (package.starts_with("@teachablemachine/image"), graph.image_shape()) {
        // It divides by 127, not by half of 255.
        graph.preprocessing = Some(Preprocessing { scale: 1.0 / 127.0, ..Preprocessing::keras_tf([height, width]) });
    }
}

/// Reads the network of a description.
fn network(mut model: Value, files: &ModelFiles) -> Result<Imported, FormatError> {
    let topology = model.get("modelTopology").filter(|topology| topology.is_object());
    let Some(topology) = topology else {
        return Err(FormatError::NoNetwork { what: "weights without the network".to_owned() });
    };
    let is_graph = match model.get("format").and_then(Value::as_str) {
        Some("graph-model") => true,
        Some("layers-model") => false,
        _ => topology.get("node").is_some(),
    };
    let Some(list) = model.get("weightsManifest") else {
        return Err(FormatError::NoNetwork { what: "a network without its weights".to_owned() });
    };
    let weights = Manifest::read(list, files)?;
    let length = usize::try_from(files.file.len()).unwrap_or(usize::MAX);
    if is_graph {
        return graph::read(&model, &weights, &files.name, length.saturating_add(weights.bytes));
    }
    // `tfjs-layers 4.22.0` has the layers of Keras 2 and counts its own versions.
    let version = topology.get("keras_version").and_then(Value::as_str).unwrap_or_default();
    let (version, container) = match version.strip_prefix("tfjs-layers ") {
        Some(own) => ("2".to_owned(), format!("TensorFlow.js {own}")),
        None => (version.to_owned(), "TensorFlow.js".to_owned()),
    };
    // The converter keeps what Keras wrote; TensorFlow.js itself writes the architecture without a frame.
    let mut config = model.get_mut("modelTopology").map(Value::take).unwrap_or_default();
    if let Some(inner) = config.get_mut("model_config") {
        config = inner.take();
    }
    keras::read_named(config, length, &weights, &version, &container, &files.name)
}
