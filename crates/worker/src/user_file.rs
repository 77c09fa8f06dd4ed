//! Files of the user's, read piece by piece.

use std::{cell::Cell, ops::Range, rc::Rc};

use bytes::Bytes;
use innspect_formats::{Blob, Slices};
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};

/// web-sys' own bindings would be more features of a crate that all of wgpu depends on.
#[wasm_bindgen]
extern "C" {
    type File;

    #[wasm_bindgen(method, getter)]
    fn size(this: &File) -> f64;

    #[wasm_bindgen(method)]
    fn slice(this: &File, start: f64, end: f64) -> JsValue;

    type FileReaderSync;

    #[wasm_bindgen(constructor)]
    fn new() -> FileReaderSync;

    #[wasm_bindgen(method, catch, js_name = readAsArrayBuffer)]
    fn read_as_array_buffer(this: &FileReaderSync, blob: &JsValue) -> Result<ArrayBuffer, JsValue>;
}

/// A file that the page was given.
pub struct UserFile {
    file: File,
    reader: FileReaderSync,
    read: Cell<bool>,
}

impl UserFile {
    /// From an attachment, if it is one.
    pub fn new(attachment: &JsValue) -> Option<Rc<Self>> {
        // A worker knows the class `File` by the methods that are used here.
        let file: &File = attachment.is_object().then(|| attachment.unchecked_ref())?;
        file.size().is_finite().then(|| {
            let (file, reader) = (file.unchecked_ref::<JsValue>().clone().unchecked_into(), FileReaderSync::new());
            Rc::new(Self { file, reader, read: Cell::new(false) })
        })
    }

    /// Its bytes.
    pub fn blob(self: &Rc<Self>) -> Blob {
        Blob::slices(self.clone())
    }

    /// Whether anything was read since the last call of [`was_read`](Self::was_read).
    pub fn is_read(&self) -> bool {
        self.read.get()
    }

    /// Whether anything was read since the last call.
    pub fn was_read(&self) -> bool {
        self.read.replace(false)
    }
}

impl Slices for UserFile {
    fn len(&self) -> u64 {
        self.file.size() as u64
    }

    fn read(&self, range: Range<u64>) -> Result<Bytes, String> {
        self.read.set(true);
        let part = self.file.slice(range.start as f64, range.end as f64);
        let buffer = self.reader.read_as_array_buffer(&part).map_err(|error| {
            let message = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
            message.unwrap_or_else(|| "the browser does not hand it out".to_owned())
        })?;
        Ok(Uint8Array::new(&buffer).to_vec().into())
    }
}
