//! Weights of PyTorch: torchvision's classifiers with what torchvision makes of a picture, and all containers that weights
//! come in. `tests/golden/torch/generate_torch.py` made the files.

mod common;

use std::{io::Read, rc::Rc, time::Instant};

use bytes::Bytes;
use common::{golden, npy};
use innspect_formats::{Blob, FormatError, Imported, ModelFiles, Slices, read_model, torch};
use innspect_graph::{ChannelOrder, Fit, Op, OpKind, ResizeFilter, reference};
use serde_json::Value;

fn bytes(file: &str) -> Vec<u8> {
    let path = golden("torch").join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Numbers in -1..1 that the generator's `uniform` makes too: splitmix64 of the name's hash and the index.
fn uniform(name: &str, index: usize) -> f32 {
    let hash = |value: u64, byte: &u8| (value ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    let seed = name.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, hash);
    let mut z = seed.wrapping_add((index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 40) as f32 / (1 << 23) as f32 - 1.0
}

/// The numbers of a tensor, as the generator's `fill` makes them.
fn fill(name: &str, shape: &[usize], gain: f64) -> impl Iterator<Item = f32> {
    let kind = name.rsplit('.').next().unwrap_or_default();
    let (offset, scale) = match kind {
        "running_var" | "layer_scale" => (1.0, 0.25),
        "weight" if shape.len() == 1 => (1.0, 0.25),
        "weight" => (0.0, (6.0 * gain / shape[1..].iter().product::<usize>() as f64).sqrt() as f32),
        _ => (0.0, 0.125),
    };
    (0..shape.iter().product()).map(move |index| offset + uniform(name, index) * scale)
}

fn picture(channels: usize, side: usize) -> Vec<f32> {
    (0..channels * side * side).map(|index| uniform("input", index)).collect()
}

/// A safetensors file of tensors of these names and shapes.
fn safetensors(tensors: &[(String, Vec<usize>)], gain: f64) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, shape) in tensors {
        let start = data.len();
        data.extend(fill(name, shape, gain).flat_map(f32::to_le_bytes));
        let entry = serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()] });
        header.insert(name.clone(), entry);
    }
    let header = serde_json::to_vec(&header).expect("JSON");
    [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()
}

/// A network of torchvision and what it gives.
struct Network {
    name: String,
    side: usize,
    gain: f64,
    tensors: Vec<(String, Vec<usize>)>,
    logits: Vec<f64>,
}

fn networks(kind: &str) -> Vec<Network> {
    let mut text = String::new();
    let packed = bytes(&format!("{kind}.json.gz"));
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).expect("gzip");
    let all: Value = serde_json::from_str(&text).expect("JSON");
    let size = |value: &Value| value.as_u64().expect("a size") as usize;
    let network = |entry: &Value| Network {
        name: entry["name"].as_str().expect("a name").to_owned(),
        side: size(&entry["side"]),
        gain: entry["gain"].as_f64().expect("a number"),
        tensors: entry["tensors"]
            .as_array()
            .expect("tensors")
            .iter()
            .map(|tensor| {
                let shape = tensor[1].as_array().expect("a shape").iter().map(size).collect();
                (tensor[0].as_str().expect("a name").to_owned(), shape)
            })
            .collect(),
        logits: entry["logits"].as_array().expect("logits").iter().filter_map(Value::as_f64).collect(),
    };
    all.as_array().expect("networks").iter().map(network).collect()
}

fn read_network(network: &Network) -> Result<Imported, FormatError> {
    torch::read_safetensors(
        &ModelFiles::new(&network.name, safetensors(&network.tensors, network.gain)),
        Some(network.side),
    )
}

/// The largest difference of the logits, relative to the largest of them.
fn difference(imported: &Imported, input: &[f32], expected: &[f64]) -> Result<f64, String> {
    let logits = reference::logits(&imported.graph, input).map_err(|error| error.to_string())?;
    if logits.len() != expected.len() {
        return Err(format!("{} logits instead of {}", logits.len(), expected.len()));
    }
    let largest = expected.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    let worst = logits.iter().zip(expected).map(|(a, b)| (a - b).abs());
    Ok(worst.fold(0.0f64, |worst, next| if next.is_nan() { f64::INFINITY } else { worst.max(next) }) / largest)
}

