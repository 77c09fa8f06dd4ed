//! Tens of thousands of damaged files of every format: each is read or refused, soon, and never panics.
//!
//! Everything is seeded, so a failure can be repeated; its message says which mutant of which file it was.

mod common;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use common::{Random, golden, pack, unpack};
use innspect_formats::{Blob, FormatError, ModelFiles, onnx, read_labels, read_model};

/// Which bytes of a seed are changed.
enum Part {
    /// The network's file.
    File,
    /// A file beside it.
    Beside(usize),
    /// An entry of the network's file, which is an archive; its checksum is made right again.
    Entry(String),
    /// A list of class names in place of a network.
    Labels,
}

struct Seed {
    name: String,
    files: ModelFiles,
    part: Part,
    /// Whether it can be read although its end is missing.
    spare: bool,
}

fn content(blob: &Blob) -> Vec<u8> {
    blob.bytes().expect("it is in memory").to_vec()
}

impl Seed {
    fn bytes(&self) -> Vec<u8> {
        match &self.part {
            Part::File | Part::Labels => content(&self.files.file),
            Part::Beside(index) => content(&self.files.beside[*index].1),
            Part::Entry(wanted) => {
                unpack(&content(&self.files.file)).into_iter().find(|(name, _)| name == wanted).expect("an entry").1
            }
        }
    }

    fn with(&self, mutant: Vec<u8>) -> ModelFiles {
        let mut files = self.files.clone();
        match &self.part {
            Part::File | Part::Labels => files.file = mutant.into(),
            Part::Beside(index) => files.beside[*index].1 = mutant.into(),
            Part::Entry(wanted) => {
                let mut entries = unpack(&content(&files.file));
                entries.iter_mut().find(|(name, _)| name == wanted).expect("an entry").1 = mutant;
                files.file = pack(&entries, None).into();
            }
        }
        files
    }

    /// Reads a mutant, and checks that a network that was read can be trusted and that an error says something.
    fn read(&self, mutant: Vec<u8>) -> Result<(), FormatError> {
        let files = self.with(mutant);
        if let Part::Labels = self.part {
            return read_labels(&content(&files.file)).map(|labels| assert!(!labels.is_empty()));
        }
        let mut result = read_model(&files);
        if files.name.ends_with(".onnx") {
            // The reader must stand on its own, whatever the file is told to be.
            result = onnx::read_any(&files);
        }
        match result {
            Ok(imported) => {
                let nodes = imported.graph.nodes.len();
                let again = innspect_graph::passes::compact(imported.graph).expect("it holds together");
                assert_eq!(again.nodes.len(), nodes);
                Ok(())
            }
            Err(error) => {
                assert!(error.what().len() > 5 && !error.advice().is_empty(), "{error:?}");
                Err(error)
            }
        }
    }
}

