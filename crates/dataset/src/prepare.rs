//! A [`Picture`] to a network's input.

use innspect_graph::{ChannelOrder, Fit, Preprocessing, ResizeFilter};

use crate::picture::{Picture, Rgba};
use crate::resample::{Window, resample};

/// The longest side in pixels of a network's input that is prepared.
pub const MAX_INPUT_SIDE: usize = 4096;

/// What a network reads, and the same for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// `[C, H, W]`, row-major, channels in the network's order: `(pixel · scale - mean) / std`.
    pub tensor: Vec<f32>,
    /// The same pixels before that, `H × W`, opaque; grey for a network that reads one channel.
    pub view: Rgba,
}

/// Why a picture cannot be prepared as asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", self.what())]
#[non_exhaustive]
pub enum PrepareError {
    /// A side of the input is 0 or longer than [`MAX_INPUT_SIDE`].
    Size {
        /// `[height, width]` asked for.
        size: [usize; 2],
    },
    /// The share that a centre crop keeps is outside `(0, 1]`.
    Crop {
        /// The share asked for.
        crop: f32,
    },
    /// The number of means or standard deviations is not that of the channels.
    Channels {
        /// `mean` or `std`.
        which: &'static str,
        /// How many there are.
        found: usize,
        /// How many channels the network reads.
        expected: usize,
    },
    /// A number is not finite, or divides by 0.
    Number {
        /// `scale`, `mean` or `std`.
        which: &'static str,
        /// The number.
        value: f32,
    },
}

impl PrepareError {
    /// What happened, one sentence.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Size { size: [height, width] } => format!("The input size {width} × {height} cannot be used."),
            Self::Crop { crop } => format!("The centre crop of {crop} cannot be used."),
            Self::Channels { which, found, expected } => {
                format!("The network reads {expected} channels, but `{which}` has {found} numbers.")
            }
            Self::Number { which, value } => format!("The number {value} cannot be used in `{which}`."),
        }
    }

    /// Where: the field of the preprocessing.
    #[must_use]
    pub fn place(&self) -> String {
        let field = match self {
            Self::Size { .. } => "size",
            Self::Crop { .. } => "crop",
            Self::Channels { which, .. } | Self::Number { which, .. } => which,
        };
        format!("preprocessing, {field}")
    }

    /// What to do, one sentence.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Size { .. } => format!("Each side takes 1 to {MAX_INPUT_SIDE} pixels."),
            Self::Crop { .. } => "Give a share above 0 and up to 1, such as 0.875.".into(),
            Self::Channels { expected: 1, .. } => "Give one number.".into(),
            Self::Channels { .. } => "Give one number per channel, in the network's channel order.".into(),
            Self::Number { which: "std", .. } => "Give finite numbers other than 0.".into(),
            Self::Number { .. } => "Give a finite number.".into(),
        }
    }
}

/// Brings a picture to a network's size and numbers.
///
/// A centre crop follows torchvision's `Resize` and `CenterCrop`: the shorter side goes to `size / crop` (rounded), the
/// longer one to the same scale (cut off to whole pixels), then the centre is cut out (rounded half to even). For a
/// network that is not square the picture is scaled so that `size / crop` is covered. Only the pixels that stay are
/// computed; they are those that Pillow makes, bit for bit.
///
/// Grey is Pillow's `L`: `0.299 red + 0.587 green + 0.114 blue`, taken after the resize.
///
/// # Errors
/// [`PrepareError`] if the preprocessing cannot be used, whatever the picture.
pub fn prepare(picture: &Picture, how: &Preprocessing) -> Result<Prepared, PrepareError> {
    check(how)?;
    let [x, y] = windows(picture, how);
    let pixels = resample(picture, how.filter, x, y);
    let tensor = normalise(&pixels, how);
    Ok(Prepared { tensor, view: show(&pixels, x, y, how.channels) })
}

