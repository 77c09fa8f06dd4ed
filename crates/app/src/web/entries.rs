//! Files and folders out of a drop or a picker, with their paths.
//!
//! The file-system entries are bound here by hand: they are the few functions that every browser has, under names of old.

use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::{JsCast as _, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DataTransfer, File, FileList};

/// Most files of one drop; more are no data set that a page can hold.
pub const MOST: usize = 200_000;

#[wasm_bindgen]
extern "C" {
    /// `FileSystemEntry` with what its two kinds add.
    pub type Entry;
    #[wasm_bindgen(method, getter, js_name = isDirectory)]
    fn is_directory(this: &Entry) -> bool;
    #[wasm_bindgen(method, getter, js_name = fullPath)]
    fn full_path(this: &Entry) -> String;
    #[wasm_bindgen(method, js_name = createReader)]
    fn create_reader(this: &Entry) -> Reader;
    #[wasm_bindgen(method)]
    fn file(this: &Entry, found: &Function, failed: &Function);

    /// `FileSystemDirectoryReader`
    type Reader;
    #[wasm_bindgen(method, js_name = readEntries)]
    fn read_entries(this: &Reader, found: &Function, failed: &Function);

    /// `DataTransferItem`
    type Item;
    #[wasm_bindgen(method, catch, js_name = webkitGetAsEntry)]
    fn entry(this: &Item) -> Result<Option<Entry>, JsValue>;
}

/// A file with its path, `/` between folders; the name alone where it came without one.
#[derive(Clone)]
pub struct Found {
    /// The path.
    pub path: String,
    /// The file. Nothing of it is read.
    pub file: File,
}

/// What was dropped: files, and folders that are still to be walked.
#[derive(Default)]
pub struct Dropped {
    /// Files.
    pub files: Vec<Found>,
    /// Folders.
    pub folders: Vec<Entry>,
}

/// Takes what a drop holds. It must be called while the event is handled: afterwards the browser shows nothing of it.
#[must_use]
pub fn dropped(data: &DataTransfer) -> Dropped {
    let mut all = Dropped::default();
    let items = data.items();
    for at in 0..items.length() {
        let Some(item) = items.get(at).filter(|item| item.kind() == "file") else { continue };
        let entry = item.unchecked_ref::<Item>().entry().ok().flatten();
        match entry.filter(Entry::is_directory) {
            Some(folder) => all.folders.push(folder),
            None => all.files.extend(item.get_as_file().ok().flatten().map(named)),
        }
    }
    if all.files.is_empty() && all.folders.is_empty() {
        all.files = listed(data.files());
    }
    all
}

/// The files of a picker or the clipboard; those of a picked folder with their paths.
#[must_use]
pub fn listed(files: Option<FileList>) -> Vec<Found> {
    let files = files.into_iter().flat_map(|files| (0..files.length()).filter_map(move |at| files.get(at)));
    let mut files: Vec<Found> = files.map(named).collect();
    if files.iter().any(|found| found.path.contains('/')) {
        sort(&mut files);
    }
    files
}

fn named(file: File) -> Found {
    // Not among the typed properties of a file.
    let path = Reflect::get(&file, &"webkitRelativePath".into()).ok().and_then(|path| path.as_string());
    Found { path: path.filter(|path| !path.is_empty()).unwrap_or_else(|| file.name()), file }
}

/// By path: the same folder gives the same order, however it is opened and on whatever system.
fn sort(files: &mut [Found]) {
    files.sort_by(|a, b| a.path.cmp(&b.path));
}

/// Finds all files in folders and the folders in them. `told` hears how many were found and says whether to go on. A
/// folder or file that cannot be read is passed over.
pub async fn walk(folders: Vec<Entry>, told: impl Fn(usize) -> bool) -> Vec<Found> {
    let mut found = Vec::new();
    let mut waiting = folders;
    while let Some(folder) = waiting.pop() {
        let reader = folder.create_reader();
        // A reader gives some of the entries at a time, and none when there are no more.
        loop {
            let entries = ask(|found, failed| reader.read_entries(found, failed)).await;
            let entries: Vec<Entry> = entries
                .and_then(|entries| entries.dyn_into::<Array>().ok())
                .map(|entries| entries.iter().map(JsCast::unchecked_into).collect())
                .unwrap_or_default();
            if entries.is_empty() {
                break;
            }
            let (folders, files): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(Entry::is_directory);
            found.extend(handles(&files).await);
            waiting.extend(folders);
            if !told(found.len()) || found.len() > MOST {
                return found;
            }
        }
    }
    sort(&mut found);
    found
}

/// The files of entries, all asked for at once: one after the other takes seconds for thousands.
async fn handles(entries: &[Entry]) -> Vec<Found> {
    let asked: Array = entries.iter().map(|entry| promise(|found, failed| entry.file(found, failed))).collect();
    let Ok(files) = JsFuture::from(Promise::all(&asked)).await else { return Vec::new() };
    let files: Array = files.unchecked_into();
    let found = entries.iter().zip(files.iter()).filter_map(|(entry, file)| {
        let path = entry.full_path().trim_start_matches('/').to_owned();
        Some(Found { path, file: file.dyn_into::<File>().ok()? })
    });
    found.collect()
}

/// A function with two callbacks as a promise that an error fulfils too: what comes is no file then.
fn promise(call: impl Fn(&Function, &Function)) -> Promise {
    Promise::new(&mut |resolve, _| call(&resolve, &resolve))
}

async fn ask(call: impl Fn(&Function, &Function)) -> Option<JsValue> {
    JsFuture::from(promise(call)).await.ok()
}
