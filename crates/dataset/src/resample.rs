//! Resizing, bit for bit as Pillow's `Image.resize` does it.
//!
//! Networks are trained and measured on pictures that Pillow shrank, and shrinking differs more between libraries than
//! between filters, so the resize is written out here: separable, horizontal pass first, weights in fixed point with 22
//! bits, 8-bit pixels between the passes (`libImaging/Resample.c` up to version 12; 13 takes the vertical pass first for
//! some shapes, which moves single levels). All filters but the nearest widen with the scale when shrinking, so that
//! every source pixel counts. Integer sums make the result the same on every machine.
//!
//! A [`Window`] asks for a part of the enlarged or shrunk picture only, so that a resize followed by a centre crop is
//! one step that never holds the rest.

use innspect_graph::ResizeFilter;

use crate::picture::Picture;

/// What to make along one axis: `count` pixels, from number `first` on, of the picture scaled by `1 / scale`.
///
/// Pixel `i` of the window has its centre at `(first + i + 0.5) · scale` in source pixels. `first` may be a fraction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Source pixels per pixel made, greater than 0.
    pub scale: f64,
    /// Place of the first pixel, in pixels made.
    pub first: f64,
    /// How many pixels to make.
    pub count: usize,
}

impl Window {
    /// The whole of `source` pixels as `count` pixels.
    #[must_use]
    pub fn whole(source: u32, count: usize) -> Self {
        Self { scale: f64::from(source) / count as f64, first: 0.0, count }
    }

    fn centre(&self, index: usize) -> f64 {
        (self.first + index as f64 + 0.5) * self.scale
    }
}

/// The picture resized: `vertical.count` rows of `horizontal.count` RGB pixels, three bytes each.
///
/// Where a window reaches beyond the picture, the pixels of its border continue.
#[must_use]
pub fn resample(picture: &Picture, filter: ResizeFilter, horizontal: Window, vertical: Window) -> Vec<u8> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    match filter {
        ResizeFilter::Nearest => nearest(picture.rgb(), [width, height], horizontal, vertical),
        ResizeFilter::Bilinear => {
            let [x, y] =
                [(width, horizontal), (height, vertical)].map(|(n, window)| Taps::new(n, window, 1.0, triangle));
            convolve(picture.rgb(), width, &x, &y)
        }
        ResizeFilter::Bicubic => {
            let [x, y] = [(width, horizontal), (height, vertical)].map(|(n, window)| Taps::new(n, window, 2.0, cubic));
            convolve(picture.rgb(), width, &x, &y)
        }
    }
}

/// Pillow's `BILINEAR`, support 1.
fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// Pillow's `BICUBIC`: Keys' cubic with `a = -0.5`, support 2.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// Fraction bits of a weight: 8 bits of the pixel and 2 of head room are left of 32.
const PRECISION: u32 = 32 - 8 - 2;

/// Half of the last bit that stays, for rounding.
const HALF: i32 = 1 << (PRECISION - 1);

/// Which source pixels make which pixel along one axis, and with what weights.
struct Taps {
    /// Per pixel made: first source pixel, and the range of its weights in `weights`.
    spans: Vec<(usize, std::ops::Range<usize>)>,
    /// Fixed-point weights; those of one pixel add up to 1 but for rounding.
    weights: Vec<i32>,
}

impl Taps {
    fn new(source: usize, window: Window, support: f64, filter: fn(f64) -> f64) -> Self {
        let widen = window.scale.max(1.0);
        let support = support * widen;
        let mut taps = Self { spans: Vec::with_capacity(window.count), weights: Vec::new() };
        let mut exact = Vec::new();
        for index in 0..window.count {
            // No effect within the picture; beside it, its border continues.
            let centre = window.centre(index).clamp(0.0, source as f64);
            let start = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(source);
            exact.clear();
            exact.extend((start..end).map(|at| filter((at as f64 - centre + 0.5) * (1.0 / widen))));
            let sum: f64 = exact.iter().sum();
            let from = taps.weights.len();
            taps.weights.extend(exact.iter().map(|weight| fixed(weight / sum)));
            taps.spans.push((start, from..taps.weights.len()));
        }
        taps
    }

    /// First source pixel of a pixel made, and its weights.
    fn of(&self, index: usize) -> (usize, &[i32]) {
        let (start, range) = &self.spans[index];
        (*start, &self.weights[range.clone()])
    }
}

/// A weight in fixed point, rounded away from zero at one half.
fn fixed(weight: f64) -> i32 {
    (weight * f64::from(1 << PRECISION)).round() as i32
}

