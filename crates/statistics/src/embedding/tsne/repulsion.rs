//! What all points push at each other: exactly, or by the tree of Barnes and Hut.

/// Levels of the tree: its finest cells are 1/65536 of the plane.
const LEVELS: u32 = 16;

/// The points of a moment, ready to be asked for their forces.
#[derive(Clone, Debug)]
pub(super) struct Repulsion {
    points: Vec<[f32; 2]>,
    /// The row of each point; by the tree they are in the order of its cells, so that neighbours walk the same way.
    rows: Vec<u32>,
    tree: Option<Tree>,
}

#[derive(Clone, Debug)]
struct Tree {
    cells: Vec<Cell>,
    /// Square of theta.
    coarse: f32,
}

/// A cell of the tree. Cells stand before their parts, so a walk goes on with the next cell or leaps over all parts.
#[derive(Clone, Copy, Debug)]
struct Cell {
    centre: [f32; 2],
    /// Square of the side; 0 for a cell without parts.
    square: f32,
    count: f32,
    /// The place of its first point.
    first: u32,
    /// The cell behind all parts.
    next: u32,
}

impl Repulsion {
    /// Takes coordinates `[rows, 2]`; exact without `theta`.
    pub(super) fn new(coordinates: &[f32], theta: Option<f32>) -> Self {
        let mut points: Vec<[f32; 2]> = coordinates.chunks_exact(2).map(|point| [point[0], point[1]]).collect();
        let mut rows: Vec<u32> = (0..points.len() as u32).collect();
        let tree = theta.map(|theta| {
            let (codes, side) = codes(&points);
            rows.sort_unstable_by_key(|&row| (codes[row as usize], row));
            let sorted: Vec<u32> = rows.iter().map(|&row| codes[row as usize]).collect();
            points = rows.iter().map(|&row| points[row as usize]).collect();
            let mut cells = Vec::with_capacity(2 * points.len());
            if !points.is_empty() {
                build(&mut cells, &points, &sorted, 0, LEVELS, side * side);
            }
            Tree { cells, coarse: theta * theta }
        });
        Self { points, rows, tree }
    }

    /// The row at a place, what the others push at it, `Σ_j (y_i - y_j) / (1 + d²)²`, and its part `Σ_j 1 / (1 + d²)` of
    /// what normalises the forces.
    #[inline]
    pub(super) fn of(&self, place: usize) -> (usize, [f32; 2], f64) {
        let at = self.points[place];
        let mut force = [0.0_f32; 2];
        let mut normal = 0.0_f32;
        let mut add = |dx: f32, dy: f32, square: f32, count: f32| {
            let q = 1.0 / (1.0 + square);
            normal += count * q;
            let push = count * q * q;
            force[0] += push * dx;
            force[1] += push * dy;
        };
        match &self.tree {
            None => {
                for other in self.points[..place].iter().chain(&self.points[place + 1..]) {
                    let (dx, dy) = (at[0] - other[0], at[1] - other[1]);
                    add(dx, dy, dx * dx + dy * dy, 1.0);
                }
            }
            Some(tree) => {
                let mut index = 0;
                while let Some(cell) = tree.cells.get(index) {
                    let (dx, dy) = (at[0] - cell.centre[0], at[1] - cell.centre[1]);
                    let square = dx * dx + dy * dy;
                    if cell.square == 0.0 {
                        // Not the point itself: taken off afterwards it would leave nothing of points far away.
                        let own = (place as u32).checked_sub(cell.first).is_some_and(|at| (at as f32) < cell.count);
                        add(dx, dy, square, if own { cell.count - 1.0 } else { cell.count });
                        index = cell.next as usize;
                    } else if cell.square < tree.coarse * square {
                        add(dx, dy, square, cell.count);
                        index = cell.next as usize;
                    } else {
                        index += 1;
                    }
                }
            }
        }
        (self.rows[place] as usize, force, f64::from(normal))
    }
}

/// The place of each point on Morton's curve through the finest cells, and the side of the square around all points.
fn codes(points: &[[f32; 2]]) -> (Vec<u32>, f32) {
    let bound = |axis: usize| {
        points.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), point| {
            (low.min(point[axis]), high.max(point[axis]))
        })
    };
    let (x, y) = (bound(0), bound(1));
    let side = (x.1 - x.0).max(y.1 - y.0).max(f32::MIN_POSITIVE);
    let scale = ((1_u32 << LEVELS) as f32 - 1.0) / side;
    // The conversion saturates.
    let line = |value: f32, low: f32| spread(((value - low) * scale).min(65535.0) as u32);
    (points.iter().map(|point| line(point[0], x.0) | line(point[1], y.0) << 1).collect(), side)
}

/// Puts a zero before each of 16 bits.
fn spread(value: u32) -> u32 {
    let value = (value | value << 8) & 0x00FF_00FF;
    let value = (value | value << 4) & 0x0F0F_0F0F;
    let value = (value | value << 2) & 0x3333_3333;
    (value | value << 1) & 0x5555_5555
}

/// Adds the cell that holds these points and its parts; returns the sums of their coordinates.
fn build(cells: &mut Vec<Cell>, points: &[[f32; 2]], codes: &[u32], first: usize, level: u32, square: f32) -> [f64; 2] {
    let index = cells.len();
    let count = points.len() as f32;
    cells.push(Cell { centre: points[0], square: 0.0, count, first: first as u32, next: 0 });
    let mut sum = [0.0; 2];
    if points.len() == 1 || level == 0 {
        for point in points {
            sum[0] += f64::from(point[0]);
            sum[1] += f64::from(point[1]);
        }
    } else {
        cells[index].square = square;
        let shift = 2 * (level - 1);
        let mut start = 0;
        for quarter in 0..4 {
            let end = start + codes[start..].partition_point(|&code| code >> shift & 3 <= quarter);
            if end > start {
                let part =
                    build(cells, &points[start..end], &codes[start..end], first + start, level - 1, square / 4.0);
                sum[0] += part[0];
                sum[1] += part[1];
            }
            start = end;
        }
    }
    let next = cells.len() as u32;
    let cell = &mut cells[index];
    cell.next = next;
    cell.centre = sum.map(|sum| (sum / f64::from(count)) as f32);
    sum
}