fn compare(kind: &str, least: usize) {
    let mut failures = Vec::new();
    let networks = networks(kind);
    for network in &networks {
        let start = Instant::now();
        let result = read_network(network).map_err(|error| format!("{} {}", error.what(), error.place()));
        let result = result.and_then(|imported| difference(&imported, &picture(3, network.side), &network.logits));
        match result {
            Ok(difference) if difference < 1e-4 => {
                println!("{:<22} {difference:.1e} {:.1?}", network.name, start.elapsed());
            }
            Ok(difference) => failures.push(format!("{}: differs by {difference:e}", network.name)),
            Err(error) => failures.push(format!("{}: {error}", network.name)),
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), networks.len(), failures.join("\n"));
    assert!(networks.len() >= least, "only {} networks", networks.len());
}

#[test]
fn networks_of_an_eighth_of_the_width_give_the_logits_of_torchvision() {
    compare("thin", 55);
}

#[test]
#[ignore = "a minute in release mode, and many without: cargo test --release -p innspect-formats --test torch -- --ignored"]
fn networks_give_the_logits_of_torchvision() {
    compare("full", 20);
}

/// The network of the small files, whose pictures have 33 pixels a side.
fn tiny(file: &str) -> Result<Imported, FormatError> {
    tiny_of(&ModelFiles::new(file, bytes(file)))
}

fn tiny_of(files: &ModelFiles) -> Result<Imported, FormatError> {
    if files.name.ends_with(".safetensors") {
        torch::read_safetensors(files, Some(33))
    } else {
        torch::read_checkpoint(files, Some(33))
    }
}

fn good(file: &str) -> Imported {
    tiny(file).unwrap_or_else(|error| panic!("{file}: {} {}", error.what(), error.place()))
}

#[test]
fn all_containers_hold_the_same_network() {
    let expected = npy(&golden("torch").join("tiny.output.npy")).data;
    for (file, container, tolerance) in [
        ("zip.pth", "zip", 1e-5),
        ("packed.pth", "zip", 1e-5),
        ("legacy.pth", "before PyTorch 1.6", 1e-5),
        ("legacy_prefix.pth", "before PyTorch 1.6", 1e-5),
        ("parallel.pth", "zip", 1e-5),
        ("nested.pth", "zip", 1e-5),
        ("nested_legacy.pth", "before PyTorch 1.6", 1e-5),
        ("views.pth", "zip", 1e-5),
        ("double.pth", "zip", 1e-5),
        ("plain.safetensors", "safetensors", 1e-5),
        // Half precision keeps 11 bits of a weight, bfloat16 keeps 8.
        ("half.pth", "zip", 5e-3),
        ("bfloat16.pth", "zip", 5e-2),
        ("bfloat16.safetensors", "safetensors", 5e-2),
    ] {
        let imported = good(file);
        assert_eq!(imported.format, format!("PyTorch weights ({container})"), "{file}");
        assert_eq!(imported.graph.name, "ResNet-10", "{file}");
        let difference = difference(&imported, &picture(3, 33), &expected).expect(file);
        assert!(difference < tolerance, "{file}: differs by {difference:e}");
    }
    let vgg = torch::read_checkpoint(&ModelFiles::new("vgg.pt", bytes("vgg.pt")), Some(32)).expect("VGG");
    assert_eq!(vgg.graph.name, "VGG10");
    let expected = npy(&golden("torch").join("vgg.output.npy")).data;
    let difference = difference(&vgg, &picture(3, 32), &expected).expect("it runs");
    assert!(difference < 5e-3, "differs by {difference:e}");
}