/// The part of the picture that a network sees, sharper than the network sees it: the longer side as long as the
/// picture allows, up to `max_side` pixels. Shape and place are those of [`Prepared::view`], so that a heatmap
/// stretched over it lies right.
///
/// A picture with fewer pixels than the network reads is given at the network's size.
///
/// # Errors
/// As for [`prepare`].
pub fn view_large(picture: &Picture, how: &Preprocessing, max_side: usize) -> Result<Rgba, PrepareError> {
    check(how)?;
    let windows = windows(picture, how);
    let longest = windows.iter().map(|window| window.count).max().unwrap_or(1);
    // Source pixels along each side of the crop; the network's own size is the least.
    let available = windows.iter().map(|window| (window.count as f64 * window.scale) as usize).max().unwrap_or(1);
    let side = available.max(longest).min(max_side.clamp(1, MAX_INPUT_SIDE));
    let [x, y] = windows.map(|window| {
        let count = ((window.count * side) as f64 / longest as f64).round().max(1.0);
        let zoom = count / window.count as f64;
        Window { scale: window.scale / zoom, first: window.first * zoom, count: count as usize }
    });
    let filter = if side == longest { how.filter } else { ResizeFilter::Bicubic };
    Ok(show(&resample(picture, filter, x, y), x, y, how.channels))
}

/// The whole picture with its longer side at most `side` pixels; never enlarged.
#[must_use]
pub fn thumbnail(picture: &Picture, side: u32) -> Rgba {
    let (width, height) = (picture.width(), picture.height());
    let longest = width.max(height);
    let side = side.clamp(1, longest);
    let count = |length: u32| ((f64::from(length) * f64::from(side) / f64::from(longest)).round() as usize).max(1);
    let (x, y) = (Window::whole(width, count(width)), Window::whole(height, count(height)));
    show(&resample(picture, ResizeFilter::Bicubic, x, y), x, y, ChannelOrder::Rgb)
}

fn channel_count(order: ChannelOrder) -> usize {
    match order {
        ChannelOrder::Rgb | ChannelOrder::Bgr => 3,
        ChannelOrder::Grey => 1,
    }
}

fn check(how: &Preprocessing) -> Result<(), PrepareError> {
    if how.size.iter().any(|side| !(1..=MAX_INPUT_SIDE).contains(side)) {
        return Err(PrepareError::Size { size: how.size });
    }
    if let Fit::CenterCrop { crop } = how.fit
        && !(crop > 0.0 && crop <= 1.0)
    {
        return Err(PrepareError::Crop { crop });
    }
    let expected = channel_count(how.channels);
    for (which, numbers) in [("mean", &how.mean), ("std", &how.std)] {
        if numbers.len() != expected {
            return Err(PrepareError::Channels { which, found: numbers.len(), expected });
        }
        if let Some(&value) = numbers.iter().find(|number| !number.is_finite() || (which == "std" && **number == 0.0)) {
            return Err(PrepareError::Number { which, value });
        }
    }
    if !how.scale.is_finite() {
        return Err(PrepareError::Number { which: "scale", value: how.scale });
    }
    Ok(())
}

/// The horizontal and the vertical window that bring the picture to the network's size.
fn windows(picture: &Picture, how: &Preprocessing) -> [Window; 2] {
    let (width, height) = (picture.width(), picture.height());
    let [rows, columns] = how.size;
    match how.fit {
        Fit::Stretch => [Window::whole(width, columns), Window::whole(height, rows)],
        Fit::CenterCrop { crop } => {
            let [across, down] = covering([width, height], [columns, rows], crop);
            [centred(width, across, columns), centred(height, down, rows)]
        }
    }
}

/// Width and height of the scaled picture that covers `target / crop`; equal to torchvision's for a square target.
fn covering([width, height]: [u32; 2], target: [usize; 2], crop: f32) -> [u64; 2] {
    let [across, down] = target.map(|side| ((side as f64 / f64::from(crop)).round()).min(1e9) as u64);
    let (width, height) = (u64::from(width), u64::from(height));
    if across * height >= down * width { [across, across * height / width] } else { [down * width / height, down] }
}

/// `count` pixels out of the middle of `scaled` pixels.
fn centred(source: u32, scaled: u64, count: usize) -> Window {
    let spare = scaled.saturating_sub(count as u64) as f64;
    Window { scale: f64::from(source) / scaled as f64, first: (spare / 2.0).round_ties_even(), count }
}

/// Pillow's `L` of an RGB pixel.
fn luminance(pixel: &[u8]) -> u8 {
    let sum = u32::from(pixel[0]) * 19_595 + u32::from(pixel[1]) * 38_470 + u32::from(pixel[2]) * 7_471;
    ((sum + 0x8000) >> 16) as u8
}

