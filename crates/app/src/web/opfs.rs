//! Folders that the browser keeps for the site (the origin private file system), its room, and a lock between tabs.
//!
//! All of it may be missing: in private windows, in old browsers, outside secure contexts. Failures are words.

use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemRemoveOptions, FileSystemWritableFileStream, StorageEstimate, StorageManager,
};

/// Bytes that are written at once.
const PIECE: u64 = 16 << 20;

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The browser keeps no files here.
    Unavailable,
    /// There is no room.
    Full,
    /// Anything else, in the browser's words.
    Other(String),
}

impl From<JsValue> for Trouble {
    fn from(error: JsValue) -> Self {
        let part = |name: &str| Reflect::get(&error, &name.into()).ok().and_then(|value| value.as_string());
        match part("name").as_deref() {
            Some("QuotaExceededError") => Self::Full,
            Some("SecurityError" | "NotSupportedError") => Self::Unavailable,
            _ => Self::Other(part("message").unwrap_or_else(|| format!("{error:?}"))),
        }
    }
}

/// A folder.
#[derive(Clone)]
pub struct Folder(FileSystemDirectoryHandle);

impl Folder {
    /// A folder of the site's, made if it is missing.
    pub async fn of_site(name: &str) -> Result<Self, Trouble> {
        let manager = manager().ok_or(Trouble::Unavailable)?;
        if !has(&manager, "getDirectory") {
            return Err(Trouble::Unavailable);
        }
        let root = JsFuture::from(manager.get_directory()).await?;
        Self(root.unchecked_into()).folder(name, true).await
    }

    /// A folder in it; made if it is missing and `create`.
    pub async fn folder(&self, name: &str, create: bool) -> Result<Self, Trouble> {
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(create);
        let found = JsFuture::from(self.0.get_directory_handle_with_options(name, &options)).await?;
        Ok(Self(found.unchecked_into()))
    }

    /// Names of what is in it.
    pub async fn names(&self) -> Result<Vec<String>, Trouble> {
        let keys = self.0.keys();
        let mut names = Vec::new();
        loop {
            let step = JsFuture::from(keys.next()?).await?;
            if Reflect::get(&step, &"done".into())?.is_truthy() {
                return Ok(names);
            }
            names.extend(Reflect::get(&step, &"value".into())?.as_string());
        }
    }

    /// A file in it. It is not read before it is asked to be.
    pub async fn file(&self, name: &str) -> Result<File, Trouble> {
        let handle = self.handle(name, false).await?;
        Ok(JsFuture::from(handle.get_file()).await?.unchecked_into())
    }

    /// The text of a file in it.
    pub async fn text(&self, name: &str) -> Result<String, Trouble> {
        let file = self.file(name).await?;
        Ok(JsFuture::from(file.text()).await?.as_string().unwrap_or_default())
    }

    /// The bytes of a file in it.
    pub async fn bytes(&self, name: &str) -> Result<Vec<u8>, Trouble> {
        let file = self.file(name).await?;
        let buffer = JsFuture::from(file.array_buffer()).await?;
        Ok(Uint8Array::new(&buffer).to_vec())
    }

    /// Writes a file, whole or not at all, piece by piece; `written` hears of each piece's bytes.
    pub async fn write(&self, name: &str, content: &Blob, written: impl Fn(u64)) -> Result<(), Trouble> {
        let handle = self.handle(name, true).await?;
        if !has(&handle, "createWritable") {
            return Err(Trouble::Unavailable);
        }
        let stream: FileSystemWritableFileStream = JsFuture::from(handle.create_writable()).await?.unchecked_into();
        let size = content.size() as u64;
        let mut at = 0;
        while at < size {
            let end = (at + PIECE).min(size);
            let piece = content.slice_with_f64_and_f64(at as f64, end as f64)?;
            if let Err(error) = wait(stream.write_with_blob(&piece)).await {
                // What was written lies beside the file and goes with the stream.
                wait(Ok(stream.abort())).await.ok();
                return Err(error);
            }
            written(end - at);
            at = end;
        }
        // The file gets its content here, all at once.
        wait(Ok(stream.close())).await
    }

