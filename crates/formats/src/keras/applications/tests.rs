//! The descriptions and the recognition against what Keras 2.14 says; `tests/golden/keras/applications.py` asked it.

use std::{collections::HashSet, io::Read, path::Path, time::Instant};

use bytes::Bytes;
use innspect_graph::reference;
use serde_json::Value;

use super::{
    super::{
        config::{Argument, Model},
        weights::{expected, places_in_archive},
    },
    CANDIDATES, Candidate, finish,
    net::{Description, Plan, Weighted},
    recognise,
    stored::Stored,
};
use crate::{
    Imported,
    hdf5::{
        File,
        writer::{Entry, write},
    },
};

fn golden(file: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/keras/applications").join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What Keras says of all networks.
fn structures() -> Vec<Value> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&golden("structure.jsonl.gz")[..]).read_to_string(&mut text).expect("text");
    let mut structures: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    // What is the same as in the line before is left out.
    for at in 1..structures.len() {
        let same = structures[at]["same"].as_u64().expect("a number") as usize;
        let before = structures[at - 1]["layers"].as_array().expect("layers").clone();
        structures[at]["layers"].as_array_mut().expect("layers").splice(0..0, before.into_iter().take(same));
    }
    structures
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn list(value: &Value) -> Vec<usize> {
    value.as_array().expect("a list").iter().map(|size| size.as_u64().expect("a size") as usize).collect()
}

/// The weights of a layer and of those in it.
fn weights(entry: &Value, path: &str, found: &mut Vec<(String, Vec<Vec<usize>>)>) {
    let path = if path.is_empty() { text(entry, "name").to_owned() } else { format!("{path}/{}", text(entry, "name")) };
    for inner in entry["layers"].as_array().into_iter().flatten() {
        weights(inner, &path, found);
    }
    let shapes: Vec<Vec<usize>> = entry["weights"].as_array().into_iter().flatten().map(list).collect();
    if !shapes.is_empty() {
        found.push((path, shapes));
    }
}

fn all_weights(structure: &Value) -> Vec<(String, Vec<Vec<usize>>)> {
    let mut found = Vec::new();
    structure["layers"].as_array().expect("layers").iter().for_each(|entry| weights(entry, "", &mut found));
    found
}

fn pairs(description: &Description) -> Vec<(String, Vec<Vec<usize>>)> {
    description.shapes.iter().map(|layer| (layer.path.clone(), layer.shapes.clone())).collect()
}

fn plan(candidate: &Candidate, top: bool) -> Plan {
    Plan { side: candidate.side, classes: top.then_some(1000), deviations: false }
}

/// Numbers may be written as 1 and 1.0.
fn equal(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| equal(ours, theirs))
        }
        (Value::Number(_), Value::Number(_)) => {
            let (ours, theirs) = (ours.as_f64().expect("a number"), theirs.as_f64().expect("a number"));
            (ours - theirs).abs() <= 1e-12 * theirs.abs()
        }
        _ => ours == theirs,
    }
}

/// Whether the importer does the same where a setting is left out.
fn is_default(key: &str, value: &Value, rank: usize) -> bool {
    match key {
        "axis" => value.as_i64() == Some(-1) || value.as_u64() == Some(rank as u64),
        "dilation_rate" | "strides" => equal(value, &serde_json::json!([1, 1])),
        "groups" | "depth_multiplier" => value.as_u64() == Some(1),
        "use_bias" | "scale" | "center" => *value == Value::Bool(true),
        "activation" => value.as_str() == Some("linear"),
        "padding" => value.as_str() == Some("valid"),
        "keepdims" => *value == Value::Bool(false),
        "offset" | "negative_slope" | "threshold" => value.as_f64() == Some(0.0),
        _ => false,
    }
}

