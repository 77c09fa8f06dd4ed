//! What one row of a network's outputs says: probabilities, the best classes, how sure the network is, how wrong.
//!
//! A row is `f32[C]`, what the network computes before its last activation; [`Final`] is that activation. Sums are taken in
//! float64 and exponentials after subtracting the largest logit, so that no logit overflows.
//!
//! A row with a NaN, or without any number above -∞, says nothing: its probabilities, entropy and losses are NaN, and it has
//! no best class. Of +∞ the limit is taken: the classes that have it share the probability.

/// A network's last activation, which turns its logits into scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Final {
    /// Scores are `exp x / Σ exp x`: one class of all.
    Softmax,
    /// Scores are `1 / (1 + exp -x)`: each class for itself.
    Sigmoid,
    /// Scores are the outputs as they are: the network has no last activation, or it is part of the network. Where a
    /// distribution is needed, negative scores count as 0 and the others are divided by their sum.
    Identity,
}

/// A class with its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Top {
    /// The class, an index into the row.
    pub class: u32,
    /// Its score.
    pub score: f32,
}

/// How far a row is from its label; each is 0 for a sure and right answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    /// Negative log-likelihood of the label, `-ln p(label)`, in nats; +∞ where p is 0.
    pub likelihood: f32,
    /// `|prediction - label|` at the label: `1 - p(label)`, in 0..1.
    pub error: f32,
    /// `|prediction - label|` over all classes: the sum of `|p - one-hot|`, in 0..2 for a distribution (where it is twice
    /// `error`) and in 0..C for [`Final::Sigmoid`].
    pub distance: f32,
}

/// Whether a row says anything, see the [module](self).
fn speaks(logits: &[f32]) -> bool {
    !logits.iter().any(|x| x.is_nan()) && logits.iter().any(|&x| x > f32::NEG_INFINITY)
}

/// The largest value; -∞ if there is none.
fn largest(values: &[f32]) -> f32 {
    values.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// `exp(x - largest)`; of infinities the limit.
fn exponential(x: f32, largest: f32) -> f64 {
    if x == largest { 1.0 } else { (f64::from(x) - f64::from(largest)).exp() }
}

/// `1 / (1 + exp -x)` without overflow.
fn sigmoid(x: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(x)).exp())
}

/// The sum that makes a distribution of the scores of [`Final::Identity`]; +∞ if one of them is.
fn positive_sum(scores: &[f32]) -> f64 {
    scores.iter().map(|&score| f64::from(score.max(0.0))).sum()
}

/// Writes the scores of a row into `scores`, whose memory is used again: `f32[C]`.
pub fn scores(logits: &[f32], end: Final, scores: &mut Vec<f32>) {
    scores.clear();
    if !speaks(logits) {
        scores.resize(logits.len(), f32::NAN);
        return;
    }
    match end {
        Final::Softmax => {
            let top = largest(logits);
            let sum: f64 = logits.iter().map(|&x| exponential(x, top)).sum();
            scores.extend(logits.iter().map(|&x| (exponential(x, top) / sum) as f32));
        }
        Final::Sigmoid => scores.extend(logits.iter().map(|&x| sigmoid(x) as f32)),
        Final::Identity => scores.extend_from_slice(logits),
    }
}

/// The probability of one class among all: the score itself, but of [`Final::Identity`] its share of the distribution.
///
/// `None` beyond the last class and for a row that says nothing.
#[must_use]
pub fn probability(logits: &[f32], end: Final, class: usize) -> Option<f64> {
    let &x = logits.get(class)?;
    if !speaks(logits) {
        return None;
    }
    match end {
        Final::Softmax => {
            let top = largest(logits);
            Some(exponential(x, top) / logits.iter().map(|&x| exponential(x, top)).sum::<f64>())
        }
        Final::Sigmoid => Some(sigmoid(x)),
        Final::Identity => {
            let sum = positive_sum(logits);
            (sum > 0.0 && sum.is_finite()).then(|| f64::from(x.max(0.0)) / sum)
        }
    }
}

/// Writes the `k` classes with the largest scores into `tops`, best first; of equal scores the lower class first. Classes
/// whose score is NaN are left out.
pub fn top(scores: &[f32], k: usize, tops: &mut Vec<Top>) {
    tops.clear();
    if k == 0 {
        return;
    }
    for (class, &score) in scores.iter().enumerate() {
        if score.is_nan() || (tops.len() == k && tops.last().is_some_and(|last| score <= last.score)) {
            continue;
        }
        let place = tops.partition_point(|top| top.score >= score);
        if tops.len() == k {
            tops.pop();
        }
        tops.insert(place, Top { class: class as u32, score });
    }
}

