//! InceptionV3 of Szegedy et al. (2015), InceptionResNetV2 of the same (2016) and Xception of Chollet (2016).

use super::net::{Conv, Description, Net, Plan, Tap};

/// A convolution with its normalisation and activation, named in the way of InceptionResNetV2.
fn cell(net: &mut Net, x: Tap, name: &str, conv: Conv) -> Tap {
    let part = |part: &str| if name.is_empty() { String::new() } else { format!("{name}_{part}") };
    let x = net.conv(x, name, conv.bare());
    let x = net.batch_norm_unscaled(x, &part("bn"));
    net.relu(x, &part("ac"))
}

/// Cells behind each other, given by filters and kernels.
fn chain(net: &mut Net, x: Tap, cells: &[(usize, [usize; 2])]) -> Tap {
    cells.iter().fold(x, |x, &(filters, kernel)| cell(net, x, "", Conv::of(filters, kernel).same()))
}

/// The last cell of a branch that halves the size.
fn shrink(net: &mut Net, x: Tap, filters: usize) -> Tap {
    cell(net, x, "", Conv::new(filters, 3).stride(2))
}

fn pooled(net: &mut Net, x: Tap, filters: usize) -> Tap {
    let pool = net.average_pool(x, "", 3, 1, true);
    chain(net, pool, &[(filters, [1, 1])])
}

fn stem(net: &mut Net, x: Tap) -> Tap {
    let x = shrink(net, x, 32);
    let x = cell(net, x, "", Conv::new(32, 3));
    let x = cell(net, x, "", Conv::new(64, 3).same());
    let x = net.max_pool(x, "", 3, 2, false);
    let x = cell(net, x, "", Conv::new(80, 1));
    let x = cell(net, x, "", Conv::new(192, 3));
    net.max_pool(x, "", 3, 2, false)
}

fn end(mut net: Net, x: Tap, plan: Plan, name: &str) -> Description {
    let pool = if plan.classes.is_some() { "avg_pool" } else { "" };
    let output = net.classify(x, plan, pool, "predictions");
    net.finish(name, output)
}

/// InceptionV3.
pub(super) fn v3(plan: Plan) -> Description {
    let (mut built, x) = Net::new(plan);
    let net = &mut built;
    let mut x = stem(net, x);
    for (index, filters) in [32, 64, 64].into_iter().enumerate() {
        let one = chain(net, x, &[(64, [1, 1])]);
        let five = chain(net, x, &[(48, [1, 1]), (64, [5, 5])]);
        let three = chain(net, x, &[(64, [1, 1]), (96, [3, 3]), (96, [3, 3])]);
        let pool = pooled(net, x, filters);
        x = net.concat(&[one, five, three, pool], &format!("mixed{index}"));
    }
    let three = shrink(net, x, 384);
    let double = chain(net, x, &[(64, [1, 1]), (96, [3, 3])]);
    let double = shrink(net, double, 96);
    let pool = net.max_pool(x, "", 3, 2, false);
    x = net.concat(&[three, double, pool], "mixed3");
    for (index, filters) in (4..).zip([128, 160, 160, 192]) {
        let one = chain(net, x, &[(192, [1, 1])]);
        let seven = chain(net, x, &[(filters, [1, 1]), (filters, [1, 7]), (192, [7, 1])]);
        let long = [(filters, [1, 1]), (filters, [7, 1]), (filters, [1, 7]), (filters, [7, 1]), (192, [1, 7])];
        let double = chain(net, x, &long);
        let pool = pooled(net, x, 192);
        x = net.concat(&[one, seven, double, pool], &format!("mixed{index}"));
    }
    let three = chain(net, x, &[(192, [1, 1])]);
    let three = shrink(net, three, 320);
    let seven = chain(net, x, &[(192, [1, 1]), (192, [1, 7]), (192, [7, 1])]);
    let seven = shrink(net, seven, 192);
    let pool = net.max_pool(x, "", 3, 2, false);
    x = net.concat(&[three, seven, pool], "mixed8");
    for index in 0..2 {
        let one = chain(net, x, &[(320, [1, 1])]);
        let three = chain(net, x, &[(384, [1, 1])]);
        let wide = chain(net, three, &[(384, [1, 3])]);
        let high = chain(net, three, &[(384, [3, 1])]);
        let three = net.concat(&[wide, high], &format!("mixed9_{index}"));
        let double = chain(net, x, &[(448, [1, 1]), (384, [3, 3])]);
        let wide = chain(net, double, &[(384, [1, 3])]);
        let high = chain(net, double, &[(384, [3, 1])]);
        let double = net.concat(&[wide, high], "");
        let pool = pooled(net, x, 192);
        x = net.concat(&[one, three, double, pool], &format!("mixed{}", 9 + index));
    }
    end(built, x, plan, "inception_v3")
}

