//! The mobile networks of Howard, Sandler et al. (2017, 2018, 2019).

use serde_json::json;

use super::net::{Conv, Description, Net, Operand, Plan, Tap, divisible};

/// MobileNet. `alpha` is the factor on all numbers of channels.
pub(super) fn v1(plan: Plan, alpha: f64) -> Description {
    let wide = |filters: f64| (filters * alpha) as usize;
    let (mut net, x) = Net::new(plan);
    let x = net.conv(x, "conv1", Conv::new(wide(32.0), 3).stride(2).same().bare());
    let x = net.batch_norm(x, "conv1_bn", 1e-3);
    let mut x = net.relu_layer(x, "conv1_relu", Some(6.0));
    let filters = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024];
    for (block, filters) in (1..).zip(filters) {
        let conv = if [2, 4, 6, 12].contains(&block) {
            x = net.pad(x, &format!("conv_pad_{block}"), [[0, 1]; 2]);
            Conv::new(0, 3).stride(2)
        } else {
            Conv::new(0, 3).same()
        };
        x = net.depthwise(x, &format!("conv_dw_{block}"), conv.bare());
        x = net.batch_norm(x, &format!("conv_dw_{block}_bn"), 1e-3);
        x = net.relu_layer(x, &format!("conv_dw_{block}_relu"), Some(6.0));
        x = net.conv(x, &format!("conv_pw_{block}"), Conv::new(wide(f64::from(filters)), 1).same().bare());
        x = net.batch_norm(x, &format!("conv_pw_{block}_bn"), 1e-3);
        x = net.relu_layer(x, &format!("conv_pw_{block}_relu"), Some(6.0));
    }
    x = net.global_pool(x, "", plan.classes.is_some());
    if let Some(classes) = plan.classes {
        x = net.dropout(x, "dropout");
        x = net.conv(x, "conv_preds", Conv::new(classes, 1).same());
        x = net.reshape(x, "reshape_2", vec![classes]);
        x = net.activation(x, "predictions", "softmax");
    }
    net.finish(&format!("mobilenet_{alpha:.2}_{}", plan.side), x)
}

/// Filters, stride and expansion of the blocks of MobileNetV2, and how often each comes; only the first has the stride.
const V2: [(usize, usize, usize, usize); 7] =
    [(16, 1, 1, 1), (24, 2, 6, 2), (32, 2, 6, 3), (64, 2, 6, 4), (96, 1, 6, 3), (160, 2, 6, 3), (320, 1, 6, 1)];

/// MobileNetV2.
pub(super) fn v2(plan: Plan, alpha: f64) -> Description {
    let (mut net, x) = Net::new(plan);
    let x = net.conv(x, "Conv1", Conv::new(divisible(32.0 * alpha), 3).stride(2).same().bare());
    let x = net.batch_norm(x, "bn_Conv1", 1e-3);
    let mut x = net.relu_layer(x, "Conv1_relu", Some(6.0));
    let mut block = 0;
    for (filters, stride, expansion, repeats) in V2 {
        for repeat in 0..repeats {
            let filters = divisible((filters as f64 * alpha).trunc());
            x = v2_block(&mut net, x, block, filters, if repeat == 0 { stride } else { 1 }, expansion);
            block += 1;
        }
    }
    let last = if alpha > 1.0 { divisible(1280.0 * alpha) } else { 1280 };
    x = net.conv(x, "Conv_1", Conv::new(last, 1).bare());
    x = net.batch_norm(x, "Conv_1_bn", 1e-3);
    x = net.relu_layer(x, "out_relu", Some(6.0));
    let output = net.classify(x, plan, "", "predictions");
    net.finish(&format!("mobilenetv2_{alpha:.2}_{}", plan.side), output)
}

fn v2_block(net: &mut Net, input: Tap, block: usize, filters: usize, stride: usize, expansion: usize) -> Tap {
    let prefix = if block == 0 { "expanded_conv".to_owned() } else { format!("block_{block}") };
    let part = |part: &str| format!("{prefix}_{part}");
    let channels = net.channels(input);
    let mut x = input;
    if block > 0 {
        x = net.conv(x, &part("expand"), Conv::new(expansion * channels, 1).same().bare());
        x = net.batch_norm(x, &part("expand_BN"), 1e-3);
        x = net.relu_layer(x, &part("expand_relu"), Some(6.0));
    }
    let conv = if stride == 2 {
        x = net.correct_pad(x, &part("pad"), 3);
        Conv::new(0, 3).stride(2)
    } else {
        Conv::new(0, 3).same()
    };
    x = net.depthwise(x, &part("depthwise"), conv.bare());
    x = net.batch_norm(x, &part("depthwise_BN"), 1e-3);
    x = net.relu_layer(x, &part("depthwise_relu"), Some(6.0));
    x = net.conv(x, &part("project"), Conv::new(filters, 1).same().bare());
    x = net.batch_norm(x, &part("project_BN"), 1e-3);
    if channels == filters && stride == 1 { net.add(&[input, x], &part("add")) } else { x }
}

/// A block of MobileNetV3.
struct Block {
    expansion: f64,
    filters: usize,
    kernel: usize,
    stride: usize,
    /// Whether the channels are weighted by what is in them.
    squeezes: bool,
    /// Whether its activation is the hard swish, else ReLU.
    swish: bool,
}

const fn block(expansion: f64, filters: usize, kernel: usize, stride: usize, squeezes: bool, swish: bool) -> Block {
    Block { expansion, filters, kernel, stride, squeezes, swish }
}

