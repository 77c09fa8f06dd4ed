//! `innspect`: the engine from a terminal.
//!
//! Every subcommand is a module; `model` and `input` load what they work on. Exit status 0, or 2 with one line on
//! standard error.

mod args;
mod disk;
mod evaluate;
mod explain;
mod failure;
mod input;
mod inspect;
mod methods;
mod model;
mod output;
mod predict;
mod question;
mod scan;

use clap::Parser as _;

use crate::{
    args::{Command, ModelChoice},
    failure::Failure,
};

fn main() -> std::process::ExitCode {
    let arguments = match args::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            // clap spreads its complaint over lines above the usage.
            let text = error.to_string();
            let lines: Vec<&str> = text
                .lines()
                .map(str::trim)
                .take_while(|line| !line.starts_with("Usage:"))
                .filter(|line| !line.is_empty())
                .collect();
            eprintln!("innspect: {}; see innspect --help", lines.join(" ").trim_start_matches("error: "));
            return 2.into();
        }
        Err(help) => {
            print!("{help}");
            return 0.into();
        }
    };
    match run(arguments) {
        Ok(()) => 0.into(),
        Err(failure) => {
            eprintln!("innspect: {failure}");
            2.into()
        }
    }
}

fn run(arguments: args::Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Methods { json } => methods::run(json),
        Command::Inspect { model, architecture, json } => inspect::run(&ModelChoice { model, architecture }, json),
        Command::Predict(options) => predict::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Evaluate(options) => evaluate::run(&options),
        Command::Scan(options) => scan::run(&options),
    }
}
