//! A picture in the strip.

use std::sync::Arc;

use innspect_protocol::{CatalogPhoto, DatasetId, ImageId, ImageInfo, UserError};
use leptos::prelude::*;
use web_sys::File;

use crate::web::canvas::Pixels;

/// Where it comes from; needed again when the engine is restarted.
#[derive(Clone)]
pub enum PictureOrigin {
    /// The site.
    BuiltIn(Arc<CatalogPhoto>),
    /// A file of the user.
    File(StoredValue<File, LocalStorage>),
    /// An item of a data set.
    Item {
        /// The data set.
        dataset: DatasetId,
        /// Its number in it.
        item: u32,
    },
}

/// Whether the engine has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PictureState {
    /// Not yet.
    #[default]
    Absent,
    /// It is decoded.
    Loading,
    /// It has.
    Ready(ImageInfo),
    /// It could not be read.
    Failed(UserError),
}

impl PictureState {
    /// Pixels of a picture that the engine has.
    #[must_use]
    pub fn pixels(&self) -> Option<u64> {
        match self {
            Self::Ready(info) => Some(u64::from(info.width) * u64::from(info.height)),
            _ => None,
        }
    }
}

/// A picture.
#[derive(Clone)]
pub struct Picture {
    /// Its id; for pictures of the site, their file.
    pub id: ImageId,
    /// What it shows, or its file name.
    pub title: String,
    /// Address for the browser.
    pub url: String,
    /// Where it comes from.
    pub origin: PictureOrigin,
    /// Whether the engine has it.
    pub state: RwSignal<PictureState>,
    /// Small version, for files of the user.
    pub thumbnail: RwSignal<Option<Arc<Pixels>>>,
}

impl Picture {
    /// A picture; call it within the store's owner.
    pub fn new(id: ImageId, title: String, url: String, origin: PictureOrigin) -> Self {
        Self { id, title, url, origin, state: RwSignal::new(PictureState::Absent), thumbnail: RwSignal::new(None) }
    }

    /// The catalogue's entry of a built-in photo.
    #[must_use]
    pub fn catalog(&self) -> Option<&CatalogPhoto> {
        match &self.origin {
            PictureOrigin::BuiltIn(entry) => Some(entry),
            PictureOrigin::File(_) | PictureOrigin::Item { .. } => None,
        }
    }

    /// The data set and number of an item of it.
    #[must_use]
    pub fn item(&self) -> Option<(&DatasetId, u32)> {
        match &self.origin {
            PictureOrigin::Item { dataset, item } => Some((dataset, *item)),
            _ => None,
        }
    }
}
