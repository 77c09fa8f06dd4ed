//! What each class of layers is in the graph.

use innspect_graph::{
    Activation, BinaryKind, Conv2d, ConvTranspose2d, Op, PadMode, ParamId, Pool2d, ReduceKind, Resize,
    ResizeCoordinates, ResizeMode, ValueId, Weights as Elements,
};
use serde_json::{Map, Value};

use super::{
    Refusal, activations,
    config::Layer,
    import::{Importer, Input, Tensor},
    weights::expected,
};
use crate::lower;

type Outcome = Result<Tensor, Refusal>;

/// Larger numbers in a layer's settings make no sense and only overflow sums.
const MAX_SETTING: u64 = 1 << 20;

/// The settings of a layer.
#[derive(Clone, Copy)]
pub(super) struct Settings<'a>(pub &'a Map<String, Value>);

impl<'a> Settings<'a> {
    fn get(self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn text(self, key: &str) -> Option<&'a str> {
        self.get(key).and_then(Value::as_str)
    }

    fn flag(self, key: &str, default: bool) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or(default)
    }

    /// A float; `None` if it is not given.
    pub fn number(self, key: &str) -> Result<Option<f32>, Refusal> {
        let Some(value) = self.get(key) else { return Ok(None) };
        // Keras 2.1 wrote constants as {"type": "ndarray", "value": 0.3}.
        let value = value.get("value").unwrap_or(value);
        match value.as_f64() {
            Some(number) if number.is_finite() => Ok(Some(number as f32)),
            _ => Err(Refusal::reason(format!("its setting {key:?} is not a number"))),
        }
    }

    /// One number or several, as floats; `None` if not given.
    fn numbers(self, key: &str) -> Result<Option<Vec<f32>>, Refusal> {
        fn flatten(value: &Value, depth: usize, found: &mut Vec<f32>) -> Option<()> {
            match value {
                Value::Number(number) => found.push(number.as_f64()? as f32),
                Value::Array(list) if depth < 8 => {
                    list.iter().try_for_each(|inner| flatten(inner, depth + 1, found))?;
                }
                Value::Object(object) if depth < 8 => {
                    flatten(object.get("config").unwrap_or(value.get("value")?), depth + 1, found)?;
                }
                _ => return None,
            }
            Some(())
        }
        let Some(value) = self.get(key) else { return Ok(None) };
        let mut found = Vec::new();
        match flatten(value, 0, &mut found) {
            Some(()) => Ok(Some(found)),
            None => Err(Refusal::reason(format!("its setting {key:?} is not a list of numbers"))),
        }
    }

    fn whole(self, key: &str) -> Result<Option<usize>, Refusal> {
        self.get(key).map(|value| size(value, key)).transpose()
    }

    /// Checks that the sizes of a weight are those that a setting asks for, if it is given.
    fn agrees(self, key: &str, actual: &[usize]) -> Result<(), Refusal> {
        let Some(value) = self.get(key) else { return Ok(()) };
        let wanted = match value {
            Value::Array(list) if list.len() > 1 => list.iter().map(|one| size(one, key)).collect::<Result<_, _>>()?,
            one => vec![pair(one, key)?[0]; actual.len()],
        };
        if wanted == actual {
            return Ok(());
        }
        let show = |sizes: &[usize]| sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
        let (wanted, actual) = (show(&wanted), show(actual));
        Err(Refusal::reason(format!("its setting {key:?} is {wanted}, but its weights have {actual}")))
    }

    /// A size for both axes or one for each.
    fn pair(self, key: &str, default: [usize; 2]) -> Result<[usize; 2], Refusal> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => pair(value, key),
        }
    }

    /// Sizes at both ends of both axes: `[[top, bottom], [left, right]]`.
    fn sides(self, key: &str, default: usize) -> Result<[[usize; 2]; 2], Refusal> {
        match self.get(key) {
            None => Ok([[default; 2]; 2]),
            Some(Value::Array(list)) => match list.as_slice() {
                [rows @ Value::Array(_), columns @ Value::Array(_)] => Ok([pair(rows, key)?, pair(columns, key)?]),
                [rows, columns] => Ok([[size(rows, key)?; 2], [size(columns, key)?; 2]]),
                _ => Err(Refusal::reason(format!("its setting {key:?} is not two numbers"))),
            },
            Some(value) => Ok([[size(value, key)?; 2]; 2]),
        }
    }

    fn channels_last(self) -> Result<bool, Refusal> {
        match self.text("data_format") {
            None | Some("channels_last") => Ok(true),
            Some("channels_first") => Ok(false),
            Some(other) => Err(Refusal::reason(format!("its data format {other:?} is unknown"))),
        }
    }

    /// Whether the padding keeps the size.
    fn same(self, key: &str) -> Result<bool, Refusal> {
        match self.text(key) {
            None | Some("valid") => Ok(false),
            Some("same") => Ok(true),
            Some(other) => Err(Refusal::reason(format!("its padding {other:?} is not supported"))),
        }
    }
}

fn size(value: &Value, key: &str) -> Result<usize, Refusal> {
    let number = value.as_u64().or_else(|| {
        value.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0).map(|number| number as u64)
    });
    match number.filter(|&number| number <= MAX_SETTING).and_then(|number| usize::try_from(number).ok()) {
        Some(number) => Ok(number),
        None => Err(Refusal::reason(format!("its setting {key:?} is {value}"))),
    }
}

fn pair(value: &Value, key: &str) -> Result<[usize; 2], Refusal> {
    match value {
        Value::Array(list) => match list.as_slice() {
            [one] => Ok([size(one, key)?; 2]),
            [first, second] => Ok([size(first, key)?, size(second, key)?]),
            _ => Err(Refusal::reason(format!("its setting {key:?} is not two numbers"))),
        },
        one => Ok([size(one, key)?; 2]),
    }
}

