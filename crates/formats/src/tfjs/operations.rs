//! What each operation of a graph is among the operations that are shared.

use super::attributes::Attributes;
use crate::{
    onnx::proto::DataType,
    tensorflow::{Fused, Kernel, Network, Normalisation, Padding, Pool, Strided, Unread, Window},
};

/// An operation with what it reads and writes.
pub(super) struct Operation<'a> {
    pub op: &'a str,
    pub attributes: Attributes<'a>,
    pub inputs: &'a [String],
    /// The shapes of those inputs that are weights.
    pub dims: Vec<Option<&'a [usize]>>,
    pub outputs: &'a [String],
}

type Outcome = Result<(), Unread>;

/// Why some operations are refused.
const FIRST: &str = "channels in front are not supported for it";

/// What comes behind a fused operation's own result.
#[derive(Default)]
struct Tail<'a> {
    bias: Option<&'a str>,
    /// One number for all channels in place of a bias.
    shift: Option<&'a str>,
    normalisation: Option<Normalisation<'a>>,
    slopes: Option<&'a str>,
    leaky: Option<f32>,
    fused: Option<&'static str>,
}

impl Operation<'_> {
    fn input(&self, index: usize) -> Result<&str, Unread> {
        let input = self.inputs.get(index).map(String::as_str);
        input.ok_or_else(|| Unread::reason(format!("its input {index} is missing")))
    }

    fn all(&self) -> Vec<&str> {
        self.inputs.iter().map(String::as_str).collect()
    }

    fn output(&self) -> Result<&str, Unread> {
        self.outputs.first().map(String::as_str).ok_or_else(|| Unread::reason("it writes nothing"))
    }

    /// Whether feature maps have their channels last.
    fn last(&self) -> Result<bool, Unread> {
        match self.attributes.text("data_format").as_str() {
            "" | "NHWC" => Ok(true),
            "NCHW" => Ok(false),
            other => Err(Unread::reason(format!("its data format {other:?} is not supported"))),
        }
    }

    /// The numbers of a list that belong to rows and columns.
    fn pair(&self, name: &str, default: [i64; 2]) -> Result<[i64; 2], Unread> {
        match (self.attributes.wholes(name)?.as_slice(), self.last()?) {
            ([], _) => Ok(default),
            (&[1, rows, columns, 1], true) | (&[1, 1, rows, columns], false) => Ok([rows, columns]),
            (other, _) => Err(Unread::reason(format!("its setting {name:?} is {other:?}"))),
        }
    }

    fn window(&self) -> Result<Window, Unread> {
        let last = self.last()?;
        let padding = match self.attributes.text("padding").as_str() {
            "VALID" => Padding::Valid,
            "SAME" => Padding::Same,
            "EXPLICIT" => match (self.attributes.wholes("explicit_paddings")?.as_slice(), last) {
                (&[_, _, top, bottom, left, right, _, _], true) | (&[_, _, _, _, top, bottom, left, right], false) => {
                    Padding::Explicit([top, left, bottom, right])
                }
                (other, _) => return Err(Unread::reason(format!("its explicit padding is {other:?}"))),
            },
            other => return Err(Unread::reason(format!("its padding {other:?} is not supported"))),
        };
        let (stride, dilation) = (self.pair("strides", [1, 1])?, self.pair("dilations", [1, 1])?);
        Ok(Window { stride, dilation, padding, last })
    }

    /// What is fused behind an operation whose other inputs start at `from`.
    fn tail(&self, from: usize) -> Result<Tail<'_>, Unread> {
        let mut tail = Tail::default();
        let mut next = from;
        let mut take = || {
            next += 1;
            self.input(next - 1).map(|name| (name, next - 1))
        };
        for fused in self.attributes.texts("fused_ops") {
            if tail.fused.is_some() || tail.slopes.is_some() || tail.leaky.is_some() {
                return Err(Unread::reason(format!("{fused:?} is fused behind an activation")));
            }
            match fused.as_str() {
                "NoOp" => {}
                "BiasAdd" if tail.normalisation.is_none() => {
                    let (bias, at) = take()?;
                    match self.dims.get(at).copied().flatten() {
                        Some([] | [1]) => tail.shift = Some(bias),
                        _ => tail.bias = Some(bias),
                    }
                }
                "FusedBatchNorm" => {
                    let epsilon = self.attributes.float("epsilon", 1e-4)?;
                    let (scale, offset, mean, variance) = (take()?.0, take()?.0, take()?.0, take()?.0);
                    tail.normalisation = Some(Normalisation { scale, offset, mean, variance, epsilon });
                }
                "Prelu" => tail.slopes = Some(take()?.0),
                "LeakyRelu" => tail.leaky = Some(self.attributes.float("leakyrelu_alpha", 0.2)?),
                other => {
                    let known = function(other).filter(|name| {
                        matches!(*name, "relu" | "relu6" | "elu" | "sigmoid" | "tanh" | "selu" | "softplus")
                    });
                    let unknown = || Unread::reason(format!("{other:?} fused into it is not supported"));
                    tail.fused = Some(known.ok_or_else(unknown)?);
                }
            }
        }
        Ok(tail)
    }

    /// Adds what is fused behind a result: `write` is given the name that the result gets, its bias and its function.
    fn fused(
        &self,
        network: &mut Network,
        from: usize,
        last: bool,
        write: impl FnOnce(&mut Network, Option<&str>, Fused, &str) -> Outcome,
    ) -> Outcome {
        let tail = self.tail(from)?;
        let output = self.output()?;
        // A function alone is part of the operation; what needs weights of its own stands behind it.
        let more = [tail.normalisation.is_some(), tail.slopes.is_some(), tail.leaky.is_some()];
        let (more, shifted) = (more.contains(&true), tail.shift.is_some());
        if !more && !shifted {
            return write(network, tail.bias, Fused(tail.fused), output);
        }
        let title = network.title().to_owned();
        let mut value = network.unique(&format!("{title}/linear"));
        write(network, tail.bias, Fused(None), &value)?;
        if let Some(shift) = tail.shift {
            let next = if more { network.unique(&format!("{title}/shifted")) } else { output.to_owned() };
            let fused = Fused(tail.fused.filter(|_| !more));
            network.renamed("shift", |network| network.pairwise("Add", &value, shift, fused, &next))?;
            value = next;
        }
        if let Some(normalisation) = tail.normalisation {
            let behind = tail.slopes.is_some() || tail.leaky.is_some();
            let next = if behind { network.unique(&format!("{title}/normalised")) } else { output.to_owned() };
            network.renamed("normalised", |network| {
                network.normalise(normalisation, &value, last, Fused(tail.fused), &next)
            })?;
            value = next;
        }
        match (tail.slopes, tail.leaky) {
            (Some(slopes), _) => network.renamed("prelu", |network| network.prelu(&value, slopes, output)),
            (None, Some(slope)) => network.renamed("leaky_relu", |network| network.leaky(slope, &value, output)),
            (None, None) => Ok(()),
        }
    }

    /// Writes it into the network.
    pub fn write(&self, network: &mut Network) -> Outcome {
        let output = self.output()?;
        match self.op {
            "Conv2D" | "_FusedConv2D" | "FusedConv2D" => self.conv(network, Kernel::Hwio),
            "DepthwiseConv2dNative" | "FusedDepthwiseConv2dNative" => self.conv(network, Kernel::Hwcm),
            "Conv2DBackpropInput" => self.transposed(network, output),
            "MatMul" | "_FusedMatMul" => {
                let flips = ["transpose_a", "transpose_b"].map(|name| self.attributes.flag(name));
                self.fused(network, 2, true, |network, bias, fused, output| {
                    let mut input = self.input(0)?.to_owned();
                    if flips[0] {
                        let perm = network.list(&[1, 0]);
                        let moved = network.unique(&format!("{}/transposed", network.title()));
                        network.renamed("transposed", |network| network.transpose(&input, &perm, &moved))?;
                        input = moved;
                    }
                    network.dense(&input, self.input(1)?, flips[1], bias, true, fused, output)
                })
            }
            "BatchMatMul" | "BatchMatMulV2" => {
                let flips = ["adj_x", "adj_y"].map(|name| self.attributes.flag(name));
                let ranks = [self.rank(0), self.rank(1)];
                network.matrix_product([self.input(0)?, self.input(1)?], flips, ranks, output)
            }
            "FusedBatchNorm" | "FusedBatchNormV2" | "FusedBatchNormV3" => {
                if self.attributes.flag("is_training") {
                    return Err(Unread::reason("the network was converted in training mode"));
                }
                let epsilon = self.attributes.float("epsilon", 1e-4)?;
                let [scale, offset, mean, variance] = [self.input(1)?, self.input(2)?, self.input(3)?, self.input(4)?];
                let weights = Normalisation { scale, offset, mean, variance, epsilon };
                network.normalise(weights, self.input(0)?, self.last()?, Fused(None), output)
            }
            "BiasAdd" if self.last()? => network.pairwise("Add", self.input(0)?, self.input(1)?, Fused(None), output),
            "MaxPool" | "AvgPool" => {
                let pool = if self.op == "MaxPool" { Pool::Max } else { Pool::Average };
                let size = self.pair("ksize", [0, 0])?;
                network.pool(pool, self.window()?, size, self.input(0)?, Fused(None), output)
            }
            "Mean" | "Sum" | "Max" | "Min" | "Prod" => {
                let op = format!("Reduce{}", self.op);
                network.reduce(&op, self.input(0)?, self.input(1)?, self.attributes.flag("keep_dims"), output)
            }
            "AddN" => network.sum(&self.all(), output),
            "Softmax" => network.softmax(false, 1.0, self.input(0)?, output),
            "LogSoftmax" => network.softmax(true, 1.0, self.input(0)?, output),
            "LeakyRelu" => network.leaky(self.attributes.float("alpha", 0.2)?, self.input(0)?, output),
            "Prelu" => network.prelu(self.input(0)?, self.input(1)?, output),
            "LRN" => {
                let number = |name: &str, default: f32| self.attributes.float(name, default);
                let numbers = [number("bias", 1.0)?, number("alpha", 1.0)?, number("beta", 0.5)?];
                network.local_response(self.attributes.whole("depth_radius", 5)?, numbers, self.input(0)?, output)
            }
            "Cast" => {
                let to = match self.attributes.data_type("DstT") {
                    "DT_INT32" => DataType::Int32,
                    "DT_INT64" => DataType::Int64,
                    "DT_UINT8" => DataType::Uint8,
                    "DT_BOOL" => DataType::Bool,
                    _ => DataType::Float,
                };
                network.cast(to, self.input(0)?, output)
            }
            op => match (function(op), pairwise(op)) {
                (Some(function), _) => {
                    network.same_integers(self.input(0)?, output);
                    network.function(function, self.input(0)?, output)
                }
                (None, Some(op)) => network.pairwise(op, self.input(0)?, self.input(1)?, Fused(None), output),
                (None, None) => self.shape(network, output),
            },
        }
    }

    /// Operations that move elements.
    fn shape(&self, network: &mut Network, output: &str) -> Outcome {
        match self.op {
            "Reshape" => network.reshape(self.input(0)?, self.input(1)?, output),
            "Squeeze" => network.squeeze(self.input(0)?, &self.attributes.wholes("squeeze_dims")?, output),
            "ExpandDims" => network.expand_dims(self.input(0)?, self.input(1)?, output),
            "Transpose" => network.transpose(self.input(0)?, self.input(1)?, output),
            "ConcatV2" => {
                let inputs = self.all();
                let (axis, inputs) = inputs.split_last().ok_or_else(|| Unread::reason("it reads nothing"))?;
                let axis = single(network, axis)?;
                network.concat(inputs, axis, Fused(None), output)
            }
            "Pack" => network.pack(&self.all(), self.attributes.whole("axis", 0)?, output),
            "Unpack" => network.unpack(self.input(0)?, self.attributes.whole("axis", 0)?, self.outputs),
            "Split" => {
                let axis = single(network, self.input(0)?)?;
                network.split(self.input(1)?, axis, None, self.outputs)
            }
            "SplitV" => {
                let axis = single(network, self.input(2)?)?;
                let sizes = network.known(self.input(1)?, "sizes")?;
                network.split(self.input(0)?, axis, Some(&sizes), self.outputs)
            }
            "Gather" => network.gather(self.input(0)?, self.input(1)?, 0, output),
            "GatherV2" => {
                if self.attributes.whole("batch_dims", 0)? != 0 {
                    return Err(Unread::reason("indices for each picture of a batch are not supported"));
                }
                let axis = single(network, self.input(2)?)?;
                network.gather(self.input(0)?, self.input(1)?, axis, output)
            }
            "Slice" => network.slice(self.input(0)?, self.input(1)?, self.input(2)?, output),
            "StridedSlice" => {
                let bounds = [self.input(1)?, self.input(2)?, self.input(3)?];
                let mask = |name: &str| self.attributes.whole(name, 0);
                let masks = Strided {
                    begin: mask("begin_mask")?,
                    end: mask("end_mask")?,
                    ellipsis: mask("ellipsis_mask")?,
                    new_axis: mask("new_axis_mask")?,
                    shrink: mask("shrink_axis_mask")?,
                };
                network.strided_slice(self.input(0)?, bounds, masks, output)
            }
            "Pad" => network.pad("constant", self.input(0)?, self.input(1)?, None, output),
            "PadV2" => network.pad("constant", self.input(0)?, self.input(1)?, Some(self.input(2)?), output),
            "MirrorPad" => {
                let mode = self.attributes.text("mode").to_ascii_lowercase();
                network.pad(&mode, self.input(0)?, self.input(1)?, None, output)
            }
            "ResizeBilinear" | "ResizeNearestNeighbor" => {
                let how = (self.attributes.flag("align_corners"), self.attributes.flag("half_pixel_centers"));
                network.resize(self.op == "ResizeNearestNeighbor", how, self.input(1)?, self.input(0)?, output)
            }
            "DepthToSpace" | "SpaceToDepth" => {
                if !self.last()? {
                    return Err(Unread::reason(FIRST));
                }
                network.depth_space(self.op, self.attributes.whole("block_size", 0)?, self.input(0)?, output)
            }
            "SpaceToBatchND" => network.space_to_batch(self.input(0)?, self.input(1)?, self.input(2)?, output),
            "BatchToSpaceND" => network.batch_to_space(self.input(0)?, self.input(1)?, self.input(2)?, output),
            "Shape" => network.plain("Shape", &[self.input(0)?], output),
            "Tile" => network.plain("Tile", &[self.input(0)?, self.input(1)?], output),
            "BroadcastTo" => network.plain("Expand", &[self.input(0)?, self.input(1)?], output),
            "ArgMax" => network.plain("ArgMax", &[self.input(0)?], output),
            _ => Err(Unread::Unknown),
        }
    }

    /// How many axes an input has, if it is a weight; the matrices of an attention have four.
    fn rank(&self, index: usize) -> usize {
        self.dims.get(index).copied().flatten().map_or(4, <[usize]>::len)
    }

    fn conv(&self, network: &mut Network, order: Kernel) -> Outcome {
        let window = self.window()?;
        let kernel = (self.input(1)?, order);
        self.fused(network, 2, window.last, |network, bias, fused, output| {
            network.conv(window, self.input(0)?, kernel, bias, fused, output)
        })
    }

    fn transposed(&self, network: &mut Network, output: &str) -> Outcome {
        let window = self.window()?;
        let size = match (network.integers(self.input(0)?), window.last) {
            (Some(&[_, rows, columns, _]), true) | (Some(&[_, _, rows, columns]), false) => Some([rows, columns]),
            (Some(_), _) => return Err(Unread::reason("the shape of its result has not four axes")),
            (None, _) => None,
        };
        let kernel_size = match self.dims.get(1).copied().flatten() {
            Some(&[rows, columns, _, _]) => Some([rows as i64, columns as i64]),
            _ => None,
        };
        let kernel = (self.input(1)?, Kernel::Hwio);
        network.transposed_conv(window, self.input(2)?, kernel, size, kernel_size, None, Fused(None), output)
    }
}

