//! A network and its other files packed into a plain zip.

use crate::{FormatError, ModelFiles, tfjs, zip::Zip};

/// How much larger than the archive its files may be together. Weights hardly shrink.
const MAX_RATIO: u64 = 16;

/// What small archives may unpack to in any case: descriptions shrink well.
const SMALL: u64 = 1 << 24;

/// More files than a network is split into.
const MAX_FILES: usize = 2000;

/// Endings of the names of networks in one file.
const ENDINGS: [&str; 6] = ["onnx", "h5", "hdf5", "keras", "tflite", "lite"];

/// The network in an archive with the other files beside it; `None` if the archive has none or more than one.
///
/// # Errors
/// If the archive is damaged, or its files are much larger than itself.
pub(crate) fn open(files: &ModelFiles) -> Result<Option<ModelFiles>, FormatError> {
    let limit = SMALL.max(files.file.len().saturating_mul(MAX_RATIO));
    let zip = match Zip::open(files.file.clone()) {
        Ok(zip) => zip,
        // What is behind the first bytes of a zip may be anything.
        Err(FormatError::Damaged { .. }) => return Ok(None),
        Err(other) => return Err(other),
    };
    let is_file = |name: &&str| !name.ends_with('/') && !name.starts_with("__MACOSX/");
    let mut names: Vec<String> = zip.names().filter(is_file).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    let ending = |name: &str| name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    let known = |name: &String| ENDINGS.contains(&ending(name).as_str()) || ending(name) == "json";
    if !names.iter().any(known) {
        return Ok(None);
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
    let mut networks = Vec::new();
    let mut beside = files.beside.clone();
    for name in names {
        let Some(content) = zip.part(&name)? else { continue };
        let network = match ending(&name).as_str() {
            "json" => tfjs::mentions_topology(&content.bytes()?),
            other => ENDINGS.contains(&other),
        };
        if network {
            networks.push((name, content));
        } else {
            beside.push((name, content));
        }
    }
    let mut networks = networks.into_iter();
    match (networks.next(), networks.next()) {
        (Some((name, file)), None) => {
            Ok(Some(ModelFiles { name, file, beside, architecture: files.architecture.clone() }))
        }
        _ => Ok(None),
    }
}