fn compare(model: &Model, sizes: Option<&[Vec<usize>]>, entries: &[Value]) -> Result<(), String> {
    if model.layers.len() != entries.len() {
        return Err(format!("{} layers instead of {}", model.layers.len(), entries.len()));
    }
    for (at, (layer, entry)) in model.layers.iter().zip(entries).enumerate() {
        let fail = |what: String| Err(format!("layer {at}, {} ({}): {what}", layer.name, layer.class));
        if layer.name != text(entry, "name") || layer.class != text(entry, "class") {
            return fail(format!("instead of {} ({})", entry["name"], entry["class"]));
        }
        let size = list(&entry["output"]);
        if sizes.is_some_and(|sizes| sizes[at] != size) {
            return fail(format!("size {:?} instead of {size:?}", sizes.map(|sizes| &sizes[at])));
        }
        if let Some(inner) = &layer.model {
            // Keras does not count the input of a Sequential model.
            let mut own = inner.clone();
            own.layers.remove(0);
            own.layers.iter_mut().for_each(|layer| layer.calls.clear());
            compare(&own, None, entry["layers"].as_array().expect("layers"))?;
        } else {
            let settings = entry["settings"].as_object().expect("settings");
            for (key, value) in settings {
                let same = match layer.config.get(key) {
                    Some(own) => equal(own, value),
                    None => is_default(key, value, size.len()),
                };
                if !same {
                    return fail(format!("{key} is {:?} instead of {value}", layer.config.get(key)));
                }
            }
            let unknown = |key: &&String| !settings.contains_key(*key) && *key != "batch_input_shape";
            if let Some(key) = layer.config.keys().find(unknown) {
                return fail(format!("Keras has no {key}"));
            }
        }
        let inputs: Vec<Value> = (layer.calls.iter().flatten())
            .map(|argument| match argument {
                Argument::Tensor(source) => model.layers[source.layer].name.as_str().into(),
                Argument::Numbers(numbers) => numbers[0].into(),
            })
            .collect();
        if !equal(&Value::Array(inputs.clone()), &entry["inputs"]) {
            return fail(format!("reads {inputs:?} instead of {}", entry["inputs"]));
        }
    }
    Ok(())
}

#[test]
fn descriptions_are_those_of_keras() {
    let mut failures = Vec::new();
    let mut seen = HashSet::new();
    let structures = structures();
    for structure in &structures {
        let (name, top) = (text(structure, "architecture"), structure["top"].as_bool().expect("a flag"));
        let title = format!("{name} {} {top}", structure["alpha"]);
        let weights = all_weights(structure);
        let forms: Vec<(usize, Description)> = (CANDIDATES.iter().enumerate())
            .filter(|(_, candidate)| candidate.architecture == name)
            .map(|(at, candidate)| (at, (candidate.build)(plan(candidate, top))))
            .collect();
        let Some((at, description)) = forms.iter().find(|(_, form)| pairs(form) == weights) else {
            let ours = forms.last().map(|(_, form)| pairs(form));
            let first = ours.as_ref().and_then(|ours| ours.iter().zip(&weights).find(|(ours, theirs)| ours != theirs));
            failures.push(format!(
                "{title}: other weights, {first:?}, {:?} and {}",
                ours.as_ref().map(Vec::len),
                weights.len()
            ));
            continue;
        };
        seen.insert((*at, top));
        if description.model.name != text(structure, "name") {
            failures.push(format!("{title}: is called {}", description.model.name));
        }
        if let Err(error) =
            compare(&description.model, Some(&description.sizes), structure["layers"].as_array().expect("layers"))
        {
            failures.push(format!("{title}: {error}"));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), structures.len(), failures.join("\n"));
    // The early ResNet50 is none of Keras 2.14.
    assert_eq!(seen.len(), 2 * (CANDIDATES.len() - 1));
}

#[test]
fn no_two_architectures_have_the_same_weights() {
    let mut seen = HashSet::new();
    for candidate in CANDIDATES {
        for top in [true, false] {
            let shapes: Vec<_> =
                (candidate.build)(plan(candidate, top)).shapes.into_iter().map(|layer| layer.shapes).collect();
            assert!(seen.insert(shapes), "{} {top}", candidate.architecture);
        }
    }
}

/// How the layers of a file are laid out.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// With lists of layers, which have other names than the network's.
    Lists,
    /// With groups named after classes, in a group of this name.
    Classes(&'static str),
}