#[test]
fn nodes_have_the_names_of_the_modules() {
    let graph = good("zip.pth").graph;
    let of = |kind: OpKind| -> Vec<&str> {
        graph.nodes.iter().filter(|node| node.op.kind() == kind).map(|node| node.name.as_str()).collect()
    };
    assert_eq!(of(OpKind::Conv)[..4], ["conv1", "layer1.0.conv1", "layer1.0.conv2", "layer2.0.conv1"]);
    assert_eq!(of(OpKind::Add), ["layer1.0.add", "layer2.0.add", "layer3.0.add", "layer4.0.add"]);
    assert_eq!(of(OpKind::Dense), ["fc"]);
    assert_eq!(of(OpKind::MaxPool), ["maxpool"]);
    // Normalisations are folded, and found by their names all the same.
    assert!(!graph.nodes.iter().any(|node| matches!(node.op, Op::Affine { .. })));
    assert_eq!(graph.find_node("layer2.0.downsample.1"), graph.find_node("layer2.0.downsample.0"));
    assert!(graph.find_node("layer4.0.bn2").is_some());
}

#[test]
fn pictures_are_prepared_as_torchvision_does() {
    // Whatever the file's name says, the content tells.
    let imported = read_model(&ModelFiles::new("weights.bin", bytes("zip.pth"))).expect("a network");
    assert_eq!(imported.graph.image_shape(), Some([3, 224, 224]));
    let preprocessing = imported.graph.preprocessing.expect("an assumption");
    assert_eq!((preprocessing.size, preprocessing.fit), ([224, 224], Fit::CenterCrop { crop: 0.875 }));
    assert_eq!((preprocessing.channels, preprocessing.scale), (ChannelOrder::Rgb, 1.0 / 255.0));
    assert_eq!((preprocessing.mean[0], preprocessing.std[2]), (0.485, 0.225));
    assert_eq!(imported.warnings.len(), 2, "{:?}", imported.warnings);
    assert!(imported.warnings[0].contains("ResNet-10 of torchvision"), "{:?}", imported.warnings);
    assert!(imported.warnings[1].contains("224 × 224 pixels are assumed"), "{:?}", imported.warnings);
    // A grey network reads one channel.
    let grey = good("grey.pth").graph;
    assert_eq!((grey.image_shape(), grey.preprocessing), (Some([1, 33, 33]), None));

    for (name, title, side, resize, filter) in [
        ("inception_v3", "Inception v3", 299, 342.0, ResizeFilter::Bilinear),
        ("efficientnet_b0", "EfficientNet-B0", 224, 256.0, ResizeFilter::Bicubic),
        ("efficientnet_b4", "EfficientNet-B4", 380, 384.0, ResizeFilter::Bicubic),
        ("efficientnet_v2_s", "EfficientNetV2-S", 384, 384.0, ResizeFilter::Bilinear),
        ("densenet121", "DenseNet-121", 224, 256.0, ResizeFilter::Bilinear),
        ("squeezenet1_0", "SqueezeNet 1.0", 224, 256.0, ResizeFilter::Bilinear),
        ("mobilenet_v3_small", "MobileNetV3 Small", 224, 256.0, ResizeFilter::Bilinear),
        ("vgg16_bn", "VGG16 with batch normalisation", 224, 256.0, ResizeFilter::Bilinear),
    ] {
        let networks = networks("thin");
        let network = networks.iter().find(|network| network.name == name).expect(name);
        let file = ModelFiles::new(name, safetensors(&network.tensors, 1.0));
        let imported = read_model(&file).unwrap_or_else(|error| panic!("{name}: {}", error.what()));
        assert_eq!(imported.graph.name, title);
        let preprocessing = imported.graph.preprocessing.expect(name);
        assert_eq!(preprocessing.size, [side, side], "{name}");
        assert_eq!(preprocessing.fit, Fit::CenterCrop { crop: side as f32 / resize }, "{name}");
        assert_eq!(preprocessing.filter, filter, "{name}");
        // A thousand classes are ImageNet's, whose preparation is known.
        assert!(!imported.warnings.iter().any(|warning| warning.contains("are prepared")), "{:?}", imported.warnings);
    }
}

#[test]
fn heads_that_training_alone_needs_are_left_out() {
    for (name, head) in [("googlenet", "aux1.fc1.weight"), ("inception_v3", "AuxLogits.fc.weight")] {
        let networks = networks("thin");
        let network = networks.iter().find(|network| network.name == name).expect(name);
        assert!(network.tensors.iter().any(|(name, _)| name == head), "{name} comes with its heads");
        let imported = read_network(network).expect(name);
        assert!(imported.warnings.iter().any(|warning| warning.contains("transform_input")), "{:?}", imported.warnings);
        assert!(imported.graph.find_node("transform_input").is_some());
        assert!(!imported.graph.params.iter().any(|param| param.name == head));
    }
}

