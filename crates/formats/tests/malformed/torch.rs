//! Checkpoints of PyTorch and safetensors.

use innspect_formats::ModelFiles;
use serde_json::{Value, json};

use crate::{Case, bytes, case, common::pack, cut, patched, replaced};

/// A safetensors file with tensors of some shapes and places.
fn safetensors(header: &Value, numbers: usize) -> Vec<u8> {
    let header = header.to_string().into_bytes();
    [&(header.len() as u64).to_le_bytes()[..], &header, &vec![0; numbers]].concat()
}

fn one(title: &'static str, name: &str, dtype: &str, shape: Value, offsets: [u64; 2], numbers: usize) -> Case {
    case(
        title,
        "model.safetensors",
        safetensors(&json!({name: {"dtype": dtype, "shape": shape, "data_offsets": offsets}}), numbers),
    )
}

fn golden(title: &'static str, file: &str) -> Case {
    case(title, file, bytes(&format!("torch/{file}")))
}

/// A checkpoint in a zip with this pickle.
fn checkpoint(title: &'static str, pickle: &[u8]) -> Case {
    case(
        title,
        "model.pth",
        pack(&[("model/data.pkl".into(), pickle.to_vec()), ("model/version".into(), b"3\n".to_vec())], None),
    )
}

pub fn cases() -> Vec<Case> {
    let chosen = Case {
        title: "an architecture that does not fit",
        files: {
            let mut files = ModelFiles::new("zip.pth", bytes("torch/zip.pth"));
            files.architecture = Some("vgg16".into());
            files
        },
    };
    let unknown = Case {
        title: "an architecture that is not known",
        files: {
            let mut files = ModelFiles::new("zip.pth", bytes("torch/zip.pth"));
            files.architecture = Some("swin_t".into());
            files
        },
    };
    let header = || safetensors(&json!({"weight": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}), 8);
    vec![
        case("a checkpoint cut in half", "model.pth", cut("torch/zip.pth", 50)),
        case("an old checkpoint cut in half", "model.pth", cut("torch/legacy.pth", 50)),
        case("safetensors cut in half", "model.safetensors", cut("torch/plain.safetensors", 50)),
        case("safetensors cut in their header", "model.safetensors", cut("torch/plain.safetensors", 2)),
        golden("a whole network of PyTorch", "whole.pth"),
        golden("a whole network of old PyTorch", "whole_legacy.pth"),
        golden("a whole network in a dictionary", "whole_nested.pth"),
        golden("a TorchScript program", "script.pt"),
        golden("the state of an optimizer of PyTorch", "optimizer.pth"),
        golden("weights of a network of one's own", "own.pth"),
        golden("weights with more than torchvision's", "extra.pth"),
        golden("weights with less than torchvision's", "missing.pth"),
        golden("weights of a network that was made for small pictures", "small_kernel.pth"),
        chosen,
        unknown,
        case("a checkpoint of a big-endian machine", "model.pth", {
            let file = bytes("torch/legacy.pth");
            let at = file.windows(13).position(|window| window == b"little_endian").expect("a fact");
            let value = (at..).find(|&at| file[at] == 0x88).expect("a truth value");
            let mut file = file;
            file[value] = 0x89;
            file
        }),
        case("a pickle that asks for a program", "model.pth", b"\x80\x02cos\nsystem\nX\x02\0\0\0ls\x85R.".to_vec()),
        checkpoint("a checkpoint that asks for a program", b"\x80\x02cposix\nsystem\nX\x02\0\0\0ls\x85R."),
        checkpoint("a checkpoint that ends early", b"\x80\x02}q\0("),
        checkpoint("a checkpoint of one number", b"\x80\x02K\x05."),
        checkpoint("a checkpoint of nothing", b"\x80\x02}."),
        case(
            "a pickle of scikit-learn",
            "forest.pkl",
            b"\x80\x04csklearn.ensemble._forest\nRandomForestClassifier\n)\x81.".to_vec(),
        ),
        case(
            "a checkpoint whose archive lacks the list",
            "model.pth",
            pack(&[("model/data/0".into(), vec![0; 8]), ("model/byteorder".into(), b"little".to_vec())], None),
        ),
        case("a checkpoint whose numbers are missing", "model.pth", {
            patched("torch/zip.pth", b"/data/1", b"/data/x")
        }),
        one("safetensors of a network that is not known", "vit.encoder.layer.0.weight", "F32", json!([2]), [0, 8], 8),
        one("safetensors of a language model", "model.embed_tokens.weight", "BF16", json!([4]), [0, 8], 8),
        one("safetensors of an unknown type", "weight", "F4_E2M1", json!([2]), [0, 8], 8),
        one("safetensors of another length", "weight", "F32", json!([3]), [0, 8], 8),
        one("safetensors that end early", "weight", "F32", json!([4]), [0, 16], 8),
        one("safetensors of 2^40 rows", "weight", "F32", json!([1u64 << 40, 1u64 << 40]), [0, 8], 8),
        one("safetensors of a negative size", "weight", "F32", json!([-2]), [0, 8], 8),
        one("safetensors with bytes behind", "weight", "F32", json!([2]), [0, 8], 80),
        case("safetensors whose header is not JSON", "model.safetensors", replaced(header(), b"[2]", b"[2}")),
    ]
}
