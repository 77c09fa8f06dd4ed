//! Any bytes give a network or an error, soon.

mod common;

use std::time::{Duration, Instant};

use common::golden;
use innspect_formats::{FileKind, FormatError, ModelFiles, onnx, read_labels, read_model, sniff};

const SEEDS: &[&str] =
    &["plain", "residual", "depthwise", "concat", "squeeze_excite", "ops/nhwc_network", "ops/shape_arithmetic_resize"];

/// Larger ones, which get fewer mutants.
const LARGE_SEEDS: &[&str] = &[
    "onnx/attention_operator",
    "onnx/contributed",
    "onnx/equations",
    "onnx/functions",
    "onnx/int4_weights",
    "onnx/masks",
    "onnx/qdq_int8",
    "onnx/qlinear_uint8",
    "onnx/vit_script_opset17",
];

/// All networks, and by what their number of mutants is divided.
fn all_seeds() -> impl Iterator<Item = (&'static str, Vec<u8>, usize)> {
    let large = LARGE_SEEDS.iter().map(|name| (*name, 10));
    SEEDS
        .iter()
        .map(|name| (*name, 1))
        .chain(large)
        .map(|(name, share)| (name, std::fs::read(golden(&format!("{name}.onnx"))).expect("a golden network"), share))
}

fn seeds() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    SEEDS.iter().map(|name| (*name, std::fs::read(golden(&format!("{name}.onnx"))).expect("a golden network")))
}

/// xorshift64*, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }
}

/// Reads and checks that it took no second, and that a network that was read can be trusted.
fn survives(bytes: Vec<u8>, what: &str) -> Result<(), FormatError> {
    let start = Instant::now();
    let result = onnx::read_any(&ModelFiles::new("mutant.onnx", bytes));
    let took = start.elapsed();
    assert!(took < Duration::from_secs(2), "{what} took {took:?}");
    let imported = result?;
    let graph = &imported.graph;
    assert_eq!(
        innspect_graph::passes::compact(graph.clone()).expect("it holds together").nodes.len(),
        graph.nodes.len()
    );
    Ok(())
}

#[test]
fn every_truncation_is_an_error() {
    for (name, bytes, _) in all_seeds() {
        for percent in 0..100 {
            let cut = bytes[..bytes.len() * percent / 100].to_vec();
            assert!(survives(cut, &format!("{name} cut to {percent} %")).is_err(), "{name} cut to {percent} % is read");
        }
    }
}

#[test]
fn flipped_bits_never_panic() {
    let mut random = Random(20_240_607);
    let (mut read, mut refused) = (0, 0);
    for (name, bytes, share) in all_seeds() {
        for round in 0..2000 / share {
            let mut mutant = bytes.clone();
            // Weights are most of a file and say little; half of the flips go to the ends, where the structure is.
            for _ in 0..=random.below(3) {
                let at = match random.below(4) {
                    0 => random.below(bytes.len().min(2000)),
                    1 => bytes.len() - 1 - random.below(bytes.len().min(1000)),
                    _ => random.below(bytes.len()),
                };
                mutant[at] ^= 1 << random.below(8);
            }
            match survives(mutant, &format!("{name}, round {round}")) {
                Ok(()) => read += 1,
                Err(_) => refused += 1,
            }
        }
    }
    // Both must happen, or the flips say nothing.
    assert!(read > 100 && refused > 100, "{read} read, {refused} refused");
}

#[test]
fn replaced_numbers_never_panic() {
    // Sizes and attributes are varints; 0, -1 and huge ones are the usual ways to break a reader.
    let mut random = Random(99);
    for (name, bytes, share) in all_seeds() {
        for round in 0..1000 / share {
            let mut mutant = bytes.clone();
            let at = random.below(bytes.len());
            let replacement: &[u8] = match random.below(4) {
                0 => &[0],
                1 => &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
                2 => &[0xff, 0xff, 0xff, 0xff, 0x07],
                _ => &[0x80, 0x80, 0x40],
            };
            mutant.splice(at..(at + 1 + random.below(2)).min(bytes.len()), replacement.iter().copied());
            let _ = survives(mutant, &format!("{name}, replacement {round}"));
        }
    }
}

