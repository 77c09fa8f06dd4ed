//! Which parts of a picture are hidden: seeded draws for LIME, KernelSHAP, Shapley values and RISE, and the windows of
//! occlusion.
//!
//! Each draw depends on the seed and on its own number alone. The first hundred of a thousand are those of a hundred,
//! whatever the chunks in which they are made, and one comparison gives all networks the same.

use fastrand::Rng;

/// Rows of parts that are shown (`true`) or hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coalitions {
    /// `[count, features]`, row-major.
    pub present: Vec<bool>,
    /// Number of parts.
    pub features: usize,
}

impl Coalitions {
    /// Number of coalitions; 0 where there are no parts.
    #[must_use]
    pub fn count(&self) -> usize {
        self.present.len().checked_div(self.features).unwrap_or(0)
    }

    /// The parts that one coalition shows.
    ///
    /// # Panics
    /// If there is no such coalition.
    #[must_use]
    pub fn row(&self, index: usize) -> &[bool] {
        &self.present[index * self.features..(index + 1) * self.features]
    }
}

/// The stream of random numbers that belongs to one draw. The number is spread over all bits (the finaliser of SplitMix64,
/// Steele et al. 2014), since generators started from neighbouring seeds are alike: uniform numbers of the seeds 1 and 2 are
/// correlated by a quarter.
pub(crate) fn stream(seed: u64, index: u64) -> Rng {
    let mix = |mut bits: u64| {
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    Rng::with_seed(mix(mix(seed).wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15))))
}

/// A number from `low` to less than `end`. It is drawn with 64 bits whatever the machine's words have, so that a seed gives the
/// same in the browser as natively.
fn below(rng: &mut Rng, low: usize, end: usize) -> usize {
    rng.u64(low as u64..end as u64) as usize
}

/// A random order of `count` things (Fisher and Yates), the same for a seed on every machine.
pub(crate) fn order(rng: &mut Rng, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for place in 1..count {
        order.swap(place, below(rng, 0, place + 1));
    }
    order
}

/// LIME's samples (Ribeiro et al., "Why Should I Trust You?", KDD 2016): the first shows all parts, in the others each is
/// shown with the probability `p`, independently.
#[must_use]
pub fn bernoulli(seed: u64, samples: usize, features: usize, p: f64) -> Coalitions {
    let mut present = Vec::with_capacity(samples * features);
    for index in 0..samples {
        let mut rng = stream(seed, index as u64);
        present.extend((0..features).map(|_| index == 0 || rng.f64() < p));
    }
    Coalitions { present, features }
}

/// KernelSHAP's coalitions with their weights in the regression (Lundberg and Lee, NeurIPS 2017).
///
/// Where `samples` suffices for all `2^q - 2` coalitions other than none and all, these come once each, in the order of
/// binary numbers whose lowest digit is the first part, weighted by
/// [`kernel_weights`](crate::least_squares::kernel_weights). Otherwise `samples` are drawn: a size with the probability that
/// the kernel gives to all coalitions of this size, `∝ 1 / (s (q - s))`, then the parts evenly; the draw is followed by its
/// complement (Covert and Lee, AISTATS 2021), and all weigh 1. Fewer than two parts have no coalitions.
#[must_use]
pub fn kernel(seed: u64, samples: usize, features: usize) -> (Coalitions, Vec<f64>) {
    if features < 2 {
        return (Coalitions { present: Vec::new(), features }, Vec::new());
    }
    let all = 1_usize.checked_shl(features as u32).map(|sets| sets - 2);
    if let Some(all) = all.filter(|&all| samples >= all) {
        let by_size = crate::least_squares::kernel_weights(features);
        let present = (1..=all).flat_map(|set| (0..features).map(move |part| set >> part & 1 == 1)).collect();
        let weights = (1..=all).map(|set| by_size[set.count_ones() as usize]).collect();
        return (Coalitions { present, features }, weights);
    }
    let size_weights: Vec<f64> = (1..features).map(|size| 1.0 / (size as f64 * (features - size) as f64)).collect();
    let total: f64 = size_weights.iter().sum();
    let mut present = Vec::with_capacity(samples * features);
    for pair in 0..samples.div_ceil(2) {
        let mut rng = stream(seed, pair as u64);
        let mut left = rng.f64() * total;
        // Rounding may leave a little behind the last size.
        let passed = size_weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        let size = passed.map_or(features - 1, |index| index + 1);
        let row = present.len();
        present.resize(row + features, false);
        for part in choose(&mut rng, size, features) {
            present[row + part] = true;
        }
        if 2 * pair + 1 < samples {
            present.extend_from_within(row..);
            for part in &mut present[row + features..] {
                *part = !*part;
            }
        }
    }
    (Coalitions { present, features }, vec![1.0; samples])
}

