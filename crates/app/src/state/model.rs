//! A network in the list.

use std::sync::Arc;

use innspect_protocol::{CatalogModel, ModelId, ModelInfo, Stage, UserError};
use leptos::prelude::*;

use super::{Card, FilesHandle};

/// Where it comes from; needed again when the engine is restarted.
#[derive(Clone)]
pub enum ModelOrigin {
    /// The site.
    BuiltIn(Arc<CatalogModel>),
    /// Files of the user, or copies of them that the browser keeps.
    Files(FilesHandle),
}

/// Whether it can be used.
#[derive(Clone, Debug, Default)]
pub enum ModelState {
    /// For its turn.
    #[default]
    Waiting,
    /// It is loaded.
    Loading {
        /// What happens.
        stage: Stage,
        /// Done, in units of the stage.
        done: u64,
        /// All; 0 if unknown.
        total: u64,
    },
    /// It can.
    Ready(Arc<ModelInfo>),
    /// It can not.
    Failed(UserError),
}

impl ModelState {
    /// What is known of a ready network.
    #[must_use]
    pub fn info(&self) -> Option<Arc<ModelInfo>> {
        match self {
            Self::Ready(info) => Some(info.clone()),
            _ => None,
        }
    }
}

/// A network with its choices and its card.
#[derive(Clone)]
pub struct ModelEntry {
    /// Its id.
    pub id: ModelId,
    /// Its name for people.
    pub name: String,
    /// Its identity colour.
    pub slot: usize,
    /// Where it comes from.
    pub origin: ModelOrigin,
    /// SHA-256 of its file once it is known.
    pub hash: RwSignal<Option<String>>,
    /// What is known of it by its file or the catalogue, before any change of the user's.
    pub said: RwSignal<Option<Arc<ModelInfo>>>,
    /// Whether it can be used.
    pub state: RwSignal<ModelState>,
    /// Whether it has a card.
    pub shown: RwSignal<bool>,
    /// Class of its own, if it does not follow the choice for all.
    pub class: RwSignal<Option<usize>>,
    /// Whether clicks on its classes stay here.
    pub own_class: RwSignal<bool>,
    /// Chosen layer, for methods that ask for one.
    pub layer: RwSignal<Option<String>>,
    /// Layer of the unit that is explained.
    pub unit_layer: RwSignal<Option<String>>,
    /// Layer of the concept.
    pub concept_layer: RwSignal<Option<String>>,
    /// Counts its configurations.
    pub revision: RwSignal<u32>,
    /// Whether the user has seen (or dismissed) what was assumed about its input.
    pub checked: RwSignal<bool>,
    /// What it shows.
    pub card: Card,
}

impl ModelEntry {
    /// A network that waits for its turn; call it within the store's owner.
    pub fn new(id: ModelId, name: String, slot: usize, origin: ModelOrigin) -> Self {
        let hash = match &origin {
            ModelOrigin::BuiltIn(entry) => Some(entry.sha256.clone()),
            ModelOrigin::Files(_) => None,
        };
        let built_in = hash.is_some();
        Self {
            id,
            name,
            slot,
            origin,
            hash: RwSignal::new(hash),
            said: RwSignal::new(None),
            state: RwSignal::new(ModelState::Waiting),
            shown: RwSignal::new(true),
            class: RwSignal::new(None),
            own_class: RwSignal::new(false),
            layer: RwSignal::new(None),
            unit_layer: RwSignal::new(None),
            concept_layer: RwSignal::new(None),
            revision: RwSignal::new(0),
            checked: RwSignal::new(built_in),
            card: Card::new(),
        }
    }

    /// The name of it in links, tracked: of a built-in network its id, of the user's own the hash of its file.
    #[must_use]
    pub fn link_name(&self) -> Option<String> {
        match &self.origin {
            ModelOrigin::BuiltIn(_) => Some(self.id.0.clone()),
            ModelOrigin::Files(_) => self.hash.get(),
        }
    }

    /// The files of a network of the user's.
    #[must_use]
    pub fn files(&self) -> Option<FilesHandle> {
        match &self.origin {
            ModelOrigin::BuiltIn(_) => None,
            ModelOrigin::Files(files) => Some(*files),
        }
    }

    /// The catalogue's entry of a built-in network.
    #[must_use]
    pub fn catalog(&self) -> Option<&CatalogModel> {
        match &self.origin {
            ModelOrigin::BuiltIn(entry) => Some(entry),
            ModelOrigin::Files(_) => None,
        }
    }
}
