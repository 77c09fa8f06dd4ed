//! VGG (Simonyan and Zisserman 2015), with and without batch normalisation.

use super::{EPSILON, Family, Recipe, classifier, has_kernel};
use crate::torch::{
    net::{Fault, Flow, Net},
    state::State,
};

const STEM: &str = "features.0.weight";

pub(super) const FAMILY: Family = Family {
    name: "VGG",
    stem: STEM,
    matches: |state| {
        has_kernel(state, STEM, 3)
            && matches!(state.dims("classifier.0.weight"), Some([_, _]))
            && state
                .children("features")
                .iter()
                .all(|number| is_convolution(state, *number) || state.has(&format!("features.{number}.running_mean")))
    },
    ignored: &[],
    recipe,
    build,
};

fn is_convolution(state: &State, number: usize) -> bool {
    has_kernel(state, &format!("features.{number}.weight"), 3)
}

fn recipe(state: &State) -> Recipe {
    let layers = state.children("features").into_iter().filter(|&number| is_convolution(state, number)).count();
    let norm = if state.has("features.1.running_mean") { " with batch normalisation" } else { "" };
    // The number counts the three layers of the classifier too.
    Recipe::new(format!("VGG{}{norm}", layers + state.children("classifier").len()))
}

fn build(net: &mut Net) -> Flow {
    let state = net.state();
    let layers = state.children("features");
    let mut x = net.input();
    let mut expected = 0_usize;
    for number in layers {
        // What has no tensors and is no rectifier is the pooling between two stages.
        if number == expected.saturating_add(1) {
            x = net.max_pool(x, &format!("features.{expected}"), 2, 2, 0, false)?;
        } else if number != expected {
            return Err(Fault::Misfit(format!("its layers end before \"features.{number}\"")));
        }
        let module = format!("features.{number}");
        expected = number.saturating_add(2);
        if is_convolution(state, number) {
            x = net.conv(x, &module, 3, 1)?;
            if state.has(&format!("features.{}.running_mean", number.saturating_add(1))) {
                // Its own number comes next.
                expected = number.saturating_add(1);
                continue;
            }
        } else {
            x = net.batch_norm(x, &module, EPSILON)?;
        }
        x = net.relu(x, &format!("features.{}", number.saturating_add(1)))?;
    }
    x = net.max_pool(x, &format!("features.{expected}"), 2, 2, 0, false)?;
    x = net.adaptive_pool(x, "avgpool", 7)?;
    x = net.flatten(x, "flatten")?;
    classifier(net, x, "classifier")
}
