//! A picture cut into parts: a plain grid, or superpixels that follow its edges.
//!
//! Methods that hide parts of a picture (LIME, Shapley values, KernelSHAP) take the parts from here. A grid depends on the
//! size alone and is the same for all networks of one input size; superpixels depend on the picture.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::picture::Rgba;

/// Most cells along a side of a grid.
pub const MAX_CELLS: usize = 64;

/// Most superpixels.
pub const MAX_SUPERPIXELS: usize = 1024;

/// Weight of distance against colour, `m` of Achanta et al.: at one grid interval from the centre a pixel is as far as one
/// whose colour differs by 10 in CIELAB.
const COMPACTNESS: f64 = 10.0;

/// Rounds of assigning pixels and moving centres; Achanta et al. find that 10 suffice for most pictures.
const ROUNDS: usize = 10;

/// Which part each pixel belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segments {
    /// The part of each pixel, `[H, W]` row-major, in `0..count`; each number occurs, numbered by their first pixel.
    pub labels: Vec<u32>,
    /// Number of parts.
    pub count: usize,
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
}

impl Segments {
    /// The number of pixels of each part, all at least 1; they sum to `H · W`.
    #[must_use]
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.count];
        for &label in &self.labels {
            sizes[label as usize] += 1;
        }
        sizes
    }
}

/// How a picture is cut; as text `grid:N` or `slic:N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segmentation {
    /// N × N cells, see [`grid`]; 1 to [`MAX_CELLS`].
    Grid(usize),
    /// About N superpixels, see [`slic`]; 2 to [`MAX_SUPERPIXELS`].
    Slic(usize),
}

impl Segmentation {
    /// Cuts a picture of the size of a network's input.
    #[must_use]
    pub fn cut(&self, view: &Rgba) -> Segments {
        let (height, width) = (view.height as usize, view.width as usize);
        match *self {
            Self::Grid(cells) => grid(height, width, cells),
            Self::Slic(count) => {
                let rgb: Vec<u8> =
                    view.pixels.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
                slic(&rgb, height, width, count)
            }
        }
    }
}

impl fmt::Display for Segmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grid(cells) => write!(f, "grid:{cells}"),
            Self::Slic(count) => write!(f, "slic:{count}"),
        }
    }
}

impl FromStr for Segmentation {
    type Err = SegmentationError;

    fn from_str(text: &str) -> Result<Self, SegmentationError> {
        let unknown = || SegmentationError::Unknown { text: text.to_owned() };
        let (kind, number) = text.split_once(':').ok_or_else(unknown)?;
        let (kind, min, max) = match kind {
            "grid" => ("grid", 1, MAX_CELLS),
            "slic" => ("slic", 2, MAX_SUPERPIXELS),
            _ => return Err(unknown()),
        };
        match number.parse() {
            Ok(count) if (min..=max).contains(&count) => {
                Ok(if kind == "grid" { Self::Grid(count) } else { Self::Slic(count) })
            }
            _ => Err(SegmentationError::Count { kind, number: number.to_owned(), min, max }),
        }
    }
}

/// Why a text does not say how to cut a picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.what())]
#[non_exhaustive]
pub enum SegmentationError {
    /// The text is neither `grid:N` nor `slic:N`.
    Unknown {
        /// The text.
        text: String,
    },
    /// The number cannot be read, or is too small or too large.
    Count {
        /// `grid` or `slic`.
        kind: &'static str,
        /// What stands behind the colon.
        number: String,
        /// Smallest number.
        min: usize,
        /// Largest number.
        max: usize,
    },
}

impl SegmentationError {
    /// What happened, one sentence.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Unknown { text } => format!("{text:?} does not say how to cut a picture into parts."),
            Self::Count { kind, number, .. } => format!("The number {number:?} cannot be used with `{kind}`."),
        }
    }

    /// What to do, one sentence.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Unknown { .. } => {
                "Give `grid:N` for N × N cells or `slic:N` for about N superpixels, such as `grid:7`.".into()
            }
            Self::Count { min, max, .. } => format!("Give a whole number from {min} to {max}."),
        }
    }
}

