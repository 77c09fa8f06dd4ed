//! The command as its user runs it: exit status, files, one line of error.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use innspect_dataset::npy;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn innspect(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_innspect"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("the command starts")
}

fn fine(arguments: &[&str]) -> String {
    let output = innspect(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The one line of a refusal.
fn refused(arguments: &[&str]) -> String {
    let output = innspect(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    text
}

/// An empty folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("innspect-command-{}-{name}", std::process::id()));
        std::fs::remove_dir_all(&path).ok();
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("text")
    }

    fn array(&self, file: &str) -> npy::Array {
        npy::read_f32(&std::fs::read(self.0.join(file)).expect(file)).expect(file)
    }

    fn report(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.0.join("result.json")).expect("a report")).expect("JSON")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn deviation(actual: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(actual.len(), expected.len());
    let scale = expected.iter().fold(0.0_f32, |max, value| max.max(value.abs()));
    assert!(actual.iter().all(|value| value.is_finite()));
    actual.iter().zip(expected).fold(0.0_f32, |max, (a, b)| max.max((a - b).abs())) / scale
}

#[test]
fn methods_lists_the_table() {
    let methods: Value = serde_json::from_str(&fine(&["methods", "--json"])).expect("JSON");
    let ids: Vec<&str> =
        methods.as_array().expect("a list").iter().filter_map(|method| method["id"].as_str()).collect();
    for id in ["gradient", "grad_cam", "guided_backprop", "lrp.epsilon", "lrp.sequential_preset_a_flat", "activation"] {
        assert!(ids.contains(&id), "{id}");
        assert!(fine(&["methods"]).contains(id), "{id}");
    }
}

#[test]
fn inspect_lists_layers() {
    let report: Value = serde_json::from_str(&fine(&["inspect", "squeezenet1_1", "--json"])).expect("JSON");
    assert_eq!(report["classes"], 1000);
    assert_eq!(report["input"], serde_json::json!([3, 227, 227]));
    assert_eq!(report["final_activation"], "softmax");
    let layers = report["layers"].as_array().expect("layers");
    assert!(layers.iter().any(|layer| Some(&layer["name"]) == Some(&report["default_layer"])));
    assert!(fine(&["inspect", "tests/golden/residual.onnx"]).contains("Conv2D"));
}

#[test]
fn predict_names_the_class() {
    let text = fine(&["predict", "--model", "squeezenet1_1", "--image", "models/photos/german_shepherd.jpg"]);
    let first = text.lines().nth(1).expect("a class");
    assert!(first.contains("German Shepherd"), "{text}");
}

#[test]
fn explain_writes_arrays_pictures_and_a_report() {
    let folder = Folder::new("explain");
    let photo = "models/photos/german_shepherd.jpg";
    let methods = "lrp.epsilon,grad_cam,guided_backprop";
    fine(&["explain", "--model", "efficientnet_lite0", "--image", photo, "--method", methods, "--out", folder.path()]);
    assert_eq!(folder.array("lrp.epsilon.npy").shape, [1, 3, 224, 224]);
    assert_eq!(folder.array("guided_backprop.npy").shape, [1, 3, 224, 224]);
    assert_eq!(folder.array("grad_cam.npy").shape, [1, 1, 224, 224]);
    assert_eq!(folder.array("grad_cam.layer.npy").shape, [1, 1, 7, 7]);
    for method in methods.split(',') {
        let png = std::fs::read(folder.0.join(format!("{method}.png"))).expect("a picture");
        assert!(png.starts_with(b"\x89PNG"), "{method}");
        assert!(folder.array(&format!("{method}.npy")).data.iter().any(|&value| value != 0.0), "{method}");
    }
    let report = folder.report();
    let lrp = &report["results"][0]["samples"][0];
    assert_eq!(lrp["start"], "value");
    assert!(lrp["label"].as_str().expect("a label").contains("German Shepherd"));
    let check = &lrp["check"];
    let number = |key: &str| check[key].as_f64().expect("a number");
    assert!((number("start") - number("absorbed") - number("sum")).abs() < 1e-2 * number("start").abs());
    assert_eq!(report["results"][1]["samples"][0]["start"], "1");
    assert!(!lrp["rules"].as_array().expect("rules").is_empty());
}

#[test]
fn prepared_inputs_reproduce_the_golden_numbers_on_both_devices() {
    for device in ["cpu", "gpu"] {
        for (network, method, extra) in [
            ("residual", "lrp.alpha_2_beta_1", &[][..]),
            ("depthwise", "guided_backprop", &[][..]),
            ("plain", "lrp.epsilon", &["--param", "epsilon=0.1"][..]),
        ] {
            let folder = Folder::new(&format!("{device}-{network}"));
            let (model, input) = (format!("tests/golden/{network}.onnx"), format!("tests/golden/{network}.input.npy"));
            let mut arguments = vec!["explain", "--model", &model, "--input", &input, "--method", method];
            arguments.extend(["--device", device, "--out", folder.path()]);
            arguments.extend(extra);
            fine(&arguments);
            let suffix = if extra.is_empty() { "" } else { ".eps0.1" };
            let file = root().join(format!("tests/golden/{network}.{method}{suffix}.npy"));
            let expected = npy::read_f32(&std::fs::read(&file).expect("a reference")).expect("an array");
            let error = deviation(&folder.array(&format!("{method}.npy")).data, &expected.data);
            assert!(error < 1e-4, "{device} {network} {method}: {error:e}");
        }
    }
}

#[test]
fn scan_tells_what_networks_say_of_a_data_set() {
    let folder = Folder::new("scan");
    let (json, table_file) = (format!("{}/scan.json", folder.path()), format!("{}/scan.csv", folder.path()));
    let scan = ["scan", "--images", "models/digits_marked.npz", "--model", "digits_plain", "digits_shortcut"];
    let text = fine(&[&scan[..], &["--out", &json]].concat());
    assert!(text.contains("1000 pictures, 98."), "{text}");
    let table: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let images = table["images"].as_array().unwrap();
    assert_eq!((table["models"].as_array().unwrap().len(), images.len()), (2, 1000));
    for image in images {
        let best: Vec<_> = image["predictions"].as_array().unwrap().iter().map(|said| &said["top"][0]).collect();
        let mean = best.iter().map(|best| best["score"].as_f64().unwrap()).sum::<f64>() / 2.0;
        assert!((image["mean_score"].as_f64().unwrap() - mean).abs() < 1e-6, "{image}");
        let distinct = if best[0]["label"] == best[1]["label"] { 1 } else { 2 };
        assert_eq!(image["distinct_classes"], distinct, "{image}");
        let right = best[0]["label"] == image["label"];
        assert_eq!(image["predictions"][0]["correct"], right, "{image}");
    }
    fine(&[&scan[..], &["--out", &table_file]].concat());
    // Names of networks have commas in them; the reader refuses lines of other lengths than the first.
    let mut lines = csv::Reader::from_path(&table_file).unwrap();
    assert_eq!(lines.headers().unwrap().get(9), Some("Digits, with a shortcut score"));
    let lines: Vec<csv::StringRecord> = lines.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(lines.len(), 1000);
    for (line, image) in lines.iter().zip(images) {
        assert_eq!((&line[0], &line[1]), (image["file"].as_str().unwrap(), image["label"].as_str().unwrap()));
        assert_eq!(&line[5], image["predictions"][0]["top"][0]["label"].as_str().unwrap());
    }

    let out = ["--out", json.as_str()];
    assert!(refused(&[&scan[..], &["--top", "0"], &out].concat()).contains("--top 0"));
    let empty = ["scan", "--images", folder.path(), "--model", "digits_plain"];
    std::fs::remove_file(&json).unwrap();
    std::fs::remove_file(&table_file).unwrap();
    assert!(refused(&[&empty[..], &out].concat()).contains("There is no picture in"));
}

#[test]
fn refusals_are_one_line() {
    let out = Folder::new("refused");
    let explain = |model: &str, method: &str, extra: &[&str]| {
        let mut arguments = vec!["explain", "--model", model, "--method", method, "--out", out.path()];
        arguments.extend(extra);
        refused(&arguments)
    };
    let input = ["--input", "tests/golden/plain.input.npy"];
    let plain = "tests/golden/plain.onnx";
    assert!(explain("no_such_network", "gradient", &input).contains("squeezenet1_1"));
    assert!(explain("README.md", "gradient", &input).contains("text"));
    assert!(explain(plain, "lrp.nonsense", &input).contains("lrp.nonsense"));
    assert!(explain(plain, "lrp.epsilon", &[&input[..], &["--param", "epsilon=-1"]].concat()).contains("epsilon"));
    assert!(explain(plain, "gradient", &[&input[..], &["--class", "99"]].concat()).contains("10 classes"));
    assert!(explain(plain, "grad_cam", &[&input[..], &["--layer", "nowhere"]].concat()).contains("nowhere"));
    assert!(explain(plain, "gradient", &["--image", "README.md"]).contains("README.md"));
    assert!(explain(plain, "gradient", &["--input", "tests/golden/residual.input.npy"]).contains("shape"));
    let sigmoid_only = explain(
        "tests/golden/squeeze_excite.onnx",
        "guided_backprop",
        &["--input", "tests/golden/squeeze_excite.input.npy"],
    );
    assert!(sigmoid_only.contains("rectifiers"));
    assert!(refused(&["explain"]).contains("--model"));
    assert!(refused(&["frobnicate"]).contains("frobnicate"));
}
