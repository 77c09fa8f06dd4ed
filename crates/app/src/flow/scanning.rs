//! The scan: every shown network predicts every picture of the open data set, what is missing only. It goes on by itself
//! when a network becomes ready, and can be stopped and continued.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::Arc,
};

use innspect_protocol::{Job, ModelId, ModelInfo, Reply, Request, ScanPart, ScoreKind, Stage, UserError};
use js_sys::ArrayBuffer;
use leptos::prelude::*;

use super::{
    kept_scans,
    scan_rows::{self, Arrival, Work, bump},
    truth,
};
use crate::{
    pure::scan_file::{Piece, short_hash},
    state::{Dataset, DatasetStatus, EngineStatus, ModelEntry, Predictions, ScanState, Store},
    web::{canvas::floats, clock},
};

/// What the table of a network is made by. It is made anew where the key changes.
#[derive(Clone, Debug)]
pub struct Bound {
    /// Name of the network and its preprocessing, under which results are kept.
    key: String,
    /// Configuration of the network whose classes were matched.
    revision: u32,
    kind: ScoreKind,
    layer: Option<String>,
    /// Whether what was kept is in the table.
    filled: bool,
    /// Tells apart tables of the same network.
    number: u32,
}

/// The tables' makers, by network.
pub type Bindings = HashMap<ModelId, Bound>;

/// The scan under way.
struct Running {
    job: Job,
    /// What was asked: networks by their tables.
    asked: Vec<(ModelId, u32, Option<String>)>,
    /// Predictions asked for.
    total: u64,
}

thread_local! {
    static BOUND: RefCell<Bindings> = RefCell::default();
    static RUNNING: RefCell<Option<Running>> = const { RefCell::new(None) };
    static NUMBER: Cell<u32> = const { Cell::new(0) };
}

/// A network that can predict, with what is known of it.
type Ready = (ModelEntry, Arc<ModelInfo>);

/// The networks that are shown and ready, tracked.
fn ready(store: Store) -> Vec<Ready> {
    let models = store.shown_models().into_iter();
    models.filter_map(|model| model.state.with(|state| state.info()).map(|info| (model, info))).collect()
}

/// Scans whatever is missing, from now on.
pub fn keep_scanned(store: Store) {
    Effect::new(move |_| {
        let down = store.status.with(|status| matches!(status, EngineStatus::Down(_)));
        let open = store.data.open();
        let ready = ready(store);
        let revisions: Vec<u32> = ready.iter().map(|(model, _)| model.revision.get()).collect();
        let layers = store.data.layer.get();
        untrack(|| match open {
            Some(dataset) if !down => {
                for ((model, info), revision) in ready.iter().zip(revisions) {
                    let layer = layers.get(&model.id).filter(|name| has_layer(info, name)).cloned();
                    bind(store, &dataset, model, info, revision, layer);
                }
                consider(store);
            }
            // An engine that is down has lost the job; one that starts anew hears of a new one.
            _ => drop(halt(store)),
        });
    });
}

fn has_layer(info: &ModelInfo, name: &str) -> bool {
    info.layers.iter().any(|layer| layer.name == name)
}

/// Whether a network's logits depend on anything else: the file, and how its pictures are prepared.
fn key(info: &ModelInfo) -> String {
    let steps = serde_json::to_string(&info.preprocessing).unwrap_or_default();
    format!("{}-{}", info.sha256, short_hash(&steps))
}

