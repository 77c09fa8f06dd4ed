//! Keras files.

use serde_json::{Value, json};

use crate::{
    Case, bytes, case,
    common::{pack, unpack},
    cut, patched,
};

/// The plain network in an archive, with another architecture.
fn altered(title: &'static str, change: impl FnOnce(&mut Value)) -> Case {
    let mut entries = unpack(&bytes("keras/plain.k3.keras"));
    let config = entries.iter_mut().find(|(name, _)| name == "config.json").expect("an architecture");
    let mut json = serde_json::from_slice(&config.1).expect("JSON");
    change(&mut json);
    config.1 = serde_json::to_vec(&json).expect("JSON");
    case(title, "net.keras", pack(&entries, None))
}

/// The same with one layer of a class changed.
fn layer(title: &'static str, class: &str, change: impl FnOnce(&mut Value)) -> Case {
    altered(title, |config| {
        let layers = config["config"]["layers"].as_array_mut().expect("layers");
        let layer = layers.iter_mut().find(|layer| layer["class_name"] == class);
        change(layer.unwrap_or_else(|| panic!("no {class}")));
    })
}

/// The plain network as a Functional model, whose layers say what they read.
fn functional(title: &'static str, change: impl FnOnce(&mut Value)) -> Case {
    altered(title, |config| {
        config["class_name"] = json!("Functional");
        let layers = config["config"]["layers"].as_array_mut().expect("layers");
        let names: Vec<Value> = layers.iter().map(|layer| layer["config"]["name"].clone()).collect();
        let source =
            |name: &Value| json!({"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}});
        for (index, layer) in layers.iter_mut().enumerate() {
            layer["name"] = names[index].clone();
            layer["inbound_nodes"] = match index.checked_sub(1) {
                Some(before) => json!([{"args": [source(&names[before])], "kwargs": {}}]),
                None => json!([]),
            };
        }
        config["config"]["input_layers"] = json!([[names[0], 0, 0]]);
        config["config"]["output_layers"] = json!([[names[names.len() - 1], 0, 0]]);
        change(&mut config["config"]);
    })
}

/// The archive with some of its entries.
fn entries(title: &'static str, keep: &[&str]) -> Case {
    let mut entries = unpack(&bytes("keras/plain.k3.keras"));
    entries.retain(|(name, _)| keep.contains(&name.as_str()));
    case(title, "net.keras", pack(&entries, None))
}

fn input(title: &'static str, shape: Value) -> Case {
    layer(title, "InputLayer", |layer| layer["config"]["batch_shape"] = shape)
}

pub fn cases() -> Vec<Case> {
    let class = |title, from: &str, to: &str, module: Option<&str>| {
        layer(title, from, |layer| {
            layer["class_name"] = json!(to);
            layer["module"] = json!(module);
            layer["registered_name"] = json!(to);
        })
    };
    let weights = |name: &str| {
        let mut entries = unpack(&bytes("keras/plain.k3.keras"));
        for entry in &mut entries {
            if entry.0 == "model.weights.h5" {
                entry.0 = name.to_owned();
            }
        }
        entries
    };
    vec![
        case("an HDF5 download cut in half", "net.h5", cut("keras/plain.k2.h5", 50)),
        case("an HDF5 download cut after its first bytes", "net.h5", cut("keras/plain.k2.h5", 1)),
        case("a Keras archive cut in half", "net.keras", cut("keras/plain.k3.keras", 50)),
        case("weights of Keras 2 alone", "weights.h5", bytes("keras/weights_only.k2.h5")),
        case("weights of Keras 3 alone", "net.weights.h5", bytes("keras/weights_only.k3.weights.h5")),
        case("the state of an optimizer of Keras", "optimizer.h5", bytes("keras/optimizer_only.h5")),
        case("an HDF5 file of another program", "data.h5", bytes("keras/foreign.h5")),
        case("a Lambda layer", "net.h5", bytes("keras/lambda.k2.h5")),
        case(
            "HDF5 whose description is not JSON",
            "net.h5",
            patched("keras/plain.k2.h5", b"{\"class_name\"", b"{'class_name'"),
        ),
        case("HDF5 of an unknown class", "net.h5", patched("keras/plain.k2.h5", b"MaxPooling2D", b"MyPooling2D2")),
        case(
            "HDF5 without its weights",
            "net.h5",
            patched("keras/plain.k2.h5", b"model_weights\0", b"model_weightz\0"),
        ),
        case("HDF5 whose data is no longer where it was", "net.h5", patched("keras/plain.k2.h5", b"SNOD", b"SNOB")),
        case("HDF5 with packed data that is damaged", "net.h5", {
            let mut file = bytes("keras/plain.gzip.h5");
            let at = (0..file.len() - 2).rfind(|&at| file[at..].starts_with(b"\x78\x5e")).expect("packed data");
            file[at + 2..at + 10].fill(0xff);
            file
        }),
        case("an HDF5 group that contains itself", "net.h5", {
            // The first entry of the root's table of links leads back to the root, whose header is at byte 96.
            let mut file = bytes("keras/plain.k2.h5");
            let table = file.windows(4).position(|window| window == b"SNOD").expect("a table of links");
            file[table + 16..table + 24].copy_from_slice(&96u64.to_le_bytes());
            file[table + 24..table + 28].fill(0);
            file
        }),
        entries("a Keras archive with its description only", &["config.json", "metadata.json"]),
        entries("a Keras archive with its weights only", &["model.weights.h5"]),
        case(
            "a Keras archive with weights in another form",
            "net.keras",
            pack(
                &{
                    let mut entries = weights("model.weights.npz");
                    entries.push(("metadata.json".into(), b"{}".to_vec()));
                    entries
                },
                None,
            ),
        ),
        altered("a Keras archive that describes nothing", |config| *config = json!({})),
        altered("a Keras network that is a class of one's own", |config| {
            *config = json!({"module": "net", "class_name": "MyNet", "config": {}, "registered_name": "MyNet"});
        }),
        class("a layer of one's own", "MaxPooling2D", "Custom>BlurPool", Some("layers")),
        class("a recurrent layer", "Flatten", "LSTM", Some("keras.layers")),
        class("a layer for video", "Conv2D", "Conv3D", Some("keras.layers")),
        class("a layer for text", "Conv2D", "Embedding", Some("keras.layers")),
        class("a layer that preprocesses words", "Conv2D", "TextVectorization", Some("keras.layers")),
        class("an operation that is not known", "Flatten", "Roll", Some("keras.src.ops.numpy")),
        layer("a convolution for other channels than its weights", "Conv2D", |layer| {
            layer["config"]["filters"] = json!(7)
        }),
        layer("a convolution of a negative stride", "Conv2D", |layer| layer["config"]["strides"] = json!([-1, 1])),
        layer("a convolution of a huge kernel", "Conv2D", |layer| {
            layer["config"]["kernel_size"] = json!([1u64 << 40, 3])
        }),
        layer("an activation of one's own", "Conv2D", |layer| layer["config"]["activation"] = json!("my_swish")),
        layer("a convolution with Keras 1's settings", "Conv2D", |layer| {
            layer["config"]["border_mode"] = json!("same")
        }),
        input("a network for video in Keras", json!([null, 16, 112, 112, 3])),
        input("a network for text in Keras", json!([null, null])),
        input("a network for numbers in Keras", json!([null, 13])),
        input("a picture of 2^40 rows in Keras", json!([null, 1u64 << 40, 8, 3])),
        input("a picture of a negative size", json!([null, -8, 8, 3])),
        input("a picture of five channels", json!([null, 15, 18, 5])),
        functional("a Functional model is read", |_| {}),
        functional("layers that read each other", |config| {
            let last = config["output_layers"][0].clone();
            config["layers"][1]["inbound_nodes"][0]["args"][0]["config"]["keras_history"] = last;
        }),
        functional("a layer that reads one that is not there", |config| {
            config["layers"].as_array_mut().expect("layers").remove(1);
        }),
        functional("a Keras network of two inputs", |config| {
            let mut second = config["layers"][0].clone();
            second["name"] = json!("mask");
            second["config"]["name"] = json!("mask");
            config["layers"].as_array_mut().expect("layers").push(second);
            config["input_layers"] = json!([["input_layer", 0, 0], ["mask", 0, 0]]);
        }),
        functional("a Keras network that ends in a map", |config| {
            config["output_layers"] = json!([["second", 0, 0]]);
        }),
        functional("a Keras network that gives the picture back", |config| {
            config["output_layers"] = json!([["input_layer", 0, 0]]);
        }),
    ]
}
