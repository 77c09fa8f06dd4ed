//! The confusion matrix; its cells select their pictures.

use leptos::prelude::*;

use crate::{
    flow::marking,
    pure::{
        format,
        suggest::{
            accuracy::{Matrix, Rows, SHOWN, matrix},
            words,
        },
    },
    state::Store,
    ui::icons::{Glyph, Icon},
};

/// The matrix with its choices.
#[component]
pub fn Confusion() -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let words = RwSignal::new(String::new());
    let counted = Memo::new_with_compare(
        move |_| {
            let network = suggest.shown_network()?;
            matrix(&suggest.facts.get(), suggest.rows.get(), network, &suggest.visible.get())
        },
        |_, _| true,
    );
    let networks = Memo::new(move |_| {
        let facts = suggest.facts.get();
        let shown = suggest.shown_network();
        let others = facts.networks.iter().enumerate().filter(|(at, _)| Some(*at) != shown);
        others.map(|(at, network)| (at, network.name.clone())).collect::<Vec<_>>()
    });
    let options = move || {
        let option = |(at, name): (usize, String)| {
            view! { <option value=at.to_string() prop:selected=move || suggest.rows.get() == Rows::Network(at)>{format!("What {name} says")}</option> }
        };
        networks.get().into_iter().map(option).collect_view()
    };
    let summary = move || {
        counted.with(|counted| match counted {
            None => "No picture has both classes, or there are too many classes for a matrix.".to_owned(),
            Some(counted) => {
                let share = counted.table.diagonal();
                let both = share.value().map_or("–".to_owned(), format::percent);
                let kappa =
                    counted.table.kappa().map(|kappa| format!(", Cohen’s kappa {kappa:.2}")).unwrap_or_default();
                format!(
                    "{both} of {} on the diagonal{kappa}; {} in all{}.",
                    words::pictures(share.of as usize),
                    words::classes(counted.names.len()),
                    if counted.names.len() > SHOWN {
                        format!(", the {SHOWN} that are mistaken most are shown")
                    } else {
                        String::new()
                    },
                )
            }
        })
    };
    view! {
        <figure class="scatter" data-testid="confusion" aria-labelledby="confusion-summary">
            <h3>"Confusion"</h3>
            <div class="scatter-tools">
                <div class="field">
                    <label for="confusion-rows">"Rows"</label>
                    <select
                        id="confusion-rows"
                        data-testid="confusion-rows"
                        on:change=move |event| {
                            suggest.rows.set(event_target_value(&event).parse().map_or(Rows::Truth, Rows::Network));
                        }
                    >
                        <option value="truth" prop:selected=move || suggest.rows.get() == Rows::Truth>"True class"</option>
                        {options}
                    </select>
                </div>
                <div class="combo twin-search">
                    <Icon glyph=Glyph::Search />
                    <input
                        type="text"
                        placeholder="Find classes"
                        aria-label="Find classes"
                        data-testid="confusion-search"
                        on:input=move |event| words.set(event_target_value(&event))
                    />
                </div>
            </div>
            <div class="matrix-scroll">
                {move || counted.get().map(|counted| view! { <Cells counted words=words.get() /> })}
            </div>
            <figcaption><p id="confusion-summary" class="note">{summary}</p></figcaption>
            <details class="more">
                <summary>"What am I looking at?"</summary>
                <p class="reading">"Each row is a class as the rows say it, each column a class as the network says it; a cell counts the pictures with both and selects them. Off the diagonal lie the mistakes, or the disagreements of two networks."</p>
            </details>
        </figure>
    }
}

#[component]
fn Cells(counted: Matrix, words: String) -> impl IntoView {
    let store = Store::get();
    let shown = counted.shown(&words);
    let most = shown
        .iter()
        .flat_map(|row| shown.iter().filter(move |column| *column != row).map(move |column| (*row, *column)))
        .map(|(row, column)| counted.table.count(row, column))
        .max()
        .unwrap_or(0)
        .max(1);
    let sums = counted.table.row_sums();
    let heads = shown.iter().map(|class| {
        let name = counted.names[*class].clone();
        view! { <th scope="col" title=name.clone()><span>{name.clone()}</span></th> }
    });
    let heads = heads.collect_view();
    let matrix = StoredValue::new(counted.clone());
    let rows = shown.iter().map(|&row| {
        let cells = shown.iter().map(|&column| {
            let count = counted.table.count(row, column);
            // The diagonal is measured by its row, a mistake by the largest one: else the mistakes could not be seen.
            let share = if row == column {
                f64::from(count) / f64::from(sums[row].max(1))
            } else {
                f64::from(count) / f64::from(most)
            };
            let label = format!("{} as {}: {count}", counted.names[row], counted.names[column]);
            view! {
                <td>
                    <button
                        type="button"
                        class="matrix-cell"
                        class:diagonal=row == column
                        style:--share=format!("{:.0}%", share * 82.0)
                        aria-label=label.clone()
                        title=label
                        disabled=count == 0
                        data-testid="confusion-cell"
                        on:click=move |event| {
                            let items = matrix.with_value(|matrix| matrix.items(row, column));
                            marking::select_aloud(store, items, event.shift_key());
                        }
                    >
                        {(count > 0).then_some(count)}
                    </button>
                </td>
            }
        });
        let name = counted.names[row].clone();
        view! { <tr><th scope="row" title=name.clone()>{name.clone()}</th>{cells.collect_view()}</tr> }
    });
    view! {
        <table class="matrix">
            <thead><tr><td></td>{heads}</tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}
