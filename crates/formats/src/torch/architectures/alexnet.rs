//! AlexNet (Krizhevsky 2014, "One weird trick").

use super::{Family, Recipe, classifier, has_kernel};
use crate::torch::net::{Flow, Net};

const STEM: &str = "features.0.weight";

pub(super) const FAMILY: Family = Family {
    name: "AlexNet",
    stem: STEM,
    matches: |state| has_kernel(state, STEM, 11) && state.has("features.10.weight") && state.has_module("classifier"),
    ignored: &[],
    recipe: |_| Recipe::new("AlexNet"),
    build,
};

fn build(net: &mut Net) -> Flow {
    let mut x = net.conv2d(net.input(), "features.0", [11, 11], 4, [2, 2])?;
    x = net.relu(x, "features.1")?;
    x = net.max_pool(x, "features.2", 3, 2, 0, false)?;
    x = net.conv(x, "features.3", 5, 1)?;
    x = net.relu(x, "features.4")?;
    x = net.max_pool(x, "features.5", 3, 2, 0, false)?;
    for (number, rectifier) in [(6, 7), (8, 9), (10, 11)] {
        x = net.conv(x, &format!("features.{number}"), 3, 1)?;
        x = net.relu(x, &format!("features.{rectifier}"))?;
    }
    x = net.max_pool(x, "features.12", 3, 2, 0, false)?;
    x = net.adaptive_pool(x, "avgpool", 6)?;
    x = net.flatten(x, "flatten")?;
    classifier(net, x, "classifier")
}
