//! What the browser keeps for the page, and what the address says.

/// Reads a kept value.
#[must_use]
pub fn get(key: &str) -> Option<String> {
    web_sys::window()?.local_storage().ok()??.get_item(key).ok()?
}

/// Keeps a value; a browser that refuses storage is no error.
pub fn set(key: &str, value: &str) {
    if let Some(Ok(Some(storage))) = web_sys::window().map(|window| window.local_storage()) {
        storage.set_item(key, value).ok();
    }
}

/// Forgets a kept value.
pub fn remove(key: &str) {
    if let Some(Ok(Some(storage))) = web_sys::window().map(|window| window.local_storage()) {
        storage.remove_item(key).ok();
    }
}

/// A parameter of the address, as in `?device=cpu`.
#[must_use]
pub fn query(key: &str) -> Option<String> {
    let search = web_sys::window()?.location().search().ok()?;
    web_sys::UrlSearchParams::new_with_str(&search).ok()?.get(key)
}

/// The fragment of the address with its `#`.
#[must_use]
pub fn fragment() -> String {
    web_sys::window().and_then(|window| window.location().hash().ok()).unwrap_or_default()
}

/// Replaces the fragment without an entry in the history.
pub fn set_fragment(fragment: &str) {
    let Some(window) = web_sys::window() else { return };
    let Ok(history) = window.history() else { return };
    let location = window.location();
    let (Ok(path), Ok(search)) = (location.pathname(), location.search()) else { return };
    let mark = if fragment.is_empty() { "" } else { "#" };
    let url = format!("{path}{search}{mark}{fragment}");
    history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&url)).ok();
}
