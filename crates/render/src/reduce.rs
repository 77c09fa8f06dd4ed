//! Channels to one value, and what a map's values are like.

use innspect_protocol::{ChannelReduction, MapState};

/// One value per pixel out of an attribution of `channels` channels, `[C, H, W]` to `[H, W]`.
///
/// Libraries differ in this more than in the methods themselves, so it is a choice of the display. A
/// pixel with a value that is not finite in any channel stays not finite.
///
/// # Panics
/// If the attribution does not divide into `channels` channels.
#[must_use]
pub fn reduce(attribution: &[f32], channels: usize, reduction: ChannelReduction) -> Vec<f32> {
    assert!(channels > 0 && attribution.len().is_multiple_of(channels), "an attribution of {channels} whole channels");
    let pixels = attribution.len() / channels;
    let mut map = vec![0.0_f32; pixels];
    // Channel by channel: each value is read once, in the order of memory.
    for plane in attribution.chunks_exact(pixels.max(1)) {
        for (sum, &value) in map.iter_mut().zip(plane) {
            *sum = match reduction {
                ChannelReduction::Sum => *sum + value,
                ChannelReduction::AbsSum => *sum + value.abs(),
                ChannelReduction::MaxAbs => larger(*sum, value.abs()),
                ChannelReduction::L2 => *sum + value * value,
            };
        }
    }
    if reduction == ChannelReduction::L2 {
        map.iter_mut().for_each(|sum| *sum = sum.sqrt());
    }
    map
}

/// The larger one; NaN if there is one, where `f32::max` would drop it.
fn larger(a: f32, b: f32) -> f32 {
    if a.is_nan() || a > b { a } else { b }
}

/// Whether the reduced map of a method with positive and negative values still has both.
#[must_use]
pub fn keeps_sign(reduction: ChannelReduction) -> bool {
    reduction == ChannelReduction::Sum
}

/// The `percentile` (0 to 100) of the absolute values of a map, as `numpy.percentile(abs(map), percentile)` has it:
/// linear between the two closest ranks. Values that are not finite are left out.
///
/// If that is 0 although the map is not, as in a map with few pixels that are not 0, it is the largest absolute value.
/// 0 for a map without a finite value other than 0.
#[must_use]
pub fn limit(map: &[f32], percentile: f32) -> f32 {
    let mut sizes: Vec<f32> = map.iter().map(|value| value.abs()).filter(|size| size.is_finite()).collect();
    let Some(last) = sizes.len().checked_sub(1) else { return 0.0 };
    let share = if percentile.is_nan() { 1.0 } else { (f64::from(percentile) / 100.0).clamp(0.0, 1.0) };
    let rank = share * last as f64;
    let (_, &mut lower, above) = sizes.select_nth_unstable_by(rank as usize, f32::total_cmp);
    let upper = above.iter().copied().reduce(f32::min).unwrap_or(lower);
    let limit = (f64::from(lower) + (f64::from(upper) - f64::from(lower)) * rank.fract()) as f32;
    if limit > 0.0 { limit } else { sizes.into_iter().fold(0.0, f32::max) }
}

/// The smallest and the largest finite value of a map; zeros if it has none.
#[must_use]
pub fn range(map: &[f32]) -> [f32; 2] {
    map.iter()
        .copied()
        .filter(|value| value.is_finite())
        .fold(None, |range: Option<[f32; 2]>, value| {
            Some(range.map_or([value; 2], |[low, high]| [low.min(value), high.max(value)]))
        })
        .unwrap_or_default()
}

