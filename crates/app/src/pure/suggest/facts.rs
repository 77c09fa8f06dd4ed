//! What the networks say of each picture, as columns.

use std::sync::Arc;

use innspect_protocol::{ClassMatch, ModelId, ScoreKind};
use innspect_statistics::agreement::{Agreement, Vote};

use super::classes::{Classes, NONE};
use crate::state::Row;

/// What is given of one network.
pub struct Given<'a> {
    /// Its id.
    pub id: ModelId,
    /// Its name.
    pub name: String,
    /// Its identity colour.
    pub slot: usize,
    /// Names of its classes.
    pub labels: &'a [String],
    /// How its logits become scores.
    pub scores: ScoreKind,
    /// What it says of each picture.
    pub rows: &'a [Option<Row>],
    /// Logits `[count, classes]`; may be shorter.
    pub logits: &'a [f32],
    /// For each true class, the network's class.
    pub truth: &'a [Option<ClassMatch>],
}

/// One network's columns, a value for each picture; NaN or [`NONE`] where it said nothing yet.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its id.
    pub id: ModelId,
    /// Its name.
    pub name: String,
    /// Its identity colour.
    pub slot: usize,
    /// Names of its classes.
    pub labels: Vec<String>,
    /// Keys of its classes among those of all networks.
    pub keys: Vec<u32>,
    /// Its best class.
    pub class: Vec<u32>,
    /// Score of that.
    pub score: Vec<f32>,
    /// Entropy as a share of the largest possible.
    pub entropy: Vec<f32>,
    /// Best score less the second best.
    pub margin: Vec<f32>,
    /// `|prediction − label|` at the true class, 1 − its score.
    pub error: Vec<f32>,
    /// Negative log-likelihood of the true class in nats.
    pub loss: Vec<f32>,
    /// The true class as the network counts.
    pub truth: Vec<u32>,
    /// Whether the true class is among the best five.
    pub in_top: Vec<bool>,
    /// Mean of the chosen layer's activation.
    pub activation_mean: Vec<f32>,
    /// Maximum of it.
    pub activation_max: Vec<f32>,
    /// Number of pictures it spoke of.
    pub done: usize,
}

impl Column {
    /// Whether its best class is the true one; nothing without either.
    #[must_use]
    pub fn right(&self, item: usize) -> Option<bool> {
        let (class, truth) = (*self.class.get(item)?, *self.truth.get(item)?);
        (class != NONE && truth != NONE).then_some(class == truth)
    }

    /// The key of its best class.
    #[must_use]
    pub fn key(&self, item: usize) -> Option<u32> {
        self.keys.get(*self.class.get(item)? as usize).copied()
    }

    /// The name of one of its classes.
    #[must_use]
    pub fn label(&self, class: u32) -> String {
        match self.labels.get(class as usize) {
            Some(label) => super::classes::short(label).to_owned(),
            None if class == NONE => String::new(),
            None => format!("class {class}"),
        }
    }

    /// The name of its best class; empty where it said nothing.
    #[must_use]
    pub fn said(&self, item: usize) -> String {
        self.label(self.class.get(item).copied().unwrap_or(NONE))
    }

    fn new(given: &Given, labels: &[Option<u32>], keys: Vec<u32>) -> Self {
        let count = labels.len();
        let empty = || vec![f32::NAN; count];
        let mut column = Self {
            id: given.id.clone(),
            name: given.name.clone(),
            slot: given.slot,
            labels: given.labels.to_vec(),
            keys,
            class: vec![NONE; count],
            score: empty(),
            entropy: empty(),
            margin: empty(),
            error: empty(),
            loss: empty(),
            truth: vec![NONE; count],
            in_top: vec![false; count],
            activation_mean: empty(),
            activation_max: empty(),
            done: 0,
        };
        let classes = given.labels.len();
        for (item, label) in labels.iter().enumerate() {
            let truth = label.and_then(|label| given.truth.get(label as usize).copied().flatten());
            column.truth[item] = truth.map_or(NONE, |truth| truth.class);
            let Some(row) = given.rows.get(item).and_then(Option::as_ref) else { continue };
            column.done += 1;
            column.class[item] = row.classes[0];
            column.score[item] = row.scores[0];
            column.entropy[item] = row.entropy;
            column.margin[item] = row.margin;
            if let Some([mean, max]) = row.activation {
                column.activation_mean[item] = mean;
                column.activation_max[item] = max;
            }
            if let Some(truth) = truth {
                column.in_top[item] = row.classes.contains(&truth.class);
                let start = item.checked_mul(classes);
                let logits = start.and_then(|start| given.logits.get(start..start.checked_add(classes)?));
                let loss = loss(row, logits.unwrap_or_default(), given.scores, truth.class);
                column.loss[item] = loss;
                column.error[item] = 1.0 - (-loss).exp();
            }
        }
        column
    }
}

