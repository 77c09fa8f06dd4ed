//! MobileNetV2 (Sandler et al. 2018) of any width.

use innspect_graph::{Activation, ValueId};

use super::{EPSILON, Family, Recipe, head};
use crate::torch::net::{Fault, Flow, Net};

pub(super) const FAMILY: Family = Family {
    name: "MobileNetV2",
    stem: "features.0.0.weight",
    matches: |state| state.has("features.1.conv.0.0.weight"),
    ignored: &[],
    recipe: |_| Recipe::new("MobileNetV2"),
    build,
};

/// The blocks of each stage, from 1 on.
const STAGES: [(usize, usize); 7] = [(1, 1), (2, 2), (3, 2), (4, 2), (3, 1), (3, 2), (1, 1)];

fn build(net: &mut Net) -> Flow {
    let relu6 = Some(&Activation::RELU6);
    let mut x = net.conv_norm(net.input(), "features.0", 2, EPSILON, relu6)?;
    let mut number = 1;
    for (blocks, first) in STAGES {
        for index in 0..blocks {
            x = block(net, x, &format!("features.{number}"), if index == 0 { first } else { 1 })?;
            number += 1;
        }
    }
    x = net.conv_norm(x, &format!("features.{number}"), 1, EPSILON, relu6)?;
    x = net.global_pool(x, "avgpool")?;
    head(net, x, "classifier.1")
}

fn block(net: &mut Net, input: ValueId, module: &str, stride: usize) -> Flow {
    let relu6 = Some(&Activation::RELU6);
    let state = net.state();
    let part = |number: usize| format!("{module}.conv.{number}");
    // The first block does not widen.
    let (depthwise, widens) = if state.has_module(&format!("{}.0", part(1))) { (1, true) } else { (0, false) };
    if !state.has_module(&part(depthwise + 2)) {
        return Err(Fault::missing(&format!("{}.weight", part(depthwise + 2))));
    }
    let mut x = input;
    if widens {
        x = net.conv_norm(x, &part(0), 1, EPSILON, relu6)?;
    }
    x = net.conv_norm(x, &part(depthwise), stride, EPSILON, relu6)?;
    x = net.conv(x, &part(depthwise + 1), 1, 1)?;
    x = net.batch_norm(x, &part(depthwise + 2), EPSILON)?;
    if stride == 1 && net.size(x) == net.size(input) { net.add(input, x, module) } else { Ok(x) }
}
