//! `cargo xtask bench`: times, counts and sizes of the built site in a real Chromium, beside onnxruntime-web. The
//! measurements are in `tests/bench`; this installs what they need and starts them.

use std::{fs, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result, bail};

use crate::{
    command::{command, run_quietly},
    places::Places,
    say, setup,
};

/// Measures; `arguments` go to `tests/bench/run.mjs`.
pub fn run(places: &Places, arguments: &[String]) -> Result<ExitCode> {
    let site = places.dist();
    if !site.join("sw.js").is_file() {
        bail!("no site in {}: run `cargo xtask build`", site.display());
    }
    setup::for_tests(places)?;
    // Without a choice all is measured.
    if !arguments.iter().any(|argument| argument.starts_with("--only"))
        || arguments.iter().any(|part| part.ends_with("large"))
    {
        setup::for_large_networks(places)?;
    }
    node_modules(places)?;
    let chromium = setup::chromium(places).context("no Chromium; set CHROMIUM to one")?;
    let status = command(places, "node")
        .env("INNSPECT_SITE", &site)
        .env("CHROMIUM", &chromium)
        .arg(places.root.join("tests/bench/run.mjs"))
        .args(arguments)
        .status()
        .context("cannot start node")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// onnxruntime-web, as locked in `tests/bench`.
fn node_modules(places: &Places) -> Result<()> {
    let folder = places.root.join("tests/bench");
    let locked = folder.join("package-lock.json");
    let installed = folder.join("node_modules/.innspect-lock");
    let lock = fs::read(&locked).with_context(|| format!("cannot read {}", locked.display()))?;
    if fs::read(&installed).is_ok_and(|copy| copy == lock) {
        return Ok(());
    }
    say::timed("installing onnxruntime-web (npm ci in tests/bench)", || {
        let mut npm = command(places, "npm");
        npm.current_dir(&folder).args(["ci", "--ignore-scripts", "--no-fund", "--no-audit"]);
        run_quietly(&mut npm, Duration::from_secs(600))?;
        fs::write(&installed, &lock).with_context(|| format!("cannot write {}", installed.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Medians, intervals and their like, which the figures stand on.
    #[test]
    fn the_statistics_are_right() {
        let places = Places::find().expect("a home folder");
        let file = places.root.join("tests/bench/statistics.test.mjs");
        run_quietly(command(&places, "node").arg("--test").arg(file), Duration::from_secs(60)).expect("node's tests");
    }
}
