//! VGG, of Simonyan and Zisserman (2014).

use super::net::{Conv, Description, Net, Plan};

/// `blocks` is how many convolutions there are in front of each pooling.
pub(super) fn build(plan: Plan, name: &str, blocks: [usize; 5]) -> Description {
    let (mut net, mut x) = Net::new(plan);
    for (block, (count, filters)) in (1..).zip(blocks.into_iter().zip([64, 128, 256, 512, 512])) {
        for conv in 1..=count {
            x = net.conv(x, &format!("block{block}_conv{conv}"), Conv::new(filters, 3).same().then("relu"));
        }
        x = net.max_pool(x, &format!("block{block}_pool"), 2, 2, false);
    }
    let output = match plan.classes {
        Some(classes) => {
            let x = net.flatten(x, "flatten");
            let x = net.dense(x, "fc1", 4096, "relu");
            let x = net.dense(x, "fc2", 4096, "relu");
            net.dense(x, "predictions", classes, "softmax")
        }
        None => net.global_pool(x, "", false),
    };
    net.finish(name, output)
}
