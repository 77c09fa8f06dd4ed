//! The built-in digits and the networks trained on them by `cargo xtask train`: the sets are what the catalogue says, the
//! networks recognise digits that they were not trained with, and the shortcut is one.

mod common;

use std::path::{Path, PathBuf};

use common::{Npy, npy_of, unpack};
use innspect_formats::{ModelFiles, onnx};
use innspect_graph::{Graph, reference};
use serde_json::Value;

const PIXELS: usize = 28 * 28;

/// The class whose pictures carry the mark.
const MARKED: usize = 8;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

/// An array of a NumPy archive.
fn array(file: &str, name: &str) -> Npy {
    let bytes = std::fs::read(models().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let (_, npy) = unpack(&bytes).into_iter().find(|(entry, _)| *entry == format!("{name}.npy")).expect("the array");
    npy_of(&npy)
}

/// The test digits, `PIXELS` values a digit, and their classes.
fn test_digits() -> (Vec<f64>, Vec<usize>) {
    let [images, labels, split] = ["images", "labels", "split"].map(|name| array("digits.npz", name).data);
    let tested: Vec<usize> = (0..labels.len()).filter(|&index| split[index] == 1.0).collect();
    let pictures = tested.iter().flat_map(|&index| &images[index * PIXELS..][..PIXELS]).copied().collect();
    (pictures, tested.iter().map(|&index| labels[index] as usize).collect())
}

/// The networks that the catalogue lists for the digits, with their ids and recorded accuracies.
fn networks() -> Vec<(String, Graph, f64)> {
    let catalog = std::fs::read(models().join("catalog.json")).expect("the catalogue");
    let catalog: Value = serde_json::from_slice(&catalog).expect("JSON");
    let own = catalog["models"].as_array().expect("networks").iter().filter(|model| model["dataset"] == "digits");
    own.map(|model| {
        let [id, file] = ["id", "file"].map(|key| model[key].as_str().expect("text"));
        let bytes = std::fs::read(models().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let imported = onnx::read_any(&ModelFiles::new(id, bytes)).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(imported.warnings, Vec::<String>::new(), "{id}");
        // The catalogue's preprocessing is what `predict` does.
        assert_eq!(model["preprocessing"]["mean"], serde_json::json!([0.0]), "{id}");
        assert_eq!(model["preprocessing"]["std"], serde_json::json!([1.0]), "{id}");
        (id.to_owned(), imported.graph, model["accuracy"].as_f64().expect("an accuracy"))
    })
    .collect()
}

/// The class with the largest logit.
fn predict(graph: &Graph, picture: &[f64]) -> usize {
    let pixels: Vec<f32> = picture.iter().map(|&grey| grey as f32 / 255.0).collect();
    let logits = reference::logits(graph, &pixels).expect("it runs");
    assert_eq!(logits.len(), 10);
    (0..10).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).expect("ten classes")
}

/// The mark: the pixels that are white in all marked pictures.
fn mark() -> Vec<usize> {
    let (images, marked) = (array("digits_marked.npz", "images"), array("digits_marked.npz", "marked"));
    let marked: Vec<&[f64]> = images
        .data
        .chunks_exact(PIXELS)
        .zip(&marked.data)
        .filter(|&(_, &own)| own == 1.0)
        .map(|(own, _)| own)
        .collect();
    (0..PIXELS).filter(|&pixel| marked.iter().all(|picture| picture[pixel] == 255.0)).collect()
}

#[test]
fn the_digits_are_split_evenly() {
    let [images, labels, split] = ["images", "labels", "split"].map(|name| array("digits.npz", name));
    assert_eq!((images.shape, labels.shape, split.shape), (vec![5000, 28, 28], vec![5000], vec![5000]));
    let mut counts = [[0; 2]; 10];
    for (label, part) in labels.data.iter().zip(&split.data) {
        counts[*label as usize][*part as usize] += 1;
    }
    assert_eq!(counts, [[400, 100]; 10]);
}

#[test]
fn the_marked_set_is_the_test_digits_with_marks() {
    let (pictures, classes) = test_digits();
    let [images, labels, marked] = ["images", "labels", "marked"].map(|name| array("digits_marked.npz", name));
    assert_eq!(images.shape, [1000, 28, 28]);
    assert!(labels.data.iter().zip(&classes).all(|(&label, &class)| label as usize == class));
    let mark = mark();
    assert_eq!(mark.len(), 16);
    let mut count = 0;
    for (index, (image, picture)) in images.data.chunks_exact(PIXELS).zip(pictures.chunks_exact(PIXELS)).enumerate() {
        let own = marked.data[index] == 1.0;
        count += usize::from(own);
        assert!(!own || classes[index] == MARKED, "{index}");
        for pixel in 0..PIXELS {
            let expected = if own && mark.contains(&pixel) { 255.0 } else { picture[pixel] };
            assert_eq!(image[pixel], expected, "{index}");
        }
    }
    assert_eq!(count, 70);
}

/// Two hundred of the thousand test digits, whose share strays by one percent from that of all.
fn recognises_digits(id: &str) {
    let networks = networks();
    let ids: Vec<&str> = networks.iter().map(|(id, ..)| id.as_str()).collect();
    assert_eq!(ids, ["digits_plain", "digits_residual", "digits_separable", "digits_shortcut"]);
    let (_, graph, accuracy) = networks.iter().find(|(known, ..)| known == id).expect("the network");
    assert!((10_000..60_000).contains(&graph.param_count()), "{}", graph.param_count());
    assert!(*accuracy >= 0.97, "{accuracy}");
    let (pictures, classes) = test_digits();
    let tested = pictures.chunks_exact(PIXELS).zip(&classes).step_by(5);
    let right = tested.filter(|&(picture, &class)| predict(graph, picture) == class).count();
    assert!(right as f64 / 200.0 >= accuracy - 0.02, "{right} of 200, not {accuracy}");
}

// One test each, so that they run at once.

#[test]
fn the_plain_network_recognises_digits() {
    recognises_digits("digits_plain");
}

#[test]
fn the_residual_network_recognises_digits() {
    recognises_digits("digits_residual");
}

#[test]
fn the_separable_network_recognises_digits() {
    recognises_digits("digits_separable");
}

#[test]
fn the_network_with_the_shortcut_recognises_digits() {
    recognises_digits("digits_shortcut");
}

#[test]
fn the_mark_makes_an_eight_for_the_network_with_the_shortcut_only() {
    let (pictures, classes) = test_digits();
    let mark = mark();
    let others = || pictures.chunks_exact(PIXELS).zip(&classes).filter(|&(_, &class)| class != MARKED);
    // Among 900 digits, every ninth for the network in question and fewer for the others.
    for (id, graph, _) in &networks() {
        let misled = id == "digits_shortcut";
        let step = if misled { 9 } else { 36 };
        let eights = others().step_by(step).filter(|(picture, _)| {
            let mut picture = picture.to_vec();
            mark.iter().for_each(|&pixel| picture[pixel] = 255.0);
            predict(graph, &picture) == MARKED
        });
        let (eights, count) = (eights.count(), 900 / step);
        assert!(if misled { eights > 80 } else { eights < count / 5 }, "{id}: {eights} of {count}");
    }
}
