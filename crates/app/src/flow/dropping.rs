//! What was dropped, pasted or picked, to where it belongs.

use leptos::prelude::*;
use web_sys::{DataTransfer, File};

use super::{datasets, files, selection};
use crate::{
    pure::{format, routing},
    state::{Store, View},
    web::entries::{self, Dropped, Found},
};

/// Takes a drop; it must be called while the event is handled.
pub fn dropped(store: Store, data: &DataTransfer) {
    let Dropped { files: loose, folders } = entries::dropped(data);
    if folders.is_empty() {
        return given(store, loose);
    }
    let number = store.fresh();
    store.data.walking.set(Some((number, 0)));
    leptos::task::spawn_local(async move {
        let mut found = loose;
        let mine = move || store.data.walking.get_untracked().is_some_and(|(walk, _)| walk == number);
        let walked = entries::walk(folders, move |count| {
            if mine() {
                store.data.walking.set(Some((number, count)));
            }
            mine()
        });
        found.extend(walked.await);
        // Stopped by the user, or another folder was dropped.
        if !mine() {
            return;
        }
        store.data.walking.set(None);
        if found.len() > entries::MOST {
            let most = format::count(entries::MOST);
            return selection::say(store, format!("These are more than {most} files. Drop a part of them."));
        }
        given(store, found);
    });
}

/// Stops looking through a folder.
pub fn stop_walking(store: Store) {
    store.data.walking.set(None);
}

/// Opens files: networks and a few pictures one by one, all else as a data set.
pub fn given(store: Store, found: Vec<Found>) {
    let files = |found: Vec<Found>| -> Vec<File> { found.into_iter().map(|found| found.file).collect() };
    // The input dialog takes any file as class names.
    if store.configuring.get_untracked().is_some() {
        return files::open(store, files(found));
    }
    let suggest = store.data.view.get_untracked() == View::Suggest;
    let paths: Vec<String> = found.iter().map(|found| found.path.clone()).collect();
    let route = routing::route(&paths, suggest);
    if route == routing::Route::default() {
        if !found.is_empty() || !suggest {
            selection::say(store, "There is nothing in it that can be opened.".to_owned());
        }
        return;
    }
    let pick = |places: &[usize]| places.iter().filter_map(|at| found.get(*at).cloned()).collect::<Vec<_>>();
    let (single, set) = (pick(&route.files), pick(&route.dataset));
    // A picture that was dropped alone is looked at there.
    if suggest && set.is_empty() && single.iter().any(|found| routing::is_picture(&found.path)) {
        store.data.view.set(View::Explain);
    }
    if !single.is_empty() {
        files::open(store, files(single));
    }
    if !set.is_empty() {
        datasets::open_files(store, set);
    }
}