#[test]
fn foreign_files_are_named_with_what_to_do() {
    let zip = |entry: &str| {
        [b"PK\x03\x04\x14\0\0\0\0\0".as_slice(), &[0; 16], &[entry.len() as u8, 0, 0, 0], entry.as_bytes()].concat()
    };
    let safetensors = [&40u64.to_le_bytes()[..], b"{\"weight\":{\"dtype\":\"F32\",\"shape\":[1]}}  "].concat();
    let cases: Vec<(Vec<u8>, FileKind, &str)> = vec![
        (vec![], FileKind::Empty, "an empty file"),
        (b"<!DOCTYPE html>\n<html><head>".to_vec(), FileKind::Html, "a web page"),
        (b"\xef\xbb\xbf  <html lang=en>".to_vec(), FileKind::Html, "a web page"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n".to_vec(),
            FileKind::GitLfs,
            "a Git LFS pointer, not the file itself",
        ),
        (zip("weight.npy"), FileKind::Npz, "a NumPy archive"),
        (b"\x08\x01\x12\x04\x0a\x02\x12\x00".to_vec(), FileKind::SavedModel, "the graph of a TensorFlow SavedModel"),
        (b"\x93NUMPY\x01\0".to_vec(), FileKind::Npy, "a NumPy array"),
        (b"{\"a\": 1}".to_vec(), FileKind::Json, "a JSON file"),
        (b"\x89PNG\r\n\x1a\n".to_vec(), FileKind::Png, "a PNG picture"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF".to_vec(), FileKind::Jpeg, "a JPEG picture"),
        (b"RIFF\0\0\0\0WEBPVP8 ".to_vec(), FileKind::WebP, "a WebP picture"),
        (b"GIF89a".to_vec(), FileKind::Gif, "a GIF picture"),
        (b"BM\x36\0\0\0\0\0\0\0\x36\0".to_vec(), FileKind::Bmp, "a BMP picture"),
        (b"\0\0\0\x1cftypavif\0\0\0\0".to_vec(), FileKind::Avif, "an AVIF picture"),
        (b"\0\0\0\x18ftypheic\0\0\0\0".to_vec(), FileKind::Heic, "a HEIC picture"),
        (b"II*\0\x08\0".to_vec(), FileKind::Tiff, "a TIFF picture"),
        (b"<?xml version=\"1.0\"?><svg xmlns=\"\">".to_vec(), FileKind::Svg, "an SVG drawing"),
        (b"%PDF-1.7".to_vec(), FileKind::Pdf, "a PDF document"),
        (b"\x1f\x8b\x08\0".to_vec(), FileKind::Gzip, "a gzip archive"),
        ("tench\ngoldfish\nGroßer Weißer Hai\n".as_bytes().to_vec(), FileKind::Text, "a text file"),
        (vec![0xde, 0xad, 0xbe, 0xef, 0x00, 0x01], FileKind::Unknown, "unknown format"),
    ];
    for (bytes, kind, words) in cases {
        assert_eq!(sniff(&bytes), kind, "{words}");
        let error = read_model(&ModelFiles::new("model.onnx", bytes)).expect_err(words);
        assert!(error.what().contains(words), "{}", error.what());
        assert!(error.what().starts_with("model.onnx is ") && error.what().ends_with('.'), "{}", error.what());
        assert!(!error.advice().is_empty(), "{words}");
    }
    // These have readers, which say what is wrong.
    for (bytes, kind) in [
        (zip("model.weights.h5"), FileKind::Keras),
        (b"\x89HDF\r\n\x1a\n\0\0".to_vec(), FileKind::Hdf5),
        (b"\x80\x02}q\0X\x05\0\0\0state".to_vec(), FileKind::Pickle),
        (zip("archive/data.pkl"), FileKind::TorchZip),
        (zip("readme.md"), FileKind::Zip),
        (b"\x1c\0\0\0TFL3\x14\0".to_vec(), FileKind::TfLite),
    ] {
        assert_eq!(sniff(&bytes), kind);
        let error = read_model(&ModelFiles::new("model.onnx", bytes)).expect_err("it is cut off");
        assert!(matches!(error, FormatError::Damaged { .. }), "{}", error.what());
    }
    assert_eq!(sniff(&safetensors), FileKind::Safetensors);
    for (name, bytes) in seeds() {
        assert_eq!(sniff(&bytes), FileKind::Onnx, "{name}");
        // A cut file is still an ONNX file, and the reader says that it is damaged.
        assert_eq!(sniff(&bytes[..bytes.len() / 2]), FileKind::Onnx, "{name}");
    }
}

#[test]
fn lists_of_names_are_read() {
    let names = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect::<Vec<_>>();
    let good: &[(&[u8], &[&str])] = &[
        (b"tench\ngoldfish\r\nwhite shark\n", &["tench", "goldfish", "white shark"]),
        (b"\xef\xbb\xbftench\n", &["tench"]),
        (b"[\"tench\", \"goldfish\"]", &["tench", "goldfish"]),
        (b"{\"1\": [\"n01443537\", \"goldfish\"], \"0\": [\"n01440764\", \"tench\"]}", &["tench", "goldfish"]),
        (b"{\"goldfish\": 1, \"tench\": 0}", &["tench", "goldfish"]),
        (b"{\"labels\": [\"a\", \"b\"]}", &["a", "b"]),
        (b"index,name\n1,goldfish\n0,\"tench, Tinca tinca\"\n", &["tench, Tinca tinca", "goldfish"]),
        (b"0: tench\n1: goldfish", &["tench", "goldfish"]),
        (b"1 tench\n2 goldfish", &["tench", "goldfish"]),
    ];
    for (bytes, expected) in good {
        assert_eq!(read_labels(bytes), Ok(names(expected)), "{}", String::from_utf8_lossy(bytes));
    }
    let bad: &[&[u8]] = &[
        b"",
        b" \n ",
        b"\xff\xfe",
        b"[1, 2]",
        b"{\"0\": \"a\", \"2\": \"b\"}",
        b"{\"a\": {\"b\": {\"c\": 1}}}",
        b"[\"a\"",
        b"[]",
    ];
    for bytes in bad {
        assert!(read_labels(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
    }
}
