//! What the axes of the scatter can show.

use innspect_statistics::agreement::jitter;

use super::facts::Facts;
use crate::pure::{format, plot};

/// What a picture is placed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Mean of the best scores.
    MeanScore,
    /// Number of different predicted classes.
    Distinct,
    /// Mean entropy.
    Entropy,
    /// Least margin.
    Margin,
    /// Mean loss.
    Loss,
    /// Number of networks that are wrong.
    Wrong,
}

/// Share of a band over which its points are spread.
const BAND: f32 = 0.72;

impl Measure {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::MeanScore, Self::Distinct, Self::Entropy, Self::Margin, Self::Loss, Self::Wrong];

    /// Its name in forms.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::MeanScore => "mean",
            Self::Distinct => "distinct",
            Self::Entropy => "entropy",
            Self::Margin => "margin",
            Self::Loss => "loss",
            Self::Wrong => "wrong",
        }
    }

    /// The measure of a name.
    #[must_use]
    pub fn of(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.id() == id)
    }

    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MeanScore => "Mean score",
            Self::Distinct => "Different classes",
            Self::Entropy => "Mean entropy",
            Self::Margin => "Least margin",
            Self::Loss => "Mean loss",
            Self::Wrong => "Networks that are wrong",
        }
    }

    /// The title of an axis, with its unit.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::MeanScore => "Mean over the networks of the top prediction score",
            Self::Distinct => "Number of different predicted classes",
            Self::Entropy => "Mean entropy of the scores, share of the largest possible",
            Self::Margin => "Least margin: best score less second best",
            Self::Loss => "Mean loss of the true class, nats",
            Self::Wrong => "Number of networks that are wrong",
        }
    }

    /// Whether it needs true classes.
    #[must_use]
    pub fn needs_truth(self) -> bool {
        matches!(self, Self::Loss | Self::Wrong)
    }

    /// Whether it counts.
    #[must_use]
    pub fn counts(self) -> bool {
        matches!(self, Self::Distinct | Self::Wrong)
    }

    /// Its value for a picture, NaN if there is none.
    #[must_use]
    pub fn value(self, facts: &Facts, item: u32) -> f32 {
        let at = item as usize;
        let column = match self {
            Self::MeanScore => &facts.mean,
            Self::Distinct => {
                let distinct = facts.distinct.get(at).copied().unwrap_or(0);
                return if distinct == 0 { f32::NAN } else { distinct as f32 };
            }
            Self::Entropy => &facts.entropy,
            Self::Margin => &facts.margin,
            Self::Loss => &facts.loss,
            Self::Wrong => &facts.wrong,
        };
        column.get(at).copied().unwrap_or(f32::NAN)
    }

    /// The value as people read it.
    #[must_use]
    pub fn written(self, value: f32) -> String {
        if value.is_nan() {
            "–".to_owned()
        } else if self.counts() {
            format!("{value:.0}")
        } else if self == Self::Loss {
            format::number(f64::from(value))
        } else {
            format!("{value:.2}")
        }
    }

    /// The span of its axis.
    #[must_use]
    pub fn span(self, facts: &Facts) -> Span {
        let networks = facts.networks.len().max(1) as f32;
        let (low, high) = match self {
            Self::MeanScore | Self::Entropy | Self::Margin => (0.0, 1.0),
            Self::Distinct => (0.5, facts.distinct.iter().copied().max().unwrap_or(1).max(2) as f32 + 0.5),
            Self::Wrong => (-0.5, networks + 0.5),
            Self::Loss => {
                let most = facts.loss.iter().copied().filter(|loss| loss.is_finite()).fold(0.0_f32, f32::max);
                (0.0, round_up(most.max(0.1)))
            }
        };
        Span { low, high, counts: self.counts() }
    }
}

/// The next of 1, 2, 5 times a power of ten.
fn round_up(value: f32) -> f32 {
    let power = 10_f32.powi(value.log10().floor() as i32);
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|step| *step >= value).unwrap_or(value)
}

/// What an axis spans.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Its beginning.
    pub low: f32,
    /// Its end.
    pub high: f32,
    /// Whether it has a band for each whole number.
    pub counts: bool,
}

impl Span {
    /// Where a value lies, as a share of the axis; NaN stays.
    #[must_use]
    pub fn share(self, value: f32) -> f32 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Where a picture lies; in bands the pictures are spread, each always alike.
    #[must_use]
    pub fn place(self, value: f32, item: u32) -> f32 {
        let spread = if self.counts { jitter(item as usize) * BAND } else { 0.0 };
        self.share(value + spread)
    }

    /// The value at a share.
    #[must_use]
    pub fn value(self, share: f32) -> f32 {
        self.low + share * (self.high - self.low)
    }

    /// Ticks: shares and words.
    #[must_use]
    pub fn ticks(self) -> Vec<(f64, String)> {
        if self.counts {
            let (first, last) = ((self.low + 0.5).round() as i32, (self.high - 0.5).round() as i32);
            let step = ((last - first) / 10 + 1).max(1) as usize;
            return (first..=last)
                .step_by(step)
                .map(|count| (f64::from(self.share(count as f32)), count.to_string()))
                .collect();
        }
        let axis = plot::Axis { low: f64::from(self.low), high: f64::from(self.high) };
        axis.ticks(5).into_iter().map(|value| (axis.share(value), plot::tick((value * 1e4).round() / 1e4))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::suggest::facts::tests::sample;

    #[test]
    fn measures_have_one_name_each() {
        for measure in Measure::ALL {
            assert_eq!(Measure::of(measure.id()), Some(measure));
        }
        assert_eq!(Measure::of("weight"), None);
    }

    #[test]
    fn axes_hold_their_values() {
        let facts = sample();
        for measure in Measure::ALL {
            let span = measure.span(&facts);
            for item in 0..3 {
                let value = measure.value(&facts, item);
                assert!((span.low..=span.high).contains(&value), "{measure:?} {value}");
                assert!((0.0..=1.0).contains(&span.place(value, item)));
            }
            assert!(measure.value(&facts, 3).is_nan() && span.place(f32::NAN, 3).is_nan());
            assert!(span.ticks().len() >= 2);
        }
        assert_eq!(Measure::Distinct.span(&facts).ticks()[0], (0.25, "1".to_owned()));
    }

    #[test]
    fn the_points_of_a_band_stay_in_it() {
        let span = Span { low: 0.5, high: 3.5, counts: true };
        for item in 0..1000 {
            let place = span.value(span.place(2.0, item));
            assert!((1.6..2.4).contains(&place));
        }
        assert_eq!(span.ticks().len(), 3);
        assert!((span.value(span.share(1.2)) - 1.2).abs() < 1e-6);
        assert_eq!([0.1, 0.3, 7.0].map(round_up), [0.1, 0.5, 10.0]);
    }
}
