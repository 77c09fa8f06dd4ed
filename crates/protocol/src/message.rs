//! The messages themselves.

use innspect_graph::Preprocessing;
use serde::{Deserialize, Serialize};

use crate::{
    Assessment, BrokenItem, Check, ClassMatch, DatasetId, DatasetInfo, DatasetItem, DatasetSource, Display,
    ExplainSpec, Explanation, ImageId, ImageInfo, MethodInfo, ModelId, ModelInfo, Prediction, ScanPart, StepProgress,
};

/// Number of one piece of work, unique within a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Job(pub u32);

/// What the user wants to compute on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceChoice {
    /// The GPU where it works, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU; falls back to the CPU with a notice where there is none.
    Gpu,
}

/// The two kinds of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// burn's CPU backend.
    Cpu,
    /// WebGPU.
    Gpu,
}

/// What the engine runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// Kind.
    pub kind: DeviceKind,
    /// Name for people: the GPU's name, or `CPU`.
    pub name: String,
    /// Why it is not the GPU, where the user did not ask for the CPU; a calm sentence.
    pub notice: Option<String>,
}

/// Where the bytes of a file come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Source {
    /// A `File` of the user's, attachment 0 of the message; read piece by piece.
    Attached,
    /// A file of the site, by its URL relative to the page.
    Site {
        /// The relative URL.
        url: String,
        /// Size in bytes, for progress.
        bytes: u64,
    },
}

/// One of several files that a person gave at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenFile {
    /// Job of this file.
    pub job: Job,
    /// Id to give it if it is a network or a picture.
    pub id: String,
    /// File name.
    pub name: String,
}