/// The number of axes that a layer sees, without the batch.
pub(super) fn rank(importer: &Importer, tensor: Tensor) -> usize {
    importer.builder.shape(tensor.id).rank()
}

/// The graph's axis for an axis that Keras counts with the batch in front or from the end.
pub(super) fn sample_axis(importer: &Importer, tensor: Tensor, axis: i64) -> Result<usize, Refusal> {
    let rank = rank(importer, tensor);
    let own = if axis < 0 { axis.checked_add(rank as i64) } else { axis.checked_sub(1) };
    let own = own.and_then(|own| usize::try_from(own).ok()).filter(|&own| own < rank);
    let own =
        own.ok_or_else(|| Refusal::reason(format!("axis {axis} is not one of its {rank} axes beside the batch")))?;
    Ok(if tensor.last { [1, 2, 0].get(own).copied().unwrap_or(own) } else { own })
}

/// The value as the layer sees it.
fn plain(importer: &mut Importer, tensor: Tensor, name: &str) -> Result<ValueId, Refusal> {
    if !tensor.last {
        return Ok(tensor.id);
    }
    importer.add(&format!("{name}/layout"), Op::Transpose { permutation: vec![1, 2, 0] }, &[tensor.id])
}

/// The value as `[C, H, W]`.
fn map(importer: &mut Importer, tensor: Tensor, last: bool, name: &str) -> Result<ValueId, Refusal> {
    let shape = importer.builder.shape(tensor.id);
    if shape.rank() != 3 {
        return Err(Refusal::reason(format!("it reads a value of shape {shape}, not a feature map")));
    }
    if tensor.last == last {
        return Ok(tensor.id);
    }
    if !last {
        return plain(importer, tensor, name);
    }
    importer.add(&format!("{name}/layout"), Op::Transpose { permutation: vec![2, 0, 1] }, &[tensor.id])
}

/// A weight with its axes in another order, and the same numbers.
pub(super) fn permuted(dims: &[usize], data: &Elements, permutation: &[usize]) -> Elements {
    let (dims, permutation) = (dims.to_vec(), permutation.to_vec());
    data.map(move |data| in_order(&dims, data, &permutation))
}

fn in_order(dims: &[usize], data: &[f32], permutation: &[usize]) -> Vec<f32> {
    let mut strides = vec![1usize; dims.len()];
    for axis in (1..dims.len()).rev() {
        let step = strides.get(axis).zip(dims.get(axis)).map_or(1, |(stride, size)| stride * size);
        if let Some(stride) = strides.get_mut(axis - 1) {
            *stride = step;
        }
    }
    let at = |list: &[usize], axis: usize| list.get(axis).copied().unwrap_or(1);
    let sizes: Vec<usize> = permutation.iter().map(|&axis| at(dims, axis)).collect();
    let steps: Vec<usize> = permutation.iter().map(|&axis| at(&strides, axis)).collect();
    let mut position = vec![0usize; sizes.len()];
    let mut from = 0usize;
    let mut result = Vec::with_capacity(data.len());
    for _ in 0..data.len() {
        result.push(data.get(from).copied().unwrap_or_default());
        // The next position, and with it the next place to read.
        for axis in (0..sizes.len()).rev() {
            let (Some(digit), size, step) = (position.get_mut(axis), at(&sizes, axis), at(&steps, axis)) else { break };
            *digit += 1;
            from += step;
            if *digit < size {
                break;
            }
            from -= step * size;
            *digit = 0;
        }
    }
    result
}

/// TensorFlow's padding that keeps the size: what is odd comes at the end.
fn same_padding(input: usize, kernel: usize, stride: usize, dilation: usize) -> (usize, usize) {
    let output = input.div_ceil(stride.max(1));
    let extent = kernel.saturating_sub(1).saturating_mul(dilation).saturating_add(1);
    let total = output.saturating_sub(1).saturating_mul(stride).saturating_add(extent).saturating_sub(input);
    (total / 2, total - total / 2)
}

fn pads(same: bool, input: [usize; 2], kernel: [usize; 2], stride: [usize; 2], dilation: [usize; 2]) -> [usize; 4] {
    if !same {
        return [0; 4];
    }
    let (top, bottom) = same_padding(input[0], kernel[0], stride[0], dilation[0]);
    let (left, right) = same_padding(input[1], kernel[1], stride[1], dilation[1]);
    [top, left, bottom, right]
}

fn four(dims: &[usize], what: &str) -> Result<[usize; 4], Refusal> {
    dims.try_into().map_err(|_| Refusal::reason(format!("its {what} has {} axes instead of 4", dims.len())))
}

/// What is read by a layer that reads one value.
fn one(inputs: &[Input]) -> Result<Tensor, Refusal> {
    match inputs {
        [Input::Tensor(tensor)] => Ok(*tensor),
        _ => Err(Refusal::reason(format!("it reads {} values instead of one", inputs.len()))),
    }
}

/// Adds the op that a layer stands for, under the layer's name.
fn node(importer: &mut Importer, op: Op, inputs: &[ValueId], name: &str) -> Result<ValueId, Refusal> {
    importer.add(name, op, inputs)
}

/// Classes that do nothing when a network is used.
pub(crate) const IDENTITIES: &[&str] = &[
    "Dropout",
    "SpatialDropout2D",
    "AlphaDropout",
    "GaussianDropout",
    "GaussianNoise",
    "ActivityRegularization",
    "Identity",
    "StochasticDepth",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "RandomContrast",
    "RandomBrightness",
    "RandomHeight",
    "RandomWidth",
    "RandomHue",
    "RandomSaturation",
    "RandomColorJitter",
    "RandomColorDegeneration",
    "RandomGrayscale",
    "RandomSharpness",
    "RandomPosterization",
    "RandomInvert",
    "RandomShear",
    "RandomPerspective",
    "RandomGaussianBlur",
    "RandomErasing",
    "RandomElasticTransform",
    "AugMix",
    "RandAugment",
    "MixUp",
    "CutMix",
];