/// `n` × `n` cells: cell `(r, c)` has the rows `⌊r·H/n⌋..⌊(r+1)·H/n⌋` and the columns likewise, and the label
/// `r · columns + c`.
///
/// Where a side has fewer than `n` pixels, the cells that would be empty do not count, so that each pixel of that side
/// is a cell. `n` of 0 counts as 1.
#[must_use]
pub fn grid(height: usize, width: usize, n: usize) -> Segments {
    let (rows, down) = spans(height, n);
    let (columns, across) = spans(width, n);
    let labels = rows.iter().flat_map(|&row| columns.iter().map(move |&column| (row * across + column) as u32));
    Segments { labels: labels.collect(), count: down * across, height, width }
}

/// The cell of each pixel of a side, and the number of cells that are not empty.
fn spans(length: usize, n: usize) -> (Vec<usize>, usize) {
    let n = n.max(1);
    let mut cells = Vec::with_capacity(length);
    let mut count = 0;
    for index in 0..n {
        let end = (index + 1) * length / n;
        if end > cells.len() {
            cells.resize(end, count);
            count += 1;
        }
    }
    (cells, count)
}

/// Superpixels by simple linear iterative clustering (Achanta et al., "SLIC Superpixels Compared to State-of-the-Art
/// Superpixel Methods", TPAMI 2012): k-means over CIELAB colour and place, each centre looking no further than one grid
/// interval; compactness 10, 10 rounds.
///
/// `rgb` has `[H, W, 3]` sRGB bytes. At most `count` superpixels come out, usually a few less; each is connected through
/// the edges of its pixels. As in the paper pieces smaller than a quarter of a grid cell join a neighbour: here the one
/// with which they share the longest border. The arithmetic is that of IEEE 754 without functions that differ between
/// platforms, so the same picture is cut alike everywhere.
///
/// # Panics
/// If `rgb` does not have `height · width · 3` bytes.
#[must_use]
pub fn slic(rgb: &[u8], height: usize, width: usize, count: usize) -> Segments {
    assert_eq!(rgb.len(), height * width * 3, "{height} × {width} pixels of three bytes");
    if rgb.is_empty() {
        return Segments { labels: Vec::new(), count: 0, height, width };
    }
    let lab = to_lab(rgb);
    // As square as the picture allows, and never more than asked for.
    let count = count.clamp(1, height * width);
    let ideal = (count as f64 * height as f64 / width as f64).sqrt().round() as usize;
    let down = ideal.max(count.div_ceil(width)).clamp(1, height.min(count));
    let across = (count / down).clamp(1, width);
    let labels = cluster(&lab, [height, width], [down, across]);
    let smallest = (height * width) as f64 / (4 * down * across) as f64;
    connect(&labels, [height, width], smallest, count)
}

/// A centre of a superpixel.
#[derive(Clone, Copy)]
struct Centre {
    lab: [f64; 3],
    y: f64,
    x: f64,
}

