//! What each ONNX operator becomes in the graph.

use std::sync::Arc;

use innspect_graph::{
    Activation, BinaryKind, Conv2d, ConvTranspose2d, Op, PadMode, ParamId, Pool2d, ReduceKind, Resize,
    ResizeCoordinates, ResizeMode, ValueId, window_size,
};

use super::{
    Refusal,
    attributes::{Attributes, axes, axis, size},
    fold::{broadcast, flattened, permutation, reshape_target, shape_of, slice_ranges, split_sizes, unsqueezed},
    import::{Entry, Importer, Tensor},
    proto::DataType,
    tensor::{Constant, Data, MAX_RANK},
};

type Inputs = [Option<Entry>];
type Outcome = Result<Vec<Entry>, Refusal>;

/// Operators that [`convert`] knows, to tell "not on constants" from "not at all".
pub(crate) fn is_known(op: &str) -> bool {
    const KNOWN: &[&str] = &[
        "AveragePool",
        "BatchNormalization",
        "Conv",
        "ConvTranspose",
        "DepthToSpace",
        "Elu",
        "Erf",
        "Gelu",
        "Gemm",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "GroupNormalization",
        "HardSigmoid",
        "HardSwish",
        "InstanceNormalization",
        "LRN",
        "LayerNormalization",
        "LeakyRelu",
        "LogSoftmax",
        "MatMul",
        "MaxPool",
        "Mish",
        "PRelu",
        "Pad",
        "ReduceL2",
        "Resize",
        "Selu",
        "Softmax",
        "Softplus",
        "Softsign",
        "SpaceToDepth",
        "Swish",
        "Upsample",
    ];
    KNOWN.contains(&op)
}

/// Turns a node with at least one input that depends on the picture into ops of the graph.
pub(crate) fn convert(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let op = attributes.0.op_type.as_str();
    let activation = match op {
        "Relu" => Some(Activation::Relu),
        "LeakyRelu" => Some(Activation::LeakyRelu { slope: attributes.float_or("alpha", 0.01) }),
        "Elu" => Some(Activation::Elu { alpha: attributes.float_or("alpha", 1.0) }),
        "Selu" => Some(Activation::Selu {
            alpha: attributes.float_or("alpha", 1.673_263_2),
            gamma: attributes.float_or("gamma", 1.050_701),
        }),
        "Sigmoid" => Some(Activation::Sigmoid),
        "HardSigmoid" => Some(Activation::HardSigmoid {
            alpha: attributes.float_or("alpha", 0.2),
            beta: attributes.float_or("beta", 0.5),
        }),
        "HardSwish" => Some(Activation::HardSwish),
        "Tanh" => Some(Activation::Tanh),
        "Softplus" => Some(Activation::Softplus),
        "Softsign" => Some(Activation::Softsign),
        "Gelu" => Some(Activation::Gelu { tanh: attributes.string("approximate") == "tanh" }),
        "Erf" => Some(Activation::Erf),
        "Mish" => Some(Activation::Mish),
        "Swish" if attributes.float_or("alpha", 1.0) == 1.0 => Some(Activation::Silu),
        "Exp" => Some(Activation::Exp),
        "Log" => Some(Activation::Log),
        "Abs" => Some(Activation::Abs),
        "Sqrt" => Some(Activation::Sqrt),
        "Reciprocal" => Some(Activation::Reciprocal),
        _ => None,
    };
    if let Some(activation) = activation {
        let input = tensor(inputs, 0)?;
        return same(importer, Op::Activation(activation), input);
    }
    match op {
        "Conv" => conv(importer, attributes, inputs),
        "ConvTranspose" => conv_transpose(importer, attributes, inputs),
        "Gemm" => gemm(importer, attributes, inputs),
        "MatMul" => mat_mul(importer, inputs),
        "BatchNormalization" => batch_norm(importer, attributes, inputs),
        "InstanceNormalization" => instance_norm(importer, attributes, inputs),
        "GroupNormalization" => group_norm(importer, attributes, inputs),
        "LayerNormalization" => layer_norm(importer, attributes, inputs),
        "LRN" => {
            let input = map(importer, tensor(inputs, 0)?)?;
            let op = Op::Lrn {
                size: size(attributes.int_or("size", 0))?,
                alpha: attributes.float_or("alpha", 1e-4),
                beta: attributes.float_or("beta", 0.75),
                bias: attributes.float_or("bias", 1.0),
            };
            same(importer, op, &input)
        }
        "PRelu" => prelu(importer, inputs),
        "Clip" => clip(importer, attributes, inputs),
        "MaxPool" | "AveragePool" => pool(importer, attributes, inputs),
        "GlobalAveragePool" | "GlobalMaxPool" => {
            let input = sampled(importer, tensor(inputs, 0)?)?;
            let axes = (1..input.full.len().saturating_sub(1)).collect();
            let kind = if op == "GlobalMaxPool" { ReduceKind::Max } else { ReduceKind::Mean };
            let id = importer.main(Op::Reduce { kind, axes, keep_dims: true }, &[input.id])?;
            wrap(importer, id, input.batch)
        }
        "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceL2" => reduce(importer, attributes, inputs),
        "Add" | "Sub" | "Mul" | "Div" => arithmetic(importer, op, inputs),
        "Neg" => {
            let input = tensor(inputs, 0)?;
            let scale =
                importer.param("-1".to_owned(), "scalar", vec![1; rank(importer, input)], || Arc::from([-1.0]))?;
            same(importer, Op::Affine { scale: Some(scale), shift: None }, input)
        }
        "Pow" => pow(importer, inputs),
        "Celu" => celu(importer, attributes, inputs),
        "Max" | "Min" | "Sum" | "Mean" => variadic(importer, op, inputs),
        "Concat" => concat(importer, attributes, inputs),
        "Split" => split(importer, attributes, inputs),
        "Slice" => slice(importer, attributes, inputs),
        "Gather" => gather(importer, attributes, inputs),
        "Pad" => pad(importer, attributes, inputs),
        "Flatten" => {
            let input = tensor(inputs, 0)?;
            let target = flattened(&input.full, attributes.int_or("axis", 1))?;
            reshape(importer, input, target)
        }
        "Reshape" => reshape_node(importer, attributes, inputs),
        "Squeeze" => squeeze(importer, attributes, inputs),
        "Unsqueeze" => {
            let input = tensor(inputs, 0)?;
            let list = list(attributes, inputs, "axes", 1)?.ok_or_else(|| Refusal::reason("its axes are missing"))?;
            let full = unsqueezed(&input.full, &list)?;
            // The batch stays the same axis: the n-th one that is not new.
            let new = axes(&list, full.len())?;
            let batch = input.batch.and_then(|at| (0..full.len()).filter(|axis| !new.contains(axis)).nth(at));
            to_shape(importer, input, full, batch)
        }
        "Transpose" => transpose(importer, attributes, inputs),
        "Resize" | "Upsample" => resize(importer, attributes, inputs),
        "Softmax" | "LogSoftmax" => softmax(importer, attributes, inputs),
        "Identity" | "Dropout" => identity(importer, inputs),
        "Cast" | "CastLike" => {
            let to = DataType::try_from(attributes.int_or("to", 1) as i32);
            match to {
                Ok(DataType::Float | DataType::Float16 | DataType::Bfloat16 | DataType::Double) => {
                    identity(importer, inputs)
                }
                _ => Err(Refusal::reason("it turns values that depend on the picture into integers")),
            }
        }
        "QuantizeLinear" => quantize(importer, attributes, inputs),
        "DequantizeLinear" => identity(importer, inputs),
        "Shape" => Ok(vec![Entry::Constant(shape_of(&tensor(inputs, 0)?.full, attributes))]),
        "Size" => {
            let total: usize = tensor(inputs, 0)?.full.iter().product();
            Ok(vec![Entry::Constant(Constant::int(vec![], vec![total as i64]))])
        }
        "Expand" | "Tile" => expand(importer, op, inputs),
        "DepthToSpace" | "SpaceToDepth" => depth_space(importer, attributes, inputs),
        // The index of the best class: explanations start from the scores it reads.
        "ArgMax" => {
            importer.warnings.push("The final ArgMax was taken off to get the scores of all classes.".to_owned());
            identity(importer, inputs)
        }
        _ => Err(Refusal::Unknown),
    }
}

