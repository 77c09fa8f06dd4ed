//! Conventions of preparing pictures that people know by name.

use innspect_graph::{ChannelOrder, Preprocessing};

/// A convention: what happens to a pixel's value, and in which order its channels are read.
#[derive(Clone, Copy)]
pub struct Preset {
    /// Its id in forms and tests.
    pub id: &'static str,
    /// The name people know.
    pub name: &'static str,
    /// What it does, in a few words.
    pub detail: &'static str,
    make: fn([usize; 2]) -> Preprocessing,
}

impl Preset {
    /// Its steps for a picture of `size` `[height, width]`.
    #[must_use]
    pub fn steps(&self, size: [usize; 2]) -> Preprocessing {
        (self.make)(size)
    }
}

fn symmetric_grey(size: [usize; 2]) -> Preprocessing {
    Preprocessing { scale: 1.0 / 127.5, mean: vec![1.0], ..Preprocessing::unit(size, ChannelOrder::Grey) }
}

/// Mean and deviation of MNIST's training pictures, as in PyTorch's example network for it.
fn mnist(size: [usize; 2]) -> Preprocessing {
    Preprocessing { mean: vec![0.1307], std: vec![0.3081], ..Preprocessing::unit(size, ChannelOrder::Grey) }
}

const COLOUR: &[Preset] = &[
    Preset {
        id: "torchvision",
        name: "torchvision, ImageNet",
        detail: "Mean and deviation per channel; Keras calls it torch mode",
        make: Preprocessing::torchvision,
    },
    Preset {
        id: "keras-caffe",
        name: "Keras, caffe mode",
        detail: "BGR minus mean: VGG and ResNet of Keras, Caffe",
        make: Preprocessing::keras_caffe,
    },
    Preset {
        id: "keras-tf",
        name: "Keras, tf mode",
        detail: "−1 to 1: Inception, Xception, MobileNet of Keras",
        make: Preprocessing::keras_tf,
    },
    Preset {
        id: "unit",
        name: "0 to 1",
        detail: "Pixels divided by 255",
        make: |size| Preprocessing::unit(size, ChannelOrder::Rgb),
    },
    Preset {
        id: "raw",
        name: "0 to 255",
        detail: "Pixels as they are; the network does the rest",
        make: |size| Preprocessing::raw(size, ChannelOrder::Rgb),
    },
];

const GREY: &[Preset] = &[
    Preset {
        id: "unit",
        name: "0 to 1",
        detail: "Grey divided by 255",
        make: |size| Preprocessing::unit(size, ChannelOrder::Grey),
    },
    Preset { id: "symmetric", name: "−1 to 1", detail: "Grey around zero", make: symmetric_grey },
    Preset { id: "mnist", name: "MNIST", detail: "Mean and deviation of handwritten digits", make: mnist },
    Preset {
        id: "raw",
        name: "0 to 255",
        detail: "Grey as it is; the network does the rest",
        make: |size| Preprocessing::raw(size, ChannelOrder::Grey),
    },
];

/// The conventions for a network that reads so many channels.
#[must_use]
pub fn for_channels(channels: usize) -> &'static [Preset] {
    if channels == 1 { GREY } else { COLOUR }
}

/// The convention that steps follow, if it is a known one; also where they are written differently, as with means in
/// 0..255. How the picture is cut is not part of it.
#[must_use]
pub fn recognise(presets: &'static [Preset], steps: &Preprocessing) -> Option<&'static Preset> {
    presets.iter().find(|preset| same_values(&preset.steps(steps.size), steps))
}

/// Whether both make the same number of every pixel.
fn same_values(one: &Preprocessing, other: &Preprocessing) -> bool {
    // (pixel · scale − mean) / std at black and white says everything of a straight line.
    let ends = |steps: &Preprocessing| -> Vec<f32> {
        let channels = steps.mean.iter().zip(&steps.std);
        channels.flat_map(|(mean, std)| [-mean / std, (255.0 * steps.scale - mean) / std]).collect()
    };
    let (one_ends, other_ends) = (ends(one), ends(other));
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * (1.0 + a.abs().max(b.abs()));
    one.channels == other.channels && one_ends.len() == other_ends.len() && one_ends.iter().zip(&other_ends).all(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_recognised_as_itself() {
        for presets in [COLOUR, GREY] {
            for preset in presets {
                let found = recognise(presets, &preset.steps([224, 224]));
                assert_eq!(found.map(|found| found.id), Some(preset.id));
            }
        }
    }

    #[test]
    fn the_same_line_is_the_same_preset() {
        let in_pixels = Preprocessing {
            scale: 1.0,
            mean: vec![123.675, 116.28, 103.53],
            std: vec![58.395, 57.12, 57.375],
            ..Preprocessing::torchvision([299, 299])
        };
        assert_eq!(recognise(COLOUR, &in_pixels).map(|preset| preset.id), Some("torchvision"));
        let halves = Preprocessing {
            scale: 1.0 / 255.0,
            mean: vec![0.5; 3],
            std: vec![0.5; 3],
            ..Preprocessing::torchvision([224, 224])
        };
        assert_eq!(recognise(COLOUR, &halves).map(|preset| preset.id), Some("keras-tf"));
    }

    #[test]
    fn other_orders_and_numbers_are_custom() {
        let blue_first = Preprocessing { channels: ChannelOrder::Bgr, ..Preprocessing::torchvision([224, 224]) };
        assert!(recognise(COLOUR, &blue_first).is_none());
        let other = Preprocessing { mean: vec![0.4, 0.4, 0.4], ..Preprocessing::torchvision([224, 224]) };
        assert!(recognise(COLOUR, &other).is_none());
        assert!(recognise(COLOUR, &mnist([28, 28])).is_none());
        assert_eq!(for_channels(1).len(), GREY.len());
    }
}
