//! What the page knows: one store of signals, handed down as a context.

pub mod card;
pub mod model;
pub mod picture;
pub mod store;

pub use card::{Card, CardState, Map, Phase, Wanted};
pub use model::{ModelEntry, ModelOrigin, ModelState};
pub use picture::{Picture, PictureOrigin, PictureState};
pub use store::{EngineStatus, FileEntry, FileState, Look, Sheet, Store, Toast, ToastAction};
