//! Networks of the user that the browser keeps: `networks/<sha256>/` with the files by their index and `about.json`,
//! which is written last, so that a folder without it is known to be incomplete.

use std::cell::RefCell;

use leptos::prelude::*;
use web_sys::{Blob, File};

use super::{files, loading, selection};
use crate::{
    pure::{
        format,
        hash::ViewState,
        stored::{ABOUT, About, InputSettings, StoredFile, is_hash, room},
    },
    state::{Keeping, ModelEntry, ModelState, NamedFile, NetworkFiles, Store, ToastAction},
    web::{
        opfs::{self, Folder, Trouble},
        storage,
    },
};

/// The folder, and the lock among tabs that writing, changing and removing in it need.
const FOLDER: &str = "networks";
/// Where it is noted that the browser was asked to keep the files.
const ASKED: &str = "persist-asked";

thread_local! {
    /// Removed networks that can still be put back.
    static REMOVED: RefCell<Vec<About>> = const { RefCell::new(Vec::new()) };
    /// Whether it was said that the browser keeps nothing.
    static SAID: RefCell<bool> = const { RefCell::new(false) };
}

/// Lists what is stored, and clears away what was not stored to the end.
pub async fn read(store: Store) {
    let Ok(folder) = Folder::of_site(FOLDER).await else { return };
    let Ok(names) = folder.names().await else { return };
    let (mut whole, mut broken) = (Vec::new(), Vec::new());
    for name in names {
        match leaf(&folder, &name).await {
            Some(about) => whole.push(about),
            None => broken.push(name),
        }
    }
    whole.sort_by(|a: &About, b| b.stored.total_cmp(&a.stored));
    store.stored.set(whole);
    if broken.is_empty() {
        return;
    }
    // Another tab may be writing just now; then it holds the lock, and the next visit clears away.
    leptos::task::spawn_local(async move {
        let Some(_lock) = opfs::lock(FOLDER, true).await else { return };
        for name in broken {
            // It may have become whole in the meantime.
            if leaf(&folder, &name).await.is_none() {
                folder.remove(&name).await.ok();
            }
        }
    });
}

/// The leaf of a network if all its files are there.
async fn leaf(folder: &Folder, name: &str) -> Option<About> {
    let inner = folder.folder(name, false).await.ok()?;
    let about = About::parse(&inner.text(ABOUT).await.ok()?, name)?;
    for (at, file) in about.files.iter().enumerate() {
        let there = inner.file(&at.to_string()).await.ok()?;
        if there.size() as u64 != file.bytes {
            return None;
        }
    }
    Some(about)
}

/// What is known of a stored network, by its hash.
#[must_use]
pub fn about(store: Store, hash: &str) -> Option<About> {
    store.stored.with_untracked(|all| all.iter().find(|about| about.sha256 == hash).cloned())
}

/// Stores a network of the user's in the background, once it is ready.
pub fn keep(store: Store, model: &ModelEntry) {
    let (Some(files), Some(said)) = (model.files(), model.said.get_untracked()) else { return };
    let hash = said.sha256.clone();
    restore(store, &hash);
    if about(store, &hash).is_some() {
        return;
    }
    let files = files.get_value();
    let about = About {
        name: model.name.clone(),
        sha256: hash.clone(),
        format: said.format.clone(),
        files: files.all().map(|file| StoredFile { name: file.name.clone(), bytes: file.file.size() as u64 }).collect(),
        architecture: files.architecture.clone(),
        stored: js_sys::Date::now(),
        input: super::input::remembered(store, &hash),
    };
    let blobs: Vec<File> = files.all().map(|file| file.file.clone()).collect();
    leptos::task::spawn_local(async move {
        let Some(_lock) = opfs::lock(FOLDER, false).await else { return };
        let (name, bytes) = (about.name.clone(), about.bytes());
        let outcome = write(store, about, &blobs).await;
        store.keeping.set(None);
        match outcome {
            Ok(()) => ask_to_persist().await,
            Err(Failure::Room(reason)) => {
                selection::say(store, format!("{name} works, but it is not kept for the next visit: {reason}."));
            }
            Err(Failure::Trouble(Trouble::Unavailable)) => {
                // Once is enough.
                if !SAID.replace(true) {
                    let why = "this browser keeps no files here, as in a private window";
                    selection::say(store, format!("{name} works, but it is not kept for the next visit: {why}."));
                }
            }
            Err(Failure::Trouble(Trouble::Full)) => {
                // Some browsers tell of a quota that they do not grant.
                let (quota, usage) = opfs::room().await;
                let none = || format!("the browser has no room for {}", format::bytes(bytes));
                let why = room(quota, usage, bytes).err().unwrap_or_else(none);
                selection::say(store, format!("{name} works, but it is not kept for the next visit: {why}."));
            }
            Err(Failure::Trouble(Trouble::Other(words))) => {
                leptos::logging::warn!("{name} could not be stored: {words}");
                let why = "its files could not be copied";
                selection::say(store, format!("{name} works, but it is not kept for the next visit: {why}."));
            }
        }
    });
}

