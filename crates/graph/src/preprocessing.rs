//! How a picture becomes a network's input.

use serde::{Deserialize, Serialize};

/// The order in which a network reads colour channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelOrder {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red (Caffe's order).
    Bgr,
    /// One channel of luminance.
    Grey,
}

/// How a picture of any shape is brought to the network's size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Fit {
    /// The shorter side is scaled to `size / crop` and the centre is cut out: the usual evaluation of ImageNet networks.
    CenterCrop {
        /// Share of the shorter side that stays, in `(0, 1]`; 0.875 is 224 of 256.
        crop: f32,
    },
    /// Both sides are scaled, the aspect ratio is lost, nothing is cut.
    Stretch,
}

/// The interpolation of a resize; all of them average over the source area when shrinking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResizeFilter {
    /// The nearest pixel.
    Nearest,
    /// Triangle filter.
    #[default]
    Bilinear,
    /// Catmull-Rom, close to Pillow's bicubic.
    Bicubic,
}

/// The steps from decoded 8-bit pixels to the network's input: fit, channel order, then per channel
/// `(pixel · scale - mean) / std`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocessing {
    /// Target `[height, width]` in pixels.
    pub size: [usize; 2],
    /// How the picture is brought to `size`.
    pub fit: Fit,
    /// Interpolation.
    pub filter: ResizeFilter,
    /// Channel order of the network's input.
    pub channels: ChannelOrder,
    /// Factor on the 0..255 pixel value; 1/255 gives 0..1, 1 keeps 0..255.
    pub scale: f32,
    /// Subtracted per channel after `scale`, in the network's channel order.
    pub mean: Vec<f32>,
    /// Divides per channel after `mean`, in the network's channel order; never 0.
    pub std: Vec<f32>,
}

impl Preprocessing {
    /// The torchvision convention: RGB in 0..1, ImageNet mean and standard deviation.
    #[must_use]
    pub fn torchvision(size: [usize; 2]) -> Self {
        Self {
            size,
            fit: Fit::CenterCrop { crop: 0.875 },
            filter: ResizeFilter::Bilinear,
            channels: ChannelOrder::Rgb,
            scale: 1.0 / 255.0,
            mean: vec![0.485, 0.456, 0.406],
            std: vec![0.229, 0.224, 0.225],
        }
    }

    /// RGB (or grey) in 0..1.
    #[must_use]
    pub fn unit(size: [usize; 2], channels: ChannelOrder) -> Self {
        let count = if channels == ChannelOrder::Grey { 1 } else { 3 };
        Self { channels, mean: vec![0.0; count], std: vec![1.0; count], ..Self::torchvision(size) }
    }

    /// RGB in -1..1, the `tf` mode of keras.applications.
    #[must_use]
    pub fn keras_tf(size: [usize; 2]) -> Self {
        Self { scale: 1.0 / 127.5, mean: vec![1.0; 3], std: vec![1.0; 3], ..Self::torchvision(size) }
    }

    /// BGR in 0..255 minus the ImageNet mean, the `caffe` mode of keras.applications.
    #[must_use]
    pub fn keras_caffe(size: [usize; 2]) -> Self {
        Self {
            channels: ChannelOrder::Bgr,
            scale: 1.0,
            mean: vec![103.939, 116.779, 123.68],
            std: vec![1.0; 3],
            ..Self::torchvision(size)
        }
    }

    /// Pixels as they are, 0..255.
    #[must_use]
    pub fn raw(size: [usize; 2], channels: ChannelOrder) -> Self {
        Self { scale: 1.0, ..Self::unit(size, channels) }
    }
}

/// The preprocessing a network most likely expects where neither its file nor a catalogue says it, and one sentence
/// saying why.
///
/// A network that starts with a factor and a summand on the picture prepares it itself; the size of the factor tells
/// whether it counts on pixels in 0..255 or in 0..1. Call it after [`passes::optimize`](crate::passes::optimize).
#[must_use]
pub fn guess_preprocessing(graph: &crate::Graph) -> (Preprocessing, String) {
    let [channels, height, width] = graph.image_shape().unwrap_or([3, 224, 224]);
    let size = [height, width];
    let order = if channels == 1 { ChannelOrder::Grey } else { ChannelOrder::Rgb };
    // The convenience constructors know one and three channels.
    let widened = |mut preprocessing: Preprocessing| {
        if preprocessing.mean.len() != channels {
            preprocessing.mean = vec![0.0; channels];
            preprocessing.std = vec![1.0; channels];
        }
        preprocessing
    };
    match leading_affine(graph) {
        Some(Leading::Raw { bgr }) => {
            let order = if bgr && channels == 3 { ChannelOrder::Bgr } else { order };
            let order_text = if order == ChannelOrder::Bgr { " in the order blue, green, red" } else { "" };
            let why = format!("The network normalises pixels of 0..255{order_text} itself.");
            (widened(Preprocessing { channels: order, ..Preprocessing::raw(size, order) }), why)
        }
        Some(Leading::Unit) => {
            (widened(Preprocessing::unit(size, order)), "The network normalises pixels of 0..1 itself.".to_owned())
        }
        None if channels == 3 => {
            let why =
                "The file does not say how pictures are prepared; the usual ImageNet mean and deviation are assumed.";
            (Preprocessing::torchvision(size), why.to_owned())
        }
        None => {
            let why =
                format!("The file does not say how pictures are prepared; for {channels} channels 0..1 is assumed.");
            (widened(Preprocessing::unit(size, order)), why)
        }
    }
}

enum Leading {
    Raw { bgr: bool },
    Unit,
}

/// What an affine node right behind the input says about the range of the pixels.
fn leading_affine(graph: &crate::Graph) -> Option<Leading> {
    let mut readers = graph.nodes.iter().filter(|node| node.inputs.contains(&graph.input));
    let (first, None) = (readers.next()?, readers.next()) else { return None };
    let crate::Op::Affine { scale, shift } = first.op else { return None };
    let values = |id: Option<crate::ParamId>| id.and_then(|id| graph.param(id).data.held());
    let largest = |list: &[f32]| list.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let factor = values(scale).map_or(1.0, largest);
    let summand = values(shift).map_or(0.0, largest);
    // Factors for raw pixels are about 1/255 to 1/50, those for 0..1 about 1 to 5. Means alone tell by their size.
    let raw = if factor == 1.0 { summand > 10.0 } else { factor < 0.1 };
    if !raw {
        return Some(Leading::Unit);
    }
    // The ImageNet mean is smallest in blue; a mean that grows from the first channel on is in Caffe's order.
    let means: Option<Vec<f32>> = values(shift).map(|shift| {
        let factors = values(scale).unwrap_or(&[1.0]);
        shift
            .iter()
            .enumerate()
            .map(|(channel, &shift)| -shift / factors.get(channel).or(factors.first()).copied().unwrap_or(1.0))
            .collect()
    });
    let bgr = matches!(means.as_deref(), Some(&[blue, green, red]) if blue < green && green < red && blue > 90.0 && red < 140.0);
    Some(Leading::Raw { bgr })
}