/// Negative log-likelihood of a class without a sum over all classes: of a softmax, `p / p_top = exp(x − x_top)`.
fn loss(row: &Row, logits: &[f32], kind: ScoreKind, class: u32) -> f32 {
    let logit = |class: u32| logits.get(class as usize).copied();
    let loss = match (kind, logit(class), logit(row.classes[0])) {
        (ScoreKind::Softmax, Some(own), Some(top)) => top - own - row.scores[0].ln(),
        // ln(1 + exp −x)
        (ScoreKind::Sigmoid, Some(own), _) => {
            if own >= 0.0 {
                (-own).exp().ln_1p()
            } else {
                own.exp().ln_1p() - own
            }
        }
        _ => match row.classes.iter().position(|top| *top == class) {
            Some(place) => -row.scores[place].ln(),
            None => f32::NAN,
        },
    };
    // `max` would make 0 of a NaN.
    if loss < 0.0 { 0.0 } else { loss }
}

/// All columns.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Names of the pictures.
    pub names: Arc<Vec<String>>,
    /// The true class of each, an index into [`Facts::truths`].
    pub labels: Arc<Vec<Option<u32>>>,
    /// Names of the true classes.
    pub truths: Arc<Vec<String>>,
    /// Classes of all networks.
    pub classes: Classes,
    /// The networks that said something.
    pub networks: Vec<Arc<Column>>,
    /// Mean of the best scores.
    pub mean: Vec<f32>,
    /// Number of different best classes; 0 where nobody said anything.
    pub distinct: Vec<u32>,
    /// Mean of the entropies.
    pub entropy: Vec<f32>,
    /// Least margin.
    pub margin: Vec<f32>,
    /// Mean loss.
    pub loss: Vec<f32>,
    /// Number of networks that are wrong; NaN where none is known to be right or wrong.
    pub wrong: Vec<f32>,
    /// Pictures of which all networks spoke.
    pub complete: usize,
}

impl Facts {
    /// Puts together what is known.
    #[must_use]
    pub fn new(
        names: Arc<Vec<String>>,
        labels: Arc<Vec<Option<u32>>>,
        truths: Arc<Vec<String>>,
        given: &[Given],
    ) -> Self {
        let mut classes = Classes::default();
        let networks: Vec<Arc<Column>> = given
            .iter()
            .map(|given| {
                let keys = classes.add(given.labels);
                Arc::new(Column::new(given, &labels, keys))
            })
            .collect();
        let count = names.len();
        let mut facts = Self { names, labels, truths, classes, ..Self::default() };
        let mut votes = Vec::new();
        for item in 0..count {
            votes.clear();
            let mut wrong = f32::NAN;
            let (mut entropy, mut margin, mut loss) = (Mean::default(), f32::NAN, Mean::default());
            for (network, column) in networks.iter().enumerate() {
                let Some(&class) = column.class.get(item).filter(|class| **class != NONE) else { continue };
                // A class beyond the list of names is the network's own.
                let key = column.key(item).map_or((network + 1, class), |key| (0, key));
                votes.push(Vote { class: key, score: column.score[item] });
                entropy.add(column.entropy[item]);
                margin = margin.min(column.margin[item]);
                loss.add(column.loss[item]);
                if let Some(right) = column.right(item) {
                    wrong = if wrong.is_nan() { 0.0 } else { wrong } + f32::from(u8::from(!right));
                }
            }
            let agreement = Agreement::of(&votes);
            facts.complete += usize::from(!networks.is_empty() && votes.len() == networks.len());
            facts.mean.push(agreement.mean_score);
            facts.distinct.push(agreement.distinct);
            facts.entropy.push(entropy.value());
            facts.margin.push(margin);
            facts.loss.push(loss.value());
            facts.wrong.push(wrong);
        }
        facts.networks = networks;
        facts
    }

    /// Number of pictures.
    #[must_use]
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// Whether anything is labelled and a network knows the classes.
    #[must_use]
    pub fn labelled(&self) -> bool {
        self.networks.iter().any(|network| network.truth.iter().any(|truth| *truth != NONE))
    }

    /// Whether a picture was scanned.
    #[must_use]
    pub fn scanned(&self, item: u32) -> bool {
        self.distinct.get(item as usize).is_some_and(|distinct| *distinct > 0)
    }

    /// The true class of a picture for people; empty if there is none.
    #[must_use]
    pub fn truth(&self, item: u32) -> &str {
        let label = self.labels.get(item as usize).copied().flatten();
        label.and_then(|label| self.truths.get(label as usize)).map_or("", String::as_str)
    }

    /// The name of a picture.
    #[must_use]
    pub fn name(&self, item: u32) -> &str {
        self.names.get(item as usize).map_or("", String::as_str)
    }

    /// A network by id.
    #[must_use]
    pub fn network(&self, id: &str) -> Option<&Arc<Column>> {
        self.networks.iter().find(|network| network.id.0 == id)
    }
}

