//! Where things are: the checkout, and what is kept outside it between checkouts.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// The folders that the steps use.
pub struct Places {
    /// Root of the checkout.
    pub root: PathBuf,
    /// Target directory of every cargo that a step starts. It lies outside the checkout because the dependencies of the
    /// engine take half an hour to compile and are the same in every clone.
    pub target: PathBuf,
    /// What setup keeps: tools, the built standard library.
    pub cache: PathBuf,
}

impl Places {
    /// Finds them; needs `HOME` unless `CARGO_TARGET_DIR` and `INNSPECT_CACHE` are both set.
    pub fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .context("the checkout has moved since xtask was compiled: run `cargo clean -p xtask`")?
            .to_path_buf();
        let cache = match env::var_os("INNSPECT_CACHE") {
            Some(path) => PathBuf::from(path),
            None => home()?.join(".cache/innspect"),
        };
        let target = match env::var_os("CARGO_TARGET_DIR") {
            // A relative one is meant from where the user stands; children run in the root.
            Some(path) => std::path::absolute(path).context("CARGO_TARGET_DIR is no path")?,
            None => cache.join("target"),
        };
        Ok(Self { root, target, cache })
    }

    /// The built site.
    pub fn dist(&self) -> PathBuf {
        self.root.join("dist")
    }

    /// Root of the tools that setup compiles; apart from `~/.cargo/bin` so that a person's own versions stay.
    pub fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }

    /// `PATH` of children: the tools of setup first, then cargo's own.
    pub fn path(&self) -> OsString {
        let mut folders = vec![self.tools().join("bin")];
        if let Some(cargo) = cargo_home() {
            folders.push(cargo.join("bin"));
        }
        folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        env::join_paths(folders).unwrap_or_else(|_| env::var_os("PATH").unwrap_or_default())
    }
}

/// The user's home folder.
fn home() -> Result<PathBuf> {
    env::var_os("HOME")
        .or_else(|| env::var_os("USERPROFILE"))
        .map(PathBuf::from)
        .context("HOME is not set; set it, or INNSPECT_CACHE to a folder for tools and build products")
}

fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| home().ok().map(|home| home.join(".cargo")))
}
