//! When an element changes its size.

use js_sys::Function;
use wasm_bindgen::{JsCast as _, prelude::*};
use web_sys::Element;

#[wasm_bindgen]
extern "C" {
    /// Bound by hand for its three functions.
    #[wasm_bindgen(js_name = ResizeObserver)]
    type Observer;
    #[wasm_bindgen(constructor, js_class = "ResizeObserver", catch)]
    fn new(heard: &Function) -> Result<Observer, JsValue>;
    #[wasm_bindgen(method)]
    fn observe(this: &Observer, element: &Element);
    #[wasm_bindgen(method)]
    fn disconnect(this: &Observer);
}

/// Watches until it is dropped.
pub struct Watch {
    observer: Observer,
    _heard: Closure<dyn FnMut()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

/// Hears of every change of an element's size from now on, and once at first.
#[must_use]
pub fn size(element: &Element, heard: impl FnMut() + 'static) -> Option<Watch> {
    let heard = Closure::<dyn FnMut()>::new(heard);
    let observer = Observer::new(heard.as_ref().unchecked_ref()).ok()?;
    observer.observe(element);
    Some(Watch { observer, _heard: heard })
}