/// The best class; of equal scores the lowest. `None` if there is none that is a number.
#[must_use]
pub fn best(scores: &[f32]) -> Option<Top> {
    let mut best: Option<Top> = None;
    for (class, &score) in scores.iter().enumerate() {
        if !score.is_nan() && best.is_none_or(|best| score > best.score) {
            best = Some(Top { class: class as u32, score });
        }
    }
    best
}

/// Margin: the best score less the second best, at least 0. `None` with fewer than two classes that are numbers.
#[must_use]
pub fn margin(scores: &[f32]) -> Option<f32> {
    let (mut first, mut second) = (None::<f32>, None::<f32>);
    for &score in scores.iter().filter(|score| !score.is_nan()) {
        if first.is_none_or(|first| score > first) {
            second = first;
            first = Some(score);
        } else if second.is_none_or(|second| score > second) {
            second = Some(score);
        }
    }
    // Two infinities differ by nothing.
    first.zip(second).map(|(first, second)| if first == second { 0.0 } else { first - second })
}

/// Shannon's entropy of a row in nats: 0 for a sure answer, `ln C` where all classes are alike.
///
/// For [`Final::Sigmoid`] the mean entropy of the yes-or-no answers, at most `ln 2`. NaN for a row that says nothing, and for
/// [`Final::Identity`] without a positive, or with an infinite score.
#[must_use]
pub fn entropy(logits: &[f32], end: Final) -> f64 {
    if !speaks(logits) {
        return f64::NAN;
    }
    let nats = match end {
        Final::Softmax => {
            // With e = exp(x - max): H = ln Σ e - Σ e (x - max) / Σ e.
            let top = largest(logits);
            let (mut sum, mut weighted) = (0.0, 0.0);
            for &x in logits {
                let e = exponential(x, top);
                sum += e;
                if e > 0.0 && x != top {
                    weighted += e * (f64::from(x) - f64::from(top));
                }
            }
            sum.ln() - weighted / sum
        }
        Final::Sigmoid => {
            logits.iter().map(|&x| surprise(sigmoid(x)) + surprise(sigmoid(-x))).sum::<f64>() / logits.len() as f64
        }
        Final::Identity => {
            let sum = positive_sum(logits);
            if !(sum > 0.0 && sum.is_finite()) {
                return f64::NAN;
            }
            logits.iter().map(|&x| surprise(f64::from(x.max(0.0)) / sum)).sum()
        }
    };
    nats.max(0.0)
}

/// `-p ln p`, 0 at 0.
fn surprise(p: f64) -> f64 {
    if p > 0.0 { -p * p.ln() } else { 0.0 }
}

/// [`entropy`] as a share of the most it can be, in 0..1: divided by `ln C`, for [`Final::Sigmoid`] by `ln 2`. A single class
/// of a distribution is always sure: 0.
#[must_use]
pub fn relative_entropy(logits: &[f32], end: Final) -> f64 {
    let entropy = entropy(logits, end);
    let most = match end {
        Final::Sigmoid => std::f64::consts::LN_2,
        _ => (logits.len() as f64).ln(),
    };
    if entropy.is_nan() {
        entropy
    } else if most > 0.0 {
        (entropy / most).min(1.0)
    } else {
        0.0
    }
}

