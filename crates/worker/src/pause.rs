//! Pauses in long work, in which messages arrive.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    rc::Rc,
};

use gloo_timers::future::TimeoutFuture;
use innspect_engine::{EngineError, Pacer};
use innspect_explain::{Monitor, Outcome};
use innspect_protocol::{Job, Reply, Stage};
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::MessageChannel;

use crate::port;

/// Work runs at most this long without a pause, in milliseconds.
const SLICE: f64 = 20.0;
/// Progress is reported at most this often, in milliseconds.
const REPORT: f64 = 80.0;

/// Jobs that were asked to stop.
pub type Cancelled = Rc<RefCell<HashSet<Job>>>;

/// Lets everything that waits run once. A message to itself costs microseconds where a timer is clamped to 4 ms.
pub async fn breathe() {
    let Ok(channel) = MessageChannel::new() else { return };
    let port = channel.port1();
    let promise = Promise::new(&mut |resolve, _| port.set_onmessage(Some(&resolve)));
    if channel.port2().post_message(&JsValue::NULL).is_ok() {
        JsFuture::from(promise).await.ok();
    }
    channel.port1().close();
}

/// The pacer of a job: pauses, reports progress, stops when asked to.
pub struct JobPacer {
    job: Job,
    stage: Stage,
    cancelled: Cancelled,
    paused: f64,
    reported: f64,
}

impl JobPacer {
    /// For a job that begins a stage now.
    pub fn new(job: Job, stage: Stage, cancelled: Cancelled) -> Self {
        let now = port::now();
        Self { job, stage, cancelled, paused: now, reported: now }
    }
}

impl Monitor for JobPacer {
    fn wants_map(&mut self) -> bool {
        false
    }

    async fn show(&mut self, _so_far: &Outcome, _done: usize, _total: usize) -> Result<(), EngineError> {
        Ok(())
    }
}

impl Pacer for JobPacer {
    async fn pace(&mut self, done: usize, total: usize) -> Result<(), EngineError> {
        let now = port::now();
        if now - self.paused >= SLICE {
            breathe().await;
            self.paused = port::now();
            if self.cancelled.borrow().contains(&self.job) {
                return Err(EngineError::Cancelled);
            }
            if now - self.reported >= REPORT {
                self.reported = now;
                let (done, total) = (done as u64, total as u64);
                port::send(&Reply::Progress { job: self.job, stage: self.stage, done, total });
            }
        }
        Ok(())
    }
}

/// Whether a job of the page's runs in the foreground.
pub type Busy = Rc<Cell<bool>>;

/// How often work in the background looks whether the foreground is done, in milliseconds.
const LOOK: u32 = 8;

/// The pacer of work in the background: it also waits while there is anything else to do.
pub struct BackgroundPacer {
    job: Job,
    cancelled: Cancelled,
    busy: Busy,
    paused: f64,
    reported: f64,
    gave: f64,
}

impl BackgroundPacer {
    /// For a job that begins now.
    pub fn new(job: Job, cancelled: Cancelled, busy: Busy) -> Self {
        let now = port::now();
        Self { job, cancelled, busy, paused: now, reported: f64::NEG_INFINITY, gave: 0.0 }
    }

    /// Pauses where it is time to, until nothing else is to be done.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`] if it was asked to stop.
    pub async fn give_way(&mut self) -> Result<(), EngineError> {
        let now = port::now();
        if now - self.paused < SLICE {
            return Ok(());
        }
        breathe().await;
        while self.busy.get() && !self.is_cancelled() {
            TimeoutFuture::new(LOOK).await;
        }
        self.paused = port::now();
        self.gave += self.paused - now;
        if self.is_cancelled() { Err(EngineError::Cancelled) } else { Ok(()) }
    }

    /// Pauses likewise, and says how far it is.
    ///
    /// # Errors
    /// As [`give_way`](Self::give_way).
    pub async fn report(&mut self, done: usize, total: usize) -> Result<(), EngineError> {
        self.give_way().await?;
        if self.paused - self.reported >= REPORT {
            self.reported = self.paused;
            let (done, total) = (done as u64, total as u64);
            port::send(&Reply::Progress { job: self.job, stage: Stage::Scanning, done, total });
        }
        Ok(())
    }

    /// Milliseconds that others had so far.
    pub fn gave(&self) -> f64 {
        self.gave
    }

    /// Milliseconds since `begun` without those that others had.
    pub fn worked(&self, begun: f64) -> f64 {
        port::now() - begun - self.gave
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.borrow().contains(&self.job)
    }
}

impl Pacer for BackgroundPacer {
    async fn pace(&mut self, _done: usize, _total: usize) -> Result<(), EngineError> {
        self.give_way().await
    }
}

impl Monitor for BackgroundPacer {
    fn wants_map(&mut self) -> bool {
        false
    }

    async fn show(&mut self, _so_far: &Outcome, _done: usize, _total: usize) -> Result<(), EngineError> {
        Ok(())
    }
}
