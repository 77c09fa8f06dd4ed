//! Programs that come from the crate registry and are compiled here.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use super::{debian, debian::Package, wasm::Toolchain};
use crate::{
    command::{capture, cargo, command, run},
    places::Places,
    say,
};

/// A program and the one version of it that fits.
pub struct Tool {
    /// Its crate.
    krate: &'static str,
    /// Its command.
    program: &'static str,
    /// Its version.
    version: String,
}

/// Trunk, which bundles the site.
pub fn trunk() -> Tool {
    Tool { krate: "trunk", program: "trunk", version: "0.22.1".to_owned() }
}

/// wasm-bindgen, in the version of the library that the page and the worker are linked with.
pub fn wasm_bindgen(places: &Places) -> Result<Tool> {
    let lock = places.root.join("Cargo.lock");
    let text = fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let version = locked_version(&text, "wasm-bindgen").context("Cargo.lock does not name wasm-bindgen")?.to_owned();
    Ok(Tool { krate: "wasm-bindgen-cli", program: "wasm-bindgen", version })
}

/// The version of a crate in a lock file.
fn locked_version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = lock.lines();
    lines.find(|line| line.strip_prefix("name = ").is_some_and(|value| value.trim_matches('"') == name))?;
    lines.next()?.strip_prefix("version = ").map(|value| value.trim_matches('"'))
}

/// Compiles the program unless the right version is there.
pub fn ensure(places: &Places, tool: &Tool, toolchain: &Toolchain) -> Result<()> {
    if installed(places, tool) {
        return Ok(());
    }
    let Tool { krate, version, .. } = tool;
    say::timed(format_args!("compiling {krate} {version} (once; trunk takes minutes)"), || {
        install(places, tool, toolchain)
    })
    .with_context(|| format!("cannot install {krate} {version}; try: cargo install {krate} --version {version}"))
}

fn installed(places: &Places, tool: &Tool) -> bool {
    capture(command(places, tool.program).arg("--version"))
        .is_ok_and(|text| text.split_whitespace().nth(1) == Some(tool.version.as_str()))
}

fn install(places: &Places, tool: &Tool, toolchain: &Toolchain) -> Result<()> {
    let scratch = places.cache.join("tools-build");
    // With the lock file first: it is what its authors tested. A registry that is behind may lack an entry of it.
    let result = compile(places, tool, toolchain, &scratch, true)
        .or_else(|_| compile(places, tool, toolchain, &scratch, false))
        // A program may ask for a newer compiler than the active one; Debian's is newer.
        .or_else(|error| {
            if *toolchain != Toolchain::Active || !debian::available(places) {
                return Err(error);
            }
            let packages = [("rustc-web", "a newer Rust compiler"), ("cargo-web", "its cargo")];
            debian::ensure(places, packages.map(|(name, purpose)| Package { name, purpose }))?;
            run(command(places, "rustup").args(["toolchain", "link", "web", "/usr"]))?;
            compile(places, tool, &Toolchain::Debian, &scratch, true)
        });
    fs::remove_dir_all(&scratch).ok();
    result
}

fn compile(places: &Places, tool: &Tool, toolchain: &Toolchain, scratch: &Path, locked: bool) -> Result<()> {
    let mut install = cargo(places);
    toolchain
        .apply(&mut install)
        // A tool that runs for a second a build does not repay half an hour of optimisation.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .env("CARGO_TARGET_DIR", scratch)
        // The settings of this workspace are not the tool's.
        .current_dir(&places.cache)
        .args(["install", "--quiet", tool.krate, "--version", &tool.version, "--ignore-rust-version", "--root"])
        .arg(places.tools());
    if locked {
        install.arg("--locked");
    }
    run(&mut install)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_is_read() {
        let lock = "[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.1\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\nsource = \"x\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(locked_version(lock, "trunk"), None);
    }
}
