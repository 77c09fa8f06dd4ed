//! The canvases of the scatter: points, those that are selected, and what follows the pointer.

use std::{collections::HashMap, sync::Arc};

use wasm_bindgen::{Clamped, JsCast as _};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

use super::palette::{Palette, css};
use crate::{
    pure::suggest::{
        cloud::Cloud,
        facts::Facts,
        raster::{Raster, Rgb, Stamp},
    },
    state::Colouring,
};

/// Space for the axes, in CSS pixels.
const LEFT: f64 = 46.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 46.0;

/// Size of the plot in CSS pixels and the device's pixels to each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Size {
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
    /// Device pixels to a CSS pixel.
    pub ratio: f64,
}

impl Size {
    /// Left, top, width and height of the part that holds points.
    #[must_use]
    pub fn frame(self) -> crate::pure::plot::Frame {
        crate::pure::plot::Frame {
            left: LEFT,
            top: TOP,
            width: (self.width - LEFT - RIGHT).max(1.0),
            height: (self.height - TOP - BOTTOM).max(1.0),
        }
    }

    /// Where a point lies.
    #[must_use]
    pub fn pixel(self, [x, y]: [f32; 2]) -> [f64; 2] {
        let frame = self.frame();
        [frame.x(f64::from(x)), frame.y(f64::from(y))]
    }

    /// The shares at a pixel.
    #[must_use]
    pub fn share(self, [x, y]: [f64; 2]) -> [f32; 2] {
        let frame = self.frame();
        [((x - frame.left) / frame.width) as f32, (1.0 - (y - frame.top) / frame.height) as f32]
    }

    /// A number of pixels as shares of both axes.
    #[must_use]
    pub fn radius(self, pixels: f64) -> [f32; 2] {
        let frame = self.frame();
        [(pixels / frame.width) as f32, (pixels / frame.height) as f32]
    }
}

/// Radius in CSS pixels and opacity of a point: the more there are, the finer.
#[must_use]
pub fn grain(count: usize) -> (f64, f32) {
    match count {
        0..=300 => (4.5, 0.85),
        301..=2000 => (3.4, 0.7),
        2001..=12_000 => (2.4, 0.5),
        _ => (1.6, 0.4),
    }
}

/// How points are coloured, with words for the legend.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Legend {
    /// Each colour with its words, its pictures, and whether its points are hollow.
    pub entries: Vec<(Rgb, String, Vec<u32>, bool)>,
    /// The entry of each point of the cloud.
    of: Vec<u8>,
}

/// Sorts points by colour.
#[must_use]
pub fn legend(facts: &Facts, cloud: &Cloud, colouring: &Colouring, palette: &Palette) -> Legend {
    let mut legend = Legend::default();
    match colouring {
        Colouring::None => {}
        Colouring::Wrong => {
            let all = facts.networks.len() as f32;
            legend.entries = vec![
                (palette.good, "All right".to_owned(), Vec::new(), false),
                (palette.warn, "Some wrong".to_owned(), Vec::new(), true),
                (palette.bad, "All wrong".to_owned(), Vec::new(), true),
                (palette.plain, "No true class".to_owned(), Vec::new(), false),
            ];
            legend.of = cloud
                .items
                .iter()
                .map(|item| match facts.wrong.get(*item as usize).copied().unwrap_or(f32::NAN) {
                    wrong if wrong.is_nan() => 3,
                    0.0 => 0,
                    wrong if wrong >= all => 2,
                    _ => 1,
                })
                .collect();
        }
        Colouring::Predicted(id) => {
            let Some(network) = facts.network(&id.0) else { return legend };
            let class = |item: &u32| network.class.get(*item as usize).copied().unwrap_or(u32::MAX);
            let mut counts: HashMap<u32, usize> = HashMap::new();
            for item in &cloud.items {
                *counts.entry(class(item)).or_default() += 1;
            }
            let mut classes: Vec<(u32, usize)> = counts.into_iter().collect();
            classes.sort_by_key(|(class, count)| (std::cmp::Reverse(*count), *class));
            classes.truncate(palette.identities.len() - 1);
            legend.entries = classes
                .iter()
                .zip(palette.identities)
                .map(|((class, _), colour)| (colour, network.label(*class), Vec::new(), false))
                .collect();
            let others = legend.entries.len() as u8;
            legend.entries.push((palette.identities[6], "Other classes".to_owned(), Vec::new(), false));
            let place: HashMap<u32, u8> = classes.iter().zip(0..).map(|((class, _), at)| (*class, at)).collect();
            legend.of = cloud.items.iter().map(|item| place.get(&class(item)).copied().unwrap_or(others)).collect();
        }
    }
    for (item, of) in cloud.items.iter().zip(&legend.of) {
        if let Some(entry) = legend.entries.get_mut(usize::from(*of)) {
            entry.2.push(*item);
        }
    }
    legend
}

