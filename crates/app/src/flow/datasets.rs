//! Data sets: opened, closed and put back, and opened anew when the engine is restarted.

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc};

use innspect_protocol::{
    ClassMatch, DatasetId, DatasetInfo, DatasetItem, DatasetSource, Job, ModelId, Reply, Request, UserError,
};
use leptos::prelude::*;

use super::{built_in_sets, kept_scans, keyboard, scanning, selection, thumbnails, truth};
use crate::{
    pure::routing,
    state::{
        Dataset, DatasetOrigin, DatasetStatus, LastSet, Predictions, ScanState, Store, ToastAction, View,
        dataset::Thumbnails,
    },
    web::{entries::Found, storage},
};

/// Where the open data set is remembered.
const LAST: &str = "dataset";

/// A closed data set that can still be put back.
struct Away {
    origin: DatasetOrigin,
    dataset: Arc<Dataset>,
    predictions: HashMap<ModelId, Predictions>,
    bound: scanning::Bindings,
    matched: HashMap<ModelId, Vec<Option<ClassMatch>>>,
    broken: Arc<HashMap<u32, UserError>>,
    selection: Arc<Vec<u32>>,
    primary: Option<u32>,
    thumbnails: Thumbnails,
    scan: ScanState,
}

thread_local! {
    static AWAY: RefCell<Vec<Away>> = const { RefCell::new(Vec::new()) };
    /// Fingerprint of the data set that the predictions are of.
    static PREDICTED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Lets the visitor pick a folder, all of which is opened.
pub fn pick_folder(_store: Store) {
    keyboard::click(keyboard::FOLDER_FIELD);
}

/// Lets the visitor pick files.
pub fn pick_files(_store: Store) {
    keyboard::click(keyboard::FILE_FIELD);
}

/// Opens a data set of the site by its id.
pub fn open_builtin(store: Store, id: &str) {
    built_in_sets::open(store, id);
}

/// Opens files as a data set and shows it.
pub fn open_files(store: Store, found: Vec<Found>) {
    let paths: Vec<&str> = found.iter().map(|found| found.path.as_str()).collect();
    let name = routing::name(&paths);
    let paths = paths.into_iter().map(str::to_owned).collect();
    let files = found.into_iter().map(|found| found.file).collect();
    store.data.view.set(View::Suggest);
    open(store, name, DatasetSource::Files { paths }, files, None);
}

/// Opens a data set. The one that was open is closed and can be put back.
pub fn open(store: Store, name: String, source: DatasetSource, files: Vec<web_sys::File>, built_in: Option<String>) {
    put_away(store);
    store.data.fetching.set(None);
    let id = DatasetId(format!("set-{}", store.fresh()));
    store.data.built_in.set(built_in.clone());
    store.data.origin.set_value(Some(DatasetOrigin { id, name, source, files, built_in }));
    request(store);
}

/// Asks the engine for the data set of the origin.
fn request(store: Store) {
    let Some(DatasetOrigin { id, name, source, files, .. }) = store.data.origin.get_value() else { return };
    let job = store.engine.job();
    store.data.status.set(DatasetStatus::Opening(job, 0));
    let items = Rc::new(RefCell::new(Vec::new()));
    store.engine.hear(job, move |reply, _| hear(store, job, &items, reply));
    store.engine.send(Request::OpenDataset { job, dataset: id, name, source }, files);
}

fn hear(store: Store, job: Job, items: &RefCell<Vec<DatasetItem>>, reply: Reply) {
    match reply {
        Reply::DatasetItems { first, items: more, .. } => {
            let mut items = items.borrow_mut();
            // They come in order; a gap would give every later picture another's number.
            if items.len() == first as usize {
                items.extend(more);
                store.data.status.set(DatasetStatus::Opening(job, items.len()));
            }
        }
        Reply::DatasetReady { dataset, .. } => ready(store, *dataset, items.take()),
        Reply::Failed { error, .. } => {
            store.announcement.set(error.what.clone());
            fail(store, error);
        }
        Reply::Cancelled { .. } => forget(store),
        _ => {}
    }
}

fn ready(store: Store, info: DatasetInfo, items: Vec<DatasetItem>) {
    if items.len() != info.count as usize {
        return fail(
            store,
            UserError {
                what: "The list of pictures is not whole.".to_owned(),
                place: format!("{}: {} of {} pictures", info.name, items.len(), info.count),
                advice: "Open the data set once more.".to_owned(),
            },
        );
    }
    // After a restart of the engine the same pictures keep what was said of them.
    let same = PREDICTED.with_borrow(|predicted| predicted.as_ref() == Some(&info.fingerprint));
    if !same {
        clear(store);
        PREDICTED.set(Some(info.fingerprint.clone()));
    }
    store.announcement.set(format!("{}: {} pictures", info.name, info.count));
    let dataset = Arc::new(Dataset { info, items });
    remember(store, &dataset);
    store.data.status.set(DatasetStatus::Open(dataset));
}

fn fail(store: Store, error: UserError) {
    drop_in_engine(store);
    clear(store);
    store.data.built_in.set(None);
    store.data.status.set(DatasetStatus::Failed(error));
}

/// Forgets what was said of the data set before, and what was selected of it.
fn clear(store: Store) {
    PREDICTED.set(None);
    scanning::reset(store);
    truth::take();
    thumbnails::clear(store);
    let data = store.data;
    data.predictions.set_value(HashMap::new());
    data.corrections.set_value(HashMap::new());
    data.broken.set(Arc::default());
    data.selection.set(Arc::default());
    data.primary.set(None);
    data.focus.set(None);
    data.anchor.set_value(None);
    data.scan.set(ScanState::Idle);
    data.truth_open.set(false);
    data.version.update(|version| *version = version.wrapping_add(1));
}

fn drop_in_engine(store: Store) {
    if let Some(origin) = store.data.origin.get_value() {
        store.engine.send(Request::DropDataset { dataset: origin.id }, Vec::new());
    }
    store.data.origin.set_value(None);
}

/// Leaves no data set.
fn forget(store: Store) {
    clear(store);
    store.data.origin.set_value(None);
    store.data.built_in.set(None);
    store.data.status.set(DatasetStatus::None);
}

/// Closes the data set because the user said so.
pub fn close(store: Store) {
    store.data.fetching.set(None);
    put_away(store);
    forget_last(store);
}

/// Closes whatever is there; an open data set can be put back for a while.
fn put_away(store: Store) {
    match store.data.status.get_untracked() {
        DatasetStatus::Opening(job, _) => {
            store.engine.cancel(job);
            drop_in_engine(store);
        }
        DatasetStatus::Open(dataset) => {
            let Some(origin) = store.data.origin.get_value() else { return forget(store) };
            let data = store.data;
            // What is computed so far is kept, also if it is not put back.
            let scan = scanning::halt(store);
            let id = origin.id.clone();
            let text = format!("Closed {}.", dataset.info.name);
            let away = Away {
                origin,
                dataset,
                predictions: data.predictions.try_update_value(std::mem::take).unwrap_or_default(),
                bound: scanning::take(),
                matched: truth::take(),
                broken: data.broken.get_untracked(),
                selection: data.selection.get_untracked(),
                primary: data.primary.get_untracked(),
                thumbnails: data.thumbnails.try_update_value(std::mem::take).unwrap_or_default(),
                scan,
            };
            AWAY.with_borrow_mut(|all| all.push(away));
            selection::toast(store, text, ToastAction::RestoreDataset(id.clone()), move || {
                if take_away(&id).is_some() {
                    store.engine.send(Request::DropDataset { dataset: id.clone() }, Vec::new());
                }
            });
        }
        DatasetStatus::None | DatasetStatus::Failed(_) => {}
    }
    forget(store);
}

fn take_away(id: &DatasetId) -> Option<Away> {
    AWAY.with_borrow_mut(|all| all.iter().position(|away| away.origin.id == *id).map(|at| all.remove(at)))
}

/// Puts a closed data set back; the one that is open now is closed.
pub fn restore(store: Store, id: &DatasetId) {
    let Some(away) = take_away(id) else { return };
    put_away(store);
    let data = store.data;
    PREDICTED.set(Some(away.dataset.info.fingerprint.clone()));
    scanning::put(away.bound);
    truth::put(store, away.matched, &away.dataset);
    data.predictions.set_value(away.predictions);
    data.broken.set(away.broken);
    data.selection.set(away.selection);
    data.primary.set(away.primary);
    data.scan.set(away.scan);
    thumbnails::put(store, away.thumbnails);
    data.built_in.set(away.origin.built_in.clone());
    data.origin.set_value(Some(away.origin));
    remember(store, &away.dataset);
    data.version.update(|version| *version = version.wrapping_add(1));
    data.view.set(View::Suggest);
    data.status.set(DatasetStatus::Open(away.dataset));
}

/// Tells no more of the data set of the last visit.
pub fn forget_last(store: Store) {
    storage::remove(LAST);
    store.data.last.set(None);
}

/// Gives up opening.
pub fn cancel(store: Store) {
    put_away(store);
}

/// After the engine was started anew: it knows no data set any more. What is known of the open one stays.
pub fn restarted(store: Store) {
    AWAY.with_borrow_mut(Vec::clear);
    thumbnails::restarted();
    scanning::halt(store);
    if store.data.origin.with_value(Option::is_some) {
        request(store);
    }
}

fn remember(store: Store, dataset: &Dataset) {
    let info = &dataset.info;
    let last = LastSet {
        name: info.name.clone(),
        count: info.count,
        fingerprint: info.fingerprint.clone(),
        built_in: store.data.built_in.get_untracked(),
    };
    if let Ok(text) = serde_json::to_string(&last) {
        storage::set(LAST, &text);
    }
    store.data.last.set(None);
}

/// Finds out which data set was open at the last visit, and lists what is kept of scans.
pub fn begin(store: Store) {
    let last = storage::get(LAST).and_then(|text| serde_json::from_str(&text).ok());
    if store.data.origin.with_value(Option::is_none) {
        store.data.last.set(last);
    }
    leptos::task::spawn_local(kept_scans::read(store));
}