/// Sees to it that a network has a table that fits its configuration.
fn bind(
    store: Store,
    dataset: &Arc<Dataset>,
    model: &ModelEntry,
    info: &Arc<ModelInfo>,
    revision: u32,
    layer: Option<String>,
) {
    let key = key(info);
    let known = BOUND.with_borrow(|all| all.get(&model.id).filter(|bound| bound.key == key).cloned());
    if let Some(bound) = known {
        if bound.layer != layer {
            forget_activations(store, &model.id);
        }
        let renamed = bound.revision != revision;
        BOUND.with_borrow_mut(|all| all.insert(model.id.clone(), Bound { revision, layer, ..bound }));
        if renamed {
            truth::ask(store, dataset, model);
        }
        return;
    }
    let number = NUMBER.get() + 1;
    NUMBER.set(number);
    let bound = Bound { key, revision, kind: info.scores, layer, filled: false, number };
    let mut table = Predictions::default();
    let count = dataset.items.len();
    if !scan_rows::reserve(&mut table, count, info.classes) {
        BOUND.with_borrow_mut(|all| all.remove(&model.id));
        return store.data.scan.set(ScanState::Failed(no_memory(model, info, count)));
    }
    table.rows.resize(count, None);
    store.data.predictions.update_value(|all| drop(all.insert(model.id.clone(), table)));
    BOUND.with_borrow_mut(|all| all.insert(model.id.clone(), bound.clone()));
    bump(store);
    truth::ask(store, dataset, model);
    let (dataset, id) = (dataset.clone(), model.id.clone());
    leptos::task::spawn_local(async move {
        let table = TableName { set: dataset.clone(), model: id.clone(), number: bound.number };
        kept_scans::load(store, &dataset, &bound.key, |piece| {
            let current = table.is_current(store);
            if current {
                arrive(store, &dataset, &id, &Rc::new(piece));
            }
            current
        })
        .await;
        // Behind all that was loaded.
        scan_rows::push(
            store,
            Work::Then(Box::new(move || {
                if table.is_current(store) {
                    BOUND.with_borrow_mut(|all| {
                        if let Some(bound) = all.get_mut(&table.model) {
                            bound.filled = true;
                        }
                    });
                    consider(store);
                }
            })),
        );
    });
}

/// Tells whether a table is still the one that was meant.
struct TableName {
    set: Arc<Dataset>,
    model: ModelId,
    number: u32,
}

impl TableName {
    fn is_current(&self, store: Store) -> bool {
        let open = store.data.status.with_untracked(
            |status| matches!(status, DatasetStatus::Open(open) if open.info.fingerprint == self.set.info.fingerprint),
        );
        open && BOUND.with_borrow(|all| all.get(&self.model).is_some_and(|bound| bound.number == self.number))
    }
}

fn no_memory(model: &ModelEntry, info: &ModelInfo, count: usize) -> UserError {
    UserError {
        what: "There is not enough memory for the predictions.".to_owned(),
        place: format!("{}: {count} pictures, {} classes each", model.name, info.classes),
        advice: "Open a part of the pictures, or close other pages.".to_owned(),
    }
}

fn forget_activations(store: Store, model: &ModelId) {
    store.data.predictions.update_value(|all| {
        for row in all.get_mut(model).into_iter().flat_map(|table| table.rows.iter_mut()).flatten() {
            row.activation = None;
        }
    });
    bump(store);
}

/// Lines a piece up for the tables.
fn arrive(store: Store, dataset: &Dataset, model: &ModelId, piece: &Rc<Piece>) {
    let Some(bound) = BOUND.with_borrow(|all| all.get(model).cloned()) else { return };
    let (model, count) = (model.clone(), dataset.items.len());
    let arrival = Arrival { model, kind: bound.kind, layer: bound.layer, count, piece: piece.clone(), at: 0 };
    scan_rows::push(store, Work::Take(arrival));
}

/// The pictures that a network was not asked about yet.
fn missing(store: Store, model: &ModelId, layer: Option<&str>) -> Vec<u32> {
    let broken = store.data.broken.get_untracked();
    store.data.predictions.with_value(|all| {
        let rows = all.get(model).map(|table| table.rows.as_slice()).unwrap_or_default();
        let lacks = rows.iter().map(|row| row.is_none_or(|row| layer.is_some() && row.activation.is_none()));
        let lacking = (0..).zip(lacks).filter(|(item, lacks)| *lacks && !broken.contains_key(item));
        lacking.map(|(item, _)| item).collect()
    })
}

