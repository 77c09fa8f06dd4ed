//! Formatting, lints and docs, each as a function that says whether it is fine.

use anyhow::{Context as _, Result};

use crate::{
    command::{cargo, run},
    places::Places,
    say,
};

/// The selection of every native cargo call: the same crates and features each time, as another selection gives shared
/// dependencies other features and compiles burn once more.
pub const WHOLE: [&str; 3] = ["--workspace", "--features", "xtask/models"];

/// `cargo xtask check`.
pub fn everything(places: &Places) -> Result<()> {
    say::timed("formatting, lints and docs", || {
        formatting(places)?;
        lints(places)?;
        docs(places)
    })
}

/// `cargo fmt --check`; names the files, not the thousand lines of their differences.
pub fn formatting(places: &Places) -> Result<()> {
    run(cargo(places).args(["fmt", "--all", "--", "--check", "-l"]))
        .context("these files are not formatted: run `cargo fmt --all`")?;
    // A workspace of its own, which `--all` does not reach.
    let train = ["fmt", "--manifest-path", "crates/train/Cargo.toml"];
    run(cargo(places).args(train).args(["--", "--check", "-l"]))
        .with_context(|| format!("these files are not formatted: run `cargo {}`", train.join(" ")))
}

/// clippy over the whole workspace with every warning an error.
///
/// The page and the worker are linted as native crates: their code is the same, their dependencies are then the ones that
/// the native crates need anyway, and no second half hour of checking for the browser's target is spent. What only the
/// browser's target compiles is seen by the compiler when the site is built.
pub fn lints(places: &Places) -> Result<()> {
    run(cargo(places).args(["clippy", "--quiet"]).args(WHOLE).args(["--all-targets", "--", "-D", "warnings"]))
}

/// rustdoc with every warning an error: a broken link is one.
pub fn docs(places: &Places) -> Result<()> {
    run(cargo(places)
        .env("RUSTDOCFLAGS", "-D warnings")
        .args(["doc", "--quiet"])
        .args(WHOLE)
        .args(["--no-deps", "--document-private-items"]))
}
