//! Precision, recall and F1 of each class.

use std::cmp::Ordering;

use innspect_statistics::truth::ClassReport;
use leptos::prelude::*;

use crate::{
    flow::marking,
    pure::{
        format,
        suggest::accuracy::{Rows, matrix},
    },
    state::Store,
};

/// Rows that are shown before all are asked for.
const FIRST: usize = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Name,
    Precision,
    Recall,
    F1,
    Support,
}

impl By {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Name, "Class"),
        (Self::Precision, "Precision"),
        (Self::Recall, "Recall"),
        (Self::F1, "F1"),
        (Self::Support, "Pictures"),
    ];

    fn value(self, report: &ClassReport) -> Option<f64> {
        match self {
            Self::Name => None,
            Self::Precision => report.precision,
            Self::Recall => report.recall,
            Self::F1 => report.f1,
            Self::Support => Some(f64::from(report.support)),
        }
    }
}

/// What has no value comes last either way.
fn order(a: Option<f64>, b: Option<f64>, descending: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if descending => b.total_cmp(&a),
        (Some(a), Some(b)) => a.total_cmp(&b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

/// The table.
#[component]
pub fn ClassTable() -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let sort = RwSignal::new((By::F1, false));
    let all = RwSignal::new(false);
    let counted = Memo::new_with_compare(
        move |_| matrix(&suggest.facts.get(), Rows::Truth, suggest.shown_network()?, &suggest.visible.get()),
        |_, _| true,
    );
    let rows = move || {
        let Some(counted) = counted.get() else { return Vec::new() };
        let (by, descending) = sort.get();
        let mut report: Vec<(usize, (String, ClassReport))> = counted.report().into_iter().enumerate().collect();
        match by {
            By::Name => {
                report.sort_by(|(_, a), (_, b)| a.0.cmp(&b.0));
                if descending {
                    report.reverse();
                }
            }
            by => report.sort_by(|(_, a), (_, b)| order(by.value(&a.1), by.value(&b.1), descending)),
        }
        if !all.get() {
            report.truncate(FIRST);
        }
        let percent = |value: Option<f64>| value.map_or("–".to_owned(), format::percent);
        let row = |(class, (name, report)): (usize, (String, ClassReport))| {
            let of = |cell: &&(u32, u32, u32)| cell.0 as usize == class;
            let items: Vec<u32> = counted.cells.iter().filter(of).map(|cell| cell.2).collect();
            view! {
                <tr data-testid="class-row">
                    <th scope="row">{name.clone()}</th>
                    <td>{percent(report.precision)}</td>
                    <td>{percent(report.recall)}</td>
                    <td class="strong">{percent(report.f1)}</td>
                    <td>
                        <button
                            type="button"
                            class="cell-button"
                            aria-label=format!("Select the pictures of {name}")
                            disabled=items.is_empty()
                            on:click=move |event| marking::select_aloud(store, items.clone(), event.shift_key())
                        >
                            {report.support}
                        </button>
                    </td>
                </tr>
            }
        };
        report.into_iter().map(row).collect()
    };
    let heads = By::ALL.map(|(by, name)| {
        let sorted = move || match sort.get() {
            (of, true) if of == by => "descending",
            (of, false) if of == by => "ascending",
            _ => "none",
        };
        view! {
            <th scope="col" aria-sort=sorted>
                <button
                    type="button"
                    data-testid="class-head"
                    on:click=move |_| sort.update(|sort| *sort = if sort.0 == by { (by, !sort.1) } else { (by, by == By::Support) })
                >
                    {name}
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
    });
    let more =
        move || counted.with(|counted| counted.as_ref().map_or(0, |counted| counted.names.len())) > FIRST && !all.get();
    view! {
        <section class="scatter" data-testid="class-table">
            <h3>"Classes"</h3>
            <table class="numbers">
                <thead><tr>{heads.into_iter().collect_view()}</tr></thead>
                <tbody>{rows}</tbody>
            </table>
            <Show when=more>
                <button type="button" class="text-button" on:click=move |_| all.set(true)>"Show all classes"</button>
            </Show>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_value_comes_last() {
        let mut values = [None, Some(0.5), Some(0.1)];
        values.sort_by(|a, b| order(*a, *b, true));
        assert_eq!(values, [Some(0.5), Some(0.1), None]);
        values.sort_by(|a, b| order(*a, *b, false));
        assert_eq!(values, [Some(0.1), Some(0.5), None]);
    }
}
