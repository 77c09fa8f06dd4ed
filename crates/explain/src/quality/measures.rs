//! Numbers on finished maps: how sparse, how alike, how changed.
//!
//! Maps are read as they are, `[H, W]` or any other order unless a shape is asked for; sums run in `f64`. A map with a
//! value that is not finite gives a number that is not finite, or none of use; such maps are a state of their own and not
//! measured.

/// Added to every absolute value in [`gini`], so that a map of zeros has a number too.
const GINI_SHIFT: f64 = 1e-7;

/// Side of the window of [`structural_similarity`] in pixels.
const WINDOW: usize = 7;

/// Sparseness: the Gini index of the absolute values (Chalasani et al., "Concise Explanations of Neural Networks using
/// Adversarial Training", ICML 2020), in `[0, 1)`; 0 for a constant map, `1 - 1/n` for one non-zero value among `n`.
///
/// With `a` the absolute values plus 1e-7 in ascending order it is `Σ (2i - n - 1)·a_i / (n·Σ a_i)`, `i` from 1. The
/// summand tells against maps whose values are themselves about 1e-7. Without values it is 0.
#[must_use]
pub fn gini(map: &[f32]) -> f64 {
    let mut values: Vec<f64> = map.iter().map(|&value| f64::from(value).abs() + GINI_SHIFT).collect();
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len() as f64;
    let sum: f64 = values.iter().sum();
    if values.is_empty() {
        return 0.0;
    }
    let ranked: f64 =
        values.iter().enumerate().map(|(index, value)| (2.0 * (index + 1) as f64 - n - 1.0) * value).sum();
    ranked / (n * sum)
}

/// Complexity: the entropy of the shares `|m_i| / Σ |m|` (Bhatt et al., "Evaluating and Aggregating Feature-based Model
/// Explanations", IJCAI 2020) over the largest possible, `ln n`; in `[0, 1]`, 0 for one non-zero value, 1 for a constant
/// map, which a map of zeros is as well. Fewer than two values have complexity 0.
#[must_use]
pub fn complexity(map: &[f32]) -> f64 {
    if map.len() < 2 {
        return 0.0;
    }
    let sum: f64 = map.iter().map(|&value| f64::from(value).abs()).sum();
    if sum == 0.0 {
        return 1.0;
    }
    let term = |value: &f32| {
        let share = f64::from(*value).abs() / sum;
        if share == 0.0 { 0.0 } else { -share * share.ln() }
    };
    (map.iter().map(term).sum::<f64>() / (map.len() as f64).ln()).min(1.0)
}

/// Spearman's rank correlation, in `[-1, 1]`: Pearson's correlation of the ranks, where equal values share the mean of
/// their ranks. 0 where one of the maps is constant and so has no order.
///
/// # Panics
/// If the maps have different lengths.
#[must_use]
pub fn spearman(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "maps of one size");
    // Ranks less their mean: the sums of squares are then those of the deviations.
    let middle = (a.len() as f64 + 1.0) / 2.0;
    let (a, b) = (ranks(a), ranks(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(&b) {
        ab += (a - middle) * (b - middle);
        aa += (a - middle) * (a - middle);
        bb += (b - middle) * (b - middle);
    }
    if aa == 0.0 || bb == 0.0 { 0.0 } else { (ab / (aa.sqrt() * bb.sqrt())).clamp(-1.0, 1.0) }
}

/// Ranks from 1; equal values share the mean of theirs.
fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let mean = first as f64 + (tied.len() as f64 + 1.0) / 2.0;
        for &index in tied {
            ranks[index] = mean;
        }
        first += tied.len();
    }
    ranks
}

/// The cosine of the angle between two maps, in `[-1, 1]`; 0 where one of them is all zero and has no direction.
///
/// # Panics
/// If the maps have different lengths.
#[must_use]
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "maps of one size");
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (f64::from(a), f64::from(b));
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    if aa == 0.0 || bb == 0.0 { 0.0 } else { (ab / (aa.sqrt() * bb.sqrt())).clamp(-1.0, 1.0) }
}

