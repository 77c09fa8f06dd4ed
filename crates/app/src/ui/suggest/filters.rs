//! Rules as chips, and slices: rules under a name.

use leptos::prelude::*;

use crate::{
    pure::suggest::{facts::Facts, filter::Filter, words},
    state::Store,
    ui::icons::{Glyph, Icon},
};

/// The row above the plot.
#[component]
pub fn Filters() -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let chips = move || {
        let facts = suggest.facts.get();
        let chip = |(at, filter): (usize, Filter)| {
            let text = filter.words(&facts);
            let label = format!("Remove the filter: {text}");
            view! {
                <li class="chip" data-testid="filter-chip">
                    <span>{text}</span>
                    <button
                        type="button"
                        class="chip-remove"
                        aria-label=label
                        data-testid="filter-remove"
                        on:click=move |_| suggest.filters.update(|filters| {
                            if at < filters.len() {
                                filters.remove(at);
                            }
                        })
                    >
                        <Icon glyph=Glyph::Cross />
                    </button>
                </li>
            }
        };
        suggest.filters.get().into_iter().enumerate().map(chip).collect_view()
    };
    let some = move || suggest.filters.with(|filters| !filters.is_empty());
    view! {
        <div class="filters" role="group" aria-label="Filters" data-testid="filters">
            <AddFilter />
            <ul class="chips">{chips}</ul>
            <Show when=some>
                <span class="note" data-testid="filter-count">
                    {move || format!("{} of {}", words::grouped(suggest.visible.with(|items| items.len())), words::pictures(suggest.facts.get().count()))}
                </span>
                <button type="button" class="text-button" data-testid="filters-clear" on:click=move |_| suggest.filters.set(Vec::new())>
                    "Show all"
                </button>
            </Show>
            <Slices />
        </div>
    }
}

/// What can be filtered by: the value of its option, with its words.
fn kinds(facts: &Facts, starred: bool) -> Vec<(String, String)> {
    let mut kinds = Vec::new();
    let mut add = |value: String, word: String| kinds.push((value, word));
    if facts.networks.len() > 1 {
        add("disagree".into(), "Networks disagree".into());
    }
    for network in &facts.networks {
        if facts.labelled() {
            add(format!("wrong {}", network.id.0), format!("{} is wrong", network.name));
            add(format!("right {}", network.id.0), format!("{} is right", network.name));
        }
    }
    if starred {
        add("starred".into(), "Starred".into());
    }
    if facts.labels.iter().any(Option::is_some) {
        add("truth".into(), "True class…".into());
    }
    for network in &facts.networks {
        add(format!("says {}", network.id.0), format!("What {} says…", network.name));
    }
    if !facts.networks.is_empty() {
        add("score".into(), "Mean score…".into());
    }
    add("text".into(), "Text…".into());
    kinds
}

/// A rule that needs nothing more than its kind.
fn at_once(kind: &str) -> Option<Filter> {
    Some(match kind.split_once(' ') {
        Some(("wrong", network)) => Filter::Right { network: network.to_owned(), right: false },
        Some(("right", network)) => Filter::Right { network: network.to_owned(), right: true },
        None if kind == "disagree" => Filter::Disagree,
        None if kind == "starred" => Filter::Starred,
        _ => return None,
    })
}