/// Starts the scan of what is missing, unless it runs, was stopped, or failed.
fn consider(store: Store) {
    let DatasetStatus::Open(dataset) = store.data.status.get_untracked() else { return };
    if matches!(store.data.scan.get_untracked(), ScanState::Paused | ScanState::Failed(_)) {
        return;
    }
    let ready = untrack(|| ready(store));
    let bound: Vec<(ModelId, Bound)> = BOUND.with_borrow(|all| {
        let of = |(model, _): &Ready| Some((model.id.clone(), all.get(&model.id)?.clone()));
        ready.iter().filter_map(of).filter(|(_, bound)| bound.filled).collect()
    });
    let asked: Vec<_> = bound.iter().map(|(model, bound)| (model.clone(), bound.number, bound.layer.clone())).collect();
    let same = RUNNING.with_borrow(|running| running.as_ref().map(|running| running.asked == asked));
    match same {
        // Another network came or went: a picture is read once for all that ask for it, so they are asked together.
        Some(false) => stop(store),
        Some(true) => return,
        None => {}
    }
    let parts = bound.into_iter().map(|(model, bound)| ScanPart {
        items: missing(store, &model, bound.layer.as_deref()),
        layer: bound.layer,
        model,
    });
    let parts: Vec<ScanPart> = parts.filter(|part| !part.items.is_empty()).collect();
    if parts.is_empty() {
        // Networks whose kept results are still read come later.
        let waits = ready.len() != asked.len() || ready.is_empty();
        return store.data.scan.set(if waits { ScanState::Idle } else { ScanState::Done });
    }
    start(store, dataset, parts, asked);
}

fn start(store: Store, dataset: Arc<Dataset>, parts: Vec<ScanPart>, asked: Vec<(ModelId, u32, Option<String>)>) {
    let job = store.engine.job();
    let total = parts.iter().map(|part| part.items.len() as u64).sum();
    let layers: HashMap<ModelId, Option<String>> =
        parts.iter().map(|part| (part.model.clone(), part.layer.clone())).collect();
    RUNNING.set(Some(Running { job, asked, total }));
    store.data.scan.set(ScanState::Running { job, done: 0, total, begun: clock::now() });
    let id = dataset.info.id.clone();
    store.engine.hear(job, move |reply, attachments| hear(store, &dataset, job, &layers, reply, &attachments));
    store.engine.send(Request::Scan { job, dataset: id, parts }, Vec::new());
}

fn is_running(job: Job) -> bool {
    RUNNING.with_borrow(|running| running.as_ref().is_some_and(|running| running.job == job))
}

fn hear(
    store: Store,
    dataset: &Arc<Dataset>,
    job: Job,
    layers: &HashMap<ModelId, Option<String>>,
    reply: Reply,
    attachments: &[ArrayBuffer],
) {
    if !is_running(job) {
        return;
    }
    match reply {
        // A picture of the site that arrives slowly counts bytes, in a stage of its own.
        Reply::Progress { stage: Stage::Scanning, done, .. } => progress(store, |_| done),
        Reply::Scanned { model, items, activations, broken, .. } => {
            let count = (items.len() + broken.len()) as u64;
            if !broken.is_empty() {
                let broken = broken.into_iter().map(|broken| (broken.item, broken.error));
                store.data.broken.update(|all| Arc::make_mut(all).extend(broken));
            }
            let layer = layers.get(&model).cloned().flatten();
            if let Some(piece) = piece(items, layer, activations, attachments) {
                let (piece, key) = (Rc::new(piece), BOUND.with_borrow(|all| Some(all.get(&model)?.key.clone())));
                arrive(store, dataset, &model, &piece);
                if let Some(key) = key {
                    kept_scans::keep(store, dataset, &key, &piece);
                }
            }
            counted(store, count);
        }
        Reply::ScanDone { .. } => after_all(store, job, None),
        Reply::Failed { error, .. } => after_all(store, job, Some(error)),
        Reply::NotApplicable { reason, .. } => {
            let error = UserError { what: reason, place: String::new(), advice: String::new() };
            after_all(store, job, Some(error));
        }
        Reply::Cancelled { .. } => {
            RUNNING.set(None);
            store.data.scan.set(ScanState::Paused);
        }
        _ => {}
    }
}

