//! What stands for "nothing there", and the way back from a network's input to pixels.
//!
//! A baseline is chosen as pixels and brought to the network's numbers by its [`Preprocessing`], since 0 in the network's
//! space is black for one network and middle grey for another.

use std::fmt;
use std::str::FromStr;

use innspect_graph::{ChannelOrder, Preprocessing};

use crate::picture::Rgba;

/// Standard deviation of [`Baseline::Blur`] as a share of the shorter side: 10 pixels at 224, the strength with which
/// Fong and Vedaldi ("Interpretable Explanations of Black Boxes by Meaningful Perturbation", ICCV 2017) hide objects.
pub const BLUR_SHARE: f32 = 10.0 / 224.0;

/// Least standard deviation of [`Baseline::Blur`] in pixels: what small inputs show is coarser than its share of the side.
pub const BLUR_LEAST: f32 = 2.0;

/// How far, in steps of 0..255, values may lie outside the range of pixels before [`to_view`] scales them: a quarter of the
/// range, so that a noisy picture still looks like itself.
pub const VIEW_MARGIN: f32 = 64.0;

/// What stands for "nothing there". As text the variant's name in lower case, and `picture:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// Pixels of 0.
    Black,
    /// Pixels of 255.
    White,
    /// Pixels of 127.5, the middle of the range.
    Grey,
    /// The mean colour of the input itself.
    Mean,
    /// The input under a Gaussian of [`BLUR_SHARE`] of the shorter side, at least [`BLUR_LEAST`] pixels.
    Blur,
    /// Pixels drawn uniformly from the whole numbers 0..=255.
    Noise,
    /// 0 in the network's input space, whatever colour that is.
    Zero,
    /// A loaded picture, named as the caller does; not empty.
    Picture(String),
}

impl Baseline {
    /// The baseline for an input `[C, H, W]` in the network's space, of the same shape and in the same space.
    ///
    /// `how` says what pixels become. Where it speaks of another number of channels than the input has (arrays that never
    /// were a picture), pixels of 0..255 stand for 0..1 in the network's space. [`Baseline::Noise`] is the same picture for
    /// all networks of one input size and `seed`, in whichever order they read the channels; the other baselines do not use
    /// `seed`. Non-finite values of the input stay what they are, and reach the whole of a mean or a blur.
    ///
    /// # Errors
    /// [`BaselineError::Picture`] for a picture, which only the caller can find; [`BaselineError::Length`] if the input is
    /// not of that shape.
    pub fn make(
        &self,
        input: &[f32],
        shape: [usize; 3],
        how: &Preprocessing,
        seed: u64,
    ) -> Result<Vec<f32>, BaselineError> {
        let [channels, height, width] = shape;
        let area = height * width;
        if input.len() != channels * area {
            return Err(BaselineError::Length { found: input.len(), shape });
        }
        let flat = |value: f32| {
            let levels = Levels::new(how, channels);
            (0..channels).flat_map(|channel| std::iter::repeat_n(levels.model(channel, value), area)).collect()
        };
        Ok(match self {
            Self::Black => flat(0.0),
            Self::White => flat(255.0),
            Self::Grey => flat(127.5),
            Self::Zero => vec![0.0; input.len()],
            Self::Mean => {
                let mean =
                    |plane: &[f32]| (plane.iter().map(|&value| f64::from(value)).sum::<f64>() / area as f64) as f32;
                input.chunks_exact(area.max(1)).flat_map(|plane| std::iter::repeat_n(mean(plane), area)).collect()
            }
            Self::Blur => blur(input, shape, (BLUR_SHARE * height.min(width) as f32).max(BLUR_LEAST)),
            Self::Noise => noise(shape, how, seed),
            Self::Picture(name) => return Err(BaselineError::Picture { name: name.clone() }),
        })
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Black => "black",
            Self::White => "white",
            Self::Grey => "grey",
            Self::Mean => "mean",
            Self::Blur => "blur",
            Self::Noise => "noise",
            Self::Zero => "zero",
            Self::Picture(name) => return write!(f, "picture:{name}"),
        })
    }
}

impl FromStr for Baseline {
    type Err = BaselineError;

