//! Files of the site.

use serde::de::DeserializeOwned;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

/// Reads a JSON file of the site.
///
/// # Errors
/// Says in one phrase what went wrong.
pub async fn json<T: DeserializeOwned>(url: &str) -> Result<T, String> {
    let window = web_sys::window().ok_or("there is no window")?;
    let response = JsFuture::from(window.fetch_with_str(url)).await.map_err(|_| "it could not be fetched")?;
    let response: Response = response.dyn_into().map_err(|_| "the answer is no response")?;
    if !response.ok() {
        return Err(format!("the server answered {}", response.status()));
    }
    let text = response.text().map_err(|_| "it is not text")?;
    let text = JsFuture::from(text).await.map_err(|_| "the connection broke")?.as_string().unwrap_or_default();
    serde_json::from_str(&text).map_err(|error| format!("it is not what is expected: {error}"))
}
