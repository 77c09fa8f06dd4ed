//! Results of scans that the browser keeps: `scans/<fingerprint>/<network and preprocessing>/` holds files of pictures, each
//! whole or not there, and `about.json` beside the folders tells whose they are. The same data set finds them again after a
//! reload, and only the rest is scanned.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet, VecDeque},
    rc::Rc,
};

use leptos::prelude::*;

use super::selection;
use crate::{
    pure::{format, scan_file::Piece, stored::room},
    state::{Dataset, KeptScans, Store, ToastAction},
    web::{
        clock,
        opfs::{self, Folder, Trouble},
    },
};

/// The folder, and the lock among tabs that writing and removing in it need.
const FOLDER: &str = "scans";
/// The leaf of a data set.
const ABOUT: &str = "about.json";
/// A file is written when so many bytes are there for it, ...
const ENOUGH: usize = 4 << 20;
/// ... or when the first of them waits for so many milliseconds: what a reload loses at most.
const LATEST: f64 = 4000.0;

/// Pictures that are to be written, of one data set and one network.
struct Waiting {
    dataset: Rc<About>,
    key: String,
    piece: Piece,
    since: f64,
}

/// What the leaf says of a data set.
struct About {
    name: String,
    count: u32,
    fingerprint: String,
}

thread_local! {
    static WAITING: RefCell<HashMap<(String, String), Waiting>> = RefCell::default();
    static WRITING: RefCell<VecDeque<Waiting>> = const { RefCell::new(VecDeque::new()) };
    static BUSY: Cell<bool> = const { Cell::new(false) };
    /// Data sets whose results were removed and can still be put back.
    static REMOVED: RefCell<HashMap<String, KeptScans>> = RefCell::default();
    /// Nothing more is kept at this visit, and that was said.
    static GIVEN_UP: Cell<bool> = const { Cell::new(false) };
}

/// Whether a text may be the name of a folder.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 160 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Reads what is kept of a network for a data set; `take` gets a piece after the other and says whether to go on.
pub async fn load(store: Store, dataset: &Dataset, key: &str, take: impl Fn(Piece) -> bool) {
    let fingerprint = dataset.info.fingerprint.as_str();
    // Whoever opens the data set again wants them.
    restore(store, fingerprint);
    if !is_name(fingerprint) || !is_name(key) {
        return;
    }
    let Ok(folder) = Folder::of_site(FOLDER).await else { return };
    let Ok(folder) = folder.folder(fingerprint, false).await else { return };
    let Ok(folder) = folder.folder(key, false).await else { return };
    let Ok(mut names) = folder.names().await else { return };
    names.sort_unstable();
    for name in names {
        let Ok(bytes) = folder.bytes(&name).await else { continue };
        match Piece::read(&bytes) {
            Some(piece) => {
                if !take(piece) {
                    return;
                }
            }
            // Damaged, or of another version: it would never be read.
            None => drop(folder.remove(&name).await),
        }
        clock::pause().await;
    }
}

/// Keeps what a network said; it is written before long.
pub fn keep(store: Store, dataset: &Dataset, key: &str, piece: &Rc<Piece>) {
    let info = &dataset.info;
    if GIVEN_UP.get() || !is_name(&info.fingerprint) || !is_name(key) {
        return;
    }
    let name = (info.fingerprint.clone(), key.to_owned());
    let now = clock::now();
    let full = WAITING.with_borrow_mut(|all| {
        let same = all.get_mut(&name).is_some_and(|waiting| waiting.piece.append(piece));
        let mut full = Vec::new();
        if !same {
            let about =
                Rc::new(About { name: info.name.clone(), count: info.count, fingerprint: info.fingerprint.clone() });
            let waiting = Waiting { dataset: about, key: key.to_owned(), piece: (**piece).clone(), since: now };
            // Of another layer: a file holds one.
            full.extend(all.insert(name.clone(), waiting));
        }
        let is_full = |waiting: &Waiting| waiting.piece.bytes() >= ENOUGH || now - waiting.since >= LATEST;
        if all.get(&name).is_some_and(is_full) {
            full.extend(all.remove(&name));
        }
        full
    });
    for waiting in full {
        write(store, waiting);
    }
}

/// Writes all that waits.
pub fn flush(store: Store) {
    for (_, waiting) in WAITING.take() {
        write(store, waiting);
    }
}

