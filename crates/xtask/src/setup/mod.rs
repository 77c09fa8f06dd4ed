//! Installs what is missing; everything already there is left alone, so running it twice costs a second.
//!
//! Three ways lead to each thing, tried in this order: it is there; its own installer gets it (`rustup`, `cargo
//! install`, `npm`); Debian's packages have it. Where none works, one line says what is missing and how to get it.

mod debian;
mod tools;
mod wasm;

use std::{env, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result};

use crate::{
    command::{cargo, command, run, which},
    places::Places,
    say,
};
use debian::Package;
pub use wasm::Toolchain;

/// Everything for building and testing.
pub fn everything(places: &Places) -> Result<()> {
    let toolchain = for_site(places)?;
    for_tests(places)?;
    say::line(format_args!("all set up; the site is compiled by {toolchain}"));
    Ok(())
}

/// What `build` and `serve` need. Returns the toolchain that compiles for the browser.
pub fn for_site(places: &Places) -> Result<Toolchain> {
    fetch(places)?;
    let toolchain = wasm::ensure(places)?;
    tools::ensure(places, &tools::wasm_bindgen(places)?, &toolchain)?;
    tools::ensure(places, &tools::trunk(), &toolchain)?;
    Ok(toolchain)
}

/// What the test suite needs besides: a browser, Node for the script that drives it, a Vulkan driver without a GPU.
pub fn for_tests(places: &Places) -> Result<()> {
    let lavapipe = Path::new("/usr/share/vulkan/icd.d");
    let wanted = [
        Package::unless(chromium(places).is_some(), "chromium", "a Chromium, for the end-to-end tests"),
        Package::unless(which(places, "node").is_some(), "nodejs", "Node.js 18 or newer, for the end-to-end tests"),
        Package::unless(which(places, "npm").is_some(), "npm", "npm, for the end-to-end tests"),
        Package::unless(
            cfg!(not(target_os = "linux")) || has_vulkan_loader(),
            "libvulkan1",
            "a Vulkan loader, for the GPU tests",
        ),
        Package::unless(
            cfg!(not(target_os = "linux")) || debian::holds(lavapipe, "_icd"),
            "mesa-vulkan-drivers",
            "a Vulkan driver, for the GPU tests (Mesa's lavapipe needs no GPU)",
        ),
        Package::unless(which(places, "brotli").is_some(), "brotli", "brotli, to measure the download"),
        Package::unless(
            cfg!(not(target_os = "linux")) || debian::holds(Path::new("/usr/share/fonts/truetype"), ""),
            "fonts-dejavu-core",
            "a font, for the browser's screenshots",
        ),
    ];
    debian::ensure(places, wanted.into_iter().flatten())?;
    node_modules(places)
}

/// What the benchmark of a large network needs besides: h5py, which writes the network.
pub fn for_large_networks(places: &Places) -> Result<()> {
    let there = ["python3", "/usr/bin/python3"]
        .iter()
        .any(|python| crate::command::capture(command(places, python).args(["-c", "import h5py"])).is_ok());
    debian::ensure(
        places,
        Package::unless(there, "python3-h5py", "Python with h5py, for the benchmark of a large network"),
    )
}

/// The browser that the end-to-end tests drive; `CHROMIUM` names another.
pub fn chromium(places: &Places) -> Option<std::path::PathBuf> {
    if let Some(path) = env::var_os("CHROMIUM") {
        return which(places, path);
    }
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
        .iter()
        .find_map(|name| which(places, name))
        .or_else(|| {
            let mac = Path::new("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
            mac.is_file().then(|| mac.to_path_buf())
        })
}

fn has_vulkan_loader() -> bool {
    ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"]
        .iter()
        .any(|folder| debian::holds(Path::new(folder), "libvulkan.so.1"))
}

/// Downloads every crate of the lock file, so that the build itself needs no network.
fn fetch(places: &Places) -> Result<()> {
    if run_offline_metadata(places) {
        return Ok(());
    }
    let mut fetch = cargo(places);
    fetch.args(["fetch", "--quiet"]);
    // In CI a lock file that is out of date is a mistake in the change; at a desk it is an edit in progress.
    if env::var_os("CI").is_some() {
        fetch.arg("--locked");
    }
    say::timed("downloading the crates of Cargo.lock", || run(&mut fetch))
}

/// Whether all crates are here already, for every platform that the workspace is built for.
fn run_offline_metadata(places: &Places) -> bool {
    let mut metadata: Command = cargo(places);
    metadata.args(["metadata", "--format-version", "1", "--locked", "--offline"]);
    crate::command::capture(&mut metadata).is_ok()
}

/// The one npm package that drives Chromium, as locked in `tests/e2e`.
fn node_modules(places: &Places) -> Result<()> {
    let folder = places.root.join("tests/e2e");
    let locked = folder.join("package-lock.json");
    // npm leaves a copy of what it installed; same content means nothing to do.
    let installed = folder.join("node_modules/.innspect-lock");
    let lock = std::fs::read(&locked).with_context(|| format!("cannot read {}", locked.display()))?;
    if std::fs::read(&installed).is_ok_and(|copy| copy == lock) {
        return Ok(());
    }
    say::timed("installing the browser driver (npm ci in tests/e2e)", || {
        let mut npm = command(places, "npm");
        npm.current_dir(&folder).args(["ci", "--ignore-scripts", "--no-fund", "--no-audit"]);
        crate::command::run_quietly(&mut npm, Duration::from_secs(600))?;
        std::fs::write(&installed, &lock).with_context(|| format!("cannot write {}", installed.display()))
    })
}
