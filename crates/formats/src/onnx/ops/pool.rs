//! Pooling and reductions.

use innspect_graph::{Activation, Op, Pool2d, ReduceKind, window_size};

use super::{
    Inputs, Outcome,
    common::{identity, list, map, rank, sample_axis, sampled, scalar, spatial, tensor, wrap},
    conv::window_pads,
};
use crate::onnx::{
    Refusal,
    attributes::{Attributes, axes},
    import::Importer,
};

pub(super) fn pool(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = map(importer, tensor(inputs, 0)?)?;
    if importer.is_read(1) {
        return Err(Refusal::reason("the indices it found are used"));
    }
    let max = attributes.0.op_type == "MaxPool";
    let kernel = attributes.pair("kernel_shape", 0)?;
    let stride = attributes.pair("strides", 1)?;
    let dilation = attributes.pair("dilations", 1)?;
    if !max && dilation != [1, 1] {
        return Err(Refusal::reason("a dilated average is not supported"));
    }
    let [height, width] = spatial(&input)?;
    let pads = window_pads(attributes, [height, width], kernel, stride, dilation)?;
    let ceil_mode = attributes.flag("ceil_mode", false) && matches!(attributes.string("auto_pad"), "" | "NOTSET");
    let [top, left, bottom, right] = pads;
    // A window that sees only padding has no maximum and no mean.
    let sees = |input: usize, kernel: usize, stride: usize, pads: (usize, usize), dilation: usize| {
        let count = window_size(input, kernel, stride, pads, dilation, ceil_mode)?;
        let start = (count.checked_sub(1)?).checked_mul(stride)?;
        (start < input.checked_add(pads.0)?).then_some(())
    };
    let fits = sees(height, kernel[0], stride[0], (top, bottom), dilation[0]).and(sees(
        width,
        kernel[1],
        stride[1],
        (left, right),
        dilation[1],
    ));
    if fits.is_none() {
        return Err(Refusal::reason(format!(
            "its {}×{} window does not fit a map of {height}×{width}",
            kernel[0], kernel[1]
        )));
    }
    let count_include_pad = attributes.flag("count_include_pad", false);
    let pool = Pool2d { kernel, stride, pads, dilation, ceil_mode, count_include_pad: count_include_pad && !max };
    let op = if max { Op::MaxPool2d(pool) } else { Op::AvgPool2d(pool) };
    let id = importer.main(op, &[input.id])?;
    wrap(importer, id, input.batch)
}

pub(super) fn reduce(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let list = list(attributes, inputs, "axes", 1)?.filter(|list| !list.is_empty());
    let on = match list {
        Some(list) => axes(&list, input.full.len())?,
        None if attributes.flag("noop_with_empty_axes", false) => return identity(importer, inputs),
        None => (0..input.full.len()).collect(),
    };
    let keep_dims = attributes.flag("keepdims", true);
    let inner = on.iter().map(|&axis| sample_axis(input, axis)).collect::<Result<Vec<_>, _>>()?;
    let batch = input.batch.map(|at| if keep_dims { at } else { at - on.iter().filter(|&&axis| axis < at).count() });
    let kind = match attributes.0.op_type.as_str() {
        "ReduceMean" => ReduceKind::Mean,
        "ReduceMax" | "ReduceMin" => ReduceKind::Max,
        _ => ReduceKind::Sum,
    };
    let op = Op::Reduce { kind, axes: inner, keep_dims };
    let square = Op::Activation(Activation::Pow { exponent: 2.0 });
    let id = match attributes.0.op_type.as_str() {
        "ReduceL2" => {
            let square = importer.part("square", square, &[input.id])?;
            let sum = importer.part("sum", op, &[square])?;
            importer.main(Op::Activation(Activation::Sqrt), &[sum])?
        }
        "ReduceSumSquare" => {
            let square = importer.part("square", square, &[input.id])?;
            importer.main(op, &[square])?
        }
        "ReduceL1" => {
            let absolute = importer.part("absolute", Op::Activation(Activation::Abs), &[input.id])?;
            importer.main(op, &[absolute])?
        }
        "ReduceLogSum" => {
            let sum = importer.part("sum", op, &[input.id])?;
            importer.main(Op::Activation(Activation::Log), &[sum])?
        }
        // min(x) = -max(-x).
        "ReduceMin" => {
            let minus = scalar(importer, -1.0, rank(importer, input))?;
            let negative = importer.part("negative", Op::Affine { scale: Some(minus), shift: None }, &[input.id])?;
            let largest = importer.part("largest", op, &[negative])?;
            let rank = importer.builder.shape(largest).rank();
            let minus = scalar(importer, -1.0, rank)?;
            importer.main(Op::Affine { scale: Some(minus), shift: None }, &[largest])?
        }
        _ => importer.main(op, &[input.id])?,
    };
    wrap(importer, id, batch)
}

/// The mean or maximum over all positions of each channel.
pub(super) fn global_pool(importer: &mut Importer, inputs: &Inputs, kind: ReduceKind) -> Outcome {
    let input = sampled(importer, tensor(inputs, 0)?)?;
    let axes = (1..input.full.len().saturating_sub(1)).collect();
    let id = importer.main(Op::Reduce { kind, axes, keep_dims: true }, &[input.id])?;
    wrap(importer, id, input.batch)
}
