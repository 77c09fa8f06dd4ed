//! Labelled sets: how often networks are right, which classes they mistake, whether their scores are honest.

use std::collections::HashMap;

use innspect_statistics::{
    calibration::Reliability,
    truth::{ClassReport, CrossTable, Share, accuracy, top_accuracy},
};

use super::{
    classes::NONE,
    facts::{Column, Facts},
};

/// Rows and columns of a confusion matrix that are shown at once.
pub const SHOWN: usize = 20;

/// How often one network is right, over these pictures.
#[must_use]
pub fn shares(column: &Column, items: &[u32]) -> (Share, Share) {
    let known = |value: &u32| (*value != NONE).then_some(*value);
    let at = |values: &[u32], item: &u32| values.get(*item as usize).and_then(known);
    let predicted: Vec<Option<u32>> = items.iter().map(|item| at(&column.class, item)).collect();
    let truth: Vec<Option<u32>> = items.iter().map(|item| at(&column.truth, item)).collect();
    // Whether the label is among the best is known already; here it takes the place of the classes.
    let tops: Vec<Vec<u32>> = items
        .iter()
        .zip(&predicted)
        .map(|(item, predicted)| match (predicted, at(&column.truth, item)) {
            (Some(_), Some(truth)) if column.in_top.get(*item as usize) == Some(&true) => vec![truth],
            (Some(_), _) => vec![NONE],
            _ => Vec::new(),
        })
        .collect();
    (accuracy(&predicted, &truth), top_accuracy(tops.iter().map(Vec::as_slice), &truth, 5))
}

/// What the rows of a matrix are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// True classes.
    Truth,
    /// What another network says.
    Network(usize),
}

/// A confusion matrix over the classes that occur.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// Names of the classes.
    pub names: Vec<String>,
    /// Row and column of each picture.
    pub cells: Vec<(u32, u32, u32)>,
    /// The counts.
    pub table: CrossTable,
}

/// Counts pairs of classes, `None` if there are none or too many. Classes are compared by name, where they are of several
/// networks.
#[must_use]
pub fn matrix(facts: &Facts, rows: Rows, network: usize, items: &[u32]) -> Option<Matrix> {
    let column = facts.networks.get(network)?;
    let key = |column: &Column, class: u32| column.keys.get(class as usize).copied();
    let pair = |item: u32| {
        let at = item as usize;
        let row = match rows {
            Rows::Truth => key(column, *column.truth.get(at)?)?,
            Rows::Network(other) => facts.networks.get(other)?.key(at)?,
        };
        Some((row, column.key(at)?, item))
    };
    let pairs: Vec<(u32, u32, u32)> = items.iter().filter_map(|item| pair(*item)).collect();
    let mut keys: Vec<u32> = pairs.iter().flat_map(|(row, column, _)| [*row, *column]).collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.is_empty() {
        return None;
    }
    let place: HashMap<u32, u32> = keys.iter().zip(0..).map(|(key, place)| (*key, place)).collect();
    let cells: Vec<(u32, u32, u32)> = pairs
        .into_iter()
        .filter_map(|(row, column, item)| Some((*place.get(&row)?, *place.get(&column)?, item)))
        .collect();
    let table =
        CrossTable::new(keys.len(), keys.len(), cells.iter().map(|(row, column, _)| (Some(*row), Some(*column))))?;
    Some(Matrix { names: keys.iter().map(|key| facts.classes.name(*key).to_owned()).collect(), cells, table })
}

impl Matrix {
    /// The pictures of a cell, ascending.
    #[must_use]
    pub fn items(&self, row: usize, column: usize) -> Vec<u32> {
        let here = |cell: &&(u32, u32, u32)| cell.0 as usize == row && cell.1 as usize == column;
        self.cells.iter().filter(here).map(|cell| cell.2).collect()
    }

    /// The classes to show, at most [`SHOWN`]: those whose name holds the words, the most mistaken first where there are
    /// more; in the order of the list.
    #[must_use]
    pub fn shown(&self, words: &str) -> Vec<usize> {
        let words = words.trim().to_lowercase();
        let (rows, columns) = (self.table.row_sums(), self.table.column_sums());
        let mut found: Vec<usize> =
            (0..self.names.len()).filter(|class| self.names[*class].to_lowercase().contains(&words)).collect();
        let mistaken = |class: &usize| {
            let own = u64::from(self.table.count(*class, *class));
            u64::from(rows[*class]) + u64::from(columns[*class]) - 2 * own
        };
        found.sort_by_key(|class| std::cmp::Reverse(mistaken(class)));
        found.truncate(SHOWN);
        found.sort_unstable();
        found
    }

    /// Quality of each class.
    #[must_use]
    pub fn report(&self) -> Vec<(String, ClassReport)> {
        self.names.iter().cloned().zip(self.table.report()).collect()
    }
}

/// The reliability diagram of a network and the pictures of each bin.
#[must_use]
pub fn reliability(column: &Column, items: &[u32], bins: usize) -> (Reliability, Vec<Vec<u32>>) {
    let known: Vec<(u32, f32, bool)> = items
        .iter()
        .filter_map(|item| Some((*item, *column.score.get(*item as usize)?, column.right(*item as usize)?)))
        .collect();
    let diagram = Reliability::new(bins, known.iter().map(|(_, score, right)| (*score, *right)));
    let mut members = vec![Vec::new(); diagram.bins.len()];
    for (item, score, _) in known {
        if let Some(bin) = diagram.bin_of(score).and_then(|bin| members.get_mut(bin)) {
            bin.push(item);
        }
    }
    (diagram, members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::suggest::facts::tests::sample;

    #[test]
    fn shares_are_of_labelled_pictures() {
        let facts = sample();
        let (right, top) = shares(&facts.networks[0], &[0, 1, 2, 3]);
        assert_eq!((right, top), (Share { hits: 2, of: 3 }, Share { hits: 3, of: 3 }));
        assert_eq!(shares(&facts.networks[1], &[1, 3]).0, Share { hits: 0, of: 1 });
    }

    #[test]
    fn cells_hold_their_pictures() {
        let facts = sample();
        let items = [0, 1, 2, 3];
        let matrix = matrix(&facts, Rows::Truth, 1, &items).unwrap();
        assert_eq!(matrix.names, ["cat", "dog"]);
        assert_eq!((matrix.items(0, 0), matrix.items(1, 0), matrix.items(1, 1)), (vec![0], vec![1], vec![2]));
        assert_eq!(matrix.shown("DO"), [1]);
        assert_eq!(matrix.report()[0].1.support, 1);
        let both = super::matrix(&facts, Rows::Network(0), 1, &items).unwrap();
        assert_eq!(both.items(1, 0), [1]);
        assert!(super::matrix(&facts, Rows::Truth, 7, &items).is_none());
        assert!(super::matrix(&facts, Rows::Truth, 0, &[]).is_none());
    }

    #[test]
    fn bins_hold_their_pictures() {
        let facts = sample();
        let (diagram, members) = reliability(&facts.networks[0], &[0, 1, 2, 3], 10);
        assert_eq!(members.iter().map(Vec::len).sum::<usize>(), 3);
        assert_eq!(diagram.bins.iter().map(|bin| bin.count).sum::<u32>(), 3);
    }
}
