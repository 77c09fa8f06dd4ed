//! What the page knows: one store of signals, handed down as a context.

pub mod aim;
pub mod baselines;
pub mod card;
pub mod dataset;
pub mod files;
pub mod model;
pub mod picture;
pub mod quality;
pub mod store;
pub mod suggest;

pub use aim::{Aim, ClassRef};
pub use baselines::{Baselines, Subject};
pub use card::{Card, CardState, Map, Phase, Wanted};
pub use dataset::{
    BuiltInSet, BuiltInSource, Dataset, DatasetOrigin, DatasetState, DatasetStatus, KeptScans, LastSet, Predictions,
    Row, ScanState, View,
};
pub use files::{FileEntry, FileState, FilesHandle, NamedFile, NetworkFiles};
pub use model::{ModelEntry, ModelOrigin, ModelState};
pub use picture::{Picture, PictureOrigin, PictureState};
pub use quality::{Measure, Measures, Pairing, Sensitivity};
pub use store::{EngineStatus, Keeping, LabelsNote, Look, Sheet, Store, Toast, ToastAction};
pub use suggest::{Colouring, Quantity, SuggestState, Tab, Tool};
