//! The descriptions and the recognition against what Keras 2.14 says; `tests/golden/keras/applications.py` asked it.

use std::{collections::HashSet, io::Read, path::Path, sync::Mutex, time::Instant};

use innspect_graph::{FinalActivation, Op, Preprocessing, reference};
use serde_json::Value;

use super::{
    super::{
        config::{Argument, Model},
        weights::{expected, places_in_archive},
    },
    CANDIDATES, Candidate, Preparation, finish, labels,
    net::{Description, Plan, Weighted},
    preparation, preprocessing, recognise,
    stored::Stored,
};
use crate::{
    FormatError, Imported, ModelFiles,
    hdf5::{
        File,
        writer::{Entry, write},
    },
    read_model,
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
    file_with(description, form, gain, |_, _| None)
}

/// The same with some weights of its own: `given` gets the layer and the name of the weight.
fn file_with(
    description: &Description,
    form: Form,
    gain: Option<f64>,
    given: impl Fn(&str, &str) -> Option<Vec<f32>>,
) -> Vec<u8> {
    let mut names = Vec::new();
    roles(&description.model, &mut names);
    let mut root = Entry::group();
    let mut array = 0;
    // The name of the next weight, and itself.
    let mut make = |layer: &str, dims: &[usize]| {
        let role = names[array];
        let (factor, summand) = spread(names[array], dims, gain.unwrap_or_default());
        let count = dims.iter().product::<usize>() as u64;
        let data = given(layer, role).or_else(|| {
            gain.map(|_| (0..count).map(|at| (unit(array as u64, at) * factor + summand) as f32).collect())
        });
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
                        let (role, array) = make(path, dims);
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
                    *root.at(place) = make(path, dims).1;
                }
            }
        }
    }
    write(&root)
}

