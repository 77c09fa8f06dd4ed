//! GoogLeNet (Szegedy et al. 2015), with batch normalisation.

use innspect_graph::{Activation, ValueId};

use super::{Family, Recipe, head};
use crate::torch::net::{Flow, Net};

pub(super) const FAMILY: Family = Family {
    name: "GoogLeNet",
    stem: "conv1.conv.weight",
    matches: |state| state.has("inception3a.branch1.conv.weight"),
    ignored: &["aux1.", "aux2."],
    recipe: |_| Recipe { warnings: vec![TRANSFORM], ..Recipe::new("GoogLeNet") },
    build,
};

/// What is said of the transformation of the input, which no weight tells.
pub(super) const TRANSFORM: &str = "It is read with torchvision's transform_input, which its trained weights have; \
                                    weights that were trained from the start may be without.";

const EPSILON: f64 = 1e-3;

pub(super) fn build(net: &mut Net) -> Flow {
    let mut x = transform_input(net)?;
    x = conv(net, x, "conv1", 2)?;
    x = net.max_pool(x, "maxpool1", 3, 2, 0, true)?;
    x = conv(net, x, "conv2", 1)?;
    x = conv(net, x, "conv3", 1)?;
    x = net.max_pool(x, "maxpool2", 3, 2, 0, true)?;
    x = inception(net, x, "inception3a")?;
    x = inception(net, x, "inception3b")?;
    x = net.max_pool(x, "maxpool3", 3, 2, 0, true)?;
    for letter in ["a", "b", "c", "d", "e"] {
        x = inception(net, x, &format!("inception4{letter}"))?;
    }
    x = net.max_pool(x, "maxpool4", 2, 2, 0, true)?;
    x = inception(net, x, "inception5a")?;
    x = inception(net, x, "inception5b")?;
    x = net.global_pool(x, "avgpool")?;
    head(net, x, "fc")
}

/// From ImageNet's mean and deviation to -1..1, which the weights were trained with in another framework.
pub(super) fn transform_input(net: &mut Net) -> Flow {
    let x = net.input();
    if net.size(x)[0] != 3 {
        return Ok(x);
    }
    let scale = [0.229, 0.224, 0.225].map(|deviation: f64| (deviation / 0.5) as f32);
    let shift = [0.485, 0.456, 0.406].map(|mean: f64| ((mean - 0.5) / 0.5) as f32);
    net.affine(x, "transform_input", Some(scale.into()), Some(shift.into()))
}

/// `BasicConv2d`, padded to keep its size.
fn conv(net: &mut Net, x: ValueId, module: &str, stride: usize) -> Flow {
    let name = format!("{module}.conv");
    let kernel = net.kernel(&name)?;
    let x = net.conv(x, &name, kernel, stride)?;
    let x = net.batch_norm(x, &format!("{module}.bn"), EPSILON)?;
    net.activation(x, &format!("{module}.relu"), &Activation::Relu)
}

fn inception(net: &mut Net, input: ValueId, module: &str) -> Flow {
    let part = |part: &str| format!("{module}.{part}");
    let one = conv(net, input, &part("branch1"), 1)?;
    let mut branches = vec![one];
    // torchvision's third branch has kernels of 3 where the paper has 5; the weights tell.
    for branch in ["branch2", "branch3"] {
        let x = conv(net, input, &part(&format!("{branch}.0")), 1)?;
        branches.push(conv(net, x, &part(&format!("{branch}.1")), 1)?);
    }
    let pooled = net.max_pool(input, &part("branch4.0"), 3, 1, 1, true)?;
    branches.push(conv(net, pooled, &part("branch4.1"), 1)?);
    net.concat(&branches, module)
}
