//! Models, pictures and the catalogue of what is built in.

use innspect_graph::Preprocessing;
use serde::{Deserialize, Serialize};

/// Name of a loaded model: a catalogue id, or one the page makes for a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModelId(pub String);

/// Name of a loaded picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ImageId(pub String);

/// How logits become scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreKind {
    /// By a softmax: they add up to 1.
    #[default]
    Softmax,
    /// By a sigmoid each.
    Sigmoid,
}

/// One layer of a loaded model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerInfo {
    /// Name in the file, what `--layer` takes.
    pub name: String,
    /// The field's name of the operation.
    pub op: String,
    /// Output shape of one sample, `[C, H, W]` for a feature map.
    pub shape: Vec<usize>,
    /// Number of weights.
    pub params: usize,
    /// Hyper-parameters as the file gives them, such as `kernel 3x3, stride 2`; empty if there are none.
    pub detail: String,
    /// Whether the output is a feature map with more than one position, so that a CAM or an activation map fits it.
    pub feature_map: bool,
}

/// A loaded model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Its id.
    pub id: ModelId,
    /// Its name for people.
    pub name: String,
    /// Format of the file, such as `ONNX opset 13`.
    pub format: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Input `[channels, height, width]`.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// How logits become scores.
    pub scores: ScoreKind,
    /// Number of weights.
    pub params: usize,
    /// Bytes of weights on the device.
    pub bytes: u64,
    /// Layers in the order of execution.
    pub layers: Vec<LayerInfo>,
    /// Name of the layer that CAM methods take by default, if one fits.
    pub default_layer: Option<String>,
    /// Names of the classes; `class 0`, `class 1`, ... where none are known.
    pub labels: Vec<String>,
    /// How pictures are prepared.
    pub preprocessing: Preprocessing,
    /// One sentence saying where the preprocessing comes from: the catalogue, the file, a guess and why, or the user.
    pub preprocessing_origin: String,
    /// Warnings from reading the file, each a sentence.
    pub warnings: Vec<String>,
}

/// A loaded picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageInfo {
    /// Its id.
    pub id: ImageId,
    /// File name.
    pub name: String,
    /// Width in pixels after EXIF orientation.
    pub width: u32,
    /// Height in pixels after EXIF orientation.
    pub height: u32,
}

/// `models/catalog.json`: everything the site ships.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// Networks, in the order they are offered; the first is loaded first.
    pub models: Vec<CatalogModel>,
    /// Photos, in the order they are offered.
    pub photos: Vec<CatalogPhoto>,
    /// Data sets.
    #[serde(default)]
    pub datasets: Vec<CatalogDataset>,
}

impl Catalog {
    /// The networks for photos, which a visitor is offered at first. The others are for the pictures of a data set only.
    pub fn photo_models(&self) -> impl Iterator<Item = &CatalogModel> {
        self.models.iter().filter(|model| model.dataset.is_none())
    }
}

/// One built-in network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatalogModel {
    /// Id, also for the command.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// File, relative to the catalogue.
    pub file: String,
    /// Size of the file in bytes, for progress.
    pub bytes: u64,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Input `[channels, height, width]`.
    pub input: [usize; 3],
    /// How pictures are prepared.
    pub preprocessing: Preprocessing,
    /// File with the class names (a JSON list of strings), relative to the catalogue.
    pub labels: String,
    /// One sentence for people: family, year, what is particular.
    pub description: String,
    /// Licence of the weights.
    pub licence: String,
    /// Where the weights are from.
    pub source: String,
    /// Id of the built-in data set that the network was trained for; none for networks that take photos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Share of the data set's test pictures that the network recognises.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f32>,
}

/// One built-in data set: a NumPy archive (`.npz`) with `images` (u8, `[count, height, width]`, black is 0) and `labels`
/// (u8, `[count]`), and whatever else its description names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatalogDataset {
    /// Id.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// File, relative to the catalogue.
    pub file: String,
    /// Size of the file in bytes, for progress.
    pub bytes: u64,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Number of pictures.
    pub count: usize,
    /// Names of the classes, by label.
    pub classes: Vec<String>,
    /// Ids of the networks that it is looked at with; those for photos if there are none.
    #[serde(default)]
    pub models: Vec<String>,
    /// What it shows and what its further arrays mean, for people.
    pub description: String,
    /// Licence.
    pub licence: String,
    /// Where it is from.
    pub source: String,
}

/// One built-in photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatalogPhoto {
    /// File, relative to the catalogue.
    pub file: String,
    /// What it shows, for people and screen readers.
    pub title: String,
    /// ImageNet class index, where the photo clearly shows one class.
    pub label: Option<usize>,
    /// Who took it.
    pub author: String,
    /// Licence.
    pub licence: String,
    /// Where it is from.
    pub source: String,
}
