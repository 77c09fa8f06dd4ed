//! Networks by file or by the id of a built-in one.

use std::{
    fs,
    path::{Path, PathBuf},
    rc::Rc,
};

use innspect_engine::{Device, Network};
use innspect_formats::{Blob, FormatError, ModelFiles, read_labels, read_model};
use innspect_graph::{Graph, Preprocessing, preprocessing::guess_preprocessing};
use sha2::{Digest as _, Sha256};

use crate::{
    args::{DeviceOption, ModelChoice},
    disk::OnDisk,
    failure::{Failure, read},
};

/// A network read from disk, with what is known of its input and classes.
pub struct Model {
    /// Name for people.
    pub name: String,
    /// Format of the file.
    pub format: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// The network.
    pub graph: Rc<Graph>,
    /// How pictures are prepared.
    pub preprocessing: Preprocessing,
    /// Where that is known from.
    pub preprocessing_origin: String,
    /// Names of the classes, one each.
    pub labels: Vec<String>,
    /// Warnings of the reader.
    pub warnings: Vec<String>,
}

/// Opens a file, or a built-in network by its id.
pub fn open(choice: &ModelChoice) -> Result<Model, Failure> {
    let model = choice.model.as_str();
    if Path::new(model).is_file() {
        return from_file(Path::new(model), model, choice.architecture.clone(), None, None);
    }
    let looks_like_file = model.contains(['/', '\\']) || Path::new(model).extension().is_some();
    let directory = models_directory().filter(|_| !looks_like_file).ok_or_else(|| {
        Failure::new(format!("There is no file {model}"), "", "Give a file, or the id of a built-in network.")
    })?;
    let catalog = innspect_dataset::catalog::load(&directory)?;
    let Some(entry) = catalog.models.iter().find(|entry| entry.id == model) else {
        let ids: Vec<&str> = catalog.models.iter().map(|entry| entry.id.as_str()).collect();
        return Err(Failure::new(
            format!("There is no file and no built-in network {model}"),
            "",
            format!("Built in are {}.", ids.join(", ")),
        ));
    };
    let labels = read_labels(&read(&directory.join(&entry.labels))?)?;
    from_file(&directory.join(&entry.file), &entry.name, None, Some(entry.preprocessing.clone()), Some(labels))
}

fn from_file(
    path: &Path,
    name: &str,
    architecture: Option<String>,
    preprocessing: Option<Preprocessing>,
    labels: Option<Vec<String>>,
) -> Result<Model, Failure> {
    let others = beside(path);
    let named = others.iter().map(|(name, file)| (name.clone(), file.blob())).collect();
    let files = ModelFiles { beside: named, architecture, ..ModelFiles::new(name, OnDisk::open(path)?.blob()) };
    let imported = read_model(&files)?;
    // Weights in other files make another network of the same description, and so does another architecture.
    let chosen = files.architecture.clone().map(|name| name.into_bytes().into());
    let taken = others.iter().filter(|(_, file)| file.is_read()).map(|(_, file)| file.blob());
    let sha256 = sha256(std::iter::once(files.file.clone()).chain(taken).chain(chosen))?;
    let graph = imported.graph;
    let (preprocessing, preprocessing_origin) = match (preprocessing, &graph.preprocessing) {
        (Some(known), _) => (known, "From the catalogue of built-in networks.".to_owned()),
        (None, Some(stated)) => (stated.clone(), "Stated in the file.".to_owned()),
        (None, None) => guess_preprocessing(&graph),
    };
    let classes = graph.classes();
    let mut labels = labels.or_else(|| graph.labels.clone()).unwrap_or_default();
    labels.truncate(classes);
    labels.extend((labels.len()..classes).map(|class| format!("class {class}")));
    Ok(Model {
        name: name.into(),
        format: imported.format,
        sha256,
        graph: Rc::new(graph),
        preprocessing,
        preprocessing_origin,
        labels,
        warnings: imported.warnings,
    })
}

/// `models/` of the folder that the command runs in or of one above it, or what `INNSPECT_MODELS` names.
pub fn models_directory() -> Option<PathBuf> {
    if let Some(directory) = std::env::var_os("INNSPECT_MODELS") {
        return Some(directory.into());
    }
    let here = std::env::current_dir().ok()?;
    here.ancestors().map(|folder| folder.join("models")).find(|folder| folder.join("catalog.json").is_file())
}

/// The device that was asked for.
pub fn device(option: DeviceOption) -> Result<Device, Failure> {
    match option {
        DeviceOption::Cpu => Ok(Device::cpu()),
        DeviceOption::Gpu => pollster::block_on(Device::gpu())
            .map_err(|error| Failure::new(error.to_string(), "", "Use --device cpu, or install a Vulkan driver.")),
    }
}

impl Model {
    /// The network on a device.
    pub fn on(&self, device: &Device) -> Result<Network, Failure> {
        Ok(Network::load(self.graph.clone(), device)?)
    }
}

/// SHA-256 of files one after the other, hexadecimal.
fn sha256(files: impl Iterator<Item = Blob>) -> Result<String, FormatError> {
    let mut hash = Sha256::new();
    for file in files {
        for piece in file.pieces() {
            hash.update(piece?);
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The other files in its folder by name, which hold the weights of some formats. None is read before a reader asks.
fn beside(path: &Path) -> Vec<(String, Rc<OnDisk>)> {
    let Some(entries) = path.parent().and_then(|folder| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        fs::read_dir(folder).ok()
    }) else {
        return Vec::new();
    };
    let others = entries.flatten().map(|entry| entry.path()).filter(|other| other != path && other.is_file());
    let mut others: Vec<PathBuf> = others.collect();
    others.sort();
    others
        .iter()
        .filter_map(|other| Some((other.file_name()?.to_str()?.to_owned(), OnDisk::open(other).ok()?)))
        .collect()
}
