//! Convolutions and the padding of windows.

use innspect_graph::{Conv2d, ConvTranspose2d, Op};

use super::{
    Inputs, Outcome,
    common::{bias, constant, map, spatial, tensor, weight, wrap},
};
use crate::onnx::{
    Refusal,
    attributes::{Attributes, size},
    import::Importer,
};

/// Padding of a window: explicit, or what keeps `ceil(input / stride)` positions.
pub(super) fn window_pads(
    attributes: Attributes,
    input: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
) -> Result<[usize; 4], Refusal> {
    match attributes.string("auto_pad") {
        "" | "NOTSET" => match attributes.ints("pads") {
            None | Some([]) => Ok([0; 4]),
            Some(&[top, left, bottom, right]) => Ok([size(top)?, size(left)?, size(bottom)?, size(right)?]),
            Some(other) => Err(Refusal::reason(format!("{other:?} does not pad two axes"))),
        },
        "VALID" => Ok([0; 4]),
        mode @ ("SAME_UPPER" | "SAME_LOWER") => {
            let total = |axis: usize| -> Option<(usize, usize)> {
                let (&input, &kernel) = (input.get(axis)?, kernel.get(axis)?);
                let (&stride, &dilation) = (stride.get(axis)?, dilation.get(axis)?);
                let output = input.checked_add(stride.checked_sub(1)?)?.checked_div(stride)?;
                let extent = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
                let total = (output.checked_sub(1)?.checked_mul(stride)?.checked_add(extent)?).saturating_sub(input);
                let small = total / 2;
                Some(if mode == "SAME_UPPER" { (small, total - small) } else { (total - small, small) })
            };
            match (total(0), total(1)) {
                (Some((top, bottom)), Some((left, right))) => Ok([top, left, bottom, right]),
                _ => Err(Refusal::reason("its window has no size")),
            }
        }
        other => Err(Refusal::reason(format!("auto_pad {other:?} is unknown"))),
    }
}

fn kernel_dims(inputs: &Inputs) -> Result<[usize; 4], Refusal> {
    let dims = &constant(inputs, 1)?.dims;
    dims.as_slice()
        .try_into()
        .map_err(|_| Refusal::reason(format!("its kernel has shape {dims:?}; only 2-D networks are read")))
}

pub(super) fn conv(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let [_, per_group, height, width] = kernel_dims(inputs)?;
    let input = map(importer, tensor(inputs, 0)?)?;
    let stride = attributes.pair("strides", 1)?;
    let dilation = attributes.pair("dilations", 1)?;
    let pads = window_pads(attributes, spatial(&input)?, [height, width], stride, dilation)?;
    let weight = weight(importer, inputs, 1)?;
    let bias = bias(importer, inputs, 2)?;
    let groups = match size(attributes.int_or("group", 1))? {
        // As many as fit, as TensorFlow has it, whose networks are read through here too.
        0 => {
            let channels = input.full.get(1).copied().unwrap_or(0);
            channels
                .checked_div(per_group)
                .filter(|&groups| groups.checked_mul(per_group) == Some(channels))
                .ok_or_else(|| {
                    Refusal::reason(format!("its kernel for {per_group} channels does not match {channels} channels"))
                })?
        }
        groups => groups,
    };
    let id = importer.main(Op::Conv2d(Conv2d { weight, bias, stride, pads, dilation, groups }), &[input.id])?;
    wrap(importer, id, input.batch)
}

pub(super) fn conv_transpose(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let kernel = kernel_dims(inputs)?;
    let input = map(importer, tensor(inputs, 0)?)?;
    let [height, width] = spatial(&input)?;
    let stride = attributes.pair("strides", 1)?;
    let dilation = attributes.pair("dilations", 1)?;
    let mut output_padding = attributes.pair("output_padding", 0)?;
    let wanted = match attributes.ints("output_shape") {
        None | Some([]) => None,
        Some([.., h, w]) => Some([size(*h)?, size(*w)?]),
        Some(other) => return Err(Refusal::reason(format!("output_shape {other:?} has one axis"))),
    };
    let mode = attributes.string("auto_pad");
    let mut pads = if matches!(mode, "SAME_UPPER" | "SAME_LOWER") || wanted.is_some() {
        [0; 4]
    } else {
        window_pads(attributes, [height, width], [1, 1], stride, dilation)?
    };
    if wanted.is_some() || matches!(mode, "SAME_UPPER" | "SAME_LOWER") {
        let plan =
            |input: usize, kernel: usize, stride: usize, dilation: usize, extra: usize, wanted: Option<usize>| {
                let full = input
                    .checked_sub(1)?
                    .checked_mul(stride)?
                    .checked_add(kernel.checked_sub(1)?.checked_mul(dilation)?)?
                    .checked_add(1)?
                    .checked_add(extra)?;
                let wanted = wanted.or(input.checked_mul(stride))?;
                // A result larger than the full one needs padding at the end instead of a cut.
                let (cut, more) = (full.saturating_sub(wanted), wanted.saturating_sub(full));
                let small = cut / 2;
                Some(if mode == "SAME_UPPER" { (small, cut - small, more) } else { (cut - small, small, more) })
            };
        let [rows, columns] = wanted.map_or([None; 2], |[h, w]| [Some(h), Some(w)]);
        let [_, _, kernel_h, kernel_w] = kernel;
        let vertical = plan(height, kernel_h, stride[0], dilation[0], output_padding[0], rows);
        let horizontal = plan(width, kernel_w, stride[1], dilation[1], output_padding[1], columns);
        let (Some((top, bottom, more_h)), Some((left, right, more_w))) = (vertical, horizontal) else {
            return Err(Refusal::reason("its window has no size"));
        };
        pads = [top, left, bottom, right];
        output_padding = [output_padding[0].saturating_add(more_h), output_padding[1].saturating_add(more_w)];
    }
    let weight = weight(importer, inputs, 1)?;
    let bias = bias(importer, inputs, 2)?;
    let groups = size(attributes.int_or("group", 1))?;
    let op = Op::ConvTranspose2d(ConvTranspose2d { weight, bias, stride, pads, output_padding, dilation, groups });
    let id = importer.main(op, &[input.id])?;
    wrap(importer, id, input.batch)
}
