//! Resizing of feature maps.

use innspect_graph::{Op, Resize, ResizeCoordinates, ResizeMode};

use super::{
    Inputs, Outcome,
    common::{map, optional, spatial, tensor, wrap},
};
use crate::onnx::{
    Refusal,
    attributes::{Attributes, axis, size},
    import::Importer,
    tensor::Constant,
};

/// The input coordinate of output cell `index` by ONNX's rules; `scale` is output over input.
fn coordinate(mode: &str, index: usize, input: usize, output: usize, scale: f64) -> Result<f64, Refusal> {
    let index = index as f64;
    let ratio = (input as f64 - 1.0) / (output as f64 - 1.0);
    Ok(match mode {
        "" | "half_pixel" | "half_pixel_symmetric" => (index + 0.5) / scale - 0.5,
        "pytorch_half_pixel" => {
            if output > 1 {
                (index + 0.5) / scale - 0.5
            } else {
                0.0
            }
        }
        "align_corners" => {
            if output > 1 {
                index * ratio
            } else {
                0.0
            }
        }
        "asymmetric" => index / scale,
        "tf_half_pixel_for_nn" => (index + 0.5) / scale,
        other => return Err(Refusal::reason(format!("coordinates {other:?} are not supported"))),
    })
}

pub(super) fn resize(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = map(importer, tensor(inputs, 0)?)?;
    let [height, width] = spatial(&input)?;
    let upsample = attributes.0.op_type == "Upsample" || importer.opset < 11;
    // Resize has its region of interest before the scales; Upsample and the first Resize have not.
    let (scales_at, sizes_at) = if upsample { (1, usize::MAX) } else { (2, 3) };
    let scales = match optional(inputs, scales_at)? {
        Some(constant) => Some(constant.floats().to_vec()),
        None => attributes.floats("scales").map(<[f32]>::to_vec),
    }
    .filter(|scales| !scales.is_empty());
    let sizes = optional(inputs, sizes_at)?.map(Constant::ints).filter(|sizes| !sizes.is_empty());
    // From opset 18 the lists may name only some axes.
    let on: Vec<usize> = match attributes.ints("axes") {
        Some(list) => list.iter().map(|&value| axis(value, 4)).collect::<Result<_, _>>()?,
        None => (0..4).collect(),
    };
    let place = |at: usize| on.iter().position(|&axis| axis == at);
    let per_axis = |at: usize, input: usize| -> Result<(usize, f64), Refusal> {
        let Some(position) = place(at) else { return Ok((input, 1.0)) };
        if let Some(wanted) = sizes.as_ref().and_then(|sizes| sizes.get(position)) {
            let wanted = size(*wanted)?;
            return Ok((wanted, wanted as f64 / input as f64));
        }
        let scale = scales.as_ref().and_then(|scales| scales.get(position)).copied();
        let scale = f64::from(scale.ok_or_else(|| Refusal::reason("its scales are missing"))?);
        let wanted = (input as f64 * scale).floor();
        if !(1.0..1e6).contains(&wanted) {
            return Err(Refusal::reason(format!("a scale of {scale} is out of range")));
        }
        Ok((wanted as usize, scale))
    };
    if matches!(attributes.string("keep_aspect_ratio_policy"), "not_larger" | "not_smaller") {
        return Err(Refusal::reason("keeping the aspect ratio is not supported"));
    }
    let channels = input.full.get(1).copied().unwrap_or(0);
    // A batch size among the sizes is the one the exporter saw; resizing a batch means nothing.
    if (sizes.is_none() && per_axis(0, 1)?.0 != 1) || per_axis(1, channels)?.0 != channels {
        return Err(Refusal::reason("it resizes other axes than height and width"));
    }
    let axes = [(height, per_axis(2, height)?), (width, per_axis(3, width)?)];
    let target = [axes[0].1.0, axes[1].1.0];
    if target.iter().any(|&side| side == 0 || side > 1 << 16) {
        return Err(Refusal::reason(format!("a size of {target:?} is out of range")));
    }
    let coordinates = if upsample { "asymmetric" } else { attributes.string("coordinate_transformation_mode") };
    let nearest_mode = if upsample { "floor" } else { attributes.string("nearest_mode") };
    let mode = match attributes.string("mode") {
        "" | "nearest" => ResizeMode::Nearest,
        "linear" | "bilinear" => ResizeMode::Linear,
        other => return Err(Refusal::reason(format!("interpolation {other:?} is not supported"))),
    };
    if attributes.flag("antialias", false) && (target[0] < height || target[1] < width) && mode == ResizeMode::Linear {
        return Err(Refusal::reason("shrinking with antialiasing is not supported"));
    }
    // The graph knows three rules; the one is taken that reads the same cells as the file's rule.
    let known = [
        (ResizeCoordinates::Asymmetric, "asymmetric", "floor"),
        (ResizeCoordinates::HalfPixel, "half_pixel", "round_prefer_floor"),
        (ResizeCoordinates::AlignCorners, "align_corners", "round_prefer_floor"),
    ];
    let read = |rule: &str, rounding: &str, scale: Option<f64>, index: usize, (input, output): (usize, usize)| {
        let scale = scale.unwrap_or(output as f64 / input as f64);
        let at = coordinate(rule, index, input, output, scale)?;
        let limit = input as f64 - 1.0;
        Ok::<f64, Refusal>(match mode {
            ResizeMode::Linear => at.clamp(0.0, limit),
            ResizeMode::Nearest => rounded(rounding, at)?.clamp(0.0, limit),
        })
    };
    let mut chosen = None;
    for (candidate, rule, rounding) in known {
        let mut fits = true;
        for &(input, (output, scale)) in &axes {
            for index in 0..output {
                let wanted = read(coordinates, nearest_mode, Some(scale), index, (input, output))?;
                let got = read(rule, rounding, None, index, (input, output))?;
                fits &= (wanted - got).abs() < 1e-3;
            }
        }
        if fits {
            chosen = Some(candidate);
            break;
        }
    }
    let coordinates = chosen.ok_or_else(|| {
        let [(height, (to_height, vertical)), (width, (to_width, horizontal))] = axes;
        Refusal::reason(format!(
            "scaling {height}×{width} by {vertical} and {horizontal} to {to_height}×{to_width} with coordinates \
             {coordinates:?} and rounding {nearest_mode:?} is not supported"
        ))
    })?;
    let id = importer.main(Op::Resize(Resize { size: target, mode, coordinates }), &[input.id])?;
    wrap(importer, id, input.batch)
}

/// The cell that a coordinate falls on.
fn rounded(mode: &str, at: f64) -> Result<f64, Refusal> {
    Ok(match mode {
        "" | "round_prefer_floor" => (at - 0.5).ceil(),
        "round_prefer_ceil" => (at + 0.5).floor(),
        "floor" => at.floor(),
        "ceil" => at.ceil(),
        other => return Err(Refusal::reason(format!("rounding {other:?} is not supported"))),
    })
}
