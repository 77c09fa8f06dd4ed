//! ShuffleNetV2 (Ma et al. 2018) of any width.

use innspect_graph::{Activation, Op, ValueId};

use super::{EPSILON, Family, Recipe, head};
use crate::torch::net::{Flow, Net};

pub(super) const FAMILY: Family = Family {
    name: "ShuffleNetV2",
    stem: "conv1.0.weight",
    matches: |state| state.has("stage2.0.branch2.0.weight") && state.has("conv5.0.weight"),
    ignored: &[],
    recipe: |_| Recipe::new("ShuffleNetV2"),
    build,
};

fn build(net: &mut Net) -> Flow {
    let state = net.state();
    let relu = Some(&Activation::Relu);
    let mut x = net.conv_norm(net.input(), "conv1", 2, EPSILON, relu)?;
    x = net.max_pool(x, "maxpool", 3, 2, 1, false)?;
    for stage in ["stage2", "stage3", "stage4"] {
        for index in 0..state.length(stage) {
            x = block(net, x, &format!("{stage}.{index}"), index == 0)?;
        }
    }
    x = net.conv_norm(x, "conv5", 1, EPSILON, relu)?;
    x = net.global_pool(x, "mean")?;
    head(net, x, "fc")
}

fn block(net: &mut Net, input: ValueId, module: &str, halves: bool) -> Flow {
    let part = |part: &str| format!("{module}.{part}");
    let stride = if halves { 2 } else { 1 };
    let [channels, ..] = net.size(input);
    let (left, right) = if halves {
        let x = step(net, input, &part("branch1"), 0, 2, None)?;
        (step(net, x, &part("branch1"), 2, 1, Some(4))?, input)
    } else {
        // The first half goes by unchanged; torch.chunk gives it the odd channel.
        let half = channels.div_ceil(2);
        let mut slice =
            |start, end, name: &str| net.node(&part(name), Op::Slice { axis: 0, start, end, step: 1 }, &[input]);
        (slice(0, half, "chunk.0")?, slice(half, channels, "chunk.1")?)
    };
    let branch = part("branch2");
    let x = step(net, right, &branch, 0, 1, Some(2))?;
    let x = step(net, x, &branch, 3, stride, None)?;
    let x = step(net, x, &branch, 5, 1, Some(7))?;
    let x = net.concat(&[left, x], &part("cat"))?;
    shuffle(net, x, module)
}

/// A convolution, the normalisation behind it, and the rectifier with its number.
fn step(net: &mut Net, x: ValueId, module: &str, number: usize, stride: usize, rectifier: Option<usize>) -> Flow {
    let part = |number: usize| format!("{module}.{number}");
    let kernel = net.kernel(&part(number))?;
    let x = net.conv(x, &part(number), kernel, stride)?;
    let x = net.batch_norm(x, &part(number + 1), EPSILON)?;
    match rectifier {
        Some(number) => net.relu(x, &part(number)),
        None => Ok(x),
    }
}

/// Takes channels of the two halves in turn.
fn shuffle(net: &mut Net, x: ValueId, module: &str) -> Flow {
    let [channels, height, width] = net.size(x);
    let parted = Op::Reshape { shape: vec![2, channels / 2, height, width] };
    let x = net.node(&format!("{module}.halves"), parted, &[x])?;
    let x = net.node(&format!("{module}.transpose"), Op::Transpose { permutation: vec![1, 0, 2, 3] }, &[x])?;
    net.node(module, Op::Reshape { shape: vec![channels, height, width] }, &[x])
}