/// Structural similarity of two maps `[H, W]` (Wang et al., "Image Quality Assessment: From Error Visibility to Structural
/// Similarity", 2004), in `[-1, 1]`, 1 for equal maps.
///
/// Each map is first brought to 0..1 by its own least and largest value, a constant map to 0; the data range is therefore
/// 1 and neither scale nor offset of a map counts. The mean runs over all windows of 7 × 7 that lie inside, evenly weighted,
/// with sample covariances, `K1 = 0.01` and `K2 = 0.03`. Where a side has fewer than 7 pixels, the window has the largest
/// odd side that fits.
///
/// # Panics
/// If a map is not of that shape or has no values.
#[must_use]
pub fn structural_similarity(a: &[f32], b: &[f32], height: usize, width: usize) -> f64 {
    assert!(a.len() == height * width && b.len() == a.len() && !a.is_empty(), "two maps of {height} × {width}");
    let shorter = height.min(width);
    let side = WINDOW.min(if shorter.is_multiple_of(2) { shorter - 1 } else { shorter });
    let (a, b) = (normalised(a), normalised(b));
    let n = (side * side) as f64;
    let sample = if side == 1 { 1.0 } else { n / (n - 1.0) };
    let means = |value: &dyn Fn(usize) -> f64| window_means(value, [height, width], side);
    let mean_a = means(&|i| a[i]);
    let mean_b = means(&|i| b[i]);
    let mean_aa = means(&|i| a[i] * a[i]);
    let mean_bb = means(&|i| b[i] * b[i]);
    let mean_ab = means(&|i| a[i] * b[i]);
    let (c1, c2) = (0.01 * 0.01, 0.03 * 0.03);
    let mut sum = 0.0;
    for index in 0..mean_a.len() {
        let (a, b) = (mean_a[index], mean_b[index]);
        let variance_a = sample * (mean_aa[index] - a * a);
        let variance_b = sample * (mean_bb[index] - b * b);
        let covariance = sample * (mean_ab[index] - a * b);
        sum += (2.0 * a * b + c1) * (2.0 * covariance + c2) / ((a * a + b * b + c1) * (variance_a + variance_b + c2));
    }
    sum / mean_a.len() as f64
}

/// Brought to 0..1.
fn normalised(map: &[f32]) -> Vec<f64> {
    let low = map.iter().copied().fold(f32::INFINITY, f32::min);
    let high = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (low, range) = (f64::from(low), f64::from(high) - f64::from(low));
    map.iter().map(|&value| if range == 0.0 { 0.0 } else { (f64::from(value) - low) / range }).collect()
}

/// The means over all windows that lie inside, `[H - side + 1, W - side + 1]`.
fn window_means(value: &dyn Fn(usize) -> f64, [height, width]: [usize; 2], side: usize) -> Vec<f64> {
    // Sums of the rectangles from the corner, with a row and a column of zeros before.
    let stride = width + 1;
    let mut sums = vec![0.0; (height + 1) * stride];
    for y in 0..height {
        let mut row = 0.0;
        for x in 0..width {
            row += value(y * width + x);
            sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + row;
        }
    }
    let mut means = Vec::with_capacity((height - side + 1) * (width - side + 1));
    for y in 0..=height - side {
        for x in 0..=width - side {
            let (above, below) = (y * stride + x, (y + side) * stride + x);
            means.push((sums[below + side] - sums[below] - sums[above + side] + sums[above]) / (side * side) as f64);
        }
    }
    means
}

/// How much a map changed: `‖a - b‖ / ‖a‖` with Euclidean norms (Yeh et al., "On the (In)fidelity and Sensitivity of
/// Explanations", NeurIPS 2019), where `a` is the map to compare with. 0 for equal maps, infinite where only `a` is all
/// zero.
///
/// # Panics
/// If the maps have different lengths.
#[must_use]
pub fn relative_change(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "maps of one size");
    let change: f64 = a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    let size: f64 = a.iter().map(|&a| f64::from(a).powi(2)).sum();
    if change == 0.0 { 0.0 } else { (change / size).sqrt() }
}