/// The first `size` places of a random order of `features` parts (Fisher and Yates).
fn choose(rng: &mut Rng, size: usize, features: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..features).collect();
    for place in 0..size {
        order.swap(place, below(rng, place, features));
    }
    order.truncate(size);
    order
}

/// A random order of the parts, for one round of Shapley value sampling (Castro et al., "Polynomial calculation of the
/// Shapley value based on sampling", 2009).
#[must_use]
pub fn permutation(seed: u64, index: u64, features: usize) -> Vec<usize> {
    choose(&mut stream(seed, index), features, features)
}

/// The coalitions that arise as the parts are shown one after the other: `features + 1` rows from none to all.
#[must_use]
pub fn prefixes(order: &[usize]) -> Coalitions {
    let features = order.len();
    let mut present = vec![false; (features + 1) * features];
    for (place, &part) in order.iter().enumerate() {
        for row in place + 1..=features {
            present[row * features + part] = true;
        }
    }
    Coalitions { present, features }
}

/// What each part adds at its turn: for the scores of the [`prefixes`] of an order, none first. The sum is the last score
/// less the first.
///
/// # Panics
/// If there is not one score more than parts, or `order` is no order of them.
#[must_use]
pub fn marginals(order: &[usize], scores: &[f64]) -> Vec<f64> {
    assert_eq!(scores.len(), order.len() + 1, "a score for each prefix");
    let mut marginals = vec![0.0; order.len()];
    for (&part, pair) in order.iter().zip(scores.windows(2)) {
        marginals[part] = pair[1] - pair[0];
    }
    marginals
}

/// A mask of RISE (Petsiuk et al., "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018): what
/// share of each pixel is shown, `[height, width]`, in `[0, 1]`.
///
/// `cells` × `cells` cells are open with the probability `p`, enlarged bilinearly to `(cells + 1)·⌈side / cells⌉` pixels a
/// side, and cut out at a random shift of less than one `⌈side / cells⌉`. Cell centres correspond (half-pixel centres);
/// beyond the outer centres the outer cells go on. The mean over many masks is `p` everywhere. `cells` of 0 counts as 1.
#[must_use]
pub fn rise_mask(seed: u64, index: u64, cells: usize, p: f64, height: usize, width: usize) -> Vec<f32> {
    let mut rng = stream(seed, index);
    let cells = cells.max(1);
    let open: Vec<f32> = (0..cells * cells).map(|_| if rng.f64() < p { 1.0 } else { 0.0 }).collect();
    let rows = enlarged(&mut rng, cells, height);
    let columns = enlarged(&mut rng, cells, width);
    let mut mask = Vec::with_capacity(height * width);
    for &(above, below, down) in &rows {
        for &(left, right, across) in &columns {
            let mix = |row: usize| open[row * cells + left] * (1.0 - across) + open[row * cells + right] * across;
            mask.push(mix(above) * (1.0 - down) + mix(below) * down);
        }
    }
    mask
}

