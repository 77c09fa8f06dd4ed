//! TensorFlow Lite and TensorFlow.js.

use innspect_formats::ModelFiles;
use serde_json::{Value, json};

use crate::{Case, bytes, case, common::golden, cut, patched};

/// A model's folder as it is dropped.
fn folder(name: &str) -> ModelFiles {
    let mut files = ModelFiles::new("model.json", Vec::new());
    let mut paths: Vec<_> = std::fs::read_dir(golden("tfjs").join(name))
        .expect("a folder")
        .map(|entry| entry.expect("a file").path())
        .collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).expect("a file");
        match name.as_str() {
            "model.json" => files.file = bytes.into(),
            name if name.ends_with(".npy") => {}
            _ => files.beside.push((name, bytes.into())),
        }
    }
    files
}

fn altered(title: &'static str, name: &str, change: impl FnOnce(&mut Value)) -> Case {
    let mut files = folder(name);
    let mut json = serde_json::from_slice(&files.file.bytes().expect("memory")).expect("JSON");
    change(&mut json);
    files.file = serde_json::to_vec(&json).expect("JSON").into();
    Case { title, files }
}

/// A graph model with one of its nodes changed.
fn node(title: &'static str, op: &str, change: impl FnOnce(&mut Value)) -> Case {
    altered(title, "graph/plain", |model| {
        let nodes = model["modelTopology"]["node"].as_array_mut().expect("nodes");
        change(nodes.iter_mut().find(|node| node["op"] == op).unwrap_or_else(|| panic!("no {op}")));
    })
}

fn shard(title: &'static str, change: impl FnOnce(&mut Vec<u8>)) -> Case {
    let mut files = folder("layers/plain.k2");
    let mut bytes = files.beside[0].1.bytes().expect("memory").to_vec();
    change(&mut bytes);
    files.beside[0].1 = bytes.into();
    Case { title, files }
}

fn lite(title: &'static str, file: &str) -> Case {
    case(title, "net.tflite", bytes(&format!("tflite/{file}.tflite")))
}

pub fn cases() -> Vec<Case> {
    let dtype = |title, kind: Value| {
        altered(title, "layers/plain.k2.uint8", |model| {
            let weight = &mut model["weightsManifest"][0]["weights"][0];
            weight["quantization"] = kind;
        })
    };
    vec![
        case("a TensorFlow Lite download cut in half", "net.tflite", cut("tflite/plain.float.tflite", 50)),
        case("TensorFlow Lite cut near its end", "net.tflite", cut("tflite/plain.float.tflite", 97)),
        case("TensorFlow Lite of eight bytes", "net.tflite", b"\x1c\0\0\0TFL3".to_vec()),
        case("TensorFlow Lite of zeros", "net.tflite", [b"\x1c\0\0\0TFL3".to_vec(), vec![0; 500]].concat()),
        lite("a custom operator in TensorFlow Lite", "bad_custom"),
        lite("an operator that is not known in TensorFlow Lite", "bad_unknown"),
        lite("a weight of unknown type in TensorFlow Lite", "bad_type"),
        lite("a weight of another shape in TensorFlow Lite", "bad_shape"),
        lite("padding that does not exist in TensorFlow Lite", "bad_padding"),
        lite("an activation that is not known in TensorFlow Lite", "bad_fused"),
        lite("an old version of TensorFlow Lite", "bad_version"),
        lite("a network of two inputs in TensorFlow Lite", "bad_inputs"),
        Case {
            title: "model.json without its shards",
            files: {
                let mut files = folder("layers/plain.k2");
                files.beside.clear();
                files
            },
        },
        Case {
            title: "a graph model without its shards",
            files: {
                let mut files = folder("graph/residual.shards");
                files.beside.truncate(1);
                files
            },
        },
        shard("a shard that is cut off", |bytes| bytes.truncate(bytes.len() / 2)),
        shard("an empty shard", Vec::clear),
        shard("a web page as a shard", |bytes| *bytes = b"<html><head>".to_vec()),
        shard("a shard of weights that are no numbers", |bytes| {
            for number in bytes.chunks_exact_mut(4) {
                number.copy_from_slice(&f32::NAN.to_le_bytes());
            }
        }),
        dtype("integers without a scale", json!({"dtype": "uint8"})),
        dtype("integers of an unknown kind", json!({"dtype": "int4", "scale": 0.1, "min": 0})),
        altered("a weight of 2^40 rows in TensorFlow.js", "layers/plain.k2", |model| {
            model["weightsManifest"][0]["weights"][0]["shape"] = json!([1u64 << 40, 3, 3, 3]);
        }),
        altered("a weight of a negative size in TensorFlow.js", "layers/plain.k2", |model| {
            model["weightsManifest"][0]["weights"][0]["shape"] = json!([-3, 3, 3, 3]);
        }),
        altered("model.json without a list of weights", "layers/plain.k2", |model| {
            model.as_object_mut().expect("an object").remove("weightsManifest");
        }),
        altered("model.json without a network", "layers/plain.k2", |model| model["modelTopology"] = Value::Null),
        altered("a layer of one's own in TensorFlow.js", "layers/plain.k2", |model| {
            let text = model.to_string().replace("\"MaxPooling2D\"", "\"MyPooling\"");
            *model = serde_json::from_str(&text).expect("JSON");
        }),
        case("model.json that is cut off", "model.json", cut("tfjs/layers/plain.k2/model.json", 60)),
        case(
            "model.json with another quote",
            "model.json",
            patched("tfjs/layers/plain.k2/model.json", b"\"weightsManifest\":", b"'weightsManifest':"),
        ),
        node("an operation that is not known in TensorFlow.js", "MaxPool", |node| {
            node["op"] = json!("NonMaxSuppressionV4")
        }),
        node("an operation with control flow", "MaxPool", |node| node["op"] = json!("StatelessWhile")),
        node("an operation with an unknown layout", "_FusedConv2D", |node| {
            node["attr"]["data_format"] = json!({"s": "TkNIV19WRUNUX0M="});
        }),
        node("an operation that reads what is not there", "MaxPool", |node| node["input"] = json!(["nothing"])),
        node("an operation that reads itself", "MaxPool", |node| node["input"] = json!([node["name"].clone()])),
        node("a picture for video in TensorFlow.js", "Placeholder", |node| {
            node["attr"]["shape"] = json!({"shape": {"dim": [{"size": "-1"}, {"size": "16"}, {"size": "32"}, {"size": "32"}, {"size": "3"}]}});
        }),
    ]
}
