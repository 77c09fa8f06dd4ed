//! Which pictures are shown: rules that are combined by AND. They name networks by id, so that a kept rule fits again when
//! its network is there again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{classes::short, facts::Facts};

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Filter {
    /// The true class.
    Truth {
        /// Its index.
        class: u32,
    },
    /// What a network says.
    Predicted {
        /// Its id.
        network: String,
        /// Its class.
        class: u32,
    },
    /// Whether a network is right.
    Right {
        /// Its id.
        network: String,
        /// Whether it is.
        right: bool,
    },
    /// The mean score, ends included.
    Score {
        /// At least.
        low: f32,
        /// At most.
        high: f32,
    },
    /// Networks say different classes.
    Disagree,
    /// Words in the name, the true class or a predicted class.
    Text {
        /// The words.
        words: String,
    },
    /// Starred by the visitor.
    Starred,
    /// These pictures, ascending: a selection that was kept.
    Items {
        /// Their numbers.
        items: Vec<u32>,
    },
}

impl Filter {
    /// Whether a picture fits. A rule about a network that is not there lets everything through.
    #[must_use]
    pub fn fits(&self, facts: &Facts, starred: &BTreeSet<u32>, item: u32) -> bool {
        let at = item as usize;
        match self {
            Self::Truth { class } => facts.labels.get(at).copied().flatten() == Some(*class),
            Self::Predicted { network, class } => {
                facts.network(network).is_none_or(|network| network.class.get(at) == Some(class))
            }
            Self::Right { network, right } => {
                facts.network(network).is_none_or(|network| network.right(at) == Some(*right))
            }
            Self::Score { low, high } => facts.mean.get(at).is_some_and(|mean| (*low..=*high).contains(mean)),
            Self::Disagree => facts.distinct.get(at).is_some_and(|distinct| *distinct >= 2),
            Self::Text { words } => says(facts, item, &words.to_lowercase()),
            Self::Starred => starred.contains(&item),
            Self::Items { items } => items.binary_search(&item).is_ok(),
        }
    }

    /// What its chip says.
    #[must_use]
    pub fn words(&self, facts: &Facts) -> String {
        let name =
            |id: &str| facts.network(id).map_or_else(|| "a network that is not shown".to_owned(), |n| n.name.clone());
        match self {
            Self::Truth { class } => {
                format!("True class {}", facts.truths.get(*class as usize).map_or("?", |name| short(name)))
            }
            Self::Predicted { network, class } => match facts.network(network) {
                Some(column) => format!("{} says {}", column.name, column.label(*class)),
                None => format!("{} says class {class}", name(network)),
            },
            Self::Right { network, right: true } => format!("{} is right", name(network)),
            Self::Right { network, right: false } => format!("{} is wrong", name(network)),
            Self::Score { low, high } => format!("Mean score {low:.2} to {high:.2}"),
            Self::Disagree => "Networks disagree".to_owned(),
            Self::Text { words } => format!("“{words}”"),
            Self::Starred => "Starred".to_owned(),
            Self::Items { items } => super::words::pictures(items.len()),
        }
    }
}

/// Whether what is known of a picture in words holds these, in small letters.
#[must_use]
pub fn says(facts: &Facts, item: u32, words: &str) -> bool {
    let holds = |text: &str| text.to_lowercase().contains(words);
    words.is_empty()
        || holds(facts.name(item))
        || holds(facts.truth(item))
        || facts.networks.iter().any(|network| holds(&network.said(item as usize)))
}

/// The pictures that fit all rules, ascending.
#[must_use]
pub fn apply(facts: &Facts, starred: &BTreeSet<u32>, filters: &[Filter]) -> Vec<u32> {
    (0..facts.count() as u32).filter(|item| filters.iter().all(|filter| filter.fits(facts, starred, *item))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::suggest::facts::tests::sample;

    fn fitting(filters: &[Filter]) -> Vec<u32> {
        apply(&sample(), &BTreeSet::from([2, 3]), filters)
    }

    #[test]
    fn each_rule_holds_its_pictures() {
        let net = |network: &str, class| Filter::Predicted { network: network.into(), class };
        assert_eq!(fitting(&[]), [0, 1, 2, 3]);
        assert_eq!(fitting(&[Filter::Truth { class: 1 }]), [1, 2]);
        assert_eq!(fitting(&[net("n0", 0)]), [0, 2]);
        assert_eq!(fitting(&[net("gone", 0)]), [0, 1, 2, 3]);
        assert_eq!(fitting(&[Filter::Right { network: "n1".into(), right: false }]), [1]);
        assert_eq!(fitting(&[Filter::Right { network: "n1".into(), right: true }]), [0, 2]);
        assert_eq!(fitting(&[Filter::Score { low: 0.0, high: 0.6 }]), [2]);
        assert_eq!(fitting(&[Filter::Disagree]), [1, 2]);
        assert_eq!(fitting(&[Filter::Text { words: "B/".into() }]), [1, 2]);
        assert_eq!(fitting(&[Filter::Text { words: "Cat".into() }]), [0, 1, 2]);
        assert_eq!(fitting(&[Filter::Starred]), [2, 3]);
        assert_eq!(fitting(&[Filter::Items { items: vec![0, 3] }]), [0, 3]);
    }

    #[test]
    fn rules_are_combined() {
        let rules = [Filter::Truth { class: 1 }, Filter::Disagree, Filter::Starred];
        assert_eq!(fitting(&rules), [2]);
    }

    #[test]
    fn rules_are_told_and_kept() {
        let facts = sample();
        let rule = Filter::Predicted { network: "n1".into(), class: 0 };
        assert_eq!(rule.words(&facts), "Net 1 says dog");
        assert_eq!(Filter::Truth { class: 9 }.words(&facts), "True class ?");
        let json = serde_json::to_string(&rule).unwrap();
        assert_eq!(serde_json::from_str::<Filter>(&json).unwrap(), rule);
    }
}