fn tensor(inputs: &Inputs, index: usize) -> Result<&Tensor, Refusal> {
    match inputs.get(index) {
        Some(Some(Entry::Tensor(tensor))) => Ok(tensor),
        Some(Some(Entry::Constant(_))) => Err(Refusal::reason(format!("input {index} does not depend on the picture"))),
        _ => Err(Refusal::reason(format!("input {index} is missing"))),
    }
}

fn constant(inputs: &Inputs, index: usize) -> Result<&Constant, Refusal> {
    optional(inputs, index)?.ok_or_else(|| Refusal::reason(format!("input {index} is missing")))
}

fn optional(inputs: &Inputs, index: usize) -> Result<Option<&Constant>, Refusal> {
    match inputs.get(index) {
        None | Some(None) => Ok(None),
        Some(Some(Entry::Constant(constant))) => Ok(Some(constant)),
        Some(Some(Entry::Tensor(_))) => Err(Refusal::reason(format!(
            "input {index} must be known before the network runs, but depends on the picture"
        ))),
    }
}

/// Integers that are an input in newer opsets and an attribute in older ones.
fn list(attributes: Attributes, inputs: &Inputs, name: &str, index: usize) -> Result<Option<Vec<i64>>, Refusal> {
    Ok(optional(inputs, index)?.map(Constant::ints).or_else(|| attributes.ints(name).map(<[i64]>::to_vec)))
}

fn rank(importer: &Importer, tensor: &Tensor) -> usize {
    importer.builder.shape(tensor.id).rank()
}

/// The value that an op made, whose batch axis is to be at `batch`.
fn make(importer: &Importer, id: ValueId, batch: Option<usize>) -> Tensor {
    let mut full = importer.builder.shape(id).dims().to_vec();
    if let Some(at) = batch {
        full.insert(at.min(full.len()), 1);
    }
    Tensor { id, full, batch }
}

fn wrap(importer: &Importer, id: ValueId, batch: Option<usize>) -> Outcome {
    Ok(vec![Entry::Tensor(make(importer, id, batch))])
}

/// An op that keeps the shape.
fn same(importer: &mut Importer, op: Op, input: &Tensor) -> Outcome {
    let id = importer.main(op, &[input.id])?;
    wrap(importer, id, input.batch)
}

/// An op that does nothing, kept until the passes so that its name is remembered.
fn identity(importer: &mut Importer, inputs: &Inputs) -> Outcome {
    same(importer, Op::Affine { scale: None, shift: None }, tensor(inputs, 0)?)
}

/// `dims` without the batch axis.
fn without(dims: &[usize], batch: Option<usize>) -> Vec<usize> {
    dims.iter().enumerate().filter(|(at, _)| Some(*at) != batch).map(|(_, &size)| size).collect()
}

/// The value with its batch axis at `batch`, which must have size 1 there.
fn rebatch(importer: &mut Importer, tensor: &Tensor, batch: Option<usize>) -> Result<Tensor, Refusal> {
    if tensor.batch == batch {
        return Ok(tensor.clone());
    }
    let shape = without(&tensor.full, batch);
    let id = if importer.builder.shape(tensor.id).dims() == shape {
        tensor.id
    } else {
        importer.part("batch", Op::Reshape { shape }, &[tensor.id])?
    };
    Ok(Tensor { id, full: tensor.full.clone(), batch })
}

/// The value with its batch axis in front.
fn sampled(importer: &mut Importer, tensor: &Tensor) -> Result<Tensor, Refusal> {
    if tensor.full.first() == Some(&1) {
        rebatch(importer, tensor, Some(0))
    } else {
        Err(Refusal::reason(format!("its input of shape {:?} has no batch axis in front", tensor.full)))
    }
}

/// The value as a batch of feature maps.
fn map(importer: &mut Importer, tensor: &Tensor) -> Result<Tensor, Refusal> {
    if tensor.full.len() != 4 {
        return Err(Refusal::reason(format!("its input has shape {:?}; only 2-D networks are read", tensor.full)));
    }
    sampled(importer, tensor)
}

/// The axis of the sample for an axis of the file.
fn sample_axis(tensor: &Tensor, axis: usize) -> Result<usize, Refusal> {
    match tensor.batch {
        Some(batch) if batch == axis => Err(Refusal::reason("it mixes the pictures of a batch")),
        Some(batch) if axis > batch => Ok(axis - 1),
        _ => Ok(axis),
    }
}

/// The value in shape `full`.
fn to_shape(importer: &mut Importer, input: &Tensor, full: Vec<usize>, batch: Option<usize>) -> Outcome {
    let shape = without(&full, batch);
    let id = importer.main(Op::Reshape { shape }, &[input.id])?;
    Ok(vec![Entry::Tensor(Tensor { id, full, batch })])
}

/// The value in shape `full`, whose first axis is the batch if it has size 1.
fn reshape(importer: &mut Importer, input: &Tensor, full: Vec<usize>) -> Outcome {
    let batch = (full.first() == Some(&1)).then_some(0);
    to_shape(importer, input, full, batch)
}

fn reshape_node(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let target = list(attributes, inputs, "shape", 1)?.ok_or_else(|| Refusal::reason("its shape is missing"))?;
    if target.len() > MAX_RANK {
        return Err(Refusal::reason("its shape has too many axes"));
    }
    let allow_zero = attributes.flag("allowzero", false);
    // A batch size that the file fixes stands in front of the target as a number; the batch is 1 here. It comes first,
    // since the number may divide the sample as well.
    let batched = importer.fixed_batch > 1
        && input.batch == Some(0)
        && target.first().is_some_and(|&first| first == importer.fixed_batch as i64);
    let mut full = None;
    if batched {
        let mut single = target.clone();
        if let Some(first) = single.first_mut() {
            *first = 1;
        }
        full = reshape_target(&input.full, &single, allow_zero);
    }
    let full = full.or_else(|| reshape_target(&input.full, &target, allow_zero));
    let full = full.ok_or_else(|| {
        Refusal::reason(format!(
            "a picture's values of shape {:?} cannot be reshaped to {target:?}, so it mixes the pictures of a batch",
            input.full
        ))
    })?;
    reshape(importer, input, full)
}

fn squeeze(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let axes = match list(attributes, inputs, "axes", 1)? {
        Some(list) => axes(&list, input.full.len())?,
        // The batch is 1 only while reading, so it stays.
        None => (0..input.full.len()).filter(|&at| input.full.get(at) == Some(&1) && input.batch != Some(at)).collect(),
    };
    if axes.iter().any(|&at| input.full.get(at) != Some(&1)) {
        return Err(Refusal::reason(format!("axes {axes:?} of {:?} are not all of size 1", input.full)));
    }
    let full = input.full.iter().enumerate().filter(|(at, _)| !axes.contains(at)).map(|(_, &size)| size).collect();
    let batch =
        input.batch.filter(|at| !axes.contains(at)).map(|at| at - axes.iter().filter(|&&axis| axis < at).count());
    to_shape(importer, input, full, batch)
}

fn transpose(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let permutation = permutation(attributes, input.full.len())?;
    let batch = input.batch.and_then(|at| permutation.iter().position(|&axis| axis == at));
    let inner = permutation
        .iter()
        .filter(|&&axis| Some(axis) != input.batch)
        .map(|&axis| sample_axis(input, axis))
        .collect::<Result<Vec<_>, _>>()?;
    let id = importer.main(Op::Transpose { permutation: inner }, &[input.id])?;
    wrap(importer, id, batch)
}

