//! The open data set, what networks said of it, and what is selected.

use std::{collections::HashMap, rc::Rc, sync::Arc};

use innspect_protocol::{ClassMatch, DatasetInfo, DatasetItem, Job, ModelId, UserError};
use leptos::prelude::*;

/// Which view fills the centre.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// One picture, explained by every network.
    #[default]
    Explain,
    /// A data set: which pictures deserve a look.
    Suggest,
}

/// Classes kept of each prediction.
pub const TOP: usize = 5;

/// What one network says of one picture, derived from its logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Best classes, best first; a network of fewer classes repeats none: the rest are `u32::MAX`.
    pub classes: [u32; TOP],
    /// Their scores.
    pub scores: [f32; TOP],
    /// Entropy of the scores as a share of the largest possible, 0..=1.
    pub entropy: f32,
    /// Best score minus second best.
    pub margin: f32,
    /// Mean and maximum of the chosen layer's activation.
    pub activation: Option<[f32; 2]>,
}

/// What one network says of a data set.
#[derive(Clone, Default)]
pub struct Predictions {
    /// For each picture, once it is scanned.
    pub rows: Vec<Option<Row>>,
    /// Logits `[count, classes]`, NaN where a picture is not scanned.
    pub logits: Vec<f32>,
    /// Features `[count, width]`, NaN where a picture is not scanned.
    pub features: Vec<f32>,
    /// Number of features of a picture, 0 if there are none.
    pub width: usize,
    /// Number of pictures that are scanned.
    pub done: usize,
    /// For each true class, the network's class.
    pub truth: Vec<Option<ClassMatch>>,
}

/// How far a scan is.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ScanState {
    /// Nothing was asked.
    #[default]
    Idle,
    /// It runs.
    Running {
        /// Its job.
        job: Job,
        /// Predictions made by it.
        done: u64,
        /// Predictions asked of it.
        total: u64,
        /// Milliseconds since the epoch of the page at which it began.
        begun: f64,
    },
    /// The visitor stopped it; pictures are left.
    Paused,
    /// All pictures are scanned.
    Done,
    /// It failed.
    Failed(UserError),
}

/// A data set. Its items never change; a set that is opened anew is another one.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// What is known of it.
    pub info: DatasetInfo,
    /// Its pictures.
    pub items: Vec<DatasetItem>,
}

/// Whether a data set is there.
#[derive(Clone, Debug, Default)]
pub enum DatasetStatus {
    /// None.
    #[default]
    None,
    /// It is being opened; so many items are known.
    Opening(Job, usize),
    /// It is open.
    Open(Arc<Dataset>),
    /// It could not be opened.
    Failed(UserError),
}

/// Small pictures, by the number of their item; squares of [`THUMB`] pixels, RGBA.
pub type Thumbnails = HashMap<u32, Rc<[u8]>>;

/// Side of a small picture in pixels.
pub const THUMB: u32 = 96;

/// Everything about the data set. Copies are handles of the same state.
#[derive(Clone, Copy)]
pub struct DatasetState {
    /// The view.
    pub view: RwSignal<View>,
    /// The data set.
    pub status: RwSignal<DatasetStatus>,
    /// What networks said; [`DatasetState::version`] tells that it changed.
    pub predictions: StoredValue<HashMap<ModelId, Predictions>, LocalStorage>,
    /// Counts changes of the predictions, at most a few times a second.
    pub version: RwSignal<u32>,
    /// The scan.
    pub scan: RwSignal<ScanState>,
    /// Pictures that could not be read, with why.
    pub broken: RwSignal<Arc<HashMap<u32, UserError>>>,
    /// The selection: numbers of items in ascending order. Mirrored in every view.
    pub selection: RwSignal<Arc<Vec<u32>>>,
    /// The item that is explained or looked at, one of the selection where there is one.
    pub primary: RwSignal<Option<u32>>,
    /// The item under the pointer or the keyboard's focus; apart from the selection.
    pub focus: RwSignal<Option<u32>>,
    /// Small pictures that are there.
    pub thumbnails: StoredValue<Thumbnails, LocalStorage>,
    /// Counts arrivals of small pictures.
    pub thumbnails_version: RwSignal<u32>,
}

impl DatasetState {
    /// No data set.
    pub fn new() -> Self {
        Self {
            view: RwSignal::new(View::Explain),
            status: RwSignal::new(DatasetStatus::None),
            predictions: StoredValue::new_local(HashMap::new()),
            version: RwSignal::new(0),
            scan: RwSignal::new(ScanState::Idle),
            broken: RwSignal::new(Arc::default()),
            selection: RwSignal::new(Arc::default()),
            primary: RwSignal::new(None),
            focus: RwSignal::new(None),
            thumbnails: StoredValue::new_local(HashMap::new()),
            thumbnails_version: RwSignal::new(0),
        }
    }

    /// The open data set, tracked.
    pub fn open(&self) -> Option<Arc<Dataset>> {
        match self.status.get() {
            DatasetStatus::Open(dataset) => Some(dataset),
            _ => None,
        }
    }
}

impl Default for DatasetState {
    fn default() -> Self {
        Self::new()
    }
}