    fn from_str(text: &str) -> Result<Self, BaselineError> {
        Ok(match text {
            "black" => Self::Black,
            "white" => Self::White,
            "grey" => Self::Grey,
            "mean" => Self::Mean,
            "blur" => Self::Blur,
            "noise" => Self::Noise,
            "zero" => Self::Zero,
            _ => match text.strip_prefix("picture:") {
                Some(name) if !name.is_empty() => Self::Picture(name.to_owned()),
                _ => return Err(BaselineError::Unknown { text: text.to_owned() }),
            },
        })
    }
}

/// Why there is no such baseline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.what())]
#[non_exhaustive]
pub enum BaselineError {
    /// The text names no baseline.
    Unknown {
        /// The text.
        text: String,
    },
    /// The baseline is a picture, which is to be loaded and prepared before.
    Picture {
        /// Its name.
        name: String,
    },
    /// The input is not of the shape given.
    Length {
        /// How many numbers there are.
        found: usize,
        /// `[C, H, W]`.
        shape: [usize; 3],
    },
}

impl BaselineError {
    /// What happened, one sentence.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Unknown { text } => format!("There is no baseline {text:?}."),
            Self::Picture { name } => format!("The baseline {name:?} is a picture that was not loaded."),
            Self::Length { found, shape: [channels, height, width] } => {
                format!("{found} numbers do not make an input of {channels} × {height} × {width}.")
            }
        }
    }

    /// What to do, one sentence.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Unknown { .. } => {
                "Give black, white, grey, mean, blur, noise, zero, or `picture:` and the name of a loaded picture."
                    .into()
            }
            Self::Picture { .. } => "Load the picture first, or choose another baseline.".into(),
            Self::Length { .. } => "Give as many numbers as the network reads.".into(),
        }
    }
}

/// What pixels become, per channel: `(pixel · scale - mean) / std`.
struct Levels<'a> {
    how: Option<&'a Preprocessing>,
}

impl<'a> Levels<'a> {
    /// Without a preprocessing that fits, pixels stand for 0..1.
    fn new(how: &'a Preprocessing, channels: usize) -> Self {
        Self { how: Some(how).filter(|how| how.mean.len() == channels && how.std.len() == channels) }
    }

    /// A pixel's value in the network's space.
    fn model(&self, channel: usize, pixel: f32) -> f32 {
        match self.how {
            Some(how) => (pixel * how.scale - how.mean[channel]) / how.std[channel],
            None => pixel / 255.0,
        }
    }

    /// The pixel that has a value in the network's space.
    fn pixel(&self, channel: usize, value: f32) -> f32 {
        match self.how {
            Some(how) => (value * how.std[channel] + how.mean[channel]) / how.scale,
            None => value * 255.0,
        }
    }
}

/// What the pixels 0 and 255 become in each of the network's channels, the smaller first: the bounds `(low, high)` of the
/// input, each of `channels` numbers, as the z^B rule wants them. Where `how` speaks of another number of channels, 0 and 1.
#[must_use]
pub fn pixel_range(how: &Preprocessing, channels: usize) -> (Vec<f32>, Vec<f32>) {
    let levels = Levels::new(how, channels);
    let bounds = |channel| (levels.model(channel, 0.0), levels.model(channel, 255.0));
    (0..channels).map(bounds).map(|(black, white)| (black.min(white), black.max(white))).unzip()
}