/// Turns one call of a layer into nodes.
pub(super) fn convert(importer: &mut Importer, layer: &Layer, name: &str, inputs: &[Input]) -> Outcome {
    let settings = Settings(&layer.config);
    let class = layer.class.as_str();
    // Files of Keras 1 say that they are; such settings elsewhere are somebody's own.
    if ["border_mode", "dim_ordering", "output_dim"].iter().any(|key| layer.config.contains_key(*key)) {
        return Err(Refusal::reason("it has the settings of Keras 1, which are not supported"));
    }
    // Keras 3's HDF5 files do not say where a class is defined; layers do not read numbers.
    let numbers = inputs.iter().any(|input| matches!(input, Input::Numbers(_)));
    if numbers || matches!(class, "TFOpLambda" | "TrueDivide" | "Divide") || layer.module.contains(".ops.") {
        return operator(importer, layer, name, inputs);
    }
    if IDENTITIES.contains(&class) {
        return one(inputs);
    }
    if let "Add" | "Subtract" | "Multiply" | "Average" | "Maximum" | "Minimum" | "Concatenate" = class {
        let tensors = inputs
            .iter()
            .map(|input| match input {
                Input::Tensor(tensor) => Ok(*tensor),
                Input::Numbers(_) => Err(Refusal::Unknown),
            })
            .collect::<Result<Vec<_>, _>>()?;
        return if class == "Concatenate" {
            concatenate(importer, settings, &tensors, name)
        } else {
            merge(importer, class, &tensors, name)
        };
    }
    if let "Lambda" | "InputLayer" = class {
        return Err(Refusal::Unknown);
    }
    // A layer of InceptionResNetV2: the first value and a share of the second.
    if class == "CustomScaleLayer" {
        let [Input::Tensor(first), Input::Tensor(second)] = inputs else { return Err(Refusal::Unknown) };
        let scale = [settings.number("scale")?.unwrap_or(1.0)];
        let second = affine(importer, *second, -1, &scale, &[0.0], &format!("{name}/scale"))?;
        return merge(importer, "Add", &[*first, second], name);
    }
    let input = one(inputs)?;
    if let Some(result) = activations::layer(importer, class, settings, input, name)? {
        return Ok(result);
    }
    match class {
        "Activation" => match settings.text("activation") {
            Some(function) => activations::named(importer, function, input, name),
            None => activations::apply(importer, settings.get("activation"), input, name),
        },
        "PReLU" => activations::prelu(importer, input, name),
        "Conv2D" => conv(importer, settings, input, name),
        "DepthwiseConv2D" => {
            let result = depthwise(importer, settings, input, name, name, true)?;
            activations::apply(importer, settings.get("activation"), result, name)
        }
        "SeparableConv2D" => separable(importer, settings, input, name),
        "Conv2DTranspose" => transposed(importer, settings, input, name),
        "Dense" => dense(importer, settings, input, name),
        "BatchNormalization" | "SyncBatchNormalization" => batch_normalization(importer, layer, input, name),
        "LayerNormalization" => layer_normalization(importer, layer, input, name),
        "MaxPooling2D" | "MaxPool2D" | "AveragePooling2D" | "AvgPool2D" => {
            pool(importer, settings, input, name, class.starts_with("Max"))
        }
        "GlobalAveragePooling2D" | "GlobalAvgPool2D" | "GlobalMaxPooling2D" | "GlobalMaxPool2D" => {
            let last = settings.channels_last()?;
            let id = map(importer, input, last, name)?;
            let kind = if class.contains("Max") { ReduceKind::Max } else { ReduceKind::Mean };
            let keep_dims = settings.flag("keepdims", false);
            let id = node(importer, Op::Reduce { kind, axes: vec![1, 2], keep_dims }, &[id], name)?;
            Ok(Tensor { id, last: last && keep_dims })
        }
        "ZeroPadding2D" => {
            let last = settings.channels_last()?;
            let id = map(importer, input, last, name)?;
            let [rows, columns] = settings.sides("padding", 1)?;
            let pads = vec![(0, 0), (rows[0], rows[1]), (columns[0], columns[1])];
            let id = node(importer, Op::Pad { pads, mode: PadMode::Constant(0.0) }, &[id], name)?;
            Ok(Tensor { id, last })
        }
        "Cropping2D" => {
            let last = settings.channels_last()?;
            let id = map(importer, input, last, name)?;
            crop(importer, id, settings.sides("cropping", 0)?, name).map(|id| Tensor { id, last })
        }
        "CenterCrop" => center_crop(importer, settings, input, name),
        "UpSampling2D" => up_sampling(importer, settings, input, name),
        "Resizing" => resizing(importer, settings, input, name),
        "Flatten" => flatten(importer, settings, input, name),
        "Reshape" => reshape(importer, settings, input, name),
        "Permute" => permute(importer, settings, input, name),
        "Rescaling" => {
            let scale = settings.numbers("scale")?.unwrap_or_else(|| vec![1.0]);
            let shift = settings.numbers("offset")?.unwrap_or_else(|| vec![0.0]);
            affine(importer, input, -1, &scale, &shift, name)
        }
        "Normalization" => normalization(importer, layer, input, name),
        // A layer of ConvNeXt: a factor for each channel.
        "LayerScale" => {
            let [gamma] = vectors(importer, layer, ["gamma"], name)?;
            affine(importer, input, -1, gamma.as_deref().unwrap_or(&[1.0]), &[0.0], name)
        }
        _ => Err(Refusal::Unknown),
    }
}

