//! Choosing, removing and putting back.

use std::time::Duration;

use innspect_protocol::{ImageId, Job, ModelId, Request};
use leptos::prelude::*;

use super::{built_in_sets, datasets, kept_scans, quality, stored};
use crate::{
    pure::{choice::ClassChoice, methods},
    state::{ModelEntry, Picture, PictureState, Store, Toast, ToastAction},
};

/// How long a removal can be taken back.
const UNDO: Duration = Duration::from_secs(8);

/// Makes a picture the primary one.
pub fn choose_picture(store: Store, id: &ImageId) {
    // A picture that failed is tried again when it is chosen again.
    let picture = store.pictures.with_untracked(|all| all.iter().find(|picture| picture.id == *id).cloned());
    if let Some(picture) = picture
        && picture.state.with_untracked(|state| matches!(state, PictureState::Failed(_)))
    {
        picture.state.set(PictureState::Absent);
    }
    if store.primary.get_untracked().as_ref() != Some(id) {
        store.primary.set(Some(id.clone()));
        store.cross.set(None);
    }
}

/// Goes `by` pictures on in the strip, around its end.
pub fn step_picture(store: Store, by: isize) {
    let next = store.pictures.with_untracked(|pictures| {
        let count = pictures.len() as isize;
        let at = pictures.iter().position(|picture| Some(&picture.id) == store.primary.get_untracked().as_ref());
        (count > 0).then(|| pictures[(at.map_or(0, |at| at as isize + by)).rem_euclid(count) as usize].id.clone())
    });
    if let Some(id) = next {
        choose_picture(store, &id);
    }
}

/// Goes `by` methods on in the list.
pub fn step_method(store: Store, by: isize) {
    let current = store.method.get_untracked();
    let next = store.methods.with_untracked(|table| methods::step(table, &current, by));
    if let Some(id) = next {
        store.method.set(id);
    }
}

/// Explains a class: in this model only if its classes are its own, else in all.
pub fn choose_class(store: Store, model: &ModelEntry, index: usize, label: &str, only_here: bool) {
    if only_here || model.own_class.get_untracked() {
        model.class.set(Some(index));
        model.own_class.set(true);
    } else {
        store.class.set(ClassChoice::Class { index, label: label.to_owned() });
    }
}

/// Lets a model's class be its own, or follow the choice for all again.
pub fn toggle_own_class(model: &ModelEntry, current: Option<usize>) {
    if model.own_class.get_untracked() {
        model.own_class.set(false);
        model.class.set(None);
    } else {
        model.class.set(current);
        model.own_class.set(true);
    }
}

/// Back to every network's best class.
pub fn choose_top(store: Store) {
    store.class.set(ClassChoice::Top);
    for model in store.models.get_untracked() {
        model.own_class.set(false);
        model.class.set(None);
    }
}

