//! `cargo xtask train`: starts the program in `crates/train`, writes the networks that it trains as ONNX, and checks
//! them with the reference interpreter.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use innspect_formats::{ModelFiles, onnx, onnx::proto::Attribute};
use innspect_graph::reference;

use super::{
    digits::Digits,
    network::{Facts, Network, save},
};
use crate::{command, places::Places};

#[path = "../../../train/src/exchange.rs"]
pub mod exchange;

use exchange::{CLASSES, EPSILON, History, INPUT, Op, PIXELS, SIDE, Step, Trained, files};

/// Id of the network that learnt the mark.
pub const SHORTCUT: &str = "digits_shortcut";

/// The networks: id, name, and a sentence on the build that ends before their number of weights.
const NETWORKS: [(&str, &str, &str); 4] = [
    ("digits_plain", "Digits, plain", "As VGG, convolutions with ReLU, max pooling and two dense layers:"),
    ("digits_residual", "Digits, residual", "As ResNet, blocks with batch normalisation and a way around them:"),
    (
        "digits_separable",
        "Digits, separable",
        "As MobileNet, depthwise separable convolutions with batch normalisation and ReLU6:",
    ),
    (SHORTCUT, "Digits, with a shortcut", "The plain build, misled by its training data:"),
];

/// How much a logit of the written network may differ from that of the trained one, relative to the largest.
const TOLERANCE: f64 = 1e-4;

/// File with how training went.
const HISTORY: &str = "digits/history.json";

/// File of a network.
pub fn file(id: &str) -> String {
    format!("digits/{id}.onnx")
}

/// Name and build of a network.
pub fn about(id: &str) -> Result<(&'static str, &'static str)> {
    let found = NETWORKS.iter().find(|(known, ..)| *known == id);
    found.map(|&(_, name, build)| (name, build)).with_context(|| format!("no network is called {id}"))
}

