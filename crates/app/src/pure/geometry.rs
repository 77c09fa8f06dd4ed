//! Where a network's view lies in the picture, and what part of the view is on screen.

use innspect_graph::preprocessing::{Fit, Preprocessing};

/// A point; `[0, 1]` from the left and the top of whatever it is relative to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
}

/// The part of a picture that a network sees, in shares of the picture's sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Region {
    /// All of the picture.
    pub const WHOLE: Self = Self { x: 0.0, y: 0.0, width: 1.0, height: 1.0 };

    /// What remains of a picture of the given size after the fit of `preprocessing`.
    #[must_use]
    pub fn of(preprocessing: &Preprocessing, picture: [u32; 2]) -> Self {
        let Fit::CenterCrop { crop } = preprocessing.fit else { return Self::WHOLE };
        let [height, width] = preprocessing.size.map(|side| side as f64);
        let [picture_width, picture_height] = picture.map(f64::from);
        let crop = f64::from(crop);
        if [height, width, picture_width, picture_height, crop].iter().any(|value| *value <= 0.0) {
            return Self::WHOLE;
        }
        let scale = (width / crop / picture_width).max(height / crop / picture_height);
        let share = |side: f64, full: f64| (side / (full * scale)).min(1.0);
        let (w, h) = (share(width, picture_width), share(height, picture_height));
        Self { x: (1.0 - w) / 2.0, y: (1.0 - h) / 2.0, width: w, height: h }
    }

    /// From a point of the view to a point of the picture.
    #[must_use]
    pub fn to_picture(self, view: Point) -> Point {
        Point { x: self.x + view.x * self.width, y: self.y + view.y * self.height }
    }

    /// From a point of the picture to a point of the view; outside `[0, 1]` if the network does not see it.
    #[must_use]
    pub fn to_view(self, picture: Point) -> Point {
        Point { x: (picture.x - self.x) / self.width, y: (picture.y - self.y) / self.height }
    }
}

/// Which part of the view is on screen, the same in all cards: `screen = (view - corner) * zoom`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Viewport {
    /// Magnification, at least 1.
    pub zoom: f64,
    /// The view's point at the top left of the screen.
    pub corner: Point,
}

impl Default for Viewport {
    fn default() -> Self {
        Self { zoom: 1.0, corner: Point { x: 0.0, y: 0.0 } }
    }
}

impl Viewport {
    const LARGEST: f64 = 16.0;

    /// Magnified by `factor`, the view's point under `screen` staying where it is.
    #[must_use]
    pub fn zoomed(self, factor: f64, screen: Point) -> Self {
        let zoom = (self.zoom * factor).clamp(1.0, Self::LARGEST);
        let fixed = self.to_view(screen);
        let corner = Point { x: fixed.x - screen.x / zoom, y: fixed.y - screen.y / zoom };
        Self { zoom, corner }.clamped()
    }

    /// Moved by a drag of `dx`, `dy` in shares of the screen.
    #[must_use]
    pub fn dragged(self, dx: f64, dy: f64) -> Self {
        let corner = Point { x: self.corner.x - dx / self.zoom, y: self.corner.y - dy / self.zoom };
        Self { corner, ..self }.clamped()
    }

    /// From screen to view.
    #[must_use]
    pub fn to_view(self, screen: Point) -> Point {
        Point { x: self.corner.x + screen.x / self.zoom, y: self.corner.y + screen.y / self.zoom }
    }

    /// From view to screen.
    #[must_use]
    pub fn to_screen(self, view: Point) -> Point {
        Point { x: (view.x - self.corner.x) * self.zoom, y: (view.y - self.corner.y) * self.zoom }
    }

    /// Whether anything is cut off.
    #[must_use]
    pub fn is_zoomed(self) -> bool {
        self.zoom > 1.0
    }

    fn clamped(self) -> Self {
        let most = 1.0 - 1.0 / self.zoom;
        let clamp = |value: f64| value.clamp(0.0, most.max(0.0));
        Self { corner: Point { x: clamp(self.corner.x), y: clamp(self.corner.y) }, ..self }
    }
}

/// Index of the pixel under a view point in a row-major map, if the point lies inside.
#[must_use]
pub fn pixel(view: Point, width: usize, height: usize) -> Option<usize> {
    let inside = |value: f64| (0.0..1.0).contains(&value);
    if !inside(view.x) || !inside(view.y) {
        return None;
    }
    let column = (view.x * width as f64) as usize;
    let row = (view.y * height as f64) as usize;
    (column < width && row < height).then_some(row * width + column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centre_crop_of_a_wide_picture() {
        let region = Region::of(&Preprocessing::torchvision([224, 224]), [800, 400]);
        assert!((region.width - 0.4375).abs() < 1e-6, "{region:?}");
        assert!((region.height - 0.875).abs() < 1e-6, "{region:?}");
        assert!((region.x - 0.28125).abs() < 1e-6, "{region:?}");
        let there = region.to_view(region.to_picture(Point { x: 0.3, y: 0.9 }));
        assert!((there.x - 0.3).abs() < 1e-9 && (there.y - 0.9).abs() < 1e-9);
    }

    #[test]
    fn stretch_keeps_everything() {
        let preprocessing = Preprocessing { fit: Fit::Stretch, ..Preprocessing::torchvision([224, 224]) };
        assert_eq!(Region::of(&preprocessing, [640, 480]), Region::WHOLE);
    }

    #[test]
    fn zoom_keeps_the_point_under_the_pointer() {
        let screen = Point { x: 0.25, y: 0.75 };
        let before = Viewport::default();
        let after = before.zoomed(2.0, screen);
        let (a, b) = (before.to_view(screen), after.to_view(screen));
        assert!((a.x - b.x).abs() < 1e-9 && (a.y - b.y).abs() < 1e-9);
        assert_eq!(after.zoomed(0.01, screen), Viewport::default());
    }

    #[test]
    fn a_drag_stops_at_the_edge() {
        let viewport = Viewport::default().zoomed(2.0, Point { x: 0.0, y: 0.0 }).dragged(-9.0, 9.0);
        assert_eq!(viewport.corner, Point { x: 0.5, y: 0.0 });
    }

    #[test]
    fn pixels_are_row_major() {
        assert_eq!(pixel(Point { x: 0.5, y: 0.0 }, 4, 2), Some(2));
        assert_eq!(pixel(Point { x: 0.99, y: 0.99 }, 4, 2), Some(7));
        assert_eq!(pixel(Point { x: 1.0, y: 0.0 }, 4, 2), None);
        assert_eq!(pixel(Point { x: f64::NAN, y: 0.0 }, 4, 2), None);
    }
}
