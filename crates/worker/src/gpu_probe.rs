//! Whether the browser's GPU can be used, asked before burn is: burn panics where it cannot.

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;

/// A GPU that can be used.
pub struct Gpu {
    /// Its name for people.
    pub name: String,
    /// Whether it is a software rasteriser, which is far slower than the CPU.
    pub software: bool,
}

/// Finds the GPU.
///
/// # Errors
/// A calm sentence saying why there is none.
pub async fn probe() -> Result<Gpu, String> {
    let get = |object: &JsValue, name: &str| Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED);
    let gpu = get(&get(&js_sys::global(), "navigator"), "gpu");
    if !gpu.is_object() {
        return Err("This browser has no WebGPU, so the CPU does the work.".into());
    }
    let none = || "WebGPU found no usable graphics card, so the CPU does the work.".to_owned();
    let options = Object::new();
    Reflect::set(&options, &"powerPreference".into(), &"high-performance".into()).map_err(|_| none())?;
    let request: Function = get(&gpu, "requestAdapter").dyn_into().map_err(|_| none())?;
    let promise: Promise = request.call1(&gpu, &options).map_err(|_| none())?.dyn_into().map_err(|_| none())?;
    let adapter = JsFuture::from(promise).await.map_err(|_| none())?;
    if !adapter.is_object() {
        return Err(none());
    }
    // Without timestamps cubecl panics on wasm when its first stream is made.
    let features = get(&adapter, "features");
    let has: Function = get(&features, "has").dyn_into().map_err(|_| none())?;
    if !has.call1(&features, &"timestamp-query".into()).is_ok_and(|has| has.is_truthy()) {
        return Err("This graphics card offers no timestamps, which the engine needs, so the CPU does the work.".into());
    }
    let info = get(&adapter, "info");
    let text = |name: &str| get(&info, name).as_string().unwrap_or_default();
    let name = [text("description"), format!("{} {}", text("vendor"), text("architecture")).trim().to_owned()]
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "WebGPU".into());
    let fallback = get(&info, "isFallbackAdapter").is_truthy() || get(&adapter, "isFallbackAdapter").is_truthy();
    let software = fallback || name.to_lowercase().contains("swiftshader") || name.to_lowercase().contains("llvmpipe");
    Ok(Gpu { name, software })
}