/// The nearest centre of each pixel; the centres start on a grid of `down` × `across`.
fn cluster(lab: &[[f64; 3]], [height, width]: [usize; 2], [down, across]: [usize; 2]) -> Vec<u32> {
    let (rows, columns) = (spans(height, down).0, spans(width, across).0);
    let mut labels: Vec<u32> =
        rows.iter().flat_map(|&row| columns.iter().map(move |&column| (row * across + column) as u32)).collect();
    let mut centres = Vec::with_capacity(down * across);
    for row in 0..down {
        for column in 0..across {
            let y = (2 * row + 1) * height / (2 * down);
            let x = (2 * column + 1) * width / (2 * across);
            let (y, x) = calmest(lab, [height, width], y, x);
            centres.push(Centre { lab: lab[y * width + x], y: y as f64, x: x as f64 });
        }
    }
    let (cell_height, cell_width) = (height as f64 / down as f64, width as f64 / across as f64);
    let per_pixel = COMPACTNESS * COMPACTNESS / (cell_height * cell_width);
    let reach = cell_height.max(cell_width);
    let mut distances = vec![f64::INFINITY; lab.len()];
    for _ in 0..ROUNDS {
        distances.fill(f64::INFINITY);
        for (label, centre) in centres.iter().enumerate() {
            let within = |middle: f64, length: usize| {
                let first = (middle - reach).ceil().max(0.0) as usize;
                first..((middle + reach).floor() as usize + 1).min(length)
            };
            for y in within(centre.y, height) {
                let vertical = (y as f64 - centre.y) * (y as f64 - centre.y);
                for x in within(centre.x, width) {
                    let index = y * width + x;
                    let horizontal = (x as f64 - centre.x) * (x as f64 - centre.x);
                    let distance = squared(lab[index], centre.lab) + per_pixel * (vertical + horizontal);
                    if distance < distances[index] {
                        distances[index] = distance;
                        labels[index] = label as u32;
                    }
                }
            }
        }
        let mut sums = vec![([0.0; 5], 0_usize); centres.len()];
        for (index, (&label, colour)) in labels.iter().zip(lab).enumerate() {
            let (sum, count) = &mut sums[label as usize];
            let values = [colour[0], colour[1], colour[2], (index / width) as f64, (index % width) as f64];
            for (sum, value) in sum.iter_mut().zip(values) {
                *sum += value;
            }
            *count += 1;
        }
        for (centre, (sum, count)) in centres.iter_mut().zip(sums) {
            if count > 0 {
                let [l, a, b, y, x] = sum.map(|sum| sum / count as f64);
                *centre = Centre { lab: [l, a, b], y, x };
            }
        }
    }
    labels
}

/// The pixel with the smallest gradient among the 3 × 3 around one, so that no centre starts on an edge or a speck.
fn calmest(lab: &[[f64; 3]], [height, width]: [usize; 2], y: usize, x: usize) -> (usize, usize) {
    let gradient = |y: usize, x: usize| {
        let (above, below) = (y.saturating_sub(1), (y + 1).min(height - 1));
        let (left, right) = (x.saturating_sub(1), (x + 1).min(width - 1));
        squared(lab[y * width + left], lab[y * width + right]) + squared(lab[above * width + x], lab[below * width + x])
    };
    let mut best = (gradient(y, x), y, x);
    for row in y.saturating_sub(1)..(y + 2).min(height) {
        for column in x.saturating_sub(1)..(x + 2).min(width) {
            let candidate = gradient(row, column);
            if candidate < best.0 {
                best = (candidate, row, column);
            }
        }
    }
    (best.1, best.2)
}

fn squared(a: [f64; 3], b: [f64; 3]) -> f64 {
    let [l, a, b] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    l * l + a * a + b * b
}