    /// Removes what has this name, with everything in it.
    pub async fn remove(&self, name: &str) -> Result<(), Trouble> {
        let options = FileSystemRemoveOptions::new();
        options.set_recursive(true);
        wait(Ok(self.0.remove_entry_with_options(name, &options))).await
    }

    async fn handle(&self, name: &str, create: bool) -> Result<FileSystemFileHandle, Trouble> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(create);
        let found = JsFuture::from(self.0.get_file_handle_with_options(name, &options)).await?;
        Ok(found.unchecked_into())
    }
}

async fn wait(promise: Result<Promise, JsValue>) -> Result<(), Trouble> {
    JsFuture::from(promise?).await?;
    Ok(())
}

/// A text as a file.
#[must_use]
pub fn text_file(name: &str, text: &str) -> Option<File> {
    File::new_with_str_sequence(&Array::of1(&text.into()), name).ok()
}

/// Bytes as a file.
#[must_use]
pub fn bytes_file(name: &str, bytes: &[u8]) -> Option<File> {
    let bytes = Uint8Array::from(bytes);
    File::new_with_u8_array_sequence(&Array::of1(&bytes), name).ok()
}

/// Quota and usage of the site in bytes, where the browser tells.
pub async fn room() -> (Option<f64>, Option<f64>) {
    let Some(manager) = manager().filter(|manager| has(manager, "estimate")) else { return (None, None) };
    let Ok(promise) = manager.estimate() else { return (None, None) };
    let Ok(estimate) = JsFuture::from(promise).await else { return (None, None) };
    let estimate: StorageEstimate = estimate.unchecked_into();
    (estimate.get_quota(), estimate.get_usage())
}

/// Asks the browser not to clear the site's files by itself when room gets scarce.
pub async fn persist() {
    let Some(manager) = manager().filter(|manager| has(manager, "persist")) else { return };
    if let Ok(promise) = manager.persist() {
        JsFuture::from(promise).await.ok();
    }
}

fn manager() -> Option<StorageManager> {
    let navigator = web_sys::window()?.navigator();
    // Absent outside secure contexts.
    has(&navigator, "storage").then(|| navigator.storage())
}

fn has(object: &JsValue, name: &str) -> bool {
    Reflect::get(object, &name.into()).is_ok_and(|value| !value.is_undefined() && !value.is_null())
}

#[wasm_bindgen]
extern "C" {
    /// `navigator.locks`; the typed binding is behind a compiler flag.
    type Locks;
    #[wasm_bindgen(method, catch)]
    fn request(this: &Locks, name: &str, options: &JsValue, callback: &Function) -> Result<Promise, JsValue>;
}

/// A lock that is held until this is dropped, or until the tab ends.
pub struct Lock(Option<Function>);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(release) = self.0.take() {
            release.call0(&JsValue::UNDEFINED).ok();
        }
    }
}

/// Waits for a lock among the tabs of the site; with `now`, nothing if another tab has it. A browser without locks gives
/// it at once.
pub async fn lock(name: &str, now: bool) -> Option<Lock> {
    let navigator = web_sys::window()?.navigator();
    if !has(&navigator, "locks") {
        return Some(Lock(None));
    }
    let locks: Locks = Reflect::get(&navigator, &"locks".into()).ok()?.unchecked_into();
    let options = js_sys::Object::new();
    Reflect::set(&options, &"ifAvailable".into(), &now.into()).ok()?;

    let (mut release, mut grant) = (None, None);
    let held = Promise::new(&mut |resolve, _| release = Some(resolve));
    let granted = Promise::new(&mut |resolve, _| grant = Some(resolve));
    let grant = grant?;
    // The browser holds the lock as long as the promise that the callback returns is open.
    let callback = Closure::once_into_js(move |lock: JsValue| -> JsValue {
        let got = !lock.is_null();
        grant.call1(&JsValue::UNDEFINED, &got.into()).ok();
        if got { held.into() } else { JsValue::UNDEFINED }
    });
    let request = locks.request(name, &options, callback.unchecked_ref()).ok()?;
    // A refusal comes before the callback; the promise of the request would wait for the release otherwise.
    let first = Promise::race(&Array::of2(&granted, &request));
    let got = JsFuture::from(first).await.ok()?.is_truthy();
    got.then_some(Lock(release))
}