const SMALL: [Block; 11] = [
    block(1.0, 16, 3, 2, true, false),
    block(72.0 / 16.0, 24, 3, 2, false, false),
    block(88.0 / 24.0, 24, 3, 1, false, false),
    block(4.0, 40, 5, 2, true, true),
    block(6.0, 40, 5, 1, true, true),
    block(6.0, 40, 5, 1, true, true),
    block(3.0, 48, 5, 1, true, true),
    block(3.0, 48, 5, 1, true, true),
    block(6.0, 96, 5, 2, true, true),
    block(6.0, 96, 5, 1, true, true),
    block(6.0, 96, 5, 1, true, true),
];

const LARGE: [Block; 15] = [
    block(1.0, 16, 3, 1, false, false),
    block(4.0, 24, 3, 2, false, false),
    block(3.0, 24, 3, 1, false, false),
    block(3.0, 40, 5, 2, true, false),
    block(3.0, 40, 5, 1, true, false),
    block(3.0, 40, 5, 1, true, false),
    block(6.0, 80, 3, 2, false, true),
    block(2.5, 80, 3, 1, false, true),
    block(2.3, 80, 3, 1, false, true),
    block(2.3, 80, 3, 1, false, true),
    block(6.0, 112, 3, 1, true, true),
    block(6.0, 112, 3, 1, true, true),
    block(6.0, 160, 5, 2, true, true),
    block(6.0, 160, 5, 1, true, true),
    block(6.0, 160, 5, 1, true, true),
];

/// MobileNetV3. The minimalistic edition has neither weighted channels, nor hard swishes, nor large kernels.
pub(super) fn v3(plan: Plan, large: bool, alpha: f64, minimalistic: bool) -> Description {
    let (blocks, last, kind) = if large { (&LARGE[..], 1280, "large") } else { (&SMALL[..], 1024, "small") };
    let (mut net, x) = Net::new(plan);
    let x = net.rescaling(x, json!(1.0 / 127.5), -1.0);
    let x = net.conv(x, "Conv", Conv::new(16, 3).stride(2).same().bare());
    let x = net.batch_norm(x, "Conv/BatchNorm", 1e-3);
    let mut x = activate(&mut net, x, !minimalistic);
    for (index, block) in blocks.iter().enumerate() {
        let own = Block {
            filters: divisible(block.filters as f64 * alpha),
            kernel: if minimalistic { 3 } else { block.kernel },
            squeezes: block.squeezes && !minimalistic,
            swish: block.swish && !minimalistic,
            ..*block
        };
        x = v3_block(&mut net, x, index, &own);
    }
    let channels = divisible(net.channels(x) as f64 * 6.0);
    x = net.conv(x, "Conv_1", Conv::new(channels, 1).same().bare());
    x = net.batch_norm(x, "Conv_1/BatchNorm", 1e-3);
    x = activate(&mut net, x, !minimalistic);
    let output = match plan.classes {
        Some(classes) => {
            let x = net.global_pool(x, "", true);
            let x = net.conv(x, "Conv_2", Conv::new(last, 1).same());
            let x = activate(&mut net, x, !minimalistic);
            let x = net.dropout(x, "");
            let x = net.conv(x, "Logits", Conv::new(classes, 1).same());
            let x = net.flatten(x, "");
            net.activation(x, "Predictions", "softmax")
        }
        None => net.global_pool(x, "avg_pool", false),
    };
    net.finish(&format!("MobilenetV3{kind}"), output)
}

fn activate(net: &mut Net, x: Tap, swish: bool) -> Tap {
    if swish {
        let gate = hard_sigmoid(net, x);
        net.multiply(&[x, gate], "")
    } else {
        net.relu_layer(x, "", None)
    }
}

fn hard_sigmoid(net: &mut Net, x: Tap) -> Tap {
    let x = net.operator_add(x, Operand::Number(3.0));
    let x = net.relu_layer(x, "", Some(6.0));
    net.operator_multiply(x, Operand::Number(1.0 / 6.0))
}

fn v3_block(net: &mut Net, input: Tap, index: usize, block: &Block) -> Tap {
    let prefix = if index == 0 { "expanded_conv".to_owned() } else { format!("expanded_conv_{index}") };
    let part = |part: &str| format!("{prefix}/{part}");
    let channels = net.channels(input);
    let inner = divisible(channels as f64 * block.expansion);
    let mut x = input;
    if index > 0 {
        x = net.conv(x, &part("expand"), Conv::new(inner, 1).same().bare());
        x = net.batch_norm(x, &part("expand/BatchNorm"), 1e-3);
        x = activate(net, x, block.swish);
    }
    let conv = if block.stride == 2 {
        x = net.correct_pad(x, &part("depthwise/pad"), block.kernel);
        Conv::new(0, block.kernel).stride(2)
    } else {
        Conv::new(0, block.kernel).same()
    };
    x = net.depthwise(x, &part("depthwise"), conv.bare());
    x = net.batch_norm(x, &part("depthwise/BatchNorm"), 1e-3);
    x = activate(net, x, block.swish);
    if block.squeezes {
        let gate = net.global_pool(x, &part("squeeze_excite/AvgPool"), true);
        let gate = net.conv(gate, &part("squeeze_excite/Conv"), Conv::new(divisible(inner as f64 * 0.25), 1).same());
        let gate = net.relu_layer(gate, &part("squeeze_excite/Relu"), None);
        let gate = net.conv(gate, &part("squeeze_excite/Conv_1"), Conv::new(inner, 1).same());
        let gate = hard_sigmoid(net, gate);
        x = net.multiply(&[x, gate], &part("squeeze_excite/Mul"));
    }
    x = net.conv(x, &part("project"), Conv::new(block.filters, 1).same().bare());
    x = net.batch_norm(x, &part("project/BatchNorm"), 1e-3);
    if block.stride == 1 && channels == block.filters { net.add(&[input, x], &part("Add")) } else { x }
}
