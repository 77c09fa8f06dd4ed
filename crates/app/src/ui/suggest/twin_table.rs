//! The same as the plot in rows: sorted by any column, searched, selected, exported. Only rows in sight are in the page.

use std::sync::Arc;

use leptos::{html, prelude::*};
use web_sys::{KeyboardEvent, MouseEvent};

use crate::{
    flow::{items, keyboard, marking, picking},
    pure::{
        selection::Press,
        suggest::{
            table::{self, Column, Sort},
            words,
        },
    },
    state::Store,
    ui::icons::{Glyph, Icon},
    web::{download, resize},
};

/// Height of a row in pixels, as the style sheet has it.
const ROW: f64 = 34.0;
/// Rows beyond the edges that are in the page.
const SPARE: usize = 12;

/// The table.
#[component]
pub fn TwinTable() -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let columns = Memo::new(move |_| table::columns(&suggest.facts.get(), suggest.x.get(), suggest.y.get()));
    let rows = Memo::new_with_compare(
        move |_| {
            let mut sort = suggest.sort.get();
            if columns.with(|columns| !columns.contains(&sort.by)) {
                sort = Sort { by: Column::Name, descending: false };
            }
            let words = suggest.search.get();
            Arc::new(table::rows(&suggest.facts.get(), &suggest.visible.get(), &words, sort))
        },
        |_, _| true,
    );
    let export = move |_| {
        let text = table::csv(&suggest.facts.get_untracked(), &columns.get_untracked(), &rows.get_untracked());
        let name = untrack(|| store.data.open()).map_or_else(|| "predictions".to_owned(), |set| set.info.name.clone());
        let name: String =
            name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
        download::text(&format!("{name}.csv"), &text);
    };
    view! {
        <div class="twin" data-testid="twin-table">
            <div class="scatter-tools">
                <div class="combo twin-search">
                    <Icon glyph=Glyph::Search />
                    <input
                        type="text"
                        spellcheck="false"
                        autocomplete="off"
                        placeholder="Find in names and classes"
                        aria-label="Find in names and classes"
                        data-testid="twin-search"
                        prop:value=move || suggest.search.get()
                        on:input=move |event| suggest.search.set(event_target_value(&event))
                    />
                </div>
                <p class="note" role="status" data-testid="twin-count">{move || words::pictures(rows.with(|rows| rows.len()))}</p>
                <div class="tool-row">
                    <button
                        type="button"
                        class="button quiet-button"
                        data-testid="twin-select"
                        on:click=move |_| marking::select_aloud(store, rows.get_untracked().to_vec(), false)
                    >
                        "Select these"
                    </button>
                    <button type="button" class="button" data-testid="twin-csv" on:click=export>"Save as CSV"</button>
                </div>
            </div>
            <Rows columns rows />
        </div>
    }
}

