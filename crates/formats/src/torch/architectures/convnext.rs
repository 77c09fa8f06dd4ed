//! ConvNeXt (Liu et al. 2022) of any depths and widths.

use innspect_graph::{Activation, ValueId};

use super::{Family, Recipe, head};
use crate::torch::{
    net::{Flow, Net},
    state::State,
};

pub(super) const FAMILY: Family = Family {
    name: "ConvNeXt",
    stem: "features.0.0.weight",
    matches: |state| state.has("features.1.0.layer_scale"),
    ignored: &[],
    recipe,
    build,
};

const EPSILON: f32 = 1e-6;

fn recipe(state: &State) -> Recipe {
    let width = state.dims("features.0.0.weight").and_then(|dims| dims.first()).copied().unwrap_or_default();
    // What each was found to see best.
    let (name, resize) = match (width, state.length("features.5")) {
        (96, 9) => ("ConvNeXt Tiny", 236),
        (96, 27) => ("ConvNeXt Small", 230),
        (128, _) => ("ConvNeXt Base", 232),
        (192, _) => ("ConvNeXt Large", 232),
        _ => ("ConvNeXt", 232),
    };
    Recipe::sized(name, 224, resize)
}

fn build(net: &mut Net) -> Flow {
    let state = net.state();
    let mut x = net.conv2d(net.input(), "features.0.0", [4, 4], 4, [0, 0])?;
    x = net.layer_norm(x, "features.0.1", EPSILON)?;
    for number in state.children("features").into_iter().skip(1) {
        let stage = format!("features.{number}");
        if number.is_multiple_of(2) {
            x = net.layer_norm(x, &format!("{stage}.0"), EPSILON)?;
            x = net.conv2d(x, &format!("{stage}.1"), [2, 2], 2, [0, 0])?;
        } else {
            for index in 0..state.length(&stage) {
                x = block(net, x, &format!("{stage}.{index}"))?;
            }
        }
    }
    // The last normalisation is over channels, whether space is averaged or not.
    let mean = innspect_graph::Op::Reduce { kind: innspect_graph::ReduceKind::Mean, axes: vec![1, 2], keep_dims: true };
    x = net.node("avgpool", mean, &[x])?;
    x = net.layer_norm(x, "classifier.0", EPSILON)?;
    x = net.flatten(x, "classifier.1")?;
    head(net, x, "classifier.2")
}

fn block(net: &mut Net, input: ValueId, module: &str) -> Flow {
    let part = |number: usize| format!("{module}.block.{number}");
    let mut x = net.conv(input, &part(0), 7, 1)?;
    x = net.layer_norm(x, &part(2), EPSILON)?;
    x = net.pointwise(x, &part(3))?;
    x = net.activation(x, &part(4), &Activation::Gelu { tanh: false })?;
    x = net.pointwise(x, &part(5))?;
    x = net.scale(x, &format!("{module}.layer_scale"))?;
    net.add(x, input, module)
}