/// The bias of a layer, the last of its weights.
fn bias(importer: &mut Importer, settings: Settings, index: usize, name: &str) -> Result<Option<ParamId>, Refusal> {
    if !settings.flag("use_bias", true) {
        return Ok(None);
    }
    importer.param(&format!("{name}/bias"), |importer| importer.weights.get(name, index)).map(Some)
}

fn conv(importer: &mut Importer, settings: Settings, input: Tensor, name: &str) -> Outcome {
    let last = settings.channels_last()?;
    let id = map(importer, input, last, name)?;
    let weight = importer.param(&format!("{name}/kernel"), |importer| {
        let (dims, data) = importer.weights.get(name, 0)?;
        let [height, width, per_group, out] = four(&dims, "kernel")?;
        settings.agrees("kernel_size", &[height, width])?;
        settings.agrees("filters", &[out])?;
        Ok((vec![out, per_group, height, width], permuted(&dims, &data, &[3, 2, 0, 1])))
    })?;
    let bias = bias(importer, settings, 1, name)?;
    let groups = settings.whole("groups")?.unwrap_or(1);
    let conv = window(importer, settings, id, weight, bias, groups)?;
    let id = node(importer, Op::Conv2d(conv), &[id], name)?;
    activations::apply(importer, settings.get("activation"), Tensor { id, last }, name)
}

/// A convolution with the layer's strides, dilation and padding.
fn window(
    importer: &Importer,
    settings: Settings,
    input: ValueId,
    weight: ParamId,
    bias: Option<ParamId>,
    groups: usize,
) -> Result<Conv2d, Refusal> {
    let [_, height, width] = importer.builder.shape(input).feature_map().unwrap_or_default();
    let [_, _, kernel_h, kernel_w] = four(&importer.builder.param_of(weight).shape, "kernel")?;
    let stride = settings.pair("strides", [1, 1])?;
    let dilation = settings.pair("dilation_rate", [1, 1])?;
    let pads = pads(settings.same("padding")?, [height, width], [kernel_h, kernel_w], stride, dilation);
    Ok(Conv2d { weight, bias, stride, pads, dilation, groups })
}

/// A convolution of each channel by itself; `name` is the layer's, `title` the node's.
fn depthwise(
    importer: &mut Importer,
    settings: Settings,
    input: Tensor,
    name: &str,
    title: &str,
    with_bias: bool,
) -> Outcome {
    let last = settings.channels_last()?;
    let id = map(importer, input, last, title)?;
    let [channels, ..] = importer.builder.shape(id).feature_map().unwrap_or_default();
    let weight = importer.param(&format!("{name}/depthwise_kernel"), |importer| {
        let (dims, data) = importer.weights.get(name, 0)?;
        let [height, width, own, multiplier] = four(&dims, "kernel")?;
        if own != channels {
            return Err(Refusal::reason(format!("its kernel is for {own} channels, not {channels}")));
        }
        // The product of all axes is the length of the data, so this one does not overflow.
        let out = own.saturating_mul(multiplier);
        Ok((vec![out, 1, height, width], permuted(&dims, &data, &[2, 3, 0, 1])))
    })?;
    let bias = if with_bias { bias(importer, settings, 1, name)? } else { None };
    let conv = window(importer, settings, id, weight, bias, channels)?;
    let id = node(importer, Op::Conv2d(conv), &[id], title)?;
    Ok(Tensor { id, last })
}

fn separable(importer: &mut Importer, settings: Settings, input: Tensor, name: &str) -> Outcome {
    let Tensor { id, last } = depthwise(importer, settings, input, name, &format!("{name}/depthwise"), false)?;
    let weight = importer.param(&format!("{name}/pointwise_kernel"), |importer| {
        let (dims, data) = importer.weights.get(name, 1)?;
        let [height, width, channels, out] = four(&dims, "pointwise kernel")?;
        Ok((vec![out, channels, height, width], permuted(&dims, &data, &[3, 2, 0, 1])))
    })?;
    let bias = bias(importer, settings, 2, name)?;
    let conv = Conv2d { weight, bias, stride: [1, 1], pads: [0; 4], dilation: [1, 1], groups: 1 };
    let id = node(importer, Op::Conv2d(conv), &[id], name)?;
    activations::apply(importer, settings.get("activation"), Tensor { id, last }, name)
}

