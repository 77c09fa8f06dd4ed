//! Time, and pauses that let the browser draw.

use std::time::Duration;

use js_sys::{Function, Promise};
use leptos::prelude::set_timeout;
use wasm_bindgen::{JsCast as _, JsValue, prelude::Closure};
use wasm_bindgen_futures::JsFuture;

/// Milliseconds that work may take before the browser gets its turn: half a frame.
pub const TURN: f64 = 8.0;

/// Milliseconds since 1970.
#[must_use]
pub fn now() -> f64 {
    js_sys::Date::now()
}

/// Waits at least this long.
pub async fn sleep(time: Duration) {
    let mut resolve: Option<Function> = None;
    let promise = Promise::new(&mut |done, _| resolve = Some(done));
    let Some(resolve) = resolve else { return };
    set_timeout(move || drop(resolve.call0(&JsValue::UNDEFINED)), time);
    JsFuture::from(promise).await.ok();
}

/// Lets the browser draw and hear its user, then goes on. Unlike a timer it is not slowed down after a few turns.
pub async fn pause() {
    let mut resolve: Option<Function> = None;
    let promise = Promise::new(&mut |done, _| resolve = Some(done));
    if let Some(resolve) = resolve {
        next_turn(&resolve);
        JsFuture::from(promise).await.ok();
    }
}

/// Calls a function as a task of its own: a message to oneself is one, and costs no waiting.
fn next_turn(call: &Function) {
    thread_local! { static CHANNEL: Option<Turns> = Turns::new(); }
    let sent = CHANNEL.with(|channel| channel.as_ref().is_some_and(|channel| channel.post(call)));
    if !sent {
        let call = call.clone();
        set_timeout(move || drop(call.call0(&JsValue::UNDEFINED)), Duration::ZERO);
    }
}

/// A message channel to oneself, with the functions that are still to be called.
struct Turns {
    port: JsValue,
    post: Function,
    waiting: std::rc::Rc<std::cell::RefCell<std::collections::VecDeque<Function>>>,
    _heard: Closure<dyn FnMut()>,
}

impl Turns {
    fn new() -> Option<Self> {
        let get = |object: &JsValue, name: &str| js_sys::Reflect::get(object, &name.into()).ok();
        let make: Function = get(&js_sys::global(), "MessageChannel")?.dyn_into().ok()?;
        let channel = js_sys::Reflect::construct(&make, &js_sys::Array::new()).ok()?;
        let (ear, port) = (get(&channel, "port1")?, get(&channel, "port2")?);
        let post: Function = get(&port, "postMessage")?.dyn_into().ok()?;
        let waiting = std::rc::Rc::<std::cell::RefCell<std::collections::VecDeque<Function>>>::default();
        let calls = waiting.clone();
        let heard = Closure::<dyn FnMut()>::new(move || {
            let call = calls.borrow_mut().pop_front();
            if let Some(call) = call {
                call.call0(&JsValue::UNDEFINED).ok();
            }
        });
        // Setting the handler also starts the port.
        js_sys::Reflect::set(&ear, &"onmessage".into(), heard.as_ref()).ok()?;
        Some(Self { port, post, waiting, _heard: heard })
    }

    fn post(&self, call: &Function) -> bool {
        self.waiting.borrow_mut().push_back(call.clone());
        let sent = self.post.call1(&self.port, &JsValue::NULL).is_ok();
        if !sent {
            self.waiting.borrow_mut().pop_back();
        }
        sent
    }
}