/// One whole number.
fn single(network: &Network, name: &str) -> Result<i64, Unread> {
    match network.known(name, "axis")?.as_slice() {
        &[axis] => Ok(axis),
        other => Err(Unread::reason(format!("it has {} axes instead of one", other.len()))),
    }
}

/// Functions of single elements.
fn function(op: &str) -> Option<&'static str> {
    Some(match op {
        "Relu" => "relu",
        "Relu6" => "relu6",
        "Elu" => "elu",
        "Selu" => "selu",
        "Sigmoid" => "sigmoid",
        "Tanh" => "tanh",
        "Softplus" => "softplus",
        "Softsign" => "softsign",
        "Erf" => "erf",
        "Exp" => "exp",
        "Log" => "log",
        "Sqrt" => "sqrt",
        "Rsqrt" => "rsqrt",
        "Square" => "square",
        "Abs" => "abs",
        "Neg" => "neg",
        "Floor" => "floor",
        "Ceil" => "ceil",
        "Reciprocal" | "Inv" => "reciprocal",
        "Identity" | "StopGradient" | "PreventGradient" | "CheckNumerics" | "Snapshot" => "identity",
        _ => return None,
    })
}

/// Functions of two values.
fn pairwise(op: &str) -> Option<&'static str> {
    Some(match op {
        "Add" | "AddV2" => "Add",
        "Sub" => "Sub",
        "Mul" => "Mul",
        "RealDiv" | "Div" => "Div",
        "Maximum" => "Max",
        "Minimum" => "Min",
        "Pow" => "Pow",
        "SquaredDifference" => "SquaredDifference",
        _ => return None,
    })
}