fn stored(bytes: Vec<u8>) -> File {
    File::open(bytes.into()).expect("a file")
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

/// The networks whose logits are looked at every time, of each family one or some; those of the others take minutes and
/// are looked at if `INNSPECT_ALL_LOGITS` is set. All are built as Keras builds them, see above.
const OFTEN: [&str; 14] = [
    "VGG16",
    "ResNet50",
    "ResNet50V2",
    "DenseNet121",
    "NASNetMobile",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "ConvNeXtTiny",
    "Xception",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "MobileNetV3Large",
];

#[test]
fn networks_give_the_logits_of_keras() {
    let all = std::env::var_os("INNSPECT_ALL_LOGITS").is_some();
    let often = |expected: &Value| {
        // Without their tops the large ones are much the same.
        OFTEN.contains(&text(expected, "architecture"))
            && (expected["top"] == Value::Bool(true) || expected["weights"].as_u64() < Some(10_000_000))
    };
    let open = Mutex::new(logits().into_iter().filter(|expected| all || often(expected)).collect::<Vec<_>>());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(expected) = open.lock().expect("no panic").pop() else { break };
                    let difference = difference(&expected);
                    if difference.is_nan() || difference > 1e-4 {
                        let title = format!("{} {} {difference:e}", expected["architecture"], expected["top"]);
                        failures.lock().expect("no panic").push(title);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The form of an architecture whose model has this name.
fn described(model: &str, plan: impl Fn(&Candidate) -> Plan) -> Description {
    let mut forms = CANDIDATES.iter().map(|candidate| (candidate.build)(plan(candidate)));
    forms.find(|form| form.model.name == model).expect("a form of this name")
}

fn read(bytes: Vec<u8>, architecture: Option<&str>) -> Result<Imported, FormatError> {
    read_model(&ModelFiles { architecture: architecture.map(str::to_owned), ..ModelFiles::new("weights.h5", bytes) })
}

#[test]
fn a_network_comes_with_its_preparation_and_the_names_of_its_classes() {
    let description = described("mobilenet_0.25_224", |candidate| plan(candidate, true));
    for form in [Form::Lists, Form::Classes("layers")] {
        let bytes = file(&description, form, Some(1.0));
        let imported = read(bytes.clone(), None).expect("a network");
        let graph = &imported.graph;
        assert_eq!(graph.name, "mobilenet_0.25_224");
        assert_eq!(graph.image_shape(), Some([3, 224, 224]));
        assert_eq!(graph.preprocessing, Some(Preprocessing::keras_tf([224, 224])));
        assert_eq!(graph.final_activation, FinalActivation::Softmax);
        let labels = graph.labels.as_ref().expect("names");
        assert_eq!((labels.len(), labels[0].as_str(), labels[999].as_str()), (1000, "tench", "toilet paper"));
        assert!(graph.find_node("conv_dw_13").is_some());
        assert!(imported.warnings.is_empty(), "{:?}", imported.warnings);
        let version = if form == Form::Lists { "2.2.4" } else { "of unknown version" };
        assert_eq!(imported.format, format!("Keras {version} (HDF5, weights of MobileNet)"));
        // It may be chosen as well, however it is written.
        assert_eq!(read(bytes, Some("mobile-net")).expect("a network"), imported);
    }
}

#[test]
fn preparations_are_those_of_keras() {
    for candidate in CANDIDATES {
        let model = (candidate.build)(plan(candidate, true)).model;
        let preparation = preparation(&model.name).unwrap_or_else(|| panic!("{} is not known", model.name));
        let own = model.layers.iter().any(|layer| matches!(layer.class.as_str(), "Rescaling" | "Normalization"));
        assert_eq!(own, preparation == Preparation::Inside, "{}", model.name);
    }
    let size = [224, 224];
    for (model, expected) in [
        ("vgg16", Some(Preprocessing::keras_caffe(size))),
        ("resnet152", Some(Preprocessing::keras_caffe(size))),
        ("resnet152v2", Some(Preprocessing::keras_tf(size))),
        ("xception", Some(Preprocessing::keras_tf(size))),
        ("inception_resnet_v2", Some(Preprocessing::keras_tf(size))),
        ("mobilenetv2_1.40_224", Some(Preprocessing::keras_tf(size))),
        ("NASNet", Some(Preprocessing::keras_tf(size))),
        ("densenet201", Some(Preprocessing::torchvision(size))),
        ("MobilenetV3large", None),
        ("efficientnetv2-b0", None),
        ("model_1", None),
    ] {
        assert_eq!(preprocessing(model, size), expected, "{model}");
    }
    assert_eq!(labels("model_1", 1000), None);
    assert_eq!(labels("vgg16", 10), None);
}

#[test]
fn weights_of_another_architecture_are_refused_by_the_first_layer_that_differs() {
    let description = described("mobilenet_0.25_224", |candidate| plan(candidate, true));
    let lists = file(&description, Form::Lists, None);
    let error = read(lists.clone(), Some("VGG16")).expect_err("it is a MobileNet");
    assert_eq!(
        error.what(),
        "These are not the weights of VGG16: the layer \"block1_conv1\" has weights of shape 3×3×3×64, 64, the file \
         3×3×3×8."
    );
    assert!(error.advice().starts_with("Choose another architecture"), "{}", error.advice());
    let error = read(lists.clone(), Some("MobileNetV2")).expect_err("it is a MobileNet");
    assert!(error.what().contains("the layer \"Conv1\" has weights of shape 3×3×3×"), "{}", error.what());
    let error = read(lists, Some("AlexNet")).expect_err("it is not known");
    let FormatError::NeedsArchitecture { candidates } = &error else { panic!("{error}") };
    assert!(candidates.len() == 40 && candidates.iter().any(|name| name == "Xception"), "{candidates:?}");
    let unique: HashSet<&String> = candidates.iter().collect();
    assert_eq!(unique.len(), candidates.len());

    // One array more or another shape, and it is no known network.
    let mut other = described("mobilenet_0.25_224", |candidate| plan(candidate, true));
    assert_eq!(other.shapes[2].shapes, [[3, 3, 8, 1]]);
    other.shapes[2].shapes[0][2] += 1;
    let error = read(file(&other, Form::Lists, None), None).expect_err("no known shapes");
    assert_eq!(error.what(), "The file holds weights without the network.");
    let error = read(file(&other, Form::Classes("layers"), None), Some("MobileNet")).expect_err("other shapes");
    assert_eq!(
        error.what(),
        "These are not the weights of MobileNet: the layer \"conv_dw_1\" has weights of shape 3×3×8×1, the file 3×3×9×1."
    );
    // Shapes alone are no weights.
    let error = read(file(&description, Form::Lists, None), None).expect_err("no data");
    assert!(error.what().contains("has a shape but no data"), "{}", error.what());
}

/// The pretrained files of EfficientNet have standard deviations where the layer reads variances.
#[test]
fn deviations_in_place_of_variances_are_seen() {
    let description = described("efficientnetb0", |candidate| Plan { side: 224, ..plan(candidate, false) });
    let affine = |variance: [f32; 3]| {
        let bytes = file_with(&description, Form::Lists, Some(1.0), |layer, role| {
            (layer == "normalization" && role == "variance").then(|| variance.to_vec())
        });
        let graph = read(bytes, None).expect("a network").graph;
        let Op::Affine { scale: Some(scale), .. } = graph.nodes[0].op else { panic!("{:?}", graph.nodes[0]) };
        graph.param(scale).data.held().expect("few numbers").to_vec()
    };
    for (factor, deviation) in affine([0.229, 0.224, 0.225]).into_iter().zip([0.229, 0.224, 0.225]) {
        assert!((factor - 1.0 / (255.0 * deviation)).abs() < 1e-6, "{factor}");
    }
    for factor in affine([1.0; 3]) {
        assert!((factor - 1.0 / 255.0).abs() < 1e-8, "{factor}");
    }
}

#[test]
fn bent_files_never_panic() {
    let description = described("mobilenet_0.25_224", |candidate| plan(candidate, true));
    let mut state = 20_260_607u64;
    let mut below = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    for form in [Form::Lists, Form::Classes("layers")] {
        let whole = file(&description, form, None);
        for percent in 0..100 {
            assert!(read(whole[..whole.len() * percent / 100].to_vec(), None).is_err(), "{form:?} cut to {percent} %");
        }
        for _ in 0..500 {
            let mut mutant = whole.clone();
            for _ in 0..=below(4) {
                let at = below(whole.len());
                mutant[at] = if below(2) == 0 { mutant[at] ^ 1 << below(8) } else { below(256) as u8 };
            }
            let start = Instant::now();
            assert!(read(mutant, None).is_err(), "there is no data in it");
            assert!(start.elapsed().as_secs() < 2, "it took {:?}", start.elapsed());
        }
    }
}