/// What a map turned out to be. `positive_only`: the method cuts negative values off, as GradCAM does.
#[must_use]
pub fn state(map: &[f32], positive_only: bool) -> MapState {
    if map.iter().any(|value| !value.is_finite()) {
        MapState::NonFinite
    } else if map.iter().any(|&value| value != 0.0) {
        MapState::Ordinary
    } else if positive_only {
        MapState::NoPositiveEvidence
    } else {
        MapState::AllZero
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [ChannelReduction; 4] =
        [ChannelReduction::Sum, ChannelReduction::AbsSum, ChannelReduction::MaxAbs, ChannelReduction::L2];

    #[test]
    fn reductions() {
        // Two pixels, three channels: (3, -4, 0) and (-1, 1, -2).
        let attribution = [3.0, -1.0, -4.0, 1.0, 0.0, -2.0];
        let expected = [[-1.0, -2.0], [7.0, 4.0], [4.0, 2.0], [5.0, 6.0_f32.sqrt()]];
        for (reduction, expected) in ALL.into_iter().zip(expected) {
            assert_eq!(reduce(&attribution, 3, reduction), expected, "{reduction:?}");
            assert!(reduce(&[], 3, reduction).is_empty());
        }
        assert_eq!(reduce(&[-2.0, 5.0], 1, ChannelReduction::Sum), [-2.0, 5.0]);
        assert!(keeps_sign(ChannelReduction::Sum) && !keeps_sign(ChannelReduction::L2));
    }

    #[test]
    fn a_value_that_is_not_finite_is_not_lost() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for reduction in ALL {
                for attribution in [[bad, 9.0, 1.0], [9.0, bad, 1.0], [9.0, 1.0, bad]] {
                    assert!(!reduce(&attribution, 3, reduction)[0].is_finite(), "{bad} {reduction:?}");
                }
            }
        }
    }

    #[test]
    fn limits_are_numpys() {
        // numpy.percentile([0, 1, 2, 3, 10], q)
        let map = [-3.0, 0.0, 10.0, 1.0, -2.0];
        for (q, expected) in [(50.0, 2.0), (75.0, 3.0), (90.0, 7.2), (99.5, 9.86), (100.0, 10.0)] {
            assert_eq!(limit(&map, q), expected, "{q}");
        }
        assert_eq!(limit(&map, 0.0), 10.0); // numpy has 0, which is no limit
        assert_eq!(limit(&[f32::NAN, -2.0, f32::INFINITY], 50.0), 2.0);
        assert_eq!([limit(&[], 99.0), limit(&[0.0; 9], 99.0), limit(&[f32::NAN], 99.0)], [0.0; 3]);
        let mut sparse = vec![0.0; 1000];
        sparse[7] = -4.0;
        assert_eq!(limit(&sparse, 99.0), 4.0);
        assert_eq!(limit(&[f32::MAX, f32::MAX], 50.0), f32::MAX);
    }

    #[test]
    fn ranges_and_states() {
        assert_eq!(range(&[2.0, -1.0, f32::NAN]), [-1.0, 2.0]);
        assert_eq!(range(&[]), [0.0, 0.0]);
        assert_eq!(range(&[3.0]), [3.0, 3.0]);
        assert_eq!(state(&[0.0, 1e-30], true), MapState::Ordinary);
        assert_eq!(state(&[0.0, -0.0], true), MapState::NoPositiveEvidence);
        assert_eq!(state(&[0.0], false), MapState::AllZero);
        assert_eq!(state(&[1.0, f32::NEG_INFINITY], false), MapState::NonFinite);
    }

    proptest! {
        #[test]
        fn limits_agree_with_sorting(map in proptest::collection::vec(-1e3_f32..1e3, 1..200), q in 0.0_f32..=100.0) {
            let mut sorted: Vec<f64> = map.iter().map(|value| f64::from(value.abs())).collect();
            sorted.sort_by(f64::total_cmp);
            let rank = f64::from(q) / 100.0 * (sorted.len() - 1) as f64;
            let (low, high) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
            let expected = (low + (high - low) * rank.fract()) as f32;
            prop_assume!(expected > 0.0);
            prop_assert_eq!(limit(&map, q), expected);
        }

        #[test]
        fn reductions_are_ordered(attribution in proptest::collection::vec(-10.0_f32..10.0, 12)) {
            let [sum, abs, max, l2] = ALL.map(|reduction| reduce(&attribution, 3, reduction));
            for pixel in 0..4 {
                prop_assert!(sum[pixel].abs() <= abs[pixel] + 1e-4);
                prop_assert!(max[pixel] <= l2[pixel] + 1e-4 && l2[pixel] <= abs[pixel] + 1e-4);
            }
        }
    }
}
