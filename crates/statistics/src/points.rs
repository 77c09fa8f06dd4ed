//! Which points of a plot lie under the pointer, in a rectangle, in a lasso: answers in microseconds for 50 000 points.
//!
//! A grid and no tree of a library (rstar, kiddo): it is built in half a millisecond when the axes change, it knows the edges of
//! a lasso by rows of cells, which makes many corners cheap, and distances of two axes with two scales.

/// The most cells along a side of the grid.
const MAX_SIDE: usize = 512;

/// Points to a cell that the grid aims at: a query looks at few points beyond those it finds.
const POINTS_PER_CELL: usize = 4;

/// Points of a plane in a grid of cells. Points with a coordinate that is not finite are in no cell and never found.
#[derive(Clone, Debug)]
pub struct PointIndex {
    low: [f32; 2],
    /// Cells to one unit of each axis.
    density: [f64; 2],
    side: usize,
    /// Where each cell's points start, row after row, and where the last one's end.
    starts: Vec<u32>,
    /// The points in the order of their cells: the cells of one row are one piece.
    points: Vec<Point>,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    at: [f32; 2],
    index: u32,
}

impl PointIndex {
    /// Indexes points by their coordinates; values beyond the end of the shorter slice do not count.
    #[must_use]
    pub fn new(x: &[f32], y: &[f32]) -> Self {
        let finite = || {
            (0_u32..)
                .zip(x.iter().zip(y))
                .filter(|(_, (x, y))| x.is_finite() && y.is_finite())
                .map(|(index, (&x, &y))| Point { at: [x, y], index })
        };
        let (mut low, mut high, mut count) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2], 0_usize);
        for point in finite() {
            count += 1;
            for axis in 0..2 {
                low[axis] = low[axis].min(point.at[axis]);
                high[axis] = high[axis].max(point.at[axis]);
            }
        }
        let side = ((count / POINTS_PER_CELL) as f64).sqrt().ceil().clamp(1.0, MAX_SIDE as f64) as usize;
        let density = [0, 1].map(|axis| {
            let extent = f64::from(high[axis]) - f64::from(low[axis]);
            if extent > 0.0 { side as f64 / extent } else { 0.0 }
        });
        let mut index = Self { low, density, side, starts: vec![0; side * side + 1], points: Vec::new() };
        for point in finite() {
            let cell = index.cell(point.at);
            index.starts[cell + 1] += 1;
        }
        for cell in 0..side * side {
            index.starts[cell + 1] += index.starts[cell];
        }
        let mut free = index.starts.clone();
        index.points = vec![Point { at: [0.0; 2], index: 0 }; count];
        for point in finite() {
            let place = &mut free[index.cell(point.at)];
            index.points[*place as usize] = point;
            *place += 1;
        }
        index
    }

    /// The number of points that can be found.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there is no point to be found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The column or row of a coordinate; outside of the grid the nearest one. Grows with the coordinate.
    fn line(&self, axis: usize, value: f32) -> usize {
        let place = (f64::from(value) - f64::from(self.low[axis])) * self.density[axis];
        // The conversion saturates, and makes 0 of a NaN.
        (place as usize).min(self.side - 1)
    }

    fn cell(&self, at: [f32; 2]) -> usize {
        self.line(1, at[1]) * self.side + self.line(0, at[0])
    }

    /// The points of the cells `left..=right` of a row.
    fn piece(&self, row: usize, left: usize, right: usize) -> &[Point] {
        let start = self.starts[row * self.side + left] as usize;
        let end = self.starts[row * self.side + right + 1] as usize;
        self.points.get(start..end).unwrap_or_default()
    }

    /// The point nearest to a place, at most `radius` away along each axis: distance is measured in radii, so that circles on
    /// a screen whose axes have two scales stay circles. Of equally near points the one with the highest index, which is drawn
    /// on top. `None` if no point is near enough, or a number is NaN or a radius negative.
    #[must_use]
    pub fn nearest(&self, at: [f32; 2], radius: [f32; 2]) -> Option<u32> {
        if !at.iter().all(|value| value.is_finite()) || !radius.iter().all(|&radius| radius >= 0.0) {
            return None;
        }
        let [left, right] = [at[0] - radius[0], at[0] + radius[0]].map(|x| self.line(0, x));
        let [bottom, top] = [at[1] - radius[1], at[1] + radius[1]].map(|y| self.line(1, y));
        let mut best: Option<(f64, u32)> = None;
        for row in bottom..=top {
            for point in self.piece(row, left, right) {
                let mut distance = 0.0;
                for axis in 0..2 {
                    let apart = (f64::from(point.at[axis]) - f64::from(at[axis])).abs();
                    // At no distance a radius of 0 is near enough.
                    let radii = if apart == 0.0 { 0.0 } else { apart / f64::from(radius[axis]) };
                    distance += radii * radii;
                }
                let nearer =
                    best.is_none_or(|(least, index)| distance < least || (distance == least && point.index > index));
                if distance <= 1.0 && nearer {
                    best = Some((distance, point.index));
                }
            }
        }
        best.map(|(_, index)| index)
    }

    /// Writes the points in a rectangle into `found`, ascending; its borders belong to it, and its corners may be any two
    /// opposite ones.
    pub fn in_rectangle(&self, a: [f32; 2], b: [f32; 2], found: &mut Vec<u32>) {
        found.clear();
        if a.iter().chain(&b).any(|value| value.is_nan()) {
            return;
        }
        let (low, high) = ([a[0].min(b[0]), a[1].min(b[1])], [a[0].max(b[0]), a[1].max(b[1])]);
        let (left, right) = (self.line(0, low[0]), self.line(0, high[0]));
        for row in self.line(1, low[1])..=self.line(1, high[1]) {
            found.extend(
                self.piece(row, left, right)
                    .iter()
                    .filter(|point| (0..2).all(|axis| (low[axis]..=high[axis]).contains(&point.at[axis])))
                    .map(|point| point.index),
            );
        }
        found.sort_unstable();
    }

    /// Writes the points in a polygon into `found`, ascending. The last corner is joined to the first; where the line crosses
    /// itself, what it goes round an even number of times is outside (the even-odd rule). Corners that are not finite are left
    /// out; fewer than three corners hold nothing.
    pub fn in_polygon(&self, corners: &[[f32; 2]], found: &mut Vec<u32>) {
        found.clear();
        let corners: Vec<[f32; 2]> =
            corners.iter().copied().filter(|corner| corner.iter().all(|value| value.is_finite())).collect();
        if corners.len() < 3 {
            return;
        }
        let bound = |axis: usize| {
            corners.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), corner| {
                (low.min(corner[axis]), high.max(corner[axis]))
            })
        };
        let ((left, right), (bottom, top)) = (bound(0), bound(1));
        let (first, last) = (self.line(1, bottom), self.line(1, top));
        // The edges that cross each row of cells: a point has to ask only those of its row.
        let mut edges: Vec<Vec<([f32; 2], [f32; 2])>> = vec![Vec::new(); last - first + 1];
        for (index, &a) in corners.iter().enumerate() {
            let b = corners[(index + 1) % corners.len()];
            for row in self.line(1, a[1].min(b[1]))..=self.line(1, a[1].max(b[1])) {
                edges[row - first].push((a, b));
            }
        }
        let (left, right) = (self.line(0, left), self.line(0, right));
        for (row, edges) in (first..=last).zip(&edges) {
            found.extend(
                self.piece(row, left, right).iter().filter(|point| is_inside(point.at, edges)).map(|point| point.index),
            );
        }
        found.sort_unstable();
    }
}

