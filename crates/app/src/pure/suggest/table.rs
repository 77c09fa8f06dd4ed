//! The twin of the plot: rows in an order, found by words, and as CSV.

use std::cmp::Ordering;

use super::{axes::Measure, facts::Facts, filter};

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// Name of the picture.
    Name,
    /// True class.
    Truth,
    /// What the network of this number says.
    Said(usize),
    /// Its score.
    Score(usize),
    /// A measure of the plot.
    Measure(Measure),
}

impl Column {
    /// Its head.
    #[must_use]
    pub fn name(self, facts: &Facts) -> String {
        let network = |at: usize| facts.networks.get(at).map_or("", |network| network.name.as_str());
        match self {
            Self::Name => "Picture".to_owned(),
            Self::Truth => "True class".to_owned(),
            Self::Said(at) => network(at).to_owned(),
            Self::Score(at) => format!("{} score", network(at)),
            Self::Measure(measure) => measure.name().to_owned(),
        }
    }

    /// What stands in it.
    #[must_use]
    pub fn text(self, facts: &Facts, item: u32) -> String {
        match self {
            Self::Name => facts.name(item).to_owned(),
            Self::Truth => facts.truth(item).to_owned(),
            Self::Said(at) => facts.networks.get(at).map(|network| network.said(item as usize)).unwrap_or_default(),
            Self::Score(_) => {
                let value = self.number(facts, item);
                if value.is_nan() { "–".to_owned() } else { format!("{value:.3}") }
            }
            Self::Measure(measure) => measure.written(measure.value(facts, item)),
        }
    }

    /// Its number; NaN for words.
    #[must_use]
    pub fn number(self, facts: &Facts, item: u32) -> f32 {
        match self {
            Self::Score(at) => {
                facts.networks.get(at).and_then(|network| network.score.get(item as usize)).copied().unwrap_or(f32::NAN)
            }
            Self::Measure(measure) => measure.value(facts, item),
            _ => f32::NAN,
        }
    }

    /// Whether it holds numbers.
    #[must_use]
    pub fn is_number(self) -> bool {
        matches!(self, Self::Score(_) | Self::Measure(_))
    }
}

/// The columns for networks and axes.
#[must_use]
pub fn columns(facts: &Facts, x: Measure, y: Measure) -> Vec<Column> {
    let mut columns = vec![Column::Name];
    if facts.labels.iter().any(Option::is_some) {
        columns.push(Column::Truth);
    }
    columns.extend((0..facts.networks.len()).flat_map(|at| [Column::Said(at), Column::Score(at)]));
    columns.extend([Measure::MeanScore, Measure::Distinct].map(Column::Measure));
    for axis in [x, y].map(Column::Measure) {
        if !columns.contains(&axis) {
            columns.push(axis);
        }
    }
    columns
}

/// How the table is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By which column.
    pub by: Column,
    /// Largest first.
    pub descending: bool,
}

/// The pictures among `items` in which the words occur, sorted; what has no value comes last either way.
#[must_use]
pub fn rows(facts: &Facts, items: &[u32], words: &str, sort: Sort) -> Vec<u32> {
    let words = words.trim().to_lowercase();
    let mut rows: Vec<u32> = items.iter().copied().filter(|item| filter::says(facts, *item, &words)).collect();
    let turn = |order: Ordering| if sort.descending { order.reverse() } else { order };
    if sort.by.is_number() {
        let mut column = vec![f32::NAN; facts.count()];
        for &row in &rows {
            if let Some(value) = column.get_mut(row as usize) {
                *value = sort.by.number(facts, row);
            }
        }
        innspect_statistics::table::sort_rows(&mut rows, &column, sort.descending);
    } else {
        // Numbers within names count as numbers do: 2.png before 10.png.
        let mut keyed: Vec<(Vec<Piece>, u32)> =
            rows.into_iter().map(|row| (pieces(&sort.by.text(facts, row)), row)).collect();
        keyed.sort_by(|(a, _), (b, _)| match (a.is_empty(), b.is_empty()) {
            (false, false) => turn(a.cmp(b)),
            (a, b) => a.cmp(&b),
        });
        rows = keyed.into_iter().map(|(_, row)| row).collect();
    }
    rows
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Number(u64),
    Text(String),
}

fn pieces(text: &str) -> Vec<Piece> {
    let text = text.to_lowercase();
    let mut pieces = Vec::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let digit = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digit).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        pieces.push(match piece.parse() {
            Ok(number) if digit => Piece::Number(number),
            _ => Piece::Text(piece.to_owned()),
        });
        rest = after;
    }
    pieces
}

/// The rows as CSV by RFC 4180.
#[must_use]
pub fn csv(facts: &Facts, columns: &[Column], rows: &[u32]) -> String {
    let line = |cells: Vec<String>| cells.join(",") + "\r\n";
    let mut text = line(columns.iter().map(|column| quoted(&column.name(facts))).collect());
    for &row in rows {
        let cell = |column: &Column| {
            if column.is_number() {
                // In full, and empty where there is none.
                let value = column.number(facts, row);
                if value.is_nan() { String::new() } else { value.to_string() }
            } else {
                quoted(&column.text(facts, row))
            }
        };
        text += &line(columns.iter().map(cell).collect());
    }
    text
}

/// A cell. What a spreadsheet would take for a formula is kept from being one.
fn quoted(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::suggest::facts::tests::sample;

    #[test]
    fn rows_are_sorted_and_found() {
        let facts = sample();
        let all = [0, 1, 2, 3];
        let by = |by, descending| rows(&facts, &all, "", Sort { by, descending });
        assert_eq!(by(Column::Name, true), [3, 2, 1, 0]);
        assert_eq!(by(Column::Measure(Measure::MeanScore), false), [2, 1, 0, 3]);
        assert_eq!(by(Column::Measure(Measure::MeanScore), true), [0, 1, 2, 3]);
        assert_eq!(by(Column::Truth, true), [1, 2, 0, 3]);
        assert_eq!(rows(&facts, &all, " CAT", Sort { by: Column::Name, descending: false }), [0, 1, 2]);
        assert!(pieces("img2.png") < pieces("img10.png"));
    }

    #[test]
    fn tables_become_csv() {
        let facts = sample();
        let columns = columns(&facts, Measure::MeanScore, Measure::Distinct);
        assert_eq!(columns.len(), 8);
        let text = csv(&facts, &columns, &[3, 0]);
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(lines[0], "Picture,True class,Net 0,Net 0 score,Net 1,Net 1 score,Mean score,Different classes");
        assert_eq!(lines[1], "c/4.png,,,,,,,");
        assert!(lines[2].starts_with("a/1.png,cat,cat,0.9"));
        assert_eq!(quoted("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
    }
}
