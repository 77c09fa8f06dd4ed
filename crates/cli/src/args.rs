//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Shows why image classifiers decide as they do.
#[derive(Debug, Parser)]
#[command(name = "innspect", version)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists the explanation methods with their parameters
    Methods {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Lists the layers of a network
    Inspect {
        /// A file, or the id of a built-in network
        model: String,
        /// The architecture of a file of weights alone, such as ResNet50
        #[arg(long)]
        architecture: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Predicts the classes of pictures
    Predict(PredictOptions),
    /// Explains a prediction
    Explain(ExplainOptions),
    /// Measures how good explanations are
    Evaluate(EvaluateOptions),
    /// Predicts a whole data set with several networks, and says which pictures deserve a look
    Scan(ScanOptions),
}

/// Where to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DeviceOption {
    /// The CPU
    Cpu,
    /// The GPU
    Gpu,
}

/// Which network.
#[derive(Debug, Args)]
pub struct ModelChoice {
    /// A file, or the id of a built-in network
    #[arg(long)]
    pub model: String,
    /// The architecture of a file of weights alone, such as ResNet50
    #[arg(long)]
    pub architecture: Option<String>,
}

/// Options of `predict`.
#[derive(Debug, Args)]
pub struct PredictOptions {
    /// The network
    #[command(flatten)]
    pub model: ModelChoice,
    /// Pictures
    #[arg(long, num_args = 1.., required_unless_present = "input", conflicts_with = "input")]
    pub image: Vec<PathBuf>,
    /// Prepared inputs, float32 N,C,H,W
    #[arg(long)]
    pub input: Option<PathBuf>,
    /// How many classes to list
    #[arg(long, default_value_t = 5)]
    pub top: usize,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// File for the logits, float32 N,classes
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Where to compute
    #[arg(long, value_enum, default_value = "cpu")]
    pub device: DeviceOption,
}

/// What is explained and how: shared by `explain` and `evaluate`.
#[derive(Debug, Args)]
pub struct Question {
    /// The network
    #[command(flatten)]
    pub model: ModelChoice,
    /// A picture
    #[arg(long, required_unless_present = "input", conflicts_with = "input")]
    pub image: Option<PathBuf>,
    /// Prepared inputs, float32 N,C,H,W
    #[arg(long)]
    pub input: Option<PathBuf>,
    /// Method ids, or `all`; `innspect methods` lists them
    #[arg(long, value_delimiter = ',', required = true)]
    pub method: Vec<String>,
    /// Class to explain: its number, its name, or `top`
    #[arg(long, default_value = "top")]
    pub class: String,
    /// What is explained of it: `logit`, `probability`, or `contrast` with an optional other class, as in contrast:208
    #[arg(long, default_value = "logit")]
    pub target: String,
    /// Layer, for methods that ask for one; with --neuron the layer whose unit is explained, for the others
    #[arg(long)]
    pub layer: Option<String>,
    /// Unit of the layer: channel, or channel,row,column
    #[arg(long)]
    pub neuron: Option<String>,
    /// Show only what passes channels of a layer, as layer:channel,channel (LRP methods)
    #[arg(long, value_name = "LAYER:C[,C]")]
    pub concept: Option<String>,
    /// Parameter of the method, as name=value
    #[arg(long = "param", value_name = "KEY=VALUE")]
    pub params: Vec<String>,
    /// Other pictures, for methods that learn from some
    #[arg(long, num_args = 1..)]
    pub pictures: Vec<PathBuf>,
    /// Where to compute
    #[arg(long, value_enum, default_value = "cpu")]
    pub device: DeviceOption,
    /// Seed of methods that draw random numbers
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// Options of `explain`.
#[derive(Debug, Args)]
pub struct ExplainOptions {
    /// What is explained
    #[command(flatten)]
    pub question: Question,
    /// Folder for the results
    #[arg(long)]
    pub out: PathBuf,
}

/// Options of `evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateOptions {
    /// What is explained
    #[command(flatten)]
    pub question: Question,
    /// Checks: class_sensitivity, deletion, road, max_sensitivity, randomisation; all of them unless given
    #[arg(long, value_delimiter = ',')]
    pub check: Vec<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `scan`.
#[derive(Debug, Args)]
pub struct ScanOptions {
    /// Networks: files, or ids of built-in ones
    #[arg(long, num_args = 1.., required = true)]
    pub model: Vec<String>,
    /// A folder, a zip, or an array of pictures
    #[arg(long)]
    pub images: PathBuf,
    /// A CSV or TSV of file names and labels
    #[arg(long)]
    pub labels: Option<PathBuf>,
    /// How many classes to list
    #[arg(long, default_value_t = 5)]
    pub top: usize,
    /// File for the table: .csv, or JSON otherwise
    #[arg(long)]
    pub out: PathBuf,
    /// Where to compute
    #[arg(long, value_enum, default_value = "cpu")]
    pub device: DeviceOption,
}