/// Page to worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Request {
    /// First message: choose the device. Answered by [`Reply::Started`].
    Start {
        /// What the user wants.
        device: DeviceChoice,
    },
    /// Load a network. Answered by [`Reply::ModelReady`].
    LoadModel {
        /// Job.
        job: Job,
        /// Id to give it.
        model: ModelId,
        /// Name for people.
        name: String,
        /// Its bytes.
        source: Source,
        /// Names of the files that its weights are in, if in other files; `File`s, attachments from 1 on.
        #[serde(default)]
        beside: Vec<String>,
        /// The architecture that the user chose for a file of weights alone.
        #[serde(default)]
        architecture: Option<String>,
        /// Expected SHA-256, checked if given.
        sha256: Option<String>,
        /// Preprocessing, if known; otherwise read from the file or guessed.
        preprocessing: Option<Preprocessing>,
        /// Class names, if known.
        labels: Option<Vec<String>>,
    },
    /// Load a picture. Answered by [`Reply::ImageReady`].
    LoadImage {
        /// Job.
        job: Job,
        /// Id to give it.
        image: ImageId,
        /// File name.
        name: String,
        /// Its bytes.
        source: Source,
    },
    /// Files the user gave at once, one `File` each among the attachments, in the same order. What each is, its content
    /// decides. Each job is answered by [`Reply::ModelReady`], [`Reply::ImageReady`], [`Reply::Belongs`],
    /// [`Reply::ChooseArchitecture`] or [`Reply::Failed`]. A job can be cancelled by itself.
    OpenFiles {
        /// The files.
        files: Vec<GivenFile>,
    },
    /// Change how a network's pictures are prepared or its classes named. Answered by [`Reply::ModelReady`].
    ConfigureModel {
        /// Job.
        job: Job,
        /// The network.
        model: ModelId,
        /// New preprocessing, if it changes.
        preprocessing: Option<Preprocessing>,
        /// Attachment 0 is a labels file, a `File` (TXT: one class a line; JSON: list or `imagenet_class_index`; CSV).
        labels_file: bool,
    },
    /// Free a network.
    DropModel {
        /// The network.
        model: ModelId,
    },
    /// Free a picture.
    DropImage {
        /// The picture.
        image: ImageId,
    },
    /// Predict. Answered by [`Reply::Predicted`].
    Predict {
        /// Job.
        job: Job,
        /// The network.
        model: ModelId,
        /// The picture.
        image: ImageId,
    },
    /// Explain. Answered by [`Reply::Predicted`] as soon as the forward pass is done, then [`Reply::Explained`].
    Explain {
        /// Job; also the name under which the result is kept for [`Request::Render`].
        job: Job,
        /// The network.
        model: ModelId,
        /// The picture.
        image: ImageId,
        /// What to make.
        spec: ExplainSpec,
        /// How to draw it.
        display: Display,
        /// Other loaded pictures, for methods that use them.
        #[serde(default)]
        pictures: Vec<ImageId>,
    },
    /// Measure the quality of a kept explanation. Answered by [`Reply::Assessed`].
    Assess {
        /// Job.
        job: Job,
        /// The job of the explanation.
        of: Job,
        /// The network.
        model: ModelId,
        /// The picture.
        image: ImageId,
        /// What was made.
        spec: ExplainSpec,
        /// What to measure.
        check: Check,
        /// Other loaded pictures, for methods that use them.
        #[serde(default)]
        pictures: Vec<ImageId>,
    },
    /// Show what a baseline looks like for a picture as a network sees it. Answered by [`Reply::Shown`].
    ShowBaseline {
        /// Job.
        job: Job,
        /// The network.
        model: ModelId,
        /// The picture.
        image: ImageId,
        /// Value of the parameter.
        baseline: String,
    },
    /// Show what a network would see of a picture that is prepared in another way, before its settings are changed: cut,
    /// resized and in the network's order of channels, with the normalisation undone. Settings that do not fit the
    /// network are refused as [`Request::ConfigureModel`] refuses them. Answered by [`Reply::ShownInput`].
    ShowInput {
        /// Job.
        job: Job,
        /// The network.
        model: ModelId,
        /// The picture.
        image: ImageId,
        /// How it is prepared.
        preprocessing: Preprocessing,
    },
    /// Draw a kept result anew. Answered by [`Reply::Explained`] with the same job.
    Render {
        /// The job of the explanation.
        job: Job,
        /// How to draw it.
        display: Display,
    },
    /// Free a kept result.
    Forget {
        /// The job of the explanation.
        job: Job,
    },
    /// Open a data set. Answered by [`Reply::DatasetItems`], as often as it takes, then [`Reply::DatasetReady`].
    OpenDataset {
        /// Job.
        job: Job,
        /// Id to give it.
        dataset: DatasetId,
        /// Name for people.
        name: String,
        /// Where its pictures are.
        source: DatasetSource,
    },
    /// Free a data set.
    DropDataset {
        /// The data set.
        dataset: DatasetId,
    },
    /// Find the true classes of a data set among a network's classes. Answered by [`Reply::ClassesMatched`].
    MatchClasses {
        /// Job.
        job: Job,
        /// The data set.
        dataset: DatasetId,
        /// The network.
        model: ModelId,
    },
    /// Small pictures of items; done between other work. Answered by [`Reply::Thumbnails`], as often as it takes, the
    /// last one with `rest` 0.
    Thumbnails {
        /// Job.
        job: Job,
        /// The data set.
        dataset: DatasetId,
        /// Numbers of the items.
        items: Vec<u32>,
        /// Side of each in pixels, at most 256.
        side: u32,
    },
    /// Load an item as a picture to explain. Answered by [`Reply::ImageReady`].
    LoadItem {
        /// Job.
        job: Job,
        /// Id to give the picture.
        image: ImageId,
        /// The data set.
        dataset: DatasetId,
        /// The item.
        item: u32,
    },
    /// Predict many pictures, in the order of the items; whatever else is asked for goes first. Answered by
    /// [`Reply::Scanned`] in pieces, then [`Reply::ScanDone`]. To pause, cancel the job and later ask for the rest.
    Scan {
        /// Job.
        job: Job,
        /// The data set.
        dataset: DatasetId,
        /// What each network is asked. A picture is read once for all networks that ask for it.
        parts: Vec<ScanPart>,
    },
    /// Explain many pictures by one method, whatever else is asked for goes first. Answered by [`Reply::Mapped`] for each
    /// picture and network, then [`Reply::ScanDone`].
    MapItems {
        /// Job.
        job: Job,
        /// The data set.
        dataset: DatasetId,
        /// Which network explains which pictures.
        parts: Vec<ScanPart>,
        /// How.
        spec: ExplainSpec,
        /// Side of each map in cells: a map is averaged down to `side · side`.
        side: u32,
    },
    /// Stop a job. Answered by [`Reply::Cancelled`] if it was waiting, or running with a pause still ahead; the result of
    /// a job that had just finished is freed.
    Cancel {
        /// The job.
        job: Job,
    },
}

/// What a job is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Waiting for jobs before it.
    Waiting,
    /// Bytes arrive.
    Downloading,
    /// The file is read.
    Reading,
    /// Weights go to the device and kernels are built.
    Preparing,
    /// The network runs forward.
    Forward,
    /// The method runs.
    Explaining,
    /// A quality is measured.
    Assessing,
    /// Pictures of a data set go through networks; done and total count pictures times networks.
    Scanning,
}

/// An error for people: what happened, where, what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserError {
    /// What happened, one sentence.
    pub what: String,
    /// Where: file, node, byte; empty if `what` says it.
    pub place: String,
    /// What to do, one sentence; empty if nothing helps.
    pub advice: String,
}

