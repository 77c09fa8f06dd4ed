//! Offline use: the service worker, and the offer of a new version.

use leptos::prelude::*;
use wasm_bindgen::{JsCast as _, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ServiceWorker, ServiceWorkerContainer, ServiceWorkerRegistration, ServiceWorkerState};

const SCRIPT: &str = "./sw.js";

/// Registers the service worker and tells when a new version waits. Development builds have none.
pub fn register(waiting: impl Fn() + Clone + 'static) {
    if cfg!(debug_assertions) {
        return;
    }
    let Some(container) = container() else { return };
    leptos::task::spawn_local(async move {
        let Ok(registration) = JsFuture::from(container.register(SCRIPT)).await else { return };
        let Ok(registration) = registration.dyn_into::<ServiceWorkerRegistration>() else { return };
        if registration.waiting().is_some() && container.controller().is_some() {
            waiting();
        }
        watch(&registration, container, waiting);
    });
}

/// Lets the waiting version take over; the page reloads once it has.
pub fn update() {
    let Some(container) = container() else { return };
    let reload = Closure::once_into_js(|| {
        if let Some(window) = web_sys::window() {
            window.location().reload().ok();
        }
    });
    container.set_oncontrollerchange(Some(reload.unchecked_ref()));
    leptos::task::spawn_local(async move {
        let Ok(registration) = JsFuture::from(container.get_registration()).await else { return };
        let waiting = registration.dyn_into::<ServiceWorkerRegistration>().ok().and_then(|found| found.waiting());
        if let Some(worker) = waiting {
            let message = js_sys::Object::new();
            js_sys::Reflect::set(&message, &"type".into(), &"SKIP_WAITING".into()).ok();
            worker.post_message(&message).ok();
        }
    });
}

/// Asks the service worker to keep files of the site that the page has used: what was fetched before it took control,
/// on a first visit, it has not seen. URLs are relative to the page.
pub fn keep(urls: Vec<String>) {
    let Some(container) = container().filter(|_| !cfg!(debug_assertions)) else { return };
    leptos::task::spawn_local(async move {
        let Ok(ready) = container.ready() else { return };
        let Ok(registration) = JsFuture::from(ready).await else { return };
        let worker = registration.dyn_into::<ServiceWorkerRegistration>().ok().and_then(|found| found.active());
        if let Some(worker) = worker {
            let message = js_sys::Object::new();
            let urls: js_sys::Array = urls.iter().map(|url| JsValue::from_str(url)).collect();
            js_sys::Reflect::set(&message, &"type".into(), &"KEEP".into()).ok();
            js_sys::Reflect::set(&message, &"urls".into(), &urls).ok();
            worker.post_message(&message).ok();
        }
    });
}

fn container() -> Option<ServiceWorkerContainer> {
    let navigator = web_sys::window()?.navigator();
    // Absent outside secure contexts, where the property is undefined.
    let present = js_sys::Reflect::get(&navigator, &"serviceWorker".into()).is_ok_and(|value| !value.is_undefined());
    present.then(|| navigator.service_worker())
}

fn watch(
    registration: &ServiceWorkerRegistration,
    container: ServiceWorkerContainer,
    waiting: impl Fn() + Clone + 'static,
) {
    let of = registration.clone();
    let found = Closure::<dyn FnMut()>::new(move || {
        let Some(installing) = of.installing() else { return };
        let (waiting, container) = (waiting.clone(), container.clone());
        let worker: ServiceWorker = installing.clone();
        let changed = Closure::<dyn FnMut()>::new(move || {
            // The first installation has nobody to replace.
            if worker.state() == ServiceWorkerState::Installed && container.controller().is_some() {
                waiting();
            }
        });
        installing.set_onstatechange(Some(changed.as_ref().unchecked_ref()));
        changed.forget();
    });
    registration.set_onupdatefound(Some(found.as_ref().unchecked_ref()));
    found.forget();
}

/// Whether the browser has a network, and calls back on changes.
pub fn watch_online(online: RwSignal<bool>) {
    let now = || web_sys::window().is_none_or(|window| window.navigator().on_line());
    online.set(now());
    for event in ["online", "offline"] {
        window_event_listener_untyped(event, move |_| online.set(now()));
    }
}
