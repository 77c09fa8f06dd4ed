//! MNASNet (Tan et al. 2019) of any width.

use innspect_graph::ValueId;

use super::{EPSILON, Family, Recipe, head};
use crate::torch::net::{Flow, Net};

pub(super) const FAMILY: Family = Family {
    name: "MNASNet",
    stem: "layers.0.weight",
    matches: |state| state.has("layers.8.0.layers.0.weight"),
    ignored: &[],
    recipe: |_| Recipe::new("MNASNet"),
    build,
};

fn build(net: &mut Net) -> Flow {
    let state = net.state();
    let mut x = step(net, net.input(), "layers", 0, 2, true)?;
    x = step(net, x, "layers", 3, 1, true)?;
    x = step(net, x, "layers", 6, 1, false)?;
    for (stack, first) in [(8, 2), (9, 2), (10, 2), (11, 1), (12, 2), (13, 1)] {
        let stack = format!("layers.{stack}");
        for index in 0..state.length(&stack) {
            x = block(net, x, &format!("{stack}.{index}"), if index == 0 { first } else { 1 })?;
        }
    }
    x = step(net, x, "layers", 14, 1, true)?;
    x = net.global_pool(x, "mean")?;
    head(net, x, "classifier.1")
}

/// A convolution, the normalisation behind it and, if `rectified`, the rectifier behind that.
fn step(net: &mut Net, x: ValueId, module: &str, number: usize, stride: usize, rectified: bool) -> Flow {
    let part = |number: usize| format!("{module}.{number}");
    let kernel = net.kernel(&part(number))?;
    let x = net.conv(x, &part(number), kernel, stride)?;
    let x = net.batch_norm(x, &part(number + 1), EPSILON)?;
    if rectified { net.relu(x, &part(number + 2)) } else { Ok(x) }
}

fn block(net: &mut Net, input: ValueId, module: &str, stride: usize) -> Flow {
    let layers = format!("{module}.layers");
    let mut x = step(net, input, &layers, 0, 1, true)?;
    x = step(net, x, &layers, 3, stride, true)?;
    x = step(net, x, &layers, 6, 1, false)?;
    if stride == 1 && net.size(x) == net.size(input) { net.add(x, input, module) } else { Ok(x) }
}
