//! What files are told to be by their content, and lists of class names.

mod common;

use common::golden;
use innspect_formats::{FileKind, FormatError, ModelFiles, read_labels, read_model, sniff};

const SEEDS: &[&str] =
    &["plain", "residual", "depthwise", "concat", "squeeze_excite", "ops/nhwc_network", "ops/shape_arithmetic_resize"];

fn seeds() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    SEEDS.iter().map(|name| (*name, std::fs::read(golden(&format!("{name}.onnx"))).expect("a golden network")))
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