#[component]
fn Rows(columns: Memo<Vec<Column>>, rows: Memo<Arc<Vec<u32>>>) -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let scroll = NodeRef::<html::Div>::new();
    let seen = RwSignal::new((0.0, 400.0));
    let look = move || {
        if let Some(scroll) = scroll.get_untracked() {
            seen.set((f64::from(scroll.scroll_top()), f64::from(scroll.client_height())));
        }
    };
    let watch = StoredValue::new_local(None);
    Effect::new(move |_| {
        if let Some(scroll) = scroll.get() {
            watch.set_value(resize::watch(&scroll, look));
        }
    });
    let window = Memo::new(move |_| {
        let (top, height) = seen.get();
        let count = rows.with(|rows| rows.len());
        let first = ((top / ROW) as usize).saturating_sub(SPARE).min(count);
        (first, (first + (height / ROW) as usize + 2 * SPARE + 1).min(count))
    });
    let active = RwSignal::new(0_usize);
    let go = move |to: usize| {
        let count = rows.with_untracked(|rows| rows.len());
        if count == 0 {
            return;
        }
        let to = to.min(count - 1);
        active.set(to);
        if let Some(scroll) = scroll.get_untracked() {
            let (top, height) = (f64::from(scroll.scroll_top()), f64::from(scroll.client_height()));
            let (from, end) = (to as f64 * ROW, (to + 2) as f64 * ROW);
            if from < top {
                scroll.set_scroll_top(from as i32);
            } else if end > top + height {
                scroll.set_scroll_top((end - height) as i32);
            }
        }
        look();
        // The row is in the page with the next frame.
        request_animation_frame(move || keyboard::focus(&format!("twin-{to}")));
    };
    let mark = move |at: usize, how: Press| {
        let all = rows.get_untracked();
        if let Some(&item) = all.get(at) {
            active.set(at);
            picking::press(store, &all, item, how);
            let count = store.data.selection.with_untracked(|items| items.len());
            store.announcement.set(format!("{} selected", words::pictures(count)));
        }
    };
    let key = move |event: KeyboardEvent| {
        let at = active.get_untracked();
        let page = ((seen.get_untracked().1 / ROW) as usize).saturating_sub(2).max(1);
        match event.key().as_str() {
            "ArrowDown" => go(at + 1),
            "ArrowUp" => go(at.saturating_sub(1)),
            "PageDown" => go(at + page),
            "PageUp" => go(at.saturating_sub(page)),
            "Home" => go(0),
            "End" => go(usize::MAX),
            "Enter" => mark(at, Press::of(event.shift_key(), false)),
            " " => mark(at, Press::of(event.shift_key(), true)),
            _ => return,
        }
        event.prevent_default();
    };
    let shown = move || {
        let (first, last) = window.get();
        rows.with(|rows| (first..last).zip(rows[first..last].iter().copied()).collect::<Vec<_>>())
    };
    let spacer = move |count: usize| {
        (count > 0).then(|| {
            let height = format!("{}px", count as f64 * ROW);
            view! { <tr aria-hidden="true" class="twin-space"><td style:height=height></td></tr> }
        })
    };
    view! {
        <div node_ref=scroll class="twin-scroll" on:scroll=move |_| look()>
            <table
                role="grid"
                aria-label="Pictures and predictions"
                aria-multiselectable="true"
                aria-rowcount=move || (rows.with(|rows| rows.len()) + 1).to_string()
                on:keydown=key
            >
                <thead><tr aria-rowindex="1">{move || columns.get().into_iter().map(|column| view! { <Head column /> }).collect_view()}</tr></thead>
                <tbody>
                    {move || spacer(window.get().0)}
                    <For each=shown key=move |row| (*row, columns.with_untracked(Vec::len)) let:row>
                        <RowView row columns active mark />
                    </For>
                    {move || spacer(rows.with(|rows| rows.len()) - window.get().1)}
                </tbody>
            </table>
            <Show when=move || rows.with(|rows| rows.is_empty())>
                <p class="note twin-none">
                    {move || if suggest.search.with(|words| words.trim().is_empty()) { "No picture fits the filters." } else { "No picture fits what is typed." }}
                </p>
            </Show>
        </div>
    }
}

#[component]
fn Head(column: Column) -> impl IntoView {
    let suggest = Store::get().suggest;
    let sorted = move || {
        let sort = suggest.sort.get();
        match (sort.by == column, sort.descending) {
            (true, true) => "descending",
            (true, false) => "ascending",
            _ => "none",
        }
    };
    let press = move |_| {
        suggest.sort.update(|sort| {
            // Of numbers the largest are asked for first more often.
            let first = column.is_number();
            *sort = Sort { by: column, descending: if sort.by == column { !sort.descending } else { first } };
        });
    };
    view! {
        <th scope="col" aria-sort=sorted class:number=column.is_number()>
            <button type="button" data-testid="twin-head" on:click=press>
                {move || column.name(&suggest.facts.get())}
                <span class="sort-mark" aria-hidden="true">
                    {move || match sorted() {
                        "ascending" => "↑",
                        "descending" => "↓",
                        _ => "",
                    }}
                </span>
            </button>
        </th>
    }
}

#[component]
fn RowView<F: Fn(usize, Press) + Copy + Send + Sync + 'static>(
    row: (usize, u32),
    columns: Memo<Vec<Column>>,
    active: RwSignal<usize>,
    mark: F,
) -> impl IntoView {
    let store = Store::get();
    let (at, item) = row;
    let selected = Memo::new(move |_| store.data.selection.with(|items| items.binary_search(&item).is_ok()));
    let primary = Memo::new(move |_| store.data.primary.get() == Some(item));
    let cells = move || {
        let facts = store.suggest.facts.get();
        let cell = |column: Column| {
            let wrong = match column {
                Column::Said(network) => {
                    facts.networks.get(network).and_then(|network| network.right(item as usize)) == Some(false)
                }
                _ => false,
            };
            let text = column.text(&facts, item);
            let title = text.clone();
            view! {
                <td class:number=column.is_number() title=title>
                    {wrong.then(|| view! { <span class="wrong" title="wrong">"✕"<span class="hidden-text">"wrong: "</span></span> })}
                    {text}
                </td>
            }
        };
        columns.get().into_iter().map(cell).collect_view()
    };
    view! {
        <tr
            id=format!("twin-{at}")
            class="twin-row"
            class:primary=move || primary.get()
            tabindex=move || if active.get() == at { "0" } else { "-1" }
            aria-rowindex=(at + 2).to_string()
            aria-selected=move || selected.get().to_string()
            data-testid="twin-row"
            on:click=move |event: MouseEvent| mark(at, Press::of(event.shift_key(), event.ctrl_key() || event.meta_key()))
            on:dblclick=move |_| items::explain(store, item)
            on:pointerenter=move |_| store.data.focus.set(Some(item))
        >
            {cells}
        </tr>
    }
}