/// Whether a ray from the point to the right crosses an odd number of edges.
fn is_inside([x, y]: [f32; 2], edges: &[([f32; 2], [f32; 2])]) -> bool {
    let [x, y] = [f64::from(x), f64::from(y)];
    let mut inside = false;
    for (a, b) in edges {
        let ([ax, ay], [bx, by]) = (a.map(f64::from), b.map(f64::from));
        if (ay > y) != (by > y) && x < (bx - ax) * ((y - ay) / (by - ay)) + ax {
            inside = !inside;
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_triangle_and_a_bow_tie() {
        let (x, y) = ([0.5, 2.0, 0.1, f32::NAN], [0.25, 2.0, 0.9, 0.2]);
        let index = PointIndex::new(&x, &y);
        assert_eq!(index.len(), 3);
        let mut found = Vec::new();
        index.in_polygon(&[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]], &mut found);
        assert_eq!(found, [0]);
        // A bow tie holds what is left and right of its middle only.
        let (x, y): (Vec<f32>, Vec<f32>) = [(0.2, 0.5), (0.5, 0.1), (0.5, 0.9), (0.8, 0.5)].into_iter().unzip();
        let index = PointIndex::new(&x, &y);
        index.in_polygon(&[[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]], &mut found);
        assert_eq!(found, [0, 3]);
        index.in_polygon(&[[0.0, 0.0], [1.0, 1.0], [f32::NAN, 0.0]], &mut found);
        assert!(found.is_empty());
    }

    #[test]
    fn the_point_on_top_is_hit() {
        let index = PointIndex::new(&[1.0, 1.0, 3.0], &[1.0, 1.0, 3.0]);
        assert_eq!(index.nearest([1.0, 1.0], [0.0, 0.0]), Some(1));
        assert_eq!(index.nearest([2.9, 3.0], [0.2, 0.2]), Some(2));
        assert_eq!(index.nearest([2.0, 2.0], [0.5, 0.5]), None);
        assert_eq!(index.nearest([f32::NAN, 2.0], [9.0, 9.0]), None);
        assert_eq!(index.nearest([2.0, 2.0], [-1.0, 9.0]), None);
        let empty = PointIndex::new(&[], &[1.0]);
        assert!(empty.is_empty() && empty.nearest([0.0; 2], [f32::INFINITY; 2]).is_none());
        let mut found = vec![7];
        empty.in_rectangle([0.0; 2], [1.0; 2], &mut found);
        assert!(found.is_empty());
        // Extents that overflow float32.
        let wide = PointIndex::new(&[f32::MIN, f32::MAX], &[0.0, 0.0]);
        assert_eq!(wide.nearest([f32::MAX, 0.0], [1.0, 1.0]), Some(1));
        wide.in_rectangle([f32::NEG_INFINITY; 2], [f32::INFINITY; 2], &mut found);
        assert_eq!(found, [0, 1]);
    }

    fn near(points: &[(f32, f32)], at: [f32; 2], radius: [f32; 2]) -> Option<f64> {
        points
            .iter()
            .map(|&(x, y)| {
                let of = |value: f32, axis: usize| (f64::from(value) - f64::from(at[axis])) / f64::from(radius[axis]);
                of(x, 0).powi(2) + of(y, 1).powi(2)
            })
            .filter(|&distance| distance <= 1.0)
            .min_by(f64::total_cmp)
    }

    proptest! {
        #[test]
        fn the_grid_finds_what_a_scan_finds(
            points in prop::collection::vec((-3_f32..3.0, -3_f32..3.0), 0..300),
            at in [-4_f32..4.0, -4_f32..4.0], other in [-4_f32..4.0, -4_f32..4.0], radius in [0.01_f32..2.0, 0.01_f32..2.0],
            corners in prop::collection::vec([-4_f32..4.0, -4_f32..4.0], 0..12),
        ) {
            let (x, y): (Vec<f32>, Vec<f32>) = points.iter().copied().unzip();
            let index = PointIndex::new(&x, &y);
            let hit = index.nearest(at, radius).map(|hit| points[hit as usize]);
            prop_assert_eq!(hit.and_then(|hit| near(&[hit], at, radius)), near(&points, at, radius));

            let mut found = Vec::new();
            index.in_rectangle(at, other, &mut found);
            let scan = (0_u32..).zip(&points).filter(|(_, (x, y))| {
                (at[0].min(other[0])..=at[0].max(other[0])).contains(x) && (at[1].min(other[1])..=at[1].max(other[1])).contains(y)
            });
            prop_assert!(found.iter().copied().eq(scan.map(|(index, _)| index)));

            index.in_polygon(&corners, &mut found);
            let edges: Vec<_> = (0..corners.len()).map(|i| (corners[i], corners[(i + 1) % corners.len()])).collect();
            let scan = (0_u32..).zip(&points).filter(|&(_, &(x, y))| corners.len() >= 3 && is_inside([x, y], &edges));
            prop_assert!(found.iter().copied().eq(scan.map(|(index, _)| index)));
        }
    }
}
