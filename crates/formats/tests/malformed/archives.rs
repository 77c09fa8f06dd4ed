//! Zip archives.

use crate::{Case, bytes, case, common::pack, cut, replaced};

fn zip(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let entries: Vec<(String, Vec<u8>)> =
        entries.iter().map(|(name, data)| ((*name).to_owned(), data.clone())).collect();
    pack(&entries, None)
}

/// An archive with the fields of all its entries at an offset behind the signature's version changed. The local header
/// has them two bytes before the directory.
fn with_field(archive: Vec<u8>, offset: usize, value: u8) -> Vec<u8> {
    let mut archive = archive;
    for (signature, shift) in [(b"PK\x03\x04", 0), (b"PK\x01\x02", 2)] {
        let places: Vec<usize> = (0..archive.len() - 4).filter(|&at| archive[at..].starts_with(signature)).collect();
        for at in places {
            archive[at + offset + shift] = value;
        }
    }
    archive
}

pub fn cases() -> Vec<Case> {
    let network = || bytes("plain.onnx");
    let whole = zip(&[("net/model.onnx", network()), ("net/readme.md", b"A network.".to_vec())]);
    let half = whole[..whole.len() / 2].to_vec();
    let jpeg = || b"\xff\xd8\xff\xe0\0\x10JFIF\0".to_vec();
    let pictures = zip(&[("photos/a.jpg", jpeg()), ("photos/b.JPG", jpeg()), ("photos/c.png", jpeg())]);
    let two = zip(&[("a.onnx", network()), ("b/c.tflite", bytes("tflite/plain.float.tflite"))]);
    // What the directory says is 2 GiB long and packed.
    let size = 77u32.to_le_bytes();
    let bomb = replaced(
        zip(&[("model.onnx", vec![0; 77])]),
        &[size, size].concat(),
        &[size, (1u32 << 31).to_le_bytes()].concat(),
    );
    let bomb = with_field(bomb, 8, 8);
    let checked = {
        let mut archive = whole.clone();
        archive[2000] ^= 1;
        archive
    };
    vec![
        case("a zip of pictures", "photos.zip", pictures),
        case("a zip with two networks", "both.zip", two),
        case(
            "a zip of other files",
            "report.docx",
            zip(&[("[Content_Types].xml", vec![1]), ("word/document.xml", vec![2])]),
        ),
        case("a zip of nothing", "empty.zip", zip(&[])),
        case(
            "a zip of a TensorFlow SavedModel",
            "saved.zip",
            zip(&[("saved/saved_model.pb", vec![8, 1]), ("saved/variables/variables.index", vec![0])]),
        ),
        case(
            "a zip of a TensorFlow checkpoint",
            "training.zip",
            zip(&[("cp.ckpt.index", vec![0]), ("cp.ckpt.data-00000-of-00001", vec![0])]),
        ),
        case("a zip of arrays", "weights.npz", zip(&[("arr_0.npy", b"\x93NUMPY\x01\0".to_vec())])),
        case("a zip that was cut off", "net.zip", half),
        case("a zip with a password", "net.zip", with_field(whole.clone(), 6, 1)),
        case("a zip of unknown compression", "net.zip", with_field(whole.clone(), 8, 93)),
        case("a zip with a flipped bit", "net.zip", checked),
        case("a zip bomb", "net.zip", bomb),
        case("a zip with a web page named as a network", "net.zip", zip(&[("model.onnx", b"<html><head>".to_vec())])),
        case(
            "a zip of weights and what belongs to them",
            "net.zip",
            zip(&[("model.pth", bytes("torch/optimizer.pth"))]),
        ),
        case(
            "a zip of a TensorFlow.js model without a shard",
            "web.zip",
            zip(&[("model.json", bytes("tfjs/layers/plain.k2/model.json"))]),
        ),
        case(
            "a Keras archive inside a zip, which is cut off",
            "net.zip",
            zip(&[("net.keras", cut("keras/plain.k3.keras", 50))]),
        ),
        case(
            "a zip of a network and its test data is read",
            "net.zip",
            zip(&[("net/model.onnx", network()), ("net/input.npy", bytes("plain.input.npy"))]),
        ),
        case(
            "a zip of an unpacked Keras archive without its weights",
            "net.zip",
            zip(&[
                ("net/config.json", b"{\"class_name\": \"Functional\", \"config\": {}}".to_vec()),
                ("net/metadata.json", vec![]),
            ]),
        ),
        case("a zip of a Keras archive is read", "net.zip", zip(&[("net.keras", bytes("keras/plain.k3.keras"))])),
    ]
}