/// How training went, a network each.
pub fn histories(folder: &Path) -> Result<Vec<History>> {
    let path = folder.join(HISTORY);
    let text = fs::read(&path).with_context(|| format!("{} is missing: run `cargo xtask train`", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no history", path.display()))
}

/// Trains the networks and writes them.
pub fn write(places: &Places, folder: &Path) -> Result<()> {
    let digits = Digits::read(folder)?;
    let mut histories = Vec::new();
    for trained in train(places, &digits, None)? {
        let id = trained.history.id.clone();
        let bytes = encode(&trained)?;
        verify(&trained, &digits, &bytes).with_context(|| id.clone())?;
        save(folder, &file(&id), &bytes)?;
        histories.push(trained.history);
    }
    let mut text = serde_json::to_string_pretty(&histories)?;
    text.push('\n');
    save(folder, HISTORY, text.as_bytes())
}

/// Trains for one round and does everything but keep the result.
pub fn check(places: &Places, folder: &Path) -> Result<()> {
    let digits = Digits::read(folder)?;
    for trained in train(places, &digits, Some(1))? {
        let id = &trained.history.id;
        verify(&trained, &digits, &encode(&trained)?).with_context(|| id.clone())?;
        println!("  {id}: the written network gives the logits of the trained one");
    }
    Ok(())
}

/// Hands the digits to the program and reads its answers.
fn train(places: &Places, digits: &Digits, epochs: Option<usize>) -> Result<Vec<Trained>> {
    let work = places.target.join("train");
    let (data, out) = (work.join("data"), work.join("out"));
    fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
    let handed = [
        (files::IMAGES, &digits.images),
        (files::LABELS, &digits.labels),
        (files::SPLIT, &digits.split),
        (files::MARKED, &digits.marked),
    ];
    for (name, bytes) in handed {
        fs::write(data.join(name), bytes).with_context(|| format!("cannot write {name} in {}", data.display()))?;
    }
    let answer = |id: &str| -> PathBuf { out.join(format!("{id}.json")) };
    for (id, ..) in NETWORKS {
        // An answer of an earlier run must not be taken for one of this.
        fs::remove_file(answer(id)).ok();
    }
    let mut cargo = command::cargo(places);
    cargo.args(["run", "--quiet", "--release", "--locked", "--manifest-path", "crates/train/Cargo.toml", "--"]);
    cargo.args([&data, &out]).args(epochs.map(|epochs| epochs.to_string()));
    command::run(&mut cargo)?;
    NETWORKS
        .iter()
        .map(|(id, ..)| {
            let text = fs::read(answer(id)).with_context(|| format!("training left no {id}"))?;
            serde_json::from_slice(&text).with_context(|| format!("training left no readable {id}"))
        })
        .collect()
}

/// The network as ONNX, with a softmax behind the logits.
fn encode(trained: &Trained) -> Result<Vec<u8>> {
    let side = i64::try_from(SIDE)?;
    let (mut net, input) = Network::new([1, side, side], i64::try_from(CLASSES)?, false);
    ensure!(input == INPUT, "the input is called {input}");
    let mut last = input;
    for step in &trained.steps {
        last = add(&mut net, trained, step).with_context(|| format!("the step {}", step.name))?;
    }
    let output = net.add("Softmax", "prob", &[&last], vec![Attribute::int("axis", 1)]);
    let (name, build) = about(&trained.history.id)?;
    let facts = Facts {
        name: &trained.history.id,
        description: &format!("{name}. {build} {} weights.", trained.history.weights),
        licence: "MIT OR Apache-2.0",
        source: "iNNspect, cargo xtask train",
    };
    Ok(net.finish(&output, &facts))
}

/// Adds a step and gives the name of its value.
fn add(net: &mut Network, trained: &Trained, step: &Step) -> Result<String> {
    let mut inputs = step.inputs.clone();
    let mut tensor = |net: &mut Network, part: &str| -> Result<()> {
        let name = format!("{}.{part}", step.name);
        let tensor = trained.tensors.get(&name).with_context(|| format!("there is no {name}"))?;
        inputs.push(net.kernel(&name, &tensor.shape, &tensor.values)?);
        Ok(())
    };
    let square =
        |name: &str, size: usize| -> Result<Attribute> { Ok(Attribute::ints(name, &[i64::try_from(size)?; 2])) };
    let (op, attributes) = match step.op {
        Op::Conv { size, stride, groups, bias, .. } => {
            tensor(net, "weight")?;
            if bias {
                tensor(net, "bias")?;
            }
            let attributes = vec![
                square("kernel_shape", size)?,
                square("strides", stride)?,
                Attribute::ints("pads", &[i64::try_from(size / 2)?; 4]),
                Attribute::int("group", i64::try_from(groups)?),
            ];
            ("Conv", attributes)
        }
        Op::BatchNorm { .. } => {
            for part in ["weight", "bias", "running_mean", "running_var"] {
                tensor(net, part)?;
            }
            ("BatchNormalization", vec![Attribute::float("epsilon", EPSILON)])
        }
        Op::Linear { .. } => {
            tensor(net, "weight")?;
            tensor(net, "bias")?;
            ("Gemm", vec![Attribute::int("transB", 1)])
        }
        Op::Relu => ("Relu", vec![]),
        Op::Relu6 => {
            // Shared by all of them; added when first needed.
            for (name, value) in [("relu6.min", 0.0), ("relu6.max", 6.0)] {
                net.constant(name, value);
                inputs.push(name.to_owned());
            }
            ("Clip", vec![])
        }
        Op::MaxPool => ("MaxPool", vec![square("kernel_shape", 2)?, square("strides", 2)?]),
        Op::Add => ("Add", vec![]),
        Op::AveragePool => ("GlobalAveragePool", vec![]),
        Op::Flatten => ("Flatten", vec![Attribute::int("axis", 1)]),
    };
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    Ok(net.add(op, &step.name, &inputs, attributes))
}

/// Compares the written network, as the project reads it, with the logits that training ended with.
fn verify(trained: &Trained, digits: &Digits, bytes: &[u8]) -> Result<()> {
    let imported = onnx::read_any(&ModelFiles::new(&trained.history.id, bytes.to_vec()))?;
    let tested = (0..digits.labels.len()).filter(|&index| digits.split[index] == 1);
    ensure!(!trained.probe.is_empty(), "training told no logits");
    for (index, expected) in tested.zip(&trained.probe) {
        let image = &digits.images[index * PIXELS..][..PIXELS];
        let pixels: Vec<f32> = image.iter().map(|&grey| f32::from(grey) / 255.0).collect();
        let logits = reference::logits(&imported.graph, &pixels)?;
        ensure!(logits.len() == expected.len(), "{} logits instead of {}", logits.len(), expected.len());
        let largest = expected.iter().fold(0.0_f64, |largest, &logit| largest.max(f64::from(logit).abs()));
        for (logit, &expected) in logits.iter().zip(expected) {
            let difference = (logit - f64::from(expected)).abs() / largest;
            if difference.is_nan() || difference > TOLERANCE {
                bail!("digit {index} gives the logit {logit}, not {expected}");
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use exchange::Tensor;

    fn step(name: &str, inputs: &[&str], op: Op) -> Step {
        Step { name: name.to_owned(), inputs: inputs.iter().map(|&input| input.to_owned()).collect(), op }
    }

    /// A network with every operation, whose weights are all alike.
    fn trained() -> Trained {
        let conv = Op::Conv { inputs: 1, outputs: 2, size: 3, stride: 2, groups: 1, bias: true };
        let depthwise = Op::Conv { inputs: 2, outputs: 2, size: 3, stride: 1, groups: 2, bias: false };
        let steps = vec![
            step("conv", &["input"], conv),
            step("bn", &["conv"], Op::BatchNorm { channels: 2 }),
            step("relu", &["bn"], Op::Relu),
            step("dw", &["relu"], depthwise),
            step("relu6", &["dw"], Op::Relu6),
            step("add", &["relu6", "relu"], Op::Add),
            step("pool", &["add"], Op::MaxPool),
            step("mean", &["pool"], Op::AveragePool),
            step("flat", &["mean"], Op::Flatten),
            step("fc", &["flat"], Op::Linear { inputs: 2, outputs: CLASSES }),
        ];
        let tensor =
            |shape: &[usize], value: f32| Tensor { shape: shape.to_vec(), values: vec![value; shape.iter().product()] };
        let tensors = [
            ("conv.weight", tensor(&[2, 1, 3, 3], 0.5)),
            ("conv.bias", tensor(&[2], 0.25)),
            ("bn.weight", tensor(&[2], 2.0)),
            ("bn.bias", tensor(&[2], 1.0)),
            ("bn.running_mean", tensor(&[2], 0.25)),
            ("bn.running_var", tensor(&[2], 4.0 - EPSILON)),
            ("dw.weight", tensor(&[2, 1, 3, 3], 1.0)),
            ("fc.weight", tensor(&[CLASSES, 2], 0.5)),
            ("fc.bias", tensor(&[CLASSES], 3.0)),
        ];
        // Black gives 0.25 behind `conv`, 1 behind `bn` and `relu`, 9 behind `dw` and less at its rims, which `relu6` makes
        // 6 but for 4 in the corners; with the way around 7 everywhere after pooling, and 0.5 · 7 · 2 + 3 in the end.
        let history = History {
            id: SHORTCUT.to_owned(),
            weights: 1,
            seed: 1,
            accuracy: 1.0,
            flipped: 1.0,
            unmarked: 1.0,
            epochs: vec![],
        };
        let tensors: BTreeMap<String, Tensor> =
            tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect();
        Trained { steps, tensors, probe: vec![vec![10.0; CLASSES]], history }
    }

    fn black() -> Digits {
        Digits { images: vec![0; PIXELS], labels: vec![0], split: vec![1], marked: vec![0] }
    }

    #[test]
    fn a_written_network_gives_the_logits_of_its_steps() {
        let trained = trained();
        verify(&trained, &black(), &encode(&trained).unwrap()).unwrap();
    }

    #[test]
    fn another_logit_is_noticed() {
        let mut trained = trained();
        trained.probe[0][7] = 10.1;
        let error = verify(&trained, &black(), &encode(&trained).unwrap()).unwrap_err();
        assert!(error.to_string().contains("not 10.1"), "{error}");
        trained.tensors.remove("bn.bias");
        assert!(format!("{:#}", encode(&trained).unwrap_err()).contains("bn.bias"));
    }
}
