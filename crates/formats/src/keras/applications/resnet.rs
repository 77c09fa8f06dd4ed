//! Residual networks of He et al. (2015, 2016).

use super::net::{Conv, Description, Net, Plan, Tap};

/// The epsilon of the normalisations.
const EPSILON: f64 = 1.001e-5;

const FILTERS: [usize; 4] = [64, 128, 256, 512];

/// The second edition, with its activations in front of the convolutions, if `before`; else the first.
pub(super) fn build(plan: Plan, name: &str, blocks: [usize; 4], before: bool) -> Description {
    let (mut net, x) = Net::new(plan);
    let x = net.pad(x, "conv1_pad", [[3, 3]; 2]);
    let mut x = net.conv(x, "conv1_conv", Conv::new(64, 7).stride(2));
    if !before {
        x = net.batch_norm(x, "conv1_bn", EPSILON);
        x = net.relu(x, "conv1_relu");
    }
    x = net.pad(x, "pool1_pad", [[1, 1]; 2]);
    x = net.max_pool(x, "pool1_pool", 3, 2, false);
    for (stage, (count, filters)) in (2..).zip(blocks.into_iter().zip(FILTERS)) {
        for block in 1..=count {
            let name = format!("conv{stage}_block{block}");
            // The first edition shrinks at the start of a stage, the second at its end; none in front of the first.
            x = if before {
                let stride = if block == count && stage < 5 { 2 } else { 1 };
                second(&mut net, x, &name, filters, stride, block == 1)
            } else {
                let stride = if block == 1 && stage > 2 { 2 } else { 1 };
                first(&mut net, x, &name, filters, stride, block == 1)
            };
        }
    }
    if before {
        x = net.batch_norm(x, "post_bn", EPSILON);
        x = net.relu(x, "post_relu");
    }
    let output = net.classify(x, plan, "avg_pool", "predictions");
    net.finish(name, output)
}

fn first(net: &mut Net, x: Tap, name: &str, filters: usize, stride: usize, projects: bool) -> Tap {
    let part = |part: &str| format!("{name}_{part}");
    let shortcut = if projects {
        let shortcut = net.conv(x, &part("0_conv"), Conv::new(4 * filters, 1).stride(stride));
        net.batch_norm(shortcut, &part("0_bn"), EPSILON)
    } else {
        x
    };
    let x = net.conv(x, &part("1_conv"), Conv::new(filters, 1).stride(stride));
    let x = net.batch_norm(x, &part("1_bn"), EPSILON);
    let x = net.relu(x, &part("1_relu"));
    let x = net.conv(x, &part("2_conv"), Conv::new(filters, 3).same());
    let x = net.batch_norm(x, &part("2_bn"), EPSILON);
    let x = net.relu(x, &part("2_relu"));
    let x = net.conv(x, &part("3_conv"), Conv::new(4 * filters, 1));
    let x = net.batch_norm(x, &part("3_bn"), EPSILON);
    let x = net.add(&[shortcut, x], &part("add"));
    net.relu(x, &part("out"))
}

fn second(net: &mut Net, x: Tap, name: &str, filters: usize, stride: usize, projects: bool) -> Tap {
    let part = |part: &str| format!("{name}_{part}");
    let ahead = net.batch_norm(x, &part("preact_bn"), EPSILON);
    let ahead = net.relu(ahead, &part("preact_relu"));
    let shortcut = if projects {
        net.conv(ahead, &part("0_conv"), Conv::new(4 * filters, 1).stride(stride))
    } else if stride > 1 {
        net.max_pool(x, "", 1, stride, false)
    } else {
        x
    };
    let x = net.conv(ahead, &part("1_conv"), Conv::new(filters, 1).bare());
    let x = net.batch_norm(x, &part("1_bn"), EPSILON);
    let x = net.relu(x, &part("1_relu"));
    let x = net.pad(x, &part("2_pad"), [[1, 1]; 2]);
    let x = net.conv(x, &part("2_conv"), Conv::new(filters, 3).stride(stride).bare());
    let x = net.batch_norm(x, &part("2_bn"), EPSILON);
    let x = net.relu(x, &part("2_relu"));
    let x = net.conv(x, &part("3_conv"), Conv::new(4 * filters, 1));
    net.add(&[shortcut, x], &part("out"))
}

/// ResNet50 as Keras had it until 2018: other names, another epsilon, and the sums have their operands the other way
/// round, which changes the order of the weights.
pub(super) fn build_early(plan: Plan) -> Description {
    let (mut net, x) = Net::new(plan);
    let x = net.pad(x, "conv1_pad", [[3, 3]; 2]);
    let x = net.conv(x, "conv1", Conv::new(64, 7).stride(2));
    let x = net.batch_norm(x, "bn_conv1", 1e-3);
    let x = net.relu(x, "");
    let x = net.pad(x, "pool1_pad", [[1, 1]; 2]);
    let mut x = net.max_pool(x, "", 3, 2, false);
    for (stage, (count, filters)) in (2..).zip([3, 4, 6, 3].into_iter().zip(FILTERS)) {
        for (block, letter) in ('a'..='z').take(count).enumerate() {
            let stride = if block == 0 && stage > 2 { 2 } else { 1 };
            let input = x;
            let branch = |net: &mut Net, x: Tap, branch: &str, conv: Conv| {
                let x = net.conv(x, &format!("res{stage}{letter}_branch{branch}"), conv);
                net.batch_norm(x, &format!("bn{stage}{letter}_branch{branch}"), 1e-3)
            };
            x = branch(&mut net, x, "2a", Conv::new(filters, 1).stride(stride));
            x = net.relu(x, "");
            x = branch(&mut net, x, "2b", Conv::new(filters, 3).same());
            x = net.relu(x, "");
            x = branch(&mut net, x, "2c", Conv::new(4 * filters, 1));
            let shortcut = match block {
                0 => branch(&mut net, input, "1", Conv::new(4 * filters, 1).stride(stride)),
                _ => input,
            };
            x = net.add(&[x, shortcut], "");
            x = net.relu(x, "");
        }
    }
    let output = net.classify(x, plan, "avg_pool", "fc1000");
    net.finish("resnet50", output)
}
