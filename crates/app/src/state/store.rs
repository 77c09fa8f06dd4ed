//! The store.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use innspect_protocol::{
    ChannelReduction, Colormap, DatasetId, DeviceChoice, DeviceInfo, Display, ImageId, Job, LayerNeed, MethodInfo,
    ModelId, Params, Scale, UserError,
};
use leptos::prelude::*;

use super::{
    Aim, Baselines, DatasetState, FileEntry, ModelEntry, Pairing, Picture, PictureState, Sensitivity, SuggestState,
};
use crate::{
    pure::{
        choice::ClassChoice,
        geometry::{Point, Viewport},
        stored::About,
    },
    web::{
        engine::{Engine, Event},
        storage,
        theme::Theme,
    },
};

/// The method of a first visit.
pub const DEFAULT_METHOD: &str = "grad_cam";
/// Opacity of the heatmap on a first visit, in percent.
pub const DEFAULT_OPACITY: u8 = 60;

/// Whether the engine runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum EngineStatus {
    /// It is on its way.
    #[default]
    Starting,
    /// It runs.
    Ready(DeviceInfo),
    /// It stopped.
    Down(UserError),
}

/// What a toast offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToastAction {
    /// Put a removed model back.
    RestoreModel(ModelId),
    /// Put a removed picture back.
    RestorePicture(ImageId),
    /// Keep a stored network that was removed.
    RestoreStored(String),
    /// Put a data set that was closed back.
    RestoreDataset(DatasetId),
    /// Keep results of scans that were removed.
    RestoreScans(String),
    /// Show the networks of the site that were trained for the data set.
    ShowModels(Vec<ModelId>),
    /// Reload with the new version.
    Update,
}

/// A short message at the bottom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// Its number.
    pub id: u32,
    /// What it says.
    pub text: String,
    /// What it offers.
    pub action: Option<ToastAction>,
    /// Whether the list of files says the same where it is in sight.
    pub told: bool,
}

/// A network that is being copied into the browser's storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// Its name.
    pub name: String,
    /// Bytes written.
    pub done: u64,
    /// All bytes.
    pub total: u64,
}

/// What became of a list of class names that was given to the input dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelsNote {
    /// It is read.
    Reading(String),
    /// It names the classes now.
    Taken(String),
    /// It does not fit.
    Refused(UserError),
}

/// On a narrow window: which rail is open as a sheet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sheet {
    /// None.
    #[default]
    None,
    /// Models and pictures.
    Sources,
    /// Method and display.
    Settings,
}

/// How maps are shown.
#[derive(Clone, Copy)]
pub struct Look {
    /// Opacity of the heatmap in percent.
    pub opacity: RwSignal<u8>,
    /// Whether the photo is hidden.
    pub heat_only: RwSignal<bool>,
    /// Colours.
    pub colormap: RwSignal<Colormap>,
    /// Channels to one value.
    pub reduction: RwSignal<ChannelReduction>,
    /// Percentile that becomes a map's own limit.
    pub clip: RwSignal<f32>,
    /// Whether all maps share one scale.
    pub shared: RwSignal<bool>,
}

/// Everything the page knows. Copies are handles of the same store.
#[derive(Clone, Copy)]
pub struct Store {
    root: StoredValue<Owner>,
    /// The line to the worker.
    pub engine: Engine,
    /// Whether it runs.
    pub status: RwSignal<EngineStatus>,
    /// The method table.
    pub methods: RwSignal<Arc<Vec<MethodInfo>>>,
    /// The networks, in the order of their cards.
    pub models: RwSignal<Vec<ModelEntry>>,
    /// The pictures, in the order of the strip.
    pub pictures: RwSignal<Vec<Picture>>,
    /// The picture that is explained.
    pub primary: RwSignal<Option<ImageId>>,
    /// The method.
    pub method: RwSignal<String>,
    /// Parameters that were changed, by method.
    pub params: RwSignal<BTreeMap<String, Params>>,
    /// The class.
    pub class: RwSignal<ClassChoice>,
    /// The data set.
    pub data: DatasetState,
    /// How the data set is looked at.
    pub suggest: SuggestState,
    /// What is explained, beside the class.
    pub aim: Aim,
    /// How maps are shown.
    pub look: Look,
    /// What baselines look like.
    pub baselines: RwSignal<Baselines>,
    /// Which methods depend on the layers that say the class, by network.
    pub sensitivity: RwSignal<HashMap<Pairing, Sensitivity>>,
    /// Zoom and pan of all cards.
    pub viewport: RwSignal<Viewport>,
    /// The cross-hair, in shares of the picture.
    pub cross: RwSignal<Option<Point>>,
    /// Files being read, and files that could not be.
    pub files: RwSignal<Vec<FileEntry>>,
    /// The file whose architecture is being chosen.
    pub choosing: RwSignal<Option<Job>>,
    /// Whether files are dragged over the page.
    pub dragging: RwSignal<bool>,
    /// Networks that the browser keeps, newest first.
    pub stored: RwSignal<Vec<About>>,
    /// The network that is being stored.
    pub keeping: RwSignal<Option<Keeping>>,
    /// The list of class names that the input dialog was given.
    pub labels_note: RwSignal<Option<LabelsNote>>,
    /// Messages.
    pub toasts: RwSignal<Vec<Toast>>,
    /// Why the site's own models and photos are missing, if they are.
    pub catalog_error: RwSignal<Option<String>>,
    /// Whether the catalogue has been read or given up.
    pub catalog_read: RwSignal<bool>,
    /// Whether the browser has a network.
    pub online: RwSignal<bool>,
    /// Light or dark.
    pub theme: RwSignal<Theme>,
    /// Whether the help is open.
    pub help: RwSignal<bool>,
    /// The model whose input dialog is open.
    pub configuring: RwSignal<Option<ModelId>>,
    /// The model whose map's qualities are shown.
    pub inspecting: RwSignal<Option<ModelId>>,
    /// The open sheet.
    pub sheet: RwSignal<Sheet>,
    /// For screen readers.
    pub announcement: RwSignal<String>,
    counter: StoredValue<u32>,
}

