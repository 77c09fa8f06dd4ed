//! Files of the user: those being opened, and those that a network is made of.

use innspect_protocol::{Job, Stage, UserError};
use leptos::prelude::*;
use web_sys::File;

/// A file and the name it came with.
#[derive(Clone)]
pub struct NamedFile {
    /// Name.
    pub name: String,
    /// The browser's handle; nothing of it is read by the page.
    pub file: File,
}

impl From<File> for NamedFile {
    fn from(file: File) -> Self {
        Self { name: file.name(), file }
    }
}

/// Everything a network of the user is loaded from, now and again when the engine is restarted.
#[derive(Clone)]
pub struct NetworkFiles {
    /// Its own file.
    pub own: NamedFile,
    /// Files that hold its weights.
    pub beside: Vec<NamedFile>,
    /// The architecture that was chosen, where the file holds weights alone.
    pub architecture: Option<String>,
    /// Whether its classes are named by a file that was given along with it.
    pub labelled: bool,
}

impl NetworkFiles {
    /// A network in one file, as far as is known.
    #[must_use]
    pub fn of(own: NamedFile) -> Self {
        Self { own, beside: Vec::new(), architecture: None, labelled: false }
    }

    /// All files, the network's own first.
    pub fn all(&self) -> impl Iterator<Item = &NamedFile> {
        std::iter::once(&self.own).chain(&self.beside)
    }
}

/// Handle of a network's files: the worker may name one more while the network is already shown.
pub type FilesHandle = StoredValue<NetworkFiles, LocalStorage>;

/// Where a file of the user stands that is neither a network nor a picture yet.
#[derive(Clone, Debug, PartialEq)]
pub enum FileState {
    /// It is read.
    Reading(Stage, u64, u64),
    /// It holds weights alone, and the user must say of what.
    Choosing {
        /// What it can be.
        candidates: Vec<String>,
        /// Why it must be said, or why the last choice was wrong.
        error: UserError,
    },
    /// It could not be.
    Failed(UserError),
}

/// Such a file.
#[derive(Clone)]
pub struct FileEntry {
    /// The job that reads it.
    pub job: Job,
    /// The id that it gets as a network or a picture.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: RwSignal<FileState>,
    /// Number of the drop, paste or pick that it came with.
    pub batch: u32,
}
