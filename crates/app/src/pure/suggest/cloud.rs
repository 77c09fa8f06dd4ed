//! The points of the scatter: where each is, which lie under the pointer, and their order for the keyboard.

use innspect_statistics::{
    agreement::{Agreement, Quadrant},
    points::PointIndex,
};

use super::{
    axes::{Measure, Span},
    facts::Facts,
};

/// Points of the pictures that have both values.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// The horizontal axis.
    pub x_span: Span,
    /// The vertical axis.
    pub y_span: Span,
    /// The picture of each point, ascending.
    pub items: Vec<u32>,
    /// Horizontal place from the left, as a share.
    pub x: Vec<f32>,
    /// Vertical place from the bottom, as a share.
    pub y: Vec<f32>,
    /// Pictures without one of the values.
    pub missing: usize,
    index: PointIndex,
    /// Points by x, then y.
    order: Vec<u32>,
}

impl Cloud {
    /// Places pictures.
    #[must_use]
    pub fn new(facts: &Facts, items: &[u32], x: Measure, y: Measure) -> Self {
        let (x_span, y_span) = (x.span(facts), y.span(facts));
        let mut cloud = Self {
            x_span,
            y_span,
            items: Vec::with_capacity(items.len()),
            x: Vec::with_capacity(items.len()),
            y: Vec::with_capacity(items.len()),
            missing: 0,
            index: PointIndex::new(&[], &[]),
            order: Vec::new(),
        };
        for &item in items {
            let (across, up) = (x_span.place(x.value(facts, item), item), y_span.place(y.value(facts, item), item));
            if across.is_nan() || up.is_nan() {
                cloud.missing += 1;
                continue;
            }
            cloud.items.push(item);
            cloud.x.push(across);
            cloud.y.push(up);
        }
        cloud.index = PointIndex::new(&cloud.x, &cloud.y);
        cloud.order = (0..cloud.items.len() as u32).collect();
        let place = |point: u32| (cloud.x[point as usize], cloud.y[point as usize]);
        cloud.order.sort_by(|&a, &b| {
            let ((ax, ay), (bx, by)) = (place(a), place(b));
            ax.total_cmp(&bx).then(ay.total_cmp(&by))
        });
        cloud
    }

    /// Number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The place of a picture, if it has a point.
    #[must_use]
    pub fn place(&self, item: u32) -> Option<[f32; 2]> {
        let point = self.items.binary_search(&item).ok()?;
        Some([self.x[point], self.y[point]])
    }

    /// The picture nearest to a place, at most `radius` away along each axis, all in shares.
    #[must_use]
    pub fn nearest(&self, at: [f32; 2], radius: [f32; 2]) -> Option<u32> {
        self.items.get(self.index.nearest(at, radius)? as usize).copied()
    }

    /// The pictures in a rectangle, ascending.
    #[must_use]
    pub fn in_rectangle(&self, a: [f32; 2], b: [f32; 2]) -> Vec<u32> {
        let mut found = Vec::new();
        self.index.in_rectangle(a, b, &mut found);
        self.of(found)
    }

    /// The pictures in a lasso, ascending.
    #[must_use]
    pub fn in_lasso(&self, corners: &[[f32; 2]]) -> Vec<u32> {
        let mut found = Vec::new();
        self.index.in_polygon(corners, &mut found);
        self.of(found)
    }

    fn of(&self, points: Vec<u32>) -> Vec<u32> {
        points.into_iter().filter_map(|point| self.items.get(point as usize).copied()).collect()
    }

    /// The picture `by` points on from another one in the order of x, then y; without one the first or last.
    #[must_use]
    pub fn step(&self, from: Option<u32>, by: isize) -> Option<u32> {
        let last = self.order.len().checked_sub(1)?;
        let at = from.and_then(|item| {
            let point = self.items.binary_search(&item).ok()? as u32;
            self.order.iter().position(|other| *other == point)
        });
        let to = match at {
            Some(at) => at.saturating_add_signed(by).min(last),
            None if by < 0 => last,
            None => 0,
        };
        self.items.get(*self.order.get(to)? as usize).copied()
    }

    /// The nearest picture above (`up`) or below within the same stretch of x: where arrows up and down lead.
    #[must_use]
    pub fn beyond(&self, from: u32, up: bool) -> Option<u32> {
        let [x, y] = self.place(from)?;
        let distance = |point: usize| {
            let (across, along) = (f64::from(self.x[point] - x), f64::from(self.y[point] - y));
            // Sideways counts more, so that the way is rather straight.
            across * across * 9.0 + along * along
        };
        let ahead = |point: &usize| if up { self.y[*point] > y } else { self.y[*point] < y };
        let best = (0..self.items.len()).filter(ahead).min_by(|&a, &b| distance(a).total_cmp(&distance(b)))?;
        self.items.get(best).copied()
    }
}

/// Pictures of each quadrant in the order of [`Quadrant::ALL`].
#[must_use]
pub fn quadrants(facts: &Facts, items: &[u32], threshold: f32) -> [Vec<u32>; 4] {
    let mut found: [Vec<u32>; 4] = Default::default();
    for &item in items {
        let at = item as usize;
        let (Some(&mean_score), Some(&distinct)) = (facts.mean.get(at), facts.distinct.get(at)) else { continue };
        let quadrant = Agreement { mean_score, distinct, votes: 1 }.quadrant(threshold);
        if let Some(place) = quadrant.and_then(|quadrant| Quadrant::ALL.iter().position(|other| *other == quadrant)) {
            found[place].push(item);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::suggest::facts::tests::sample;

    #[test]
    fn points_are_found() {
        let facts = sample();
        let cloud = Cloud::new(&facts, &[0, 1, 2, 3], Measure::MeanScore, Measure::Distinct);
        assert_eq!((cloud.len(), cloud.missing), (3, 1));
        for &item in &cloud.items {
            let place = cloud.place(item).unwrap();
            assert_eq!(cloud.nearest(place, [0.001, 0.001]), Some(item));
        }
        assert_eq!(cloud.in_rectangle([0.0, 0.0], [1.0, 1.0]), [0, 1, 2]);
        assert_eq!(cloud.in_lasso(&[[0.0, 0.0], [1.0, 0.0], [1.0, 0.5], [0.0, 0.5]]), [0]);
        assert_eq!(cloud.place(3), None);
    }

    #[test]
    fn arrows_go_by_x() {
        let facts = sample();
        let cloud = Cloud::new(&facts, &[0, 1, 2], Measure::MeanScore, Measure::Distinct);
        assert_eq!(cloud.step(None, 1), Some(2));
        assert_eq!(cloud.step(Some(2), 1), Some(1));
        assert_eq!(cloud.step(Some(0), 1), Some(0));
        assert_eq!(cloud.step(None, -1), Some(0));
        assert_eq!(cloud.beyond(0, true), Some(1));
        assert_eq!(cloud.beyond(0, false), None);
        assert_eq!(Cloud::new(&facts, &[], Measure::Loss, Measure::Wrong).step(None, 1), None);
    }

    #[test]
    fn each_scanned_picture_is_in_one_quadrant() {
        let facts = sample();
        let found = quadrants(&facts, &[0, 1, 2, 3, 77], 0.5);
        assert_eq!(found, [vec![0], vec![], vec![2], vec![1]]);
    }
}