#[component]
fn AddFilter() -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let kind = RwSignal::new(String::new());
    let add = move |filter: Filter| {
        suggest.filters.update(|filters| {
            if !filters.contains(&filter) {
                filters.push(filter);
            }
        });
        kind.set(String::new());
    };
    let options = Memo::new(move |_| kinds(&suggest.facts.get(), suggest.kept.with(|kept| !kept.starred.is_empty())));
    let classes = Memo::new(move |_| {
        let facts = suggest.facts.get();
        match kind.get().split_once(' ') {
            Some(("says", id)) => facts.network(id).map(|network| said(network)).unwrap_or_default(),
            None if kind.get() == "truth" => facts.truths.iter().cloned().zip(0..).collect(),
            _ => Vec::new(),
        }
    });
    let (low, high) = (RwSignal::new(0.0_f32), RwSignal::new(1.0_f32));
    let number = move |value: RwSignal<f32>, word: &'static str| {
        view! {
            <input
                type="number"
                min="0"
                max="1"
                step="any"
                aria-label=format!("Mean score, {word}")
                data-testid=format!("filter-score-{word}")
                prop:value=value.get_untracked().to_string()
                on:input=move |event| {
                    if let Ok(number) = event_target_value(&event).parse() {
                        value.set(number);
                    }
                }
            />
        }
    };
    let more = move || {
        match kind.get().as_str() {
        "score" => view! {
            {number(low, "from")}
            {number(high, "to")}
            <button type="button" class="button" data-testid="filter-add" on:click=move |_| add(Filter::Score { low: low.get_untracked(), high: high.get_untracked() })>
                "Add"
            </button>
        }
        .into_any(),
        "text" => view! {
            <input
                type="text"
                placeholder="Name or class"
                aria-label="Text in name or class"
                data-testid="filter-text"
                on:change=move |event| {
                    let words = event_target_value(&event).trim().to_owned();
                    if !words.is_empty() {
                        add(Filter::Text { words });
                    }
                }
            />
        }
        .into_any(),
        "" => ().into_any(),
        _ => {
            let options = classes.get().into_iter().map(|(name, class)| view! { <option value=class.to_string()>{name}</option> });
            view! {
                <select
                    aria-label="Class"
                    data-testid="filter-class"
                    on:change=move |event| {
                        let Ok(class) = event_target_value(&event).parse() else { return };
                        match kind.get_untracked().split_once(' ') {
                            Some((_, network)) => add(Filter::Predicted { network: network.to_owned(), class }),
                            None => add(Filter::Truth { class }),
                        }
                    }
                >
                    <option value="">"Choose a class"</option>
                    {options.collect_view()}
                </select>
            }
            .into_any()
        }
    }
    };
    view! {
        <div class="add-filter">
            <select
                aria-label="Add a filter"
                data-testid="filter-kind"
                prop:value=move || kind.get()
                on:change=move |event| {
                    let value = event_target_value(&event);
                    match at_once(&value) {
                        Some(filter) => {
                            // The field shows its first words again, which the signal never left.
                            event_target::<web_sys::HtmlSelectElement>(&event).set_value("");
                            add(filter);
                        }
                        None => kind.set(value),
                    }
                }
            >
                <option value="">"Add a filter"</option>
                {move || options.get().into_iter().map(|(value, word)| view! { <option value=value>{word}</option> }).collect_view()}
            </select>
            {more}
        </div>
    }
}

/// The classes that a network says, by name.
fn said(network: &crate::pure::suggest::facts::Column) -> Vec<(String, u32)> {
    let mut classes: Vec<u32> =
        network.class.iter().copied().filter(|class| *class != crate::pure::suggest::classes::NONE).collect();
    classes.sort_unstable();
    classes.dedup();
    let mut named: Vec<(String, u32)> = classes.into_iter().map(|class| (network.label(class), class)).collect();
    named.sort();
    named
}

/// Slices: kept by name, taken up by a click.
#[component]
fn Slices() -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let naming = RwSignal::new(false);
    let can = move || {
        suggest.filters.with(|filters| !filters.is_empty()) || store.data.selection.with(|items| !items.is_empty())
    };
    let save = move |name: String| {
        naming.set(false);
        if name.trim().is_empty() {
            return;
        }
        // A selection is narrower than the rules that led to it.
        let selection = store.data.selection.get_untracked();
        let filters = if selection.is_empty() {
            suggest.filters.get_untracked()
        } else {
            vec![Filter::Items { items: selection.to_vec() }]
        };
        suggest.keep(store.data, |kept| kept.slice(&name, filters));
        store.announcement.set(format!("Slice {} is kept", name.trim()));
    };
    let chips = move || {
        let chip = |slice: crate::pure::suggest::kept::Slice| {
            let (name, filters) = (slice.name.clone(), slice.filters.clone());
            let (gone, rules) = (slice.name.clone(), slice.filters);
            view! {
                <li class="chip slice" data-testid="slice">
                    <button
                        type="button"
                        class="chip-name"
                        aria-pressed=move || suggest.filters.with(|now| *now == rules).to_string()
                        on:click=move |_| suggest.filters.set(filters.clone())
                    >
                        {name.clone()}
                    </button>
                    <button
                        type="button"
                        class="chip-remove"
                        aria-label=format!("Forget the slice {name}")
                        data-testid="slice-remove"
                        on:click=move |_| suggest.keep(store.data, |kept| kept.slices.retain(|slice| slice.name != gone))
                    >
                        <Icon glyph=Glyph::Cross />
                    </button>
                </li>
            }
        };
        suggest.kept.with(|kept| kept.slices.clone()).into_iter().map(chip).collect_view()
    };
    view! {
        <ul class="chips" aria-label="Slices">{chips}</ul>
        <Show when=move || can() && !naming.get()>
            <button type="button" class="text-button" data-testid="slice-save" on:click=move |_| naming.set(true)>"Keep as a slice…"</button>
        </Show>
        <Show when=move || naming.get()>
            <input
                type="text"
                class="slice-name"
                placeholder="Name of the slice"
                aria-label="Name of the slice"
                autofocus
                data-testid="slice-name"
                on:change=move |event| save(event_target_value(&event))
                on:keydown=move |event| {
                    if event.key() == "Escape" {
                        event.stop_propagation();
                        naming.set(false);
                    }
                }
            />
        </Show>
    }
}