/// The area under a curve by trapezoids over its width: the mean height, in the unit of `scores`.
///
/// `shares` are the places in ascending order. A curve without width has the mean of its scores, one without points 0.
///
/// # Panics
/// If there are not as many scores as shares.
#[must_use]
pub fn area(shares: &[f32], scores: &[f32]) -> f64 {
    assert_eq!(shares.len(), scores.len(), "a score for each share");
    let (Some(&first), Some(&last)) = (shares.first(), shares.last()) else { return 0.0 };
    let width = f64::from(last) - f64::from(first);
    if width == 0.0 {
        return scores.iter().map(|&score| f64::from(score)).sum::<f64>() / scores.len() as f64;
    }
    let trapezoids = shares.windows(2).zip(scores.windows(2)).map(|(share, score)| {
        (f64::from(share[1]) - f64::from(share[0])) * (f64::from(score[0]) + f64::from(score[1])) / 2.0
    });
    trapezoids.sum::<f64>() / width
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance, "{got} instead of {expected}");
    }

    fn random(seed: u64, count: usize) -> Vec<f32> {
        let mut rng = fastrand::Rng::with_seed(seed);
        (0..count).map(|_| rng.f32() - 0.5).collect()
    }

    #[test]
    fn gini_of_known_maps() {
        let mut one_hot = [0.0; 100];
        one_hot[37] = -1.0;
        close(gini(&one_hot), 0.989_99, 1e-6);
        close(gini(&[2.5; 64]), 0.0, 1e-12);
        close(gini(&[0.0; 64]), 0.0, 1e-12);
        // 1, 2, 3, 4: (-3·1 - 1·2 + 1·3 + 3·4) / (4·10) = 0.25; order and sign do not matter.
        close(gini(&[3.0, -1.0, 4.0, -2.0]), 0.25, 1e-6);
        assert_eq!(gini(&[]), 0.0);
        close(gini(&[5.0]), 0.0, 1e-12);
    }

    #[test]
    fn complexity_of_known_maps() {
        let mut one_hot = [0.0; 100];
        one_hot[3] = -7.0;
        close(complexity(&one_hot), 0.0, 1e-12);
        close(complexity(&[-0.3; 50]), 1.0, 1e-12);
        close(complexity(&[0.0; 50]), 1.0, 0.0);
        // Shares 1/2, 1/4, 1/4, 0: 1.5 ln 2 over ln 4.
        close(complexity(&[2.0, -1.0, 1.0, 0.0]), 0.75, 1e-12);
        assert_eq!((complexity(&[]), complexity(&[3.0])), (0.0, 0.0));
    }

    #[test]
    fn spearman_of_known_maps() {
        // d = 1, -1, 0, 0: 1 - 6·2 / (4·15) = 0.8
        close(spearman(&[1.0, 2.0, 3.0, 4.0], &[20.0, 10.0, 30.0, 70.0]), 0.8, 1e-12);
        // Ties: ranks 1.5, 1.5, 3, 4 against 1..4: 4.5 / √(4.5·5).
        close(spearman(&[0.0, 0.0, 5.0, 9.0], &[1.0, 2.0, 3.0, 4.0]), (4.5_f64 / 5.0).sqrt(), 1e-12);
        assert_eq!(ranks(&[3.0, 1.0, 3.0, -0.0, 0.0]), [4.5, 3.0, 4.5, 1.5, 1.5]);
        assert_eq!(spearman(&[1.0; 4], &[1.0, 2.0, 3.0, 4.0]), 0.0);
        let map = random(1, 500);
        let monotone: Vec<f32> = map.iter().map(|value| value.powi(3) * 4.0).collect();
        let turned: Vec<f32> = map.iter().map(|value| -value).collect();
        close(spearman(&map, &map), 1.0, 1e-12);
        close(spearman(&map, &monotone), 1.0, 1e-12);
        close(spearman(&map, &turned), -1.0, 1e-12);
        let two = random(2, 1000);
        close(spearman(&two[..500], &two[500..]), 0.0, 0.15); // 3 standard deviations
    }

    #[test]
    fn cosine_of_known_maps() {
        close(cosine(&[1.0, 2.0, 2.0], &[2.0, 1.0, 2.0]), 8.0 / 9.0, 1e-12);
        close(cosine(&[1.0, 0.0], &[0.0, 3.0]), 0.0, 0.0);
        close(cosine(&[1.0, -2.0], &[-3.0, 6.0]), -1.0, 1e-12);
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 2.0]), 0.0);
        let map = random(3, 300);
        let scaled: Vec<f32> = map.iter().map(|value| value * 4.0).collect();
        close(cosine(&map, &scaled), 1.0, 1e-12);
    }

    /// The definition, window by window.
    fn similarity_slowly(a: &[f64], b: &[f64], height: usize, width: usize, side: usize) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        for top in 0..=height - side {
            for left in 0..=width - side {
                let inside: Vec<(f64, f64)> = (0..side * side)
                    .map(|i| (top + i / side) * width + left + i % side)
                    .map(|i| (a[i], b[i]))
                    .collect();
                let n = inside.len() as f64;
                let mean_a = inside.iter().map(|(a, _)| a).sum::<f64>() / n;
                let mean_b = inside.iter().map(|(_, b)| b).sum::<f64>() / n;
                let moment = |f: &dyn Fn(f64, f64) -> f64| {
                    inside.iter().map(|&(a, b)| f(a - mean_a, b - mean_b)).sum::<f64>() / (n - 1.0)
                };
                let (aa, bb, ab) = (moment(&|a, _| a * a), moment(&|_, b| b * b), moment(&|a, b| a * b));
                sum += (2.0 * mean_a * mean_b + 1e-4) * (2.0 * ab + 9e-4)
                    / ((mean_a * mean_a + mean_b * mean_b + 1e-4) * (aa + bb + 9e-4));
                count += 1.0;
            }
        }
        sum / count
    }

    #[test]
    fn structural_similarity_of_known_maps() {
        // One window of 3 × 3 by hand: a a single 1 in the middle, b a single 1 in a corner. Means 1/9; variances
        // (1 - 1/9) / 8 = 1/9; covariance -1/9 / 8 = -1/72.
        let (mut a, mut b) = ([0.0; 9], [0.0; 9]);
        a[4] = 1.0;
        b[0] = 1.0;
        close(structural_similarity(&a, &b, 3, 3), (-2.0 / 72.0 + 9e-4) / (2.0 / 9.0 + 9e-4), 1e-9);
        for (height, width, side) in [(12, 17, 7), (7, 7, 7), (5, 9, 5), (4, 30, 3), (2, 2, 1)] {
            let (a, b) = (random(5, height * width), random(6, height * width));
            let got = structural_similarity(&a, &b, height, width);
            if side > 1 {
                close(got, similarity_slowly(&normalised(&a), &normalised(&b), height, width, side), 1e-9);
            }
            close(structural_similarity(&a, &a, height, width), 1.0, 1e-9);
            close(structural_similarity(&b, &a, height, width), got, 1e-12);
            let scaled: Vec<f32> = a.iter().map(|value| value * 8.0 + 2.0).collect();
            close(structural_similarity(&scaled, &b, height, width), got, 1e-4);
        }
        let map = random(8, 400);
        let turned: Vec<f32> = map.iter().map(|value| -value).collect();
        assert!(structural_similarity(&map, &turned, 20, 20) < -0.5);
        close(structural_similarity(&[3.0; 400], &[9.0; 400], 20, 20), 1.0, 1e-12);
        assert!(structural_similarity(&[3.0; 400], &map, 20, 20) < 0.1);
    }

    #[test]
    fn changes() {
        close(relative_change(&[3.0, 4.0], &[3.0, 1.0]), 0.6, 1e-12);
        close(relative_change(&[3.0, 4.0], &[0.0, 0.0]), 1.0, 1e-12);
        close(relative_change(&[0.0, 0.0], &[0.0, 0.0]), 0.0, 0.0);
        assert_eq!(relative_change(&[0.0, 0.0], &[0.0, 1.0]), f64::INFINITY);
    }

    #[test]
    fn areas() {
        close(area(&[0.0, 0.5, 1.0], &[1.0, 0.5, 0.0]), 0.5, 1e-12);
        // Uneven steps and a width other than 1: (0.5·2 + 1.5·(2 + 4)/2) / 2.
        close(area(&[1.0, 1.5, 3.0], &[2.0, 2.0, 4.0]), (1.0 + 4.5) / 2.0, 1e-12);
        close(area(&[0.0, 0.25, 1.0], &[0.7; 3]), 0.7, 1e-7);
        assert_eq!((area(&[], &[]), area(&[0.4], &[3.0])), (0.0, 3.0));
    }
}