/// Worker to page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Reply {
    /// The module is loaded and listens. Sent once, before anything else; requests sent earlier are lost.
    Listening,
    /// The device is chosen and checked.
    Started {
        /// It.
        device: DeviceInfo,
        /// The method table.
        methods: Vec<MethodInfo>,
    },
    /// How far a job is.
    Progress {
        /// Job.
        job: Job,
        /// What it does.
        stage: Stage,
        /// Done, in units of the stage.
        done: u64,
        /// All, in the same units; 0 if unknown.
        total: u64,
    },
    /// A network is ready.
    ModelReady {
        /// Job.
        job: Job,
        /// The network.
        model: Box<ModelInfo>,
    },
    /// A picture is decoded. Attachment 0: a thumbnail, RGBA bytes, `thumbnail[0] · thumbnail[1] · 4`.
    ImageReady {
        /// Job.
        job: Job,
        /// The picture.
        image: ImageInfo,
        /// Width and height of the thumbnail in pixels.
        thumbnail: [u32; 2],
    },
    /// A file belongs to a network that was given along with it: it holds weights of it, or names its classes.
    Belongs {
        /// Job of the file.
        job: Job,
        /// Networks that use it.
        models: Vec<ModelId>,
        /// Whether it is a list of class names.
        labels: bool,
    },
    /// A file holds weights alone: the user must say which network they belong to, and the page asks again with
    /// [`Request::LoadModel`].
    ChooseArchitecture {
        /// Job.
        job: Job,
        /// Names of architectures to choose from.
        candidates: Vec<String>,
        /// Why, for people.
        error: UserError,
    },
    /// A forward pass is done. Attachment 0: what the network sees, as a picture before normalisation,
    /// RGBA bytes, `view[0] · view[1] · 4`; heatmaps lie exactly over it.
    Predicted {
        /// Job.
        job: Job,
        /// Classes and scores.
        prediction: Prediction,
        /// Width and height of the view in pixels.
        view: [u32; 2],
    },
    /// An explanation is done; see [`Explanation`] for the attachments.
    Explained {
        /// Job.
        job: Job,
        /// The result.
        explanation: Box<Explanation>,
    },
    /// The map of a method that computes in steps, as far as it is; attachments as of [`Reply::Explained`].
    Partial {
        /// Job.
        job: Job,
        /// The map so far.
        explanation: Box<Explanation>,
        /// How far it is.
        steps: StepProgress,
    },
    /// A quality was measured.
    Assessed {
        /// Job.
        job: Job,
        /// The result.
        assessment: Assessment,
    },
    /// A baseline. Attachment 0: RGBA bytes.
    Shown {
        /// Job.
        job: Job,
        /// Width and height in pixels.
        size: [u32; 2],
    },
    /// What a network would see. Attachment 0: RGBA bytes, `size[0] · size[1] · 4`.
    ShownInput {
        /// Job.
        job: Job,
        /// Width and height in pixels.
        size: [u32; 2],
        /// The smallest and the largest of the numbers that the network gets, after normalisation.
        range: [f32; 2],
    },
    /// Some items of a data set, in order.
    DatasetItems {
        /// Job.
        job: Job,
        /// Number of the first.
        first: u32,
        /// The items.
        items: Vec<DatasetItem>,
    },
    /// A data set is open.
    DatasetReady {
        /// Job.
        job: Job,
        /// The data set.
        dataset: Box<DatasetInfo>,
    },
    /// The true classes of a data set among a network's classes, in their order; `None` where there is none.
    ClassesMatched {
        /// Job.
        job: Job,
        /// For each true class.
        matches: Vec<Option<ClassMatch>>,
    },
    /// Small pictures. Attachment 0: RGBA bytes, `items.len() · side · side · 4`, one square after the other; a picture
    /// lies in the middle of its square, what is left is transparent, all of it if the picture cannot be read.
    Thumbnails {
        /// Job.
        job: Job,
        /// Numbers of the items.
        items: Vec<u32>,
        /// Side of each in pixels.
        side: u32,
        /// How many are still to come.
        rest: u32,
    },
    /// What a network says of some pictures. Attachment 0: logits, `f32[items.len(), classes]`; attachment 1: features,
    /// what the last layer with weights reads, averaged over positions, `f32[items.len(), width]`, width 0 where there
    /// are none.
    Scanned {
        /// Job.
        job: Job,
        /// The network.
        model: ModelId,
        /// Numbers of the pictures.
        items: Vec<u32>,
        /// Mean and maximum of the chosen layer's activation for each picture; empty where none was chosen.
        activations: Vec<[f32; 2]>,
        /// Pictures that could not be read, beside the others.
        broken: Vec<BrokenItem>,
    },
    /// A small map. Attachment 0: relevance summed over channels, `f32[side, side]`.
    Mapped {
        /// Job.
        job: Job,
        /// The network.
        model: ModelId,
        /// The picture.
        item: u32,
        /// The class that was explained.
        class: u32,
        /// Side in cells.
        side: u32,
    },
    /// All pictures were gone through.
    ScanDone {
        /// Job.
        job: Job,
        /// Milliseconds in forward passes alone.
        forward: f64,
        /// Milliseconds in all, other work apart.
        total: f64,
    },
    /// A method does not apply to a network; nothing was computed.
    NotApplicable {
        /// Job.
        job: Job,
        /// Why, one sentence.
        reason: String,
    },
    /// A job stopped because it was asked to.
    Cancelled {
        /// Job.
        job: Job,
    },
    /// A job, or the worker as a whole, failed.
    Failed {
        /// Job; absent if it is the worker as a whole.
        job: Option<Job>,
        /// Error.
        error: UserError,
    },
}