fn transposed(importer: &mut Importer, settings: Settings, input: Tensor, name: &str) -> Outcome {
    let last = settings.channels_last()?;
    let id = map(importer, input, last, name)?;
    let weight = importer.param(&format!("{name}/kernel"), |importer| {
        let (dims, data) = importer.weights.get(name, 0)?;
        let [height, width, out, channels] = four(&dims, "kernel")?;
        Ok((vec![channels, out, height, width], permuted(&dims, &data, &[3, 2, 0, 1])))
    })?;
    let bias = bias(importer, settings, 1, name)?;
    if settings.whole("groups")?.unwrap_or(1) != 1 {
        return Err(Refusal::reason("groups in a transposed convolution are not supported"));
    }
    let [_, height, width] = importer.builder.shape(id).feature_map().unwrap_or_default();
    let [_, _, kernel_h, kernel_w] = four(&importer.builder.param_of(weight).shape, "kernel")?;
    let stride = settings.pair("strides", [1, 1])?;
    let dilation = settings.pair("dilation_rate", [1, 1])?;
    let same = settings.same("padding")?;
    let extra = match settings.get("output_padding") {
        Some(_) => Some(settings.pair("output_padding", [0, 0])?),
        None => None,
    };
    let mut pads = [0; 4];
    let mut output_padding = [0; 2];
    for (axis, (input, kernel)) in [(height, kernel_h), (width, kernel_w)].into_iter().enumerate() {
        let (Some(&step), Some(&spread)) = (stride.get(axis), dilation.get(axis)) else { continue };
        let extent = kernel.saturating_sub(1).saturating_mul(spread).saturating_add(1);
        let full = input.saturating_sub(1).saturating_mul(step).saturating_add(extent);
        // What Keras computes as the size of the result.
        let output = match extra.and_then(|extra| extra.get(axis).copied()) {
            None if same => input.saturating_mul(step),
            None => input.saturating_mul(step).saturating_add(extent.saturating_sub(step)),
            Some(extra) => {
                let cut = if same { extent / 2 * 2 } else { 0 };
                full.saturating_add(extra).saturating_sub(cut)
            }
        };
        // It is the size of what a convolution with this padding would read.
        let before = if same { full.saturating_sub(output) / 2 } else { 0 };
        let after = full.saturating_sub(output.saturating_add(before));
        let more = output.saturating_add(before).saturating_sub(full);
        if let (Some(start), Some(more_out)) = (pads.get_mut(axis), output_padding.get_mut(axis)) {
            (*start, *more_out) = (before, more);
        }
        if let Some(end) = pads.get_mut(axis + 2) {
            *end = after;
        }
    }
    let op = Op::ConvTranspose2d(ConvTranspose2d { weight, bias, stride, pads, output_padding, dilation, groups: 1 });
    let id = node(importer, op, &[id], name)?;
    activations::apply(importer, settings.get("activation"), Tensor { id, last }, name)
}

fn dense(importer: &mut Importer, settings: Settings, input: Tensor, name: &str) -> Outcome {
    let id = plain(importer, input, name)?;
    let weight = importer.param(&format!("{name}/kernel"), |importer| {
        let (dims, data) = importer.weights.get(name, 0)?;
        settings.agrees("units", dims.get(1..).unwrap_or_default())?;
        Ok((dims, data))
    })?;
    let bias = bias(importer, settings, 1, name)?;
    let id = node(importer, Op::Dense { weight, bias }, &[id], name)?;
    activations::apply(importer, settings.get("activation"), Tensor { id, last: false }, name)
}

/// `scale · x + shift` along an axis that Keras counts with the batch in front; one number stands for all.
fn affine(importer: &mut Importer, input: Tensor, axis: i64, scale: &[f32], shift: &[f32], name: &str) -> Outcome {
    let along = sample_axis(importer, input, axis)?;
    let dims = importer.builder.shape(input.id).dims().to_vec();
    let length = dims.get(along).copied().unwrap_or_default();
    let mut params = Vec::new();
    for (values, what, neutral) in [(scale, "scale", 1.0), (shift, "shift", 0.0)] {
        if values.iter().all(|&value| value == neutral) {
            params.push(None);
            continue;
        }
        if values.len() != 1 && values.len() != length {
            return Err(Refusal::reason(format!("it has {} constants for {length} channels", values.len())));
        }
        let mut shape = vec![1; dims.len()];
        if let Some(size) = shape.get_mut(along) {
            *size = values.len();
        }
        let key = format!("{name}/{what}");
        params.push(Some(importer.param(&key, |_| Ok((shape, values.into())))?));
    }
    let (scale, shift) = (params.first().copied().flatten(), params.get(1).copied().flatten());
    let id = node(importer, Op::Affine { scale, shift }, &[input.id], name)?;
    Ok(Tensor { id, ..input })
}

/// A layer's axis, a number or a list of one.
fn single_axis(settings: Settings, default: i64) -> Result<i64, Refusal> {
    let axis = match settings.get("axis") {
        None => return Ok(default),
        Some(Value::Array(list)) => match list.as_slice() {
            [one] => one.as_i64(),
            _ => None,
        },
        Some(axis) => axis.as_i64(),
    };
    axis.ok_or_else(|| Refusal::reason("it works over several axes, which is not supported"))
}

/// The weights of a layer that are vectors, in the order of [`expected`]; `None` for those it does not have.
fn vectors<const N: usize>(
    importer: &Importer,
    layer: &Layer,
    names: [&str; N],
    name: &str,
) -> Result<[Option<Vec<f32>>; N], Refusal> {
    let mut found = [const { None }; N];
    for (slot, wanted) in found.iter_mut().zip(names) {
        if let Some(index) = expected(layer).iter().position(|(own, _)| *own == wanted) {
            *slot = Some(importer.weights.get(name, index)?.1.read().map_err(Refusal::Reason)?.into_owned());
        }
    }
    Ok(found)
}

fn batch_normalization(importer: &mut Importer, layer: &Layer, input: Tensor, name: &str) -> Outcome {
    let settings = Settings(&layer.config);
    let axis = single_axis(settings, -1)?;
    let names = ["gamma", "beta", "moving_mean", "moving_variance"];
    let [gamma, beta, mean, variance] = vectors(importer, layer, names, name)?;
    let (Some(mean), Some(variance)) = (mean, variance) else {
        return Err(Refusal::reason("its mean and variance are missing"));
    };
    let epsilon = f64::from(settings.number("epsilon")?.unwrap_or(1e-3));
    let lengths = [Some(&mean), Some(&variance), gamma.as_ref(), beta.as_ref()];
    if lengths.into_iter().flatten().any(|values| values.len() != mean.len()) {
        return Err(Refusal::reason("its weights differ in length"));
    }
    let at = |list: &Option<Vec<f32>>, index: usize, default: f64| {
        list.as_ref().and_then(|list| list.get(index)).map_or(default, |&value| f64::from(value))
    };
    let mut scale = Vec::new();
    let mut shift = Vec::new();
    for (index, (&mean, &variance)) in mean.iter().zip(variance.iter()).enumerate() {
        let factor = at(&gamma, index, 1.0) / (f64::from(variance) + epsilon).sqrt();
        scale.push(factor as f32);
        shift.push((at(&beta, index, 0.0) - f64::from(mean) * factor) as f32);
    }
    affine(importer, input, axis, &scale, &shift, name)
}

