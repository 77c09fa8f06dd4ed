//! What the shown networks say of one picture, and whether they are right.

use innspect_protocol::ModelId;
use leptos::prelude::*;

use crate::{
    pure::format,
    state::{Dataset, Store},
};

/// What one network says of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The network.
    pub model: ModelId,
    /// Its name.
    pub name: String,
    /// Its identity colour.
    pub slot: usize,
    /// What it says, with its score; empty while the picture is not scanned.
    pub says: String,
    /// Whether that is right, where the truth is known.
    pub right: Option<bool>,
}

/// What the shown networks say of a picture, tracked.
#[must_use]
pub fn of(store: Store, dataset: &Dataset, item: u32) -> Vec<Verdict> {
    store.data.version.track();
    let label = dataset.items.get(item as usize).and_then(|item| item.label);
    let models = store.shown_models().into_iter();
    store.data.predictions.with_value(|all| {
        models
            .filter_map(|model| {
                let table = all.get(&model.id)?;
                let row = table.rows.get(item as usize).copied().flatten();
                let best = row.and_then(|row| Some((*row.classes.first()?, *row.scores.first()?)));
                let best = best.filter(|(class, _)| *class != u32::MAX);
                let info = model.state.with(|state| state.info()).or_else(|| model.said.get());
                let name = |class: u32| {
                    let known = info.as_ref().and_then(|info| info.labels.get(class as usize).cloned());
                    known.unwrap_or_else(|| format!("class {class}"))
                };
                let truth = label.and_then(|label| table.truth.get(label as usize).copied().flatten());
                Some(Verdict {
                    says: best.map(|(class, score)| says(&name(class), score)).unwrap_or_default(),
                    right: best.zip(truth).map(|((class, _), truth)| class == truth.class),
                    model: model.id,
                    name: model.name,
                    slot: model.slot,
                })
            })
            .collect()
    })
}

fn says(class: &str, score: f32) -> String {
    format!("{class}, {}", format::percent(f64::from(score)))
}

impl Verdict {
    /// A sentence for the tooltip and for screen readers.
    #[must_use]
    pub fn sentence(&self) -> String {
        let right = match self.right {
            Some(true) => " (right)",
            Some(false) => " (wrong)",
            None => "",
        };
        if self.says.is_empty() {
            format!("{}: not scanned yet", self.name)
        } else {
            format!("{}: {}{right}", self.name, self.says)
        }
    }

    /// The sign that stands for it beside the colour.
    #[must_use]
    pub fn sign(&self) -> &'static str {
        match self.right {
            _ if self.says.is_empty() => "·",
            Some(true) => "✓",
            Some(false) => "✗",
            None => "?",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_and_sentences_say_the_same() {
        let verdict = |says: &str, right| Verdict {
            model: ModelId("m".into()),
            name: "Net".into(),
            slot: 0,
            says: says.into(),
            right,
        };
        assert_eq!((verdict("", None).sign(), verdict("", None).sentence()), ("·", "Net: not scanned yet".into()));
        let wrong = verdict("cat, 93.1 %", Some(false));
        assert_eq!((wrong.sign(), wrong.sentence()), ("✗", "Net: cat, 93.1 % (wrong)".into()));
        assert_eq!(verdict("cat, 93.1 %", Some(true)).sign(), "✓");
        assert_eq!(verdict("cat, 93.1 %", None).sentence(), "Net: cat, 93.1 %");
    }
}
