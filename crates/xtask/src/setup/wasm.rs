//! A Rust toolchain that compiles for the browser.
//!
//! What counts is a test: a small library is compiled and linked for `wasm32-unknown-unknown`. The person's own
//! toolchain is tried first, then Debian's, then `rustup target add`, and last Debian's compiler is installed and its
//! standard library built from the source that Debian ships with it.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use super::debian::{self, Package};
use crate::{
    command::{capture, command, run, run_quietly, which},
    places::Places,
    say,
};

/// The target.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// The name under which rustup knows Debian's compiler.
const DEBIAN: &str = "web";
/// Debian's package of LLVM's linker, and the command in it.
const LINKER: &str = "lld-22";
/// Where Debian's compiler has its parts.
const DEBIAN_ROOT: &str = "/usr";

/// Which of rustup's toolchains compiles for the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The one that is active anyway.
    Active,
    /// Debian's `rustc-web`, linked into rustup.
    Debian,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Active => "the active Rust toolchain",
            Self::Debian => "Debian's rustc-web (rustup toolchain `web`)",
        })
    }
}

impl Toolchain {
    /// Makes a child and the tools that it calls use this toolchain.
    pub fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match self {
            Self::Active => command,
            Self::Debian => command.env("RUSTUP_TOOLCHAIN", DEBIAN),
        }
    }
}

/// The toolchain, installed if there is none.
pub fn ensure(places: &Places) -> Result<Toolchain> {
    if let Some(toolchain) = find(places)? {
        return Ok(toolchain);
    }
    let rustup = which(places, "rustup").is_some();
    if rustup {
        let added = say::timed(format_args!("rustup target add {TARGET}"), || {
            run_quietly(command(places, "rustup").args(["target", "add", TARGET]), Duration::from_secs(300))
        });
        match added {
            Ok(()) if works(places, Toolchain::Active)? => return Ok(Toolchain::Active),
            Ok(()) => say::line("the target was added, but a test library does not compile for it"),
            Err(error) => say::line(format_args!("rustup has no {TARGET} here: {error:#}")),
        }
    }
    if !rustup || !debian::available(places) {
        bail!("Rust cannot compile for {TARGET}: run `rustup target add {TARGET}`");
    }
    from_debian(places)?;
    if !works(places, Toolchain::Debian)? {
        bail!(
            "Debian's rustc-web is installed with a standard library for {TARGET}, but a test library does not compile"
        );
    }
    Ok(Toolchain::Debian)
}

/// The toolchain, if one works already.
fn find(places: &Places) -> Result<Option<Toolchain>> {
    for toolchain in [Toolchain::Active, Toolchain::Debian] {
        if works(places, toolchain)? {
            return Ok(Some(toolchain));
        }
    }
    Ok(None)
}

/// Whether a library compiles and links. A standard library left over from an older compiler fails here.
fn works(places: &Places, toolchain: Toolchain) -> Result<bool> {
    let folder = places.cache.join("probe");
    let source = folder.join("probe.rs");
    write(&source, "#[unsafe(no_mangle)] pub extern \"C\" fn probe() -> usize { String::from(\"probe\").len() }\n")?;
    let mut rustc = command(places, "rustc");
    toolchain
        .apply(&mut rustc)
        .args(["--edition", "2024", "--crate-type", "cdylib", "--target", TARGET, "-o"])
        .arg(folder.join("probe.wasm"))
        .arg(&source);
    Ok(run_quietly(&mut rustc, Duration::from_secs(120)).is_ok())
}

/// Installs Debian's compiler, tells rustup of it and builds its standard library for the browser.
fn from_debian(places: &Places) -> Result<()> {
    debian::ensure(
        places,
        [
            Package { name: "rustc-web", purpose: "a Rust compiler for the browser" },
            Package { name: "cargo-web", purpose: "its cargo" },
            Package { name: "rust-web-src", purpose: "the source of its standard library" },
            Package { name: LINKER, purpose: "its linker" },
        ],
    )?;
    run_quietly(command(places, "rustup").args(["toolchain", "link", DEBIAN, DEBIAN_ROOT]), Duration::from_secs(60))?;
    linker(places)?;
    say::timed(format_args!("building the standard library for {TARGET}"), || standard_library(places))
}

/// Puts LLVM's linker where Debian's compiler looks for it under the name of rustup's copy.
fn linker(places: &Places) -> Result<()> {
    let linker = which(places, LINKER).with_context(|| format!("{LINKER} is installed without its command"))?;
    let folder = PathBuf::from(debian_rustc(places, &["--print", "target-libdir"])?.trim()).join("../bin");
    let link = folder.join("rust-lld");
    if link.exists() {
        return Ok(());
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    run(command(places, "ln").arg("-sf").arg(linker).arg(link))
}

/// What Debian's compiler answers.
fn debian_rustc(places: &Places, arguments: &[&str]) -> Result<String> {
    let rustc = Path::new(DEBIAN_ROOT).join("bin/rustc");
    capture(command(places, rustc).env_remove("RUSTUP_TOOLCHAIN").args(arguments))
}

/// Builds std from source with an empty crate and puts it where the compiler looks.
fn standard_library(places: &Places) -> Result<()> {
    let folder = places.cache.join("std");
    write(
        &folder.join("Cargo.toml"),
        "[package]\nname = \"stdseed\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n",
    )?;
    write(&folder.join("src/lib.rs"), "#![no_std]\n")?;
    let built = folder.join("target");
    fs::remove_dir_all(&built).ok();
    let bin = Path::new(DEBIAN_ROOT).join("bin");
    let mut cargo = command(places, bin.join("cargo"));
    cargo
        .current_dir(&folder)
        .env("RUSTC", bin.join("rustc"))
        // Debian's compiler is a stable one; building its own library is the one thing that needs this.
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTUP_TOOLCHAIN")
        .args(["build", "--quiet", "--release", "--target", TARGET])
        .arg("-Zbuild-std=std,panic_abort,panic_unwind,proc_macro,test")
        .arg("--target-dir")
        .arg(&built);
    run(&mut cargo)?;

    let libraries = PathBuf::from(debian_rustc(places, &["--print", "target-libdir", "--target", TARGET])?.trim());
    fs::create_dir_all(&libraries).with_context(|| format!("cannot make {}", libraries.display()))?;
    // Two versions of a crate side by side would be an ambiguity.
    for old in files(&libraries)?.iter().filter(|file| is_library(file)) {
        fs::remove_file(old).with_context(|| format!("cannot remove {}", old.display()))?;
    }
    let parts = built.join(TARGET).join("release/deps");
    let mut copied = 0;
    for part in files(&parts)?.iter().filter(|file| is_library(file)) {
        let Some(name) = part.file_name() else {
            continue;
        };
        if name.to_string_lossy().contains("stdseed") {
            continue;
        }
        fs::copy(part, libraries.join(name)).with_context(|| format!("cannot copy {}", part.display()))?;
        copied += 1;
    }
    if copied == 0 {
        bail!("the build left no library in {}", parts.display());
    }
    fs::remove_dir_all(&built).ok();
    Ok(())
}

fn is_library(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "rlib")
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn write(file: &Path, text: &str) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
