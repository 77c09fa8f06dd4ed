//! Files of the site.

use innspect_protocol::{Job, Reply, Stage};
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStreamDefaultReader, Response};

use crate::{failure::Failure, pause::Cancelled, port};

/// Largest file that is taken, in bytes: a wasm module has 4 GiB for everything.
const MAX_BYTES: u64 = 2 << 30;

/// The bytes of a file of the site.
pub async fn download(job: Job, url: &str, expected: u64, cancelled: &Cancelled) -> Result<Vec<u8>, Failure> {
    check_size(expected)?;
    site(job, url, expected, cancelled).await
}

/// The error of a file that is too large, if it is.
pub fn check_size(length: u64) -> Result<(), Failure> {
    if length > MAX_BYTES { Err(too_large(length)) } else { Ok(()) }
}

fn too_large(length: u64) -> Failure {
    Failure::new(
        format!("The file has {} MB; at most {} MB fit.", length >> 20, MAX_BYTES >> 20),
        "",
        "Use a smaller network, or one with fp16 weights.",
    )
}

async fn site(job: Job, url: &str, expected: u64, cancelled: &Cancelled) -> Result<Vec<u8>, Failure> {
    let unreachable = |error: JsValue| {
        let reason = error.dyn_ref::<js_sys::Error>().map_or_else(String::new, |error| String::from(error.message()));
        Failure::new(
            format!("{url} could not be loaded."),
            reason,
            "Check the connection; what was used before is there offline too.",
        )
    };
    let response = JsFuture::from(port::scope().fetch_with_str(url)).await.map_err(unreachable)?;
    let response: Response = response.unchecked_into();
    if !response.ok() {
        return Err(unreachable(js_sys::Error::new(&format!("HTTP status {}", response.status())).into()));
    }
    let Some(body) = response.body() else { return Err(unreachable(JsValue::NULL)) };
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    let mut data: Vec<u8> = Vec::with_capacity(expected as usize);
    let mut reported = port::now();
    loop {
        let chunk = JsFuture::from(reader.read()).await.map_err(unreachable)?;
        if Reflect::get(&chunk, &"done".into()).is_ok_and(|done| done.is_truthy()) {
            return Ok(data);
        }
        let value: Uint8Array = Reflect::get(&chunk, &"value".into()).map_err(unreachable)?.unchecked_into();
        let length = (data.len() as u64).saturating_add(u64::from(value.length()));
        check_size(length)?;
        let start = data.len();
        data.resize(start + value.length() as usize, 0);
        value.copy_to(&mut data[start..]);
        if cancelled.borrow().contains(&job) {
            JsFuture::from(reader.cancel()).await.ok();
            return Err(Failure::Cancelled);
        }
        if port::now() - reported > 80.0 {
            reported = port::now();
            let (done, total) = (data.len() as u64, expected);
            port::send(&Reply::Progress { job, stage: Stage::Downloading, done, total });
        }
    }
}
