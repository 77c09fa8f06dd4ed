//! Whether `dist/` is what the sources say: a stamp of their names, sizes and times, kept beside it.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::files;
use crate::places::Places;

/// Folders and files that the site is made of.
const SOURCES: &[&str] =
    &["crates", "shaders", "www", "models", "Cargo.toml", "Cargo.lock", "Trunk.toml", ".cargo/config.toml"];

/// The state of the sources.
pub struct Stamp(String);

impl Stamp {
    /// The state now.
    pub fn of(places: &Places) -> Result<Self> {
        let mut hash = Sha256::new();
        for source in SOURCES {
            let path = places.root.join(source);
            if path.is_dir() {
                for file in files::below(&path)? {
                    add(&mut hash, &path.join(file))?;
                }
            } else if path.is_file() {
                add(&mut hash, &path)?;
            }
        }
        Ok(Self(hex(&hash.finalize())))
    }

    /// Remembers that `dist/` was built from this state.
    pub fn write(&self, places: &Places) -> Result<()> {
        let file = file(places);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        fs::write(&file, &self.0).with_context(|| format!("cannot write {}", file.display()))
    }
}

/// Whether `dist/` was built from the sources as they are.
pub fn is_fresh(places: &Places) -> Result<bool> {
    let Ok(built) = fs::read_to_string(file(places)) else {
        return Ok(false);
    };
    Ok(places.dist().join("sw.js").is_file() && built == Stamp::of(places)?.0)
}

/// Not inside `dist/`, which is served as it is.
fn file(places: &Places) -> PathBuf {
    places.root.join("target/site.stamp")
}

fn add(hash: &mut Sha256, file: &Path) -> Result<()> {
    let about = fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
    let changed = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    hash.update(file.as_os_str().as_encoded_bytes());
    hash.update(about.len().to_le_bytes());
    hash.update(changed.as_nanos().to_le_bytes());
    Ok(())
}

/// Hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").ok();
        text
    })
}
