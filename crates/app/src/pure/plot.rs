//! Geometry of the plots.

use std::fmt::Write as _;

use super::format;

/// The values that one side of a plot spans.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Value at the beginning.
    pub low: f64,
    /// Value at the end.
    pub high: f64,
}

impl Axis {
    /// Where a value lies, as a share of the side; values beyond the ends lie at the ends.
    #[must_use]
    pub fn share(self, value: f64) -> f64 {
        let span = self.high - self.low;
        if span > 0.0 { ((value - self.low) / span).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Values at the ends and at equal distances between them.
    #[must_use]
    pub fn ticks(self, parts: u32) -> Vec<f64> {
        (0..=parts).map(|at| self.low + (self.high - self.low) * f64::from(at) / f64::from(parts.max(1))).collect()
    }

    /// From 0 to a round number that holds all values, at most 1: the axis of probabilities.
    #[must_use]
    pub fn of_shares(values: impl Iterator<Item = f64>) -> Self {
        let most = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        let high = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5].into_iter().find(|high| most <= *high).unwrap_or(1.0);
        Self { low: 0.0, high }
    }

    /// From −1 or 0 to 1: the axis of similarities.
    #[must_use]
    pub fn of_similarities(values: impl Iterator<Item = f64>) -> Self {
        let least = values.filter(|value| value.is_finite()).fold(0.0, f64::min);
        Self { low: if least < -0.05 { -1.0 } else { 0.0 }, high: 1.0 }
    }
}

/// A rectangle of the drawing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// Left edge.
    pub left: f64,
    /// Top edge.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Frame {
    /// Horizontal place of a share from the left.
    #[must_use]
    pub fn x(self, share: f64) -> f64 {
        self.left + share * self.width
    }

    /// Vertical place of a share from the bottom.
    #[must_use]
    pub fn y(self, share: f64) -> f64 {
        self.top + (1.0 - share) * self.height
    }
}

/// The path through points; it is interrupted where one of them is not finite.
#[must_use]
pub fn path(points: &[(f64, f64)]) -> String {
    let mut text = String::new();
    let mut down = false;
    for (x, y) in points {
        if !x.is_finite() || !y.is_finite() {
            down = false;
            continue;
        }
        write!(text, "{}{x:.1} {y:.1}", if down { 'L' } else { 'M' }).ok();
        down = true;
    }
    text
}

/// The number at a tick, as short as it can be.
#[must_use]
pub fn tick(value: f64) -> String {
    let text = format::number(value);
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// The end of a name that is too long, since the ends of layers' names differ most.
#[must_use]
pub fn shorten(name: &str, most: usize) -> String {
    let count = name.chars().count();
    if count <= most {
        return name.to_owned();
    }
    let end: String = name.chars().skip(count - most.saturating_sub(1)).collect();
    format!("…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_within_the_frame() {
        let axis = Axis { low: -1.0, high: 1.0 };
        assert_eq!(axis.share(0.0), 0.5);
        assert_eq!(axis.share(7.0), 1.0);
        assert_eq!(axis.ticks(2), [-1.0, 0.0, 1.0]);
        assert_eq!([0.75, 1.0, 0.0, -0.5, 0.0125].map(tick), ["0.75", "1", "0", "−0.5", "0.0125"]);
        let frame = Frame { left: 10.0, top: 5.0, width: 100.0, height: 50.0 };
        assert_eq!((frame.x(0.5), frame.y(0.0), frame.y(1.0)), (60.0, 55.0, 5.0));
    }

    #[test]
    fn axes_hold_what_they_show() {
        assert_eq!(Axis::of_shares([0.03, f64::NAN].into_iter()).high, 0.05);
        assert_eq!(Axis::of_shares([0.9].into_iter()).high, 1.0);
        assert_eq!(Axis::of_similarities([0.2, -0.01].into_iter()).low, 0.0);
        assert_eq!(Axis::of_similarities([-0.4].into_iter()).low, -1.0);
    }

    #[test]
    fn a_path_stops_at_gaps() {
        assert_eq!(path(&[(0.0, 1.0), (2.0, f64::NAN), (3.0, 4.0), (5.0, 6.0)]), "M0.0 1.0M3.0 4.0L5.0 6.0");
        assert_eq!(path(&[]), "");
    }

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(shorten("features/conv5/relu", 10), "…onv5/relu");
        assert_eq!(shorten("äöü", 3), "äöü");
    }
}