/// For each pixel of a side the two cells it lies between and the share of the second.
fn enlarged(rng: &mut Rng, cells: usize, side: usize) -> Vec<(usize, usize, f32)> {
    let cell = side.div_ceil(cells).max(1);
    let shift = below(rng, 0, cell);
    let scale = cells as f64 / ((cells + 1) * cell) as f64;
    let place = |pixel: usize| {
        let place = (((pixel + shift) as f64 + 0.5) * scale - 0.5).clamp(0.0, (cells - 1) as f64);
        let before = place.floor();
        (before as usize, (before as usize + 1).min(cells - 1), (place - before) as f32)
    };
    (0..side).map(place).collect()
}

/// The windows of occlusion (Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014) as
/// `[top, left, bottom, right]`, the last two exclusive, row by row.
///
/// They start at 0, `stride`, … as long as they lie inside; if the last then does not reach the border, one more ends there.
/// A window larger than a side has that side. A `stride` above `window` leaves gaps; `window` and `stride` of 0 count as 1.
#[must_use]
pub fn windows(height: usize, width: usize, window: usize, stride: usize) -> Vec<[usize; 4]> {
    let (rows, columns) = (starts(height, window, stride), starts(width, window, stride));
    let end = |start: usize, side: usize| (start + window.max(1)).min(side);
    let at = |top: usize| columns.iter().map(move |&left| [top, left, end(top, height), end(left, width)]);
    rows.iter().flat_map(|&top| at(top)).collect()
}

