//! Networks that Keras 2 and 3 wrote, with what Keras makes of a picture, through the reader, the passes and the
//! reference interpreter. `tests/golden/keras/generate_keras.py` made them.

mod common;

use std::time::{Duration, Instant};

use common::{golden, npy, pack, scores, unpack};
use innspect_formats::{FormatError, Imported, ModelFiles, read_model};
use innspect_graph::{FinalActivation, Op, OpKind, guess_preprocessing, reference};

fn path(file: &str) -> std::path::PathBuf {
    golden("keras").join(file)
}

fn bytes(file: &str) -> Vec<u8> {
    std::fs::read(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn read(file: &str) -> Result<Imported, FormatError> {
    read_model(&ModelFiles::new(file, bytes(file)))
}

fn good(file: &str) -> Imported {
    read(file).unwrap_or_else(|error| panic!("{file}: {} {}", error.what(), error.place()))
}

/// All networks of the folder; the others are there to be refused.
fn networks() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(path("."))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .filter(|name| name.ends_with(".h5") || name.ends_with(".keras"))
        .filter(|name| {
            !["weights_only", "optimizer_only", "foreign", "lambda"].iter().any(|other| name.starts_with(other))
        })
        .collect();
    names.sort();
    names
}

/// The largest difference over all samples, relative to the largest value.
fn difference(file: &str, imported: &Imported) -> Result<f64, String> {
    let mut parts = file.split('.');
    let (name, variant) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let keras = if variant == "k3" { "k3" } else { "k2" };
    let name = name.trim_end_matches("_bfloat16");
    let (input, output) =
        (npy(&path(&format!("{name}.{keras}.input.npy"))), npy(&path(&format!("{name}.{keras}.output.npy"))));
    let samples = input.shape[0];
    let size = input.data.len() / samples;
    let mut worst = 0.0f64;
    let mut result = Vec::new();
    for sample in input.data.chunks_exact(size) {
        let mut sample: Vec<f32> = sample.iter().map(|&value| value as f32).collect();
        if name != "channels_first"
            && let [_, height, width, channels] = input.shape[..]
        {
            sample =
                (0..size).map(|index| sample[index % (height * width) * channels + index / (height * width)]).collect();
        }
        let logits = reference::logits(&imported.graph, &sample).map_err(|error| error.to_string())?;
        result.extend(scores(imported, logits));
    }
    if result.len() != output.data.len() {
        return Err(format!("{} values instead of {}", result.len(), output.data.len()));
    }
    let largest = output.data.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    for (result, output) in result.iter().zip(&output.data) {
        let difference = (result - output).abs();
        worst = if difference.is_nan() { f64::INFINITY } else { worst.max(difference) };
    }
    Ok(worst / largest)
}

#[test]
fn networks_give_the_scores_of_keras() {
    let mut failures = Vec::new();
    let names = networks();
    for file in &names {
        let imported = match read(file) {
            Ok(imported) => imported,
            Err(error) => {
                failures.push(format!("{file}: {} {}", error.what(), error.place()));
                continue;
            }
        };
        // Half precision keeps 11 bits of a weight, bfloat16 keeps 8.
        let tolerance = if file.contains("half") {
            2e-3
        } else if file.contains("bfloat16") {
            2e-2
        } else {
            1e-4
        };
        match difference(file, &imported) {
            Ok(difference) if difference < tolerance => {}
            Ok(difference) => failures.push(format!("{file}: differs by {difference:e}")),
            Err(error) => failures.push(format!("{file}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), names.len(), failures.join("\n"));
    assert!(names.len() >= 25, "only {} files", names.len());
}
/// The names of the nodes of a kind.
fn of(imported: &Imported, kind: OpKind) -> Vec<&str> {
    imported.graph.nodes.iter().filter(|node| node.op.kind() == kind).map(|node| node.name.as_str()).collect()
}

#[test]
fn nodes_have_the_names_of_the_layers() {
    for file in ["plain.k2.h5", "plain.k2.keras", "plain.k3.h5", "plain.k3.keras"] {
        let imported = good(file);
        assert_eq!(imported.graph.name, "plain");
        assert_eq!(of(&imported, OpKind::Conv), ["stem", "second"], "{file}");
        assert_eq!(of(&imported, OpKind::Dense), ["dense", "predictions"], "{file}");
        assert_eq!(of(&imported, OpKind::Activation), ["stem/relu", "activation", "dense/relu"], "{file}");
        assert_eq!(imported.graph.final_activation, FinalActivation::Softmax, "{file}");
        assert_eq!(imported.graph.image_shape(), Some([3, 16, 14]), "{file}");
        assert!(imported.warnings.is_empty(), "{:?}", imported.warnings);
        // The order of the rows of the dense layer was changed instead.
        assert!(!imported.graph.nodes.iter().any(|node| matches!(node.op, Op::Transpose { .. })), "{file}");
    }
    assert_eq!(good("plain.k2.h5").format, "Keras 2.14.0 (HDF5)");
    assert_eq!(good("plain.k3.keras").format, "Keras 3.15.1 (archive)");
    let nested = good("nested.k3.keras");
    let names =
        ["body/first/first_conv", "body/inner/conv", "body/inner/deepest/deepest_conv", "body/second/second_conv"];
    assert_eq!(of(&nested, OpKind::Conv), [&names[..], &["frozen/frozen_conv"]].concat());
    assert!(nested.graph.find_node("body/inner/norm").is_some());
    // Normalisations are folded, the layers of a separable convolution are two nodes.
    let names = ["separable_conv2d/depthwise", "separable_conv2d", "depthwise"];
    assert_eq!(of(&good("separable.k2.h5"), OpKind::Conv)[..3], names);
}

/// A file with some bytes replaced by as many others.
fn replaced(file: &str, old: &str, new: &str) -> Result<Imported, FormatError> {
    let mut bytes = bytes(file);
    assert_eq!(old.len(), new.len());
    let mut found = 0;
    for at in 0..bytes.len() - old.len() {
        if bytes[at..].starts_with(old.as_bytes()) {
            bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "{file} does not hold {old}");
    read_model(&ModelFiles::new(file, bytes))
}

#[test]
fn networks_of_keras_1_are_read() {
    let imported = good("keras1.k2.h5");
    assert_eq!(imported.format, "Keras 1.2.2 (HDF5)");
    assert_eq!(imported.graph.name, "keras1");
    assert!(imported.graph.find_node("sequential/conv2d_3").is_some());
    assert!(imported.warnings.is_empty(), "{:?}", imported.warnings);
    let say = |old: &str, new: &str| {
        let error = replaced("keras1.k2.h5", old, new).expect_err("it must be refused");
        format!("{} {}", error.what(), error.place())
    };
    assert_eq!(
        say("\"dim_ordering\": \"tf\"", "\"dim_ordering\": \"th\""),
        "The layer \"zero_padding2d\" cannot be read: its arrays are in the order of Theano, which is not supported. \
         layer \"zero_padding2d\" (ZeroPadding2D)"
    );
    assert_eq!(
        say("\"mode\": \"sum\"", "\"mode\": \"dot\""),
        "The layer \"add\" cannot be read: its way to merge \"dot\" is not supported. layer \"add\" (Merge)"
    );
    assert_eq!(
        say("\"mode\": 0", "\"mode\": 2"),
        "The layer \"batch_normalization\" cannot be read: it normalises each picture or batch by itself, which is not \
         supported. layer \"batch_normalization\" (BatchNormalization)"
    );
    let error = replaced("plain.k2.h5", "tensorflow", "theano\0\0\0\0").expect_err("mirrored kernels");
    assert_eq!(error.what(), "The file uses weights that Keras saved with Theano, which is not supported.");
}

#[test]
fn a_layer_that_is_called_twice_holds_its_weights_once() {
    for file in ["shared.k2.h5", "shared.k2.keras", "shared.k3.h5", "shared.k3.keras"] {
        let imported = good(file);
        let kernels: Vec<_> = imported
            .graph
            .nodes
            .iter()
            .filter_map(|node| match &node.op {
                Op::Conv2d(conv) if node.name.starts_with("twice") => Some(conv.weight),
                _ => None,
            })
            .collect();
        assert_eq!(kernels.len(), 2, "{file}");
        assert_eq!(kernels[0], kernels[1], "{file}");
    }
}

#[test]
fn networks_run_channels_first() {
    for file in networks() {
        let imported = good(&file);
        let moves = imported.graph.nodes.iter().filter(|node| matches!(node.op, Op::Transpose { .. })).count();
        // What Reshape and Permute do by intent stays.
        assert!(moves <= if file.starts_with("shapes") { 4 } else { 0 }, "{file}: {moves} transpositions");
    }
}

#[test]
fn what_the_file_says_of_its_pictures_is_understood() {
    let (preprocessing, why) = guess_preprocessing(&good("nested.k2.h5").graph);
    assert_eq!(preprocessing.scale, 1.0);
    assert_eq!(why, "The network normalises pixels of 0..255 itself.");
    let (preprocessing, _) = guess_preprocessing(&good("normalization.k3.keras").graph);
    assert_eq!(preprocessing.scale, 1.0);
}

#[test]
fn warnings_tell_how_a_file_was_read() {
    assert_eq!(good("outputs.k2.h5").warnings, ["Of its 2 outputs, \"main\" is taken as the class scores."]);
    assert_eq!(good("vector.k3.keras").warnings, ["The input is a vector; it is read as a picture of 1 × 8 × 8."]);
    let open = altered("plain.k3.keras", |config| {
        let layers = &mut config["config"]["layers"];
        layers[0]["config"]["batch_shape"] = serde_json::json!([null, null, 14, 3]);
    });
    // The dense layer fits the size that the file was made with only.
    let error = open.expect_err("another size");
    assert!(error.what().contains("expects 252 features"), "{}", error.what());
}

#[test]
fn files_without_a_network_are_named() {
    for (file, what) in [
        ("weights_only.k2.h5", "The file holds weights without the network."),
        ("weights_only.k3.weights.h5", "The file holds weights without the network."),
        ("optimizer_only.h5", "The file holds the state of an optimizer, without the network."),
    ] {
        let error = read(file).expect_err(file);
        assert_eq!(error.what(), what);
        assert!(error.advice().contains("model.save"), "{}", error.advice());
    }
    let error = read("foreign.h5").expect_err("another program's");
    assert_eq!(error.what(), "The file holds no network, but \"temperature\"; Keras did not write it.");
    let error = read("lambda.k2.h5").expect_err("Python code");
    assert_eq!(error.what(), "Layers of the class Lambda are not supported.");
    assert_eq!(error.place(), "layer \"double\" (Lambda)");
    assert!(error.advice().contains("Python code, which is never run"), "{}", error.advice());
}

/// Reads a stored archive with another architecture.
fn altered(file: &str, change: impl FnOnce(&mut serde_json::Value)) -> Result<Imported, FormatError> {
    let mut entries = unpack(&bytes(file));
    let config = entries.iter_mut().find(|(name, _)| name == "config.json").expect("an architecture");
    let mut json = serde_json::from_slice(&config.1).expect("JSON");
    change(&mut json);
    config.1 = serde_json::to_vec(&json).expect("JSON");
    read_model(&ModelFiles::new(file, pack(&entries, None)))
}

/// What is said of the plain network with one layer changed.
fn refused(layer: usize, change: impl FnOnce(&mut serde_json::Value)) -> String {
    let result = altered("plain.k3.keras", |config| change(&mut config["config"]["layers"][layer]));
    let error = result.map(|imported| imported.graph.nodes).expect_err("it must be refused");
    assert!(!error.advice().is_empty(), "{}", error.what());
    format!("{} {}", error.what(), error.place()).trim().to_owned()
}

#[test]
fn layers_that_cannot_be_read_are_named() {
    use serde_json::json;

    // 0 is the input, 1 the convolution, 2 the pooling, 4 the activation, 6 the dense layer.
    let set =
        |key: &'static str, value: serde_json::Value| move |layer: &mut serde_json::Value| layer["config"][key] = value;
    let conv = "The layer \"stem\" cannot be read:";
    let place = "layer \"stem\" (Conv2D)";
    assert_eq!(
        refused(1, |layer| layer["class_name"] = json!("Attention")),
        "Layers of the class Attention are not supported. layer \"stem\" (Attention)"
    );
    assert_eq!(
        refused(1, set("padding", json!("causal"))),
        format!("{conv} its padding \"causal\" is not supported. {place}")
    );
    assert_eq!(
        refused(1, set("activation", json!("squareplus"))),
        format!("{conv} its activation \"squareplus\" is not supported. {place}")
    );
    assert_eq!(
        refused(1, set("strides", json!([0, 1]))),
        format!("{conv} Conv2D cannot take an input of shape 3×16×14: its 3×3 kernel does not fit. {place}")
    );
    assert_eq!(refused(1, set("strides", json!(-1))), format!("{conv} its setting \"strides\" is -1. {place}"));
    assert_eq!(
        refused(1, set("strides", json!(1e12))),
        format!("{conv} its setting \"strides\" is 1000000000000.0. {place}")
    );
    assert_eq!(
        refused(1, set("groups", json!(7))),
        format!(
            "{conv} Conv2D (grouped) cannot take an input of shape 3×16×14: its kernel of shape 4×3×3×3 in 7 groups does not match 3 channels. {place}"
        )
    );
    assert_eq!(
        refused(1, set("data_format", json!("channels_middle"))),
        format!("{conv} its data format \"channels_middle\" is unknown. {place}")
    );
    assert_eq!(
        refused(2, set("pool_size", json!([1, 2, 3]))),
        "The layer \"max_pooling2d\" cannot be read: its setting \"pool_size\" is not two numbers. layer \"max_pooling2d\" (MaxPooling2D)"
    );
    assert_eq!(
        refused(1, set("border_mode", json!("same"))),
        format!("{conv} it has the settings of Keras 1, which are not supported. {place}")
    );
    assert_eq!(
        refused(4, |layer| layer["class_name"] = json!("BatchNormalization")),
        "The layer \"activation\" cannot be read: the file does not hold its weight number 1. layer \"activation\" (BatchNormalization)"
    );
    assert_eq!(
        refused(6, |layer| layer["class_name"] = json!("Conv2D")),
        "The layer \"dense\" cannot be read: it reads a value of shape 252, not a feature map. layer \"dense\" (Conv2D)"
    );
    assert_eq!(
        refused(0, |layer| layer["config"] = json!({})),
        "The network does not take one picture: the file does not say the size of its input."
    );
    assert_eq!(
        refused(0, set("batch_shape", json!([null, 16, 14, 3, 2]))),
        "The network does not take one picture: its input \"input_layer\" has 5 axes."
    );
    assert_eq!(
        refused(0, set("batch_shape", json!([null, 1e9, 14, 3]))),
        "The network does not take one picture: its input has an axis of size 1000000000.0."
    );
}

#[test]
fn architectures_that_make_no_sense_are_refused() {
    use serde_json::{Value, json};

    let say = |change: &dyn Fn(&mut Value)| {
        let error = altered("compiled.k3.keras", |config| change(config)).expect_err("it must be refused");
        assert!(!error.advice().is_empty());
        error.what()
    };
    let layer = |name: &str, from: &[&str]| {
        let args: Vec<Value> = from
            .iter()
            .map(|name| json!({"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}))
            .collect();
        json!({"class_name": "Add", "config": {"name": name}, "inbound_nodes": [{"args": [args], "kwargs": {}}]})
    };
    let input = || json!({"class_name": "InputLayer", "config": {"name": "in", "batch_shape": [null, 8, 8, 3]}, "inbound_nodes": []});
    let functional = |layers: Vec<Value>, output: &str| json!({"class_name": "Functional", "config": {"name": "net", "layers": layers, "input_layers": ["in", 0, 0], "output_layers": [output, 0, 0]}});
    let start = "The file is damaged: its description of the network is not right:";
    assert_eq!(
        say(&|config| *config = functional(vec![input(), layer("a", &["in", "b"]), layer("b", &["a", "in"])], "b")),
        format!("{start} its layers read each other in a circle.")
    );
    assert_eq!(
        say(&|config| *config = functional(vec![input(), layer("a", &["ghost", "in"])], "a")),
        format!("{start} there is no layer \"ghost\".")
    );
    assert_eq!(
        say(&|config| *config = functional(vec![input(), layer("a", &["in", "in"]), layer("a", &["in", "in"])], "a")),
        format!("{start} two layers are called \"a\".")
    );
    assert_eq!(
        say(&|config| *config = functional(vec![input()], "in")),
        "The network does not give one score per class: its output is the picture itself."
    );
    assert_eq!(
        say(&|config| *config = functional(vec![input(), layer("a", &["in", "in"])], "a")),
        "The network does not give one score per class: its output \"a\" has shape 3×8×8."
    );
    assert_eq!(
        say(&|config| {
            let mut second = input();
            second["config"]["name"] = json!("more");
            *config = functional(vec![input(), second, layer("a", &["in", "more"])], "a");
            config["config"]["input_layers"] = json!([["in", 0, 0], ["more", 0, 0]]);
        }),
        "The network does not take one picture: it has 2 inputs: in, more."
    );
    assert_eq!(
        say(&|config| *config = json!({"class_name": "MyModel", "config": {"units": 3}})),
        "The file holds a network of the class MyModel, whose layers only its Python code knows."
    );
    assert_eq!(say(&|config| *config = json!([1, 2])), format!("{start} it is not an object."));

    // Each model calls the one inside it twice: thirty levels would be a thousand million calls.
    let doubling = |levels: usize| {
        let mut model = functional(vec![input(), layer("sum", &["in", "in"])], "sum");
        for _ in 0..levels {
            let call = |from: &str| json!({"args": [{"config": {"keras_history": [from, 0, 0]}}], "kwargs": {}});
            model["inbound_nodes"] =
                json!([call("in"), json!({"args": [{"config": {"keras_history": ["net", 0, 0]}}], "kwargs": {}})]);
            model = functional(vec![input(), model], "net");
            model["config"]["output_layers"] = json!(["net", 1, 0]);
        }
        model
    };
    let start = Instant::now();
    let words = say(&|config| *config = doubling(20));
    assert!(words.contains("more than"), "{words}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let words = say(&|config| *config = doubling(40));
    assert!(words.contains("models inside each other") || words.contains("recursion"), "{words}");
}

#[test]
fn archives_that_are_not_right_are_refused() {
    let entries = unpack(&bytes("plain.k3.keras"));
    let without =
        |name: &str| -> Vec<(String, Vec<u8>)> { entries.iter().filter(|(own, _)| own != name).cloned().collect() };
    let say = |bytes: Vec<u8>| {
        let error = read_model(&ModelFiles::new("net.keras", bytes)).expect_err("it must be refused");
        assert!(!error.advice().is_empty());
        error.what()
    };
    assert_eq!(say(pack(&without("config.json"), None)), "The file holds weights without the network.");
    assert_eq!(say(pack(&without("model.weights.h5"), None)), "The file holds a network without its weights.");
    let mut other = without("model.weights.h5");
    other.push(("model.weights.npz".to_owned(), vec![0; 10]));
    assert_eq!(say(pack(&other, None)), "The file uses weights in \"model.weights.npz\", which is not supported.");

    // A bomb: an entry of zeros that says it is a thousand times its packed size.
    let mut bomb = without("model.weights.h5");
    bomb.push(("model.weights.h5".to_owned(), vec![0; 5000]));
    assert_eq!(
        say(pack(&bomb, Some(2_000_000_000))),
        "The file has 2000000000 bytes in a packed entry, more than 1000000."
    );
    // One that is longer than it says.
    let packed = {
        use std::io::Write;
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![0; 100_000]).expect("memory");
        encoder.finish().expect("memory")
    };
    bomb.last_mut().expect("an entry").1 = packed;
    assert_eq!(say(pack(&bomb, Some(1000))), "The file is damaged: compressed data is longer than 1000 bytes.");
    let mut flipped = bytes("plain.k3.keras");
    let at = flipped.len() / 2;
    flipped[at] ^= 1;
    assert_eq!(
        say(flipped),
        "The file is damaged: the entry \"model.weights.h5\" of the zip archive has another checksum than it should."
    );
}
