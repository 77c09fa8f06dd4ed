//! `cargo xtask …`: every step that a person or CI takes, as one small program.
//!
//! `setup` installs what is missing, `build` makes the site in `dist/`, `serve` shows it, `check` and `test` are what CI
//! runs. Steps call ordinary tools (cargo, Trunk, node) as children and say in one line each what they do.

#![forbid(unsafe_code)]

use std::{env, process::ExitCode};

use anyhow::{Result, bail};

mod bench;
mod check;
mod command;
mod models;
mod montage;
#[cfg(feature = "models")]
mod photos;
mod places;
mod say;
mod setup;
mod site;
mod test;

use places::Places;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  serve [--port N] [--host ADDRESS] [--base /path/] [--dir DIR] [--no-build]
                     build the site if its sources changed, then serve it and print the address
  build              install what the build needs, build the release site into dist/
  test [--only STEP] everything CI runs; --only runs one step, --list names them
  check              formatting, lints and docs
  bench [--quick] [--only forward|memory|webgpu|sizes|visit] [--write]
                     measure the built site in Chromium, beside onnxruntime-web; --write puts it into BENCHMARKS.md
  montage            make docs/methods.jpg, every method on one photo for the built-in networks
  setup              install everything that building and testing need
  models [--only networks|photos|digits]
                     make the built-in networks, photos and digits in models/ anew
  train [--check]    train the networks for the digits in models/digits/ anew; --check tries a short round, keeps nothing
  post-build         (called by Trunk) finish a built site: hashes of inline scripts, service worker";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let Some((command, rest)) = arguments.split_first() else {
        bail!("no command given\n\n{USAGE}");
    };
    let places = Places::find()?;
    match command.as_str() {
        "setup" => setup::everything(&places)?,
        "build" => site::build(&places)?,
        "serve" => site::serve(&places, rest)?,
        "post-build" => site::post_build(&places)?,
        "models" => models::run(&places, rest)?,
        "train" => models::train(&places, rest)?,
        "check" => check::everything(&places)?,
        "test" => return test::run(&places, rest),
        "bench" => return bench::run(&places, rest),
        "montage" => montage::everything(&places)?,
        "help" | "--help" | "-h" => println!("{USAGE}"),
        other => bail!("there is no command {other:?}\n\n{USAGE}"),
    }
    Ok(ExitCode::SUCCESS)
}