/// Padding of a window: explicit, or what keeps `ceil(input / stride)` positions.
fn window_pads(
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

/// Height and width of a batch of feature maps.
fn spatial(input: &Tensor) -> Result<[usize; 2], Refusal> {
    match *input.full.as_slice() {
        [_, _, height, width] => Ok([height, width]),
        _ => Err(Refusal::reason("it needs feature maps")),
    }
}

/// A weight as it stands in the file.
fn weight(importer: &mut Importer, inputs: &Inputs, index: usize) -> Result<ParamId, Refusal> {
    let constant = constant(inputs, index)?;
    let name = importer.input_name(index);
    importer.param(name, "plain", constant.dims.clone(), || constant.floats())
}

fn bias(importer: &mut Importer, inputs: &Inputs, index: usize) -> Result<Option<ParamId>, Refusal> {
    let Some(constant) = optional(inputs, index)? else { return Ok(None) };
    let name = importer.input_name(index);
    importer.param(name, "bias", vec![constant.len()], || constant.floats()).map(Some)
}

fn kernel_dims(inputs: &Inputs) -> Result<[usize; 4], Refusal> {
    let dims = &constant(inputs, 1)?.dims;
    dims.as_slice()
        .try_into()
        .map_err(|_| Refusal::reason(format!("its kernel has shape {dims:?}; only 2-D networks are read")))
}

fn conv(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
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

fn conv_transpose(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
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

/// A `[rows, columns]` matrix transposed.
fn transposed(data: &[f32], rows: usize, columns: usize) -> Arc<[f32]> {
    (0..rows * columns).map(|index| data.get(index % rows * columns + index / rows).copied().unwrap_or(0.0)).collect()
}

fn gemm(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let mut input = tensor(inputs, 0)?.clone();
    if attributes.flag("transA", false) {
        input = match (input.batch, input.full.as_slice()) {
            // Behind a transposition the batch is the second axis, and this one brings it back.
            (Some(1), &[features, 1]) => Tensor { full: vec![1, features], batch: Some(0), ..input },
            (None, &[rows, columns]) => {
                let id = importer.part("transpose", Op::Transpose { permutation: vec![1, 0] }, &[input.id])?;
                Tensor { id, full: vec![columns, rows], batch: None }
            }
            _ => return Err(Refusal::reason("transA mixes the pictures of a batch")),
        };
    }
    let matrix = constant(inputs, 1)?;
    let &[first, second] = matrix.dims.as_slice() else {
        return Err(Refusal::reason(format!("its matrix has shape {:?}", matrix.dims)));
    };
    if input.full.len() != 2 {
        return Err(Refusal::reason(format!("its input has shape {:?} instead of two axes", input.full)));
    }
    let flipped = attributes.flag("transB", false);
    let alpha = attributes.float_or("alpha", 1.0);
    let beta = attributes.float_or("beta", 1.0);
    let dims = if flipped { vec![second, first] } else { vec![first, second] };
    let outputs = if flipped { first } else { second };
    let key = format!("gemm {flipped} {alpha}");
    let name = importer.input_name(1);
    let weight = importer.param(name, &key, dims, || {
        let data = matrix.floats();
        let data = if flipped { transposed(&data, first, second) } else { data };
        if alpha == 1.0 { data } else { data.iter().map(|value| value * alpha).collect() }
    })?;
    let bias = match inputs.get(2) {
        Some(Some(Entry::Constant(addend))) if addend.len() == outputs || addend.len() == 1 => {
            let data = addend.floats();
            importer.budget.charge(&[outputs])?;
            let name = importer.input_name(2);
            Some(importer.param(name, &format!("gemm {beta}"), vec![outputs], || {
                (0..outputs)
                    .map(|index| beta * data.get(if data.len() == 1 { 0 } else { index }).copied().unwrap_or(0.0))
                    .collect()
            })?)
        }
        None | Some(None) => None,
        Some(Some(_)) => return Err(Refusal::reason("its addend is not one number per output")),
    };
    let id = importer.main(Op::Dense { weight, bias }, &[input.id])?;
    wrap(importer, id, input.batch)
}

fn mat_mul(importer: &mut Importer, inputs: &Inputs) -> Outcome {
    match (inputs.first(), inputs.get(1)) {
        (Some(Some(Entry::Tensor(input))), Some(Some(Entry::Constant(matrix)))) => {
            let (matrix_dims, vector) = match trimmed(&matrix.dims) {
                [features] => ([*features, 1], matrix.dims.len() == 1),
                [rows, columns] => ([*rows, *columns], false),
                other => return Err(Refusal::reason(format!("its matrix has shape {other:?}"))),
            };
            // A last axis of the batch alone would be multiplied over pictures.
            let input = if input.batch.is_some_and(|at| at + 1 == input.full.len()) {
                rebatch(importer, input, None)?
            } else {
                input.clone()
            };
            let name = importer.input_name(1);
            let weight = importer.param(name, "matmul", matrix_dims.to_vec(), || matrix.floats())?;
            let id = importer.main(Op::Dense { weight, bias: None }, &[input.id])?;
            let output = make(importer, id, input.batch);
            if !vector {
                return Ok(vec![Entry::Tensor(output)]);
            }
            let full: Vec<usize> = output.full.iter().take(output.full.len().saturating_sub(1)).copied().collect();
            let id = importer.part("squeeze", Op::Reshape { shape: without(&full, output.batch) }, &[output.id])?;
            Ok(vec![Entry::Tensor(Tensor { id, full, batch: output.batch })])
        }
        (Some(Some(Entry::Constant(matrix))), Some(Some(Entry::Tensor(input)))) => {
            let &[rows, columns] = trimmed(&matrix.dims) else {
                return Err(Refusal::reason(format!("its matrix has shape {:?}", matrix.dims)));
            };
            let length = input.full.len();
            if length < 2 {
                return Err(Refusal::reason(format!("its input has shape {:?}", input.full)));
            }
            // A · x is the transpose of xᵀ · Aᵀ.
            let input = if input.batch.is_some_and(|at| at + 2 >= length) {
                rebatch(importer, input, None)?
            } else {
                input.clone()
            };
            let inner = rank(importer, &input);
            let swap: Vec<usize> = (0..inner.saturating_sub(2)).chain([inner - 1, inner.saturating_sub(2)]).collect();
            let name = importer.input_name(0);
            let weight = importer
                .param(name, "matmul left", vec![columns, rows], || transposed(&matrix.floats(), rows, columns))?;
            let flipped = importer.part("transpose", Op::Transpose { permutation: swap.clone() }, &[input.id])?;
            let product = importer.part("product", Op::Dense { weight, bias: None }, &[flipped])?;
            let id = importer.main(Op::Transpose { permutation: swap }, &[product])?;
            wrap(importer, id, input.batch)
        }
        (Some(Some(Entry::Tensor(a))), Some(Some(Entry::Tensor(b)))) => {
            if a.full.len() < 2 || b.full.len() < 2 {
                return Err(Refusal::reason(format!("shapes {:?} and {:?} are not matrices", a.full, b.full)));
            }
            let leading = |tensor: &Tensor| {
                tensor.batch.and_then(|at| (tensor.full.len() - at).checked_sub(2)).filter(|&left| left > 0)
            };
            let (a, b) = match (leading(a), leading(b)) {
                (Some(x), Some(y)) if x == y => (a.clone(), b.clone()),
                _ => (rebatch(importer, a, None)?, rebatch(importer, b, None)?),
            };
            let id = importer.main(Op::MatMul, &[a.id, b.id])?;
            let out = a.full.len().max(b.full.len());
            let batch = a.batch.map(|at| out - (a.full.len() - at));
            wrap(importer, id, batch)
        }
        _ => Err(Refusal::reason("it needs two inputs")),
    }
}

/// A matrix's shape without leading axes of size 1.
fn trimmed(dims: &[usize]) -> &[usize] {
    let mut rest = dims;
    while let ([1, inner @ ..], true) = (rest, rest.len() > 2) {
        rest = inner;
    }
    rest
}

/// A factor and a summand per channel: `[C, 1, ..]` for the sample of `input`.
fn per_channel(
    importer: &mut Importer,
    input: &Tensor,
    parts: [(String, Arc<[f32]>); 2],
) -> Result<[ParamId; 2], Refusal> {
    let channels = input.full.get(1).copied().unwrap_or(0);
    let mut dims = vec![1; rank(importer, input)];
    if let Some(first) = dims.first_mut() {
        *first = channels;
    }
    let [(scale_name, scale), (shift_name, shift)] = parts;
    Ok([
        importer.param(scale_name, "channel scale", dims.clone(), || scale)?,
        importer.param(shift_name, "channel shift", dims, || shift)?,
    ])
}

fn batch_norm(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    if attributes.flag("training_mode", false) {
        return Err(Refusal::reason("the network was exported in training mode"));
    }
    let input = sampled(importer, tensor(inputs, 0)?)?;
    let epsilon = f64::from(attributes.float_or("epsilon", 1e-5));
    let [gamma, beta, mean, variance] = [
        constant(inputs, 1)?.floats(),
        constant(inputs, 2)?.floats(),
        constant(inputs, 3)?.floats(),
        constant(inputs, 4)?.floats(),
    ];
    let channels = input.full.get(1).copied().unwrap_or(0);
    if [&gamma, &beta, &mean, &variance].iter().any(|list| list.len() != channels) {
        return Err(Refusal::reason(format!("its statistics are not one number for each of {channels} channels")));
    }
    let factors: Vec<f64> = gamma
        .iter()
        .zip(variance.iter())
        .map(|(&gamma, &variance)| f64::from(gamma) / (f64::from(variance) + epsilon).sqrt())
        .collect();
    let scale: Arc<[f32]> = factors.iter().map(|&factor| factor as f32).collect();
    let shift: Arc<[f32]> = beta
        .iter()
        .zip(mean.iter())
        .zip(&factors)
        .map(|((&beta, &mean), factor)| (f64::from(beta) - f64::from(mean) * factor) as f32)
        .collect();
    // Not the file's tensors but made of four of them, so the node names them.
    let name = importer.output_name(0);
    let parts = [(format!("{name}/scale"), scale), (format!("{name}/shift"), shift)];
    let [scale, shift] = per_channel(importer, &input, parts)?;
    same(importer, Op::Affine { scale: Some(scale), shift: Some(shift) }, &input)
}

/// A feature map `[C, positions, 1]` of a value with any number of axes behind the channels.
fn as_map(importer: &mut Importer, input: &Tensor, channels: usize) -> Result<ValueId, Refusal> {
    let total = importer.builder.shape(input.id).numel();
    let positions = total.checked_div(channels).filter(|positions| positions * channels == total);
    let positions = positions.ok_or_else(|| Refusal::reason(format!("{:?} has no {channels} channels", input.full)))?;
    importer.part("map", Op::Reshape { shape: vec![channels, positions, 1] }, &[input.id])
}

fn instance_norm(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = sampled(importer, tensor(inputs, 0)?)?;
    let epsilon = attributes.float_or("epsilon", 1e-5);
    let scale = weight(importer, inputs, 1)?;
    let shift = weight(importer, inputs, 2)?;
    let op = Op::InstanceNorm { scale, shift, epsilon };
    if input.full.len() == 4 {
        return same(importer, op, &input);
    }
    let channels = input.full.get(1).copied().unwrap_or(0);
    let flat = as_map(importer, &input, channels)?;
    let normal = importer.part("norm", op, &[flat])?;
    let id = importer.main(Op::Reshape { shape: without(&input.full, input.batch) }, &[normal])?;
    wrap(importer, id, input.batch)
}

fn group_norm(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = sampled(importer, tensor(inputs, 0)?)?;
    let groups = size(attributes.int_or("num_groups", 0))?;
    let channels = input.full.get(1).copied().unwrap_or(0);
    if groups == 0 || !channels.is_multiple_of(groups) {
        return Err(Refusal::reason(format!("{channels} channels do not make {groups} groups")));
    }
    let each = channels / groups;
    importer.budget.charge(&[channels, 4])?;
    let expand = |constant: &Constant| -> Arc<[f32]> {
        let data = constant.floats();
        // Opset 18 has one number per group, opset 21 one per channel.
        if data.len() == groups && groups != channels {
            data.iter().flat_map(|&value| std::iter::repeat_n(value, each)).collect()
        } else {
            data
        }
    };
    let (scale, shift) = (expand(constant(inputs, 1)?), expand(constant(inputs, 2)?));
    let ones = importer.param(format!("{groups} ones"), "ones", vec![groups], || vec![1.0; groups].into())?;
    let zeros = importer.param(format!("{groups} zeros"), "zeros", vec![groups], || vec![0.0; groups].into())?;
    let flat = as_map(importer, &input, groups)?;
    let epsilon = attributes.float_or("epsilon", 1e-5);
    let normal = importer.part("norm", Op::InstanceNorm { scale: ones, shift: zeros, epsilon }, &[flat])?;
    let back = importer.part("unmap", Op::Reshape { shape: without(&input.full, input.batch) }, &[normal])?;
    let names = [importer.input_name(1), importer.input_name(2)];
    let [scale_name, shift_name] = names;
    let [scale, shift] = per_channel(importer, &input, [(scale_name, scale), (shift_name, shift)])?;
    let id = importer.main(Op::Affine { scale: Some(scale), shift: Some(shift) }, &[back])?;
    wrap(importer, id, input.batch)
}

/// `(x - mean) / sqrt(variance + epsilon) · scale + shift` over the last axes, in the ops it consists of.
fn layer_norm(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    if importer.is_read(1) || importer.is_read(2) {
        return Err(Refusal::reason("its mean and deviation are used as outputs"));
    }
    let first = axis(attributes.int_or("axis", -1), input.full.len())?;
    let axes = (first..input.full.len()).map(|axis| sample_axis(input, axis)).collect::<Result<Vec<_>, _>>()?;
    let mean = Op::Reduce { kind: ReduceKind::Mean, axes, keep_dims: true };
    let average = importer.part("mean", mean.clone(), &[input.id])?;
    let centred = importer.part("centred", Op::Binary(BinaryKind::Sub), &[input.id, average])?;
    let square = importer.part("square", Op::Activation(Activation::Pow { exponent: 2.0 }), &[centred])?;
    let variance = importer.part("variance", mean, &[square])?;
    let epsilon = attributes.float_or("epsilon", 1e-5);
    let dims = vec![1; importer.builder.shape(variance).rank()];
    let epsilon = importer.param(format!("epsilon {epsilon:e}"), "scalar", dims, || Arc::from([epsilon]))?;
    let padded = importer.part("epsilon", Op::Affine { scale: None, shift: Some(epsilon) }, &[variance])?;
    let deviation = importer.part("deviation", Op::Activation(Activation::Sqrt), &[padded])?;
    let normal = importer.part("normal", Op::Binary(BinaryKind::Div), &[centred, deviation])?;
    let normal = Tensor { id: normal, ..input.clone() };
    let scale = aligned_param(importer, constant(inputs, 1)?, 1, &normal, "plain", |value| value)?;
    let shift = match optional(inputs, 2)? {
        Some(shift) => Some(aligned_param(importer, shift, 2, &normal, "plain", |value| value)?),
        None => None,
    };
    same(importer, Op::Affine { scale: Some(scale), shift }, &normal)
}

/// The shape of a constant against the sample of `input`: the batch axis left out, ones put in front.
///
/// Fails if the constant has something to say about the batch axis or is larger than the sample.
fn constant_shape(importer: &Importer, dims: &[usize], input: &Tensor) -> Result<Vec<usize>, Refusal> {
    let rank = rank(importer, input);
    // Axes are aligned from the right; position 0 is the last.
    let batch_from_right = input.batch.map(|at| input.full.len() - 1 - at);
    let at = batch_from_right.and_then(|right| dims.len().checked_sub(right + 1));
    if at.and_then(|at| dims.get(at)).is_some_and(|&size| size != 1) {
        return Err(Refusal::reason("a constant holds a value for each picture of the batch"));
    }
    let mut shape = without(dims, at);
    while shape.len() > rank && shape.first() == Some(&1) {
        shape.remove(0);
    }
    while shape.len() < rank {
        shape.insert(0, 1);
    }
    Ok(shape)
}

/// A constant as a parameter that broadcasts to the sample of `input`, each element changed by `change`.
fn aligned_param(
    importer: &mut Importer,
    constant: &Constant,
    index: usize,
    input: &Tensor,
    key: &str,
    change: fn(f32) -> f32,
) -> Result<ParamId, Refusal> {
    let shape = constant_shape(importer, &constant.dims, input)?;
    let name = importer.input_name(index);
    importer.param(name, key, shape, || {
        let data = constant.floats();
        if key == "plain" { data } else { data.iter().map(|&value| change(value)).collect() }
    })
}

/// The value broadcast so that a constant of shape `dims` does not enlarge it.
fn enlarged(importer: &mut Importer, input: &Tensor, dims: &[usize]) -> Result<Tensor, Refusal> {
    let target = broadcast(&input.full, dims)?;
    if target == input.full {
        return Ok(input.clone());
    }
    // New axes appear in front; the batch axis keeps its distance from the end.
    let missing = target.len() - input.full.len();
    let full: Vec<usize> = std::iter::repeat_n(1, missing).chain(input.full.iter().copied()).collect();
    let batch = input.batch.map(|at| at + missing);
    if batch.is_some_and(|at| target.get(at) != Some(&1)) {
        return Err(Refusal::reason("a constant holds a value for each picture of the batch"));
    }
    let shape = without(&full, batch);
    let mut id = input.id;
    if importer.builder.shape(id).dims() != shape {
        id = importer.part("axes", Op::Reshape { shape: shape.clone() }, &[id])?;
    }
    let wanted = without(&target, batch);
    // Repeating the only cell of an axis is what edge padding does.
    let pads: Vec<(usize, usize)> = shape.iter().zip(&wanted).map(|(&have, &want)| (0, want - have)).collect();
    if pads.iter().any(|&(_, after)| after > 0) {
        importer.budget.charge(&wanted)?;
        id = importer.part("expand", Op::Pad { pads, mode: PadMode::Edge }, &[id])?;
    }
    Ok(Tensor { id, full: target, batch })
}

/// Two values whose batch axes agree, and the position of the batch in the result.
fn together(importer: &mut Importer, a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor, Option<usize>), Refusal> {
    let from_right = |tensor: &Tensor, at: usize| tensor.full.len() - 1 - at;
    let wanted = match (a.batch, b.batch) {
        (Some(at), _) => Some(from_right(a, at)),
        (None, Some(at)) => Some(from_right(b, at)),
        (None, None) => None,
    };
    let Some(right) = wanted else { return Ok((a.clone(), b.clone(), None)) };
    let place = |tensor: &Tensor| tensor.full.len().checked_sub(right + 1);
    let fits = |tensor: &Tensor| place(tensor).is_none_or(|at| tensor.full.get(at) == Some(&1));
    let rank = a.full.len().max(b.full.len());
    if fits(a) && fits(b) {
        let (a, b) = (rebatch(importer, a, place(a))?, rebatch(importer, b, place(b))?);
        return Ok((a, b, rank.checked_sub(right + 1)));
    }
    Ok((rebatch(importer, a, None)?, rebatch(importer, b, None)?, None))
}

fn binary(importer: &mut Importer, kind: BinaryKind, a: &Tensor, b: &Tensor, last: bool) -> Result<Tensor, Refusal> {
    let (a, b, batch) = together(importer, a, b)?;
    let op = Op::Binary(kind);
    let id = if last { importer.main(op, &[a.id, b.id])? } else { importer.part("partial", op, &[a.id, b.id])? };
    Ok(make(importer, id, batch))
}

fn arithmetic(importer: &mut Importer, op: &str, inputs: &Inputs) -> Outcome {
    match (inputs.first(), inputs.get(1)) {
        (Some(Some(Entry::Tensor(a))), Some(Some(Entry::Tensor(b)))) => {
            let kind = match op {
                "Add" => BinaryKind::Add,
                "Sub" => BinaryKind::Sub,
                "Mul" => BinaryKind::Mul,
                _ => BinaryKind::Div,
            };
            Ok(vec![Entry::Tensor(binary(importer, kind, a, b, true)?)])
        }
        (Some(Some(Entry::Tensor(value))), Some(Some(Entry::Constant(operand)))) => {
            affine(importer, op, value, operand, 1)
        }
        (Some(Some(Entry::Constant(operand))), Some(Some(Entry::Tensor(value)))) => {
            let reversed = match op {
                "Sub" => "Sub from",
                "Div" => "Div of",
                other => other,
            };
            affine(importer, reversed, value, operand, 0)
        }
        _ => Err(Refusal::reason("it needs two inputs")),
    }
}

fn affine(importer: &mut Importer, op: &str, value: &Tensor, operand: &Constant, index: usize) -> Outcome {
    let value = enlarged(importer, value, &operand.dims)?;
    let plain = |importer: &mut Importer| aligned_param(importer, operand, index, &value, "plain", |value| value);
    let (scale, shift) = match op {
        "Add" => (None, Some(plain(importer)?)),
        "Sub" => (None, Some(aligned_param(importer, operand, index, &value, "negative", |value| -value)?)),
        "Mul" => (Some(plain(importer)?), None),
        "Div" => (Some(aligned_param(importer, operand, index, &value, "inverse", f32::recip)?), None),
        "Sub from" => {
            let rank = vec![1; rank(importer, &value)];
            let minus = importer.param("-1".to_owned(), "scalar", rank, || Arc::from([-1.0]))?;
            (Some(minus), Some(plain(importer)?))
        }
        _ => {
            let inverse = importer.part("inverse", Op::Activation(Activation::Reciprocal), &[value.id])?;
            let scale = plain(importer)?;
            let id = importer.main(Op::Affine { scale: Some(scale), shift: None }, &[inverse])?;
            return wrap(importer, id, value.batch);
        }
    };
    same(importer, Op::Affine { scale, shift }, &value)
}

fn pow(importer: &mut Importer, inputs: &Inputs) -> Outcome {
    let value = tensor(inputs, 0)?;
    let exponent = constant(inputs, 1)?;
    let value = enlarged(importer, value, &exponent.dims)?;
    let exponent = exponent.uniform().ok_or_else(|| Refusal::reason("its exponents differ between elements"))?;
    let activation = if exponent == 0.5 { Activation::Sqrt } else { Activation::Pow { exponent } };
    same(importer, Op::Activation(activation), &value)
}

/// `Max`, `Min`, `Sum` and `Mean` of any number of inputs.
fn variadic(importer: &mut Importer, op: &str, inputs: &Inputs) -> Outcome {
    let tensors: Vec<&Tensor> = inputs
        .iter()
        .filter_map(|entry| match entry {
            Some(Entry::Tensor(tensor)) => Some(tensor),
            _ => None,
        })
        .collect();
    let constants: Vec<(usize, &Constant)> = inputs
        .iter()
        .enumerate()
        .filter_map(|(index, entry)| match entry {
            Some(Entry::Constant(constant)) => Some((index, constant)),
            _ => None,
        })
        .collect();
    let kind = match op {
        "Max" => BinaryKind::Max,
        "Min" => BinaryKind::Min,
        _ => BinaryKind::Add,
    };
    let (first, rest) = tensors.split_first().ok_or_else(|| Refusal::reason("it has no inputs"))?;
    let mean = op == "Mean";
    let mut result = (*first).clone();
    for (index, other) in rest.iter().enumerate() {
        let last = index + 1 == rest.len() && constants.is_empty() && !mean;
        result = binary(importer, kind, &result, other, last)?;
    }
    for (position, &(index, operand)) in constants.iter().enumerate() {
        let last = position + 1 == constants.len() && !mean;
        result = enlarged(importer, &result, &operand.dims)?;
        let op = match (kind, operand.uniform()) {
            (BinaryKind::Add, _) => {
                let shift = aligned_param(importer, operand, index, &result, "plain", |value| value)?;
                Op::Affine { scale: None, shift: Some(shift) }
            }
            (BinaryKind::Max, Some(0.0)) => Op::Activation(Activation::Relu),
            (BinaryKind::Max, Some(min)) => Op::Activation(Activation::Clip { min, max: f32::INFINITY }),
            (_, Some(max)) => Op::Activation(Activation::Clip { min: f32::NEG_INFINITY, max }),
            // max(x, c) = relu(x - c) + c and min(x, c) = c - relu(c - x) for a constant that differs between elements.
            (kind, None) => {
                let plain = aligned_param(importer, operand, index, &result, "plain", |value| value)?;
                let (inner, outer) = if kind == BinaryKind::Max {
                    let negative = aligned_param(importer, operand, index, &result, "negative", |value| -value)?;
                    ((None, negative), None)
                } else {
                    let dims = vec![1; rank(importer, &result)];
                    let minus = importer.param("-1".to_owned(), "scalar", dims, || Arc::from([-1.0]))?;
                    ((Some(minus), plain), Some(minus))
                };
                let id = importer.part("offset", Op::Affine { scale: inner.0, shift: Some(inner.1) }, &[result.id])?;
                result.id = importer.part("relu", Op::Activation(Activation::Relu), &[id])?;
                Op::Affine { scale: outer, shift: Some(plain) }
            }
        };
        let id = if last { importer.main(op, &[result.id])? } else { importer.part("constant", op, &[result.id])? };
        result = make(importer, id, result.batch);
    }
    if mean {
        let share = 1.0 / inputs.len() as f32;
        let dims = vec![1; rank(importer, &result)];
        let scale = importer.param(format!("1/{}", inputs.len()), "scalar", dims, || Arc::from([share]))?;
        return same(importer, Op::Affine { scale: Some(scale), shift: None }, &result);
    }
    if rest.is_empty() && constants.is_empty() {
        return same(importer, Op::Affine { scale: None, shift: None }, &result);
    }
    Ok(vec![Entry::Tensor(result)])
}

/// `max(x, 0) + min(alpha · (e^(x / alpha) - 1), 0)`, an ELU of the scaled input.
fn celu(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let alpha = attributes.float_or("alpha", 1.0);
    let elu = Op::Activation(Activation::Elu { alpha: 1.0 });
    if alpha == 1.0 {
        return same(importer, elu, input);
    }
    let dims = vec![1; rank(importer, input)];
    let shrink = importer.param(format!("1/{alpha}"), "scalar", dims.clone(), || Arc::from([alpha.recip()]))?;
    let grow = importer.param(format!("{alpha}"), "scalar", dims, || Arc::from([alpha]))?;
    let id = importer.part("shrunk", Op::Affine { scale: Some(shrink), shift: None }, &[input.id])?;
    let id = importer.part("elu", elu, &[id])?;
    let id = importer.main(Op::Affine { scale: Some(grow), shift: None }, &[id])?;
    wrap(importer, id, input.batch)
}

fn prelu(importer: &mut Importer, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let slope = constant(inputs, 1)?;
    let channels = input.full.get(1).copied().unwrap_or(0);
    // Some exporters write one slope per channel as [C], which would broadcast along the width.
    let per_channel =
        slope.dims.as_slice() == [channels] && input.full.len() > 2 && input.full.last() != Some(&channels);
    let slope = if per_channel {
        let dims: Vec<usize> = std::iter::once(channels).chain(std::iter::repeat_n(1, input.full.len() - 2)).collect();
        Constant { dims, ..slope.clone() }
    } else {
        slope.clone()
    };
    let slope = aligned_param(importer, &slope, 1, input, "plain", |value| value)?;
    same(importer, Op::Activation(Activation::PRelu { slope }), input)
}

fn clip(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let bound = |index: usize, name: &str| -> Result<Option<f32>, Refusal> {
        Ok(optional(inputs, index)?.and_then(|constant| constant.floats().first().copied()).or(attributes.float(name)))
    };
    let min = bound(1, "min")?.unwrap_or(f32::NEG_INFINITY);
    let max = bound(2, "max")?.unwrap_or(f32::INFINITY);
    if min.is_nan() || max.is_nan() {
        return Err(Refusal::reason("its bounds are not numbers"));
    }
    // Absent bounds are written as the largest float by old exporters.
    let unbounded = max >= f32::MAX;
    let activation = match (min, unbounded) {
        (0.0, true) => Activation::Relu,
        (_, true) if min <= f32::MIN => return identity(importer, inputs),
        _ => Activation::Clip { min, max },
    };
    same(importer, Op::Activation(activation), tensor(inputs, 0)?)
}

fn pool(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
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

fn reduce(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
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
        "ReduceMax" => ReduceKind::Max,
        _ => ReduceKind::Sum,
    };
    let op = Op::Reduce { kind, axes: inner, keep_dims };
    let id = if attributes.0.op_type == "ReduceL2" {
        let square = importer.part("square", Op::Activation(Activation::Pow { exponent: 2.0 }), &[input.id])?;
        let sum = importer.part("sum", op, &[square])?;
        importer.main(Op::Activation(Activation::Sqrt), &[sum])?
    } else {
        importer.main(op, &[input.id])?
    };
    wrap(importer, id, batch)
}

fn concat(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let first = inputs
        .iter()
        .find_map(|entry| match entry {
            Some(Entry::Tensor(tensor)) => Some(tensor),
            _ => None,
        })
        .ok_or_else(|| Refusal::reason("it has no inputs"))?;
    let length = first.full.len();
    let on = axis(attributes.int_or("axis", 1), length)?;
    let batch = if first.batch == Some(on) { None } else { first.batch };
    if first.batch == Some(on) {
        return Err(Refusal::reason("it joins along the batch axis"));
    }
    // Constants between values become padding cells that are then filled by a sum.
    let mut values: Vec<ValueId> = Vec::new();
    let mut lead: Vec<&Constant> = Vec::new();
    let mut trail: Vec<(usize, Vec<&Constant>)> = Vec::new();
    for entry in inputs {
        match entry {
            Some(Entry::Tensor(tensor)) => {
                if tensor.full.len() != length {
                    return Err(Refusal::reason(format!("shapes {:?} and {:?} do not join", first.full, tensor.full)));
                }
                if batch.is_some_and(|at| tensor.full.get(at) != Some(&1)) {
                    return Err(Refusal::reason("it joins values of different batches"));
                }
                values.push(rebatch(importer, tensor, batch)?.id);
                trail.push((values.len() - 1, Vec::new()));
            }
            Some(Entry::Constant(constant)) => match trail.last_mut() {
                Some((_, list)) => list.push(constant),
                None => lead.push(constant),
            },
            None => return Err(Refusal::reason("an input is missing")),
        }
    }
    let inner = sample_axis(&Tensor { batch, ..first.clone() }, on)?;
    let (single, mut done) = (values.len() == 1, 0);
    for (position, after) in trail {
        let before: &[&Constant] = if position == 0 { &lead } else { &[] };
        if before.is_empty() && after.is_empty() {
            continue;
        }
        if let Some(value) = values.get_mut(position) {
            *value = filled(importer, *value, batch, inner, before, &after, single)?;
            done += 1;
        }
    }
    if single && done == 1 {
        let id = values.first().copied().ok_or_else(|| Refusal::reason("it has no inputs"))?;
        return wrap(importer, id, batch);
    }
    let id = importer.main(Op::Concat { axis: inner }, &values)?;
    wrap(importer, id, batch)
}

/// A value with constants joined before and after it along `axis`: it is padded with zeros, and a constant that is zero
/// where the value stands is added.
fn filled(
    importer: &mut Importer,
    value: ValueId,
    batch: Option<usize>,
    axis: usize,
    before: &[&Constant],
    after: &[&Constant],
    last: bool,
) -> Result<ValueId, Refusal> {
    let dims = importer.builder.shape(value).dims().to_vec();
    let own = dims.get(axis).copied().unwrap_or(0);
    // Size along the axis, and what it holds if it is not the value itself.
    type Block = (usize, Option<Arc<[f32]>>);
    let mut blocks: Vec<Block> = Vec::new();
    let along = |constant: &Constant| -> Result<Block, Refusal> {
        if batch.is_some_and(|at| constant.dims.get(at) != Some(&1)) {
            return Err(Refusal::reason("a constant holds a value for each picture of the batch"));
        }
        let shape = without(&constant.dims, batch);
        let fits =
            shape.len() == dims.len() && shape.iter().zip(&dims).enumerate().all(|(at, (a, b))| at == axis || a == b);
        let size = shape.get(axis).copied().filter(|_| fits);
        let size = size.ok_or_else(|| Refusal::reason(format!("shapes {dims:?} and {shape:?} do not join")))?;
        Ok((size, Some(constant.floats())))
    };
    for constant in before {
        blocks.push(along(constant)?);
    }
    blocks.push((own, None));
    for constant in after {
        blocks.push(along(constant)?);
    }
    let total: usize = blocks.iter().fold(0usize, |sum, (size, _)| sum.saturating_add(*size));
    let mut shape = dims.clone();
    if let Some(size) = shape.get_mut(axis) {
        *size = total;
    }
    let elements = importer.budget.charge(&shape)?;
    let inner: usize = dims.get(axis + 1..).unwrap_or_default().iter().product();
    let outer: usize = dims.get(..axis).unwrap_or_default().iter().product();
    let mut data = Vec::with_capacity(elements);
    for index in 0..outer {
        for (size, block) in &blocks {
            let length = size * inner;
            match block {
                None => data.resize(data.len() + length, 0.0),
                Some(block) => {
                    data.extend_from_slice(block.get(index * length..(index + 1) * length).unwrap_or_default())
                }
            }
        }
    }
    let lengths =
        |list: &[&Constant]| -> usize { list.iter().filter_map(|c| without(&c.dims, batch).get(axis).copied()).sum() };
    let mut pads = vec![(0, 0); dims.len()];
    if let Some(pad) = pads.get_mut(axis) {
        *pad = (lengths(before), lengths(after));
    }
    let padded = importer.part("pad", Op::Pad { pads, mode: PadMode::Constant(0.0) }, &[value])?;
    let name = format!("{}/constants", importer.output_name(0));
    let shift = importer.param(name, &format!("fill {}", value.index()), shape, || data.into())?;
    let op = Op::Affine { scale: None, shift: Some(shift) };
    if last { importer.main(op, &[padded]) } else { importer.part("fill", op, &[padded]) }
}

fn split(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let on = axis(attributes.int_or("axis", 0), input.full.len())?;
    let inner = sample_axis(input, on)?;
    let outputs = attributes.0.output.len();
    let along = input.full.get(on).copied().unwrap_or(0);
    let listed = list(attributes, inputs, "split", 1)?;
    let parts = split_sizes(along, listed.as_deref(), outputs)?;
    let mut start = 0;
    let mut results = Vec::new();
    for (index, part) in parts.into_iter().take(outputs).enumerate() {
        let op = Op::Slice { axis: inner, start, end: start + part, step: 1 };
        let id = if index == 0 {
            importer.main(op, &[input.id])?
        } else {
            let name = importer.output_name(index);
            let node =
                if attributes.0.name.is_empty() { name.clone() } else { format!("{}/{index}", attributes.0.name) };
            importer.builder.node(node, op, &[input.id], name)?
        };
        results.push(Entry::Tensor(make(importer, id, input.batch)));
        start += part;
    }
    Ok(results)
}

fn slice(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let bounds =
        (1..5).map(|index| optional(inputs, index).map(Option::<&Constant>::cloned)).collect::<Result<Vec<_>, _>>()?;
    let bounds: Vec<Option<Constant>> = std::iter::once(None).chain(bounds).collect();
    let ranges = slice_ranges(&input.full, attributes, &bounds)?;
    let mut changed: Vec<(usize, super::fold::Range)> = ranges
        .into_iter()
        .enumerate()
        .filter(|&(at, range)| range.count != input.full.get(at).copied().unwrap_or(0) || range.step < 0)
        .collect();
    // Slicing the batch of 1 from its start keeps it.
    if input.batch.is_some_and(|batch| changed.iter().any(|&(at, range)| at == batch && range.count != 1)) {
        return Err(Refusal::reason("it takes pictures out of the batch"));
    }
    changed.retain(|&(at, _)| Some(at) != input.batch);
    let Some((&(last_axis, last), rest)) = changed.split_last() else { return identity(importer, inputs) };
    let mut id = input.id;
    for &(at, range) in rest {
        let at = sample_axis(input, at)?;
        id = take_range(importer, id, at, range, false)?;
    }
    let id = take_range(importer, id, sample_axis(input, last_axis)?, last, true)?;
    wrap(importer, id, input.batch)
}

/// More pieces than this are not an order of channels but a lookup table.
const MAX_PIECES: usize = 256;

fn take_range(
    importer: &mut Importer,
    id: ValueId,
    axis: usize,
    range: super::fold::Range,
    last: bool,
) -> Result<ValueId, Refusal> {
    if range.count == 0 {
        return Err(Refusal::reason("it takes nothing"));
    }
    if range.step > 0 {
        let step = range.step as usize;
        let end = range.start + (range.count - 1) * step + 1;
        let op = Op::Slice { axis, start: range.start, end, step };
        return if last { importer.main(op, &[id]) } else { importer.part("slice", op, &[id]) };
    }
    let back = range.step.unsigned_abs() as usize;
    let indices: Vec<usize> = (0..range.count.min(MAX_PIECES + 1))
        .map(|index| range.start.saturating_sub(index.saturating_mul(back)))
        .collect();
    picked(importer, id, axis, &indices, last)
}

/// The elements `indices` of an axis, in that order: one slice, or several joined.
fn picked(
    importer: &mut Importer,
    id: ValueId,
    axis: usize,
    indices: &[usize],
    last: bool,
) -> Result<ValueId, Refusal> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &index in indices {
        match runs.last_mut() {
            Some((_, end)) if *end == index => *end += 1,
            _ => runs.push((index, index + 1)),
        }
    }
    if runs.len() > MAX_PIECES {
        return Err(Refusal::reason(format!("it picks more than {MAX_PIECES} separate pieces")));
    }
    let slice = |&(start, end): &(usize, usize)| Op::Slice { axis, start, end, step: 1 };
    match runs.as_slice() {
        [] => Err(Refusal::reason("it takes nothing")),
        [run] if last => importer.main(slice(run), &[id]),
        [run] => importer.part("slice", slice(run), &[id]),
        _ => {
            let pieces = runs
                .iter()
                .enumerate()
                .map(|(index, run)| importer.part(&format!("piece{index}"), slice(run), &[id]))
                .collect::<Result<Vec<_>, _>>()?;
            let op = Op::Concat { axis };
            if last { importer.main(op, &pieces) } else { importer.part("pieces", op, &pieces) }
        }
    }
}

fn gather(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let at = constant(inputs, 1)?;
    let on = axis(attributes.int_or("axis", 0), input.full.len())?;
    let along = input.full.get(on).copied().unwrap_or(0);
    let indices = at
        .ints()
        .into_iter()
        .map(|index| {
            let counted = if index < 0 { index.saturating_add(along as i64) } else { index };
            usize::try_from(counted)
                .ok()
                .filter(|&index| index < along)
                .ok_or_else(|| Refusal::reason(format!("index {index} is outside the {along} elements")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    // The result has the axes of the indices in place of the one they pick from.
    let full: Vec<usize> =
        input.full.iter().take(on).chain(&at.dims).chain(input.full.iter().skip(on + 1)).copied().collect();
    let batch = match input.batch {
        Some(batch) if batch == on => None,
        Some(batch) if batch > on => Some((batch + at.dims.len()).saturating_sub(1)),
        other => other,
    };
    if input.batch == Some(on) {
        if indices.as_slice() != [0] {
            return Err(Refusal::reason("it takes pictures out of the batch"));
        }
        return to_shape(importer, input, full, None);
    }
    let plain = at.dims.len() == 1;
    let id = picked(importer, input.id, sample_axis(input, on)?, &indices, plain)?;
    if plain {
        return wrap(importer, id, batch);
    }
    let id = importer.main(Op::Reshape { shape: without(&full, batch) }, &[id])?;
    Ok(vec![Entry::Tensor(Tensor { id, full, batch })])
}

fn pad(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let length = input.full.len();
    let amounts = match list(attributes, inputs, "pads", 1)? {
        Some(amounts) => amounts,
        None => {
            attributes.ints("paddings").map(<[i64]>::to_vec).ok_or_else(|| Refusal::reason("its pads are missing"))?
        }
    };
    let on: Vec<usize> = match optional(inputs, 3)? {
        Some(list) => list.ints().into_iter().map(|value| axis(value, length)).collect::<Result<_, _>>()?,
        None => (0..length).collect(),
    };
    if amounts.len() != on.len().saturating_mul(2) {
        return Err(Refusal::reason(format!("{} pads do not fit {} axes", amounts.len(), on.len())));
    }
    let value = optional(inputs, 2)?.and_then(|constant| constant.floats().first().copied());
    let mode = match attributes.string("mode") {
        "" | "constant" => PadMode::Constant(value.or(attributes.float("value")).unwrap_or(0.0)),
        "reflect" => PadMode::Reflect,
        "edge" => PadMode::Edge,
        other => return Err(Refusal::reason(format!("mode {other:?} is not supported"))),
    };
    let mut pads = vec![(0usize, 0usize); rank(importer, input)];
    let mut cuts: Vec<(usize, usize, usize)> = Vec::new();
    for (index, &at) in on.iter().enumerate() {
        let (before, after) =
            (amounts.get(index).copied().unwrap_or(0), amounts.get(index + on.len()).copied().unwrap_or(0));
        if (before, after) == (0, 0) {
            continue;
        }
        let inner = sample_axis(input, at)?;
        // Negative padding cuts.
        let cut = |value: i64| size(value.min(0).saturating_neg());
        let (cut_before, cut_after) = (cut(before)?, cut(after)?);
        if cut_before > 0 || cut_after > 0 {
            let along = input.full.get(at).copied().unwrap_or(0);
            let end = along.checked_sub(cut_after).filter(|&end| end > cut_before);
            cuts.push((inner, cut_before, end.ok_or_else(|| Refusal::reason("it cuts everything away"))?));
        }
        if let Some(pad) = pads.get_mut(inner) {
            *pad = (size(before.max(0))?, size(after.max(0))?);
        }
    }
    let mut id = input.id;
    for (axis, start, end) in cuts {
        id = importer.part(&format!("cut{axis}"), Op::Slice { axis, start, end, step: 1 }, &[id])?;
    }
    let id = importer.main(Op::Pad { pads, mode }, &[id])?;
    wrap(importer, id, input.batch)
}

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

fn resize(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
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

fn softmax(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let length = input.full.len();
    let log = attributes.0.op_type == "LogSoftmax";
    let op = |axis: usize| if log { Op::LogSoftmax { axis } } else { Op::Softmax { axis } };
    if importer.opset >= 13 {
        let on = axis(attributes.int_or("axis", -1), length)?;
        return same(importer, op(sample_axis(input, on)?), input);
    }
    // Before opset 13 the input is a matrix, split before the axis, and each row is normalised.
    let value = attributes.int_or("axis", 1);
    let on = if value == length as i64 { length } else { axis(value, length)? };
    let mut wide = (on..length).filter(|&at| input.full.get(at).is_some_and(|&size| size != 1));
    match (wide.next(), wide.next()) {
        (Some(only), None) => same(importer, op(sample_axis(input, only)?), input),
        // Every row has one element.
        (None, _) if on < length => {
            let at = (on..length).find(|&at| Some(at) != input.batch);
            let at = at.ok_or_else(|| Refusal::reason("it mixes the pictures of a batch"))?;
            same(importer, op(sample_axis(input, at)?), input)
        }
        (None, _) => Err(Refusal::reason("its axis is outside its input")),
        (Some(_), Some(_)) => {
            if input.batch.is_some_and(|at| at >= on) {
                return Err(Refusal::reason("it mixes the pictures of a batch"));
            }
            let matrix = flattened(&input.full, on as i64)?;
            let flat = importer.part("matrix", Op::Reshape { shape: matrix }, &[input.id])?;
            let normal = importer.part("rows", op(1), &[flat])?;
            let id = importer.main(Op::Reshape { shape: without(&input.full, input.batch) }, &[normal])?;
            wrap(importer, id, input.batch)
        }
    }
}

fn quantize(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let text = "Activations are quantised in the file; they are computed in full precision here.";
    if !importer.warnings.iter().any(|warning| warning == text) {
        importer.warnings.push(text.to_owned());
    }
    // Quantisers drop a ReLU before a quantisation whose smallest value stands for zero, since the clamp does its work.
    let clamps_at_zero = match optional(inputs, 2)? {
        Some(Constant { range: Some((low, _)), data: Data::Int(data), .. }) => data.iter().all(|value| value == low),
        Some(_) => false,
        // Without a zero point the type is unsigned and zero its smallest value, unless an attribute says otherwise.
        None => matches!(attributes.int_or("output_dtype", 0), 0 | 2 | 4),
    };
    if clamps_at_zero {
        return same(importer, Op::Activation(Activation::Relu), tensor(inputs, 0)?);
    }
    identity(importer, inputs)
}

fn expand(importer: &mut Importer, op: &str, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    let target: Vec<usize> = constant(inputs, 1)?.ints().into_iter().map(size).collect::<Result<_, _>>()?;
    if target.len() > MAX_RANK {
        return Err(Refusal::reason("it makes too many axes"));
    }
    let target = if op == "Tile" {
        let fits = target.len() == input.full.len()
            && target.iter().zip(&input.full).all(|(&repeat, &size)| repeat == 1 || size == 1);
        if !fits {
            return Err(Refusal::reason("it repeats an axis that has more than one element"));
        }
        target.iter().zip(&input.full).map(|(&repeat, &size)| repeat * size).collect()
    } else {
        target
    };
    if input.batch.is_some_and(|at| {
        let right = input.full.len() - 1 - at;
        target.len().checked_sub(right + 1).and_then(|at| target.get(at)).is_some_and(|&size| size != 1)
    }) {
        return Err(Refusal::reason("it repeats the pictures of the batch"));
    }
    let expanded = enlarged(importer, input, &target)?;
    same(importer, Op::Affine { scale: None, shift: None }, &expanded)
}

/// Blocks of pixels into channels or back, as a reshape, a transposition and a reshape.
fn depth_space(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = map(importer, tensor(inputs, 0)?)?;
    let channels = input.full.get(1).copied().unwrap_or(0);
    let [height, width] = spatial(&input)?;
    let block = size(attributes.int_or("blocksize", 0))?;
    let area = block.checked_mul(block).filter(|&area| area > 0 && block < 1 << 12);
    let area = area.ok_or_else(|| Refusal::reason(format!("a block size of {block} is out of range")))?;
    let (split, permutation, shape) = if attributes.0.op_type == "DepthToSpace" {
        if !channels.is_multiple_of(area) {
            return Err(Refusal::reason(format!("{channels} channels do not make blocks of {block}×{block}")));
        }
        let depth = channels / area;
        let shape = vec![depth, height.saturating_mul(block), width.saturating_mul(block)];
        if attributes.string("mode") == "CRD" {
            (vec![depth, block, block, height, width], vec![0, 3, 1, 4, 2], shape)
        } else {
            (vec![block, block, depth, height, width], vec![2, 3, 0, 4, 1], shape)
        }
    } else {
        if !height.is_multiple_of(block) || !width.is_multiple_of(block) {
            return Err(Refusal::reason(format!("a map of {height}×{width} does not split into blocks of {block}")));
        }
        let (rows, columns) = (height / block, width / block);
        let shape = vec![channels.saturating_mul(area), rows, columns];
        (vec![channels, rows, block, columns, block], vec![2, 4, 0, 1, 3], shape)
    };
    let blocks = importer.part("blocks", Op::Reshape { shape: split }, &[input.id])?;
    let moved = importer.part("moved", Op::Transpose { permutation }, &[blocks])?;
    let id = importer.main(Op::Reshape { shape }, &[moved])?;
    wrap(importer, id, input.batch)
}