fn normalization(importer: &mut Importer, layer: &Layer, input: Tensor, name: &str) -> Outcome {
    let settings = Settings(&layer.config);
    let (mean, variance) = match (settings.numbers("mean")?, settings.numbers("variance")?) {
        (Some(mean), Some(variance)) => (mean, variance),
        _ => {
            let [mean, variance] = vectors(importer, layer, ["mean", "variance"], name)?;
            match (mean, variance) {
                (Some(mean), Some(variance)) => (mean.to_vec(), variance.to_vec()),
                _ => return Err(Refusal::reason("its mean and variance are missing")),
            }
        }
    };
    // No axis at all: one mean for everything.
    let whole = matches!(layer.config.get("axis"), Some(Value::Null))
        || settings.get("axis").is_some_and(|axis| *axis == Value::Array(vec![]));
    let axis = if whole { -1 } else { single_axis(settings, -1)? };
    if variance.len() != mean.len() || whole && mean.len() != 1 {
        return Err(Refusal::reason("its mean and variance differ in length"));
    }
    let mut scale = Vec::new();
    let mut shift = Vec::new();
    for (&mean, &variance) in mean.iter().zip(&variance) {
        let deviation = f64::from(variance).sqrt().max(1e-7);
        if settings.flag("invert", false) {
            scale.push(deviation as f32);
            shift.push(mean);
        } else {
            scale.push((1.0 / deviation) as f32);
            shift.push((-f64::from(mean) / deviation) as f32);
        }
    }
    affine(importer, input, axis, &scale, &shift, name)
}

fn layer_normalization(importer: &mut Importer, layer: &Layer, input: Tensor, name: &str) -> Outcome {
    let settings = Settings(&layer.config);
    if settings.flag("rms_scaling", false) {
        return Err(Refusal::reason("scaling by the root mean square is not supported"));
    }
    let axis = single_axis(settings, -1)?;
    let axes = vec![sample_axis(importer, input, axis)?];
    let part = |part: &str| format!("{name}/{part}");
    let epsilon = settings.number("epsilon")?.unwrap_or(1e-3);
    let shape = vec![1; rank(importer, input)];
    let epsilon = importer.param(&part("epsilon"), |_| Ok((shape, [epsilon].into())))?;
    let normal =
        lower::normalize(input.id, axes, epsilon, true, |at, op, inputs| node(importer, op, inputs, &part(at)))?;
    let [gamma, beta] = vectors(importer, layer, ["gamma", "beta"], name)?;
    let (scale, shift) = (gamma.as_deref().unwrap_or(&[1.0]), beta.as_deref().unwrap_or(&[0.0]));
    affine(importer, Tensor { id: normal, ..input }, axis, scale, shift, name)
}

fn pool(importer: &mut Importer, settings: Settings, input: Tensor, name: &str, max: bool) -> Outcome {
    let last = settings.channels_last()?;
    let id = map(importer, input, last, name)?;
    let [_, height, width] = importer.builder.shape(id).feature_map().unwrap_or_default();
    let kernel = settings.pair("pool_size", [2, 2])?;
    let stride = settings.pair("strides", kernel)?;
    let pads = pads(settings.same("padding")?, [height, width], kernel, stride, [1, 1]);
    let pool = Pool2d { kernel, stride, pads, dilation: [1, 1], ceil_mode: false, count_include_pad: false };
    let id = node(importer, if max { Op::MaxPool2d(pool) } else { Op::AvgPool2d(pool) }, &[id], name)?;
    Ok(Tensor { id, last })
}

/// Takes rows and columns off `[C, H, W]`.
fn crop(importer: &mut Importer, id: ValueId, sides: [[usize; 2]; 2], name: &str) -> Result<ValueId, Refusal> {
    let [_, height, width] = importer.builder.shape(id).feature_map().unwrap_or_default();
    let [[top, bottom], [left, right]] = sides;
    let (Some(end), Some(edge)) = (height.checked_sub(bottom), width.checked_sub(right)) else {
        return Err(Refusal::reason("it cuts everything away"));
    };
    let rows = Op::Slice { axis: 1, start: top, end, step: 1 };
    let id = node(importer, rows, &[id], &format!("{name}/rows"))?;
    node(importer, Op::Slice { axis: 2, start: left, end: edge, step: 1 }, &[id], name)
}

fn center_crop(importer: &mut Importer, settings: Settings, input: Tensor, name: &str) -> Outcome {
    let last = settings.channels_last()?;
    let id = map(importer, input, last, name)?;
    let [_, height, width] = importer.builder.shape(id).feature_map().unwrap_or_default();
    let wanted = [settings.whole("height")?.unwrap_or(height), settings.whole("width")?.unwrap_or(width)];
    let mut sides = [[0; 2]; 2];
    for ((side, size), wanted) in sides.iter_mut().zip([height, width]).zip(wanted) {
        let cut = size.checked_sub(wanted);
        let cut = cut.ok_or_else(|| Refusal::reason("cutting more than there is, which enlarges, is not supported"))?;
        *side = [cut / 2, cut - cut / 2];
    }
    crop(importer, id, sides, name).map(|id| Tensor { id, last })
}

