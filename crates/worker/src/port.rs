//! The line to the page: an array of the message as JSON, and what travels with it: files of the user's one way, buffers
//! of pixels and numbers the other.

use std::rc::Rc;

use innspect_formats::Blob;
use innspect_protocol::{Reply, Request, UserError};
use js_sys::{Array, Float32Array, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

use crate::{failure::Failure, user_file::UserFile};

/// web-sys' own binding would be one more feature of a crate that all of wgpu depends on.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(value: &JsValue);
}

/// The worker's global scope.
pub fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// Milliseconds since the worker started.
pub fn now() -> f64 {
    scope().performance().map_or(0.0, |performance| performance.now())
}

/// A request with its attachments.
pub struct Incoming {
    /// The request.
    pub request: Request,
    /// Files of the user's that travelled with it.
    pub attachments: Vec<Rc<UserFile>>,
    /// Its file, once it has been downloaded.
    pub file: Option<Vec<u8>>,
}

impl Incoming {
    /// The bytes of its file: downloaded, or the first that travelled with it.
    pub fn file(&mut self) -> Result<Blob, Failure> {
        match (self.file.take(), self.attachments.first()) {
            (Some(bytes), _) => Ok(bytes.into()),
            (None, Some(file)) => Ok(file.blob()),
            (None, None) => Err(Failure::new("No file came with the request.", "", "Try again.")),
        }
    }
}

/// Reads what the page sent.
pub fn parse(event: &MessageEvent) -> Result<Incoming, UserError> {
    let parts: Array = event.data().dyn_into().map_err(|_| malformed("it is not a list"))?;
    let json = parts.get(0).as_string().ok_or_else(|| malformed("it has no text"))?;
    let request = serde_json::from_str(&json).map_err(|error| malformed(&error.to_string()))?;
    let attachments = parts.iter().skip(1).filter_map(|part| UserFile::new(&part)).collect();
    Ok(Incoming { request, attachments, file: None })
}

fn malformed(reason: &str) -> UserError {
    UserError {
        what: "The page sent the engine a message it does not understand.".into(),
        place: reason.into(),
        advice: "Reload the page: a part of it may be from an older version.".into(),
    }
}

/// Bulk data to the page.
pub enum Attachment<'a> {
    /// Bytes, such as RGBA pixels.
    Bytes(&'a [u8]),
    /// Numbers.
    Floats(&'a [f32]),
}

/// Sends a reply.
pub fn send(reply: &Reply) {
    send_with(reply, &[]);
}

/// Sends a reply with attachments, which are copied once and then transferred.
pub fn send_with(reply: &Reply, attachments: &[Attachment<'_>]) {
    let json = match serde_json::to_string(reply) {
        Ok(json) => json,
        Err(error) => {
            console_error(&JsValue::from_str(&format!("a reply could not be written: {error}")));
            return;
        }
    };
    let message = Array::of1(&JsValue::from_str(&json));
    let transfer = Array::new();
    for attachment in attachments {
        let buffer = match attachment {
            Attachment::Bytes(bytes) => Uint8Array::from(*bytes).buffer(),
            Attachment::Floats(floats) => Float32Array::from(*floats).buffer(),
        };
        message.push(&buffer);
        transfer.push(&buffer);
    }
    if let Err(error) = scope().post_message_with_transfer(&message, &transfer) {
        console_error(&error);
    }
}
