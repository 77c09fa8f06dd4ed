//! The lists of what is read are those of the readers, and the documentation is made from them.

use std::{collections::BTreeSet, fmt::Write as _, path::Path};

use innspect_formats::support::{Names, formats, names};

/// The names that the arms of a `match`, or the pattern of an `if let`, take in a part of a source text.
fn arms<'a>(source: &'a str, from: &str, to: &str) -> BTreeSet<&'a str> {
    let start = source.find(from).unwrap_or_else(|| panic!("{from:?} is gone"));
    let part = &source[start..];
    let part = &part[..part.find(to).unwrap_or_else(|| panic!("{to:?} is gone"))];
    let literals = |text: &'a str| -> Vec<&'a str> { text.split('"').skip(1).step_by(2).collect() };
    let (mut found, mut open) = (BTreeSet::new(), Vec::new());
    for line in part.lines().map(str::trim) {
        let pattern = match line.split_once("if let \"") {
            Some((_, _)) => {
                let start = line.find('"').unwrap_or_default();
                found.extend(literals(line[start..].split(" = ").next().unwrap_or_default()));
                continue;
            }
            None if line.starts_with('"') || line.starts_with("| \"") => line,
            None => {
                open.clear();
                continue;
            }
        };
        let end = pattern.find("=>").map(|end| pattern.find(" if ").map_or(end, |guard| guard.min(end)));
        open.extend(literals(&pattern[..end.unwrap_or(pattern.len())]));
        if end.is_some() {
            found.extend(open.drain(..));
        }
    }
    found
}

/// All parts of the source that know names, each with the title of the list it belongs to and names that are known
/// elsewhere.
fn dispatched() -> Vec<(&'static str, BTreeSet<&'static str>)> {
    let ops = include_str!("../src/onnx/ops/mod.rs");
    let layers = include_str!("../src/keras/layers.rs");
    let activations = include_str!("../src/keras/activations.rs");
    let tflite = include_str!("../src/tflite/operators.rs");
    let tfjs = include_str!("../src/tfjs/operations.rs");
    let with = |mut found: BTreeSet<&'static str>, more: &[&'static str]| {
        found.extend(more);
        found
    };
    let join = |sets: &[BTreeSet<&'static str>]| sets.iter().flatten().copied().collect::<BTreeSet<_>>();
    let is_layer = |name: &&str| name.starts_with(char::is_uppercase);
    let identities: Vec<&str> = {
        let list = layers.split("const IDENTITIES").nth(1).expect("the list").split("];").next().unwrap_or_default();
        list.split('"').skip(1).step_by(2).collect()
    };
    let keras = join(&[
        arms(layers, "fn convert(", "\n}\n").into_iter().filter(is_layer).collect(),
        arms(activations, "fn layer(", "\n}\n").into_iter().filter(is_layer).collect(),
        // Models, the picture, and a layer of InceptionResNetV2.
        BTreeSet::from(["Functional", "InputLayer", "Sequential", "CustomScaleLayer"]),
        identities.into_iter().collect(),
    ]);
    let without = |mut found: BTreeSet<&'static str>, less: &[&str]| {
        found.retain(|name| !less.contains(name));
        found
    };
    vec![
        ("Layers of Keras", without(keras, &["Lambda"])),
        ("Functions of Keras", arms(activations, "fn named(", "\n}\n")),
        ("Operations of Keras", arms(layers, "fn operator(", "\n}\n")),
        ("Operators of ONNX", with(arms(ops, "pub(crate) fn convert(", "\n}\n"), &["If"])),
        (
            "Operators of ONNX on constants",
            with(
                arms(include_str!("../src/onnx/fold/mod.rs"), "let result = match op {", "\n    };\n"),
                &["Constant", "Mod"],
            ),
        ),
        ("Operators of onnxruntime", arms(ops, "fn contributed(", "\n}\n")),
        (
            "Operators of TensorFlow Lite",
            join(&[
                arms(tflite, "pub fn write(", "\n    }\n"),
                arms(tflite, "fn shape(&", "\n    }\n"),
                arms(tflite, "fn function(", "\n}\n"),
            ]),
        ),
        (
            "Operations of TensorFlow.js graph models",
            with(
                join(&[
                    arms(tfjs, "pub fn write(", "\n    }\n")
                        .into_iter()
                        .filter(|name| !name.starts_with("DT_"))
                        .collect(),
                    arms(tfjs, "fn shape(&", "\n    }\n"),
                    arms(tfjs, "fn function(", "\n}\n"),
                    arms(tfjs, "fn pairwise(", "\n}\n"),
                ]),
                &["Const", "NoOp", "Placeholder", "PlaceholderWithDefault"],
            ),
        ),
    ]
}

