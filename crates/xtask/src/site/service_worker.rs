//! Writes `sw.js` from `www/sw.js.template` and the files of the built site.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{files, fresh::hex};
use crate::{places::Places, say};

/// Replaced by the list of files.
const TOKEN: &str = "__FILES__";
/// The worker's own name; it cannot list itself.
const NAME: &str = "sw.js";

/// When the service worker fetches a file; the names are the template's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Before the worker counts as installed.
    Install,
    /// Once the page has what it needs.
    Idle,
    /// When it is first asked for.
    Use,
}

impl When {
    fn of(path: &str) -> Self {
        match path.rsplit_once('.').map(|(_, extension)| extension) {
            Some("onnx" | "safetensors" | "h5" | "keras" | "npz") => Self::Use,
            // Names and history of networks that only a data set needs.
            _ if path.starts_with("models/digits/") => Self::Use,
            Some("jpg" | "jpeg" | "webp") => Self::Idle,
            _ => Self::Install,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Idle => "idle",
            Self::Use => "use",
        }
    }
}

/// Writes the worker for the site in `site`; returns a sentence about it.
pub fn write(places: &Places, site: &Path) -> Result<String> {
    let template = places.root.join("www/sw.js.template");
    let text = fs::read_to_string(&template).with_context(|| format!("cannot read {}", template.display()))?;
    let mut list = Map::new();
    let mut totals = [(When::Install, 0, 0), (When::Idle, 0, 0), (When::Use, 0, 0)];
    for file in files::below(site)? {
        if file == NAME {
            continue;
        }
        let path = site.join(&file);
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let when = When::of(&file);
        list.insert(file, json!([hex(&Sha256::digest(&bytes)), when.name()]));
        for (_, count, size) in totals.iter_mut().filter(|(kind, ..)| *kind == when) {
            *count += 1;
            *size += bytes.len() as u64;
        }
    }
    let worker = site.join(NAME);
    fs::write(&worker, fill(&text, list)?).with_context(|| format!("cannot write {}", worker.display()))?;
    let parts: Vec<String> = totals
        .iter()
        .map(|(when, count, size)| format!("{count} files at {} ({})", when.name(), say::bytes(*size)))
        .collect();
    Ok(format!("service worker: {}", parts.join(", ")))
}

/// The template with its list.
fn fill(template: &str, list: Map<String, Value>) -> Result<String> {
    if template.matches(TOKEN).count() != 1 {
        bail!("www/sw.js.template must have {TOKEN} once");
    }
    Ok(template.replace(TOKEN, &serde_json::to_string_pretty(&list).context("the list of files is no JSON")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_wait_for_their_use_and_photos_for_a_quiet_moment() {
        for used in ["models/squeezenet.onnx", "models/digits.npz", "models/digits/history.json"] {
            assert_eq!(When::of(used), When::Use, "{used}");
        }
        assert_eq!(When::of("models/photos/dog.jpg"), When::Idle);
        for shell in ["index.html", "worker_bg.wasm", "models/catalog.json", "icons/icon-512.png", "LICENSE"] {
            assert_eq!(When::of(shell), When::Install, "{shell}");
        }
    }

    #[test]
    fn the_list_takes_the_tokens_place() {
        let mut list = Map::new();
        list.insert("index.html".to_owned(), json!(["00ff", "install"]));
        let text = fill("const FILES = __FILES__;", list).expect("one token");
        assert!(text.starts_with("const FILES = {") && text.contains("\"00ff\""), "{text}");
        assert!(fill("no token", Map::new()).is_err());
    }
}
