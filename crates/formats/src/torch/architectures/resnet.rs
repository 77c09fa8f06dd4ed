//! ResNet (He et al. 2016), ResNeXt (Xie et al. 2017) and Wide ResNet (Zagoruyko and Komodakis 2016). The stride of a
//! bottleneck is in its 3 × 3 convolution, as in all weights of torchvision.

use innspect_graph::ValueId;

use super::{EPSILON, Family, Recipe, head};
use crate::torch::{
    net::{Flow, Net},
    state::State,
};

const STEM: &str = "conv1.weight";

pub(super) const FAMILY: Family = Family {
    name: "ResNet, ResNeXt, Wide ResNet",
    stem: STEM,
    matches: |state| state.has("layer1.0.conv1.weight") && state.has("layer1.0.bn1.weight"),
    ignored: &[],
    recipe,
    build,
};

/// The stages there are; torchvision has four.
fn stages(state: &State) -> impl Iterator<Item = (usize, String)> + '_ {
    (1_usize..).map(|number| (number, format!("layer{number}"))).take_while(|(_, stage)| state.has_module(stage))
}

fn recipe(state: &State) -> Recipe {
    let blocks: usize = stages(state).map(|(_, stage)| state.length(&stage)).sum();
    let bottleneck = state.has("layer1.0.conv3.weight");
    // The number counts the first convolution and the last layer too.
    let depth = blocks * if bottleneck { 3 } else { 2 } + 2;
    let size =
        |tensor: &str, axis: usize| state.dims(tensor).and_then(|dims| dims.get(axis)).copied().unwrap_or_default();
    let (width, per_group) = (size("layer1.0.conv2.weight", 0), size("layer1.0.conv2.weight", 1));
    let title = if per_group > 0 && width > per_group {
        format!("ResNeXt-{depth} {}x{per_group}d", width / per_group)
    } else if bottleneck && width > size(STEM, 0) {
        format!("Wide ResNet-{depth}-{}", width / size(STEM, 0).max(1))
    } else {
        format!("ResNet-{depth}")
    };
    Recipe::new(title)
}

fn build(net: &mut Net) -> Flow {
    let state = net.state();
    let mut x = net.conv(net.input(), "conv1", 7, 2)?;
    x = net.batch_norm(x, "bn1", EPSILON)?;
    x = net.relu(x, "relu")?;
    x = net.max_pool(x, "maxpool", 3, 2, 1, false)?;
    for (number, stage) in stages(state) {
        for index in 0..state.length(&stage) {
            let stride = if index == 0 && number > 1 { 2 } else { 1 };
            x = block(net, x, &format!("{stage}.{index}"), stride)?;
        }
    }
    x = net.global_pool(x, "avgpool")?;
    head(net, x, "fc")
}

fn block(net: &mut Net, input: ValueId, module: &str, stride: usize) -> Flow {
    let part = |part: &str| format!("{module}.{part}");
    let state = net.state();
    let bottleneck = state.has(&part("conv3.weight"));
    let (first, second) = if bottleneck { ((1, 1), (3, stride)) } else { ((3, stride), (3, 1)) };
    let mut x = net.conv(input, &part("conv1"), first.0, first.1)?;
    x = net.batch_norm(x, &part("bn1"), EPSILON)?;
    x = net.relu(x, &part("relu"))?;
    x = net.conv(x, &part("conv2"), second.0, second.1)?;
    x = net.batch_norm(x, &part("bn2"), EPSILON)?;
    if bottleneck {
        x = net.relu(x, &part("relu"))?;
        x = net.conv(x, &part("conv3"), 1, 1)?;
        x = net.batch_norm(x, &part("bn3"), EPSILON)?;
    }
    let mut shortcut = input;
    if state.has_module(&part("downsample")) {
        shortcut = net.conv(shortcut, &part("downsample.0"), 1, stride)?;
        shortcut = net.batch_norm(shortcut, &part("downsample.1"), EPSILON)?;
    }
    x = net.add(x, shortcut, &part("add"))?;
    net.relu(x, &part("relu"))
}