#[test]
fn the_lists_have_what_the_readers_know() {
    let lists = names();
    for (title, known) in dispatched() {
        let list = lists.iter().find(|list| list.title == title).unwrap_or_else(|| panic!("no list {title:?}"));
        let listed: BTreeSet<&str> = list.names.iter().copied().collect();
        let missing: Vec<_> = known.difference(&listed).collect();
        let extra: Vec<_> = listed.difference(&known).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "{title} in src/support/lists.rs: add {missing:?}, remove {extra:?}"
        );
        assert!(known.len() > 5, "{title}: {known:?}");
    }
}

/// A link target for a heading, as GitHub makes it.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-'));
    kept.map(|char| if char == ' ' { '-' } else { char.to_ascii_lowercase() }).collect()
}

/// The document with all lists.
fn document() -> String {
    let mut text = String::from(
        "# What is read\n\nMade from `crates/formats/src/support` by its tests: `INNSPECT_WRITE_FORMATS=1 cargo test -p \
         innspect-formats --test support`.\nFiles are told by content, not by name. Only image classifiers are read: one \
         picture in, one score per class out. Code in a file is never run.\n",
    );
    for format in formats() {
        let files = format.extensions.join(", ");
        write!(
            text,
            "\n## {}\n**Files:** {files}. **Versions:** {}.\n\n{}\n\n**Not read:** {}\n",
            format.name, format.versions, format.reads, format.leaves
        )
        .expect("memory");
    }
    for Names { title, note, names } in names() {
        write!(text, "\n## {title}\n").expect("memory");
        if !note.is_empty() {
            write!(text, "{note}\n\n").expect("memory");
        }
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        writeln!(text, "{}", names.join(", ")).expect("memory");
    }
    text
}

/// The short table.
fn table() -> String {
    let mut text = String::from("| Format | Files | Versions | Not read |\n|---|---|---|---|\n");
    for format in formats() {
        let link = format!("[{}](docs/formats.md#{})", format.name, anchor(format.name));
        let leaves = format.leaves.trim_end_matches('.');
        writeln!(text, "| {link} | {} | {} | {leaves} |", format.extensions.join(", "), format.versions)
            .expect("memory");
    }
    let links: Vec<String> =
        names().iter().map(|list| format!("[{}](docs/formats.md#{})", list.title, anchor(list.title))).collect();
    write!(text, "\nBy name: {}.\n", links.join(", ")).expect("memory");
    text
}

const MARKERS: [&str; 2] = ["<!-- formats -->\n", "<!-- /formats -->"];

#[test]
fn the_documentation_is_made_from_the_lists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap_or_default();
    let readme = read("README.md");
    let (before, rest) = readme.split_once(MARKERS[0]).expect("README.md has the first marker");
    let (_, after) = rest.split_once(MARKERS[1]).expect("README.md has the second marker");
    let wanted = [
        ("docs/formats.md", document()),
        ("README.md", format!("{before}{}{}{}{after}", MARKERS[0], table(), MARKERS[1])),
    ];
    for (file, text) in wanted {
        if std::env::var_os("INNSPECT_WRITE_FORMATS").is_some() {
            std::fs::write(root.join(file), text).expect("it can be written");
        } else {
            assert!(
                read(file) == text,
                "{file} is old: INNSPECT_WRITE_FORMATS=1 cargo test -p innspect-formats --test support"
            );
        }
    }
}