fn write(store: Store, waiting: Waiting) {
    WRITING.with_borrow_mut(|all| all.push_back(waiting));
    if BUSY.replace(true) {
        return;
    }
    leptos::task::spawn_local(async move {
        while let Some(waiting) = WRITING.with_borrow_mut(VecDeque::pop_front) {
            let removed = REMOVED.with_borrow(|removed| removed.contains_key(&waiting.dataset.fingerprint));
            if removed || GIVEN_UP.get() {
                continue;
            }
            if let Err(failure) = put(store, &waiting).await {
                give_up(store, failure);
            }
        }
        BUSY.set(false);
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

async fn put(store: Store, waiting: &Waiting) -> Result<(), Failure> {
    let broken = || Trouble::Other("the results do not fit each other".to_owned());
    let bytes = waiting.piece.write().ok_or_else(broken)?;
    let size = bytes.len() as u64;
    let Some(_lock) = opfs::lock(FOLDER, false).await else { return Err(Trouble::Unavailable.into()) };
    let (quota, usage) = opfs::room().await;
    room(quota, usage, size).map_err(Failure::Room)?;
    let set = Folder::of_site(FOLDER).await?.folder(&waiting.dataset.fingerprint, true).await?;
    let folder = set.folder(&waiting.key, true).await?;
    // In the order of time; another tab does not write under the same name.
    let name = format!("{:013.0}-{:04.0}", clock::now(), js_sys::Math::random() * 9999.0);
    let file = opfs::bytes_file(&name, &bytes).ok_or_else(broken)?;
    folder.write(&name, &file, |_| {}).await?;
    let before = leaf(&set, &waiting.dataset.fingerprint).await.map_or(0, |about| about.bytes);
    let about = KeptScans {
        name: waiting.dataset.name.clone(),
        count: waiting.dataset.count,
        fingerprint: waiting.dataset.fingerprint.clone(),
        bytes: before + size,
        stored: clock::now(),
    };
    let text = serde_json::to_string(&about).map_err(|_| broken())?;
    let file = opfs::text_file(ABOUT, &text).ok_or_else(broken)?;
    set.write(ABOUT, &file, |_| {}).await?;
    store.data.kept.update(|all| {
        all.retain(|one| one.fingerprint != about.fingerprint);
        all.insert(0, about);
    });
    Ok(())
}

/// What cannot be kept is still there until the page is left.
fn give_up(store: Store, failure: Failure) {
    if GIVEN_UP.replace(true) {
        return;
    }
    let why = match failure {
        Failure::Room(reason) => reason,
        Failure::Trouble(Trouble::Full) => "the browser has no room for them".to_owned(),
        Failure::Trouble(Trouble::Unavailable) => "this browser keeps no files here, as in a private window".to_owned(),
        Failure::Trouble(Trouble::Other(words)) => {
            leptos::logging::warn!("Results of a scan could not be kept: {words}");
            "they could not be written".to_owned()
        }
    };
    selection::say(store, format!("The scan goes on, but its results are not kept for the next visit: {why}."));
}

async fn leaf(set: &Folder, fingerprint: &str) -> Option<KeptScans> {
    let about: KeptScans = serde_json::from_str(&set.text(ABOUT).await.ok()?).ok()?;
    (about.fingerprint == fingerprint).then_some(about)
}

/// Lists what is kept.
pub async fn read(store: Store) {
    let Ok(folder) = Folder::of_site(FOLDER).await else { return };
    let Ok(names) = folder.names().await else { return };
    let mut all = Vec::new();
    for name in names {
        if let Ok(set) = folder.folder(&name, false).await {
            all.extend(leaf(&set, &name).await);
        }
    }
    store.data.kept.update(|kept| {
        // What was written meanwhile is newer.
        let known: HashSet<String> = kept.iter().map(|one| one.fingerprint.clone()).collect();
        kept.extend(all.into_iter().filter(|one| !known.contains(&one.fingerprint)));
        kept.sort_by(|a, b| b.stored.total_cmp(&a.stored));
    });
}

/// Removes what is kept of a data set: from the list at once, from the storage when it can no longer be put back.
pub fn remove(store: Store, fingerprint: &str) {
    let Some(kept) =
        store.data.kept.with_untracked(|all| all.iter().find(|one| one.fingerprint == fingerprint).cloned())
    else {
        return;
    };
    store.data.kept.update(|all| all.retain(|one| one.fingerprint != fingerprint));
    let text = format!("Removed the results of {}, {}.", kept.name, format::bytes(kept.bytes));
    let fingerprint = fingerprint.to_owned();
    REMOVED.with_borrow_mut(|removed| drop(removed.insert(fingerprint.clone(), kept)));
    selection::toast(store, text, ToastAction::RestoreScans(fingerprint.clone()), move || {
        let there = REMOVED.with_borrow(|removed| removed.contains_key(&fingerprint));
        if !there {
            return;
        }
        let fingerprint = fingerprint.clone();
        leptos::task::spawn_local(async move {
            // It may have been put back while another tab had the lock.
            if let Some(_lock) = opfs::lock(FOLDER, false).await
                && REMOVED.with_borrow(|removed| removed.contains_key(&fingerprint))
                && let Ok(folder) = Folder::of_site(FOLDER).await
            {
                folder.remove(&fingerprint).await.ok();
            }
            // From now on results are kept again.
            REMOVED.with_borrow_mut(|removed| drop(removed.remove(&fingerprint)));
        });
    });
}

/// Puts removed results back on the list.
pub fn restore(store: Store, fingerprint: &str) {
    if let Some(kept) = REMOVED.with_borrow_mut(|removed| removed.remove(fingerprint)) {
        store.data.kept.update(|all| {
            all.push(kept);
            all.sort_by(|a, b| b.stored.total_cmp(&a.stored));
        });
    }
}
