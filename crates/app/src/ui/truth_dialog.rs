//! The true classes of the data set among the classes of each network, and how to correct them.

use std::sync::Arc;

use innspect_protocol::{ClassMatch, MatchedBy};
use leptos::{html, prelude::*};

use super::{
    class_combo::ClassCombo,
    controls::IconButton,
    icons::{Glyph, Icon},
};
use crate::{
    flow::truth,
    state::{Dataset, ModelEntry, Store},
};

const FIELD: &str = "truth-class";

/// The dialog; it follows `DatasetState::truth_open`.
#[component]
pub fn TruthDialog() -> impl IntoView {
    let store = Store::get();
    let dialog = NodeRef::<html::Dialog>::new();
    let open = store.data.truth_open;
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        if open.get() && !dialog.open() {
            dialog.show_modal().ok();
        } else if !open.get() && dialog.open() {
            dialog.close();
        }
    });
    let content = move || {
        let dataset = store.data.open().filter(|_| open.get())?;
        Some(view! { <Table dataset /> })
    };
    view! {
        <dialog
            node_ref=dialog
            class="dialog truth-dialog"
            aria-labelledby="truth-title"
            data-testid="truth-dialog"
            on:close=move |_| open.set(false)
            on:click=move |event| {
                // A click outside the body hits the dialog itself: its backdrop.
                if event_target::<web_sys::Element>(&event).tag_name() == "DIALOG" {
                    open.set(false);
                }
            }
        >
            <div class="dialog-body">
                <div class="dialog-head">
                    <h2 id="truth-title">"True classes"</h2>
                    <IconButton glyph=Glyph::Cross label="Close" test="truth-close" press=move || open.set(false) />
                </div>
                <p>"Which class of each network a true class is. Right and wrong, accuracy and losses follow from it."</p>
                {content}
            </div>
        </dialog>
    }
}

/// A network with a table.
type Column = (ModelEntry, Vec<Option<ClassMatch>>);

fn columns(store: Store) -> Vec<Column> {
    store.data.version.track();
    let models = store.shown_models().into_iter();
    store.data.predictions.with_value(|all| {
        let of = |model: ModelEntry| {
            let truth = all.get(&model.id)?.truth.clone();
            (!truth.is_empty()).then_some((model, truth))
        };
        models.filter_map(of).collect()
    })
}

#[component]
fn Table(dataset: Arc<Dataset>) -> impl IntoView {
    let store = Store::get();
    // What is corrected: a true class and a network.
    let editing = RwSignal::new(None::<(u32, ModelEntry)>);
    let models = Memo::new_with_compare(
        move |_| columns(store).into_iter().map(|(model, _)| model).collect::<Vec<_>>(),
        |before, now| {
            let ids = |all: Option<&Vec<ModelEntry>>| {
                all.map(|all| all.iter().map(|model| model.id.clone()).collect::<Vec<_>>())
            };
            ids(before) != ids(now)
        },
    );
    // The order stays while one corrects: rows do not jump away under the hand.
    let classes = dataset.info.classes.clone();
    let order = Memo::new(move |_| {
        models.track();
        let columns = untrack(|| columns(store));
        let unmatched = |class: usize| columns.iter().any(|(_, truth)| truth.get(class).is_none_or(Option::is_none));
        let mut order: Vec<usize> = (0..classes.len()).collect();
        order.sort_by_key(|class| !unmatched(*class));
        order
    });
    let missing = Memo::new(move |_| {
        columns(store).iter().map(|(_, truth)| truth.iter().filter(|found| found.is_none()).count()).sum::<usize>()
    });
    let note = move || {
        match (models.with(Vec::len), missing.get()) {
        (0, _) => "No network is ready yet.".to_owned(),
        (_, 0) => "Every true class is found in every network.".to_owned(),
        (_, 1) => "1 true class is not found in a network; it comes first. Pictures of it count neither as right nor as wrong.".to_owned(),
        (_, count) => format!("{count} are not found in a network; they come first. Pictures of them count neither as right nor as wrong."),
    }
    };
    let classes = dataset.info.classes.clone();
    let row = move |class: usize| {
        let name = classes.get(class).cloned().unwrap_or_default();
        let cells = move || {
            let cells = models.get().into_iter().map(|model| view! { <Cell class=class as u32 model editing /> });
            cells.collect_view()
        };
        view! {
            <tr data-testid="truth-row">
                <th scope="row">{name}</th>
                {cells}
            </tr>
        }
    };
    view! {
        <p class="note" role="status" data-testid="truth-missing">{note}</p>
        <div class="truth-table">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"True class"</th>
                        {move || models.get().into_iter().map(|model| view! { <th scope="col">{model.name}</th> }).collect_view()}
                    </tr>
                </thead>
                <tbody>{move || order.get().into_iter().map(row.clone()).collect_view()}</tbody>
            </table>
        </div>
        {move || editing.get().map(|(class, model)| {
            let name = dataset.info.classes.get(class as usize).cloned().unwrap_or_default();
            view! { <Correct class name model editing /> }
        })}
    }
}

