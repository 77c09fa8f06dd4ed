//! Small pictures of items: asked for by what is in sight, kept while there is room.

use std::{
    cell::RefCell,
    collections::{HashSet, VecDeque},
    rc::Rc,
};

use innspect_protocol::{Job, Reply, Request};
use js_sys::{ArrayBuffer, Uint8Array};
use leptos::prelude::*;
use web_sys::HtmlCanvasElement;

use crate::{
    state::{
        DatasetStatus, Store,
        dataset::{THUMB, Thumbnails},
    },
    web::canvas,
};

/// Most pictures of one request.
const BATCH: usize = 24;
/// Requests under way at a time: the second fills the pause until the first is answered.
const REQUESTS: usize = 2;
/// Most pictures that wait; those asked for longest ago have scrolled away.
const WAITING: usize = 480;
/// Most pictures that are kept, at 36 KiB each: a set of ten thousand fits whole.
const KEPT: usize = 12_000;

#[derive(Default)]
struct Queue {
    /// The next first.
    waiting: VecDeque<u32>,
    /// Under way.
    asked: HashSet<u32>,
    /// The engine had no answer; not asked for again.
    refused: HashSet<u32>,
    jobs: HashSet<Job>,
    /// Those that are kept, oldest first.
    kept: VecDeque<u32>,
}

thread_local! {
    static QUEUE: RefCell<Queue> = RefCell::default();
}

/// Asks for the small pictures of items that are in sight, most wanted first; they come before all that was asked for
/// earlier.
pub fn want(store: Store, items: &[u32]) {
    let new = QUEUE.with_borrow_mut(|queue| {
        let missing = |item: &u32| {
            !queue.asked.contains(item)
                && !queue.refused.contains(item)
                && !store.data.thumbnails.with_value(|there| there.contains_key(item))
        };
        let mut seen = HashSet::new();
        let new: Vec<u32> = items.iter().copied().filter(|item| missing(item) && seen.insert(*item)).collect();
        queue.waiting.retain(|item| !seen.contains(item));
        for item in new.iter().rev() {
            queue.waiting.push_front(*item);
        }
        queue.waiting.truncate(WAITING);
        !new.is_empty()
    });
    if new {
        pump(store);
    }
}

/// Draws the small picture of an item; `false` if it is not there yet.
pub fn draw(store: Store, canvas: &HtmlCanvasElement, item: u32) -> bool {
    let pixels = store.data.thumbnails.with_value(|there| there.get(&item).cloned());
    if let Some(pixels) = &pixels {
        canvas::draw(canvas, pixels, THUMB, THUMB);
    }
    pixels.is_some()
}

fn pump(store: Store) {
    let DatasetStatus::Open(dataset) = store.data.status.get_untracked() else { return };
    loop {
        let batch: Vec<u32> = QUEUE.with_borrow_mut(|queue| {
            if queue.jobs.len() >= REQUESTS {
                return Vec::new();
            }
            let count = queue.waiting.len().min(BATCH);
            let batch: Vec<u32> = queue.waiting.drain(..count).collect();
            queue.asked.extend(&batch);
            batch
        });
        if batch.is_empty() {
            return;
        }
        let job = store.engine.job();
        QUEUE.with_borrow_mut(|queue| queue.jobs.insert(job));
        let asked = batch.clone();
        store.engine.hear(job, move |reply, attachments| hear(store, job, &asked, reply, &attachments));
        let request = Request::Thumbnails { job, dataset: dataset.info.id.clone(), items: batch, side: THUMB };
        store.engine.send(request, Vec::new());
    }
}

fn hear(store: Store, job: Job, asked: &[u32], reply: Reply, attachments: &[ArrayBuffer]) {
    // Of a data set that is closed.
    if !QUEUE.with_borrow(|queue| queue.jobs.contains(&job)) {
        return;
    }
    let last = match reply {
        Reply::Thumbnails { items, side, rest, .. } => {
            if let Some(pixels) = attachments.first().filter(|_| side == THUMB) {
                take(store, &items, &Uint8Array::new(pixels));
            }
            rest == 0
        }
        Reply::Failed { .. } | Reply::Cancelled { .. } | Reply::NotApplicable { .. } => true,
        _ => false,
    };
    if last {
        QUEUE.with_borrow_mut(|queue| {
            queue.jobs.remove(&job);
            for item in asked {
                queue.asked.remove(item);
                // Whatever did not come now would not come the next time.
                if store.data.thumbnails.with_value(|there| !there.contains_key(item)) {
                    queue.refused.insert(*item);
                }
            }
        });
        pump(store);
    }
}

fn take(store: Store, items: &[u32], pixels: &Uint8Array) {
    const BYTES: u32 = THUMB * THUMB * 4;
    if u64::from(pixels.length()) != items.len() as u64 * u64::from(BYTES) {
        return;
    }
    QUEUE.with_borrow_mut(|queue| {
        store.data.thumbnails.update_value(|there| {
            for (item, at) in items.iter().zip((0..).step_by(BYTES as usize)) {
                let square: Rc<[u8]> = pixels.subarray(at, at + BYTES).to_vec().into();
                if there.insert(*item, square).is_none() {
                    queue.kept.push_back(*item);
                }
            }
            while queue.kept.len() > KEPT {
                if let Some(oldest) = queue.kept.pop_front() {
                    there.remove(&oldest);
                }
            }
        });
    });
    store.data.thumbnails_version.update(|version| *version = version.wrapping_add(1));
}

/// Forgets all of them, as when another data set is opened.
pub fn clear(store: Store) {
    let queue = QUEUE.take();
    for job in queue.jobs {
        store.engine.cancel(job);
    }
    store.data.thumbnails.set_value(Thumbnails::new());
    store.data.thumbnails_version.update(|version| *version = version.wrapping_add(1));
}

/// Puts those of a data set back that was closed.
pub fn put(store: Store, thumbnails: Thumbnails) {
    clear(store);
    QUEUE.with_borrow_mut(|queue| queue.kept.extend(thumbnails.keys()));
    store.data.thumbnails.set_value(thumbnails);
    store.data.thumbnails_version.update(|version| *version = version.wrapping_add(1));
}

/// After the engine was started anew: nothing of it is under way any more.
pub fn restarted() {
    QUEUE.with_borrow_mut(|queue| {
        queue.jobs.clear();
        queue.asked.clear();
        queue.waiting.clear();
    });
}
