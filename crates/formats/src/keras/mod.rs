//! Keras files: whole networks in HDF5 (`.h5`, Keras 1 to 3) and in archives (`.keras`), and files of weights alone of
//! the networks of keras.applications.
//!
//! Both hold the architecture as JSON and the weights as HDF5 data sets. Sequential and Functional models, models inside
//! models and layers called more than once become one graph; the names are Keras's, those inside a model with its name in
//! front. Nothing of a file is executed: `Lambda` and layers of a person's own are refused by name.

mod activations;
mod applications;
mod config;
mod import;
mod keras1;
mod layers;
mod weights;

use innspect_files::Zip;
use innspect_graph::GraphError;

pub(crate) use applications::architectures;
pub(crate) use layers::IDENTITIES;
pub(crate) use weights::Named;

use crate::{Blob, FormatError, Imported, MAX_ENTRIES, hdf5};

/// Why a layer is refused; the importer adds which layer it is.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The graph does not take it.
    Graph(GraphError),
    /// The importer does not take it.
    Reason(String),
    /// The class is not known.
    Unknown,
    /// The file is at fault.
    File(FormatError),
}

impl Refusal {
    fn reason(reason: impl Into<String>) -> Self {
        Self::Reason(reason.into())
    }
}

impl From<GraphError> for Refusal {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl From<FormatError> for Refusal {
    fn from(error: FormatError) -> Self {
        Self::File(error)
    }
}

/// Reads a network that Keras saved as HDF5.
///
/// The graph's input is `[channels, height, width]` whatever the file's layout. Of several outputs the first is taken; a
/// warning says so. Unknown heights and widths become 224.
///
/// A file of weights alone is read if a network of keras.applications has just these; `architecture` is the name of
/// the one that a person chose.
///
/// # Errors
/// [`FormatError`] if the file is damaged, holds no network or no image classifier, or uses layers that are not
/// supported; the error names the layer. For weights alone, [`FormatError::NeedsArchitecture`] if the architecture must
/// be chosen and [`FormatError::OtherArchitecture`] if they are not those of the one that was.
pub fn read_hdf5(file: &Blob, name: &str, architecture: Option<&str>) -> Result<Imported, FormatError> {
    let file = hdf5::File::open(file.clone())?;
    let root = file.root()?;
    // Theano's kernels are mirrored.
    for object in [Some(file.root()?), root.find_one("model_weights")?].into_iter().flatten() {
        if object.text("backend")?.as_deref() == Some("theano") {
            return Err(FormatError::Unsupported { what: "weights that Keras saved with Theano".to_owned() });
        }
    }
    let Some(json) = root.text("model_config")? else {
        let error = without_network(&root)?;
        return applications::read(root, name, architecture)?.ok_or(error);
    };
    let mut model = config::parse(&json)?;
    let group = root.find("model_weights")?;
    let group = group.ok_or_else(|| FormatError::NoNetwork { what: "a network without its weights".to_owned() })?;
    let version = match root.text("keras_version")? {
        Some(version) => version,
        None => group.text("keras_version")?.unwrap_or_default(),
    };
    if version.starts_with("1.") {
        keras1::translate(&mut model)?;
    }
    let weights = weights::Weights::legacy(group, &model)?;
    import::import(&model, &weights, &version, "HDF5", name)
}

/// What an HDF5 file without a network holds.
fn without_network(root: &hdf5::Object) -> Result<FormatError, FormatError> {
    let names: Vec<String> = root.links()?.keys().cloned().collect();
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let weights = root.list("layer_names")?.is_some()
        || has("model_weights")
        || has("layers")
        || has("_layer_checkpoint_dependencies");
    let what = if weights {
        "weights without the network"
    } else if has("optimizer_weights") || has("optimizer") {
        "the state of an optimizer, without the network"
    } else {
        return Ok(FormatError::Foreign { names });
    };
    Ok(FormatError::NoNetwork { what: what.to_owned() })
}

/// Reads a network that Keras saved as an archive.
///
/// # Errors
/// As [`read_hdf5`].
pub fn read_archive(file: &Blob, name: &str) -> Result<Imported, FormatError> {
    let zip = Zip::open(file.clone(), MAX_ENTRIES)?;
    let text = |entry: &str| -> Result<Option<String>, FormatError> {
        Ok(zip.read(entry)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    let Some(json) = text("config.json")? else {
        return Err(FormatError::NoNetwork { what: "weights without the network".to_owned() });
    };
    let model = config::parse(&json)?;
    let metadata: serde_json::Value =
        text("metadata.json")?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let version = metadata.get("keras_version").and_then(|version| version.as_str()).unwrap_or_default();
    let Some(weights) = zip.part("model.weights.h5")? else {
        let other = zip.names().find(|name| name.starts_with("model.weights") || name.starts_with("model_"));
        return Err(match other {
            Some(other) => FormatError::Unsupported { what: format!("weights in {other:?}") },
            None => FormatError::NoNetwork { what: "a network without its weights".to_owned() },
        });
    };
    let file = hdf5::File::open(weights)?;
    let weights = weights::Weights::archive(file.root()?, &model)?;
    import::import(&model, &weights, version, "archive", name)
}

/// Reads an architecture whose weights another format holds in a list: `container` says which.
///
/// # Errors
/// As [`read_hdf5`].
pub(crate) fn read_named(
    architecture: serde_json::Value,
    length: usize,
    list: &dyn Named,
    version: &str,
    container: &str,
    name: &str,
) -> Result<Imported, FormatError> {
    let model = config::from_value(architecture, length)?;
    let weights = weights::Weights::named(list, &model)?;
    import::import(&model, &weights, version, container, name)
}
