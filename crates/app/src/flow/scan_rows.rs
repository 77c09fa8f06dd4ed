//! What a scan brings, into the tables: in slices, so that the page stays quick however much comes at once.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    rc::Rc,
    time::Duration,
};

use innspect_protocol::{ModelId, ScoreKind};
use leptos::prelude::*;

use crate::{
    pure::{
        rows::{self, Bench},
        scan_file::Piece,
    },
    state::{Predictions, Store},
    web::clock,
};

/// At least so many milliseconds lie between two counts of the version.
const CALM: f64 = 200.0;
/// Numbers that a table grows by before the browser gets its turn.
const GROWTH: usize = 1 << 19;

/// A piece on its way into the tables.
pub struct Arrival {
    /// The network.
    pub model: ModelId,
    /// How its logits become scores.
    pub kind: ScoreKind,
    /// The layer whose activation is wanted; that of another one is not taken.
    pub layer: Option<String>,
    /// Number of pictures of the data set.
    pub count: usize,
    /// The piece.
    pub piece: Rc<Piece>,
    /// How many of its pictures are done.
    pub at: usize,
}

/// What waits.
pub enum Work {
    /// A piece.
    Take(Arrival),
    /// Something to do after all before it.
    Then(Box<dyn FnOnce()>),
}

thread_local! {
    static WORK: RefCell<VecDeque<Work>> = const { RefCell::new(VecDeque::new()) };
    static BUSY: Cell<bool> = const { Cell::new(false) };
    static BENCH: RefCell<Bench> = RefCell::default();
    static LAST: Cell<f64> = const { Cell::new(0.0) };
    static DUE: Cell<bool> = const { Cell::new(false) };
}

/// Lines work up.
pub fn push(store: Store, work: Work) {
    WORK.with_borrow_mut(|all| all.push_back(work));
    if BUSY.replace(true) {
        return;
    }
    leptos::task::spawn_local(async move {
        while turn(store) {
            clock::pause().await;
        }
        BUSY.set(false);
    });
}

/// Gives up all work, as when the data set is closed.
pub fn clear() {
    WORK.take();
}

/// Works for one turn; whether more is left.
fn turn(store: Store) -> bool {
    let end = clock::now() + clock::TURN;
    loop {
        let Some(work) = WORK.with_borrow_mut(VecDeque::pop_front) else { return false };
        match work {
            Work::Then(act) => act(),
            Work::Take(mut arrival) => {
                if !take(store, &mut arrival, end) {
                    WORK.with_borrow_mut(|all| all.push_front(Work::Take(arrival)));
                    return true;
                }
                bump(store);
            }
        }
        if clock::now() >= end {
            return WORK.with_borrow(|all| !all.is_empty());
        }
    }
}

/// Takes pictures until the time is over; whether all of them are taken.
fn take(store: Store, arrival: &mut Arrival, end: f64) -> bool {
    let outcome = store.data.predictions.try_update_value(|all: &mut HashMap<ModelId, Predictions>| {
        // The network is scanned anew, or the data set was closed.
        let Some(table) = all.get_mut(&arrival.model) else { return true };
        let piece = arrival.piece.clone();
        if table.width != 0 && piece.width != 0 && piece.width != table.width {
            return true;
        }
        let sizes = (arrival.count.checked_mul(piece.classes), arrival.count.checked_mul(piece.width));
        let (Some(logits), Some(features)) = sizes else { return true };
        let has_features = piece.width > 0 && has_room(&mut table.features, features);
        if !grow(&mut table.logits, logits) || (has_features && !grow(&mut table.features, features)) {
            return false;
        }
        if has_features {
            table.width = piece.width;
        }
        BENCH.with_borrow_mut(|bench| {
            while arrival.at < piece.items.len() {
                put(table, bench, arrival, &piece);
                arrival.at += 1;
                if arrival.at.is_multiple_of(8) && clock::now() >= end {
                    return arrival.at == piece.items.len();
                }
            }
            true
        })
    });
    outcome.unwrap_or(true)
}

/// One picture.
fn put(table: &mut Predictions, bench: &mut Bench, arrival: &Arrival, piece: &Piece) {
    let at = arrival.at;
    let Some(item) = piece.items.get(at).map(|item| *item as usize) else { return };
    let part = |from: usize, width: usize| from * width..(from + 1) * width;
    let (Some(logits), Some(slot)) = (piece.logits.get(part(at, piece.classes)), table.rows.get_mut(item)) else {
        return;
    };
    // What is stored of it is all there before the row says so.
    match table.logits.get_mut(part(item, piece.classes)) {
        Some(room) => room.copy_from_slice(logits),
        None => return,
    }
    let features = piece.features.get(part(at, piece.width));
    if let (Some(features), Some(room)) = (features, table.features.get_mut(part(item, piece.width))) {
        room.copy_from_slice(features);
    }
    let activation = piece.activations.get(at).copied().filter(|_| piece.layer == arrival.layer);
    if slot.is_none() {
        table.done += 1;
    }
    *slot = Some(rows::row(bench, logits, arrival.kind, activation));
}

/// Lets a table grow to a length by a slice, filled with NaN; whether it has the length.
fn grow(table: &mut Vec<f32>, length: usize) -> bool {
    if table.len() >= length {
        return true;
    }
    let to = (table.len() + GROWTH).min(length);
    table.resize(to, f32::NAN);
    to == length
}

/// Whether there is memory for features; a table without them is as good for all that needs none.
fn has_room(table: &mut Vec<f32>, length: usize) -> bool {
    let room = table.capacity() >= length || table.try_reserve_exact(length - table.len()).is_ok();
    if !room {
        leptos::logging::warn!("There is no memory for {length} features.");
    }
    room
}

/// Whether there is memory for the tables of a network; it is taken at once, so that none of it is moved later.
pub fn reserve(table: &mut Predictions, count: usize, classes: usize) -> bool {
    let logits = count.checked_mul(classes);
    logits.is_some_and(|logits| table.logits.try_reserve_exact(logits).is_ok())
        && table.rows.try_reserve_exact(count).is_ok()
}

/// Tells that predictions changed: now, or soon if that was told just now.
pub fn bump(store: Store) {
    let tell = move || {
        LAST.set(clock::now());
        store.data.version.update(|version| *version = version.wrapping_add(1));
    };
    let wait = LAST.get() + CALM - clock::now();
    // A clock that was set back must not make it wait for hours.
    if wait <= 0.0 || wait > CALM {
        tell();
    } else if !DUE.replace(true) {
        set_timeout(
            move || {
                DUE.set(false);
                tell();
            },
            Duration::from_millis(wait.max(0.0) as u64),
        );
    }
}
