//! TensorFlow Lite files, with what its interpreter makes of pictures, through the reader, the passes and the reference
//! interpreter. `tests/golden/tflite/generate_tflite.py` made them.

mod common;

use common::{difference, golden, npy};
use innspect_formats::{Imported, ModelFiles, read_model};
use innspect_graph::{ChannelOrder, FinalActivation, Op, OpKind};

fn path(file: &str) -> std::path::PathBuf {
    golden("tflite").join(file)
}

fn bytes(file: &str) -> Vec<u8> {
    std::fs::read(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn good(file: &str) -> Imported {
    let result = read_model(&ModelFiles::new(file, bytes(file)));
    result.unwrap_or_else(|error| panic!("{file}: {} {}", error.what(), error.place()))
}

/// All networks of the folder, without the ending of their names.
fn networks() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(path("."))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .filter_map(|name| name.strip_suffix(".tflite").map(str::to_owned))
        .filter(|name| name != "described" && !name.starts_with("bad_"))
        .collect();
    names.sort();
    names
}

#[test]
fn networks_give_the_scores_of_the_interpreter() {
    let mut failures = Vec::new();
    let names = networks();
    for name in &names {
        let file = format!("{name}.tflite");
        let imported = match read_model(&ModelFiles::new(&file, bytes(&file))) {
            Ok(imported) => imported,
            Err(error) => {
                failures.push(format!("{file}: {} {}", error.what(), error.place()));
                continue;
            }
        };
        let (network, form) = name.split_once('.').expect("a form");
        let input = npy(&path(&format!("{network}.input.npy")));
        let output = npy(&path(&format!("{name}.output.npy")));
        // The interpreter rounds activations to 8 bits where the file says so.
        let tolerance = match form {
            "int8" | "uint8" => 0.1,
            "dynamic" => 0.02,
            "half" => 1e-3,
            _ => 1e-4,
        };
        match difference(&imported, &input, &output) {
            Ok(difference) if difference < tolerance => {}
            Ok(difference) => failures.push(format!("{file}: differs by {difference:e}")),
            Err(error) => failures.push(format!("{file}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), names.len(), failures.join("\n"));
    assert!(names.len() >= 15, "only {} files", names.len());
}

#[test]
fn integers_are_read_as_the_floats_they_stand_for() {
    // What Keras makes of the dequantised weights.
    let (input, output) = (npy(&path("plain.input.npy")), npy(&path("plain.weights.output.npy")));
    let worst = difference(&good("plain.int8.tflite"), &input, &output).expect("scores");
    assert!(worst < 1e-4, "{worst:e}");
}

/// The names of the nodes of a kind.
fn of(imported: &Imported, kind: OpKind) -> Vec<&str> {
    imported.graph.nodes.iter().filter(|node| node.op.kind() == kind).map(|node| node.name.as_str()).collect()
}

#[test]
fn nodes_have_the_names_of_what_they_write() {
    let imported = good("plain.float.tflite");
    assert_eq!(imported.format, "TensorFlow Lite (schema 3)");
    assert_eq!(imported.graph.name, "plain.float.tflite");
    assert_eq!(of(&imported, OpKind::Conv), ["plain/stem/Relu", "plain/second/Relu"]);
    assert_eq!(of(&imported, OpKind::Activation)[..2], ["plain/stem/Relu/relu", "plain/second/Relu/relu"]);
    assert_eq!(imported.graph.image_shape(), Some([3, 16, 14]));
    assert_eq!(imported.graph.final_activation, FinalActivation::Softmax);
    assert!(imported.warnings.is_empty(), "{:?}", imported.warnings);
    assert!(imported.graph.preprocessing.is_none() && imported.graph.labels.is_none());
    // An output does not say what it is; its weights do.
    let logits = good("residual.float.tflite");
    assert!(of(&logits, OpKind::Dense)[0].starts_with("residual/logits/MatMul"), "{:?}", of(&logits, OpKind::Dense));
    assert_eq!(logits.graph.final_activation, FinalActivation::None);
}

#[test]
fn networks_run_channels_first() {
    for name in networks() {
        let imported = good(&format!("{name}.tflite"));
        let moves = imported.graph.nodes.iter().filter(|node| matches!(node.op, Op::Transpose { .. })).count();
        // Shuffled channels and the heads of an attention are moved by intent.
        let most = match name.split('.').next() {
            Some("shapes") => 3,
            Some("attention") => 7,
            _ => 0,
        };
        assert!(moves <= most, "{name}: {moves} transpositions");
    }
}

#[test]
fn dilated_convolutions_are_found_in_their_old_form() {
    let dilations: Vec<[usize; 2]> = good("dilation.float.tflite")
        .graph
        .nodes
        .iter()
        .filter_map(|node| match &node.op {
            Op::Conv2d(conv) => Some(conv.dilation),
            _ => None,
        })
        .collect();
    assert_eq!(dilations, [[2, 2], [3, 3]]);
}

#[test]
fn what_the_file_says_of_pictures_and_classes_is_taken_over() {
    let graph = good("described.tflite").graph;
    let labels = graph.labels.expect("labels");
    assert_eq!(labels, ["tench", "goldfish", "white shark", "tiger shark", "hammerhead"]);
    let preprocessing = graph.preprocessing.expect("a mean and a deviation");
    assert_eq!(preprocessing.scale, 1.0);
    assert_eq!(preprocessing.mean, [127.5, 120.0, 110.0]);
    assert_eq!(preprocessing.std, [127.5, 64.0, 50.0]);
    assert_eq!(preprocessing.channels, ChannelOrder::Rgb);
    assert_eq!(preprocessing.size, [16, 14]);

    // The smallest and the largest pixel are the smallest and the largest integer.
    let warning = "Activations are quantised in the file; they are computed in full precision here.";
    for file in ["plain.int8.tflite", "plain.uint8.tflite"] {
        let imported = good(file);
        assert_eq!(imported.warnings, [warning], "{file}");
        let preprocessing = imported.graph.preprocessing.expect("a scale");
        let value = |pixel: f32| (pixel * preprocessing.scale - preprocessing.mean[0]) / preprocessing.std[0];
        let pictures = npy(&path("plain.input.npy")).data;
        let (low, high) = pictures.iter().fold((0.0f64, 0.0f64), |(low, high), &v| (low.min(v), high.max(v)));
        assert!(
            f64::from(value(0.0)) <= low && f64::from(value(255.0)) >= high - 0.1,
            "{file}: {} {}",
            value(0.0),
            value(255.0)
        );
        assert!(f64::from(value(255.0) - value(0.0)) < 2.0 * (high - low), "{file}");
    }
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let say = |name: &str| {
        let file = format!("bad_{name}.tflite");
        let error = read_model(&ModelFiles::new(&file, bytes(&file))).map(|imported| imported.format).expect_err(name);
        assert!(!error.advice().is_empty(), "{name}");
        format!("{} {}", error.what(), error.place()).trim().to_owned()
    };
    let pooling = "node \"plain/max_pooling2d/MaxPool\"";
    assert_eq!(
        say("custom"),
        format!("The operator MyPooling of TensorFlow Lite is not supported. {pooling} (MyPooling)")
    );
    assert_eq!(
        say("unknown"),
        format!("The operator SCATTER_ND of TensorFlow Lite is not supported. {pooling} (SCATTER_ND)")
    );
    assert_eq!(
        say("type"),
        "The weight \"plain/stem/Conv2D\" cannot be read: its element type 17 is not supported. tensor \"plain/stem/Conv2D\""
    );
    assert_eq!(
        say("shape"),
        "The weight \"plain/stem/Conv2D\" cannot be read: it has 432 bytes, its shape [4, 3, 3, 5] needs 180 × 4. tensor \"plain/stem/Conv2D\""
    );
    let conv = "node \"plain/stem/Relu\" (CONV_2D)";
    assert_eq!(say("padding"), format!("A CONV_2D operation cannot be read: its padding 7 is unknown. {conv}"));
    assert_eq!(
        say("fused"),
        format!("A CONV_2D operation cannot be read: its fused activation 5 is not supported. {conv}")
    );
    assert_eq!(say("version"), "The file uses version 2 of TensorFlow Lite's schema, which is not supported.");
    assert!(
        say("inputs").starts_with("The network does not take one picture: it has 2 inputs: serving_default_image:0, ")
    );
}