thread_local! {
    static REMOVED_MODELS: std::cell::RefCell<Vec<(usize, ModelEntry)>> = const { std::cell::RefCell::new(Vec::new()) };
    static REMOVED_PICTURES: std::cell::RefCell<Vec<(usize, Picture)>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Removes a model; the engine frees it once it can no longer be put back.
pub fn remove_model(store: Store, id: &ModelId) {
    let Some(at) = store.models.with_untracked(|models| models.iter().position(|model| model.id == *id)) else {
        return;
    };
    let Some(model) = store.models.try_update(|models| models.remove(at)) else { return };
    let job: Option<Job> = model.card.job.get_untracked();
    if let Some(job) = job {
        store.engine.cancel(job);
    }
    quality::stop_all(store, model.card);
    model.card.clear();
    let text = format!("Removed {}.", model.name);
    REMOVED_MODELS.with_borrow_mut(|removed| removed.push((at, model)));
    let id = id.clone();
    toast(store, text, ToastAction::RestoreModel(id.clone()), move || {
        let gone = REMOVED_MODELS.with_borrow_mut(|removed| {
            let before = removed.len();
            removed.retain(|(_, model)| model.id != id);
            before != removed.len()
        });
        if gone {
            store.engine.send(Request::DropModel { model: id.clone() }, Vec::new());
        }
    });
}

/// Removes a picture; the next one becomes the primary one.
pub fn remove_picture(store: Store, id: &ImageId) {
    let at = store.pictures.with_untracked(|pictures| pictures.iter().position(|picture| picture.id == *id));
    let Some(at) = at else { return };
    let Some(picture) = store.pictures.try_update(|pictures| pictures.remove(at)) else { return };
    if store.primary.get_untracked().as_ref() == Some(id) {
        let next = store
            .pictures
            .with_untracked(|pictures| pictures.get(at).or_else(|| pictures.last()).map(|picture| picture.id.clone()));
        store.primary.set(next);
    }
    let text = format!("Removed {}.", picture.title);
    REMOVED_PICTURES.with_borrow_mut(|removed| removed.push((at, picture)));
    let id = id.clone();
    toast(store, text, ToastAction::RestorePicture(id.clone()), move || {
        let gone = REMOVED_PICTURES.with_borrow_mut(|removed| {
            let at = removed.iter().position(|(_, picture)| picture.id == id)?;
            Some(removed.remove(at).1)
        });
        if let Some(picture) = gone {
            if picture.url.starts_with("blob:") {
                web_sys::Url::revoke_object_url(&picture.url).ok();
            }
            store.engine.send(Request::DropImage { image: id.clone() }, Vec::new());
        }
    });
}

/// Gives up all removals, as when the engine starts anew and knows nothing of them.
pub fn forget_removed(store: Store) {
    REMOVED_MODELS.with_borrow_mut(Vec::clear);
    REMOVED_PICTURES.with_borrow_mut(Vec::clear);
    store.toasts.update(|toasts| {
        use ToastAction::{RestoreScans, RestoreStored, ShowModels, Update};
        let stays = |toast: &Toast| {
            matches!(toast.action, None | Some(Update | RestoreStored(_) | RestoreScans(_) | ShowModels(_)))
        };
        toasts.retain(stays);
    });
}

/// Does what a toast offers.
pub fn act(store: Store, action: &ToastAction) {
    match action {
        ToastAction::RestoreModel(id) => {
            let found = REMOVED_MODELS.with_borrow_mut(|removed| {
                removed.iter().position(|(_, model)| model.id == *id).map(|at| removed.remove(at))
            });
            if let Some((at, model)) = found {
                store.models.update(|models| models.insert(at.min(models.len()), model));
            }
        }
        ToastAction::RestorePicture(id) => {
            let found = REMOVED_PICTURES.with_borrow_mut(|removed| {
                removed.iter().position(|(_, picture)| picture.id == *id).map(|at| removed.remove(at))
            });
            if let Some((at, picture)) = found {
                store.pictures.update(|pictures| pictures.insert(at.min(pictures.len()), picture));
                choose_picture(store, id);
            }
        }
        ToastAction::RestoreStored(hash) => stored::restore(store, hash),
        ToastAction::RestoreDataset(id) => datasets::restore(store, id),
        ToastAction::RestoreScans(fingerprint) => kept_scans::restore(store, fingerprint),
        ToastAction::ShowModels(models) => built_in_sets::show_models(store, models),
        ToastAction::Update => crate::web::pwa::update(),
    }
}

/// Says something that the list of files says too, where it is in sight.
pub fn tell(store: Store, text: String) {
    show(store, text, None, true, || {});
}

/// Says something that needs no answer.
pub fn say(store: Store, text: String) {
    show(store, text, None, false, || {});
}

/// Offers to take something back; `expired` is called once that is over.
pub fn toast(store: Store, text: String, action: ToastAction, expired: impl Fn() + 'static) {
    show(store, text, Some(action), false, expired);
}

fn show(store: Store, text: String, action: Option<ToastAction>, told: bool, expired: impl Fn() + 'static) {
    let id = store.fresh();
    store.announcement.set(text.clone());
    store.toasts.update(|toasts| toasts.push(Toast { id, text, action, told }));
    set_timeout(
        move || {
            store.toasts.update(|toasts| toasts.retain(|toast| toast.id != id));
            expired();
        },
        UNDO,
    );
}
