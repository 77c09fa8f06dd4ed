//! Correlation of two columns or maps.
//!
//! Pairs of which one number is not finite are left out, as are values beyond the end of the shorter slice. A correlation is
//! `None` with fewer than two pairs, and where one side is constant and so has no order.

/// Pearson's correlation, in -1..1.
#[must_use]
pub fn pearson(a: &[f32], b: &[f32]) -> Option<f64> {
    let (a, b) = finite_pairs(a, b);
    correlation(a.iter().map(|&a| f64::from(a)).collect(), b.iter().map(|&b| f64::from(b)).collect())
}

/// Spearman's rank correlation, in -1..1: Pearson's correlation of the ranks, where equal values share the mean of theirs.
#[must_use]
pub fn spearman(a: &[f32], b: &[f32]) -> Option<f64> {
    let (a, b) = finite_pairs(a, b);
    correlation(ranks(&a), ranks(&b))
}

/// Ranks from 1; equal values share the mean of theirs. NaN have the last ranks, each for itself.
#[must_use]
pub fn ranks(values: &[f32]) -> Vec<f64> {
    let order = crate::table::argsort(values, false);
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for tied in order.chunk_by(|&a, &b| values[a as usize] == values[b as usize]) {
        let mean = first as f64 + (tied.len() as f64 + 1.0) / 2.0;
        for &index in tied {
            ranks[index as usize] = mean;
        }
        first += tied.len();
    }
    ranks
}

fn finite_pairs(a: &[f32], b: &[f32]) -> (Vec<f32>, Vec<f32>) {
    a.iter().zip(b).filter(|(a, b)| a.is_finite() && b.is_finite()).unzip()
}

fn correlation(mut a: Vec<f64>, mut b: Vec<f64>) -> Option<f64> {
    if a.len() < 2 || is_constant(&a) || is_constant(&b) {
        return None;
    }
    for values in [&mut a, &mut b] {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter_mut().for_each(|value| *value -= mean);
    }
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(&b) {
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    let norm = aa.sqrt() * bb.sqrt();
    (norm > 0.0).then(|| (ab / norm).clamp(-1.0, 1.0))
}

fn is_constant(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_an_order_there_is_no_correlation() {
        for of in [pearson, spearman] {
            assert_eq!(of(&[], &[]), None);
            assert_eq!(of(&[1.0], &[2.0]), None);
            assert_eq!(of(&[0.1; 7], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]), None);
            let left_out = of(&[1.0, f32::NAN, 2.0, f32::INFINITY], &[3.0, 9.0, 5.0, 1.0, 8.0]);
            assert!((left_out.unwrap() - 1.0).abs() < 1e-12);
        }
        assert_eq!(ranks(&[3.0, 1.0, 3.0, -0.0, 0.0]), [4.5, 3.0, 4.5, 1.5, 1.5]);
        assert_eq!(ranks(&[f32::NAN, 1.0, f32::NAN]), [2.0, 1.0, 3.0]);
        // The squares overflow float32.
        assert!((pearson(&[1e38, -1e38], &[-1e38, 1e38]).unwrap() + 1.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn rank_correlation_knows_only_the_order(values in prop::collection::vec((-9_f32..9.0, -9_f32..9.0), 2..50)) {
            let (a, b): (Vec<f32>, Vec<f32>) = values.into_iter().unzip();
            let cubes: Vec<f32> = a.iter().map(|a| a * a * a).collect();
            if let (Some(one), Some(two)) = (spearman(&a, &b), spearman(&b, &a)) {
                prop_assert!((one - two).abs() < 1e-12);
                // Cubes of tiny numbers may become equal.
                if ranks(&cubes) == ranks(&a) {
                    prop_assert!((spearman(&cubes, &b).unwrap() - one).abs() < 1e-12);
                }
                prop_assert!((spearman(&a, &a).unwrap() - 1.0).abs() < 1e-12);
            }
        }
    }
}