/// Numbers the connected pieces, after the smallest have joined the neighbour with the longest common border until none
/// is below `smallest` pixels and there are at most `most`.
fn connect(labels: &[u32], [height, width]: [usize; 2], smallest: f64, most: usize) -> Segments {
    let neighbours = |index: usize| {
        let (y, x) = (index / width, index % width);
        [
            (y > 0).then(|| index - width),
            (x > 0).then(|| index - 1),
            (x + 1 < width).then(|| index + 1),
            (y + 1 < height).then(|| index + width),
        ]
        .into_iter()
        .flatten()
    };
    let mut pieces: Vec<Vec<usize>> = Vec::new();
    let mut owner = vec![usize::MAX; labels.len()];
    for start in 0..labels.len() {
        if owner[start] != usize::MAX {
            continue;
        }
        let piece = pieces.len();
        owner[start] = piece;
        let mut pixels = vec![start];
        let mut next = 0;
        while let Some(&pixel) = pixels.get(next) {
            next += 1;
            for near in neighbours(pixel) {
                if owner[near] == usize::MAX && labels[near] == labels[start] {
                    owner[near] = piece;
                    pixels.push(near);
                }
            }
        }
        pieces.push(pixels);
    }
    let mut queue: BTreeSet<(usize, usize)> =
        pieces.iter().enumerate().map(|(piece, pixels)| (pixels.len(), piece)).collect();
    while let Some(&(size, piece)) = queue.first() {
        if queue.len() == 1 || (size as f64 >= smallest && queue.len() <= most) {
            break;
        }
        let mut borders: BTreeMap<usize, usize> = BTreeMap::new();
        for near in pieces[piece].iter().flat_map(|&pixel| neighbours(pixel)) {
            if owner[near] != piece {
                *borders.entry(owner[near]).or_default() += 1;
            }
        }
        // Of equal borders the first piece; there is one, as the picture is connected.
        let Some((&into, _)) = borders.iter().max_by_key(|&(&other, &length)| (length, usize::MAX - other)) else {
            break;
        };
        queue.remove(&(size, piece));
        queue.remove(&(pieces[into].len(), into));
        let pixels = std::mem::take(&mut pieces[piece]);
        for &pixel in &pixels {
            owner[pixel] = into;
        }
        pieces[into].extend(pixels);
        queue.insert((pieces[into].len(), into));
    }
    let mut numbers = vec![u32::MAX; pieces.len()];
    let mut count = 0;
    let labels = owner.iter().map(|&piece| {
        if numbers[piece] == u32::MAX {
            numbers[piece] = count;
            count += 1;
        }
        numbers[piece]
    });
    let labels = labels.collect();
    Segments { labels, count: count as usize, height, width }
}

/// sRGB bytes to CIELAB under D65: lightness in 0..100.
fn to_lab(rgb: &[u8]) -> Vec<[f64; 3]> {
    // IEC 61966-2-1; the power 2.4 is the fifth root of the twelfth power.
    let linear: [f64; 256] = std::array::from_fn(|value| {
        let value = value as f64 / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            let fourth = ((value + 0.055) / 1.055) * ((value + 0.055) / 1.055);
            let fourth = fourth * fourth;
            root(fourth * fourth * fourth, 5)
        }
    });
    let f = |t: f64| if t > 216.0 / 24389.0 { root(t, 3) } else { (24389.0 / 27.0 * t + 16.0) / 116.0 };
    let convert = |pixel: &[u8]| {
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(|value| linear[usize::from(value)]);
        let x = f((0.412_456_4 * r + 0.357_576_1 * g + 0.180_437_5 * b) / 0.950_47);
        let y = f(0.212_672_9 * r + 0.715_152_2 * g + 0.072_175_0 * b);
        let z = f((0.019_333_9 * r + 0.119_192_0 * g + 0.950_304_1 * b) / 1.088_83);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    };
    rgb.chunks_exact(3).map(convert).collect()
}