/// What came of a scan, if its parts fit each other.
fn piece(
    items: Vec<u32>,
    layer: Option<String>,
    activations: Vec<[f32; 2]>,
    attachments: &[ArrayBuffer],
) -> Option<Piece> {
    let count = items.len();
    let part = |at: usize| attachments.get(at).map(floats).unwrap_or_default();
    let (logits, features) = (part(0), part(1));
    if count == 0 || logits.is_empty() {
        return None;
    }
    // A layer that was not measured is not said to have been.
    let layer = layer.filter(|_| activations.len() == count);
    let activations = if layer.is_some() { activations } else { Vec::new() };
    let (classes, width) = (logits.len() / count, features.len() / count);
    let piece = Piece { classes, width, items, logits, features, layer, activations };
    piece.is_whole().then_some(piece)
}

/// Does not go back: what was counted by what came may be ahead of what the engine tells.
fn progress(store: Store, now: impl Fn(u64) -> u64) {
    store.data.scan.update(|scan| {
        if let ScanState::Running { done, total, .. } = scan {
            *done = now(*done).max(*done).min(*total);
        }
    });
}

thread_local! {
    /// Predictions that came of the scan under way.
    static CAME: Cell<(Option<Job>, u64)> = const { Cell::new((None, 0)) };
}

fn counted(store: Store, more: u64) {
    let job = RUNNING.with_borrow(|running| running.as_ref().map(|running| running.job));
    let came = match CAME.get() {
        (of, came) if of == job => came + more,
        _ => more,
    };
    CAME.set((job, came));
    progress(store, |_| came);
}

/// Ends a scan behind all that came of it.
fn after_all(store: Store, job: Job, error: Option<UserError>) {
    scan_rows::push(
        store,
        Work::Then(Box::new(move || {
            if !is_running(job) {
                return;
            }
            let running = RUNNING.take();
            kept_scans::flush(store);
            if let Some(error) = error {
                return store.data.scan.set(ScanState::Failed(error));
            }
            let left: usize = running
                .iter()
                .flat_map(|running| &running.asked)
                .fold(0, |left, (model, _, layer)| left + missing(store, model, layer.as_deref()).len());
            // What did not come of a whole scan would not come of the next one.
            if running.is_some_and(|running| left as u64 >= running.total) {
                return store.data.scan.set(ScanState::Done);
            }
            store.data.scan.set(ScanState::Idle);
            consider(store);
            if store.data.scan.with_untracked(|scan| *scan == ScanState::Done) {
                store.announcement.set("All pictures are scanned".to_owned());
            }
        })),
    );
}

/// Stops the job; what came of it stays.
fn stop(store: Store) {
    if let Some(running) = RUNNING.take() {
        store.engine.cancel(running.job);
        kept_scans::flush(store);
        store.data.scan.set(ScanState::Idle);
    }
}

/// The user stops the scan for now.
pub fn pause(store: Store) {
    stop(store);
    store.data.scan.set(ScanState::Paused);
}

/// The user lets it go on, after a stop or an error.
pub fn resume(store: Store) {
    store.data.scan.set(ScanState::Idle);
    // A network whose table found no memory before is tried again.
    let unbound =
        untrack(|| ready(store)).into_iter().filter(|(model, _)| BOUND.with_borrow(|all| !all.contains_key(&model.id)));
    if let DatasetStatus::Open(dataset) = store.data.status.get_untracked() {
        for (model, info) in unbound {
            let revision = model.revision.get_untracked();
            bind(store, &dataset, &model, &info, revision, None);
        }
    }
    consider(store);
}

/// Stops the scan because the data set or the engine goes; what it was doing, or whether the user had stopped it.
pub fn halt(store: Store) -> ScanState {
    stop(store);
    store.data.scan.get_untracked()
}

/// Forgets all tables.
pub fn reset(store: Store) {
    stop(store);
    scan_rows::clear();
    BOUND.with_borrow_mut(Bindings::clear);
}

/// Takes the makers of the tables, to put them back with the tables.
pub fn take() -> Bindings {
    let mut all = BOUND.take();
    // What was still to be loaded is not loaded any more.
    all.retain(|_, bound| bound.filled);
    all
}

/// Puts them back.
pub fn put(bindings: Bindings) {
    BOUND.set(bindings);
}