/// RGB bytes to the network's channels and numbers.
fn normalise(pixels: &[u8], how: &Preprocessing) -> Vec<f32> {
    let mut tensor = Vec::with_capacity(pixels.len() / 3 * channel_count(how.channels));
    for (channel, (mean, std)) in how.mean.iter().zip(&how.std).enumerate() {
        let table: [f32; 256] = std::array::from_fn(|value| (value as f32 * how.scale - mean) / std);
        let values = pixels.chunks_exact(3).map(|pixel| match how.channels {
            ChannelOrder::Rgb => pixel[channel],
            ChannelOrder::Bgr => pixel[2 - channel],
            ChannelOrder::Grey => luminance(pixel),
        });
        tensor.extend(values.map(|value| table[usize::from(value)]));
    }
    tensor
}

/// RGB bytes as something to draw.
fn show(pixels: &[u8], x: Window, y: Window, channels: ChannelOrder) -> Rgba {
    let mut shown = Vec::with_capacity(pixels.len() / 3 * 4);
    for pixel in pixels.chunks_exact(3) {
        match channels {
            ChannelOrder::Rgb | ChannelOrder::Bgr => shown.extend_from_slice(&[pixel[0], pixel[1], pixel[2], 255]),
            ChannelOrder::Grey => {
                let value = luminance(pixel);
                shown.extend_from_slice(&[value, value, value, 255]);
            }
        }
    }
    Rgba { width: x.count as u32, height: y.count as u32, pixels: shown }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gradient(width: u32, height: u32) -> Picture {
        let pixels = (0..height).flat_map(|y| {
            (0..width).flat_map(move |x| [(x * 255 / width) as u8, (y * 255 / height) as u8, (x ^ y) as u8])
        });
        Picture::from_rgb(width, height, pixels.collect()).unwrap()
    }

    #[test]
    fn sizes_are_torchvisions() {
        // torchvision.transforms.functional._compute_resized_output_size((h, w), [256]) and center_crop's offsets.
        assert_eq!(covering([640, 480], [224, 224], 0.875), [341, 256]);
        assert_eq!(covering([480, 640], [224, 224], 0.875), [256, 341]);
        assert_eq!(covering([500, 375], [224, 224], 224.0 / 232.0), [309, 232]);
        assert_eq!(covering([300, 300], [260, 260], 0.89), [292, 292]);
        assert_eq!(centred(640, 341, 224).first, 58.0); // 58.5, half to even
        assert_eq!(centred(640, 343, 224).first, 60.0); // 59.5, half to even
        // Not square: the height decides where the picture is wider than the target, and the other way round.
        assert_eq!(covering([1000, 100], [200, 100], 1.0), [1000, 100]);
        assert_eq!(covering([100, 100], [200, 100], 1.0), [200, 200]);
    }

    #[test]
    fn channels_and_numbers() {
        let picture = Picture::from_rgb(1, 1, vec![255, 51, 0]).unwrap();
        let rgb = prepare(&picture, &Preprocessing::torchvision([1, 1])).unwrap();
        let expected = [(1.0 - 0.485) / 0.229, (0.2 - 0.456) / 0.224, -0.406 / 0.225];
        for (got, expected) in rgb.tensor.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-6, "{got} {expected}");
        }
        assert_eq!(rgb.view.pixels, [255, 51, 0, 255]);
        let bgr = prepare(&picture, &Preprocessing::keras_caffe([1, 1])).unwrap();
        assert_eq!(bgr.tensor, [-103.939, 51.0 - 116.779, 255.0 - 123.68]);
        assert_eq!(bgr.view, rgb.view);
        let grey = prepare(&picture, &Preprocessing::raw([1, 1], ChannelOrder::Grey)).unwrap();
        assert_eq!(grey.tensor, [106.0]); // 76.2 + 29.9
        assert_eq!(grey.view.pixels, [106, 106, 106, 255]);
    }

    #[test]
    fn the_large_view_shows_the_same_part() {
        let how = Preprocessing::torchvision([56, 56]);
        let picture = gradient(400, 300);
        let large = view_large(&picture, &how, 448).unwrap();
        assert_eq!((large.width, large.height), (263, 263)); // 0.875 of 300, and a bit
        let small = prepare(&picture, &how).unwrap().view;
        // Shrunk to the network's size it is the view, but for the second filter.
        let rgb = large.pixels.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
        let again = thumbnail(&Picture::from_rgb(263, 263, rgb).unwrap(), 56);
        for (a, b) in again.pixels.chunks_exact(4).zip(small.pixels.chunks_exact(4)) {
            assert!(a[0].abs_diff(b[0]) <= 3 && a[1].abs_diff(b[1]) <= 3, "{a:?} {b:?}");
        }
        // A picture smaller than the input is not blown up further, and a small limit holds.
        assert_eq!(view_large(&gradient(40, 30), &how, 448).unwrap(), prepare(&gradient(40, 30), &how).unwrap().view);
        assert_eq!(view_large(&picture, &how, 20).unwrap().width, 20);
        let stretched = Preprocessing { fit: Fit::Stretch, size: [20, 40], ..how };
        let view = view_large(&picture, &stretched, 100).unwrap();
        assert_eq!((view.width, view.height), (100, 50));
    }

    #[test]
    fn thumbnails_keep_the_shape() {
        let small = thumbnail(&gradient(640, 320), 96);
        assert_eq!((small.width, small.height, small.pixels.len()), (96, 48, 96 * 48 * 4));
        let tiny = thumbnail(&gradient(20, 10), 96);
        assert_eq!((tiny.width, tiny.height), (20, 10));
        let line = thumbnail(&gradient(1000, 1), 96);
        assert_eq!((line.width, line.height), (96, 1));
        assert_eq!(thumbnail(&gradient(3, 3), 0).width, 1);
    }

    #[test]
    fn impossible_preprocessing_is_refused() {
        let picture = gradient(4, 4);
        let good = Preprocessing::torchvision([8, 8]);
        let refused = |how: Preprocessing| prepare(&picture, &how).unwrap_err();
        let error = refused(Preprocessing { size: [0, 8], ..good.clone() });
        assert_eq!(error, PrepareError::Size { size: [0, 8] });
        assert_eq!(error.what(), "The input size 8 × 0 cannot be used.");
        refused(Preprocessing { size: [8, 5000], ..good.clone() });
        for crop in [0.0, -1.0, 1.1, f32::NAN, f32::INFINITY] {
            refused(Preprocessing { fit: Fit::CenterCrop { crop }, ..good.clone() });
        }
        let error = refused(Preprocessing { mean: vec![0.5], ..good.clone() });
        assert_eq!(error.what(), "The network reads 3 channels, but `mean` has 1 numbers.");
        assert_eq!(error.place(), "preprocessing, mean");
        refused(Preprocessing { std: vec![1.0, 0.0, 1.0], ..good.clone() });
        refused(Preprocessing { mean: vec![1.0, f32::NAN, 1.0], ..good.clone() });
        refused(Preprocessing { scale: f32::INFINITY, ..good.clone() });
        assert!(view_large(&picture, &Preprocessing { scale: f32::NAN, ..good }, 10).is_err());
    }

    proptest! {
        #[test]
        fn every_shape_of_picture_fits(
            width in 1_u32..300, height in 1_u32..300, rows in 1_usize..40, columns in 1_usize..40,
            crop in 0.01_f32..=1.0, stretch: bool, max_side in 0_usize..64,
        ) {
            let how = Preprocessing {
                fit: if stretch { Fit::Stretch } else { Fit::CenterCrop { crop } },
                filter: ResizeFilter::Bicubic,
                ..Preprocessing::torchvision([rows, columns])
            };
            let picture = gradient(width, height);
            let prepared = prepare(&picture, &how).unwrap();
            prop_assert_eq!(prepared.tensor.len(), 3 * rows * columns);
            prop_assert_eq!(prepared.view.pixels.len(), 4 * rows * columns);
            prop_assert!(prepared.tensor.iter().all(|value| value.is_finite()));
            let large = view_large(&picture, &how, max_side).unwrap();
            prop_assert_eq!(large.pixels.len() as u32, 4 * large.width * large.height);
            prop_assert!(large.width.max(large.height) as usize <= max_side.max(1));
            // The part shown lies within the picture.
            for (window, length) in windows(&picture, &how).iter().zip([width, height]) {
                let ends = [window.first * window.scale, (window.first + window.count as f64) * window.scale];
                prop_assert!(ends[0] > -1e-9 && ends[1] < f64::from(length) + 1e-6, "{:?} {}", window, length);
            }
        }
    }
}
