//! Inception v3 (Szegedy et al. 2016).

use innspect_graph::ValueId;

use super::{
    Family, Recipe,
    googlenet::{TRANSFORM, transform_input},
    head,
};
use crate::torch::net::{Flow, Net};

pub(super) const FAMILY: Family = Family {
    name: "Inception v3",
    stem: "Conv2d_1a_3x3.conv.weight",
    matches: |state| state.has("Mixed_5b.branch1x1.conv.weight"),
    ignored: &["AuxLogits."],
    recipe: |_| Recipe { warnings: vec![TRANSFORM], ..Recipe::sized("Inception v3", 299, 342) },
    build,
};

const EPSILON: f64 = 1e-3;

/// The kernel of a convolution in `[h, w]`, its stride, and whether it is padded to keep its size.
#[derive(Clone, Copy)]
struct Window([usize; 2], usize, bool);

const ONE: Window = Window([1, 1], 1, true);
const THREE: Window = Window([3, 3], 1, true);
const FIVE: Window = Window([5, 5], 1, true);
/// One that halves the picture.
const HALF: Window = Window([3, 3], 2, false);
const ROW: Window = Window([1, 7], 1, true);
const COLUMN: Window = Window([7, 1], 1, true);
const SHORT_ROW: Window = Window([1, 3], 1, true);
const SHORT_COLUMN: Window = Window([3, 1], 1, true);

fn build(net: &mut Net) -> Flow {
    let mut x = transform_input(net)?;
    x = conv(net, x, "Conv2d_1a_3x3", HALF)?;
    x = conv(net, x, "Conv2d_2a_3x3", Window([3, 3], 1, false))?;
    x = conv(net, x, "Conv2d_2b_3x3", THREE)?;
    x = net.max_pool(x, "maxpool1", 3, 2, 0, false)?;
    x = conv(net, x, "Conv2d_3b_1x1", ONE)?;
    x = conv(net, x, "Conv2d_4a_3x3", Window([3, 3], 1, false))?;
    x = net.max_pool(x, "maxpool2", 3, 2, 0, false)?;
    for module in ["Mixed_5b", "Mixed_5c", "Mixed_5d"] {
        let branches: &[Branch] = &[
            &[("branch1x1", ONE)],
            &[("branch5x5_1", ONE), ("branch5x5_2", FIVE)],
            &[("branch3x3dbl_1", ONE), ("branch3x3dbl_2", THREE), ("branch3x3dbl_3", THREE)],
        ];
        x = mixed(net, x, module, branches, true)?;
    }
    let branches: &[Branch] =
        &[&[("branch3x3", HALF)], &[("branch3x3dbl_1", ONE), ("branch3x3dbl_2", THREE), ("branch3x3dbl_3", HALF)]];
    x = mixed(net, x, "Mixed_6a", branches, false)?;
    for module in ["Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"] {
        let branches: &[Branch] = &[
            &[("branch1x1", ONE)],
            &[("branch7x7_1", ONE), ("branch7x7_2", ROW), ("branch7x7_3", COLUMN)],
            &[
                ("branch7x7dbl_1", ONE),
                ("branch7x7dbl_2", COLUMN),
                ("branch7x7dbl_3", ROW),
                ("branch7x7dbl_4", COLUMN),
                ("branch7x7dbl_5", ROW),
            ],
        ];
        x = mixed(net, x, module, branches, true)?;
    }
    let branches: &[Branch] = &[
        &[("branch3x3_1", ONE), ("branch3x3_2", HALF)],
        &[("branch7x7x3_1", ONE), ("branch7x7x3_2", ROW), ("branch7x7x3_3", COLUMN), ("branch7x7x3_4", HALF)],
    ];
    x = mixed(net, x, "Mixed_7a", branches, false)?;
    x = last(net, x, "Mixed_7b")?;
    x = last(net, x, "Mixed_7c")?;
    x = net.global_pool(x, "avgpool")?;
    head(net, x, "fc")
}

/// Convolutions behind each other.
type Branch<'a> = &'a [(&'a str, Window)];

/// `BasicConv2d`.
fn conv(net: &mut Net, x: ValueId, module: &str, window: Window) -> Flow {
    let Window(kernel, stride, padded) = window;
    let padding = if padded { kernel.map(|size| size / 2) } else { [0, 0] };
    let x = net.conv2d(x, &format!("{module}.conv"), kernel, stride, padding)?;
    let x = net.batch_norm(x, &format!("{module}.bn"), EPSILON)?;
    net.relu(x, &format!("{module}.relu"))
}

fn branch(net: &mut Net, mut x: ValueId, module: &str, steps: Branch) -> Flow {
    for (name, window) in steps {
        x = conv(net, x, &format!("{module}.{name}"), *window)?;
    }
    Ok(x)
}

/// Branches side by side, the last of which pools: averages that keep the size, or maxima that halve it.
fn mixed(net: &mut Net, input: ValueId, module: &str, branches: &[Branch], keeps: bool) -> Flow {
    let mut results = Vec::new();
    for steps in branches {
        results.push(branch(net, input, module, steps)?);
    }
    results.push(if keeps {
        pooled(net, input, module)?
    } else {
        net.max_pool(input, &format!("{module}.max_pool"), 3, 2, 0, false)?
    });
    net.concat(&results, module)
}

fn pooled(net: &mut Net, input: ValueId, module: &str) -> Flow {
    let x = net.avg_pool(input, &format!("{module}.avg_pool"), 3, 1, 1)?;
    conv(net, x, &format!("{module}.branch_pool"), ONE)
}

/// The last kind of module, in which branches part once more.
fn last(net: &mut Net, input: ValueId, module: &str) -> Flow {
    let mut results = vec![branch(net, input, module, &[("branch1x1", ONE)])?];
    let parts: [(Branch, [&str; 2], &str); 2] = [
        (&[("branch3x3_1", ONE)], ["branch3x3_2a", "branch3x3_2b"], "branch3x3"),
        (&[("branch3x3dbl_1", ONE), ("branch3x3dbl_2", THREE)], ["branch3x3dbl_3a", "branch3x3dbl_3b"], "branch3x3dbl"),
    ];
    for (steps, [row, column], name) in parts {
        let x = branch(net, input, module, steps)?;
        let row = branch(net, x, module, &[(row, SHORT_ROW)])?;
        let column = branch(net, x, module, &[(column, SHORT_COLUMN)])?;
        results.push(net.concat(&[row, column], &format!("{module}.{name}"))?);
    }
    results.push(pooled(net, input, module)?);
    net.concat(&results, module)
}