/// Draws all points.
pub fn points(
    canvas: &HtmlCanvasElement,
    raster: &mut Raster,
    size: Size,
    cloud: &Cloud,
    legend: &Legend,
    palette: &Palette,
) {
    let (radius, opacity) = grain(cloud.len());
    let radius = (radius * size.ratio) as f32;
    let disc = Stamp::disc(radius, opacity);
    let hollow = Stamp::ring((radius - size.ratio as f32 * 1.2).max(0.5), size.ratio as f32 * 1.2);
    clear(raster, size);
    for (point, (x, y)) in cloud.x.iter().zip(&cloud.y).enumerate() {
        let entry = legend.of.get(point).and_then(|entry| legend.entries.get(usize::from(*entry)));
        let (colour, stamp) =
            entry.map_or((palette.plain, &disc), |entry| (entry.0, if entry.3 { &hollow } else { &disc }));
        put(raster, size, stamp, [*x, *y], colour);
    }
    show(canvas, raster);
}

/// Draws the points that are selected, over the others.
pub fn selected(
    canvas: &HtmlCanvasElement,
    raster: &mut Raster,
    size: Size,
    cloud: &Cloud,
    items: &[u32],
    palette: &Palette,
) {
    let (radius, _) = grain(cloud.len().max(items.len()));
    let (radius, line) = (((radius + 0.8) * size.ratio) as f32, size.ratio as f32);
    let (disc, ring) = (Stamp::disc(radius, 1.0), Stamp::ring(radius, line));
    clear(raster, size);
    for item in items {
        if let Some(place) = cloud.place(*item) {
            put(raster, size, &disc, place, palette.accent);
            put(raster, size, &ring, place, palette.ink);
        }
    }
    show(canvas, raster);
}

fn clear(raster: &mut Raster, size: Size) {
    raster.clear((size.width * size.ratio).round() as u32, (size.height * size.ratio).round() as u32);
}

fn put(raster: &mut Raster, size: Size, stamp: &Stamp, place: [f32; 2], colour: Rgb) {
    let [x, y] = size.pixel(place);
    raster.put(stamp, (x * size.ratio) as f32, (y * size.ratio) as f32, colour);
}

fn context(canvas: &HtmlCanvasElement) -> Option<CanvasRenderingContext2d> {
    canvas.get_context("2d").ok().flatten()?.dyn_into().ok()
}

fn show(canvas: &HtmlCanvasElement, raster: &Raster) {
    resize(canvas, raster.width, raster.height);
    let data =
        ImageData::new_with_u8_clamped_array_and_sh(Clamped(raster.rgba.as_slice()), raster.width, raster.height);
    if let (Some(context), Ok(data)) = (context(canvas), data) {
        context.put_image_data(&data, 0.0, 0.0).ok();
    }
}

fn resize(canvas: &HtmlCanvasElement, width: u32, height: u32) {
    // Setting a size empties the canvas, which costs time.
    if canvas.width() != width || canvas.height() != height {
        canvas.set_width(width);
        canvas.set_height(height);
    }
}

/// What follows the pointer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlay {
    /// The primary picture.
    pub primary: Option<[f32; 2]>,
    /// The picture under the pointer or the keyboard's focus.
    pub focus: Option<[f32; 2]>,
    /// Corners of what is being drawn, in CSS pixels.
    pub shape: Arc<Vec<[f64; 2]>>,
}

/// Draws it: the primary picture as a bold double ring, the focus as a square, the shape as a dashed line.
pub fn overlay(canvas: &HtmlCanvasElement, size: Size, count: usize, overlay: &Overlay, palette: &Palette) {
    resize(canvas, (size.width * size.ratio).round() as u32, (size.height * size.ratio).round() as u32);
    let Some(context) = context(canvas) else { return };
    context.set_transform(size.ratio, 0.0, 0.0, size.ratio, 0.0, 0.0).ok();
    context.clear_rect(0.0, 0.0, size.width, size.height);
    let radius = grain(count).0;
    let (ink, surface, accent) = (css(palette.ink), css(palette.surface), css(palette.accent));
    let stroke = |colour: &str, width: f64| {
        context.set_stroke_style_str(colour);
        context.set_line_width(width);
        context.stroke();
    };
    if let Some(place) = overlay.primary {
        let [x, y] = size.pixel(place);
        for (radius, colour, width) in
            [(radius + 6.0, &surface, 5.0), (radius + 6.0, &ink, 2.5), (radius + 1.0, &ink, 1.5)]
        {
            context.begin_path();
            context.arc(x, y, radius, 0.0, std::f64::consts::TAU).ok();
            stroke(colour, width);
        }
    }
    if let Some(place) = overlay.focus {
        let [x, y] = size.pixel(place);
        let half = radius + 3.5;
        for (colour, width) in [(&surface, 4.0), (&accent, 2.0)] {
            context.begin_path();
            context.rect(x - half, y - half, half * 2.0, half * 2.0);
            stroke(colour, width);
        }
    }
    if let Some((first, rest)) = overlay.shape.split_first() {
        context.begin_path();
        context.move_to(first[0], first[1]);
        for corner in rest {
            context.line_to(corner[0], corner[1]);
        }
        context.close_path();
        context.set_global_alpha(0.12);
        context.set_fill_style_str(&accent);
        context.fill();
        context.set_global_alpha(1.0);
        context.set_line_dash(&js_sys::Array::of2(&5.into(), &4.into())).ok();
        stroke(&accent, 1.5);
        context.set_line_dash(&js_sys::Array::new()).ok();
    }
}