/// A head of one's own is read where it is one layer behind what has no weights.
#[test]
fn heads_of_ones_own_are_read_where_weights_tell_them() {
    let networks = networks("thin");
    let network = networks.iter().find(|network| network.name == "resnet18").expect("ResNet");
    let with = |heads: &[(&str, Vec<usize>)]| {
        let body = network.tensors.iter().filter(|(name, _)| !name.starts_with("fc.")).cloned();
        let head = heads.iter().map(|(name, shape)| ((*name).to_owned(), shape.clone()));
        let tensors: Vec<_> = body.chain(head).collect();
        torch::read_safetensors(&ModelFiles::new("own", safetensors(&tensors, 1.0)), Some(33))
    };
    let one = with(&[("fc.1.weight", vec![7, 64]), ("fc.1.bias", vec![7])]).expect("one layer");
    assert_eq!(one.graph.classes(), 7);
    assert!(one.graph.find_node("fc.1").is_some());
    let two = with(&[("fc.0.weight", vec![9, 64]), ("fc.3.weight", vec![7, 9])]).expect_err("two layers");
    assert_eq!(
        two.what(),
        "The weights do not fit ResNet-18: its head \"fc\" has 2 layers, and weights do not tell what is between them."
    );
    let none = with(&[]).expect_err("no head");
    assert_eq!(none.what(), "The weights do not fit ResNet-18: the tensor \"fc.weight\" is missing.");
}

/// torchvision's own files of DenseNet are older than its code and call some modules otherwise.
#[test]
fn old_names_of_dense_layers_are_known() {
    let networks = networks("thin");
    let network = networks.iter().find(|network| network.name == "densenet121").expect("DenseNet");
    let parts = ["norm1", "norm2", "conv1", "conv2", "relu1", "relu2"];
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, shape) in &network.tensors {
        let start = data.len();
        data.extend(fill(name, shape, network.gain).flat_map(f32::to_le_bytes));
        let mut old = name.clone();
        for part in parts.iter().filter(|_| name.contains("denselayer")) {
            let (kind, number) = part.split_at(4);
            old = old.replace(&format!(".{part}."), &format!(".{kind}.{number}."));
        }
        let entry = serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()] });
        header.insert(old, entry);
    }
    let header = serde_json::to_vec(&header).expect("JSON");
    let file = [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat();
    let imported =
        torch::read_safetensors(&ModelFiles::new("densenet121", file), Some(network.side)).expect("DenseNet");
    let difference = difference(&imported, &picture(3, network.side), &network.logits).expect("it runs");
    assert!(difference < 1e-4, "differs by {difference:e}");
}

#[test]
fn what_is_no_network_is_refused_with_what_to_do() {
    for (file, what) in [
        (
            "whole.pth",
            "The file holds an object of the Python class torchvision.models.resnet.ResNet, which needs its code to run.",
        ),
        (
            "whole_legacy.pth",
            "The file holds an object of the Python class torchvision.models.resnet.ResNet, which needs its code to run.",
        ),
        (
            "whole_nested.pth",
            "The file holds an object of the Python class torchvision.models.resnet.ResNet, which needs its code to run.",
        ),
        ("script.pt", "The file holds a TorchScript program, which is not run."),
        ("optimizer.pth", "The file holds a dictionary without tensors, with the keys \"state\", \"param_groups\"."),
        (
            "own.pth",
            "The file holds weights alone, which do not tell their network: tensors called \"0.bias\", \"0.weight\", \"2.bias\" are of no architecture that is known.",
        ),
        (
            "extra.pth",
            "The weights do not fit ResNet-10: there is no place in it for the tensor \"extra.bias\" and 1 more.",
        ),
        ("missing.pth", "The weights do not fit ResNet-10: the tensor \"layer2.0.bn1.bias\" is missing."),
        (
            "small_kernel.pth",
            "The weights do not fit ResNet-10: the tensor \"conv1.weight\" has the shape [2, 3, 3, 3], not [_, _, 7, 7].",
        ),
    ] {
        let error = tiny(file).expect_err(file);
        assert_eq!(error.what(), what, "{file}");
        assert!(error.advice().contains("torch.onnx.export(model.eval(), "), "{file}: {}", error.advice());
    }
    let error = tiny("own.pth").expect_err("no family");
    for family in ["AlexNet", "VGG", "ResNeXt", "DenseNet", "MobileNetV3", "EfficientNetV2", "ConvNeXt"] {
        assert!(error.advice().contains(family), "{family}: {}", error.advice());
    }
}

