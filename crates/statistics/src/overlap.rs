//! Do two heatmaps look at the same place, and does one look into a box?

use std::cmp::Ordering;

/// What makes a cell of a map important.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// Its value: what speaks for the class.
    Value,
    /// The size of its value, whatever the sign.
    Absolute,
}

impl By {
    fn of(self, value: f32) -> f32 {
        match self {
            Self::Value => value,
            Self::Absolute => value.abs(),
        }
    }
}

/// Marks the most important share of a map, `0 <= share <= 1`: exactly `share · n` cells, rounded, at least one; of equal
/// cells those that come first. NaN come last. A share that is not a number is 0.
#[must_use]
pub fn top_share(map: &[f32], share: f32, by: By) -> Vec<bool> {
    let mut marked = vec![false; map.len()];
    if map.is_empty() {
        return marked;
    }
    let wanted = (f64::from(share).clamp(0.0, 1.0) * map.len() as f64).round() as usize;
    let wanted = wanted.clamp(1, map.len());
    let mut order: Vec<u32> = (0..map.len() as u32).collect();
    let key = |index: u32| by.of(map[index as usize]);
    // Value, then place: no two cells are equal, so an unstable selection has one answer.
    let before = |&a: &u32, &b: &u32| {
        let (x, y) = (key(a), key(b));
        match (x.is_nan(), y.is_nan()) {
            (false, false) => y.partial_cmp(&x).unwrap_or(Ordering::Equal),
            (x, y) => x.cmp(&y),
        }
        .then(a.cmp(&b))
    };
    order.select_nth_unstable_by(wanted - 1, before);
    for &index in &order[..wanted] {
        marked[index as usize] = true;
    }
    marked
}

/// Intersection over union of two sets of marked cells, in 0..1. `None` if nothing is marked, or the sets differ in size.
#[must_use]
pub fn intersection_over_union(a: &[bool], b: &[bool]) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    let both = a.iter().zip(b).filter(|(a, b)| **a && **b).count();
    let either = a.iter().zip(b).filter(|(a, b)| **a || **b).count();
    (either > 0).then(|| both as f64 / either as f64)
}

/// Intersection over union of the most important `share` of two maps of one size, see [`top_share`]: 1 if they look at the
/// same place. Chance alone gives `share / (2 - share)`, 0.11 for a fifth. `None` for empty maps and maps of two sizes.
#[must_use]
pub fn top_overlap(a: &[f32], b: &[f32], share: f32, by: By) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    intersection_over_union(&top_share(a, share, by), &top_share(b, share, by))
}

/// A box of cells, half-open: `left <= x < right`, `top <= y < bottom`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// The column behind the last one.
    pub right: usize,
    /// The row behind the last one.
    pub bottom: usize,
}

/// The share of a map `[H, W]` of this width that lies inside of a box, in 0..1; outside lies the rest. By value only positive
/// relevance counts, on both sides; numbers that are not finite do not count. `None` if there is no relevance at all.
#[must_use]
pub fn share_inside(map: &[f32], width: usize, window: Window, by: By) -> Option<f64> {
    if width == 0 {
        return None;
    }
    let (mut inside, mut total) = (0.0, 0.0);
    for (y, row) in map.chunks(width).enumerate() {
        for (x, &value) in row.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            let relevance = f64::from(by.of(value).max(0.0));
            total += relevance;
            if (window.left..window.right).contains(&x) && (window.top..window.bottom).contains(&y) {
                inside += relevance;
            }
        }
    }
    (total > 0.0).then(|| inside / total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_cells_are_taken_in_their_order() {
        assert_eq!(top_share(&[1.0, 2.0, 1.0, 1.0, f32::NAN], 0.6, By::Value), [true, true, true, false, false]);
        assert_eq!(top_share(&[1.0, -3.0, 2.0], 0.1, By::Absolute), [false, true, false]);
        assert_eq!(top_share(&[0.0, -0.0], 0.5, By::Value), [true, false]);
        assert_eq!(top_share(&[1.0, 2.0], f32::NAN, By::Value), [false, true]);
        assert_eq!(top_share(&[f32::NAN; 2], 9.0, By::Value), [true, true]);
        assert!(top_share(&[], 0.5, By::Value).is_empty());
    }

    #[test]
    fn overlap_of_known_maps() {
        let a = [9.0, 8.0, 1.0, 0.0];
        assert_eq!(top_overlap(&a, &[0.0, 8.0, 9.0, 1.0], 0.5, By::Value), Some(1.0 / 3.0));
        assert_eq!(top_overlap(&a, &a, 0.2, By::Value), Some(1.0));
        assert_eq!(top_overlap(&a, &[1.0], 0.2, By::Value), None);
        assert_eq!(intersection_over_union(&[false], &[false]), None);
    }

    #[test]
    fn relevance_in_a_box() {
        let map = [1.0, -2.0, f32::NAN, 1.0];
        let window = Window { left: 1, top: 0, right: 9, bottom: 1 };
        assert_eq!(share_inside(&map, 2, window, By::Value), Some(0.0));
        assert_eq!(share_inside(&map, 2, window, By::Absolute), Some(0.5));
        assert_eq!(share_inside(&map, 0, window, By::Absolute), None);
        assert_eq!(share_inside(&[-1.0], 1, window, By::Value), None);
        assert_eq!(share_inside(&map, 2, Window { left: 9, top: 9, right: 0, bottom: 0 }, By::Absolute), Some(0.0));
    }

    proptest! {
        #[test]
        fn the_top_is_not_below_the_rest(map in prop::collection::vec(any::<f32>(), 1..50), share in 0_f32..=1.0) {
            let marked = top_share(&map, share, By::Absolute);
            let wanted = ((f64::from(share) * map.len() as f64).round() as usize).max(1);
            prop_assert_eq!(marked.iter().filter(|&&marked| marked).count(), wanted);
            for (i, a) in map.iter().enumerate().filter(|&(i, _)| marked[i]) {
                for (j, b) in map.iter().enumerate().filter(|&(j, _)| !marked[j]) {
                    let (a, b) = (a.abs(), b.abs());
                    prop_assert!(b.is_nan() && (!a.is_nan() || i < j) || a > b || (a == b && i < j));
                }
            }
        }
    }
}
