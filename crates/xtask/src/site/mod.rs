//! The site: built by Trunk into `dist/`, finished by [`post_build`], served by [`serve`].

mod files;
mod fresh;
mod policy;
mod server;
mod service_worker;
mod sizes;

use std::{env, fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::{
    command::{command, run},
    places::Places,
    say,
    setup::{self, Toolchain},
};

/// Installs what the build needs and builds the site.
pub fn build(places: &Places) -> Result<()> {
    let toolchain = setup::for_site(places)?;
    build_with(places, toolchain)
}

/// Builds the site with a toolchain that is there.
pub fn build_with(places: &Places, toolchain: Toolchain) -> Result<()> {
    // Taken before the build, so that an edit made meanwhile is not missed.
    let stamp = fresh::Stamp::of(places)?;
    say::timed("building the site (Trunk, release)", || {
        let mut trunk = command(places, "trunk");
        toolchain.apply(&mut trunk).args(["build", "--offline", "--release"]);
        // The hook in Trunk.toml calls this program: this very one, not one compiled anew by the other toolchain.
        trunk.env("INNSPECT_XTASK", env::current_exe().context("cannot find the running xtask")?);
        // Trunk takes NO_COLOR for a flag of its own that wants `true` or `false`.
        trunk.env_remove("NO_COLOR");
        run(&mut trunk)
    })?;
    // Trunk's lock against a second Trunk; nobody needs to host it.
    fs::remove_file(places.dist().join(".trunk-lock")).ok();
    stamp.write(places)?;
    sizes::print(places)
}

/// Finishes a site that Trunk has built; Trunk's `post_build` hook.
///
/// Trunk hands over the folder in which it collects the site before it becomes `dist/`.
pub fn post_build(places: &Places) -> Result<()> {
    let site = env::var_os("TRUNK_STAGING_DIR").map_or_else(|| places.dist(), PathBuf::from);
    let index = site.join("index.html");
    let html = fs::read_to_string(&index)
        .with_context(|| format!("no site in {}: run `cargo xtask build`", site.display()))?;
    fs::write(&index, policy::allow_inline_scripts(&html)?)
        .with_context(|| format!("cannot write {}", index.display()))?;
    // Last: it lists every file with its content's hash.
    let summary = service_worker::write(places, &site)?;
    say::line(summary);
    Ok(())
}

/// Serves the site, built anew if its sources are newer.
pub fn serve(places: &Places, arguments: &[String]) -> Result<()> {
    let options = server::Options::parse(arguments)?;
    if options.build && options.folder.is_none() {
        if fresh::is_fresh(places)? {
            say::line("the site is up to date");
        } else {
            build(places)?;
        }
    }
    let folder = options.folder.clone().unwrap_or_else(|| places.dist());
    if !folder.join("index.html").is_file() {
        bail!("no site in {}: run `cargo xtask build`", folder.display());
    }
    server::run(&folder, &options)
}
