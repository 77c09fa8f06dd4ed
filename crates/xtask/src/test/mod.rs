//! `cargo xtask test`: everything that CI runs, as named steps with their counts and times.
//!
//! A step that fails does not stop the ones after it, so that one run tells everything; a step that cannot run because
//! of an earlier failure counts as failed.

mod counts;
mod end_to_end;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    check,
    command::{cargo, watch},
    places::Places,
    say, setup, site,
};
use counts::Counts;

/// One step.
struct Step {
    /// What `--only` takes.
    name: &'static str,
    /// One line on what it does.
    about: &'static str,
    /// Does it.
    run: fn(&Places) -> Result<Counts>,
}

/// All of them, in order: what fails fast comes first.
const STEPS: &[Step] = &[
    Step { name: "setup", about: "install what is missing", run: |places| setup::everything(places).map(plain) },
    Step { name: "format", about: "cargo fmt --check", run: |places| check::formatting(places).map(plain) },
    Step { name: "lints", about: "cargo clippy, warnings are errors", run: |places| check::lints(places).map(plain) },
    Step { name: "docs", about: "cargo doc, warnings are errors", run: |places| check::docs(places).map(plain) },
    Step { name: "native", about: "unit, property, golden and GPU tests", run: native },
    Step { name: "doctests", about: "examples in the documentation", run: doctests },
    Step { name: "site", about: "the release site", run: |places| site::build(places).map(plain) },
    Step { name: "e2e", about: "the built site in Chromium, on both devices", run: end_to_end::scenarios },
];

/// How a step went.
struct Outcome {
    name: &'static str,
    counts: Counts,
    error: Option<anyhow::Error>,
    time: Duration,
}

/// Runs the steps that the arguments choose; the exit code says whether all is well.
pub fn run(places: &Places, arguments: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let chosen: Vec<&Step> = match words.as_slice() {
        [] => STEPS.iter().collect(),
        ["--list"] => {
            STEPS.iter().for_each(|step| println!("{:10} {}", step.name, step.about));
            return Ok(ExitCode::SUCCESS);
        }
        ["--only", name] => {
            let found: Vec<_> = STEPS.iter().filter(|step| step.name == *name).collect();
            if found.is_empty() {
                bail!("there is no step {name:?}; `cargo xtask test --list` names them");
            }
            found
        }
        _ => bail!("test takes --list, --only STEP or nothing"),
    };

    let start = Instant::now();
    let mut outcomes = Vec::new();
    for step in chosen {
        say::line(format_args!("{}: {} …", step.name, step.about));
        let begun = Instant::now();
        let (mut counts, error) = match (step.run)(places) {
            Ok(counts) => (counts, None),
            Err(error) => (Counts::default(), Some(error)),
        };
        if let Some(error) = &error {
            say::line(format_args!("{}: {error:#}", step.name));
            // A failure without a failed test, such as a program that does not compile, counts as one.
            counts.failed = counts.failed.max(1);
        }
        outcomes.push(Outcome { name: step.name, counts, error, time: begun.elapsed() });
    }

    println!();
    let mut total = Counts::default();
    for Outcome { name, counts, error, time } in &outcomes {
        let fine = error.is_none() && counts.failed == 0;
        let result = if fine { "ok" } else { "FAILED" };
        let tests = if *counts == Counts::default() { String::new() } else { counts.to_string() };
        println!("{name:10} {:>12}  {result:7} {tests}", say::duration(*time));
        total += *counts;
    }
    println!("{:10} {:>12}\n", "in all", say::duration(start.elapsed()));
    println!("{total}");
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A step that is no test suite.
fn plain((): ()) -> Counts {
    Counts::default()
}

/// All native tests. The GPU tests among them run on whatever Vulkan driver there is; setup installs Mesa's lavapipe.
fn native(places: &Places) -> Result<Counts> {
    cargo_test(places, &["--lib", "--bins", "--tests"])
}

fn doctests(places: &Places) -> Result<Counts> {
    cargo_test(places, &["--doc"])
}

fn cargo_test(places: &Places, selection: &[&str]) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut test = cargo(places);
    test.args(["test", "--no-fail-fast"]).args(check::WHOLE).args(selection);
    let fine = watch(&mut test, |line| counts += Counts::of_cargo(line).unwrap_or_default())?;
    if !fine && counts.failed == 0 {
        bail!("cargo test failed without a failed test: the tests do not compile, or one of their programs was ended");
    }
    Ok(counts)
}
