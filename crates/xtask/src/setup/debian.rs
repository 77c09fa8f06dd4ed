//! Debian's packages, for root on a machine that has `apt-get`; elsewhere a line that says what is missing.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, bail};

use crate::{
    command::{capture, command, run_quietly, which},
    places::Places,
    say,
};

/// A package that is missing here.
pub struct Package {
    /// Debian's name.
    pub name: &'static str,
    /// What it is and what for.
    pub purpose: &'static str,
}

impl Package {
    /// The package, unless what it brings is there.
    pub fn unless(there: bool, name: &'static str, purpose: &'static str) -> Option<Self> {
        (!there).then_some(Self { name, purpose })
    }
}

/// Whether `folder` holds something whose name contains `part`.
pub fn holds(folder: &Path, part: &str) -> bool {
    fs::read_dir(folder)
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().contains(part)))
}

/// Whether packages can be installed: as root, with `apt-get`.
pub fn available(places: &Places) -> bool {
    which(places, "apt-get").is_some() && capture(command(places, "id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Installs the packages.
pub fn ensure(places: &Places, packages: impl IntoIterator<Item = Package>) -> Result<()> {
    let packages: Vec<Package> = packages.into_iter().collect();
    if packages.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
    if !available(places) {
        let purposes: Vec<&str> = packages.iter().map(|package| package.purpose).collect();
        bail!("missing: {}; on Debian or Ubuntu: sudo apt-get install {}", purposes.join("; "), names.join(" "));
    }
    say::timed(format_args!("installing Debian packages: {}", names.join(" ")), || {
        let install = || {
            let mut apt = command(places, "apt-get");
            apt.env("DEBIAN_FRONTEND", "noninteractive")
                .args(["install", "-y", "-q", "--no-install-recommends"])
                .args(&names);
            run_quietly(&mut apt, Duration::from_secs(1200))
        };
        // A machine that never asked has no package lists, one that asked long ago has old ones.
        let mut update = command(places, "apt-get");
        let updated = run_quietly(update.args(["update", "-q"]), Duration::from_secs(300));
        install().or_else(|error| match updated {
            Ok(()) => install(),
            Err(update) => Err(error.context(format!("`apt-get update` had failed too: {update:#}"))),
        })
    })
    .with_context(|| format!("cannot install {}", names.join(" ")))
}