#[derive(Default)]
struct Mean {
    sum: f32,
    count: f32,
}

impl Mean {
    fn add(&mut self, value: f32) {
        if !value.is_nan() {
            self.sum += value;
            self.count += 1.0;
        }
    }

    fn value(&self) -> f32 {
        // NaN without values.
        self.sum / self.count
    }
}

#[cfg(test)]
pub(super) mod tests {
    use innspect_protocol::MatchedBy;
    use innspect_statistics::scores::{self, Final};

    use super::*;

    /// A row as the scan makes it.
    pub fn row(logits: &[f32]) -> Row {
        let (mut all, mut tops) = (Vec::new(), Vec::new());
        scores::scores(logits, Final::Softmax, &mut all);
        scores::top(&all, 5, &mut tops);
        let mut row = Row { classes: [NONE; 5], scores: [0.0; 5], entropy: 0.0, margin: 0.0, activation: None };
        for (place, top) in tops.iter().enumerate() {
            row.classes[place] = top.class;
            row.scores[place] = top.score;
        }
        row.entropy = scores::relative_entropy(logits, Final::Softmax) as f32;
        row.margin = scores::margin(&all).unwrap_or(f32::NAN);
        row
    }

    fn by_name(class: u32) -> Option<ClassMatch> {
        Some(ClassMatch { class, by: MatchedBy::Name })
    }

    /// Two networks whose lists are in another order, four pictures, of which the last is not scanned.
    pub fn sample() -> Facts {
        let first = [[3.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.5, 0.4, 0.0]];
        let second = [[0.0, 4.0, 0.0], [0.0, 3.0, 0.0], [0.2, 0.0, 0.1]];
        let rows = |logits: &[[f32; 3]]| {
            let mut rows: Vec<Option<Row>> = logits.iter().map(|logits| Some(row(logits))).collect();
            rows.push(None);
            rows
        };
        let lists = [["cat", "dog", "emu"], ["dog", "cat", "emu"]].map(|list| list.map(str::to_owned).to_vec());
        let (a, b) = (rows(&first), rows(&second));
        let (flat_a, flat_b) = (first.concat(), second.concat());
        let truth = [vec![by_name(0), by_name(1)], vec![by_name(1), by_name(0)]];
        let given = |at: usize, rows, logits| Given {
            id: ModelId(format!("n{at}")),
            name: format!("Net {at}"),
            slot: at,
            labels: &lists[at],
            scores: ScoreKind::Softmax,
            rows,
            logits,
            truth: &truth[at],
        };
        Facts::new(
            Arc::new(["a/1.png", "b/2.png", "b/3.png", "c/4.png"].map(str::to_owned).to_vec()),
            Arc::new(vec![Some(0), Some(1), Some(1), None]),
            Arc::new(vec!["cat".to_owned(), "dog".to_owned()]),
            &[given(0, &a, &flat_a), given(1, &b, &flat_b)],
        )
    }

    #[test]
    fn networks_are_compared_by_the_names_of_classes() {
        let facts = sample();
        assert_eq!(facts.distinct, [1, 2, 2, 0]);
        assert_eq!(facts.complete, 3);
        assert_eq!(facts.networks[1].said(0), "cat");
        assert_eq!((facts.wrong[0], facts.wrong[1], facts.wrong[2]), (0.0, 1.0, 1.0));
        assert!(facts.wrong[3].is_nan() && facts.mean[3].is_nan());
        assert!(facts.labelled() && facts.scanned(0) && !facts.scanned(3) && !facts.scanned(9));
        assert_eq!((facts.truth(1), facts.truth(3), facts.name(1)), ("dog", "", "b/2.png"));
    }

    #[test]
    fn the_short_way_to_a_loss_is_right() {
        let facts = sample();
        for (item, logits) in [[3.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.5, 0.4, 0.0]].iter().enumerate() {
            let label = facts.labels[item].unwrap() as usize;
            let wanted = scores::loss(logits, Final::Softmax, label).unwrap();
            let network = &facts.networks[0];
            assert!((network.loss[item] - wanted.likelihood).abs() < 1e-6, "{item}");
            assert!((network.error[item] - wanted.error).abs() < 1e-6, "{item}");
        }
        let row = row(&[-2.0, 1.0]);
        for class in 0..2 {
            let wanted = scores::loss(&[-2.0, 1.0], Final::Sigmoid, class).unwrap().likelihood;
            assert!((loss(&row, &[-2.0, 1.0], ScoreKind::Sigmoid, class as u32) - wanted).abs() < 1e-6);
        }
        // Without logits the best five have to do.
        assert!(loss(&row, &[], ScoreKind::Softmax, 7).is_nan());
        assert!((loss(&row, &[], ScoreKind::Softmax, 1) + row.scores[0].ln()).abs() < 1e-6);
    }
}
