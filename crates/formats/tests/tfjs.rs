//! TensorFlow.js models as its converter writes them, with the scores of TensorFlow and Keras, through the reader, the
//! passes and the reference interpreter. `tests/golden/tfjs/generate_tfjs.py` made them.

mod common;

use common::{difference, golden, npy, pack};
use innspect_formats::{FileKind, FormatError, Imported, ModelFiles, read_model};
use innspect_graph::{FinalActivation, Op, OpKind};
use serde_json::{Value, json};

/// A model's folder as it is dropped: the description and all other files.
fn files(folder: &str) -> ModelFiles {
    let mut entries: Vec<_> = std::fs::read_dir(golden("tfjs").join(folder))
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    let mut files = ModelFiles::new("model.json", Vec::new());
    for path in entries {
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

/// The folders of a kind.
fn models(kind: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(golden("tfjs").join(kind))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .collect();
    names.sort();
    names
}

/// What is wrong with models of a kind.
fn failures(
    kind: &str,
    tolerance: impl Fn(&str) -> f64,
    arrays: impl Fn(&str) -> [std::path::PathBuf; 2],
) -> Vec<String> {
    let mut failures = Vec::new();
    for name in models(kind) {
        let result = read_model(&files(&format!("{kind}/{name}")));
        let [input, output] = arrays(&name).map(|path| npy(&path));
        match result.map(|imported| difference(&imported, &input, &output)) {
            Ok(Ok(difference)) if difference < tolerance(&name) => {}
            Ok(Ok(difference)) => failures.push(format!("{name}: differs by {difference:e}")),
            Ok(Err(error)) => failures.push(format!("{name}: {error}")),
            Err(error) => failures.push(format!("{name}: {} {}", error.what(), error.place())),
        }
    }
    failures
}

/// What is left of a weight.
fn tolerance(name: &str) -> f64 {
    match name.rsplit('.').next() {
        Some("uint8") => 0.1,
        Some("uint16") => 1e-3,
        Some("float16") => 5e-3,
        _ => 1e-4,
    }
}

#[test]
fn layers_models_give_the_scores_of_keras() {
    let failures = failures("layers", tolerance, |name| {
        let mut parts = name.split('.');
        let (name, keras) = (parts.next().expect("a name"), parts.next().expect("a version"));
        ["input", "output"].map(|array| golden(&format!("keras/{name}.{keras}.{array}.npy")))
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(models("layers").len() >= 10);
}

#[test]
fn graph_models_give_the_scores_of_tensorflow() {
    let failures = failures("graph", tolerance, |name| {
        let folder = golden("tfjs/graph").join(name);
        let own = folder.join("input.npy");
        let network = name.split('.').next().expect("a name");
        [if own.exists() { own } else { golden(&format!("tflite/{network}.input.npy")) }, folder.join("output.npy")]
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(models("graph").len() >= 10);
}

fn good(folder: &str) -> Imported {
    let result = read_model(&files(folder));
    result.unwrap_or_else(|error| panic!("{folder}: {} {}", error.what(), error.place()))
}

/// A model with another description.
fn altered(folder: &str, change: impl FnOnce(&mut Value)) -> ModelFiles {
    let mut files = files(folder);
    let mut model = serde_json::from_slice(&files.file.bytes().expect("bytes")).expect("JSON");
    change(&mut model);
    files.file = serde_json::to_vec(&model).expect("JSON").into();
    files
}

/// What is said of a model that is refused.
fn say(files: &ModelFiles) -> String {
    let error = read_model(files).map(|imported| imported.format).expect_err("it must be refused");
    assert!(!error.advice().is_empty(), "{}", error.what());
    format!("{} {}", error.what(), error.place()).trim().to_owned()
}

#[test]
fn models_say_what_they_are() {
    assert_eq!(good("layers/plain.k2").format, "Keras 2.14.0 (TensorFlow.js)");
    assert_eq!(good("layers/plain.k3").format, "Keras 3.15.1 (TensorFlow.js)");
    assert_eq!(good("graph/plain").format, "TensorFlow.js graph model");
    for folder in ["layers/plain.k2", "graph/plain"] {
        let imported = good(folder);
        assert_eq!(imported.graph.image_shape(), Some([3, 16, 14]), "{folder}");
        assert_eq!(imported.graph.final_activation, FinalActivation::Softmax, "{folder}");
        assert!(imported.warnings.is_empty(), "{folder}: {:?}", imported.warnings);
    }
    let names: Vec<String> = good("graph/plain").graph.nodes.iter().map(|node| node.name.clone()).collect();
    assert_eq!(names[..2], ["plain/stem/Relu", "plain/stem/Relu/relu"]);
    assert!(names.contains(&"plain/predictions/BiasAdd".to_owned()), "{names:?}");
}

#[test]
fn graphs_run_channels_first() {
    for name in models("graph") {
        let imported = good(&format!("graph/{name}"));
        let moves = imported.graph.nodes.iter().filter(|node| matches!(node.op, Op::Transpose { .. })).count();
        let most = match name.as_str() {
            "shapes" => 3,
            "attention" => 7,
            // Around an axis that is made and dropped.
            "operations" => 2,
            _ => 0,
        };
        assert!(moves <= most, "{name}: {moves} transpositions");
    }
    let convolutions = good("graph/mobile").graph.nodes.iter().filter(|node| node.op.kind() == OpKind::Conv).count();
    assert_eq!(convolutions, 7);
}

#[test]
fn models_that_tensorflow_js_saved_itself_are_read() {
    let files = altered("layers/plain.k2", |model| {
        let config = model["modelTopology"]["model_config"].take();
        model["modelTopology"] = config;
        model["modelTopology"]["keras_version"] = json!("tfjs-layers 4.22.0");
        model["modelTopology"]["backend"] = json!("tensor_flow.js");
    });
    let imported = read_model(&files).expect("a model");
    assert_eq!(imported.format, "Keras 2 (TensorFlow.js 4.22.0)");
    let arrays = ["input", "output"].map(|array| npy(&golden(&format!("keras/plain.k2.{array}.npy"))));
    let worst = difference(&imported, &arrays[0], &arrays[1]).expect("scores");
    assert!(worst < 1e-4, "{worst:e}");
}

#[test]
fn what_teachable_machine_writes_beside_its_models_is_taken_over() {
    let with = |metadata: Value| {
        let mut files = files("layers/plain.k2");
        files.beside.push(("metadata.json".to_owned(), serde_json::to_vec(&metadata).expect("JSON").into()));
        read_model(&files).expect("a model")
    };
    let labels = ["a", "b", "c", "d", "e"];
    let graph = with(json!({"packageName": "@teachablemachine/image", "labels": labels})).graph;
    assert_eq!(graph.labels.expect("labels"), labels);
    let preprocessing = graph.preprocessing.expect("the range of pixels");
    assert_eq!((preprocessing.scale, preprocessing.mean[0]), (1.0 / 127.0, 1.0));
    let imported = with(json!({"labels": ["a"]}));
    let warning = "metadata.json names 1 classes, but the network has 5; the names are not used.";
    assert_eq!(imported.warnings, [warning]);
    assert!(imported.graph.labels.is_none() && imported.graph.preprocessing.is_none());
    assert!(with(json!([1])).graph.labels.is_none());
}

#[test]
fn weights_are_found_by_name_in_any_order() {
    let files = altered("layers/plain.k2", |model| {
        // Names of layers in front of those of variables, and the last first; the bytes follow.
        let group = &mut model["weightsManifest"][0];
        let weights = group["weights"].as_array_mut().expect("weights");
        for weight in weights.iter_mut() {
            weight["name"] = json!(format!("plain/{}", weight["name"].as_str().expect("a name")));
        }
    });
    let mut files = files;
    let mut model: Value = serde_json::from_slice(&files.file.bytes().expect("bytes")).expect("JSON");
    let shard = files.beside[0].1.bytes().expect("bytes");
    let weights = model["weightsManifest"][0]["weights"].as_array().expect("weights").clone();
    let size = |weight: &Value| {
        weight["shape"]
            .as_array()
            .expect("a shape")
            .iter()
            .map(|size| size.as_u64().expect("a size") as usize)
            .product::<usize>()
            * 4
    };
    let mut parts = Vec::new();
    let mut at = 0;
    for weight in &weights {
        parts.push((weight.clone(), shard[at..at + size(weight)].to_vec()));
        at += size(weight);
    }
    parts.rotate_left(2);
    parts.reverse();
    model["weightsManifest"][0]["weights"] = parts.iter().map(|(weight, _)| weight.clone()).collect();
    files.beside[0].1 = parts.into_iter().flat_map(|(_, bytes)| bytes).collect::<Vec<u8>>().into();
    files.file = serde_json::to_vec(&model).expect("JSON").into();
    let imported = read_model(&files).expect("a model");
    let arrays = ["input", "output"].map(|array| npy(&golden(&format!("keras/plain.k2.{array}.npy"))));
    let worst = difference(&imported, &arrays[0], &arrays[1]).expect("scores");
    assert!(worst < 1e-4, "{worst:e}");
}

#[test]
fn graphs_without_a_signature_end_where_nothing_reads() {
    let files = altered("graph/residual", |model| {
        model.as_object_mut().expect("an object").remove("signature");
        model.as_object_mut().expect("an object").remove("format");
        // Nodes need not be in order.
        model["modelTopology"]["node"].as_array_mut().expect("nodes").reverse();
    });
    let imported = read_model(&files).expect("a model");
    let arrays = [golden("tflite/residual.input.npy"), golden("tfjs/graph/residual/output.npy")].map(|path| npy(&path));
    let worst = difference(&imported, &arrays[0], &arrays[1]).expect("scores");
    assert!(worst < 1e-4, "{worst:e}");
}

#[test]
fn pictures_with_channels_first_are_read() {
    // As converters from other frameworks write it: a transposition stands behind the picture.
    let mut files = altered("graph/plain", |model| {
        let nodes = model["modelTopology"]["node"].as_array_mut().expect("nodes");
        let image = nodes.iter_mut().find(|node| node["name"] == "image").expect("the picture");
        let sizes: Vec<Value> = ["-1", "3", "16", "14"].iter().map(|size| json!({"size": size})).collect();
        image["attr"]["shape"]["shape"]["dim"] = json!(sizes);
        let conv = nodes.iter_mut().find(|node| node["op"] == "_FusedConv2D").expect("a convolution");
        conv["input"][0] = json!("moved");
        nodes.push(json!({"name": "order", "op": "Const", "attr": {"dtype": {"type": "DT_INT32"}}}));
        nodes.push(json!({"name": "moved", "op": "Transpose", "input": ["image", "order"], "attr": {}}));
        let group = json!({"paths": ["order.bin"], "weights": [{"name": "order", "shape": [4], "dtype": "int32"}]});
        model["weightsManifest"].as_array_mut().expect("groups").push(group);
    });
    let order: Vec<u8> = [0, 2, 3, 1i32].into_iter().flat_map(i32::to_le_bytes).collect();
    files.beside.push(("order.bin".to_owned(), order.into()));
    let imported = read_model(&files).expect("a model");
    assert_eq!(imported.graph.image_shape(), Some([3, 16, 14]));
    let arrays = [golden("tflite/plain.input.npy"), golden("tfjs/graph/plain/output.npy")].map(|path| npy(&path));
    let worst = difference(&imported, &arrays[0], &arrays[1]).expect("scores");
    assert!(worst < 1e-4, "{worst:e}");
}

#[test]
fn shards_that_are_missing_or_short_are_named() {
    let mut files = files("graph/residual.shards");
    assert!(files.beside.len() > 2, "{} shards", files.beside.len());
    let (name, _) = files.beside.remove(1);
    assert_eq!(say(&files), format!("A file is missing: {name}."));
    files.beside.clear();
    match read_model(&files) {
        Err(FormatError::MissingFiles { files }) => assert!(files.len() > 2, "{files:?}"),
        other => panic!("{:?}", other.map(|imported| imported.format)),
    }
    let mut files = self::files("layers/plain.k2");
    let shard = files.beside[0].1.bytes().expect("bytes");
    files.beside[0].1 = shard.slice(..shard.len() - 5).into();
    assert_eq!(
        say(&files),
        "The weight \"stem/bias\" cannot be read: its shards end after 11 of its 16 bytes. tensor \"stem/bias\""
    );
    // Folders and the case of letters do not matter.
    let mut files = self::files("layers/plain.k2");
    files.beside[0].0 = format!("models/{}", files.beside[0].0.to_uppercase());
    assert!(read_model(&files).is_ok());
}

#[test]
fn what_cannot_be_read_is_named() {
    let conv = |change: fn(&mut Value)| {
        altered("graph/plain", move |model| {
            let nodes = model["modelTopology"]["node"].as_array_mut().expect("nodes");
            change(nodes.iter_mut().find(|node| node["op"] == "_FusedConv2D").expect("a convolution"));
        })
    };
    let place = "node \"plain/stem/Relu\"";
    assert_eq!(
        say(&conv(|node| node["op"] = json!("Conv3D"))),
        format!("The operator Conv3D of TensorFlow is not supported. {place} (Conv3D)")
    );
    let start = "A _FusedConv2D operation cannot be read:";
    assert_eq!(
        say(&conv(|node| node["attr"]["padding"]["s"] = json!("VVA="))),
        format!("{start} its padding \"UP\" is not supported. {place} (_FusedConv2D)")
    );
    assert_eq!(
        say(&conv(|node| node["attr"]["strides"]["list"]["i"] = json!(["2", "1", "1", "1"]))),
        format!("{start} its setting \"strides\" is [2, 1, 1, 1]. {place} (_FusedConv2D)")
    );
    assert_eq!(
        say(&conv(|node| node["attr"]["fused_ops"]["list"]["s"] = json!(["QmlhcyE="]))),
        format!("{start} \"Bias!\" fused into it is not supported. {place} (_FusedConv2D)")
    );
    assert_eq!(
        say(&conv(|node| node["input"] = json!(["image"]))),
        format!("{start} its input 1 is missing. {place} (_FusedConv2D)")
    );
    assert_eq!(
        say(&conv(|node| node["input"][1] = json!("nowhere"))),
        "The file is damaged: its graph is not right: there is no node \"nowhere\"."
    );
    assert_eq!(
        say(&conv(|node| node["input"][0] = json!("Identity"))),
        "The file is damaged: its graph is not right: \"Identity\" depends on itself."
    );
    let weight = |key: &'static str, value: Value| {
        altered("layers/plain.k2", move |model| model["weightsManifest"][0]["weights"][0][key] = value)
    };
    let start = "The weight \"dense/kernel\" cannot be read:";
    let place = "tensor \"dense/kernel\"";
    assert_eq!(
        say(&weight("dtype", json!("complex64"))),
        format!("{start} its element type \"complex64\" is not supported. {place}")
    );
    assert_eq!(
        say(&weight("quantization", json!({"dtype": "uint4"}))),
        format!("{start} its quantisation to \"uint4\" is not supported. {place}")
    );
    assert_eq!(say(&weight("shape", json!([4e18, 9e18]))), format!("{start} its shape is out of range. {place}"));
    assert_eq!(
        say(&weight("name", json!("other/kernel"))),
        "The layer \"dense\" cannot be read: the file does not hold its weight number 1. layer \"dense\" (Dense)"
    );
    assert_eq!(
        say(&altered("layers/plain.k2", |model| model["modelTopology"] = json!(null))),
        "The file holds weights without the network."
    );
    // Other JSON is none of these.
    let error = read_model(&ModelFiles::new("labels.json", b"{\"a\": 1}".to_vec())).expect_err("no model");
    assert_eq!(error, FormatError::NotAModel { name: "labels.json".to_owned(), kind: FileKind::Json });
}

/// A model's files in one archive.
fn zipped(folder: &str, inside: &str) -> Vec<(String, Vec<u8>)> {
    let files = files(folder);
    let mut entries = vec![(format!("{inside}model.json"), files.file.bytes().expect("bytes").to_vec())];
    for (name, blob) in files.beside {
        entries.push((format!("{inside}{name}"), blob.bytes().expect("bytes").to_vec()));
    }
    entries
}

#[test]
fn models_in_a_zip_are_read() {
    for (folder, inside) in [("graph/residual.shards", ""), ("layers/plain.k3", "models/plain/")] {
        let direct = good(folder);
        let zip = ModelFiles::new("model.zip", pack(&zipped(folder, inside), None));
        assert_eq!(read_model(&zip).expect("a model").graph.nodes, direct.graph.nodes);
    }
    let network = |name: &str, path: &str| (name.to_owned(), std::fs::read(golden(path)).expect("a network"));
    for (name, path, format) in [
        ("a/plain.onnx", "plain.onnx", "ONNX opset 13"),
        ("net.h5", "keras/plain.k2.h5", "Keras 2.14.0 (HDF5)"),
        ("net.TFLITE", "tflite/plain.float.tflite", "TensorFlow Lite (schema 3)"),
    ] {
        let entries = [("readme.txt".to_owned(), b"hello".to_vec()), network(name, path)];
        let imported = read_model(&ModelFiles::new("net.zip", pack(&entries, None))).expect(name);
        assert_eq!(imported.format, format);
    }
    // More than one network, none, and a zip in a zip.
    let two = [network("a.onnx", "plain.onnx"), network("b.tflite", "tflite/plain.float.tflite")];
    let none = [("readme.txt".to_owned(), b"hello".to_vec())];
    let nested = [("net.onnx".to_owned(), pack(&two[..1], None))];
    for (entries, what) in [
        (&two[..], "The zip archive holds 2 networks: a.onnx, b.tflite."),
        (&none, "The zip archive holds no network, but readme.txt."),
        (&nested, "net.onnx is a zip archive, not a network."),
    ] {
        let result = read_model(&ModelFiles::new("net.zip", pack(entries, None)));
        assert_eq!(result.map(|imported| imported.format).expect_err("no network").what(), what);
    }
    let mut missing = zipped("graph/residual.shards", "");
    missing.pop();
    let error = read_model(&ModelFiles::new("model.zip", pack(&missing, None))).expect_err("a shard is missing");
    assert!(matches!(error, FormatError::MissingFiles { .. }), "{}", error.what());
    // Packed zeros that are said to be much more than the archive.
    let mut bomb = zipped("graph/plain", "");
    bomb.push(("zeros.bin".to_owned(), vec![0; 5000]));
    let error = read_model(&ModelFiles::new("model.zip", pack(&bomb, Some(2_000_000_000)))).expect_err("a bomb");
    assert!(matches!(error, FormatError::TooLarge { what: "bytes in its packed files", .. }), "{}", error.what());
}
