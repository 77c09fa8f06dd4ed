//! The built site in a real Chromium, driven by node's test runner; the scenarios are in `tests/e2e`.

use std::{env, fs};

use anyhow::{Context as _, Result, bail};

use super::counts::Counts;
use crate::{
    command::{command, innspect, watch},
    places::Places,
    say, setup,
};

/// Runs every scenario file, one after the other: two browsers at once would disturb each other's times.
pub fn scenarios(places: &Places) -> Result<Counts> {
    let site = places.dist();
    if !site.join("sw.js").is_file() {
        bail!("no site in {}: run `cargo xtask build`", site.display());
    }
    setup::for_tests(places)?;
    let chromium = setup::chromium(places).context("no Chromium; set CHROMIUM to one")?;
    let folder = places.root.join("tests/e2e");
    let results = folder.join("results");
    fs::create_dir_all(&results).with_context(|| format!("cannot make {}", results.display()))?;

    // The browser's numbers are compared with the native command's.
    let native = innspect(places)?;

    let mut counts = Counts::default();
    let mut broken = Vec::new();
    for name in files(&folder)? {
        say::line(format_args!("e2e: {name}"));
        let report = results.join(format!("{name}.tap"));
        fs::remove_file(&report).ok();
        let mut node = command(places, "node");
        node.env("INNSPECT_SITE", &site)
            .env("INNSPECT_XTASK", env::current_exe().context("cannot find the running xtask")?)
            .env("INNSPECT_CLI", &native)
            .env("CHROMIUM", &chromium)
            .args(["--test", "--test-reporter=spec", "--test-reporter-destination=stdout", "--test-reporter=tap"])
            .arg(format!("--test-reporter-destination={}", report.display()))
            .arg(folder.join(&name));
        let fine = watch(&mut node, |_| ())?;
        match fs::read_to_string(&report).ok().as_deref().and_then(Counts::of_tap) {
            Some(found) if fine == (found.failed == 0) && found != Counts::default() => counts += found,
            _ => broken.push(name),
        }
    }
    if !broken.is_empty() {
        bail!("no usable report from {}; {counts} in the others", broken.join(", "));
    }
    Ok(counts)
}

fn files(folder: &std::path::Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".test.mjs"))
        .collect();
    names.sort();
    if names.is_empty() {
        bail!("{} has no *.test.mjs", folder.display());
    }
    Ok(names)
}