/// Where windows start along a side.
fn starts(side: usize, window: usize, stride: usize) -> Vec<usize> {
    if side == 0 {
        return Vec::new();
    }
    let last = side - window.clamp(1, side);
    let mut starts: Vec<usize> = (0..=last).step_by(stride.max(1)).collect();
    if starts.last() != Some(&last) {
        starts.push(last);
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limes_first_shows_all() {
        let drawn = bernoulli(3, 2000, 12, 0.25);
        assert_eq!((drawn.count(), drawn.present.len()), (2000, 24_000));
        assert!(drawn.row(0).iter().all(|present| *present));
        let rest = &drawn.present[12..];
        let share = rest.iter().filter(|present| **present).count() as f64 / rest.len() as f64;
        assert!((share - 0.25).abs() < 0.014, "{share}"); // five standard errors
        for part in 0..12 {
            let share = (1..2000).filter(|&index| drawn.row(index)[part]).count() as f64 / 1999.0;
            assert!((share - 0.25).abs() < 0.05, "part {part}: {share}");
        }
        assert_eq!(bernoulli(3, 100, 12, 0.25).present, drawn.present[..1200]);
        assert_ne!(bernoulli(4, 100, 12, 0.25).present, drawn.present[..1200]);
        assert!(bernoulli(0, 9, 5, 1.0).present.iter().all(|present| *present));
        assert!(bernoulli(0, 9, 5, 0.0).present[5..].iter().all(|present| !present));
        assert_eq!(bernoulli(0, 4, 0, 0.5).count(), 0);
    }

    #[test]
    fn all_coalitions_in_order() {
        let (all, weights) = kernel(1, 6, 3);
        let digits: Vec<&[bool]> = (0..6).map(|index| all.row(index)).collect();
        assert_eq!(
            digits,
            [
                [true, false, false],
                [false, true, false],
                [true, true, false],
                [false, false, true],
                [true, false, true],
                [false, true, true]
            ]
        );
        // q = 3: 2 / (3·1·2) for both sizes.
        assert!(weights.iter().all(|weight| (weight - 1.0 / 3.0).abs() < 1e-15));
        assert_eq!(kernel(2, 1_000_000, 3), (all, weights));
        assert_eq!(kernel(1, 5, 3).0.count(), 5); // one too few: drawn
        assert_eq!(kernel(1, 100, 1).0.count() + kernel(1, 100, 0).0.count(), 0);
        assert_eq!(kernel(1, 100, 64).0.count(), 100);
        assert_eq!(kernel(1, 100, 1024).0.count(), 100);
    }

    #[test]
    fn drawn_coalitions_follow_the_kernel() {
        let (features, samples) = (9, 40_000);
        let (drawn, weights) = kernel(5, samples, features);
        // Fewer than 2⁹ - 2 would be needed to draw; ask for parts that are many.
        assert_eq!(drawn.count(), 510);
        assert_eq!(weights.len(), 510);
        let features = 17;
        let (drawn, weights) = kernel(5, samples, features);
        assert_eq!((drawn.count(), weights), (samples, vec![1.0; samples]));
        let size = |index: usize| drawn.row(index).iter().filter(|present| **present).count();
        let mut counts = vec![0.0; features + 1];
        let mut parts = vec![0.0; features];
        for index in 0..samples {
            counts[size(index)] += 1.0 / samples as f64;
            for (part, &present) in parts.iter_mut().zip(drawn.row(index)) {
                *part += if present { 1.0 / samples as f64 } else { 0.0 };
            }
        }
        let total: f64 = (1..features).map(|s| 1.0 / (s * (features - s)) as f64).sum();
        assert_eq!((counts[0], counts[features]), (0.0, 0.0));
        for (size, count) in counts.iter().enumerate().take(features).skip(1) {
            let expected = 1.0 / (size * (features - size)) as f64 / total;
            assert!((count - expected).abs() < 0.012, "size {size}: {count} instead of {expected}");
        }
        assert!(parts.iter().all(|part| (part - 0.5).abs() < 1e-9), "complements even out each part: {parts:?}");
        // No part is preferred among the firsts of the pairs.
        for part in 0..features {
            let singles = (0..samples).filter(|&index| size(index) == 1 && drawn.row(index)[part]).count() as f64;
            let expected = counts[1] * samples as f64 / features as f64;
            assert!((singles / expected - 1.0).abs() < 0.2, "part {part}: {singles} instead of {expected}");
        }
        for pair in 0..samples / 2 {
            assert!(drawn.row(2 * pair).iter().zip(drawn.row(2 * pair + 1)).all(|(a, b)| a != b));
        }
        // A shorter run is the start of a longer one, and an odd one lacks the last complement.
        assert_eq!(kernel(5, 7, features).0.present, drawn.present[..7 * features]);
        assert_ne!(kernel(6, 7, features).0.present, drawn.present[..7 * features]);
    }

    #[test]
    fn orders() {
        let mut places = [[0_u32; 5]; 5];
        for index in 0..6000 {
            let order = permutation(8, index, 5);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4]);
            for (place, part) in order.into_iter().enumerate() {
                places[place][part] += 1;
            }
        }
        for count in places.into_iter().flatten() {
            assert!((1045..1355).contains(&count), "{count} of 1200"); // five standard deviations of 31
        }
        assert_eq!(permutation(8, 3, 5), permutation(8, 3, 5));
        assert!((0..20).any(|index| permutation(8, index, 5) != permutation(9, index, 5)));
        assert!(permutation(0, 0, 0).is_empty());
    }

    #[test]
    fn prefixes_grow() {
        let rows = prefixes(&[2, 0, 1]);
        assert_eq!(rows.count(), 4);
        assert_eq!(rows.row(0), [false, false, false]);
        assert_eq!(rows.row(1), [false, false, true]);
        assert_eq!(rows.row(2), [true, false, true]);
        assert_eq!(rows.row(3), [true, true, true]);
        assert_eq!(marginals(&[2, 0, 1], &[1.0, 4.0, 2.0, 2.5]), [-2.0, 0.5, 3.0]);
    }

    #[test]
    fn rise_masks() {
        let (height, width, cells, p) = (30, 45, 7, 0.3);
        let masks = 3000;
        let mut mean = vec![0.0_f64; height * width];
        for index in 0..masks {
            let mask = rise_mask(1, index, cells, p, height, width);
            assert_eq!(mask.len(), height * width);
            for (mean, value) in mean.iter_mut().zip(mask) {
                assert!((0.0..=1.0).contains(&value));
                *mean += f64::from(value) / masks as f64;
            }
        }
        // The deviation of a pixel is at most that of a cell, 0.46; five standard errors.
        assert!(mean.iter().all(|mean| (mean - p).abs() < 0.042), "{mean:?}");
        assert_eq!(rise_mask(1, 5, cells, p, height, width), rise_mask(1, 5, cells, p, height, width));
        assert_ne!(rise_mask(1, 5, cells, p, height, width), rise_mask(1, 6, cells, p, height, width));
        assert_ne!(rise_mask(1, 5, cells, p, height, width), rise_mask(2, 5, cells, p, height, width));
        assert_eq!(rise_mask(1, 5, cells, 1.0, 4, 4), [1.0; 16]);
        assert_eq!(rise_mask(1, 5, cells, 0.0, 4, 4), [0.0; 16]);
        assert_eq!(rise_mask(1, 5, 1, 0.5, 3, 5).windows(2).filter(|pair| pair[0] != pair[1]).count(), 0);
        assert!(rise_mask(1, 5, 3, 0.5, 0, 5).is_empty());
    }

    /// Two cells on a side of four: enlarged to six pixels, whose centres lie at -1/3, 0, 1/3, 2/3, 1, 4/3 of the cells.
    #[test]
    fn cells_are_enlarged_bilinearly() {
        let shares = |shift: usize| -> Vec<f64> {
            let wanted = (0..200).map(|seed| enlarged(&mut stream(seed, 0), 2, 4));
            let expected = [0.0, 0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0, 1.0];
            // Which shift a stream has is seen at its first pixel and its last.
            let mut found = wanted.filter(|side| {
                side.iter()
                    .zip(&expected[shift..])
                    .all(|((before, _, share), expected)| (*before as f64 + f64::from(*share) - expected).abs() < 1e-6)
            });
            found.next().unwrap().iter().map(|(before, _, share)| *before as f64 + f64::from(*share)).collect()
        };
        assert_eq!(shares(0).len(), 4);
        assert_eq!(shares(1).len(), 4);
        // No third shift.
        for seed in 0..200 {
            let first = enlarged(&mut stream(seed, 0), 2, 4);
            let third = first[2].0 as f64 + f64::from(first[2].2);
            assert!((third - 1.0 / 3.0).abs() < 1e-6 || (third - 2.0 / 3.0).abs() < 1e-6, "{third}");
        }
    }

    #[test]
    fn occlusion_windows() {
        assert_eq!(windows(4, 4, 2, 2), [[0, 0, 2, 2], [0, 2, 2, 4], [2, 0, 4, 2], [2, 2, 4, 4]]);
        // Seven pixels, windows of three at 0, 2, 4; at 0 and 3 the last would stop at 6, so one more starts at 4.
        assert_eq!(starts(7, 3, 2), [0, 2, 4]);
        assert_eq!(starts(7, 3, 3), [0, 3, 4]);
        assert_eq!(starts(8, 3, 5), [0, 5]);
        assert_eq!(windows(1, 7, 3, 3), [[0, 0, 1, 3], [0, 3, 1, 6], [0, 4, 1, 7]]);
        assert_eq!(windows(5, 3, 9, 2), [[0, 0, 5, 3]]);
        assert_eq!(windows(2, 2, 0, 0).len(), 4);
        assert_eq!(windows(0, 2, 1, 1), [[0; 4]; 0]);
        for (height, width, window, stride) in [(224, 224, 15, 8), (33, 17, 4, 4), (10, 10, 3, 1), (9, 5, 7, 2)] {
            let mut covered = vec![0_u32; height * width];
            for [top, left, bottom, right] in windows(height, width, window, stride) {
                assert_eq!((bottom - top, right - left), (window.min(height), window.min(width)));
                for y in top..bottom {
                    covered[y * width + left..y * width + right].iter_mut().for_each(|count| *count += 1);
                }
            }
            assert!(covered.iter().all(|count| *count > 0));
        }
    }
}