/// How far a row is from its label. `None` where [`probability`] has none.
#[must_use]
pub fn loss(logits: &[f32], end: Final, label: usize) -> Option<Loss> {
    let p = probability(logits, end, label)?;
    let error = (1.0 - p).max(0.0);
    let likelihood = match end {
        // From the logits: what rounds to a probability of 0 still has a likelihood.
        Final::Softmax => {
            let (top, x) = (largest(logits), *logits.get(label)?);
            let log_sum = logits.iter().map(|&x| exponential(x, top)).sum::<f64>().ln();
            if x == top { log_sum } else { log_sum + f64::from(top) - f64::from(x) }
        }
        // ln(1 + exp -x)
        Final::Sigmoid => {
            let x = f64::from(*logits.get(label)?);
            if x >= 0.0 { (-x).exp().ln_1p() } else { -x + x.exp().ln_1p() }
        }
        Final::Identity => -p.ln(),
    };
    let distance = match end {
        Final::Sigmoid => {
            error
                + logits.iter().enumerate().filter(|&(class, _)| class != label).map(|(_, &x)| sigmoid(x)).sum::<f64>()
        }
        _ => 2.0 * error,
    };
    Some(Loss { likelihood: likelihood.max(0.0) as f32, error: error as f32, distance: distance as f32 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ENDS: [Final; 3] = [Final::Softmax, Final::Sigmoid, Final::Identity];

    fn all(logits: &[f32], end: Final) -> Vec<f32> {
        let mut out = Vec::new();
        scores(logits, end, &mut out);
        out
    }

    #[test]
    fn equal_scores_go_to_the_lower_class() {
        let mut tops = Vec::new();
        top(&[1.0, 3.0, 3.0, f32::NAN, 2.0, 3.0], 4, &mut tops);
        let found: Vec<u32> = tops.iter().map(|top| top.class).collect();
        assert_eq!(found, [1, 2, 5, 4]);
        top(&[1.0], 5, &mut tops);
        assert_eq!(tops.len(), 1);
        top(&[1.0], 0, &mut tops);
        assert!(tops.is_empty());
        assert_eq!(best(&[2.0, 2.0]), Some(Top { class: 0, score: 2.0 }));
        assert_eq!(margin(&[0.25, 0.5, 0.5]), Some(0.0));
        assert_eq!(margin(&[0.125, 0.25, 0.625]), Some(0.375));
        assert_eq!((margin(&[1.0]), best(&[f32::NAN])), (None, None));
    }

    #[test]
    fn extreme_logits_have_a_limit() {
        assert_eq!(all(&[1e38, -1e38, 0.0], Final::Softmax), [1.0, 0.0, 0.0]);
        assert_eq!(all(&[f32::INFINITY, 3.0, f32::INFINITY], Final::Softmax), [0.5, 0.0, 0.5]);
        assert_eq!(all(&[f32::NEG_INFINITY, 0.0], Final::Softmax), [0.0, 1.0]);
        assert_eq!(all(&[f32::NEG_INFINITY, f32::INFINITY, 0.0], Final::Sigmoid), [0.0, 1.0, 0.5]);
        let loss = loss(&[0.0, -1000.0], Final::Softmax, 1).unwrap();
        assert_eq!(loss, Loss { likelihood: 1000.0, error: 1.0, distance: 2.0 });
    }

    #[test]
    fn a_row_without_a_number_says_nothing() {
        for end in ENDS {
            for row in [&[f32::NAN, 1.0][..], &[f32::NEG_INFINITY; 2], &[]] {
                assert!(all(row, end).iter().all(|score| score.is_nan()));
                assert!(entropy(row, end).is_nan() && relative_entropy(row, end).is_nan());
                assert_eq!((loss(row, end, 0), probability(row, end, 0)), (None, None));
            }
        }
        assert_eq!(loss(&[1.0], Final::Softmax, 1), None);
        assert!(entropy(&[-1.0, 0.0], Final::Identity).is_nan());
        assert!(entropy(&[f32::INFINITY, 0.0], Final::Identity).is_nan());
        assert_eq!(relative_entropy(&[4.0], Final::Softmax), 0.0);
    }

    proptest! {
        #[test]
        fn probabilities_add_up(logits in prop::collection::vec(-80_f32..80.0, 1..40), shift in -1000_f32..1000.0) {
            let p = all(&logits, Final::Softmax);
            prop_assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            let shifted: Vec<f32> = logits.iter().map(|x| x + shift).collect();
            for (a, b) in p.iter().zip(all(&shifted, Final::Softmax)) {
                prop_assert!((a - b).abs() < 1e-3);
            }
            for end in ENDS {
                let share = relative_entropy(&logits, end);
                prop_assert!(share.is_nan() || (0.0..=1.0).contains(&share));
                let mut tops = Vec::new();
                let p = all(&logits, end);
                top(&p, 3, &mut tops);
                prop_assert_eq!(tops.first().copied(), best(&p));
                prop_assert!(tops.windows(2).all(|pair| pair[0].score > pair[1].score
                    || (pair[0].score == pair[1].score && pair[0].class < pair[1].class)));
            }
        }

        #[test]
        fn no_row_panics(logits in prop::collection::vec(any::<f32>(), 0..12), label in 0_usize..14) {
            for end in ENDS {
                let p = all(&logits, end);
                prop_assert!(margin(&p).is_none_or(|margin| margin >= 0.0));
                prop_assert_eq!(best(&p).is_none(), p.iter().all(|score| score.is_nan()));
                let entropy = entropy(&logits, end);
                prop_assert!(entropy.is_nan() || entropy >= 0.0);
                if let Some(loss) = loss(&logits, end, label) {
                    prop_assert!(loss.likelihood >= 0.0 && (0.0..=1.0).contains(&loss.error));
                }
            }
        }
    }
}
