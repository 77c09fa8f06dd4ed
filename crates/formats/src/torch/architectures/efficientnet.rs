//! EfficientNet B0 to B7 (Tan and Le 2019) and EfficientNetV2 (2021).

use innspect_graph::{Activation, ResizeFilter, ValueId};

use super::{Family, Recipe, head};
use crate::torch::{
    net::{Fault, Flow, Net},
    state::State,
};

pub(super) const FAMILY: Family = Family {
    name: "EfficientNet, EfficientNetV2",
    stem: "features.0.0.weight",
    matches: |state| state.has("features.1.0.block.0.0.weight"),
    ignored: &[],
    recipe,
    build,
};

/// The stride of each stage's first block, in both versions.
const STRIDES: [usize; 7] = [1, 2, 2, 2, 1, 2, 1];

/// A network of torchvision: blocks in each stage, side of the picture, what its shorter side is scaled to.
type Known = (&'static str, &'static [usize], usize, usize);

const KNOWN: &[Known] = &[
    ("EfficientNet-B0", &[1, 2, 2, 3, 3, 4, 1], 224, 256),
    // B1 and B2 have the same depths.
    ("EfficientNet-B1", &[2, 3, 3, 4, 4, 5, 2], 240, 256),
    ("EfficientNet-B3", &[2, 3, 3, 5, 5, 6, 2], 300, 320),
    ("EfficientNet-B4", &[2, 4, 4, 6, 6, 8, 2], 380, 384),
    ("EfficientNet-B5", &[3, 5, 5, 7, 7, 9, 3], 456, 456),
    ("EfficientNet-B6", &[3, 6, 6, 8, 8, 11, 3], 528, 528),
    ("EfficientNet-B7", &[4, 7, 7, 10, 10, 13, 4], 600, 600),
    ("EfficientNetV2-S", &[2, 4, 4, 6, 9, 15], 384, 384),
    ("EfficientNetV2-M", &[3, 5, 5, 7, 14, 18, 5], 480, 480),
    ("EfficientNetV2-L", &[4, 7, 7, 10, 19, 25, 7], 480, 480),
];

/// The stages with blocks, from 1 on.
fn stages(state: &State) -> impl Iterator<Item = String> + '_ {
    (1_usize..)
        .map(|number| format!("features.{number}"))
        .take_while(|stage| state.has_module(&format!("{stage}.0.block")))
}

fn depths(state: &State) -> Vec<usize> {
    stages(state).map(|stage| state.length(&stage)).collect()
}

fn recipe(state: &State) -> Recipe {
    let depths = depths(state);
    let Some(&(name, _, side, resize)) = KNOWN.iter().find(|(_, known, ..)| depths == *known) else {
        return Recipe::new(if is_second(state) { "EfficientNetV2" } else { "EfficientNet" });
    };
    // The last stage of B2 has 352 channels, that of B1 320.
    let second = name == "EfficientNet-B1"
        && matches!(state.dims("features.8.0.weight"), Some(&[_, channels, ..]) if channels > 320);
    let (name, side, resize) = if second { ("EfficientNet-B2", 288, 288) } else { (name, side, resize) };
    let mut recipe = Recipe::sized(name, side, resize);
    if !matches!(name, "EfficientNetV2-S" | "EfficientNetV2-M") {
        recipe.filter = ResizeFilter::Bicubic;
    }
    recipe.halved = name == "EfficientNetV2-L";
    recipe
}

/// Whether this is the second version, whose first blocks have no depthwise convolutions.
fn is_second(state: &State) -> bool {
    !state.has_module("features.1.0.block.1.fc1")
}

/// The epsilon of its batch normalisations, which torchvision takes from the networks of the authors in B5 and above.
fn epsilon(state: &State) -> f64 {
    let deep = depths(state).first().is_some_and(|&first| first > 2);
    if is_second(state) || deep { 1e-3 } else { super::EPSILON }
}

fn build(net: &mut Net) -> Flow {
    let state = net.state();
    let epsilon = epsilon(state);
    let silu = Some(&Activation::Silu);
    let mut x = net.conv_norm(net.input(), "features.0", 2, epsilon, silu)?;
    let stages: Vec<String> = stages(state).collect();
    if stages.len() > STRIDES.len() {
        return Err(Fault::Misfit(format!("it has {} stages, more than {}", stages.len(), STRIDES.len())));
    }
    for (stage, first) in stages.iter().zip(STRIDES) {
        for index in 0..state.length(stage) {
            x = block(net, x, &format!("{stage}.{index}"), if index == 0 { first } else { 1 }, epsilon)?;
        }
    }
    x = net.conv_norm(x, &format!("features.{}", stages.len() + 1), 1, epsilon, silu)?;
    x = net.global_pool(x, "avgpool")?;
    head(net, x, "classifier.1")
}

fn block(net: &mut Net, input: ValueId, module: &str, stride: usize, epsilon: f64) -> Flow {
    let silu = Activation::Silu;
    let state = net.state();
    let part = |number: usize| format!("{module}.block.{number}");
    let layers = state.length(&format!("{module}.block"));
    let Some(last) = layers.checked_sub(1) else { return Err(Fault::missing(&format!("{}.0.weight", part(0)))) };
    // A fused block may be one convolution, which then has the activation.
    let mut x = input;
    let mut stride_left = stride;
    for number in 0..layers {
        if state.has_module(&format!("{}.fc1", part(number))) {
            x = net.squeeze_excitation(x, &part(number), &silu, &Activation::Sigmoid)?;
            continue;
        }
        let mut own = 1;
        if net.kernel(&format!("{}.0", part(number)))? > 1 {
            own = std::mem::replace(&mut stride_left, 1);
        }
        let activation = (number < last || last == 0).then_some(&silu);
        x = net.conv_norm(x, &part(number), own, epsilon, activation)?;
    }
    if stride == 1 && net.size(x) == net.size(input) { net.add(x, input, module) } else { Ok(x) }
}
