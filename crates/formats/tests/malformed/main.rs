//! What people drop by mistake or what arrives broken, with all that is said about it.
//!
//! `tests/golden/malformed/messages.txt` pins what happened, where, and what to do; `INNSPECT_WRITE_MESSAGES=1 cargo test
//! -p innspect-formats --test malformed` writes it again. The files are made here, from the golden networks or by hand.

#[path = "../common/mod.rs"]
mod common;

mod archives;
mod foreign;
mod keras;
mod onnx;
mod tensorflow;
mod torch;

use std::{
    collections::HashSet,
    fmt::Write as _,
    time::{Duration, Instant},
};

use common::golden;
use innspect_formats::{Blob, ModelFiles, read_model};

/// A file with what was given along.
pub struct Case {
    /// Whole sentence or words that say what happened to a person.
    title: &'static str,
    files: ModelFiles,
}

/// A case of one file.
pub fn case(title: &'static str, name: &str, file: impl Into<Blob>) -> Case {
    Case { title, files: ModelFiles::new(name, file) }
}

/// The bytes of a golden file.
pub fn bytes(file: &str) -> Vec<u8> {
    std::fs::read(golden(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The first percents of a golden file.
pub fn cut(file: &str, percent: usize) -> Vec<u8> {
    let mut whole = bytes(file);
    whole.truncate(whole.len() * percent / 100);
    whole
}

/// A golden file in which some bytes, which occur in it, are others of the same number.
pub fn patched(file: &str, from: &[u8], to: &[u8]) -> Vec<u8> {
    replaced(bytes(file), from, to)
}

/// The same for any bytes.
pub fn replaced(mut whole: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> =
        (0..whole.len().saturating_sub(from.len())).filter(|&at| whole[at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "{:?} does not occur", String::from_utf8_lossy(from));
    for at in places {
        whole[at..at + to.len()].copy_from_slice(to);
    }
    whole
}

/// What is said of a file, in the form of the pinned texts.
fn said(case: &Case) -> String {
    let start = Instant::now();
    let result = read_model(&case.files);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(1), "{:?} took {took:?}", case.title);
    let mut text = format!("# {}\nfile: {}\n", case.title, case.files.name);
    let mut line = |key: &str, value: &str| {
        if !value.is_empty() {
            writeln!(text, "{key}: {value}").expect("memory");
        }
    };
    match result {
        Ok(imported) => {
            line("read", &format!("{}, {} classes", imported.format, imported.graph.classes()));
            for warning in &imported.warnings {
                line("warning", warning);
            }
        }
        Err(error) => {
            line("what", &error.what());
            line("place", &error.place());
            line("advice", &error.advice());
            assert!(!error.advice().is_empty(), "{}: no advice", case.title);
        }
    }
    text
}

#[test]
fn messages_say_what_is_wrong_and_what_to_do() {
    let cases =
        [foreign::cases(), archives::cases(), onnx::cases(), keras::cases(), tensorflow::cases(), torch::cases()];
    let cases: Vec<Case> = cases.into_iter().flatten().collect();
    assert!(cases.len() >= 100, "{} cases", cases.len());
    let titles: HashSet<&str> = cases.iter().map(|case| case.title).collect();
    assert_eq!(titles.len(), cases.len(), "two cases have one title");
    let texts: Vec<String> = cases.iter().map(said).collect();
    let path = golden("malformed/messages.txt");
    if std::env::var_os("INNSPECT_WRITE_MESSAGES").is_some() {
        std::fs::create_dir_all(golden("malformed")).expect("a folder");
        std::fs::write(&path, texts.join("\n")).expect("it can be written");
        return;
    }
    let pinned = std::fs::read_to_string(&path).unwrap_or_default();
    let pinned: Vec<&str> = pinned.split("\n\n").map(str::trim_end).collect();
    let missing: Vec<&str> = texts.iter().map(|text| text.trim_end()).filter(|text| !pinned.contains(text)).collect();
    assert!(missing.is_empty(), "not pinned in {}:\n\n{}", path.display(), missing.join("\n\n"));
    assert_eq!(pinned.len(), texts.len(), "messages are pinned of cases that are gone");
}