impl Store {
    /// A new store under the current owner. The engine is not started yet.
    pub fn new() -> Self {
        let status = RwSignal::new(EngineStatus::Starting);
        let methods = RwSignal::new(Arc::new(Vec::new()));
        let device = match storage::query("device").as_deref() {
            Some("cpu") => DeviceChoice::Cpu,
            Some("gpu") => DeviceChoice::Gpu,
            _ => DeviceChoice::Auto,
        };
        let engine = Engine::new(device, move |event| match event {
            Event::Started(device, table) => {
                methods.set(Arc::new(table));
                status.set(EngineStatus::Ready(device));
            }
            Event::Down(error) => status.set(EngineStatus::Down(error)),
        });
        let models = RwSignal::new(Vec::new());
        let data = DatasetState::new();
        Self {
            root: StoredValue::new(Owner::current().unwrap_or_default()),
            engine,
            status,
            methods,
            models,
            pictures: RwSignal::new(Vec::new()),
            primary: RwSignal::new(None),
            method: RwSignal::new(DEFAULT_METHOD.to_owned()),
            params: RwSignal::new(BTreeMap::new()),
            class: RwSignal::new(ClassChoice::Top),
            data,
            suggest: SuggestState::new(data, models),
            aim: Aim::new(),
            baselines: RwSignal::new(Baselines::default()),
            sensitivity: RwSignal::new(HashMap::new()),
            look: Look {
                opacity: RwSignal::new(DEFAULT_OPACITY),
                heat_only: RwSignal::new(false),
                colormap: RwSignal::new(Colormap::Auto),
                reduction: RwSignal::new(ChannelReduction::Sum),
                clip: RwSignal::new(Display::default().clip),
                shared: RwSignal::new(false),
            },
            viewport: RwSignal::new(Viewport::default()),
            cross: RwSignal::new(None),
            files: RwSignal::new(Vec::new()),
            choosing: RwSignal::new(None),
            dragging: RwSignal::new(false),
            stored: RwSignal::new(Vec::new()),
            keeping: RwSignal::new(None),
            labels_note: RwSignal::new(None),
            toasts: RwSignal::new(Vec::new()),
            catalog_error: RwSignal::new(None),
            catalog_read: RwSignal::new(false),
            online: RwSignal::new(true),
            theme: RwSignal::new(Theme::kept()),
            help: RwSignal::new(false),
            configuring: RwSignal::new(None),
            inspecting: RwSignal::new(None),
            sheet: RwSignal::new(Sheet::None),
            announcement: RwSignal::new(String::new()),
            counter: StoredValue::new(0),
        }
    }

    /// The store of the page.
    pub fn get() -> Self {
        expect_context()
    }

    /// Makes signals that live as long as the page, wherever this is called from.
    pub fn owned<T>(&self, make: impl FnOnce() -> T) -> T {
        self.root.with_value(|owner| owner.with(make))
    }

    /// A number not given before.
    pub fn fresh(&self) -> u32 {
        self.counter.update_value(|count| *count += 1);
        self.counter.get_value()
    }

    /// The chosen method's row, tracked.
    pub fn method_info(&self) -> Option<MethodInfo> {
        let id = self.method.get();
        self.methods.with(|table| table.iter().find(|row| row.id == id).cloned())
    }

    /// Whether the chosen method asks for a layer, tracked.
    pub fn wants_layer(&self) -> bool {
        self.method_info().is_some_and(|method| method.layer == LayerNeed::FeatureMap)
    }

    /// A model by id, tracked.
    pub fn model(&self, id: &ModelId) -> Option<ModelEntry> {
        self.models.with(|models| models.iter().find(|model| model.id == *id).cloned())
    }

    /// The models with a card, tracked.
    pub fn shown_models(&self) -> Vec<ModelEntry> {
        self.models.get().into_iter().filter(|model| model.shown.get()).collect()
    }

    /// The primary picture, tracked.
    pub fn picture(&self) -> Option<Picture> {
        let id = self.primary.get()?;
        self.pictures.with(|pictures| pictures.iter().find(|picture| picture.id == id).cloned())
    }

    /// Width and height of the primary picture once it is decoded, tracked.
    pub fn picture_size(&self) -> Option<[u32; 2]> {
        match self.picture()?.state.get() {
            PictureState::Ready(info) => Some([info.width, info.height]),
            _ => None,
        }
    }

    /// How maps are drawn, the scale apart, tracked.
    pub fn display(&self) -> Display {
        Display {
            reduction: self.look.reduction.get(),
            colormap: self.look.colormap.get(),
            scale: Scale::PerMap,
            clip: self.look.clip.get(),
        }
    }

    /// The identity colour that fewest models have.
    pub fn free_slot(&self) -> usize {
        const SLOTS: usize = 7;
        self.models.with_untracked(|models| {
            let used = |slot: &usize| models.iter().filter(|model| model.slot == *slot).count();
            (0..SLOTS).min_by_key(used).unwrap_or(0)
        })
    }
}

impl Default for Store {
    fn default() -> Self {
        Self::new()
    }
}
