//! A network and its other files packed into a plain zip.

use innspect_files::Zip;

use crate::{FileKind, FormatError, MAX_ENTRIES, ModelFiles, tfjs};

/// How much larger than the archive its files may be together. Weights hardly shrink.
const MAX_RATIO: u64 = 16;

/// What small archives may unpack to in any case: descriptions shrink well.
const SMALL: u64 = 1 << 24;

/// More files than a network is split into.
const MAX_FILES: usize = 2000;

/// Endings of the names of networks in one file.
const ENDINGS: [&str; 6] = ["onnx", "h5", "hdf5", "keras", "tflite", "lite"];

/// Endings of the names of weights that tell their network.
const WEIGHTS: [&str; 3] = ["pth", "pt", "safetensors"];

/// Endings of the names of pictures.
const PICTURES: [&str; 7] = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "avif"];

fn ending(name: &str) -> String {
    name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default()
}

/// What an archive without a network holds, and what to do with it.
fn without_network(names: &[String]) -> FormatError {
    let is = |name: &String, wanted: &str| name.rsplit('/').next() == Some(wanted);
    let shown: Vec<&str> = names.iter().map(String::as_str).take(5).collect();
    let more =
        if names.len() > shown.len() { format!(" and {} more", names.len() - shown.len()) } else { String::new() };
    let (what, advice) = if names.is_empty() {
        ("no files".to_owned(), FileKind::Zip.advice())
    } else if names.iter().any(|name| is(name, "saved_model.pb")) {
        ("the folder of a TensorFlow SavedModel".to_owned(), FileKind::SavedModel.advice())
    } else if names.iter().any(|name| ending(name) == "index") && names.iter().any(|name| name.contains(".data-")) {
        ("a TensorFlow checkpoint, which has no network".to_owned(), FileKind::TfCheckpoint.advice())
    } else if names.iter().all(|name| PICTURES.contains(&ending(name).as_str())) {
        (format!("pictures only: {}{more}", shown.join(", ")), "Unpack it and load them as pictures.")
    } else {
        (format!("no network, but {}{more}", shown.join(", ")), FileKind::Zip.advice())
    };
    FormatError::Archive { what, advice }
}

/// The network in an archive with the other files beside it.
///
/// # Errors
/// If the archive is damaged, has no network or more than one, or its files are much larger than itself.
pub(crate) fn open(files: &ModelFiles) -> Result<ModelFiles, FormatError> {
    let limit = SMALL.max(files.file.len().saturating_mul(MAX_RATIO));
    let zip = Zip::open(files.file.clone(), MAX_ENTRIES)?;
    let is_file = |name: &&str| !name.ends_with('/') && !name.starts_with("__MACOSX/");
    let mut names: Vec<String> = zip.names().filter(is_file).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    let known = |name: &String| {
        ENDINGS.contains(&ending(name).as_str()) || WEIGHTS.contains(&ending(name).as_str()) || ending(name) == "json"
    };
    if !names.iter().any(known) {
        return Err(without_network(&names));
    }
    if names.len() > MAX_FILES {
        return Err(FormatError::TooLarge { what: "files in its archive", actual: names.len(), limit: MAX_FILES });
    }
    let total = zip.unpacked();
    if total > limit {
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        return Err(FormatError::TooLarge {
            what: "bytes in its packed files",
            actual: size(total),
            limit: size(limit),
        });
    }
    let (mut networks, mut weights) = (Vec::new(), Vec::new());
    let mut beside = files.beside.clone();
    for name in &names {
        let Some(content) = zip.part(name)? else { continue };
        let network = match ending(name).as_str() {
            "json" => tfjs::mentions_topology(&content.bytes()?),
            other => ENDINGS.contains(&other),
        };
        let list = if network {
            &mut networks
        } else if WEIGHTS.contains(&ending(name).as_str()) {
            &mut weights
        } else {
            &mut beside
        };
        list.push((name.clone(), content));
    }
    // Beside a whole network, weights alone are a copy of its own.
    let (mut chosen, others) = if networks.is_empty() { (weights, networks) } else { (networks, weights) };
    beside.extend(others);
    match (chosen.pop(), chosen.len()) {
        (Some((name, file)), 0) => Ok(ModelFiles { name, file, beside, architecture: files.architecture.clone() }),
        (None, _) => Err(without_network(&names)),
        (Some((last, _)), before) => {
            let mut shown: Vec<&str> = chosen.iter().map(|(name, _)| name.as_str()).take(5).collect();
            if shown.len() == before {
                shown.push(&last);
            }
            Err(FormatError::Archive {
                what: format!("{} networks: {}", before + 1, shown.join(", ")),
                advice: "Unpack it and load the network that you want, or several one after the other.",
            })
        }
    }
}
