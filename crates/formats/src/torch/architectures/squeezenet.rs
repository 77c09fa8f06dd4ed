//! SqueezeNet 1.0 and 1.1 (Iandola et al. 2016), which differ in the first kernel and in where they pool.

use super::{Family, Recipe, has_kernel};
use crate::torch::net::{Fault, Flow, Net};

const STEM: &str = "features.0.weight";

pub(super) const FAMILY: Family = Family {
    name: "SqueezeNet",
    stem: STEM,
    matches: |state| state.has("features.3.squeeze.weight") && state.has("classifier.1.weight"),
    ignored: &[],
    recipe: |state| Recipe::new(if has_kernel(state, STEM, 7) { "SqueezeNet 1.0" } else { "SqueezeNet 1.1" }),
    build,
};

fn build(net: &mut Net) -> Flow {
    let state = net.state();
    let kernel = if has_kernel(state, STEM, 7) { 7 } else { 3 };
    let mut x = net.conv2d(net.input(), "features.0", [kernel; 2], 2, [0, 0])?;
    x = net.relu(x, "features.1")?;
    let mut expected = 2_usize;
    for number in state.children("features").into_iter().skip(1) {
        // What has no tensors is a pooling.
        if number == expected.saturating_add(1) {
            x = net.max_pool(x, &format!("features.{expected}"), 3, 2, 0, true)?;
        } else if number != expected {
            return Err(Fault::Misfit(format!("its layers end before \"features.{number}\"")));
        }
        let part = |part: &str| format!("features.{number}.{part}");
        x = net.conv(x, &part("squeeze"), 1, 1)?;
        x = net.relu(x, &part("squeeze_activation"))?;
        let one = net.conv(x, &part("expand1x1"), 1, 1)?;
        let one = net.relu(one, &part("expand1x1_activation"))?;
        let three = net.conv(x, &part("expand3x3"), 3, 1)?;
        let three = net.relu(three, &part("expand3x3_activation"))?;
        x = net.concat(&[one, three], &format!("features.{number}"))?;
        expected = number.saturating_add(1);
    }
    x = net.conv(x, "classifier.1", 1, 1)?;
    x = net.relu(x, "classifier.2")?;
    net.global_pool(x, "classifier.3")
}
