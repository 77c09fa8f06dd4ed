//! Pictures of the data set as a grid. Only the rows in sight are in the page, so that ten thousand stay quick.

use std::sync::Arc;

use leptos::{html, prelude::*};
use wasm_bindgen::JsCast as _;

use crate::{
    flow::{marking, picking, thumbnails, verdicts},
    pure::{grid::Grid, routing, selection::Press},
    state::{Dataset, Store},
    web::resize,
};

/// Least width and height of a cell, in pixels.
const CELL: [f64; 2] = [112.0, 172.0];
/// Between cells.
const GAP: f64 = 8.0;
/// Rows beyond those in sight that are there already when one scrolls.
const SPARE: usize = 2;

/// The grid.
#[component]
pub fn PictureGrid(
    /// Numbers of the items, in the order in which they are shown.
    #[prop(into)]
    items: Signal<Arc<Vec<u32>>>,
) -> impl IntoView {
    let store = Store::get();
    let id = format!("grid-{}", store.fresh());
    let frame = NodeRef::<html::Div>::new();
    // Width and height of what is in sight, and how far it is scrolled.
    let size = RwSignal::new([0.0_f64; 2]);
    let top = RwSignal::new(0.0_f64);
    // The item under the keyboard; the pointer has a focus of its own, which does not move it.
    let cursor = RwSignal::new(None::<u32>);

    let watch = StoredValue::new_local(None);
    Effect::new(move |_| {
        let Some(element) = frame.get() else { return };
        let seen = element.clone();
        let measure = move || {
            let now = [f64::from(seen.client_width()), f64::from(seen.client_height())];
            if size.try_get_untracked().is_some_and(|before| before != now) {
                size.set(now);
            }
        };
        measure();
        watch.set_value(resize::watch(&element, measure));
    });
    on_cleanup(move || watch.set_value(None));

    let grid = Memo::new(move |_| Grid::new(items.with(|items| items.len()), size.get()[0], CELL, GAP));
    let visible = Memo::new(move |_| grid.get().visible(top.get(), size.get()[1], SPARE));
    let reveal = move |at: usize| {
        let Some(frame) = frame.get_untracked() else { return };
        let (grid, [_, height]) = (grid.get_untracked(), size.get_untracked());
        let to = grid.reveal(at, f64::from(frame.scroll_top()), height);
        frame.set_scroll_top(to as i32);
        top.set(f64::from(frame.scroll_top()));
    };

    // Those in sight come first; those beside them are wanted next.
    Effect::new(move |_| {
        if store.data.open().is_none() {
            return;
        }
        let range = visible.get();
        items.with(|items| thumbnails::want(store, items.get(range).unwrap_or_default()));
    });
    // What becomes the primary item elsewhere is shown here too.
    Effect::new(move |before: Option<Option<u32>>| {
        let primary = store.data.primary.get();
        if before.is_some_and(|before| before != primary)
            && let Some(at) = primary.and_then(|item| place(&items.get_untracked(), item))
        {
            reveal(at);
        }
        primary
    });

    let press = move |item: u32, how: Press| {
        cursor.set(Some(item));
        picking::press(store, &items.get_untracked(), item, how);
    };
    let key = move |event: web_sys::KeyboardEvent| {
        let all = items.get_untracked();
        let (shift, ctrl) = (event.shift_key(), event.ctrl_key() || event.meta_key());
        let at = cursor.get_untracked().or(store.data.primary.get_untracked()).and_then(|item| place(&all, item));
        let item = at.and_then(|at| all.get(at)).copied();
        match (event.key().as_str(), item) {
            ("Enter", Some(item)) => press(item, Press::of(shift, ctrl)),
            (" ", Some(item)) => press(item, Press::Toggle),
            ("a" | "A", _) if ctrl => marking::select_aloud(store, all.to_vec(), false),
            (name, _) => {
                let page = (size.get_untracked()[1] / grid.get_untracked().row).floor().max(1.0) as usize;
                // The first key only shows where the keyboard is.
                let from = at.unwrap_or(0);
                let to = grid.get_untracked().step(from, name, page);
                let Some(to) = to.map(|to| if at.is_none() && name.starts_with("Arrow") { from } else { to }) else {
                    return;
                };
                let Some(item) = all.get(to).copied() else { return };
                cursor.set(Some(item));
                reveal(to);
                if shift {
                    picking::press(store, &all, item, Press::Range);
                } else {
                    store.data.focus.set(Some(item));
                }
            }
        }
        event.prevent_default();
        event.stop_propagation();
    };

    let option = {
        let id = id.clone();
        move |item: u32| format!("{id}-{item}")
    };
    let active = {
        let option = option.clone();
        move || {
            // An element that is not in the page cannot be named.
            let (item, range) = (cursor.get()?, visible.get());
            let there = items.with(|items| items.get(range).is_some_and(|seen| seen.contains(&item)));
            there.then(|| option(item))
        }
    };
    let cells = move || {
        let Some(dataset) = store.data.open() else { return Vec::new() };
        let range = visible.get();
        items.with(|items| {
            let seen = items.get(range.clone()).unwrap_or_default();
            range.zip(seen.iter().copied()).map(|(at, item)| (dataset.clone(), at, item)).collect()
        })
    };
    let empty = move || items.with(|items| items.is_empty());
    view! {
        <div
            node_ref=frame
            class="picture-grid"
            role="listbox"
            aria-label="Pictures"
            aria-multiselectable="true"
            aria-activedescendant=active
            tabindex="0"
            data-testid="grid"
            data-count=move || items.with(|items| items.len()).to_string()
            on:scroll=move |event| top.set(f64::from(event_target::<web_sys::Element>(&event).scroll_top()))
            on:keydown=key
            on:focus=move |_| {
                if cursor.get_untracked().is_none() {
                    cursor.set(store.data.primary.get_untracked());
                }
            }
            on:pointerleave=move |_| store.data.focus.set(None)
        >
            <Show when=empty><p class="quiet">"No pictures."</p></Show>
            <div class="picture-room" role="presentation" style:height=move || format!("{:.0}px", grid.get().height())>
                <For
                    each=cells
                    key=|(dataset, at, item): &(Arc<Dataset>, usize, u32)| (Arc::as_ptr(dataset) as usize, *at, *item)
                    let:cell
                >
                    <Cell dataset=cell.0 at=cell.1 item=cell.2 id=option(cell.2) grid cursor press />
                </For>
            </div>
        </div>
    }
}

