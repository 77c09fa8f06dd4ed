//! Files that the page makes.

use js_sys::Array;
use wasm_bindgen::JsCast as _;
use web_sys::{Blob, HtmlElement, Url};

/// Offers a text as a file of this name; a browser that refuses is no error.
pub fn text(name: &str, text: &str) {
    let Ok(blob) = Blob::new_with_str_sequence(&Array::of1(&text.into())) else { return };
    let Ok(url) = Url::create_object_url_with_blob(&blob) else { return };
    let document = leptos::prelude::document();
    if let Ok(link) = document.create_element("a") {
        link.set_attribute("href", &url).ok();
        link.set_attribute("download", name).ok();
        if let Some(link) = link.dyn_ref::<HtmlElement>() {
            link.click();
        }
    }
    // The browser has begun to read it by then.
    leptos::prelude::set_timeout(move || drop(Url::revoke_object_url(&url)), std::time::Duration::from_secs(10));
}