/// An input `[C, H, W]` in the network's space as opaque pixels to look at.
///
/// Three channels are shown in colour (in the order red, green, blue unless `how` says otherwise), any other number as the
/// grey of their mean. An array that does not look like pixels, some value lying more than [`VIEW_MARGIN`] outside 0..255,
/// is scaled as a whole so that its smallest value is black and its largest white; all else is cut off at 0 and 255. Values
/// that are not finite are black.
///
/// # Panics
/// If the input is not of that shape.
#[must_use]
pub fn to_view(input: &[f32], shape: [usize; 3], how: &Preprocessing) -> Rgba {
    let [channels, height, width] = shape;
    let area = height * width;
    assert_eq!(input.len(), channels * area, "{channels} × {height} × {width} numbers");
    let levels = Levels::new(how, channels);
    let mut planes: Vec<Vec<f32>> = input
        .chunks_exact(area.max(1))
        .enumerate()
        .map(|(channel, plane)| plane.iter().map(|&value| levels.pixel(channel, value)).collect())
        .collect();
    let finite = || planes.iter().flatten().filter(|value| value.is_finite());
    let low = finite().fold(f32::INFINITY, |low, &value| low.min(value));
    let high = finite().fold(f32::NEG_INFINITY, |high, &value| high.max(value));
    if (low < -VIEW_MARGIN || high > 255.0 + VIEW_MARGIN) && high > low {
        // Halved, as the difference of two large numbers may not be finite.
        let half_range = high / 2.0 - low / 2.0;
        for value in planes.iter_mut().flatten() {
            *value = (*value / 2.0 - low / 2.0) / half_range * 255.0;
        }
    }
    if how.channels == ChannelOrder::Bgr && channels == 3 {
        planes.reverse();
    }
    let byte = |value: f32| if value.is_finite() { value.round().clamp(0.0, 255.0) as u8 } else { 0 };
    let mut pixels = Vec::with_capacity(area * 4);
    for index in 0..area {
        let [red, green, blue] = match planes.as_slice() {
            [red, green, blue] => [red[index], green[index], blue[index]],
            planes => [planes.iter().map(|plane| plane[index]).sum::<f32>() / channels as f32; 3],
        };
        pixels.extend_from_slice(&[byte(red), byte(green), byte(blue), 255]);
    }
    Rgba { width: width as u32, height: height as u32, pixels }
}

/// Each channel of an input `[C, H, W]` under a Gaussian of standard deviation `sigma` pixels, cut off at three of them.
///
/// At the border the part of the Gaussian that lies inside is weighted anew to a sum of 1, so that an even area stays as it
/// is. A `sigma` of 0 or less changes nothing.
///
/// # Panics
/// If the input is not of that shape.
#[must_use]
pub fn blur(input: &[f32], shape: [usize; 3], sigma: f32) -> Vec<f32> {
    let [channels, height, width] = shape;
    assert_eq!(input.len(), channels * height * width, "{channels} × {height} × {width} numbers");
    let radius = (3.0 * f64::from(sigma)).ceil().max(0.0) as usize;
    if radius == 0 || input.is_empty() {
        return input.to_vec();
    }
    let weights: Vec<f64> = (0..=radius.min(height.max(width)))
        .map(|distance| (-0.5 * (distance as f64 / f64::from(sigma)).powi(2)).exp())
        .collect();
    let mut output = Vec::with_capacity(input.len());
    for plane in input.chunks_exact(height * width) {
        let plane: Vec<f64> = plane.iter().map(|&value| f64::from(value)).collect();
        // Along the rows and turned, twice: the second turn brings the plane back.
        let turned = blur_rows(&plane, width, &weights);
        output.extend(blur_rows(&turned, height, &weights).into_iter().map(|value| value as f32));
    }
    output
}

/// Blurs along rows of `length` values; the result is transposed.
fn blur_rows(plane: &[f64], length: usize, weights: &[f64]) -> Vec<f64> {
    let count = plane.len() / length;
    let radius = weights.len() - 1;
    let mut turned = vec![0.0; plane.len()];
    for (index, row) in plane.chunks_exact(length).enumerate() {
        for place in 0..length {
            let first = place.saturating_sub(radius);
            let last = (place + radius).min(length - 1);
            let (mut sum, mut total) = (0.0, 0.0);
            for (offset, value) in row[first..=last].iter().enumerate() {
                let weight = weights[(first + offset).abs_diff(place)];
                sum += weight * value;
                total += weight;
            }
            turned[place * count + index] = sum / total;
        }
    }
    turned
}