fn clip(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Both passes in one sweep over the source rows: a row is shrunk horizontally, then added to the rows it belongs to.
/// Memory is that of the result, whatever the shape of the source.
fn convolve(source: &[u8], width: usize, x: &Taps, y: &Taps) -> Vec<u8> {
    let (columns, rows) = (x.spans.len(), y.spans.len());
    let stride = columns * 3;
    let mut sums = vec![HALF; stride * rows];
    let mut line = vec![0_u8; stride];
    // Rows of the result that the current source row belongs to; both ends only ever grow.
    let (mut first, mut last) = (0, 0);
    let begin = y.spans.first().map_or(0, |(start, _)| *start);
    for (at, pixels) in source.chunks_exact(width * 3).enumerate().skip(begin) {
        while first < rows && y.spans[first].0 + y.spans[first].1.len() <= at {
            first += 1;
        }
        while last < rows && y.spans[last].0 <= at {
            last += 1;
        }
        if first == rows {
            break;
        }
        shrink_line(pixels, x, &mut line);
        for row in first..last {
            let (start, weights) = y.of(row);
            let Some(&weight) = weights.get(at - start) else { continue };
            for (sum, &value) in sums[row * stride..(row + 1) * stride].iter_mut().zip(&line) {
                *sum += i32::from(value) * weight;
            }
        }
    }
    sums.into_iter().map(clip).collect()
}

/// The horizontal pass over one row.
fn shrink_line(pixels: &[u8], x: &Taps, line: &mut [u8]) {
    for (index, made) in line.chunks_exact_mut(3).enumerate() {
        let (start, weights) = x.of(index);
        let [mut red, mut green, mut blue] = [HALF; 3];
        for (pixel, &weight) in pixels[start * 3..].chunks_exact(3).zip(weights) {
            red += i32::from(pixel[0]) * weight;
            green += i32::from(pixel[1]) * weight;
            blue += i32::from(pixel[2]) * weight;
        }
        made.copy_from_slice(&[clip(red), clip(green), clip(blue)]);
    }
}

/// Pillow's `NEAREST`: the pixel that the centre falls into.
fn nearest(source: &[u8], [width, height]: [usize; 2], horizontal: Window, vertical: Window) -> Vec<u8> {
    let places = |window: Window, size: usize| -> Vec<usize> {
        // Pillow adds up the step from the left edge on, and its rounding decides where a centre meets an edge.
        let mut centre = (window.first.fract() + 0.5) * window.scale;
        for _ in 0..window.first.max(0.0) as u64 {
            centre += window.scale;
        }
        let next = |_| {
            let place = (centre.max(0.0) as usize).min(size - 1);
            centre += window.scale;
            place
        };
        (0..window.count).map(next).collect()
    };
    let columns = places(horizontal, width);
    let mut made = Vec::with_capacity(columns.len() * vertical.count * 3);
    for row in places(vertical, height) {
        let line = &source[row * width * 3..(row + 1) * width * 3];
        for &column in &columns {
            made.extend_from_slice(&line[column * 3..column * 3 + 3]);
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILTERS: [ResizeFilter; 3] = [ResizeFilter::Nearest, ResizeFilter::Bilinear, ResizeFilter::Bicubic];

    #[test]
    fn the_filters_are_pillows() {
        // Values of Keys' kernel at a = -0.5.
        for (x, value) in [(0.0, 1.0), (0.5, 0.5625), (1.0, 0.0), (1.5, -0.0625), (2.0, 0.0), (3.0, 0.0)] {
            assert_eq!(cubic(x), value);
            assert_eq!(cubic(-x), value);
        }
        assert_eq!([triangle(0.0), triangle(-0.25), triangle(1.0), triangle(2.0)], [1.0, 0.75, 0.0, 0.0]);
        assert_eq!([fixed(1.0), fixed(-1.0), fixed(0.6 / f64::from(1 << PRECISION))], [1 << 22, -1 << 22, 1]);
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        let pixels: Vec<u8> = (0..5 * 7 * 3).map(|i| (i * 37 % 256) as u8).collect();
        let picture = Picture::from_rgb(5, 7, pixels.clone()).unwrap();
        for filter in FILTERS {
            assert_eq!(resample(&picture, filter, Window::whole(5, 5), Window::whole(7, 7)), pixels);
        }
    }

    proptest! {
        #[test]
        fn one_colour_stays_one_colour(
            width in 1_u32..40, height in 1_u32..40, colour: [u8; 3], to in (1_usize..50, 1_usize..50),
            first in -3.0_f64..60.0, scale in 0.05_f64..9.0,
        ) {
            let picture = Picture::from_rgb(width, height, colour.repeat((width * height) as usize)).unwrap();
            for filter in FILTERS {
                let whole = resample(&picture, filter, Window::whole(width, to.0), Window::whole(height, to.1));
                prop_assert_eq!(&whole, &colour.repeat(to.0 * to.1));
                let window = Window { scale, first, count: to.0 };
                let part = resample(&picture, filter, window, Window { count: to.1, ..window });
                prop_assert_eq!(&part, &colour.repeat(to.0 * to.1));
            }
        }

        #[test]
        fn a_window_is_a_part_of_the_whole(
            pixels in proptest::collection::vec(any::<u8>(), 9 * 6 * 3), to in (4_usize..30, 4_usize..30),
            cut in (0.0_f64..1.0, 0.0_f64..1.0),
        ) {
            let picture = Picture::from_rgb(9, 6, pixels).unwrap();
            let (x, y) = (Window::whole(9, to.0), Window::whole(6, to.1));
            let left = (cut.0 * to.0 as f64) as usize;
            let top = (cut.1 * to.1 as f64) as usize;
            for filter in FILTERS {
                let whole = resample(&picture, filter, x, y);
                let part = resample(
                    &picture,
                    filter,
                    Window { first: left as f64, count: to.0 - left, ..x },
                    Window { first: top as f64, count: to.1 - top, ..y },
                );
                let expected: Vec<u8> =
                    whole.chunks_exact(to.0 * 3).skip(top).flat_map(|row| &row[left * 3..]).copied().collect();
                prop_assert_eq!(part, expected);
            }
        }
    }
}