/// The root of a number in about `0..1` by Newton's steps from above, which are the same on every platform.
fn root(value: f64, degree: i32) -> f64 {
    let n = f64::from(degree);
    let mut guess = 1.0_f64.max(value);
    loop {
        let mut power = guess;
        for _ in 2..degree {
            power *= guess;
        }
        let next = ((n - 1.0) * guess + value / power) / n;
        if next >= guess {
            return guess;
        }
        guess = next;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every label occurs, they are numbered by their first pixel, and each part is connected.
    fn is_sound(segments: &Segments) -> Result<(), String> {
        let Segments { labels, count, height, width } = segments;
        if labels.len() != height * width {
            return Err(format!("{} labels for {height} × {width}", labels.len()));
        }
        let mut seen = vec![false; labels.len()];
        let mut parts = 0;
        for start in 0..labels.len() {
            if seen[start] {
                continue;
            }
            if labels[start] != parts {
                return Err(format!("part {} at {start} is in two pieces or out of order", labels[start]));
            }
            parts += 1;
            let mut open = vec![start];
            seen[start] = true;
            while let Some(index) = open.pop() {
                let (y, x) = (index / width, index % width);
                for (dy, dx) in [(0, 1), (1, 0), (0, -1), (-1, 0)] {
                    let (Some(y), Some(x)) = (y.checked_add_signed(dy), x.checked_add_signed(dx)) else { continue };
                    if y < *height && x < *width && !seen[y * width + x] && labels[y * width + x] == labels[start] {
                        seen[y * width + x] = true;
                        open.push(y * width + x);
                    }
                }
            }
        }
        if parts as usize == *count { Ok(()) } else { Err(format!("{parts} parts, {count} said")) }
    }

    #[test]
    fn texts() {
        for (text, expected) in [
            ("grid:1", Segmentation::Grid(1)),
            ("grid:64", Segmentation::Grid(64)),
            ("slic:2", Segmentation::Slic(2)),
            ("slic:1024", Segmentation::Slic(1024)),
        ] {
            assert_eq!(text.parse(), Ok(expected));
            assert_eq!(expected.to_string(), text);
        }
        for text in ["", "grid", "slic", "Grid:4", "quickshift:4", ":3"] {
            assert_eq!(text.parse::<Segmentation>(), Err(SegmentationError::Unknown { text: text.into() }));
        }
        for text in
            ["grid:0", "grid:65", "slic:1", "slic:1025", "grid:", "grid:-3", "slic:7.5", "slic:99999999999999999999"]
        {
            let error = text.parse::<Segmentation>().unwrap_err();
            let (kind, given) = text.split_once(':').unwrap();
            let SegmentationError::Count { kind: named, number, .. } = &error else { panic!("{error}") };
            assert_eq!((*named, number.as_str()), (kind, given));
        }
        let error = "slic:1".parse::<Segmentation>().unwrap_err();
        assert_eq!(error.to_string(), "The number \"1\" cannot be used with `slic`.");
        assert_eq!(error.advice(), "Give a whole number from 2 to 1024.");
    }

    #[test]
    fn grids() {
        let segments = grid(5, 4, 2); // rows 0..2 and 2..5, columns 0..2 and 2..4
        assert_eq!(segments.labels, [0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3, 2, 2, 3, 3]);
        assert_eq!((segments.count, segments.sizes()), (4, vec![4, 4, 6, 6]));
        // Five cells on three columns: those of the columns 0, 1 and 2 alone have a pixel.
        let narrow = grid(1, 3, 5);
        assert_eq!((narrow.labels, narrow.count), (vec![0, 1, 2], 3));
        let flat = grid(2, 6, 3);
        assert_eq!((flat.labels, flat.count), (vec![0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5], 6));
        assert_eq!(grid(3, 3, 0).count, 1);
        assert_eq!(grid(0, 3, 2).count, 0);
        assert!(grid(224, 224, 7).sizes().iter().all(|&size| size == 32 * 32));
    }

    #[test]
    fn colours_are_cielabs() {
        // Published values for sRGB under D65, CIE 1976.
        for (rgb, expected) in [
            ([255, 255, 255], [100.0, 0.0, 0.0]),
            ([0, 0, 0], [0.0, 0.0, 0.0]),
            ([255, 0, 0], [53.24, 80.09, 67.20]),
            ([0, 255, 0], [87.73, -86.18, 83.18]),
            ([0, 0, 255], [32.30, 79.19, -107.86]),
            ([119, 119, 119], [50.03, 0.0, 0.0]),
            ([10, 10, 10], [2.74, 0.0, 0.0]),
        ] {
            for (got, expected) in to_lab(&rgb)[0].into_iter().zip(expected) {
                assert!((got - expected).abs() < 0.02, "{rgb:?}: {got} {expected}");
            }
        }
        for value in [1e-12_f64, 0.009, 0.3, 1.0, 1.001] {
            assert!((root(value, 3) - value.cbrt()).abs() < 1e-14);
            assert!((root(value, 5) - value.powf(0.2)).abs() < 1e-14);
        }
    }

    /// Two halves of different colour, the border not on the grid of the centres.
    #[test]
    fn superpixels_follow_edges() {
        let (height, width) = (48, 64);
        let rgb: Vec<u8> =
            (0..height * width).flat_map(|i| if i % width < 27 { [200, 40, 40] } else { [30, 90, 200] }).collect();
        let segments = slic(&rgb, height, width, 12);
        is_sound(&segments).unwrap();
        assert!((9..=12).contains(&segments.count), "{}", segments.count);
        for part in 0..segments.count {
            let sides: BTreeSet<bool> = (0..height * width)
                .filter(|&index| segments.labels[index] as usize == part)
                .map(|index| index % width < 27)
                .collect();
            assert_eq!(sides.len(), 1, "part {part} crosses the edge");
        }
        // A grid of as many cells does cross it.
        let cells = grid(height, width, 3);
        assert_ne!(cells.labels[26], cells.labels[0]);
        assert_eq!(cells.labels[26], cells.labels[27]);
    }

    #[test]
    fn a_plain_picture_gives_near_squares() {
        let segments = slic(&[90; 60 * 60 * 3], 60, 60, 9);
        assert_eq!(segments.count, 9);
        for size in segments.sizes() {
            assert!((300..=500).contains(&size), "{size}"); // 20 × 20 each, but for ties at the borders
        }
    }

    /// Specks that differ from all around them do not become parts.
    #[test]
    fn specks_join_their_surroundings() {
        let (height, width) = (40, 40);
        let mut rgb = vec![255_u8; height * width * 3];
        for (y, x) in [(0, 0), (11, 13), (25, 31), (39, 39)] {
            rgb[(y * width + x) * 3..][..3].copy_from_slice(&[0, 0, 0]);
        }
        let segments = slic(&rgb, height, width, 16);
        is_sound(&segments).unwrap();
        assert!(segments.sizes().iter().all(|&size| size >= 25), "{:?}", segments.sizes()); // a quarter of 10 × 10
    }

    #[test]
    fn few_and_many() {
        let picture = |n: usize| -> Vec<u8> { (0..n * 3).map(|i| (i * i % 251) as u8).collect() };
        assert_eq!(slic(&picture(224 * 224), 224, 224, 2).count, 2);
        assert_eq!(slic(&picture(1), 1, 1, 50).count, 1);
        assert_eq!(slic(&[], 0, 7, 5).count, 0);
        let thin = slic(&[7; 100 * 3], 1, 100, 10);
        assert_eq!(thin.count, 10);
        let tall = slic(&[7; 100 * 3], 100, 1, 10);
        assert_eq!(tall.labels, thin.labels);
        let view = Rgba { width: 8, height: 4, pixels: vec![128; 8 * 4 * 4] };
        assert_eq!(Segmentation::Slic(2).cut(&view), slic(&[128; 8 * 4 * 3], 4, 8, 2));
        assert_eq!(Segmentation::Grid(3).cut(&view), grid(4, 8, 3));
    }

    proptest! {
        #[test]
        fn grids_are_sound(height in 1_usize..40, width in 1_usize..40, n in 1_usize..64) {
            let segments = grid(height, width, n);
            prop_assert_eq!(segments.count, height.min(n) * width.min(n));
            let sizes = segments.sizes();
            prop_assert!(sizes.iter().all(|&size| size > 0));
            if n <= height.min(width) {
                for (index, &label) in segments.labels.iter().enumerate() {
                    let cell = |place: usize, length: usize| {
                        (0..n).find(|cell| (cell * length / n..(cell + 1) * length / n).contains(&place)).unwrap()
                    };
                    let expected = cell(index / width, height) * n + cell(index % width, width);
                    prop_assert_eq!(label as usize, expected);
                }
            }
            prop_assert_eq!(is_sound(&segments), Ok(()));
        }

        #[test]
        fn superpixels_are_sound(
            height in 1_usize..40, width in 1_usize..40, count in 1_usize..200, levels in 1_u64..256, seed: u64,
        ) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let rgb: Vec<u8> = (0..height * width * 3).map(|_| (rng.u64(0..levels) * 255 / levels) as u8).collect();
            let segments = slic(&rgb, height, width, count);
            prop_assert_eq!(is_sound(&segments), Ok(()));
            prop_assert!(segments.count <= count);
            prop_assert_eq!(&segments, &slic(&rgb, height, width, count));
        }
    }
}
