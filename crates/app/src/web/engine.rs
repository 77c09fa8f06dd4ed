//! The line to the worker. A message is an array of JSON and attachments: `File`s to the worker, which reads them piece
//! by piece, and transferred `ArrayBuffer`s from it.
//!
//! Requests made before the device is chosen wait in a queue. Every reply finds its handler by its job; a job whose
//! handler is gone (cancelled, replaced) is silent, so that a stale result can never be shown.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use innspect_protocol::{DeviceChoice, DeviceInfo, Job, MethodInfo, Reply, Request, UserError};
use js_sys::{Array, ArrayBuffer};
use leptos::prelude::*;
use wasm_bindgen::{JsCast as _, prelude::*};
use web_sys::{ErrorEvent, File, MessageEvent, Worker, WorkerOptions, WorkerType};

/// What the worker says of itself.
pub enum Event {
    /// The device is chosen.
    Started(DeviceInfo, Vec<MethodInfo>),
    /// It does not work any more.
    Down(UserError),
}

type Handler = Rc<dyn Fn(Reply, Vec<ArrayBuffer>)>;

struct Live {
    worker: Worker,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(web_sys::Event)>,
}

struct Inner {
    live: RefCell<Option<Live>>,
    started: Cell<bool>,
    queue: RefCell<Vec<(Request, Vec<File>)>>,
    handlers: RefCell<HashMap<Job, Handler>>,
    next: Cell<u32>,
    device: DeviceChoice,
    event: Box<dyn Fn(Event)>,
}

/// Handle of the worker.
#[derive(Clone, Copy)]
pub struct Engine(StoredValue<Rc<Inner>, LocalStorage>);

const SCRIPT: &str = "./worker_loader.js";

impl Engine {
    /// Prepares the line; nothing runs before [`Engine::restart`].
    pub fn new(device: DeviceChoice, event: impl Fn(Event) + 'static) -> Self {
        Self(StoredValue::new_local(Rc::new(Inner {
            live: RefCell::default(),
            started: Cell::new(false),
            queue: RefCell::default(),
            handlers: RefCell::default(),
            next: Cell::new(1),
            device,
            event: Box::new(event),
        })))
    }

    /// Ends the worker if there is one, forgets all jobs, and starts a new one.
    pub fn restart(self) {
        let inner = self.0.get_value();
        if let Some(live) = inner.live.take() {
            live.worker.set_onmessage(None);
            live.worker.set_onerror(None);
            live.worker.terminate();
        }
        inner.started.set(false);
        inner.queue.take();
        inner.handlers.take();

        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        match Worker::new_with_options(SCRIPT, &options) {
            Ok(worker) => {
                let live = connect(worker, &inner);
                inner.live.replace(Some(live));
            }
            Err(error) => (inner.event)(Event::Down(down(&format!("{error:?}")))),
        }
    }

    /// A new job's number.
    pub fn job(self) -> Job {
        let inner = self.0.get_value();
        let number = inner.next.get();
        inner.next.set(number.wrapping_add(1));
        Job(number)
    }

    /// Hears the replies to a job until its last one, [`Engine::cancel`] or [`Engine::forget`].
    pub fn hear(self, job: Job, handler: impl Fn(Reply, Vec<ArrayBuffer>) + 'static) {
        self.0.get_value().handlers.borrow_mut().insert(job, Rc::new(handler));
    }

    /// Sends a request, or queues it while the device is not chosen yet.
    pub fn send(self, request: Request, attachments: Vec<File>) {
        let inner = self.0.get_value();
        if inner.started.get() {
            inner.post(&request, &attachments);
        } else {
            inner.queue.borrow_mut().push((request, attachments));
        }
    }

    /// Stops a job and listens to it no longer.
    pub fn cancel(self, job: Job) {
        let inner = self.0.get_value();
        if inner.handlers.borrow_mut().remove(&job).is_some() {
            self.send(Request::Cancel { job }, Vec::new());
        }
    }

    /// Frees a finished explanation and listens to its job no longer.
    pub fn forget(self, job: Job) {
        self.0.get_value().handlers.borrow_mut().remove(&job);
        self.send(Request::Forget { job }, Vec::new());
    }
}

