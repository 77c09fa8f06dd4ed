//! The size of an element, as long as it is there.

use js_sys::{Array, Function, Reflect};
use wasm_bindgen::{JsCast as _, prelude::*};
use web_sys::Element;

/// Ends the watch when it is dropped.
pub struct Watch {
    observer: JsValue,
    _changed: Closure<dyn FnMut()>,
}

/// Calls `changed` whenever the element's size changes, and once at first. Nothing in a browser without such an observer.
#[must_use]
pub fn watch(element: &Element, changed: impl Fn() + 'static) -> Option<Watch> {
    // By name: the typed observer needs three features for two calls.
    let class: Function = Reflect::get(&js_sys::global(), &"ResizeObserver".into()).ok()?.dyn_into().ok()?;
    let changed = Closure::<dyn FnMut()>::new(changed);
    let observer = Reflect::construct(&class, &Array::of1(changed.as_ref())).ok()?;
    call(&observer, "observe", Some(element))?;
    Some(Watch { observer, _changed: changed })
}

fn call(observer: &JsValue, name: &str, element: Option<&Element>) -> Option<()> {
    let method: Function = Reflect::get(observer, &name.into()).ok()?.dyn_into().ok()?;
    match element {
        Some(element) => method.call1(observer, element),
        None => method.call0(observer),
    }
    .ok()
    .map(drop)
}

impl Drop for Watch {
    fn drop(&mut self) {
        call(&self.observer, "disconnect", None);
    }
}