#[test]
fn a_person_may_choose_the_architecture() {
    let chosen = |file: &str, architecture: &str| {
        tiny_of(&ModelFiles { architecture: Some(architecture.to_owned()), ..ModelFiles::new(file, bytes(file)) })
    };
    for name in ["ResNet", "resnet18", "ResNeXt-50", "wide_resnet50_2", "ResNet, ResNeXt, Wide ResNet"] {
        assert!(chosen("zip.pth", name).is_ok(), "{name}");
    }
    let error = chosen("zip.pth", "vgg16").expect_err("another family");
    assert_eq!(error.what(), "The weights do not fit VGG: the tensor \"features.0.weight\" is missing.");
    let error = chosen("zip.pth", "transformer").expect_err("no family");
    assert!(error.what().ends_with("no architecture is called \"transformer\"."), "{}", error.what());
}

/// A file that is read piece by piece, and how many bytes were.
struct Counting(Vec<u8>, std::cell::Cell<u64>);

impl Slices for Counting {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, range: std::ops::Range<u64>) -> Result<Bytes, String> {
        self.1.set(self.1.get() + range.end - range.start);
        Ok(Bytes::copy_from_slice(&self.0[range.start as usize..range.end as usize]))
    }
}

#[test]
fn a_file_need_not_be_in_memory() {
    for (file, passes) in [("zip.pth", 4), ("plain.safetensors", 3), ("legacy.pth", 2)] {
        let counting = Rc::new(Counting(bytes(file), Default::default()));
        let files = ModelFiles::new(file, Blob::slices(counting.clone()));
        assert_eq!(tiny_of(&files).expect(file).graph, good(file).graph, "{file}");
        let read = counting.1.get();
        assert!(read <= passes * counting.len(), "{file}: {read} bytes of {}", counting.len());
    }
}

#[test]
fn safetensors_that_make_no_sense_are_refused() {
    let file = |header: &str, data: usize| {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; data]].concat()
    };
    for (header, data, what) in [
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4, "0..4 is no place for its shape [2]"),
        (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4, "4..0 is no place"),
        (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 2, "the file ends before it"),
        (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 6, "2 bytes follow its tensors"),
        (
            r#"{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}"#,
            1,
            "its element type \"F8_E4M3\" is not supported",
        ),
        (r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4, "its shape is not a list of sizes"),
        (r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,4]}}"#, 4, "is no place"),
        (r#"{"a":{"dtype":"F32"}}"#, 4, "its shape is not a list of sizes"),
        (r#"{"a":1}"#, 0, "its element type \"\" is not supported"),
        (r#"{"__metadata__":{"format":"pt"}}"#, 0, "no tensors"),
    ] {
        let error = read_model(&ModelFiles::new("a.safetensors", file(header, data))).expect_err(header);
        assert!(error.what().contains(what), "{}", error.what());
    }
    // The same numbers for a thousand tensors would fill the memory.
    let entries: Vec<String> = (0..1000)
        .map(|index| format!(r#""t{index}":{{"dtype":"F32","shape":[100000],"data_offsets":[0,400000]}}"#))
        .collect();
    let error = read_model(&ModelFiles::new("a", file(&format!("{{{}}}", entries.join(",")), 400_000)));
    assert!(matches!(error, Err(FormatError::TooLarge { .. })));
    // Sizes without elements.
    let empty = r#"{"features.0.weight":{"dtype":"F32","shape":[0,9007199254740991,3,3],"data_offsets":[0,0]},
        "classifier.0.weight":{"dtype":"F32","shape":[9007199254740991,0],"data_offsets":[0,0]}}"#;
    assert!(read_model(&ModelFiles::new("a", file(empty, 0))).is_err());
}
