//! Geometry of a grid of equal cells of which only the visible rows exist.

use std::ops::Range;

/// The grid, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Number of cells.
    pub count: usize,
    /// Cells in a row, at least 1.
    pub columns: usize,
    /// From one row to the next.
    pub row: f64,
    /// From one column to the next.
    pub column: f64,
}

impl Grid {
    /// As many columns as fit into `width`, which share what is left of it. `cell` is the least width and the height of a
    /// cell, `gap` what lies between cells.
    #[must_use]
    pub fn new(count: usize, width: f64, cell: [f64; 2], gap: f64) -> Self {
        let columns = ((width + gap) / (cell[0] + gap)).floor();
        let columns = if columns.is_finite() && columns >= 1.0 { columns.min(1e4) as usize } else { 1 };
        let column = ((width + gap) / columns as f64).max(cell[0] + gap);
        Self { count, columns, row: cell[1] + gap, column }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.count.div_ceil(self.columns.max(1))
    }

    /// Height of all rows.
    #[must_use]
    pub fn height(&self) -> f64 {
        self.rows() as f64 * self.row
    }

    /// The cells of the rows that are in sight, and of `spare` rows before and behind them.
    #[must_use]
    pub fn visible(&self, top: f64, height: f64, spare: usize) -> Range<usize> {
        let first = ((top / self.row).floor().max(0.0) as usize).min(self.rows()).saturating_sub(spare);
        let last = (((top + height) / self.row).ceil().max(0.0) as usize).saturating_add(spare).min(self.rows());
        (first * self.columns).min(self.count)..(last * self.columns).min(self.count)
    }

    /// Left and top edge of a cell.
    #[must_use]
    pub fn place(&self, at: usize) -> [f64; 2] {
        let (row, column) = (at / self.columns.max(1), at % self.columns.max(1));
        [column as f64 * self.column, row as f64 * self.row]
    }

    /// How far to scroll so that a cell is in sight, moving as little as possible.
    #[must_use]
    pub fn reveal(&self, at: usize, top: f64, height: f64) -> f64 {
        let [_, cell] = self.place(at);
        if cell < top {
            cell
        } else if cell + self.row > top + height {
            (cell + self.row - height).max(0.0)
        } else {
            top
        }
    }

    /// The cell that a key leads to; nothing if it is no key of the grid. `page` is the number of rows in sight.
    #[must_use]
    pub fn step(&self, at: usize, key: &str, page: usize) -> Option<usize> {
        let last = self.count.checked_sub(1)?;
        let rows = |rows: usize| rows.saturating_mul(self.columns);
        // Beyond the first and the last row a column is kept: nothing moves.
        let up = |by: usize| if at >= rows(by) { at - rows(by) } else { at % self.columns };
        let to = match key {
            "ArrowLeft" => at.saturating_sub(1),
            "ArrowRight" => at + 1,
            "ArrowUp" => up(1),
            "ArrowDown" if at + self.columns > last && at / self.columns == last / self.columns => at,
            "ArrowDown" => at + self.columns,
            "PageUp" => up(page.max(1)),
            "PageDown" => at.saturating_add(rows(page.max(1))),
            "Home" => 0,
            "End" => last,
            _ => return None,
        };
        Some(to.min(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        Grid::new(10, 320.0, [96.0, 130.0], 8.0)
    }

    #[test]
    fn cells_share_the_width() {
        let grid = grid();
        assert_eq!((grid.columns, grid.rows()), (3, 4));
        assert!((grid.column - 328.0 / 3.0).abs() < 1e-9);
        assert_eq!(grid.height(), 4.0 * 138.0);
        assert_eq!(grid.place(4), [grid.column, 138.0]);
        for width in [0.0, -5.0, f64::NAN, f64::INFINITY] {
            assert!(Grid::new(10, width, [96.0, 130.0], 8.0).columns >= 1);
        }
    }

    #[test]
    fn only_rows_in_sight_exist() {
        let many = Grid::new(10_000, 1000.0, [96.0, 130.0], 8.0);
        let seen = many.visible(50_000.0, 800.0, 2);
        assert!(seen.len() <= many.columns * 12 && seen.start > 0 && seen.start.is_multiple_of(many.columns));
        assert_eq!(grid().visible(0.0, 100.0, 0), 0..3);
        assert_eq!(grid().visible(1e9, 100.0, 1), 9..10);
        assert_eq!(Grid::new(0, 320.0, [96.0, 130.0], 8.0).visible(0.0, 500.0, 2), 0..0);
    }

    #[test]
    fn a_cell_is_brought_into_sight_by_the_shortest_way() {
        let grid = grid();
        assert_eq!(grid.reveal(4, 0.0, 300.0), 0.0);
        assert_eq!(grid.reveal(9, 0.0, 300.0), 4.0 * 138.0 - 300.0);
        assert_eq!(grid.reveal(0, 200.0, 300.0), 0.0);
    }

    #[test]
    fn keys_stay_on_the_grid() {
        let grid = grid();
        assert_eq!(grid.step(0, "ArrowLeft", 2), Some(0));
        assert_eq!(grid.step(2, "ArrowRight", 2), Some(3));
        assert_eq!(grid.step(9, "ArrowRight", 2), Some(9));
        assert_eq!(grid.step(1, "ArrowUp", 2), Some(1));
        assert_eq!(grid.step(4, "ArrowUp", 2), Some(1));
        // Under it the last row is empty: the last cell is the nearest.
        assert_eq!(grid.step(7, "ArrowDown", 2), Some(9));
        assert_eq!(grid.step(9, "ArrowDown", 2), Some(9));
        assert_eq!(grid.step(1, "PageDown", 2), Some(7));
        assert_eq!(grid.step(7, "PageUp", 2), Some(1));
        assert_eq!((grid.step(5, "Home", 2), grid.step(5, "End", 2)), (Some(0), Some(9)));
        assert_eq!(grid.step(5, "x", 2), None);
        assert_eq!(Grid::new(0, 320.0, [96.0, 130.0], 8.0).step(0, "End", 2), None);
    }
}
