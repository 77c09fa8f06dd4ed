//! The histogram of one network.

use innspect_statistics::histogram::{Histogram, freedman_diaconis};

use super::facts::Column;
use crate::state::Quantity;

/// Bins of what lies between 0 and 1.
const BINS: usize = 20;
/// The most bins of anything else.
const MOST: usize = 40;

impl Quantity {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Score, Self::Entropy, Self::Margin, Self::Error, Self::ActivationMean, Self::ActivationMax];

    /// Its name in forms.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Entropy => "entropy",
            Self::Margin => "margin",
            Self::Error => "error",
            Self::ActivationMean => "activation-mean",
            Self::ActivationMax => "activation-max",
        }
    }

    /// The quantity of a name.
    #[must_use]
    pub fn of(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quantity| quantity.id() == id)
    }

    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Score => "Top score",
            Self::Entropy => "Entropy",
            Self::Margin => "Margin",
            Self::Error => "|prediction − label|",
            Self::ActivationMean => "Mean activation",
            Self::ActivationMax => "Largest activation",
        }
    }

    /// The title of the axis.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Score => "Score of the predicted class",
            Self::Entropy => "Entropy of the scores, share of the largest possible",
            Self::Margin => "Margin: best score less second best",
            Self::Error => "|prediction − label|: 1 − score of the true class",
            Self::ActivationMean => "Mean activation of the chosen layer",
            Self::ActivationMax => "Largest activation of the chosen layer",
        }
    }

    /// What it tells, in a sentence.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Score => {
                "At the left the network has no favourite; at the right it is sure of its class, rightly or not."
            }
            Self::Entropy => "At the left one class has all of the score; at the right all classes have the same.",
            Self::Margin => "At the left two classes are nearly level: borderline pictures.",
            Self::Error => {
                "At the left the true class has all of the score; at the right the network gives it nothing: mistakes, and labels that are wrong."
            }
            Self::ActivationMean => "How strongly the layer answers on average; look at both ends.",
            Self::ActivationMax => "How strongly the layer answers at most; look at both ends.",
        }
    }

    /// Its values, one for each picture.
    #[must_use]
    pub fn values(self, column: &Column) -> &[f32] {
        match self {
            Self::Score => &column.score,
            Self::Entropy => &column.entropy,
            Self::Margin => &column.margin,
            Self::Error => &column.error,
            Self::ActivationMean => &column.activation_mean,
            Self::ActivationMax => &column.activation_max,
        }
    }

    /// Whether the network has any value of it.
    #[must_use]
    pub fn is_there(self, column: &Column) -> bool {
        self.values(column).iter().any(|value| value.is_finite())
    }

    fn is_share(self) -> bool {
        !matches!(self, Self::ActivationMean | Self::ActivationMax)
    }
}

/// Bars and the pictures of each.
#[derive(Clone, Debug)]
pub struct Bars {
    /// The counts and edges.
    pub histogram: Histogram,
    /// The pictures of each bin, ascending.
    pub members: Vec<Vec<u32>>,
}

/// Counts some pictures.
#[must_use]
pub fn bars(column: &Column, quantity: Quantity, items: &[u32]) -> Bars {
    let all = quantity.values(column);
    let values: Vec<f32> = items.iter().map(|item| all.get(*item as usize).copied().unwrap_or(f32::NAN)).collect();
    let histogram = if quantity.is_share() {
        Histogram::new(&values, BINS, Some((0.0, 1.0)))
    } else {
        Histogram::new(&values, freedman_diaconis(&values, MOST), None)
    };
    let groups = histogram.members(&values);
    let members = (0..histogram.counts.len())
        .map(|bin| groups.of(bin).iter().filter_map(|at| items.get(*at as usize).copied()).collect())
        .collect();
    Bars { histogram, members }
}

/// The end of an axis of counts: a round number that holds all of them.
#[must_use]
pub fn top(counts: &[u32]) -> u32 {
    let most = counts.iter().copied().max().unwrap_or(0).max(4);
    let mut power = 1;
    while power <= most / 10 {
        power *= 10;
    }
    [1, 2, 4, 5, 10].into_iter().map(|step| power * step).find(|end| *end >= most).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::suggest::facts::tests::sample;

    #[test]
    fn bars_hold_their_pictures() {
        let facts = sample();
        let bars = bars(&facts.networks[0], Quantity::Score, &[0, 2, 3]);
        assert_eq!(bars.histogram.counts.iter().sum::<u32>(), 2);
        assert_eq!(bars.members.concat(), [2, 0]);
        assert!(!Quantity::ActivationMax.is_there(&facts.networks[0]));
        let none = super::bars(&facts.networks[0], Quantity::ActivationMax, &[0, 1]);
        assert_eq!(none.histogram.counts.iter().sum::<u32>(), 0);
    }

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!([0, 4, 7, 11, 23, 45, 99, 101].map(|most| top(&[most])), [4, 4, 10, 20, 40, 50, 100, 200]);
        for quantity in Quantity::ALL {
            assert_eq!(Quantity::of(quantity.id()), Some(quantity));
        }
    }
}
