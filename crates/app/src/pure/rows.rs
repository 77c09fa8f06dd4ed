//! Logits to what the tables show of a picture.

use innspect_protocol::ScoreKind;
use innspect_statistics::scores::{self, Final, Top};

use crate::state::dataset::{Row, TOP};

/// Room that one row after the other is made in.
#[derive(Default)]
pub struct Bench {
    scores: Vec<f32>,
    tops: Vec<Top>,
}

/// The last activation of a network.
#[must_use]
pub fn end(kind: ScoreKind) -> Final {
    match kind {
        ScoreKind::Softmax => Final::Softmax,
        ScoreKind::Sigmoid => Final::Sigmoid,
    }
}

/// What the logits of one picture say. Where they say nothing (one of them is NaN) there are no classes, the entropy is NaN
/// and the margin too.
#[must_use]
pub fn row(bench: &mut Bench, logits: &[f32], kind: ScoreKind, activation: Option<[f32; 2]>) -> Row {
    let end = end(kind);
    scores::scores(logits, end, &mut bench.scores);
    scores::top(&bench.scores, TOP, &mut bench.tops);
    let (mut classes, mut best) = ([u32::MAX; TOP], [0.0; TOP]);
    for ((class, score), top) in classes.iter_mut().zip(&mut best).zip(&bench.tops) {
        (*class, *score) = (top.class, top.score);
    }
    Row {
        classes,
        scores: best,
        entropy: scores::relative_entropy(logits, end) as f32,
        // A network of one class has no second best to be near to.
        margin: match bench.tops.as_slice() {
            [] => f32::NAN,
            [only] => only.score,
            [first, second, ..] => first.score - second.score,
        },
        activation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_classes_come_first_and_sums_are_right() {
        let logits = [1.0_f32, 3.0, 2.0, 0.0, -1.0, -2.0];
        let row = row(&mut Bench::default(), &logits, ScoreKind::Softmax, Some([0.5, 2.0]));
        assert_eq!(row.classes, [1, 2, 0, 3, 4]);
        // max(e) / sum(e) of e = [math.exp(x) for x in logits], in Python.
        assert!((row.scores[0] - 0.633_691_3).abs() < 1e-5, "{}", row.scores[0]);
        assert!((row.margin - (row.scores[0] - row.scores[1])).abs() < 1e-7);
        assert!(row.entropy > 0.0 && row.entropy < 1.0);
        assert_eq!(row.activation, Some([0.5, 2.0]));
    }

    #[test]
    fn few_classes_leave_the_rest_empty() {
        let mut bench = Bench::default();
        let two = row(&mut bench, &[0.0, 0.0], ScoreKind::Softmax, None);
        assert_eq!(two.classes, [0, 1, u32::MAX, u32::MAX, u32::MAX]);
        assert!((two.entropy - 1.0).abs() < 1e-6 && two.margin == 0.0);
        let one = row(&mut bench, &[2.0], ScoreKind::Sigmoid, None);
        assert!((one.margin - 0.880_797).abs() < 1e-5);
        let none = row(&mut bench, &[f32::NAN, 1.0], ScoreKind::Softmax, None);
        assert!(none.classes == [u32::MAX; TOP] && none.entropy.is_nan() && none.margin.is_nan());
    }
}
