//! What is read, as lists: formats, layers, operators and architectures.
//!
//! The documentation is made from them, and a test holds them against the readers' source, so that none of them says more
//! or less than the readers do.

mod lists;

pub(crate) use lists::ONNX;
use lists::{KERAS_ACTIVATIONS, KERAS_LAYERS, KERAS_OPERATIONS, ONNX_CONSTANTS, ONNX_CONTRIBUTED, TFJS, TFLITE};

use crate::{keras, torch};

/// A format of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Its name.
    pub name: &'static str,
    /// Usual endings of its files' names; files are told by content.
    pub extensions: &'static [&'static str],
    /// Versions that are read.
    pub versions: &'static str,
    /// What of it is read, a sentence or two.
    pub reads: &'static str,
    /// What is not read, a sentence or two.
    pub leaves: &'static str,
}

/// A list of names under a heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Heading.
    pub title: &'static str,
    /// What the names mean, a sentence or two.
    pub note: &'static str,
    /// Names, in order.
    pub names: Vec<&'static str>,
}

/// All formats that are read.
#[must_use]
pub fn formats() -> &'static [Format] {
    &[
        Format {
            name: "ONNX",
            extensions: &[".onnx"],
            versions: "opset 7 to 28, IR version 3 to 14",
            reads: "Networks with their functions, weights in other files that are given along, quantised networks in all \
                    three forms (in full precision), and onnxruntime's optimised ones.",
            leaves: "Loops, recurrent operators, branches that depend on the picture.",
        },
        Format {
            name: "Keras",
            extensions: &[".keras", ".h5", ".hdf5"],
            versions: "Keras 1 (TensorFlow's order), 2 and 3",
            reads: "Sequential and Functional models, models in models, layers called several times; float64, float32, \
                    float16 and bfloat16.",
            leaves: "Lambda and layers of one's own, subclassed models, Theano's order.",
        },
        Format {
            name: "TensorFlow Lite",
            extensions: &[".tflite"],
            versions: "schema 3",
            reads: "Networks in floats, half precision and 8-bit integers (computed in floats), with the class names and \
                    the preprocessing of their metadata.",
            leaves: "Custom and recurrent operators, sparse weights.",
        },
        Format {
            name: "TensorFlow.js",
            extensions: &["model.json with its .bin shards"],
            versions: "layers and graph models",
            reads: "Both kinds with all shards, quantised to 8 or 16 bits or not, and what Teachable Machine writes beside \
                    them.",
            leaves: "Control flow.",
        },
        Format {
            name: "PyTorch weights",
            extensions: &[".pth", ".pt"],
            versions: "torch.save of all versions",
            reads: "State dictionaries, also inside a training checkpoint, of the classifiers of torchvision: the names and \
                    shapes of the weights tell which.",
            leaves: "Whole pickled models and TorchScript, which hold code.",
        },
        Format {
            name: "safetensors",
            extensions: &[".safetensors"],
            versions: "all",
            reads: "The same weights as in checkpoints of PyTorch.",
            leaves: "Networks other than torchvision's.",
        },
        Format {
            name: "Zip archive",
            extensions: &[".zip"],
            versions: "stored or deflated, also beyond 4 GiB",
            reads: "One network of any of these formats with the files that belong to it, in any folder.",
            leaves: "Passwords, zips in zips.",
        },
    ]
}

/// The names of everything that networks may be made of, list by list.
#[must_use]
pub fn names() -> Vec<Names> {
    let sorted = |names: Vec<&'static str>| {
        let mut names = names;
        names.sort_unstable_by_key(|name| name.to_ascii_lowercase());
        names.dedup();
        names
    };
    let all = [
        Names {
            title: "Layers of Keras",
            note: "Layers that only training needs, such as dropout and augmentation, are left out of the network.",
            names: sorted([KERAS_LAYERS, keras::IDENTITIES].concat()),
        },
        Names {
            title: "Functions of Keras",
            note: "Activations, by the names that layers give them.",
            names: sorted(KERAS_ACTIVATIONS.to_vec()),
        },
        Names {
            title: "Operations of Keras",
            note: "What a model uses without a layer: operators of Python and functions of TensorFlow or keras.ops.",
            names: sorted(KERAS_OPERATIONS.to_vec()),
        },
        Names {
            title: "Architectures of weights of Keras",
            note: "Files of weights alone as keras.applications downloads them, with and without the top; the shapes tell which.",
            names: sorted(keras::architectures()),
        },
        Names {
            title: "Operators of ONNX",
            note: "Operators of the standard on values that depend on the picture.",
            names: sorted(ONNX.to_vec()),
        },
        Names {
            title: "Operators of ONNX on constants",
            note: "The arithmetic of shapes and weights, which is done while a file is read.",
            names: sorted(ONNX_CONSTANTS.to_vec()),
        },
        Names {
            title: "Operators of onnxruntime",
            note: "Those of the domain com.microsoft that the standard does not have, or not in this form.",
            names: sorted(ONNX_CONTRIBUTED.to_vec()),
        },
        Names { title: "Operators of TensorFlow Lite", note: "", names: sorted(TFLITE.to_vec()) },
        Names {
            title: "Operations of TensorFlow.js graph models",
            note: "Layers models have the layers of Keras.",
            names: sorted(TFJS.to_vec()),
        },
        Names {
            title: "Architectures of weights of PyTorch",
            note: "The families of torchvision, in all widths and depths, with any number of classes.",
            names: sorted(torch::families()),
        },
    ];
    all.into_iter().filter(|list| !list.names.is_empty()).collect()
}