/// What a true class is in one network.
#[component]
fn Cell(class: u32, model: ModelEntry, editing: RwSignal<Option<(u32, ModelEntry)>>) -> impl IntoView {
    let store = Store::get();
    let id = model.id.clone();
    let found = Memo::new(move |_| {
        store.data.version.track();
        let found = store.data.predictions.with_value(|all| all.get(&id)?.truth.get(class as usize).copied().flatten());
        (found, truth::is_corrected(store, &id, class))
    });
    let state = model.state;
    let name = move || {
        let (found, corrected) = found.get();
        match found {
            Some(found) => {
                let label = state.with(|state| state.info()?.labels.get(found.class as usize).cloned());
                label.unwrap_or_else(|| format!("class {}", found.class))
            }
            None if corrected => "none of them".to_owned(),
            None => "not found".to_owned(),
        }
    };
    let how = move || match found.get() {
        (_, true) => "chosen by you",
        (Some(found), false) => by(found.by),
        (None, false) => "",
    };
    let missing = move || found.get() == (None, false);
    let entry = model.clone();
    view! {
        <td>
            <button
                type="button"
                class="truth-cell"
                class:missing=missing
                title="Correct"
                data-testid="truth-cell"
                data-model=model.id.0.clone()
                data-found=move || found.get().0.is_some().to_string()
                on:click=move |_| editing.set(Some((class, entry.clone())))
            >
                <span class="truth-name">
                    {move || missing().then(|| view! { <Icon glyph=Glyph::Warning /> })}
                    {name}
                </span>
                <span class="model-detail">{how}</span>
            </button>
        </td>
    }
}

fn by(by: MatchedBy) -> &'static str {
    match by {
        MatchedBy::Name => "same name",
        MatchedBy::Synonym => "one of its names",
        MatchedBy::Wnid => "WordNet id",
        MatchedBy::Index => "same number",
    }
}

/// The choice for one true class and one network.
#[component]
fn Correct(class: u32, name: String, model: ModelEntry, editing: RwSignal<Option<(u32, ModelEntry)>>) -> impl IntoView {
    let store = Store::get();
    let state = model.state;
    let labels = Memo::new(move |_| {
        Arc::new(state.with(|state| state.info().map(|info| info.labels.clone())).unwrap_or_default())
    });
    let entry = StoredValue::new(model.clone());
    let set = move |chosen: Option<Option<u32>>| {
        entry.with_value(|model| truth::correct(store, model, class, chosen));
        editing.set(None);
    };
    set_timeout(|| crate::flow::keyboard::focus(FIELD), std::time::Duration::ZERO);
    view! {
        <div class="truth-correct" data-testid="truth-correct">
            <p>
                <strong>{name}</strong>
                {format!(" in {}", model.name)}
            </p>
            <ClassCombo
                id=FIELD
                label="Class of the network"
                test="truth-combo"
                labels
                disabled=false
                choose=move |index, _| set(u32::try_from(index).ok().map(Some))
            />
            <button type="button" class="text-button" data-testid="truth-none" on:click=move |_| set(Some(None))>"None of them"</button>
            <button type="button" class="text-button" data-testid="truth-reset" on:click=move |_| set(None)>"As it was found"</button>
            <button type="button" class="text-button" data-testid="truth-cancel" on:click=move |_| editing.set(None)>"Cancel"</button>
        </div>
    }
}