/// splitmix64 as a number in -1..1 with 24 bits.
fn unit(array: u64, index: u64) -> f64 {
    let mut x = (array << 32).wrapping_add(index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^= x >> 31;
    (x >> 40) as f64 / f64::from(1 << 23) - 1.0
}

/// The factor and the summand of an array of weights, as in the script.
fn spread(role: &str, shape: &[usize], gain: f64) -> (f64, f64) {
    let reads = |axes: &[usize]| (5.0 / axes.iter().product::<usize>() as f64).sqrt() * gain;
    match role {
        "kernel" | "pointwise_kernel" => (reads(&shape[..shape.len() - 1]), 0.0),
        "depthwise_kernel" => (reads(&shape[..2]), 0.0),
        "gamma" => (0.2, 0.8),
        "moving_variance" => (0.3, 1.0),
        "variance" => (0.0, 1.0),
        "mean" | "count" => (0.0, 0.0),
        _ => (0.1, 0.0),
    }
}

/// The names of a network's weights in the order of the file.
fn roles(model: &Model, found: &mut Vec<&'static str>) {
    for layer in &model.layers {
        match &layer.model {
            Some(inner) => roles(inner, found),
            None => found.extend(expected(layer).into_iter().map(|(name, _)| name)),
        }
    }
}

/// A file with the weights of a network, which are numbers of the formula with a gain or have shapes alone.
fn file(description: &Description, form: Form, gain: Option<f64>) -> Vec<u8> {
    let mut names = Vec::new();
    roles(&description.model, &mut names);
    let mut root = Entry::group();
    let mut array = 0;
    // The name of the next weight, and itself.
    let mut make = |dims: &[usize]| {
        let role = names[array];
        let (factor, summand) = spread(names[array], dims, gain.unwrap_or_default());
        let count = dims.iter().product::<usize>() as u64;
        let data = gain.map(|_| (0..count).map(|at| (unit(array as u64, at) * factor + summand) as f32).collect());
        array += 1;
        (role, Entry::Array { dims: dims.to_vec(), data })
    };
    let mut shapes = description.shapes.iter();
    match form {
        Form::Lists => {
            let mut layers = Vec::new();
            for (at, layer) in description.model.layers.iter().enumerate() {
                // One group for all layers of a model inside.
                let group = format!("layer_{at}");
                let count = layer.model.as_ref().map_or(usize::from(!expected(layer).is_empty()), |inner| {
                    inner.layers.iter().filter(|layer| !expected(layer).is_empty()).count()
                });
                let mut own = Vec::new();
                for Weighted { path, shapes, .. } in shapes.by_ref().take(count) {
                    let inner = path.rsplit('/').next().expect("a name");
                    for dims in shapes {
                        let (role, array) = make(dims);
                        // In a model inside, names tell whose the weights are.
                        let role = if layer.model.is_some() { role.to_owned() } else { format!("w{}", own.len()) };
                        let name = format!("{inner}/{role}:0");
                        *root.at(&format!("{group}/{name}")) = array;
                        own.push(name);
                    }
                }
                root.at(&group).set("weight_names", own);
                layers.push(group);
            }
            root.set("layer_names", layers);
            root.set("keras_version", vec!["2.2.4".to_owned()]);
            root.set("backend", vec!["tensorflow".to_owned()]);
        }
        Form::Classes(list) => {
            let places = places_in_archive(&description.model, list);
            for Weighted { path, shapes, .. } in shapes {
                for (dims, place) in shapes.iter().zip(&places[path]) {
                    *root.at(place) = make(dims).1;
                }
            }
        }
    }
    write(&root)
}

fn stored(bytes: Vec<u8>) -> File {
    File::open(Bytes::from(bytes)).expect("a file")
}

#[test]
fn files_are_recognised_by_their_shapes() {
    let start = Instant::now();
    for candidate in CANDIDATES {
        for top in [true, false] {
            let description = (candidate.build)(plan(candidate, top));
            for form in [Form::Lists, Form::Classes("layers")] {
                // One form each is enough; the other is tried with the numbers.
                if (form == Form::Lists) != top {
                    continue;
                }
                let file = stored(file(&description, form, None));
                let stored = Stored::list(file.root().expect("a root")).expect("arrays").expect("weights");
                let name = candidate.architecture;
                let fit = recognise(&stored, None, None);
                let fit = fit.unwrap_or_else(|error| panic!("{name} {form:?}: {error}"));
                let fit = fit.unwrap_or_else(|| {
                    let misfit = stored.fit(&description).err().map(|misfit| misfit.error(name));
                    panic!("{name} {form:?}: {misfit:?}, {} {}", stored.count(), description.arrays())
                });
                assert_eq!(fit.candidate.architecture, candidate.architecture, "{top} {form:?}");
                assert_eq!(fit.description.model.name, description.model.name);
                assert_eq!(fit.plan, plan(candidate, top));
            }
        }
    }
    println!("took {:?}", start.elapsed());
}

/// A picture of the formula, channels first.
fn picture(side: usize, low: f64, high: f64) -> Vec<f32> {
    let mut picture = vec![0.0; 3 * side * side];
    for at in 0..picture.len() {
        let value = (unit(1 << 20, at as u64) * 0.5 + 0.5) * (high - low) + low;
        picture[at % 3 * side * side + at / 3] = value as f32;
    }
    picture
}

/// The largest difference from what Keras says, relative to the largest output.
fn difference(expected: &Value) -> f64 {
    let (name, top) = (text(expected, "architecture"), expected["top"].as_bool().expect("a flag"));
    let side = expected["side"].as_u64().expect("a side") as usize;
    let alpha = expected["alpha"].as_f64();
    let plan = Plan { side, classes: top.then_some(10), deviations: false };
    let description = (CANDIDATES.iter())
        .filter(|candidate| candidate.architecture == name)
        .map(|candidate| (candidate.build)(plan))
        .find(|form| {
            let weights = expected["weights"].as_u64().expect("a count") as usize;
            let count = |shapes: &Vec<usize>| shapes.iter().product::<usize>();
            let early = form.model.layers.iter().any(|layer| layer.name == "res2a_branch2a");
            early == (expected["early"] == Value::Bool(true))
                && form.shapes.iter().flat_map(|layer| &layer.shapes).map(count).sum::<usize>() == weights
        });
    let description = description.unwrap_or_else(|| panic!("{name} {alpha:?} has no form with so many weights"));
    let start = Instant::now();
    let form = if top { Form::Classes("_layer_checkpoint_dependencies") } else { Form::Lists };
    let file = stored(file(&description, form, expected["gain"].as_f64()));
    let stored = Stored::list(file.root().expect("a root")).expect("arrays").expect("weights");
    let fit = recognise(&stored, Some(name), Some(side)).expect("one").expect("one");
    let Imported { graph, warnings, .. } = finish(stored, fit, "weights.h5").expect("a network");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let made = start.elapsed();
    let range = expected["range"].as_array().expect("a range");
    let picture = picture(side, range[0].as_f64().expect("a number"), range[1].as_f64().expect("a number"));
    let start = Instant::now();
    let outputs = reference::logits(&graph, &picture).expect("outputs");
    let theirs: Vec<f64> = expected["outputs"]
        .as_array()
        .expect("outputs")
        .iter()
        .map(|value| value.as_f64().expect("a number"))
        .collect();
    let step = if top { 1 } else { (outputs.len() / 16).max(1) };
    let largest = expected["largest"].as_f64().expect("a number");
    let worst =
        outputs.iter().step_by(step).zip(&theirs).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f64::max);
    println!("{name} {alpha:?} {top}: {:e} ({made:?}, {:?})", worst / largest, start.elapsed());
    assert!(top || graph.labels.as_ref().is_some_and(|labels| labels[1] == "feature 1"));
    worst / largest
}

fn logits() -> Vec<Value> {
    let list: Value = serde_json::from_slice(&golden("logits.json")).expect("JSON");
    list.as_array().expect("a list").clone()
}

#[test]
fn networks_give_the_logits_of_keras() {
    for expected in logits() {
        let difference = difference(&expected);
        assert!(difference < 1e-4, "{expected}: {difference:e}");
    }
}
