//! DenseNet (Huang et al. 2017).

use innspect_graph::ValueId;

use super::{EPSILON, Family, Recipe, head};
use crate::torch::{
    net::{Flow, Net},
    state::State,
};

pub(super) const FAMILY: Family = Family {
    name: "DenseNet",
    stem: "features.conv0.weight",
    matches: |state| state.has_module("features.denseblock1.denselayer1") && state.has_module("features.norm0"),
    ignored: &[],
    recipe,
    build,
};

/// The numbered modules of a name that there are, from 1 on.
fn numbered<'a>(state: &'a State, prefix: &'a str) -> impl Iterator<Item = String> + 'a {
    (1_usize..).map(move |number| format!("{prefix}{number}")).take_while(|module| state.has_module(module))
}

fn recipe(state: &State) -> Recipe {
    let (mut layers, mut blocks) = (0, 0);
    for block in numbered(state, "features.denseblock") {
        layers += numbered(state, &format!("{block}.denselayer")).count();
        blocks += 1;
    }
    // The number counts two convolutions a layer, one a transition, the first one and the classifier.
    Recipe::new(format!("DenseNet-{}", 2 * layers + blocks + 1))
}

fn build(net: &mut Net) -> Flow {
    let state = net.state();
    let mut x = net.conv(net.input(), "features.conv0", 7, 2)?;
    x = net.batch_norm(x, "features.norm0", EPSILON)?;
    x = net.relu(x, "features.relu0")?;
    x = net.max_pool(x, "features.pool0", 3, 2, 1, false)?;
    for (index, block) in numbered(state, "features.denseblock").enumerate() {
        let mut parts = vec![x];
        for layer in numbered(state, &format!("{block}.denselayer")) {
            x = if parts.len() > 1 { net.concat(&parts, &format!("{layer}.cat"))? } else { x };
            parts.push(dense_layer(net, x, &layer)?);
        }
        x = net.concat(&parts, &block)?;
        let transition = format!("features.transition{}", index + 1);
        if state.has_module(&transition) {
            x = net.batch_norm(x, &format!("{transition}.norm"), EPSILON)?;
            x = net.relu(x, &format!("{transition}.relu"))?;
            x = net.conv(x, &format!("{transition}.conv"), 1, 1)?;
            x = net.avg_pool(x, &format!("{transition}.pool"), 2, 2, 0)?;
        }
    }
    x = net.batch_norm(x, "features.norm5", EPSILON)?;
    x = net.relu(x, "relu")?;
    x = net.global_pool(x, "avgpool")?;
    head(net, x, "classifier")
}

fn dense_layer(net: &mut Net, mut x: ValueId, module: &str) -> Flow {
    // PyTorch 0.3 and torchvision's files, which are that old, have a dot before the number.
    let dot = if net.state().has_module(&format!("{module}.norm.1")) { "." } else { "" };
    for (number, kernel) in [(1, 1), (2, 3)] {
        let part = |part: &str| format!("{module}.{part}{dot}{number}");
        x = net.batch_norm(x, &part("norm"), EPSILON)?;
        x = net.relu(x, &part("relu"))?;
        x = net.conv(x, &part("conv"), kernel, 1)?;
    }
    Ok(x)
}
