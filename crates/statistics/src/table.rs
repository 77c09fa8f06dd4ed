//! Sorting and filtering of the rows of a table by a column.

use std::cmp::Ordering;

/// The order of two numbers in a column: NaN come last, whichever way it is sorted.
fn order(a: f32, b: f32, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => {
            let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
            if descending { order.reverse() } else { order }
        }
        (a, b) => a.cmp(&b),
    }
}

/// The rows in the order of a column. Equal rows keep their order, also descending; NaN come last both ways.
#[must_use]
pub fn argsort(column: &[f32], descending: bool) -> Vec<u32> {
    let mut rows: Vec<u32> = (0..column.len() as u32).collect();
    sort_rows(&mut rows, column, descending);
    rows
}

/// Sorts some rows by a column as [`argsort`] does. To sort by several columns, sort by the least important one first. Rows
/// beyond the column's end count as NaN.
pub fn sort_rows(rows: &mut [u32], column: &[f32], descending: bool) {
    let value = |row: u32| column.get(row as usize).copied().unwrap_or(f32::NAN);
    rows.sort_by(|&a, &b| order(value(a), value(b), descending));
}

/// The rows whose number lies in `low..=high`, ascending; NaN never does.
#[must_use]
pub fn rows_within(column: &[f32], low: f32, high: f32) -> Vec<u32> {
    (0..).zip(column).filter(|&(_, value)| (low..=high).contains(value)).map(|(row, _)| row).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nan_come_last_and_equal_rows_stay() {
        let column = [2.0, f32::NAN, -0.0, 2.0, 0.0, f32::NEG_INFINITY];
        assert_eq!(argsort(&column, false), [5, 2, 4, 0, 3, 1]);
        assert_eq!(argsort(&column, true), [0, 3, 2, 4, 5, 1]);
        let mut rows = [9, 3, 0, 1];
        sort_rows(&mut rows, &column, false);
        assert_eq!(rows, [3, 0, 9, 1]);
        assert_eq!(rows_within(&column, 0.0, 2.0), [0, 2, 3, 4]);
        assert!(rows_within(&column, f32::NAN, 2.0).is_empty());
    }

    proptest! {
        #[test]
        fn sorting_is_a_permutation_in_order(column in prop::collection::vec(any::<f32>(), 0..50), descending: bool) {
            let mut rows = argsort(&column, descending);
            let sorted: Vec<f32> = rows.iter().map(|&row| column[row as usize]).collect();
            let in_order = |a: f32, b: f32| b.is_nan() || if descending { a >= b } else { a <= b };
            prop_assert!(sorted.windows(2).all(|pair| in_order(pair[0], pair[1])));
            rows.sort_unstable();
            prop_assert!(rows.iter().copied().eq(0..column.len() as u32));
        }
    }
}