fn up_sampling(importer: &mut Importer, settings: Settings, input: Tensor, name: &str) -> Outcome {
    let last = settings.channels_last()?;
    let id = map(importer, input, last, name)?;
    let [_, height, width] = importer.builder.shape(id).feature_map().unwrap_or_default();
    let [rows, columns] = settings.pair("size", [2, 2])?;
    let size = [height.saturating_mul(rows), width.saturating_mul(columns)];
    let (mode, coordinates) = match settings.text("interpolation").unwrap_or("nearest") {
        "nearest" => (ResizeMode::Nearest, ResizeCoordinates::Asymmetric),
        "bilinear" => (ResizeMode::Linear, ResizeCoordinates::HalfPixel),
        other => return Err(Refusal::reason(format!("its interpolation {other:?} is not supported"))),
    };
    let id = node(importer, Op::Resize(Resize { size, mode, coordinates }), &[id], name)?;
    Ok(Tensor { id, last })
}

fn resizing(importer: &mut Importer, settings: Settings, input: Tensor, name: &str) -> Outcome {
    let last = settings.channels_last()?;
    let id = map(importer, input, last, name)?;
    let [_, height, width] = importer.builder.shape(id).feature_map().unwrap_or_default();
    let size = [settings.whole("height")?.unwrap_or(height), settings.whole("width")?.unwrap_or(width)];
    let ratio = size[0].checked_mul(width) == size[1].checked_mul(height);
    for key in ["crop_to_aspect_ratio", "pad_to_aspect_ratio"] {
        if settings.flag(key, false) && !ratio {
            return Err(Refusal::reason(format!("its setting {key:?} is not supported")));
        }
    }
    if settings.flag("antialias", false) && (size[0] < height || size[1] < width) {
        return Err(Refusal::reason("its setting \"antialias\" is not supported"));
    }
    let mode = match settings.text("interpolation").unwrap_or("bilinear") {
        "bilinear" => ResizeMode::Linear,
        "nearest" => {
            // Where a cell's centre falls between two cells, TensorFlow takes the later, the graph the earlier.
            let tie = |input: usize, output: usize| {
                (0..output).any(|at| (2 * at + 1).saturating_mul(input).is_multiple_of(output.saturating_mul(2).max(1)))
            };
            if [(height, size[0]), (width, size[1])]
                .into_iter()
                .any(|(input, output)| input != output && tie(input, output))
            {
                return Err(Refusal::reason("its interpolation \"nearest\" is not supported for these sizes"));
            }
            ResizeMode::Nearest
        }
        other => return Err(Refusal::reason(format!("its interpolation {other:?} is not supported"))),
    };
    let op = Op::Resize(Resize { size, mode, coordinates: ResizeCoordinates::HalfPixel });
    let id = node(importer, op, &[id], name)?;
    Ok(Tensor { id, last })
}

fn flatten(importer: &mut Importer, settings: Settings, input: Tensor, name: &str) -> Outcome {
    let mut input = input;
    // Keras brings the channels to the end first, so that both layouts flatten alike.
    if !settings.channels_last()? && rank(importer, input) == 3 {
        input = Tensor { id: map(importer, input, false, name)?, last: true };
    }
    let id = plain(importer, input, name)?;
    let shape = vec![importer.builder.shape(id).numel()];
    let id = node(importer, Op::Reshape { shape }, &[id], name)?;
    Ok(Tensor { id, last: false })
}

fn reshape(importer: &mut Importer, settings: Settings, input: Tensor, name: &str) -> Outcome {
    let id = plain(importer, input, name)?;
    let total = importer.builder.shape(id).numel();
    let Some(Value::Array(target)) = settings.get("target_shape") else {
        return Err(Refusal::reason("it has no target shape"));
    };
    let mut shape = Vec::new();
    let mut open = None;
    for (at, value) in target.iter().enumerate() {
        if value.as_i64() == Some(-1) && open.is_none() {
            open = Some(at);
            shape.push(1);
        } else {
            shape.push(size(value, "target_shape")?);
        }
    }
    let product = shape.iter().fold(1usize, |product, &size| product.saturating_mul(size));
    if let Some(slot) = open.and_then(|at| shape.get_mut(at)) {
        *slot = total.checked_div(product).unwrap_or_default();
    }
    let id = node(importer, Op::Reshape { shape }, &[id], name)?;
    Ok(Tensor { id, last: false })
}

fn permute(importer: &mut Importer, settings: Settings, input: Tensor, name: &str) -> Outcome {
    let id = plain(importer, input, name)?;
    let Some(Value::Array(order)) = settings.get("dims") else {
        return Err(Refusal::reason("it has no order of axes"));
    };
    let permutation = order
        .iter()
        .map(|axis| size(axis, "dims")?.checked_sub(1).ok_or_else(|| Refusal::reason("it moves the batch")))
        .collect::<Result<_, _>>()?;
    let id = node(importer, Op::Transpose { permutation }, &[id], name)?;
    Ok(Tensor { id, last: false })
}

/// Several values in one layout; the layout of feature maps wins, as the others are small.
fn aligned(importer: &mut Importer, tensors: &[Tensor], name: &str) -> Result<(Vec<ValueId>, bool), Refusal> {
    let ranks: Vec<usize> = tensors.iter().map(|&tensor| rank(importer, tensor)).collect();
    if ranks.windows(2).any(|pair| pair.first() != pair.last()) {
        return Err(Refusal::reason("it joins values of different rank, which is not supported"));
    }
    let last = tensors.iter().any(|tensor| tensor.last);
    let ids = tensors
        .iter()
        .map(|&tensor| if last { map(importer, tensor, true, name) } else { Ok(tensor.id) })
        .collect::<Result<_, _>>()?;
    Ok((ids, last))
}

