//! The built-in networks: their logits against the original weights, and the classes of the labelled photos.

use std::{path::PathBuf, rc::Rc};

use innspect_dataset::{catalog, decode, npy, prepare};
use innspect_engine::{Device, Network, Tensor, Unpaced};
use innspect_explain::{batch, default_layer, features, read_logits, top_classes};
use innspect_protocol::CatalogModel;
use serde_json::Value;

fn models() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

fn network(entry: &CatalogModel) -> Network {
    let bytes = std::fs::read(models().join(&entry.file)).unwrap();
    assert_eq!(bytes.len() as u64, entry.bytes);
    let graph = innspect_formats::read_model(&innspect_formats::ModelFiles::new(&entry.name, bytes)).unwrap().graph;
    Network::load(Rc::new(graph), &Device::cpu()).unwrap()
}

fn logits(network: &Network, entry: &CatalogModel, tensor: Vec<f32>) -> Vec<f32> {
    let [channels, height, width] = entry.input;
    let input = Tensor::from_vec(tensor, &[1, channels, height, width], network.device());
    let tape = pollster::block_on(network.forward(&input, &mut Unpaced)).unwrap();
    pollster::block_on(read_logits(network, &tape)).unwrap()
}

#[test]
fn labelled_photos_are_recognised() {
    let catalog = catalog::load(&models()).unwrap();
    assert!(catalog.photo_models().count() >= 3 && catalog.photos.len() >= 48);
    for entry in catalog.photo_models() {
        let network = network(entry);
        let (mut labelled, mut found) = (0, 0);
        for photo in catalog.photos.iter() {
            let Some(label) = photo.label else { continue };
            let picture = decode(&std::fs::read(models().join(&photo.file)).unwrap()).unwrap();
            let prepared = prepare(&picture, &entry.preprocessing).unwrap();
            labelled += 1;
            found += usize::from(top_classes(&logits(&network, entry, prepared.tensor), 5).contains(&label));
        }
        let share = found as f64 / labelled as f64;
        let needed = if entry.id.starts_with("squeezenet") { 0.75 } else { 0.9 };
        println!("{}: top-5 on {found} of {labelled} labelled photos", entry.id);
        assert!(labelled >= 40 && share >= needed, "{}: {found} of {labelled}", entry.id);
    }
}

#[test]
fn logits_are_those_of_the_original_weights() {
    let catalog = catalog::load(&models()).unwrap();
    let folder = models().join("../tests/golden/models");
    let golden: Value = serde_json::from_slice(&std::fs::read(folder.join("logits.json")).unwrap()).unwrap();
    let mut checked = 0;
    for entry in catalog.photo_models() {
        let network = network(entry);
        let photos = golden["results"].as_array().unwrap().iter().filter(|photo| photo["model"] == entry.id.as_str());
        for photo in photos {
            let Some(file) = photo["input"].as_str() else { continue };
            let array = npy_u8(&folder.join(file));
            let [channels, height, width] = entry.input;
            // Pixels H,W,RGB before normalisation.
            let how = &entry.preprocessing;
            let order: [usize; 3] =
                if how.channels == innspect_graph::ChannelOrder::Bgr { [2, 1, 0] } else { [0, 1, 2] };
            let mut tensor = Vec::with_capacity(channels * height * width);
            for (channel, &source) in order.iter().enumerate() {
                tensor.extend((0..height * width).map(|pixel| {
                    (f32::from(array[pixel * 3 + source]) * how.scale - how.mean[channel]) / how.std[channel]
                }));
            }
            let actual = logits(&network, entry, tensor);
            let largest = photo["max_abs"].as_f64().unwrap() as f32;
            for pair in photo["top"].as_array().unwrap() {
                let (class, logit) = (pair[0].as_u64().unwrap() as usize, pair[1].as_f64().unwrap() as f32);
                let error = (actual[class] - logit).abs() / largest;
                assert!(error < 1e-3, "{} on {file}, class {class}: {error:e}", entry.id);
                checked += 1;
            }
        }
    }
    assert!(checked >= 3 * 2 * 20, "only {checked} logits were found");
}

/// The bytes of a uint8 array, which the reader of float arrays does not take.
fn npy_u8(file: &std::path::Path) -> Vec<u8> {
    let bytes = std::fs::read(file).unwrap();
    assert!(npy::read_f32(&bytes).is_err() && bytes.starts_with(b"\x93NUMPY"));
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert!(String::from_utf8_lossy(&bytes[..10 + header]).contains("|u1"));
    bytes[10 + header..].to_vec()
}

/// A scan's batches say what single passes say: the logits, the features and the measured layer of each picture.
fn batches_equal_single_passes_on(device: &Device) {
    let catalog = catalog::load(&models()).unwrap();
    let entry = catalog.models.iter().find(|entry| entry.id == "squeezenet1_1").unwrap();
    let bytes = std::fs::read(models().join(&entry.file)).unwrap();
    let graph = innspect_formats::read_model(&innspect_formats::ModelFiles::new(&entry.name, bytes)).unwrap().graph;
    let network = Network::load(Rc::new(graph), device).unwrap();
    let layer = default_layer(network.graph()).map(|id| network.graph().node(id)).unwrap();
    let [channels, height, width] = entry.input;
    let mut together = Vec::new();
    let mut alone = batch::Said::default();
    for photo in catalog.photos.iter().take(3) {
        let picture = decode(&std::fs::read(models().join(&photo.file)).unwrap()).unwrap();
        let tensor = prepare(&picture, &entry.preprocessing).unwrap().tensor;
        let input = Tensor::from_slice(&tensor, &[1, channels, height, width], device);
        let tape = pollster::block_on(network.forward(&input, &mut Unpaced)).unwrap();
        alone.logits.extend(pollster::block_on(read_logits(&network, &tape)).unwrap());
        let read = |value| pollster::block_on(tape.value(value).read()).unwrap();
        let value = features(network.graph()).unwrap();
        let positions = tape.value(value).dims()[2..].iter().product::<usize>();
        let mean = |values: &[f32]| values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
        alone.features.extend(read(value).chunks(positions).map(|values| mean(values) as f32));
        let activation = read(layer.output);
        alone.activations.push([mean(&activation) as f32, activation.iter().copied().fold(f32::MIN, f32::max)]);
        together.extend(tensor);
    }
    let input = Tensor::from_vec(together, &[3, channels, height, width], device);
    let said = pollster::block_on(batch::run(&network, &input, Some(&layer.name), &mut Unpaced)).unwrap();
    assert_eq!((said.features.len(), said.activations.len()), (3 * 512, 3));
    let close = |a: &[f32], b: &[f32]| {
        assert_eq!(a.len(), b.len());
        let scale = b.iter().fold(0.0_f32, |max, value| max.max(value.abs()));
        a.iter().zip(b).for_each(|(a, b)| assert!((a - b).abs() <= 1e-4 * scale, "{a} {b}"));
    };
    close(&said.logits, &alone.logits);
    close(&said.features, &alone.features);
    close(said.activations.as_flattened(), alone.activations.as_flattened());
}

#[test]
fn batches_equal_single_passes() {
    batches_equal_single_passes_on(&Device::cpu());
    let gpu = pollster::block_on(Device::gpu()).expect("a Vulkan device; lavapipe (mesa-vulkan-drivers) serves");
    batches_equal_single_passes_on(&gpu);
}
