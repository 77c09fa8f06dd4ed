//! RegNet X and Y (Radosavovic et al. 2020) of any depths and widths.

use innspect_graph::{Activation, ValueId};

use super::{EPSILON, Family, Recipe, head};
use crate::torch::{
    net::{Flow, Net},
    state::State,
};

pub(super) const FAMILY: Family = Family {
    name: "RegNet",
    stem: "stem.0.weight",
    matches: |state| state.has("trunk_output.block1.block1-0.f.a.0.weight"),
    ignored: &[],
    recipe: |state| {
        let gated = state.has_module("trunk_output.block1.block1-0.f.se");
        Recipe::new(if gated { "RegNetY" } else { "RegNetX" })
    },
    build,
};

fn stages(state: &State) -> impl Iterator<Item = (String, usize)> + '_ {
    (1_usize..)
        .map(|number| (format!("trunk_output.block{number}"), number))
        .take_while(|(stage, _)| state.has_module(stage))
}

fn build(net: &mut Net) -> Flow {
    let state = net.state();
    let mut x = net.conv_norm(net.input(), "stem", 2, EPSILON, Some(&Activation::Relu))?;
    for (stage, number) in stages(state) {
        let blocks = (0_usize..).map(|index| (format!("{stage}.block{number}-{index}"), index));
        for (module, index) in blocks.take_while(|(module, _)| state.has_module(module)) {
            x = block(net, x, &module, if index == 0 { 2 } else { 1 })?;
        }
    }
    x = net.global_pool(x, "avgpool")?;
    head(net, x, "fc")
}

fn block(net: &mut Net, input: ValueId, module: &str, stride: usize) -> Flow {
    let relu = Activation::Relu;
    let part = |part: &str| format!("{module}.{part}");
    let mut shortcut = input;
    if net.state().has_module(&part("proj")) {
        shortcut = net.conv_norm(shortcut, &part("proj"), stride, EPSILON, None)?;
    }
    let mut x = net.conv_norm(input, &part("f.a"), 1, EPSILON, Some(&relu))?;
    x = net.conv_norm(x, &part("f.b"), stride, EPSILON, Some(&relu))?;
    if net.state().has_module(&part("f.se")) {
        x = net.squeeze_excitation(x, &part("f.se"), &relu, &Activation::Sigmoid)?;
    }
    x = net.conv_norm(x, &part("f.c"), 1, EPSILON, None)?;
    x = net.add(shortcut, x, &part("add"))?;
    net.relu(x, &part("activation"))
}
