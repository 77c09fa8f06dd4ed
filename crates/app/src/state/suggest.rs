//! How the data set is looked at: axes, filters, order, what is kept of it.

use std::sync::Arc;

use innspect_protocol::{ModelId, ScoreKind};
use leptos::prelude::*;

use super::{DatasetState, ModelEntry};
use crate::{
    pure::suggest::{
        accuracy::Rows,
        axes::Measure,
        facts::{Facts, Given},
        filter::{self, Filter},
        kept::Kept,
        table::{Column, Sort},
    },
    web::storage,
};

/// What fills the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// Points of all networks.
    Scatter,
    /// One network.
    Histogram,
    /// The same as rows.
    Table,
    /// What is right and wrong.
    Accuracy,
}

/// What a drag does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// It draws a rectangle.
    Brush,
    /// It draws a line around.
    Lasso,
}

/// What the colour of a point says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Colouring {
    /// Nothing.
    None,
    /// How many networks are wrong.
    Wrong,
    /// What a network says.
    Predicted(ModelId),
}

/// What a histogram counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Score of the best class.
    Score,
    /// Entropy.
    Entropy,
    /// Margin.
    Margin,
    /// `|prediction − label|`.
    Error,
    /// Mean activation of the chosen layer.
    ActivationMean,
    /// Its maximum.
    ActivationMax,
}

/// Everything about the Suggest view. Copies are handles of the same state.
#[derive(Clone, Copy)]
pub struct SuggestState {
    /// What was chosen for the middle.
    pub tab: RwSignal<Option<Tab>>,
    /// The plot to which the table leads back.
    pub plot: RwSignal<Option<Tab>>,
    /// Horizontal axis.
    pub x: RwSignal<Measure>,
    /// Vertical axis.
    pub y: RwSignal<Measure>,
    /// The mean score from which networks count as sure.
    pub threshold: RwSignal<f32>,
    /// What a drag does.
    pub tool: RwSignal<Tool>,
    /// What colours say.
    pub colouring: RwSignal<Colouring>,
    /// The rules.
    pub filters: RwSignal<Vec<Filter>>,
    /// Words that are looked for in the table.
    pub search: RwSignal<String>,
    /// Order of the table.
    pub sort: RwSignal<Sort>,
    /// The network of histogram and accuracy, if one was chosen.
    pub network: RwSignal<Option<ModelId>>,
    /// What the histogram counts.
    pub quantity: RwSignal<Quantity>,
    /// Rows of the confusion matrix.
    pub rows: RwSignal<Rows>,
    /// The picture of which a preview is shown, and where the pointer met it in pixels of the plot.
    pub preview: RwSignal<Option<(u32, f64, f64)>>,
    /// Stars, notes and slices.
    pub kept: RwSignal<Kept>,
    /// What is known of each picture.
    pub facts: Memo<Arc<Facts>>,
    /// The pictures that fit the filters, ascending.
    pub visible: Memo<Arc<Vec<u32>>>,
}

/// Whether a shared value is another one than before.
fn another<T>(before: Option<&Arc<T>>, now: Option<&Arc<T>>) -> bool {
    match (before, now) {
        (Some(before), Some(now)) => !Arc::ptr_eq(before, now),
        _ => true,
    }
}

type Basis = (Arc<Vec<String>>, Arc<Vec<Option<u32>>>, Arc<Vec<String>>);

