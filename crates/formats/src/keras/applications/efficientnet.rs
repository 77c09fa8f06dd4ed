//! EfficientNet and EfficientNetV2 of Tan and Le (2019, 2021).

use serde_json::json;

use super::net::{Conv, Description, Net, Plan, Tap, divisible, multiple};

/// The mean colour of ImageNet, pixels in 0..1, and the deviation from it.
const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
pub(super) const DEVIATION: [f64; 3] = [0.229, 0.224, 0.225];

/// The blocks of a stage before they are scaled.
#[derive(Clone, Copy)]
pub(super) struct Stage {
    kernel: usize,
    repeats: usize,
    /// Channels in front of it and behind.
    filters: [usize; 2],
    expansion: usize,
    stride: usize,
    /// One convolution instead of a pointwise and a depthwise one.
    fused: bool,
    /// Whether the channels are weighted by what is in them.
    squeezes: bool,
}

const fn stage(kernel: usize, repeats: usize, filters: [usize; 2], expansion: usize, stride: usize) -> Stage {
    Stage { kernel, repeats, filters, expansion, stride, fused: false, squeezes: true }
}

const fn fused(repeats: usize, filters: [usize; 2], expansion: usize, stride: usize) -> Stage {
    Stage { kernel: 3, repeats, filters, expansion, stride, fused: true, squeezes: false }
}

const V1: [Stage; 7] = [
    stage(3, 1, [32, 16], 1, 1),
    stage(3, 2, [16, 24], 6, 2),
    stage(5, 2, [24, 40], 6, 2),
    stage(3, 3, [40, 80], 6, 2),
    stage(5, 3, [80, 112], 6, 1),
    stage(5, 4, [112, 192], 6, 2),
    stage(3, 1, [192, 320], 6, 1),
];

/// The editions B0 to B3 of the second generation.
pub(super) const V2_B: [Stage; 6] = [
    fused(1, [32, 16], 1, 1),
    fused(2, [16, 32], 4, 2),
    fused(2, [32, 48], 4, 2),
    stage(3, 3, [48, 96], 4, 2),
    stage(3, 5, [96, 112], 6, 1),
    stage(3, 8, [112, 192], 6, 2),
];

pub(super) const V2_S: [Stage; 6] = [
    fused(2, [24, 24], 1, 1),
    fused(4, [24, 48], 4, 2),
    fused(4, [48, 64], 4, 2),
    stage(3, 6, [64, 128], 4, 2),
    stage(3, 9, [128, 160], 6, 1),
    stage(3, 15, [160, 256], 6, 2),
];

pub(super) const V2_M: [Stage; 7] = [
    fused(3, [24, 24], 1, 1),
    fused(5, [24, 48], 4, 2),
    fused(5, [48, 80], 4, 2),
    stage(3, 7, [80, 160], 4, 2),
    stage(3, 14, [160, 176], 6, 1),
    stage(3, 18, [176, 304], 6, 2),
    stage(3, 5, [304, 512], 6, 1),
];

pub(super) const V2_L: [Stage; 7] = [
    fused(4, [32, 32], 1, 1),
    fused(7, [32, 64], 4, 2),
    fused(7, [64, 96], 4, 2),
    stage(3, 10, [96, 192], 4, 2),
    stage(3, 19, [192, 224], 6, 1),
    stage(3, 25, [224, 384], 6, 2),
    stage(3, 7, [384, 640], 6, 1),
];

/// A block of either generation.
struct Block {
    name: String,
    stage: Stage,
    /// Channels behind it.
    filters: usize,
    stride: usize,
    /// Whether training leaves it out now and then.
    drops: bool,
}

/// The blocks of all stages, with channels rounded by `round` and repeated `depth` times as often.
fn blocks(stages: &[Stage], depth: f64, round: impl Fn(usize) -> usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (number, stage) in (1..).zip(stages) {
        let repeats = (depth * stage.repeats as f64).ceil() as usize;
        for (repeat, letter) in ('a'..).take(repeats).enumerate() {
            blocks.push(Block {
                name: format!("block{number}{letter}_"),
                stage: *stage,
                filters: round(stage.filters[1]),
                stride: if repeat == 0 { stage.stride } else { 1 },
                drops: !blocks.is_empty(),
            });
        }
    }
    blocks
}

/// EfficientNet: the factors on channels and on depth.
pub(super) fn v1(plan: Plan, name: &str, width: f64, depth: f64) -> Description {
    let round = |filters: usize| divisible(filters as f64 * width);
    let (mut net, x) = Net::new(plan);
    let mut x = net.rescaling(x, json!(1.0 / 255.0), 0.0);
    x = net.normalization(x, "", None);
    if plan.deviations {
        x = net.rescaling(x, json!(DEVIATION.map(|deviation| 1.0 / deviation.sqrt())), 0.0);
    }
    x = net.correct_pad(x, "stem_conv_pad", 3);
    x = net.conv(x, "stem_conv", Conv::new(round(32), 3).stride(2).bare());
    x = net.batch_norm(x, "stem_bn", 1e-3);
    x = net.activation(x, "stem_activation", "swish");
    for block in blocks(&V1, depth, round) {
        x = v1_block(&mut net, x, &block);
    }
    end(net, x, plan, name, round(1280))
}