enum Failure {
    Room(String),
    Trouble(Trouble),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

async fn write(store: Store, about: About, files: &[File]) -> Result<(), Failure> {
    let folder = Folder::of_site(FOLDER).await?;
    let (quota, usage) = opfs::room().await;
    room(quota, usage, about.bytes()).map_err(Failure::Room)?;
    store.keeping.set(Some(Keeping { name: about.name.clone(), done: 0, total: about.bytes() }));
    // Another tab may have stored it while this one waited.
    let there = leaf(&folder, &about.sha256).await;
    if there.is_none()
        && let Err(trouble) = fill(store, &folder, &about, files).await
    {
        folder.remove(&about.sha256).await.ok();
        return Err(trouble.into());
    }
    let hash = about.sha256.clone();
    store.stored.update(|all| {
        all.retain(|one| one.sha256 != hash);
        all.insert(0, there.unwrap_or(about));
    });
    // What was changed while it was written.
    let now = super::input::remembered(store, &hash);
    put_leaf(store, &folder, &hash, &now).await?;
    Ok(())
}

async fn fill(store: Store, folder: &Folder, about: &About, files: &[File]) -> Result<(), Trouble> {
    let inner = folder.folder(&about.sha256, true).await?;
    // A leaf of an earlier attempt would say that all is there.
    inner.remove(ABOUT).await.ok();
    for (at, file) in files.iter().enumerate() {
        let written = |bytes: u64| {
            store.keeping.update(|keeping| {
                if let Some(keeping) = keeping {
                    keeping.done += bytes;
                }
            });
        };
        inner.write(&at.to_string(), file, written).await?;
    }
    write_leaf(&inner, about).await
}

async fn write_leaf(inner: &Folder, about: &About) -> Result<(), Trouble> {
    let text = serde_json::to_string(about).map_err(|error| Trouble::Other(error.to_string()))?;
    let file = opfs::text_file(ABOUT, &text).ok_or_else(|| Trouble::Other("no file could be made".to_owned()))?;
    let content: &Blob = &file;
    inner.write(ABOUT, content, |_| {}).await
}

/// Brings the leaf up to date where the input of the network was changed.
pub fn update(store: Store, hash: &str, input: &InputSettings) {
    if about(store, hash).is_none_or(|about| about.input == *input) {
        return;
    }
    let (hash, input) = (hash.to_owned(), input.clone());
    leptos::task::spawn_local(async move {
        let Some(_lock) = opfs::lock(FOLDER, false).await else { return };
        if let Ok(folder) = Folder::of_site(FOLDER).await {
            put_leaf(store, &folder, &hash, &input).await.ok();
        }
    });
}

async fn put_leaf(store: Store, folder: &Folder, hash: &str, input: &InputSettings) -> Result<(), Trouble> {
    let Some(about) = about(store, hash).filter(|about| about.input != *input) else { return Ok(()) };
    let about = About { input: input.clone(), ..about };
    // Not made anew: it may have been removed.
    write_leaf(&folder.folder(hash, false).await?, &about).await?;
    store.stored.update(|all| {
        if let Some(one) = all.iter_mut().find(|one| one.sha256 == about.sha256) {
            *one = about;
        }
    });
    Ok(())
}

/// With the first stored network the browser is asked, once, not to clear it away by itself.
async fn ask_to_persist() {
    if storage::get(ASKED).is_none() {
        storage::set(ASKED, "1");
        opfs::persist().await;
    }
}

/// Opens a stored network, or shows it if it is open.
pub fn open(store: Store, hash: &str) {
    if let Some(model) = opened(store, hash) {
        model.shown.set(true);
        if model.state.with_untracked(|state| matches!(state, ModelState::Failed(_))) {
            loading::load_model(store, model);
        }
        return;
    }
    let Some(about) = about(store, hash) else { return };
    leptos::task::spawn_local(async move {
        match handles(&about).await {
            Ok(found) if opened(store, &about.sha256).is_none() => {
                files::add_waiting(store, about.name, about.sha256, found);
            }
            Ok(_) => {}
            Err(_) => {
                store.stored.update(|all| all.retain(|one| one.sha256 != about.sha256));
                selection::say(store, format!("{} is not in the browser's storage any more.", about.name));
            }
        }
    });
}

/// Opens the stored networks that a link names.
pub fn open_named(store: Store, link: &ViewState) {
    for hash in link.models.iter().flatten().filter(|name| is_hash(name)) {
        open(store, hash);
    }
}

fn opened(store: Store, hash: &str) -> Option<ModelEntry> {
    let models = store.models.get_untracked();
    models.into_iter().find(|model| model.hash.with_untracked(|known| known.as_deref() == Some(hash)))
}

async fn handles(about: &About) -> Result<NetworkFiles, Trouble> {
    let folder = Folder::of_site(FOLDER).await?.folder(&about.sha256, false).await?;
    let mut found = Vec::new();
    for (at, file) in about.files.iter().enumerate() {
        found.push(NamedFile { name: file.name.clone(), file: folder.file(&at.to_string()).await? });
    }
    let mut found = found.into_iter();
    let own = found.next().ok_or_else(|| Trouble::Other("no files".to_owned()))?;
    let architecture = about.architecture.clone();
    Ok(NetworkFiles { beside: found.collect(), architecture, ..NetworkFiles::of(own) })
}

/// Removes a stored network: from the list at once, from the storage when it can no longer be put back.
pub fn remove(store: Store, hash: &str) {
    let Some(about) = about(store, hash) else { return };
    store.stored.update(|all| all.retain(|one| one.sha256 != about.sha256));
    let text = format!("{} is no longer kept for the next visit.", about.name);
    let hash = about.sha256.clone();
    REMOVED.with_borrow_mut(|removed| removed.push(about));
    selection::toast(store, text, ToastAction::RestoreStored(hash.clone()), move || {
        if take_removed(&hash).is_none() {
            return;
        }
        let hash = hash.clone();
        leptos::task::spawn_local(async move {
            let Some(_lock) = opfs::lock(FOLDER, false).await else { return };
            // It may have been dropped again meanwhile.
            if self::about(store, &hash).is_none()
                && let Ok(folder) = Folder::of_site(FOLDER).await
            {
                folder.remove(&hash).await.ok();
            }
        });
    });
}

/// Puts a removed network back on the list, if its files are still there.
pub fn restore(store: Store, hash: &str) {
    if let Some(about) = take_removed(hash) {
        store.stored.update(|all| {
            all.push(about);
            all.sort_by(|a, b| b.stored.total_cmp(&a.stored));
        });
    }
}

fn take_removed(hash: &str) -> Option<About> {
    REMOVED
        .with_borrow_mut(|removed| removed.iter().position(|about| about.sha256 == hash).map(|at| removed.remove(at)))
}