impl SuggestState {
    /// The state of a first visit.
    pub fn new(data: DatasetState, models: RwSignal<Vec<ModelEntry>>) -> Self {
        let filters = RwSignal::new(Vec::new());
        let kept = RwSignal::new(Kept::default());
        let basis: Memo<Arc<Basis>> = Memo::new_with_compare(
            move |_| {
                let Some(dataset) = data.open() else { return Arc::default() };
                let names = dataset.items.iter().map(|item| item.name.clone()).collect();
                let labels = dataset.items.iter().map(|item| item.label).collect();
                Arc::new((Arc::new(names), Arc::new(labels), Arc::new(dataset.info.classes.clone())))
            },
            another,
        );
        let facts = Memo::new_with_compare(move |_| Arc::new(facts(data, models, &basis.get())), another);
        let visible = Memo::new_with_compare(
            move |_| {
                let starred = kept.with(|kept| kept.starred.clone());
                Arc::new(filters.with(|filters| filter::apply(&facts.get(), &starred, filters)))
            },
            another,
        );
        // What is kept comes with the data set; one that is opened anew, as after a restart, is the same one.
        let fingerprint = Memo::new(move |_| data.open().map(|dataset| dataset.info.fingerprint.clone()));
        Effect::new(move |last: Option<Option<String>>| {
            let (last, now) = (last.flatten(), fingerprint.get());
            if let Some(print) = now.as_ref().filter(|print| last.as_ref() != Some(print)) {
                kept.set(Kept::read(storage::get(&Kept::key(print)).as_deref()));
                filters.set(Vec::new());
            }
            now.or(last)
        });
        Self {
            tab: RwSignal::new(None),
            plot: RwSignal::new(None),
            x: RwSignal::new(Measure::MeanScore),
            y: RwSignal::new(Measure::Distinct),
            threshold: RwSignal::new(0.5),
            tool: RwSignal::new(Tool::Brush),
            colouring: RwSignal::new(Colouring::None),
            filters,
            search: RwSignal::new(String::new()),
            sort: RwSignal::new(Sort { by: Column::Name, descending: false }),
            network: RwSignal::new(None),
            quantity: RwSignal::new(Quantity::Score),
            rows: RwSignal::new(Rows::Truth),
            preview: RwSignal::new(None),
            kept,
            facts,
            visible,
        }
    }

    /// What fills the middle, tracked: of several networks the scatter, of one the histogram, unless something was chosen.
    #[must_use]
    pub fn shown_tab(&self) -> Tab {
        let facts = self.facts.get();
        let natural = if facts.networks.len() == 1 { Tab::Histogram } else { Tab::Scatter };
        match self.tab.get() {
            Some(Tab::Accuracy) if !facts.labelled() => natural,
            tab => tab.unwrap_or(natural),
        }
    }

    /// The number of the network of histogram and accuracy, tracked.
    #[must_use]
    pub fn shown_network(&self) -> Option<usize> {
        let facts = self.facts.get();
        let chosen = self.network.get();
        let found = facts.networks.iter().position(|network| Some(&network.id) == chosen.as_ref());
        found.or((!facts.networks.is_empty()).then_some(0))
    }

    /// Changes what is kept of the data set, and keeps it.
    pub fn keep(&self, data: DatasetState, change: impl FnOnce(&mut Kept)) {
        self.kept.update(change);
        let Some(dataset) = untrack(|| data.open()) else { return };
        let key = Kept::key(&dataset.info.fingerprint);
        match self.kept.with_untracked(Kept::written) {
            Some(text) => storage::set(&key, &text),
            None => storage::remove(&key),
        }
    }
}

fn facts(data: DatasetState, models: RwSignal<Vec<ModelEntry>>, basis: &Basis) -> Facts {
    data.version.track();
    let (names, labels, truths) = basis.clone();
    let shown: Vec<_> = models
        .get()
        .into_iter()
        .filter(|model| model.shown.get())
        .map(|model| {
            let info = model.state.with(|state| state.info()).or_else(|| model.said.get());
            (model, info)
        })
        .collect();
    data.predictions.with_value(|predictions| {
        let given: Vec<Given> = shown
            .iter()
            .filter_map(|(model, info)| {
                let of = predictions.get(&model.id).filter(|of| of.done > 0)?;
                Some(Given {
                    id: model.id.clone(),
                    name: model.name.clone(),
                    slot: model.slot,
                    labels: info.as_ref().map_or(&[], |info| info.labels.as_slice()),
                    scores: info.as_ref().map_or(ScoreKind::Softmax, |info| info.scores),
                    rows: &of.rows,
                    logits: &of.logits,
                    truth: &of.truth,
                })
            })
            .collect();
        Facts::new(names, labels, truths, &given)
    })
}
