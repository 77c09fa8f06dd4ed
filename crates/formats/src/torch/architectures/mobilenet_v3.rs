//! MobileNetV3 Large and Small (Howard et al. 2019) of any width.

use innspect_graph::{Activation, ValueId};

use super::{Family, Recipe, head};
use crate::torch::{
    net::{Fault, Flow, Net},
    state::State,
};

pub(super) const FAMILY: Family = Family {
    name: "MobileNetV3",
    stem: "features.0.0.weight",
    matches: |state| state.has("features.1.block.0.0.weight") && state.has_module("classifier"),
    ignored: &[],
    recipe: |state| Recipe::new(if is_large(state) { "MobileNetV3 Large" } else { "MobileNetV3 Small" }),
    build,
};

const EPSILON: f64 = 1e-3;

/// What the shapes do not tell: which blocks halve the picture, and from which on the rectifier becomes a HardSwish.
struct Variant {
    blocks: usize,
    halving: &'static [usize],
    swish: usize,
}

const LARGE: Variant = Variant { blocks: 15, halving: &[1, 3, 6, 12], swish: 6 };
const SMALL: Variant = Variant { blocks: 11, halving: &[0, 1, 3, 8], swish: 3 };

fn is_large(state: &State) -> bool {
    state.has_module(&format!("features.{}.block", LARGE.blocks))
}

fn build(net: &mut Net) -> Flow {
    let variant = if is_large(net.state()) { LARGE } else { SMALL };
    let swish = Activation::HardSwish;
    let mut x = net.conv_norm(net.input(), "features.0", 2, EPSILON, Some(&swish))?;
    for index in 0..variant.blocks {
        let stride = if variant.halving.contains(&index) { 2 } else { 1 };
        let activation = if index < variant.swish { &Activation::Relu } else { &swish };
        x = block(net, x, &format!("features.{}", index + 1), stride, activation)?;
    }
    x = net.conv_norm(x, &format!("features.{}", variant.blocks + 1), 1, EPSILON, Some(&swish))?;
    x = net.global_pool(x, "avgpool")?;
    x = net.linear(x, "classifier.0")?;
    x = net.activation(x, "classifier.1", &swish)?;
    head(net, x, "classifier.3")
}

fn block(net: &mut Net, input: ValueId, module: &str, stride: usize, activation: &Activation) -> Flow {
    let gate = Activation::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 };
    let state = net.state();
    let layers = state.length(&format!("{module}.block"));
    let part = |number: usize| format!("{module}.block.{number}");
    let mut x = input;
    // An expansion, the depthwise convolution, a gate; the last is the projection.
    let Some(last) = layers.checked_sub(1) else { return Err(Fault::missing(&format!("{}.0.weight", part(0)))) };
    for number in 0..last {
        x = if state.has_module(&format!("{}.fc1", part(number))) {
            net.squeeze_excitation(x, &part(number), &Activation::Relu, &gate)?
        } else {
            let own = if net.kernel(&format!("{}.0", part(number)))? > 1 { stride } else { 1 };
            net.conv_norm(x, &part(number), own, EPSILON, Some(activation))?
        };
    }
    x = net.conv_norm(x, &part(last), 1, EPSILON, None)?;
    if stride == 1 && net.size(x) == net.size(input) { net.add(x, input, module) } else { Ok(x) }
}
