//! `cargo xtask models`: makes the content of `models/` anew out of published packages.
//!
//! The results are kept in git, so building and testing never need this. It is for changing the selection, and it shows
//! where every byte comes from: the packages are fetched by name and version, the weight files in them are checked
//! against known sums, and two runs give the same bytes.
//!
//! `--keras` adds networks of keras.applications for a private deployment; they are fetched from Keras' own server.
//!
//! `cargo xtask train` trains the networks for the digits among them, by the program in `crates/train`, and writes them
//! as ONNX; `--check` does one short round and keeps nothing.
//!
//! The dependencies (archives, ONNX, pictures) would double the time that the other commands take to compile, so they
//! sit behind the feature `models`; without it, a command starts itself again with the feature.

use anyhow::Result;

use crate::places::Places;

#[cfg(feature = "models")]
mod catalog;
#[cfg(feature = "models")]
mod digits;
#[cfg(feature = "models")]
mod efficientnet;
#[cfg(feature = "models")]
mod keras;
#[cfg(feature = "models")]
mod network;
#[cfg(feature = "models")]
mod npz;
#[cfg(feature = "models")]
pub mod packages;
#[cfg(feature = "models")]
mod squeezenet;
#[cfg(feature = "models")]
mod trained;

/// Usage of the command.
#[cfg(feature = "models")]
const USAGE: &str = "usage: cargo xtask models [--only networks|photos|digits | --keras vgg16,resnet50,...]";

/// Runs the command.
#[cfg(feature = "models")]
pub fn run(places: &Places, args: &[String]) -> Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (networks, photos, digits) = match args.as_slice() {
        [] => (true, true, true),
        ["--only", "networks"] => (true, false, false),
        ["--only", "photos"] => (false, true, false),
        ["--only", "digits"] => (false, false, true),
        ["--keras", ids] => {
            let folder = places.root.join("models");
            keras::fetch(&folder, ids)?;
            return catalog::write(&folder);
        }
        _ => anyhow::bail!("{USAGE}"),
    };
    let packages = packages::Packages::new(places)?;
    let folder = places.root.join("models");
    std::fs::create_dir_all(&folder)?;
    if networks {
        squeezenet::write(&packages, &folder)?;
        efficientnet::write(&packages, &folder)?;
        catalog::write_labels(&packages, &folder)?;
    }
    if photos {
        crate::photos::write(&packages, &folder)?;
    }
    if digits {
        digits::write(&packages, &folder)?;
    }
    catalog::write(&folder)
}

/// Runs `cargo xtask train`.
#[cfg(feature = "models")]
pub fn train(places: &Places, args: &[String]) -> Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let folder = places.root.join("models");
    match args.as_slice() {
        [] => {
            trained::write(places, &folder)?;
            catalog::write(&folder)
        }
        ["--check"] => trained::check(places, &folder),
        _ => anyhow::bail!("usage: cargo xtask train [--check]"),
    }
}

/// Runs the command, by compiling it first.
#[cfg(not(feature = "models"))]
pub fn run(places: &Places, args: &[String]) -> Result<()> {
    with_feature(places, "models", args)
}

/// Runs `cargo xtask train`, by compiling it first.
#[cfg(not(feature = "models"))]
pub fn train(places: &Places, args: &[String]) -> Result<()> {
    with_feature(places, "train", args)
}

#[cfg(not(feature = "models"))]
fn with_feature(places: &Places, name: &str, args: &[String]) -> Result<()> {
    let mut cargo = crate::command::cargo(places);
    cargo.args(["run", "--quiet", "--package", "xtask", "--features", "models", "--", name]).args(args);
    crate::command::run(&mut cargo)
}