/// EfficientNetV2.
pub(super) fn v2(plan: Plan, name: &str, stages: &[Stage], width: f64, depth: f64) -> Description {
    let round = |filters: usize| multiple(filters as f64 * width);
    let (mut net, x) = Net::new(plan);
    let mut x = if name.starts_with("efficientnetv2-b") {
        let x = net.rescaling(x, json!(1.0 / 255.0), 0.0);
        let variance = DEVIATION.map(|deviation| deviation * deviation);
        net.normalization(x, "", Some((json!(MEAN), json!(variance))))
    } else {
        net.rescaling(x, json!(1.0 / 128.0), -1.0)
    };
    let stem = stages.first().map(|stage| stage.filters[0]).unwrap_or_default();
    x = net.conv(x, "stem_conv", Conv::new(round(stem), 3).stride(2).same().bare());
    x = net.batch_norm(x, "stem_bn", 1e-3);
    x = net.activation(x, "stem_activation", "swish");
    for block in blocks(stages, depth, round) {
        x = v2_block(&mut net, x, &block);
    }
    end(net, x, plan, name, round(1280))
}

fn end(mut net: Net, x: Tap, plan: Plan, name: &str, filters: usize) -> Description {
    let x = net.conv(x, "top_conv", Conv::new(filters, 1).same().bare());
    let x = net.batch_norm(x, "top_bn", 1e-3);
    let x = net.activation(x, "top_activation", "swish");
    let mut x = net.global_pool(x, "avg_pool", false);
    if let Some(classes) = plan.classes {
        x = net.dropout(x, "top_dropout");
        x = net.dense(x, "predictions", classes, "softmax");
    }
    net.finish(name, x)
}

/// A convolution with its normalisation and activation, named after `conv`, `bn` and `activation`.
fn cell(net: &mut Net, x: Tap, names: [&str; 3], conv: Conv) -> Tap {
    let [name, norm, activation] = names;
    let x = net.conv(x, name, conv.same().bare());
    let x = net.batch_norm(x, norm, 1e-3);
    if activation.is_empty() { x } else { net.activation(x, activation, "swish") }
}

/// Weights the channels; `channels` is what the block reads.
fn squeeze(net: &mut Net, x: Tap, name: &str, channels: usize) -> Tap {
    let inner = net.channels(x);
    let gate = net.global_pool(x, &format!("{name}se_squeeze"), false);
    let gate = net.reshape(gate, &format!("{name}se_reshape"), vec![1, 1, inner]);
    let reduce = Conv::new((channels / 4).max(1), 1).same().then("swish");
    let gate = net.conv(gate, &format!("{name}se_reduce"), reduce);
    let gate = net.conv(gate, &format!("{name}se_expand"), Conv::new(inner, 1).same().then("sigmoid"));
    net.multiply(&[x, gate], &format!("{name}se_excite"))
}

/// The way around a block, where it keeps the shape.
fn residual(net: &mut Net, input: Tap, x: Tap, block: &Block) -> Tap {
    if block.stride != 1 || net.channels(input) != block.filters {
        return x;
    }
    let x = if block.drops { net.dropout(x, &format!("{}drop", block.name)) } else { x };
    net.add(&[x, input], &format!("{}add", block.name))
}

fn v1_block(net: &mut Net, input: Tap, block: &Block) -> Tap {
    let part = |part: &str| format!("{}{part}", block.name);
    let channels = net.channels(input);
    let mut x = input;
    if block.stage.expansion != 1 {
        let names = [part("expand_conv"), part("expand_bn"), part("expand_activation")];
        x = cell(net, x, names.each_ref().map(String::as_str), Conv::new(channels * block.stage.expansion, 1));
    }
    let conv = Conv::new(0, block.stage.kernel).stride(block.stride).bare();
    let conv = if block.stride == 2 {
        x = net.correct_pad(x, &part("dwconv_pad"), block.stage.kernel);
        conv
    } else {
        conv.same()
    };
    x = net.depthwise(x, &part("dwconv"), conv);
    x = net.batch_norm(x, &part("bn"), 1e-3);
    x = net.activation(x, &part("activation"), "swish");
    x = squeeze(net, x, &block.name, channels);
    x = cell(net, x, [&part("project_conv"), &part("project_bn"), ""], Conv::new(block.filters, 1));
    residual(net, input, x, block)
}

fn v2_block(net: &mut Net, input: Tap, block: &Block) -> Tap {
    let part = |part: &str| format!("{}{part}", block.name);
    let Stage { kernel, expansion, fused, squeezes, .. } = block.stage;
    let channels = net.channels(input);
    let mut x = input;
    if expansion != 1 {
        let conv = Conv::new(channels * expansion, if fused { kernel } else { 1 });
        let conv = conv.stride(if fused { block.stride } else { 1 });
        let names = [part("expand_conv"), part("expand_bn"), part("expand_activation")];
        x = cell(net, x, names.each_ref().map(String::as_str), conv);
    }
    if !fused {
        x = net.depthwise(x, &part("dwconv2"), Conv::new(0, kernel).stride(block.stride).same().bare());
        x = net.batch_norm(x, &part("bn"), 1e-3);
        x = net.activation(x, &part("activation"), "swish");
    }
    if squeezes {
        x = squeeze(net, x, &block.name, channels);
    }
    // Without an expansion the fused convolution is the projection itself.
    let alone = fused && expansion == 1;
    let conv = if alone { Conv::new(block.filters, kernel).stride(block.stride) } else { Conv::new(block.filters, 1) };
    let activation = if alone { part("project_activation") } else { String::new() };
    x = cell(net, x, [&part("project_conv"), &part("project_bn"), &activation], conv);
    residual(net, input, x, block)
}
