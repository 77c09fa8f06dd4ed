//! Several networks and one picture: do they agree, and are they sure?
//!
//! These are the axes of the Suggestion panel: the mean over the networks of the best score, and the number of different
//! classes they name.

/// What one network says of a picture: its best class and that class's score.
///
/// Networks may number their classes differently, so the class is any key that is equal for equal classes: a name, a
/// WordNet id, a number that the caller gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vote<K> {
    /// The class.
    pub class: K,
    /// Its score.
    pub score: f32,
}

/// What all networks say of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Mean of the best scores; NaN without votes.
    pub mean_score: f32,
    /// The number of different classes.
    pub distinct: u32,
    /// The number of votes that counted.
    pub votes: u32,
}

/// Where a picture lies in the Suggestion panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quadrant {
    /// One class, high scores: an easy picture.
    AgreeSure,
    /// One class, low scores: a borderline picture.
    AgreeUnsure,
    /// Different classes, low scores: a difficult picture.
    DisagreeUnsure,
    /// Different classes, high scores: out of distribution, adversarial, or two things in one picture.
    DisagreeSure,
}

impl Quadrant {
    /// All of them, in the order of their definition.
    pub const ALL: [Self; 4] = [Self::AgreeSure, Self::AgreeUnsure, Self::DisagreeUnsure, Self::DisagreeSure];
}

impl Agreement {
    /// Counts votes; one whose score is NaN is left out. Compares each vote with those before it, which for a handful of
    /// networks is quicker than a set.
    #[must_use]
    pub fn of<K: PartialEq>(votes: &[Vote<K>]) -> Self {
        let mut sum = 0.0;
        let (mut distinct, mut counted) = (0, 0);
        for (index, vote) in votes.iter().enumerate().filter(|(_, vote)| !vote.score.is_nan()) {
            sum += f64::from(vote.score);
            counted += 1;
            let before = votes.iter().take(index);
            if !before.filter(|earlier| !earlier.score.is_nan()).any(|earlier| earlier.class == vote.class) {
                distinct += 1;
            }
        }
        Self { mean_score: (sum / f64::from(counted)) as f32, distinct, votes: counted }
    }

    /// The quadrant, where a mean score of at least `threshold` is sure. `None` where the mean score is not a number.
    #[must_use]
    pub fn quadrant(&self, threshold: f32) -> Option<Quadrant> {
        if self.mean_score.is_nan() {
            return None;
        }
        Some(match (self.distinct <= 1, self.mean_score >= threshold) {
            (true, true) => Quadrant::AgreeSure,
            (true, false) => Quadrant::AgreeUnsure,
            (false, false) => Quadrant::DisagreeUnsure,
            (false, true) => Quadrant::DisagreeSure,
        })
    }
}

/// The place of a picture within the band of its number of classes: in -0.5..0.5, spread evenly over the pictures, always the
/// same for the same picture, whatever the others are.
///
/// The golden ratio's multiples fill an interval most evenly (Weyl's sequence), so that neighbouring pictures lie apart;
/// times the width of the band it is added to the number of classes.
#[must_use]
pub fn jitter(picture: usize) -> f32 {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15; // 2⁶⁴ / φ
    let turned = (picture as u64).wrapping_add(1).wrapping_mul(GOLDEN);
    // 24 bits are what a float holds exactly.
    (turned >> 40) as f32 / (1_u32 << 24) as f32 - 0.5
}

/// The mean over all pairs of networks of how far two of them agree, such as the rank correlation of their heatmaps.
///
/// `of` is asked for each pair `(i, j)`, `i < j < count`; pairs for which it has no number are left out. `None` without any.
pub fn mean_over_pairs(count: usize, mut of: impl FnMut(usize, usize) -> Option<f64>) -> Option<f64> {
    let (mut sum, mut pairs) = (0.0, 0_u64);
    for i in 0..count {
        for j in i + 1..count {
            if let Some(value) = of(i, j).filter(|value| !value.is_nan()) {
                sum += value;
                pairs += 1;
            }
        }
    }
    (pairs > 0).then(|| sum / pairs as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn votes(list: &[(&'static str, f32)]) -> Vec<Vote<&'static str>> {
        list.iter().map(|&(class, score)| Vote { class, score }).collect()
    }

    #[test]
    fn quadrants_have_their_names() {
        let cases = [
            (votes(&[("cat", 0.9), ("cat", 0.8)]), Quadrant::AgreeSure, 1),
            (votes(&[("cat", 0.3), ("cat", 0.2)]), Quadrant::AgreeUnsure, 1),
            (votes(&[("cat", 0.3), ("dog", 0.2)]), Quadrant::DisagreeUnsure, 2),
            (votes(&[("cat", 0.9), ("dog", 0.9), ("cat", 0.9)]), Quadrant::DisagreeSure, 2),
        ];
        for (votes, quadrant, distinct) in cases {
            let agreement = Agreement::of(&votes);
            assert_eq!(agreement.quadrant(0.5), Some(quadrant));
            assert_eq!(agreement.distinct, distinct);
        }
        // On the threshold is sure.
        assert_eq!(Agreement::of(&votes(&[("cat", 0.5)])).quadrant(0.5), Some(Quadrant::AgreeSure));
    }

    #[test]
    fn votes_that_are_no_numbers_do_not_count() {
        let agreement = Agreement::of(&votes(&[("cat", f32::NAN), ("dog", 0.5), ("cat", 0.25), ("cat", 0.75)]));
        assert_eq!(agreement, Agreement { mean_score: 0.5, distinct: 2, votes: 3 });
        let none = Agreement::of::<u32>(&[]);
        assert!(none.mean_score.is_nan() && none.quadrant(0.5).is_none());
    }

    #[test]
    fn jitter_fills_the_band() {
        let mut tenths = [0; 10];
        for picture in 0..1000 {
            let place = jitter(picture);
            assert!((-0.5..0.5).contains(&place));
            tenths[((place + 0.5) * 10.0) as usize] += 1;
        }
        assert!(tenths.iter().all(|&count| (95..=105).contains(&count)), "{tenths:?}");
        assert_eq!(jitter(77), jitter(77));
    }

    #[test]
    fn pairs_without_a_number_are_left_out() {
        let of = |i, j| if (i, j) == (0, 1) { None } else { Some((i + j) as f64) };
        assert_eq!(mean_over_pairs(3, of), Some(2.5));
        assert_eq!(mean_over_pairs(1, of), None);
    }
}