/// A residual block of InceptionResNetV2 from the results of its branches.
fn residual(net: &mut Net, x: Tap, branches: &[Tap], name: &str, scale: f64, activated: bool) -> Tap {
    let mixed = net.concat(branches, &format!("{name}_mixed"));
    let channels = net.channels(x);
    let up = net.conv(mixed, &format!("{name}_conv"), Conv::new(channels, 1).same());
    let x = net.scaled_sum(&[x, up], scale);
    if activated { net.relu(x, &format!("{name}_ac")) } else { x }
}

/// InceptionResNetV2.
pub(super) fn resnet_v2(plan: Plan) -> Description {
    let (mut built, x) = Net::new(plan);
    let net = &mut built;
    let mut x = stem(net, x);
    let one = chain(net, x, &[(96, [1, 1])]);
    let five = chain(net, x, &[(48, [1, 1]), (64, [5, 5])]);
    let three = chain(net, x, &[(64, [1, 1]), (96, [3, 3]), (96, [3, 3])]);
    let pool = pooled(net, x, 64);
    x = net.concat(&[one, five, three, pool], "mixed_5b");
    for block in 1..=10 {
        let branches = [
            chain(net, x, &[(32, [1, 1])]),
            chain(net, x, &[(32, [1, 1]), (32, [3, 3])]),
            chain(net, x, &[(32, [1, 1]), (48, [3, 3]), (64, [3, 3])]),
        ];
        x = residual(net, x, &branches, &format!("block35_{block}"), 0.17, true);
    }
    let three = shrink(net, x, 384);
    let double = chain(net, x, &[(256, [1, 1]), (256, [3, 3])]);
    let double = shrink(net, double, 384);
    let pool = net.max_pool(x, "", 3, 2, false);
    x = net.concat(&[three, double, pool], "mixed_6a");
    for block in 1..=20 {
        let branches = [chain(net, x, &[(192, [1, 1])]), chain(net, x, &[(128, [1, 1]), (160, [1, 7]), (192, [7, 1])])];
        x = residual(net, x, &branches, &format!("block17_{block}"), 0.1, true);
    }
    let first = chain(net, x, &[(256, [1, 1])]);
    let first = shrink(net, first, 384);
    let second = chain(net, x, &[(256, [1, 1])]);
    let second = shrink(net, second, 288);
    let third = chain(net, x, &[(256, [1, 1]), (288, [3, 3])]);
    let third = shrink(net, third, 320);
    let pool = net.max_pool(x, "", 3, 2, false);
    x = net.concat(&[first, second, third, pool], "mixed_7a");
    for block in 1..=10 {
        let branches = [chain(net, x, &[(192, [1, 1])]), chain(net, x, &[(192, [1, 1]), (224, [1, 3]), (256, [3, 1])])];
        let last = block == 10;
        x = residual(net, x, &branches, &format!("block8_{block}"), if last { 1.0 } else { 0.2 }, !last);
    }
    x = cell(net, x, "conv_7b", Conv::new(1536, 1).same());
    end(built, x, plan, "inception_resnet_v2")
}

/// Xception.
pub(super) fn xception(plan: Plan) -> Description {
    /// A separable convolution with its normalisation.
    fn separable(net: &mut Net, x: Tap, name: &str, filters: usize) -> Tap {
        let x = net.separable(x, name, Conv::new(filters, 3).same().bare());
        net.batch_norm(x, &format!("{name}_bn"), 1e-3)
    }
    let (mut built, x) = Net::new(plan);
    let net = &mut built;
    let mut x = x;
    for (name, conv) in [("block1_conv1", Conv::new(32, 3).stride(2)), ("block1_conv2", Conv::new(64, 3))] {
        x = net.conv(x, name, conv.bare());
        x = net.batch_norm(x, &format!("{name}_bn"), 1e-3);
        x = net.relu(x, &format!("{name}_act"));
    }
    for block in 2..=13 {
        let (filters, shrinks) = match block {
            2 => (&[128, 128][..], true),
            3 => (&[256, 256][..], true),
            4 => (&[728, 728][..], true),
            13 => (&[728, 1024][..], true),
            _ => (&[728; 3][..], false),
        };
        let shortcut = if shrinks {
            let filters = filters.last().copied().unwrap_or_default();
            let shortcut = net.conv(x, "", Conv::new(filters, 1).stride(2).same().bare());
            net.batch_norm(shortcut, "", 1e-3)
        } else {
            x
        };
        for (number, &filters) in (1..).zip(filters) {
            let name = format!("block{block}_sepconv{number}");
            // The first block is activated already.
            if (block, number) != (2, 1) {
                x = net.relu(x, &format!("{name}_act"));
            }
            x = separable(net, x, &name, filters);
        }
        if shrinks {
            x = net.max_pool(x, &format!("block{block}_pool"), 3, 2, true);
        }
        x = net.add(&[x, shortcut], "");
    }
    for (name, filters) in [("block14_sepconv1", 1536), ("block14_sepconv2", 2048)] {
        x = separable(net, x, name, filters);
        x = net.relu(x, &format!("{name}_act"));
    }
    end(built, x, plan, "xception")
}
