//! What a first visit downloads.

use std::fs;

use anyhow::{Context as _, Result};

use super::files;
use crate::{
    command::{command, which},
    places::Places,
    say,
};

/// Extensions of what must arrive before the page works, networks and photos apart.
const SHELL: &[&str] = &["html", "css", "js", "wasm", "json", "webmanifest", "svg", "png", "ico"];

/// One line per file of the first load, then the sum; brotli's figures where the command exists.
pub fn print(places: &Places) -> Result<()> {
    let site = places.dist();
    let brotli = which(places, "brotli").is_some();
    let (mut raw_sum, mut packed_sum) = (0, 0);
    for file in files::below(&site)? {
        let extension = file.rsplit('.').next().unwrap_or_default();
        if file.starts_with("models/") || !SHELL.contains(&extension) {
            continue;
        }
        let path = site.join(&file);
        let raw = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?.len();
        raw_sum += raw;
        if brotli {
            let mut pack = command(places, "brotli");
            let output = pack.args(["-q", "9", "-c", "--"]).arg(&path).output().context("cannot start brotli")?;
            let packed = output.stdout.len() as u64;
            packed_sum += packed;
            say::line(format_args!("  {file}: {}, brotli {}", say::bytes(raw), say::bytes(packed)));
        } else {
            say::line(format_args!("  {file}: {}", say::bytes(raw)));
        }
    }
    if brotli {
        say::line(format_args!("first load: {}, brotli {}", say::bytes(raw_sum), say::bytes(packed_sum)));
    } else {
        say::line(format_args!("first load: {} (install brotli to see it compressed)", say::bytes(raw_sum)));
    }
    Ok(())
}