fn place(items: &[u32], item: u32) -> Option<usize> {
    items.iter().position(|&other| other == item)
}

#[component]
fn Cell(
    dataset: Arc<Dataset>,
    at: usize,
    item: u32,
    id: String,
    grid: Memo<Grid>,
    cursor: RwSignal<Option<u32>>,
    press: impl Fn(u32, Press) + Copy + 'static,
) -> impl IntoView {
    let store = Store::get();
    let canvas = NodeRef::<html::Canvas>::new();
    Effect::new(move |drawn: Option<bool>| {
        if drawn == Some(true) {
            return true;
        }
        store.data.thumbnails_version.track();
        canvas.get().is_some_and(|canvas| thumbnails::draw(store, &canvas, item))
    });
    let (name, label) =
        dataset.items.get(item as usize).map(|item| (item.name.clone(), item.label)).unwrap_or_default();
    let short = routing::file_name(&name).to_owned();
    let truth = label.and_then(|label| dataset.info.classes.get(label as usize).cloned());
    let verdicts = Memo::new(move |_| verdicts::of(store, &dataset, item));
    let selected = Memo::new(move |_| store.data.selection.with(|items| items.binary_search(&item).is_ok()));
    let primary = Memo::new(move |_| store.data.primary.get() == Some(item));
    let broken = Memo::new(move |_| store.data.broken.with(|broken| broken.get(&item).map(|error| error.what.clone())));
    let spoken = {
        let (name, truth) = (name.clone(), truth.clone());
        move || {
            let truth = truth.iter().map(|truth| format!("true class {truth}"));
            let networks = verdicts.with(|all| all.iter().map(verdicts::Verdict::sentence).collect::<Vec<_>>());
            let broken = broken.get();
            [name.clone()].into_iter().chain(truth).chain(networks).chain(broken).collect::<Vec<_>>().join("; ")
        }
    };
    let tip = spoken.clone();
    let marks = move || {
        let marks = verdicts.get().into_iter().map(|verdict| {
            let right = verdict.right.map(|right| if right { "right" } else { "wrong" });
            view! {
                <span class="grid-verdict" data-slot=verdict.slot.to_string() data-verdict=right title=verdict.sentence()>
                    {verdict.sign()}
                </span>
            }
        });
        marks.collect_view()
    };
    view! {
        <div
            id=id
            class="grid-item"
            class:primary=move || primary.get()
            class:cursor=move || cursor.get() == Some(item)
            class:broken=move || broken.with(Option::is_some)
            role="option"
            aria-selected=move || selected.get().to_string()
            aria-current=move || primary.get().then_some("true")
            aria-setsize=move || grid.get().count.to_string()
            aria-posinset=(at + 1).to_string()
            aria-label=spoken
            title=tip
            data-testid="grid-item"
            data-item=item.to_string()
            style:left=move || format!("{:.1}px", grid.get().place(at)[0])
            style:top=move || format!("{:.1}px", grid.get().place(at)[1])
            style:width=move || format!("{:.1}px", grid.get().column - GAP)
            style:height=format!("{}px", CELL[1])
            on:click=move |event| press(item, Press::of(event.shift_key(), event.ctrl_key() || event.meta_key()))
            on:mousedown=move |event| {
                // Shift would mark the text.
                if event.shift_key() {
                    event.prevent_default();
                    let frame = event_target::<web_sys::Element>(&event).closest("[role=listbox]").ok().flatten();
                    if let Some(frame) = frame.and_then(|frame| frame.dyn_into::<web_sys::HtmlElement>().ok()) {
                        frame.focus().ok();
                    }
                }
            }
            on:pointerenter=move |_| store.data.focus.set(Some(item))
        >
            <canvas node_ref=canvas width="96" height="96"></canvas>
            <span class="grid-name">{short}</span>
            <span class="grid-truth">{truth.unwrap_or_default()}</span>
            <span class="grid-verdicts">{marks}</span>
        </div>
    }
}