impl Inner {
    fn post(&self, request: &Request, attachments: &[File]) {
        let Ok(json) = serde_json::to_string(request) else { return };
        let message = Array::of1(&JsValue::from_str(&json));
        for file in attachments {
            message.push(file);
        }
        if let Some(live) = self.live.borrow().as_ref()
            && let Err(error) = live.worker.post_message(&message)
        {
            (self.event)(Event::Down(down(&format!("{error:?}"))));
        }
    }

    fn receive(&self, data: &JsValue) {
        let Some((reply, attachments)) = read(data) else { return };
        let job = match &reply {
            Reply::Listening => return self.post(&Request::Start { device: self.device }, &[]),
            Reply::Started { .. } => None,
            Reply::Failed { job, .. } => *job,
            Reply::Progress { job, .. }
            | Reply::ModelReady { job, .. }
            | Reply::ImageReady { job, .. }
            | Reply::Belongs { job, .. }
            | Reply::ChooseArchitecture { job, .. }
            | Reply::Predicted { job, .. }
            | Reply::Explained { job, .. }
            | Reply::Partial { job, .. }
            | Reply::Assessed { job, .. }
            | Reply::Shown { job, .. }
            | Reply::ShownInput { job, .. }
            | Reply::DatasetItems { job, .. }
            | Reply::DatasetReady { job, .. }
            | Reply::ClassesMatched { job, .. }
            | Reply::Thumbnails { job, .. }
            | Reply::Scanned { job, .. }
            | Reply::Mapped { job, .. }
            | Reply::ScanDone { job, .. }
            | Reply::NotApplicable { job, .. }
            | Reply::Cancelled { job } => Some(*job),
        };
        let Some(job) = job else { return self.of_itself(reply) };
        let last = matches!(
            reply,
            Reply::ModelReady { .. }
                | Reply::ImageReady { .. }
                | Reply::Belongs { .. }
                | Reply::ChooseArchitecture { .. }
                | Reply::Assessed { .. }
                | Reply::Shown { .. }
                | Reply::ShownInput { .. }
                | Reply::DatasetReady { .. }
                | Reply::ClassesMatched { .. }
                | Reply::Thumbnails { rest: 0, .. }
                | Reply::ScanDone { .. }
                | Reply::NotApplicable { .. }
                | Reply::Cancelled { .. }
                | Reply::Failed { .. }
        );
        let handler =
            if last { self.handlers.borrow_mut().remove(&job) } else { self.handlers.borrow().get(&job).cloned() };
        if let Some(handler) = handler {
            handler(reply, attachments);
        }
    }

    fn of_itself(&self, reply: Reply) {
        match reply {
            Reply::Started { device, methods } => {
                self.started.set(true);
                (self.event)(Event::Started(device, methods));
                for (request, attachments) in self.queue.take() {
                    self.post(&request, &attachments);
                }
            }
            Reply::Failed { error, .. } => (self.event)(Event::Down(error)),
            _ => {}
        }
    }
}

fn connect(worker: Worker, inner: &Rc<Inner>) -> Live {
    let weak = Rc::downgrade(inner);
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        if let Some(inner) = weak.upgrade() {
            inner.receive(&event.data());
        }
    });
    let weak = Rc::downgrade(inner);
    let on_error = Closure::<dyn FnMut(web_sys::Event)>::new(move |event: web_sys::Event| {
        let detail = event.dyn_ref::<ErrorEvent>().map(ErrorEvent::message).unwrap_or_default();
        if let Some(inner) = weak.upgrade() {
            (inner.event)(Event::Down(down(&detail)));
        }
    });
    worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
    Live { worker, _on_message: on_message, _on_error: on_error }
}

fn read(data: &JsValue) -> Option<(Reply, Vec<ArrayBuffer>)> {
    let message = data.dyn_ref::<Array>()?;
    let json = message.get(0).as_string()?;
    let attachments = message.iter().skip(1).filter_map(|part| part.dyn_into().ok()).collect();
    match serde_json::from_str(&json) {
        Ok(reply) => Some((reply, attachments)),
        Err(error) => {
            leptos::logging::error!("A message of the engine could not be read: {error}");
            None
        }
    }
}

fn down(detail: &str) -> UserError {
    UserError {
        what: "The engine stopped.".to_owned(),
        place: detail.to_owned(),
        advice: "Restart it; your pictures and models are loaded again.".to_owned(),
    }
}
