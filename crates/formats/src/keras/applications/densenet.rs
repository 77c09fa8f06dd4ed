//! DenseNet of Huang et al. (2016).

use super::net::{Conv, Description, Net, Plan};

const EPSILON: f64 = 1.001e-5;

/// The channels that each block adds.
const GROWTH: usize = 32;

/// `blocks` is how many blocks each of the four stages has.
pub(super) fn build(plan: Plan, name: &str, blocks: [usize; 4]) -> Description {
    let (mut net, x) = Net::new(plan);
    let x = net.pad(x, "", [[3, 3]; 2]);
    let x = net.conv(x, "conv1/conv", Conv::new(64, 7).stride(2).bare());
    let x = net.batch_norm(x, "conv1/bn", EPSILON);
    let x = net.relu(x, "conv1/relu");
    let x = net.pad(x, "", [[1, 1]; 2]);
    let mut x = net.max_pool(x, "pool1", 3, 2, false);
    for (stage, count) in (2..).zip(blocks) {
        for block in 1..=count {
            let part = |part: &str| format!("conv{stage}_block{block}_{part}");
            let new = net.batch_norm(x, &part("0_bn"), EPSILON);
            let new = net.relu(new, &part("0_relu"));
            let new = net.conv(new, &part("1_conv"), Conv::new(4 * GROWTH, 1).bare());
            let new = net.batch_norm(new, &part("1_bn"), EPSILON);
            let new = net.relu(new, &part("1_relu"));
            let new = net.conv(new, &part("2_conv"), Conv::new(GROWTH, 3).same().bare());
            x = net.concat(&[x, new], &part("concat"));
        }
        if stage < 5 {
            let part = |part: &str| format!("pool{stage}_{part}");
            let half = net.channels(x) / 2;
            x = net.batch_norm(x, &part("bn"), EPSILON);
            x = net.relu(x, &part("relu"));
            x = net.conv(x, &part("conv"), Conv::new(half, 1).bare());
            x = net.average_pool(x, &part("pool"), 2, 2, false);
        }
    }
    x = net.batch_norm(x, "bn", EPSILON);
    x = net.relu(x, "relu");
    let output = net.classify(x, plan, "avg_pool", "predictions");
    net.finish(name, output)
}
