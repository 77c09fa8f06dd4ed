//! Files of a folder in a fixed order.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// Every file below `folder`, as paths relative to it with `/`, sorted.
pub fn below(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("cannot read {}", next.display()))? {
            let entry = entry.with_context(|| format!("cannot read {}", next.display()))?;
            let path = entry.path();
            if entry.file_type().with_context(|| format!("cannot read {}", path.display()))?.is_dir() {
                open.push(path);
            } else if let Ok(relative) = path.strip_prefix(folder) {
                let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
                found.push(parts.join("/"));
            }
        }
    }
    found.sort();
    Ok(found)
}
