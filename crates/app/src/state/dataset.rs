//! The open data set, what networks said of it, and what is selected.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
    sync::Arc,
};

use innspect_protocol::{
    CatalogModel, ClassMatch, DatasetId, DatasetInfo, DatasetItem, DatasetSource, Job, ModelId, SitePicture, UserError,
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use web_sys::File;

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
        /// When it began, in milliseconds since 1970.
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

/// What a data set is opened from, now and again when the engine is restarted.
#[derive(Clone)]
pub struct DatasetOrigin {
    /// Its id.
    pub id: DatasetId,
    /// Its name.
    pub name: String,
    /// Where its pictures are.
    pub source: DatasetSource,
    /// The files of a [`DatasetSource::Files`].
    pub files: Vec<File>,
    /// Id of a data set of the site.
    pub built_in: Option<String>,
}

/// A data set that the site brings.
#[derive(Clone, Debug, PartialEq)]
pub struct BuiltInSet {
    /// Its id, also in links.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// What it shows, for people.
    pub detail: String,
    /// Number of pictures.
    pub count: usize,
    /// Networks of the site that were trained for it; empty where all that take photos fit.
    pub models: Vec<Arc<CatalogModel>>,
    /// Where its pictures are.
    pub source: BuiltInSource,
}

/// Where the pictures of a data set of the site are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuiltInSource {
    /// Photos, whose labels count the classes of a list of names that is fetched first.
    Photos {
        /// The photos.
        pictures: Vec<SitePicture>,
        /// URL of the list of names, relative to the page; nothing if there is none.
        names: Option<String>,
    },
    /// One file.
    File(DatasetSource),
}

/// The data set that was open when the page was left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSet {
    /// Its name.
    pub name: String,
    /// Number of pictures.
    pub count: u32,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Its id, if it is of the site.
    #[serde(default)]
    pub built_in: Option<String>,
}

/// Results of scans that the browser keeps, of one data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptScans {
    /// Name of the data set.
    pub name: String,
    /// Number of its pictures.
    pub count: u32,
    /// Its fingerprint: the name of the folder.
    pub fingerprint: String,
    /// Bytes of all files.
    pub bytes: u64,
    /// When something was added last, in milliseconds since 1970.
    pub stored: f64,
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
    /// Where a range of the selection begins.
    pub anchor: StoredValue<Option<u32>>,
    /// The layer of each network whose activation is measured while scanning.
    pub layer: RwSignal<HashMap<ModelId, String>>,
    /// Classes that the user matched: for each network by the true class, the network's class or that there is none.
    pub corrections: StoredValue<HashMap<ModelId, BTreeMap<u32, Option<u32>>>>,
    /// What the open data set, or the one being opened, is opened from.
    pub origin: StoredValue<Option<DatasetOrigin>, LocalStorage>,
    /// Id of the open data set, or the one being opened, if it is of the site.
    pub built_in: RwSignal<Option<String>>,
    /// Data sets that the site brings.
    pub built_in_sets: RwSignal<Arc<Vec<BuiltInSet>>>,
    /// The data set that was open at the last visit, until another is opened.
    pub last: RwSignal<Option<LastSet>>,
    /// Results that the browser keeps, newest first.
    pub kept: RwSignal<Vec<KeptScans>>,
    /// Whether the table of true classes is open.
    pub truth_open: RwSignal<bool>,
    /// A folder that is looked through: its number, and how many files were found.
    pub walking: RwSignal<Option<(u32, usize)>>,
    /// Number of the opening whose names of classes are fetched.
    pub fetching: RwSignal<Option<u32>>,
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
            anchor: StoredValue::new(None),
            layer: RwSignal::new(HashMap::new()),
            corrections: StoredValue::new(HashMap::new()),
            origin: StoredValue::new_local(None),
            built_in: RwSignal::new(None),
            built_in_sets: RwSignal::new(Arc::default()),
            last: RwSignal::new(None),
            kept: RwSignal::new(Vec::new()),
            truth_open: RwSignal::new(false),
            walking: RwSignal::new(None),
            fetching: RwSignal::new(None),
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