fn merge(importer: &mut Importer, class: &str, tensors: &[Tensor], name: &str) -> Outcome {
    let kind = match class {
        "Add" | "Average" => BinaryKind::Add,
        "Subtract" => BinaryKind::Sub,
        "Multiply" => BinaryKind::Mul,
        "Maximum" => BinaryKind::Max,
        _ => BinaryKind::Min,
    };
    if kind == BinaryKind::Sub && tensors.len() != 2 {
        return Err(Refusal::reason(format!("it subtracts {} values", tensors.len())));
    }
    let (ids, last) = aligned(importer, tensors, name)?;
    let (Some((&first, rest)), count) = (ids.split_first(), ids.len()) else {
        return Err(Refusal::reason("it reads nothing"));
    };
    let average = class == "Average" && count > 1;
    let mut id = first;
    for (index, &other) in rest.iter().enumerate() {
        let ends = index + 1 == rest.len() && !average;
        let title = if ends { name.to_owned() } else { format!("{name}/part{}", index + 1) };
        id = node(importer, Op::Binary(kind), &[id, other], &title)?;
    }
    let result = Tensor { id, last };
    if average { affine(importer, result, -1, &[1.0 / count as f32], &[0.0], name) } else { Ok(result) }
}

fn concatenate(importer: &mut Importer, settings: Settings, tensors: &[Tensor], name: &str) -> Outcome {
    let (ids, last) = aligned(importer, tensors, name)?;
    let Some(&first) = ids.first() else { return Err(Refusal::reason("it reads nothing")) };
    let axis = sample_axis(importer, Tensor { id: first, last }, single_axis(settings, -1)?)?;
    let id = node(importer, Op::Concat { axis }, &ids, name)?;
    Ok(Tensor { id, last })
}

/// An operator of TensorFlow or of Keras 3 that a model uses without a layer.
fn operator(importer: &mut Importer, layer: &Layer, name: &str, inputs: &[Input]) -> Outcome {
    let function = layer.config.get("function").and_then(Value::as_str).unwrap_or(&layer.class);
    let function = function.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let kind = match function.as_str() {
        "add" => Some(BinaryKind::Add),
        "subtract" | "sub" => Some(BinaryKind::Sub),
        "multiply" | "mul" => Some(BinaryKind::Mul),
        "truediv" | "truedivide" | "true_divide" | "divide" | "div" => Some(BinaryKind::Div),
        "maximum" => Some(BinaryKind::Max),
        "minimum" => Some(BinaryKind::Min),
        _ => None,
    };
    match (kind, inputs) {
        (Some(kind), [Input::Tensor(first), Input::Tensor(second)]) => {
            let (ids, last) = aligned(importer, &[*first, *second], name)?;
            let id = node(importer, Op::Binary(kind), &ids, name)?;
            Ok(Tensor { id, last })
        }
        (Some(kind), [Input::Tensor(input), Input::Numbers(numbers)]) => {
            let values =
                |change: fn(f64) -> f64| numbers.iter().map(|&number| change(number) as f32).collect::<Vec<_>>();
            match kind {
                BinaryKind::Add => affine(importer, *input, -1, &[1.0], &values(|number| number), name),
                BinaryKind::Sub => affine(importer, *input, -1, &[1.0], &values(|number| -number), name),
                BinaryKind::Mul => affine(importer, *input, -1, &values(|number| number), &[0.0], name),
                BinaryKind::Div => affine(importer, *input, -1, &values(|number| 1.0 / number), &[0.0], name),
                BinaryKind::Max | BinaryKind::Min => {
                    let [bound] = values(|number| number)[..] else { return Err(Refusal::Unknown) };
                    let (min, max) =
                        if kind == BinaryKind::Max { (bound, f32::INFINITY) } else { (f32::NEG_INFINITY, bound) };
                    let id = node(importer, Op::Activation(Activation::Clip { min, max }), &[input.id], name)?;
                    Ok(Tensor { id, ..*input })
                }
            }
        }
        (Some(kind), [Input::Numbers(numbers), Input::Tensor(input)]) => {
            let values: Vec<f32> = numbers.iter().map(|&number| number as f32).collect();
            match kind {
                BinaryKind::Add => affine(importer, *input, -1, &[1.0], &values, name),
                BinaryKind::Sub => affine(importer, *input, -1, &[-1.0], &values, name),
                BinaryKind::Mul => affine(importer, *input, -1, &values, &[0.0], name),
                _ => Err(Refusal::Unknown),
            }
        }
        (None, [Input::Tensor(input)]) => match function.as_str() {
            "relu" | "relu6" | "sigmoid" | "silu" | "tanh" | "softplus" | "elu" | "selu" if layer.config.len() <= 4 => {
                activations::named(importer, &function, *input, name)
            }
            _ => Err(Refusal::Unknown),
        },
        _ => Err(Refusal::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::{in_order, same_padding};

    #[test]
    fn axes_are_reordered_like_numpy_does() {
        let data: Vec<f32> = (0..24u8).map(f32::from).collect();
        let moved = in_order(&[2, 3, 4], &data, &[2, 0, 1]);
        for (index, value) in moved.iter().enumerate() {
            let (c, a, b) = (index / 6, index / 3 % 2, index % 3);
            assert_eq!(*value, (a * 12 + b * 4 + c) as f32);
        }
    }

    #[test]
    fn padding_that_keeps_the_size_is_that_of_tensorflow() {
        // From tf.nn: input, kernel, stride, dilation; before, after.
        for (input, kernel, stride, dilation, expected) in [
            (15, 3, 2, 1, (1, 1)),
            (18, 3, 2, 1, (0, 1)),
            (224, 7, 2, 1, (2, 3)),
            (10, 2, 1, 1, (0, 1)),
            (10, 3, 1, 2, (2, 2)),
            (5, 1, 2, 1, (0, 0)),
            (9, 2, 3, 1, (0, 0)),
        ] {
            assert_eq!(same_padding(input, kernel, stride, dilation), expected, "{input} {kernel} {stride} {dilation}");
        }
    }
}
