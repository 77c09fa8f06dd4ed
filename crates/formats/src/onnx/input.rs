//! The picture that a network takes.

use std::collections::HashMap;

use super::{
    attributes::{Attributes, size},
    proto::{self, DataType, DimensionSize},
};
use crate::FormatError;

/// The side of the picture where the file leaves it open: what most classifiers were trained with.
const DEFAULT_SIDE: usize = 224;

/// The picture as the file describes it and as the graph has it.
pub(super) struct Input<'a> {
    pub name: &'a str,
    /// Shape of the graph's input, `[C, H, W]`.
    pub sample: Vec<usize>,
    /// Shape in the file with a batch of 1.
    pub full: Vec<usize>,
    pub batch: Option<usize>,
    pub fixed_batch: usize,
    /// Whether the pixels are integers, which can only be the raw ones.
    pub raw: bool,
    /// What stands between the graph's input and the file's: a transposition or a reshape.
    pub prepare: Option<(Option<Vec<usize>>, Vec<usize>)>,
}

pub(super) fn input<'a>(
    graph: &'a proto::Graph,
    initializers: &HashMap<&str, &proto::Tensor>,
    channels_last: bool,
    warnings: &mut Vec<String>,
) -> Result<Input<'a>, FormatError> {
    let refuse = |reason: String| FormatError::Input { reason };
    // Before IR version 4, weights stand among the inputs too.
    let inputs: Vec<&proto::ValueInfo> =
        graph.input.iter().filter(|input| !initializers.contains_key(input.name.as_str())).collect();
    let info = match inputs.as_slice() {
        [one] => *one,
        [] => return Err(refuse("it has no input".to_owned())),
        more => {
            let names: Vec<&str> = more.iter().map(|input| input.name.as_str()).take(8).collect();
            return Err(refuse(format!("it has {} inputs: {}", more.len(), names.join(", "))));
        }
    };
    let name = info.name.as_str();
    let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    if info.r#type.is_some() && tensor.is_none() {
        return Err(refuse(format!("its input {name:?} is not a tensor")));
    }
    let raw = tensor.is_some_and(|tensor| {
        matches!(DataType::try_from(tensor.elem_type), Ok(DataType::Uint8 | DataType::Int32 | DataType::Int64))
    });
    let dims: Option<Vec<Option<usize>>> = match tensor.and_then(|tensor| tensor.shape.as_ref()) {
        None => None,
        Some(shape) => Some(
            shape
                .dim
                .iter()
                .map(|dim| match dim.size {
                    // 0 and -1 are how some writers say "any".
                    Some(DimensionSize::Value(value)) if value > 0 => size(value).map(Some),
                    _ => Ok(None),
                })
                .collect::<Result<_, _>>()
                .map_err(|_| refuse(format!("its input {name:?} has an axis of impossible size")))?,
        ),
    };
    let dims = match dims {
        Some(dims) => dims,
        None => {
            warnings.push("The file does not say the shape of its input.".to_owned());
            vec![None; 4]
        }
    };

    let reader = graph.node.iter().find(|node| node.input.iter().any(|input| input == name));
    let to_channels_first =
        reader.is_some_and(|node| node.op_type == "Transpose" && Attributes(node).ints("perm") == Some(&[0, 3, 1, 2]));
    let is_channels = |size: Option<usize>| matches!(size, Some(1 | 3 | 4));
    let side = |size: Option<usize>, warnings: &mut Vec<String>, what: &str| {
        size.unwrap_or_else(|| {
            warnings.push(format!("The file leaves the {what} of the picture open; {DEFAULT_SIDE} pixels are used."));
            DEFAULT_SIDE
        })
    };
    match *dims.as_slice() {
        [batch, second, third, fourth] => {
            // Grey and colour are likelier than four channels, a map of 4 pixels or less than a hint in the file.
            let usual = |size: Option<usize>| matches!(size, Some(1 | 3));
            let channels_last = channels_last
                || !usual(second)
                    && (usual(fourth) || to_channels_first || !is_channels(second) && is_channels(fourth));
            let (channels, height, width) =
                if channels_last { (fourth, second, third) } else { (second, third, fourth) };
            let channels = match channels.or_else(|| first_channels(graph, initializers)) {
                Some(channels) => channels,
                None => {
                    warnings.push("The file does not say how many channels the picture has; 3 are used.".to_owned());
                    3
                }
            };
            let (height, width) = (side(height, warnings, "height"), side(width, warnings, "width"));
            Ok(Input {
                name,
                sample: vec![channels, height, width],
                full: if channels_last { vec![1, height, width, channels] } else { vec![1, channels, height, width] },
                batch: Some(0),
                fixed_batch: batch.unwrap_or(1),
                raw,
                prepare: channels_last.then(|| (Some(vec![1, 2, 0]), vec![])),
            })
        }
        [first, second, third] if is_channels(first) || is_channels(third) => {
            let channels_last = !is_channels(first);
            let (channels, height, width) = if channels_last { (third, first, second) } else { (first, second, third) };
            let channels = channels.unwrap_or(3);
            let (height, width) = (side(height, warnings, "height"), side(width, warnings, "width"));
            Ok(Input {
                name,
                sample: vec![channels, height, width],
                full: if channels_last { vec![height, width, channels] } else { vec![channels, height, width] },
                batch: None,
                fixed_batch: 1,
                raw,
                prepare: channels_last.then(|| (Some(vec![1, 2, 0]), vec![])),
            })
        }
        // A flat vector of pixels, as for MNIST in many courses.
        [batch, Some(features)] => {
            let square = |count: usize| (1..=4096usize).find(|side| side * side == count);
            let (channels, side) = square(features)
                .map(|side| (1, side))
                .or_else(|| features.is_multiple_of(3).then(|| square(features / 3)).flatten().map(|side| (3, side)))
                .ok_or_else(|| refuse(format!("its input {name:?} is a vector of {features} numbers")))?;
            warnings.push(format!("The input is a vector; it is read as a picture of {channels} × {side} × {side}."));
            Ok(Input {
                name,
                sample: vec![channels, side, side],
                full: vec![1, features],
                batch: Some(0),
                fixed_batch: batch.unwrap_or(1),
                raw,
                prepare: Some((None, vec![features])),
            })
        }
        _ => {
            let shown: Vec<String> =
                dims.iter().take(8).map(|size| size.map_or_else(|| "?".to_owned(), |size| size.to_string())).collect();
            Err(refuse(format!("its input {name:?} has {} axes: [{}]", dims.len(), shown.join(", "))))
        }
    }
}

/// The input channels of the first convolution, where the input itself does not say them.
fn first_channels(graph: &proto::Graph, initializers: &HashMap<&str, &proto::Tensor>) -> Option<usize> {
    let conv = graph.node.iter().find(|node| node.op_type == "Conv")?;
    let kernel = initializers.get(conv.input.get(1)?.as_str())?;
    let groups = Attributes(conv).int_or("group", 1);
    size(kernel.dims.get(1)?.checked_mul(groups)?).ok().filter(|channels| (1..=16).contains(channels))
}