/// Uniform pixels. Each plane of the picture has its own stream, so that the first does not depend on how many there are.
fn noise([channels, height, width]: [usize; 3], how: &Preprocessing, seed: u64) -> Vec<f32> {
    let levels = Levels::new(how, channels);
    let mut streams = fastrand::Rng::with_seed(seed);
    let mut planes: Vec<Vec<u8>> = Vec::with_capacity(channels);
    for _ in 0..channels {
        let mut stream = streams.fork();
        planes.push((0..height * width).map(|_| stream.u8(..)).collect());
    }
    if how.channels == ChannelOrder::Bgr && channels == 3 {
        planes.reverse();
    }
    let level = |(channel, plane): (usize, Vec<u8>)| -> Vec<f32> {
        plane.into_iter().map(|pixel| levels.model(channel, f32::from(pixel))).collect()
    };
    planes.into_iter().enumerate().flat_map(level).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Picture, prepare};

    const KINDS: [Baseline; 7] = [
        Baseline::Black,
        Baseline::White,
        Baseline::Grey,
        Baseline::Mean,
        Baseline::Blur,
        Baseline::Noise,
        Baseline::Zero,
    ];

    fn conventions(size: [usize; 2]) -> [Preprocessing; 6] {
        [
            Preprocessing::torchvision(size),
            Preprocessing::keras_caffe(size),
            Preprocessing::keras_tf(size),
            Preprocessing::unit(size, ChannelOrder::Rgb),
            Preprocessing::raw(size, ChannelOrder::Grey),
            Preprocessing { std: vec![-0.5], ..Preprocessing::unit(size, ChannelOrder::Grey) },
        ]
    }

    fn make(baseline: &Baseline, input: &[f32], shape: [usize; 3], how: &Preprocessing) -> Vec<f32> {
        baseline.make(input, shape, how, 7).unwrap()
    }

    #[test]
    fn texts() {
        for baseline in KINDS.into_iter().chain([Baseline::Picture("a:b".into())]) {
            assert_eq!(baseline.to_string().parse(), Ok(baseline));
        }
        assert_eq!(innspect_protocol::BASELINES.map(|text| text.parse::<Baseline>().unwrap()), KINDS);
        for text in ["", "Black", "gray", "picture", "picture:", "blur:3"] {
            assert_eq!(text.parse::<Baseline>(), Err(BaselineError::Unknown { text: text.into() }));
        }
        let how = Preprocessing::torchvision([1, 1]);
        let picture = Baseline::Picture("cat".into()).make(&[0.0; 3], [3, 1, 1], &how, 0).unwrap_err();
        assert_eq!(picture, BaselineError::Picture { name: "cat".into() });
        assert_eq!(picture.to_string(), "The baseline \"cat\" is a picture that was not loaded.");
        let length = Baseline::Black.make(&[0.0; 4], [3, 1, 1], &how, 0).unwrap_err();
        assert_eq!(length, BaselineError::Length { found: 4, shape: [3, 1, 1] });
        assert_eq!(length.to_string(), "4 numbers do not make an input of 3 × 1 × 1.");
    }

    /// A black picture that was prepared is the black baseline, bit for bit; likewise white.
    #[test]
    fn black_and_white_are_those_of_pictures() {
        for how in conventions([4, 6]) {
            let channels = how.mean.len();
            for (baseline, value) in [(Baseline::Black, 0), (Baseline::White, 255)] {
                let picture = Picture::from_rgb(6, 4, vec![value; 72]).unwrap();
                let prepared = prepare(&picture, &how).unwrap().tensor;
                assert_eq!(make(&baseline, &prepared, [channels, 4, 6], &how), prepared);
            }
        }
    }

    #[test]
    fn plain_colours() {
        let tf = Preprocessing::keras_tf([1, 2]);
        assert_eq!(make(&Baseline::Grey, &[9.0; 6], [3, 1, 2], &tf), [0.0; 6]);
        let caffe = Preprocessing::keras_caffe([1, 1]);
        assert_eq!(
            make(&Baseline::Grey, &[0.0; 3], [3, 1, 1], &caffe),
            [127.5 - 103.939, 127.5 - 116.779, 127.5 - 123.68]
        );
        assert_eq!(make(&Baseline::Zero, &[5.0; 3], [3, 1, 1], &caffe), [0.0; 3]);
        let input = [1.0, 3.0, -4.0, 0.0];
        assert_eq!(make(&Baseline::Mean, &input, [2, 1, 2], &tf), [2.0, 2.0, -2.0, -2.0]);
        // Four channels under a preprocessing for three: 0..1.
        assert_eq!(make(&Baseline::Black, &[5.0; 4], [4, 1, 1], &caffe), [0.0; 4]);
        assert_eq!(make(&Baseline::White, &[5.0; 4], [4, 1, 1], &caffe), [1.0; 4]);
        assert_eq!(make(&Baseline::Grey, &[5.0; 4], [4, 1, 1], &caffe), [0.5; 4]);
        for baseline in KINDS {
            assert!(make(&baseline, &[], [3, 0, 5], &tf).is_empty());
        }
    }

    #[test]
    fn ranges_are_ordered() {
        let (low, high) = pixel_range(&Preprocessing::keras_tf([1, 1]), 3);
        assert_eq!((low, high), (vec![-1.0; 3], vec![1.0; 3]));
        let (low, high) = pixel_range(&Preprocessing::keras_caffe([1, 1]), 3);
        assert_eq!(low, [-103.939, -116.779, -123.68]);
        assert_eq!(high, [255.0 - 103.939, 255.0 - 116.779, 255.0 - 123.68]);
        let turned = Preprocessing { std: vec![-0.5], ..Preprocessing::unit([1, 1], ChannelOrder::Grey) };
        assert_eq!(pixel_range(&turned, 1), (vec![-2.0], vec![0.0]));
        assert_eq!(pixel_range(&turned, 2), (vec![0.0; 2], vec![1.0; 2]));
    }

    /// One bright pixel: the weights themselves, by hand.
    #[test]
    fn blur_is_a_gaussian() {
        let mut input = [0.0; 49];
        input[24] = 1.0;
        let blurred = blur(&input, [1, 7, 7], 1.0);
        let line: Vec<f64> = (-3..=3).map(|d| (-0.5 * f64::from(d * d)).exp()).collect();
        // The row through the middle holds the whole Gaussian only for the middle column.
        let whole: f64 = line.iter().sum();
        assert!((f64::from(blurred[24]) - 1.0 / (whole * whole)).abs() < 1e-7);
        let inside: f64 = line[1..].iter().sum(); // one column to the right sees columns -2..=3
        assert!((f64::from(blurred[25]) - line[2] / (whole * inside)).abs() < 1e-7);
        assert!((blurred[25] - blurred[17]).abs() < 1e-7 && (blurred[23] - blurred[31]).abs() < 1e-7);
        assert_eq!(blur(&input, [1, 7, 7], 0.0), input);
        // As the kind of baseline: two pixels at least, else the share of the shorter side.
        let how = Preprocessing::raw([7, 7], ChannelOrder::Grey);
        assert_eq!(make(&Baseline::Blur, &input, [1, 7, 7], &how), blur(&input, [1, 7, 7], 2.0));
        let large: Vec<f32> = (0..112 * 130).map(|i| (i % 37) as f32).collect();
        let expected = blur(&large, [1, 112, 130], 5.0);
        let shown = make(&Baseline::Blur, &large, [1, 112, 130], &how);
        assert!(expected.iter().zip(&shown).all(|(a, b)| (a - b).abs() < 1e-4));
    }

    #[test]
    fn noise_is_the_same_picture_for_all() {
        let shape = [3, 40, 50];
        let zeros = vec![0.0; 6000];
        let rgb = Preprocessing::raw([40, 50], ChannelOrder::Rgb);
        let bgr = Preprocessing::raw([40, 50], ChannelOrder::Bgr);
        let noise = make(&Baseline::Noise, &zeros, shape, &rgb);
        assert_eq!(noise, make(&Baseline::Noise, &vec![1.0; 6000], shape, &rgb));
        assert_ne!(noise, Baseline::Noise.make(&zeros, shape, &rgb, 8).unwrap());
        let turned = make(&Baseline::Noise, &zeros, shape, &bgr);
        assert_eq!(to_view(&noise, shape, &rgb), to_view(&turned, shape, &bgr));
        assert_eq!(turned[..2000], noise[4000..]);
        let caffe = Preprocessing::keras_caffe([40, 50]);
        assert_eq!(
            to_view(&make(&Baseline::Noise, &zeros, shape, &caffe), shape, &caffe),
            to_view(&noise, shape, &rgb)
        );
        // Uniform: mean 127.5 with a standard error of 73.9 / √6000 = 0.95, and both ends occur.
        let mean = noise.iter().sum::<f32>() / 6000.0;
        assert!((mean - 127.5).abs() < 4.0, "{mean}");
        assert!(noise.contains(&0.0) && noise.contains(&255.0));
        assert!(noise.iter().all(|value| value.fract() == 0.0));
        let correlation: f32 =
            noise[..2000].iter().zip(&noise[2000..4000]).map(|(a, b)| (a - 127.5) * (b - 127.5)).sum();
        assert!((correlation / 2000.0 / 5461.0).abs() < 0.1, "the planes differ");
    }

    /// All 256 values and back, in each convention.
    #[test]
    fn a_view_is_the_picture_again() {
        let picture = Picture::from_rgb(
            256,
            2,
            (0..512_u32).flat_map(|i| [i as u8, (255 - i % 256) as u8, (i * 7) as u8]).collect(),
        );
        let picture = picture.unwrap();
        for how in conventions([2, 256]).map(|how| Preprocessing { fit: innspect_graph::Fit::Stretch, ..how }) {
            let prepared = prepare(&picture, &how).unwrap();
            assert_eq!(to_view(&prepared.tensor, [how.mean.len(), 2, 256], &how), prepared.view);
        }
    }

    #[test]
    fn arrays_that_are_no_pictures_are_scaled() {
        let how = Preprocessing::raw([1, 3], ChannelOrder::Grey);
        let grey =
            |values: [f32; 3]| to_view(&values, [1, 1, 3], &how).pixels.chunks(4).map(|p| p[0]).collect::<Vec<_>>();
        assert_eq!(grey([-40.0, 100.4, 300.0]), [0, 100, 255]); // a little outside: cut off
        assert_eq!(grey([-65.0, 0.0, 65.0]), [0, 128, 255]); // far outside: scaled
        assert_eq!(grey([0.0, 255.0, 510.0]), [0, 128, 255]);
        assert_eq!(grey([1000.0; 3]), [255; 3]);
        assert_eq!(grey([f32::NAN, 3.0, f32::INFINITY]), [0, 3, 0]);
        assert_eq!(grey([f32::MIN, 0.0, f32::MAX]), [0, 128, 255]);
        // Two channels: the mean of the pixels 0..255 for 0..1.
        assert_eq!(to_view(&[1.0, 0.2], [2, 1, 1], &how).pixels, [153, 153, 153, 255]);
        assert_eq!(to_view(&[], [0, 1, 1], &how).pixels, [0, 0, 0, 255]);
        assert_eq!(to_view(&[1.0, 0.0, 0.2], [3, 1, 1], &how).pixels, [255, 0, 51, 255]);
    }

    proptest! {
        #[test]
        fn blurring_keeps_range_and_evenness(
            height in 1_usize..20, width in 1_usize..20, sigma in 0.1_f32..8.0, level in -3.0_f32..3.0, seed: u64,
        ) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let input: Vec<f32> = (0..2 * height * width).map(|_| rng.f32() - level).collect();
            let blurred = blur(&input, [2, height, width], sigma);
            for (before, after) in input.chunks(height * width).zip(blurred.chunks(height * width)) {
                let low = before.iter().copied().fold(f32::INFINITY, f32::min);
                let high = before.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                prop_assert!(after.iter().all(|&value| value >= low - 1e-6 && value <= high + 1e-6));
            }
            let even = vec![level; height * width];
            let still = blur(&even, [1, height, width], sigma);
            prop_assert!(still.iter().all(|value| (value - level).abs() < 1e-6));
            // A picture on its side is blurred on its side.
            let turn = |plane: &[f32], width: usize| -> Vec<f32> {
                (0..plane.len()).map(|i| plane[i % (plane.len() / width) * width + i / (plane.len() / width)]).collect()
            };
            let sideways = blur(&turn(&input[..height * width], width), [1, width, height], sigma);
            for (a, b) in sideways.iter().zip(turn(&blurred[..height * width], width)) {
                prop_assert!((a - b).abs() < 1e-6);
            }
        }

        #[test]
        fn baselines_lie_in_the_range_of_pixels(height in 1_usize..12, width in 1_usize..12, which in 0_usize..6, seed: u64) {
            let how = &conventions([height, width])[which];
            let channels = how.mean.len();
            let (low, high) = pixel_range(how, channels);
            let area = height * width;
            let mut rng = fastrand::Rng::with_seed(seed);
            let input: Vec<f32> =
                (0..channels * area).map(|i| low[i / area] + rng.f32() * (high[i / area] - low[i / area])).collect();
            for baseline in [Baseline::Black, Baseline::White, Baseline::Grey, Baseline::Mean, Baseline::Blur, Baseline::Noise] {
                let made = baseline.make(&input, [channels, height, width], how, seed).unwrap();
                prop_assert_eq!(made.len(), input.len());
                for (index, value) in made.iter().enumerate() {
                    let slack = 1e-5 * (high[index / area] - low[index / area]);
                    prop_assert!((low[index / area] - slack..=high[index / area] + slack).contains(value));
                }
            }
        }
    }
}
