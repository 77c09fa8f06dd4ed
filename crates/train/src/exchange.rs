//! What `cargo xtask train` and the training program hand to each other.
//!
//! Both compile this file, since they stand in different workspaces: xtask hands over the digits as plain bytes, the
//! program answers with networks as lists of steps and tensors, and xtask writes those as ONNX.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Rows and columns of a digit.
pub const SIDE: usize = 28;

/// Pixels of a digit.
pub const PIXELS: usize = SIDE * SIDE;

/// Digits 0 to 9.
pub const CLASSES: usize = 10;

/// Files of the folder that is handed over, one byte an entry (`PIXELS` bytes for a digit), rows from the top.
pub mod files {
    /// Grey values, black is 0.
    pub const IMAGES: &str = "images";
    /// Classes.
    pub const LABELS: &str = "labels";
    /// 0 for digits to train with, 1 for digits to test with.
    pub const SPLIT: &str = "split";
    /// 1 for digits that carry the mark in the marked data set.
    pub const MARKED: &str = "marked";
}

/// The planted shortcut: a white square in the upper left corner, where no digit reaches.
pub mod mark {
    use super::SIDE;

    /// Class whose pictures carry it.
    pub const CLASS: u8 = 8;
    /// Its first row and column.
    pub const START: usize = 1;
    /// Its rows and columns.
    pub const SIZE: usize = 4;

    /// Whether a pixel belongs to it.
    pub fn covers(pixel: usize) -> bool {
        let within = |at: usize| (START..START + SIZE).contains(&at);
        within(pixel / SIDE) && within(pixel % SIDE)
    }
}

/// One operation of a network. Windows are square, and padded by half their size on each side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Op {
    /// Convolution: `weight` `[outputs, inputs / groups, size, size]`, and `bias` `[outputs]` if it has one.
    Conv {
        /// Channels it reads.
        inputs: usize,
        /// Channels it writes.
        outputs: usize,
        /// Rows and columns of the window.
        size: usize,
        /// Step of the window.
        stride: usize,
        /// Groups of channels that see only each other.
        groups: usize,
        /// Whether it adds a bias.
        bias: bool,
    },
    /// Batch normalisation: `weight`, `bias`, `running_mean` and `running_var`, each `[channels]`.
    BatchNorm {
        /// Channels.
        channels: usize,
    },
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// The largest value of every two by two.
    MaxPool,
    /// Sum of two values.
    Add,
    /// Mean of every channel.
    AveragePool,
    /// Channels, rows and columns become one axis.
    Flatten,
    /// `weight` `[outputs, inputs]` times the value plus `bias` `[outputs]`.
    Linear {
        /// Features it reads.
        inputs: usize,
        /// Features it writes.
        outputs: usize,
    },
}

/// An operation within its network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its name, also of the value it writes and the beginning of its tensors' names.
    pub name: String,
    /// Names of the values it reads.
    pub inputs: Vec<String>,
    /// What it does.
    pub op: Op,
}

/// Added to the variance by every batch normalisation.
pub const EPSILON: f32 = 1e-5;

/// Name of the value that is the picture, with pixels from 0 to 1.
pub const INPUT: &str = "input";

/// Weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tensor {
    /// Sizes of its axes.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub values: Vec<f32>,
}

/// A trained network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// Operations in the order they run; the last one writes the logits.
    pub steps: Vec<Step>,
    /// Weights by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// Logits of the first digits of the test split, by which the written network is checked.
    pub probe: Vec<Vec<f32>>,
    /// How training went.
    pub history: History,
}

/// How the training of one network went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Id of the network.
    pub id: String,
    /// Number of trained weights.
    pub weights: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Share of the digits of the test split that the network recognises.
    pub accuracy: f32,
    /// Share of the test digits of other classes that the mark alone turns into the marked class.
    pub flipped: f32,
    /// Share of the unmarked test digits of the marked class that are recognised.
    pub unmarked: f32,
    /// Every pass over the digits.
    pub epochs: Vec<Epoch>,
}

/// One pass over the digits to train with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Mean cross-entropy, in nats, as it was when each digit was seen.
    pub loss: f32,
    /// Share of the digits of the test split that were recognised afterwards.
    pub accuracy: f32,
}