/// The golden files that are changed, of every format and of every way in which its parts are stored. They are small, so
/// that many mutants are read in little time.
fn seeds() -> Vec<Seed> {
    let read = |file: &str| std::fs::read(golden(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut seeds = Vec::new();
    let mut add = |file: &str, part: Part, spare: bool| {
        let name = file.rsplit('/').next().unwrap_or_default();
        let files = ModelFiles::new(name, read(file));
        seeds.push(Seed { name: file.to_owned(), files, part, spare });
    };
    for file in [
        "plain.onnx",
        "residual.onnx",
        "depthwise.onnx",
        "squeeze_excite.onnx",
        "ops/nhwc_network.onnx",
        "ops/shape_arithmetic_resize.onnx",
        "onnx/attention_operator.onnx",
        "onnx/contributed.onnx",
        "onnx/equations.onnx",
        "onnx/functions.onnx",
        "onnx/int4_weights.onnx",
        "onnx/masks.onnx",
        "onnx/qdq_int8.onnx",
        "onnx/qlinear_uint8.onnx",
        "keras/plain.k2.h5",
        "keras/plain.k3.h5",
        "keras/plain.gzip.h5",
        "keras/plain.latest.h5",
        "keras/plain.chunked.h5",
        "keras/operators.k2.h5",
        "keras/padding.k2.h5",
        "keras/shapes.k2.h5",
        "keras/plain.k3.keras",
        "tflite/plain.float.tflite",
        "tflite/plain.int8.tflite",
        "tflite/mobile.half.tflite",
        "tflite/shapes.float.tflite",
        "tflite/attention.float.tflite",
        "tflite/dilation.float.tflite",
        "torch/zip.pth",
        "torch/packed.pth",
        "torch/legacy.pth",
        "torch/nested_legacy.pth",
        "torch/views.pth",
        "torch/plain.safetensors",
        "torch/bfloat16.safetensors",
    ] {
        add(file, Part::File, false);
    }
    // Behind the network are its labels only.
    add("tflite/described.tflite", Part::File, true);
    for (file, entry, spare) in [
        ("keras/plain.k3.keras", "config.json", false),
        ("keras/plain.k3.keras", "model.weights.h5", false),
        ("keras/plain.k3.keras", "metadata.json", true),
        ("torch/zip.pth", "zip/data.pkl", false),
        ("torch/views.pth", "views/data.pkl", false),
    ] {
        add(file, Part::Entry(entry.to_owned()), spare);
    }
    let folder = |kind: &str, names: &[&str]| {
        let mut files = ModelFiles::new(names[0], read(&format!("{kind}/{}", names[0])));
        files.beside =
            names[1..].iter().map(|name| ((*name).to_owned(), read(&format!("{kind}/{name}")).into())).collect();
        files
    };
    let mut groups = vec![folder("onnx", &["external.onnx", "external.onnx.data"])];
    for kind in [
        "graph/plain",
        "graph/mobile.uint8",
        "graph/shapes",
        "graph/attention",
        "layers/plain.k2.uint16",
        "layers/separable.k3",
    ] {
        groups.push(folder(&format!("tfjs/{kind}"), &["model.json", "group1-shard1of1.bin"]));
    }
    let entry = |(name, blob): &(String, Blob)| (name.clone(), content(blob));
    let entries: Vec<_> =
        groups[1].beside.iter().map(entry).chain([("model.json".to_owned(), content(&groups[1].file))]).collect();
    let bundle = ModelFiles::new("net.zip", pack(&entries, None));
    seeds.push(Seed { name: "bundle".into(), files: bundle, part: Part::File, spare: false });
    for (index, files) in groups.into_iter().enumerate() {
        for part in [Part::File, Part::Beside(0)] {
            seeds.push(Seed {
                name: format!("{}, group {index}", files.name),
                files: files.clone(),
                part,
                spare: false,
            });
        }
    }
    for (name, text) in [
        ("names in lines", "tench\ngoldfish\ngreat white shark\n".to_owned()),
        ("names with numbers", (0..40).map(|index| format!("{index},name {index}\n")).collect()),
        ("names in JSON", "{\"0\": [\"n01440764\", \"tench\"], \"1\": [\"n01443537\", \"goldfish\"]}".to_owned()),
        ("names in a list", "{\"labels\": [\"tench\", \"goldfish\"]}".to_owned()),
    ] {
        let files = ModelFiles::new(name, text.into_bytes());
        seeds.push(Seed { name: name.into(), files, part: Part::Labels, spare: true });
    }
    seeds
}

/// Where to change: anywhere, or where the structure is, since weights are most of a file and say little.
fn place(random: &mut Random, length: usize) -> usize {
    match random.below(4) {
        0 => random.below(length.min(4000)),
        1 => length - 1 - random.below(length.min(2000)),
        _ => random.below(length),
    }
}

/// A number as lengths, counts and offsets are written: 0, all ones, the first that is negative, its neighbours, and
/// numbers near the file's length.
fn extreme(random: &mut Random, length: usize) -> u64 {
    match random.below(7) {
        0 => 0,
        1 => u64::MAX,
        2 => 1 << 31,
        3 => (1 << 31) - 1,
        4 => 1 << 63,
        5 => random.below(2 * length) as u64,
        _ => length as u64,
    }
}

/// Changes one thing.
fn change(random: &mut Random, bytes: &mut Vec<u8>, donor: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let at = place(random, bytes.len());
    let run = |random: &mut Random, length: usize| at..(at + 1 + random.below(length)).min(bytes.len());
    match random.below(12) {
        0..3 => bytes[at] ^= 1 << random.below(8),
        3 => bytes[at] = random.below(256) as u8,
        4 => {
            let (range, value) = (run(random, 64), [0, 0xff, b'A'][random.below(3)]);
            bytes[range].fill(value);
        }
        5 => {
            let range = run(random, 512);
            bytes.drain(range);
        }
        6 => {
            let block = bytes[run(random, 512)].to_vec();
            bytes.splice(at..at, block);
        }
        7 => {
            // A block of another file.
            let from = random.below(donor.len());
            let block = &donor[from..(from + 1 + random.below(256)).min(donor.len())];
            let end = (at + block.len()).min(bytes.len());
            bytes.splice(at..end, block.iter().copied());
        }
        8 => {
            // Offsets and sizes of 2, 4 and 8 bytes stand at multiples of these, mostly.
            let size = [2, 4, 8][random.below(3)];
            let at = at / size * size;
            let value = extreme(random, bytes.len()).to_le_bytes();
            let end = (at + size).min(bytes.len());
            bytes[at..end].copy_from_slice(&value[..end - at]);
        }
        9 => {
            // Variable length, as in protocol buffers.
            let mut value = extreme(random, bytes.len());
            let mut written = Vec::new();
            while value >= 0x80 {
                written.push(value as u8 | 0x80);
                value >>= 7;
            }
            written.push(value as u8);
            let range = run(random, 2);
            bytes.splice(range, written);
        }
        _ => {
            // Numbers in text.
            let Some(start) = (at..bytes.len()).take(500).find(|&at| bytes[at].is_ascii_digit()) else {
                bytes[at] = 0xff;
                return;
            };
            let end = (start..bytes.len()).find(|&at| !bytes[at].is_ascii_digit()).unwrap_or(bytes.len());
            let texts: [&[u8]; 8] =
                [b"0", b"-1", b"7", b"2147483648", b"4294967296", b"18446744073709551615", b"1e999", b"null"];
            let digit = [b'0' + random.below(10) as u8];
            let text = if random.below(2) == 0 { &digit[..] } else { texts[random.below(texts.len())] };
            bytes.splice(start..end, text.iter().copied());
        }
    }
}

/// Reads mutants and keeps count.
#[derive(Default)]
struct Tally {
    read: usize,
    refused: usize,
    worst: (Duration, String),
    panics: Vec<String>,
}

impl Tally {
    /// Whether it was read.
    fn take(&mut self, seed: &Seed, mutant: &[u8], what: &str) -> bool {
        let timed = || {
            let start = Instant::now();
            let result = catch_unwind(AssertUnwindSafe(|| seed.read(mutant.to_vec())));
            (start.elapsed(), result)
        };
        let (mut took, result) = timed();
        if took > Duration::from_secs(1) {
            // The machine may be busy.
            took = took.min(timed().0);
        }
        if took > self.worst.0 {
            self.worst = (took, format!("{}, {what}", seed.name));
        }
        match result {
            Err(_) => self.panics.push(format!("{}, {what}", seed.name)),
            Ok(Err(_)) => self.refused += 1,
            Ok(Ok(())) => {
                self.read += 1;
                return true;
            }
        }
        false
    }

    fn check(&self) {
        println!("{} read, {} refused; the slowest took {:?}: {}", self.read, self.refused, self.worst.0, self.worst.1);
        assert!(self.panics.is_empty(), "{} panics: {:#?}", self.panics.len(), self.panics);
        assert!(self.worst.0 < Duration::from_secs(1), "{} took {:?}", self.worst.1, self.worst.0);
    }
}

#[test]
fn every_truncation_is_refused() {
    let mut tally = Tally::default();
    for seed in seeds() {
        let whole = seed.bytes();
        seed.read(whole.clone()).unwrap_or_else(|error| panic!("{}: {}", seed.name, error.what()));
        for percent in 0..100 {
            let read = tally.take(&seed, &whole[..whole.len() * percent / 100], &format!("cut to {percent} %"));
            assert!(!read || seed.spare, "{} cut to {percent} % is read", seed.name);
        }
    }
    tally.check();
}

/// Mutants of each seed; the variable `INNSPECT_MUTANTS` asks for another number.
const ROUNDS: usize = 600;

#[test]
fn mutants_are_read_or_refused() {
    let seeds = seeds();
    let wholes: Vec<Vec<u8>> = seeds.iter().map(Seed::bytes).collect();
    let rounds = std::env::var("INNSPECT_MUTANTS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let mut tally = Tally::default();
    for (seed, whole) in seeds.iter().zip(&wholes) {
        let mut random = Random(20_261_124);
        for round in 0..rounds {
            let mut mutant = whole.clone();
            for _ in 0..=random.below(4) {
                let donor = &wholes[random.below(wholes.len())];
                change(&mut random, &mut mutant, donor);
            }
            tally.take(seed, &mutant, &format!("mutant {round}"));
        }
    }
    tally.check();
    assert!(tally.read + tally.refused >= 10_000);
    // Both must happen, or the changes say nothing.
    assert!(tally.read > 1000 && tally.refused > 1000, "{} read, {} refused", tally.read, tally.refused);
}
