//! Weights of PyTorch: torchvision's classifiers with what torchvision makes of a picture, and all containers that weights
//! come in. `tests/golden/torch/generate_torch.py` made the files.

mod common;

use std::{
    io::Read,
    rc::Rc,
    time::{Duration, Instant},
};

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
    let packed = bytes("networks.json.gz");
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
    all[kind].as_array().expect("networks").iter().map(network).collect()
}

fn read_network(network: &Network) -> Result<Imported, FormatError> {
    torch::read_safetensors(&ModelFiles::new(&network.name, safetensors(&network.tensors, network.gain)), Some(network.side))
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

fn compare(kind: &str) {
    let mut failures = Vec::new();
    let networks = networks(kind);
    for network in &networks {
        let start = Instant::now();
        let result = read_network(network).map_err(|error| format!("{} {}", error.what(), error.place()));
        let result = result.and_then(|imported| {
            let difference = difference(&imported, &picture(3, network.side), &network.logits)?;
            Ok((imported.warnings.first().cloned().unwrap_or_default(), difference))
        });
        match result {
            Ok((_, difference)) if difference < 1e-4 => {
                println!("{:<22} {difference:.1e} {:.1?}", network.name, start.elapsed());
            }
            Ok((_, difference)) => failures.push(format!("{}: differs by {difference:e}", network.name)),
            Err(error) => failures.push(format!("{}: {error}", network.name)),
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), networks.len(), failures.join("\n"));
    assert!(networks.len() >= 55, "only {} networks", networks.len());
}

#[test]
fn networks_of_an_eighth_of_the_width_give_the_logits_of_torchvision() {
    compare("thin");
}

#[test]
#[ignore = "a minute in release mode, an hour without: cargo test --release --test torch -- --ignored"]
fn networks_give_the_logits_of_torchvision() {
    compare("full");
}
