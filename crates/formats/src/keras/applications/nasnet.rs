//! NASNet-A of Zoph et al. (2017).

use super::net::{Conv, Description, Net, Plan, Tap};

const EPSILON: f64 = 1e-3;

/// The mobile and the large edition: channels in front of the classes, cells in a row, channels of the first
/// convolution, and whether the cells behind a reduction see what was in front of it.
pub(super) fn build(plan: Plan, penultimate: usize, cells: usize, stem: usize, skips: bool) -> Description {
    let filters = penultimate / 24;
    let (mut built, x) = Net::new(plan);
    let net = &mut built;
    let x = net.conv(x, "stem_conv1", Conv::new(stem, 3).stride(2).bare());
    let start = net.batch_norm(x, "stem_bn1", EPSILON);
    let mut p = start;
    let mut x = reduction(net, start, None, filters / 4, "stem_1");
    let before = x;
    x = reduction(net, x, Some(p), filters / 2, "stem_2");
    p = before;
    for stage in 0..3 {
        let filters = filters << stage;
        if stage > 0 {
            let before = x;
            x = reduction(net, x, Some(p), filters, &format!("reduce_{}", stage * cells));
            p = if skips { p } else { before };
        }
        for cell in 0..cells {
            let before = x;
            // A number is left out for the first reduction only.
            x = normal(net, x, p, filters, &(stage * cells + stage.min(1) + cell).to_string());
            p = before;
        }
    }
    let x = net.relu(x, "");
    let output = net.classify(x, plan, "", "predictions");
    built.finish("NASNet", output)
}

/// Two times an activation, a separable convolution and a normalisation.
fn separable(net: &mut Net, x: Tap, filters: usize, kernel: usize, stride: usize, id: &str) -> Tap {
    let mut x = net.relu(x, "");
    let mut conv = Conv::new(filters, kernel).stride(stride).bare();
    if stride == 2 {
        x = net.correct_pad(x, &format!("separable_conv_1_pad_{id}"), kernel);
    } else {
        conv = conv.same();
    }
    let x = net.separable(x, &format!("separable_conv_1_{id}"), conv);
    let x = net.batch_norm(x, &format!("separable_conv_1_bn_{id}"), EPSILON);
    let x = net.relu(x, "");
    let x = net.separable(x, &format!("separable_conv_2_{id}"), Conv::new(filters, kernel).same().bare());
    net.batch_norm(x, &format!("separable_conv_2_bn_{id}"), EPSILON)
}

/// Brings the result of the cell before the last to the size and the channels that this cell works with.
fn adjust(net: &mut Net, p: Option<Tap>, x: Tap, filters: usize, id: &str) -> Tap {
    let Some(p) = p else { return x };
    if net.width(p) != net.width(x) {
        let p = net.relu(p, &format!("adjust_relu_1_{id}"));
        let first = net.average_pool(p, &format!("adjust_avg_pool_1_{id}"), 1, 2, false);
        let half = Conv::new(filters / 2, 1).same().bare();
        let first = net.conv(first, &format!("adjust_conv_1_{id}"), half);
        let second = net.pad(p, "", [[0, 1]; 2]);
        let second = net.crop(second, [[1, 0]; 2]);
        let second = net.average_pool(second, &format!("adjust_avg_pool_2_{id}"), 1, 2, false);
        let second = net.conv(second, &format!("adjust_conv_2_{id}"), half);
        let p = net.concat(&[first, second], "");
        net.batch_norm(p, &format!("adjust_bn_{id}"), EPSILON)
    } else if net.channels(p) != filters {
        let p = net.relu(p, "");
        let p = net.conv(p, &format!("adjust_conv_projection_{id}"), Conv::new(filters, 1).same().bare());
        net.batch_norm(p, &format!("adjust_bn_{id}"), EPSILON)
    } else {
        p
    }
}

fn normal(net: &mut Net, x: Tap, p: Tap, filters: usize, id: &str) -> Tap {
    let part = |part: &str| format!("normal_{part}_{id}");
    let p = adjust(net, Some(p), x, filters, id);
    let h = net.relu(x, "");
    let h = net.conv(h, &part("conv_1"), Conv::new(filters, 1).same().bare());
    let h = net.batch_norm(h, &part("bn_1"), EPSILON);
    let left = separable(net, h, filters, 5, 1, &part("left1"));
    let right = separable(net, p, filters, 3, 1, &part("right1"));
    let first = net.add(&[left, right], &part("add_1"));
    let left = separable(net, p, filters, 5, 1, &part("left2"));
    let right = separable(net, p, filters, 3, 1, &part("right2"));
    let second = net.add(&[left, right], &part("add_2"));
    let left = net.average_pool(h, &part("left3"), 3, 1, true);
    let third = net.add(&[left, p], &part("add_3"));
    let left = net.average_pool(p, &part("left4"), 3, 1, true);
    let right = net.average_pool(p, &part("right4"), 3, 1, true);
    let fourth = net.add(&[left, right], &part("add_4"));
    let left = separable(net, h, filters, 3, 1, &part("left5"));
    let fifth = net.add(&[left, h], &part("add_5"));
    net.concat(&[p, first, second, third, fourth, fifth], &part("concat"))
}

fn reduction(net: &mut Net, x: Tap, p: Option<Tap>, filters: usize, id: &str) -> Tap {
    let part = |part: &str| format!("reduction_{part}_{id}");
    let p = adjust(net, p, x, filters, id);
    let h = net.relu(x, "");
    let h = net.conv(h, &part("conv_1"), Conv::new(filters, 1).same().bare());
    let h = net.batch_norm(h, &part("bn_1"), EPSILON);
    let padded = net.correct_pad(h, &part("pad_1"), 3);
    let left = separable(net, h, filters, 5, 2, &part("left1"));
    let right = separable(net, p, filters, 7, 2, &part("right1"));
    let first = net.add(&[left, right], &part("add_1"));
    let left = net.max_pool(padded, &part("left2"), 3, 2, false);
    let right = separable(net, p, filters, 7, 2, &part("right2"));
    let second = net.add(&[left, right], &part("add_2"));
    let left = net.average_pool(padded, &part("left3"), 3, 2, false);
    let right = separable(net, p, filters, 5, 2, &part("right3"));
    let third = net.add(&[left, right], &part("add3"));
    let left = net.average_pool(first, &part("left4"), 3, 1, true);
    let fourth = net.add(&[second, left], "");
    let left = separable(net, first, filters, 3, 1, &part("left4"));
    let right = net.max_pool(padded, &part("right5"), 3, 2, false);
    let fifth = net.add(&[left, right], &part("add4"));
    net.concat(&[second, third, fourth, fifth], &part("concat"))
}
