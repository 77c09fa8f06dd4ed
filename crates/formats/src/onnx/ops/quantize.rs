//! Quantised values, computed in full precision.
//!
//! A value that stands for integers `q` is held in the graph as the number that they mean, `(q - zero) · scale`, and the
//! importer remembers scale and zero point. It is never rounded, but the limits of the integers stay as a [`Clip`]:
//! quantisers take a ReLU or ReLU6 out where the limits do its work.
//!
//! [`Clip`]: Activation::Clip

use std::sync::Arc;

use innspect_graph::{Activation, Op, ParamId};

use super::{
    Inputs, Outcome,
    common::{aligned_param, constant, identity, optional, rank, sample_axis, tensor, wrap},
    linear::mat_mul,
};
use crate::onnx::{
    Refusal,
    attributes::{Attributes, axis},
    fold::dequantized,
    import::{Entry, Importer, Tensor},
    proto::{DataType, Node},
    tensor::{Constant, range},
};

/// Which numbers integers mean.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quantisation {
    /// One step, for all elements or for each along an axis.
    scale: Arc<[f32]>,
    /// The integer that means 0, as many as scales.
    zero: Arc<[f32]>,
    /// The axis of the file that they differ along.
    axis: i64,
    /// The smallest and the largest integer.
    limits: (i64, i64),
}

impl Quantisation {
    /// From a node's scale and zero point, which is 0 of `default` if absent.
    pub fn new(scale: &Constant, zero: Option<&Constant>, axis: i64, default: (i64, i64)) -> Result<Self, Refusal> {
        let scale = scale.floats();
        if let Some(value) = scale.iter().find(|value| !(value.is_finite() && **value > 0.0)) {
            return Err(Refusal::reason(format!("a scale of {value} is not possible")));
        }
        let zeros = zero.map_or_else(|| vec![0.0; scale.len()].into(), Constant::floats);
        if scale.is_empty() || scale.len() != zeros.len() {
            return Err(Refusal::reason(format!("{} scales and {} zero points do not fit", scale.len(), zeros.len())));
        }
        let limits = zero.and_then(|zero| zero.range).unwrap_or(default);
        Ok(Self { scale, zero: zeros, axis, limits })
    }

    /// Integers that mean themselves.
    fn plain(zero: Option<&Constant>) -> Result<Self, Refusal> {
        match zero {
            // Zero points for each row of a matrix come with one scale for all.
            Some(zero) => Self::new(&Constant::float(vec![zero.len()], vec![1.0; zero.len()]), Some(zero), 0, UINT8),
            None => Self::new(&Constant::float(vec![], vec![1.0]), None, 0, UINT8),
        }
    }

    /// The one scale and zero point, if they are the same for all elements.
    fn single(&self) -> Option<(f32, f32)> {
        let (&scale, &zero) = (self.scale.first()?, self.zero.first()?);
        let same = self.scale.iter().all(|&other| other == scale) && self.zero.iter().all(|&other| other == zero);
        same.then_some((scale, zero))
    }

    fn same(&self, other: &Self) -> bool {
        self.scale == other.scale && self.zero == other.zero && (self.scale.len() == 1 || self.axis == other.axis)
    }
}

const UINT8: (i64, i64) = (0, 255);

/// Operators that only move elements, whatever they stand for.
const MOVES: &[&str] = &[
    "ArgMax",
    "Concat",
    "DepthToSpace",
    "Dropout",
    "Expand",
    "Flatten",
    "Gather",
    "GlobalMaxPool",
    "Identity",
    "MaxPool",
    "Pad",
    "ReduceMax",
    "Reshape",
    "Resize",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Tile",
    "Transpose",
    "Unsqueeze",
];

/// Operators that take quantised values as such.
fn takes_quantised(op: &str) -> bool {
    let others =
        ["Cast", "ConvInteger", "DequantizeLinear", "MatMulInteger", "MatMulIntegerToFloat", "QGemm", "Shape", "Size"];
    op.starts_with("QLinear") || others.contains(&op)
}

/// What the outputs of a node stand for if it only moves quantised values.
pub(crate) fn moved(importer: &Importer, node: &Node, inputs: &Inputs) -> Result<Option<Quantisation>, Refusal> {
    let op = node.op_type.as_str();
    if takes_quantised(op) {
        return Ok(None);
    }
    let mut found: Option<Option<&Quantisation>> = None;
    for entry in inputs.iter().flatten() {
        let Entry::Tensor(tensor) = entry else { continue };
        let own = importer.quantised.get(&tensor.id);
        match found {
            None => found = Some(own),
            Some(other) if other == own => {}
            Some(_) => return Err(Refusal::reason("it takes values that are quantised in different ways")),
        }
    }
    let Some(Some(found)) = found else { return Ok(None) };
    if !MOVES.contains(&op) {
        return Err(Refusal::reason("it computes with quantised integers, which is not supported"));
    }
    let joins = op == "Concat" && inputs.iter().flatten().any(|entry| matches!(entry, Entry::Constant(_)));
    if found.single().is_none() || joins {
        return Err(Refusal::reason("it moves quantised values in a way that is not supported"));
    }
    Ok(Some(found.clone()))
}

/// The limits that a node's outputs keep if it only moves, picks or averages values that keep them.
pub(crate) fn bounds(importer: &Importer, node: &Node, inputs: &Inputs) -> Option<(f32, f32)> {
    let op = node.op_type.as_str();
    let keeps = MOVES.contains(&op) || matches!(op, "GlobalAveragePool" | "ReduceMean");
    // A dequantisation with another scale gives the value another meaning.
    let same = op == "DequantizeLinear" && meant(importer, inputs);
    let joins = op == "Concat" && inputs.iter().flatten().any(|entry| matches!(entry, Entry::Constant(_)));
    if !(keeps || same) || joins || op == "Pad" {
        return None;
    }
    let mut hull: Option<(f32, f32)> = None;
    for entry in inputs.iter().flatten() {
        let Entry::Tensor(tensor) = entry else { continue };
        let &(low, high) = importer.bounds.get(&tensor.id)?;
        hull = Some(hull.map_or((low, high), |(least, most)| (low.min(least), high.max(most))));
    }
    hull
}

/// Whether a `DequantizeLinear` has the scale and zero point that its input was quantised with.
fn meant(importer: &Importer, inputs: &Inputs) -> bool {
    let (Ok(input), Ok(scale), Ok(zero)) = (tensor(inputs, 0), constant(inputs, 1), optional(inputs, 2)) else {
        return false;
    };
    let own = importer.quantised.get(&input.id);
    own.zip(Quantisation::new(scale, zero, 1, UINT8).ok()).is_some_and(|(own, wanted)| own.same(&wanted))
}

/// The number that a padding of quantised values means.
pub(super) fn padding(importer: &Importer, input: &Tensor, value: f32) -> f32 {
    match importer.quantised.get(&input.id).and_then(Quantisation::single) {
        Some((scale, zero)) => (value - zero) * scale,
        None => value,
    }
}

fn warn(importer: &mut Importer) {
    let text = "Activations are quantised in the file; they are computed in full precision here, without rounding.";
    if !importer.warnings.iter().any(|warning| warning == text) {
        importer.warnings.push(text.to_owned());
    }
}

/// A parameter of one number, or of one for each element along the quantisation's axis.
fn spread(
    importer: &mut Importer,
    name: &str,
    values: Vec<f32>,
    input: &Tensor,
    along: i64,
) -> Result<ParamId, Refusal> {
    let mut dims = vec![1; rank(importer, input)];
    if values.len() > 1 {
        let at = sample_axis(input, axis(along, input.full.len())?)?;
        if let Some(size) = dims.get_mut(at) {
            *size = values.len();
        }
    }
    let name = format!("{}/{name}", importer.output_name(0));
    importer.param(name, "quantisation", dims, || values.into())
}

/// The value as the numbers that its integers mean by `wanted`. Integers that were not quantised here, such as the pixels
/// of the input, stand for themselves.
fn meaning(importer: &mut Importer, input: &Tensor, wanted: &Quantisation) -> Result<Tensor, Refusal> {
    let (scale, shift): (Vec<f32>, Vec<f32>) = match importer.quantised.get(&input.id) {
        Some(own) if own.same(wanted) => return Ok(input.clone()),
        Some(own) => {
            let pair = own.single().zip(wanted.single());
            let pair = pair.ok_or_else(|| Refusal::reason("its scales are not those its input was quantised with"))?;
            let ((scale, zero), (new_scale, new_zero)) = pair;
            (vec![new_scale / scale], vec![(zero - new_zero) * new_scale])
        }
        None => (
            wanted.scale.to_vec(),
            wanted.scale.iter().zip(wanted.zero.iter()).map(|(scale, zero)| -zero * scale).collect(),
        ),
    };
    if scale.iter().all(|&value| value == 1.0) && shift.iter().all(|&value| value == 0.0) {
        return Ok(input.clone());
    }
    let scale = spread(importer, &format!("scale {}", input.id.index()), scale, input, wanted.axis)?;
    let shift = spread(importer, &format!("zero {}", input.id.index()), shift, input, wanted.axis)?;
    let op = Op::Affine { scale: Some(scale), shift: Some(shift) };
    Ok(Tensor { id: importer.part("meaning", op, &[input.id])?, ..input.clone() })
}

/// The value within the limits of its integers, as the current node's result.
fn limited(importer: &mut Importer, input: &Tensor, quantisation: Quantisation) -> Outcome {
    warn(importer);
    let (low, high) = (quantisation.limits.0 as f32, quantisation.limits.1 as f32);
    let id = match quantisation.single() {
        Some((scale, zero)) => {
            let (min, max) = ((low - zero) * scale, (high - zero) * scale);
            // Quantisers put a clamp behind every node, even one that only moves what was clamped before.
            let needed = importer.bounds.get(&input.id).is_none_or(|&(least, most)| least < min || most > max);
            let clip = if needed {
                Op::Activation(Activation::Clip { min, max })
            } else {
                Op::Affine { scale: None, shift: None }
            };
            let id = importer.close("clamp", clip, &[input.id])?;
            importer.bounds.insert(id, (min, max));
            id
        }
        // Clipped as integers, since the limits differ between elements.
        None => {
            let (scale, zero, along) = (&quantisation.scale, &quantisation.zero, quantisation.axis);
            let (steps, zeros) = (scale.iter().map(|scale| scale.recip()).collect(), zero.to_vec());
            let back = scale.iter().zip(zero.iter()).map(|(scale, zero)| -zero * scale).collect();
            let [steps, zeros, scale, back] = [
                spread(importer, "steps", steps, input, along)?,
                spread(importer, "zeros", zeros, input, along)?,
                spread(importer, "scales", scale.to_vec(), input, along)?,
                spread(importer, "back", back, input, along)?,
            ];
            let id = importer.part("integers", Op::Affine { scale: Some(steps), shift: Some(zeros) }, &[input.id])?;
            let clip = Activation::Clip { min: low, max: high };
            let id = importer.part("clamped", Op::Activation(clip), &[id])?;
            importer.close("numbers", Op::Affine { scale: Some(scale), shift: Some(back) }, &[id])?
        }
    };
    importer.quantised.insert(id, quantisation);
    wrap(importer, id, input.batch)
}

/// `QuantizeLinear` of a value.
pub(super) fn quantize(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let input = tensor(inputs, 0)?;
    if attributes.int_or("block_size", 0) != 0 {
        return Err(Refusal::reason("activations quantised in blocks are not supported"));
    }
    let zero = optional(inputs, 2)?;
    let default = match attributes.int_or("output_dtype", 0) {
        0 => UINT8,
        other => DataType::try_from(other as i32)
            .ok()
            .and_then(range)
            .ok_or_else(|| Refusal::reason(format!("it quantises to the type {other}, which is no integer")))?,
    };
    let quantisation = Quantisation::new(constant(inputs, 1)?, zero, attributes.int_or("axis", 1), default)?;
    limited(importer, input, quantisation)
}

/// `DequantizeLinear` of a value.
pub(super) fn dequantize(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let axis = attributes.int_or("axis", 1);
    let wanted = Quantisation::new(constant(inputs, 1)?, optional(inputs, 2)?, axis, UINT8)?;
    let value = meaning(importer, tensor(inputs, 0)?, &wanted)?;
    identity(importer, &[Some(Entry::Tensor(value))])
}

/// A `Cast` of integers to floats: what they are, not what they mean.
pub(super) fn integers(importer: &mut Importer, input: &Tensor) -> Outcome {
    let value = match importer.quantised.contains_key(&input.id) {
        true => meaning(importer, input, &Quantisation::plain(None)?)?,
        false => input.clone(),
    };
    identity(importer, &[Some(Entry::Tensor(value))])
}

/// `DynamicQuantizeLinear`: the scale is that of the values themselves, so that nothing is cut off. Without rounding any
/// scale gives the same in the end, so it is taken to be 1.
pub(super) fn dynamic_quantize(importer: &mut Importer, inputs: &Inputs) -> Outcome {
    warn(importer);
    let input = tensor(inputs, 0)?;
    let id = importer.main(Op::Affine { scale: None, shift: None }, &[input.id])?;
    let (one, zero) = (Constant::float(vec![], vec![1.0]), Constant::int(vec![], vec![0]));
    let zero = Constant { range: Some(UINT8), ..zero };
    importer.quantised.insert(id, Quantisation::plain(None)?);
    let value = Tensor { id, ..input.clone() };
    Ok(vec![Entry::Tensor(value), Entry::Constant(one), Entry::Constant(zero)])
}

/// An input with its scale and zero point at `index` and behind, as floats: what it means. `axis` is that of scales for
/// each row or column of a constant.
fn operand(
    importer: &mut Importer,
    inputs: &Inputs,
    index: usize,
    axis: i64,
) -> Result<(Option<Entry>, String), Refusal> {
    let (scale, zero) = (constant(inputs, index + 1)?, optional(inputs, index + 2)?);
    let entry = match inputs.get(index) {
        Some(Some(Entry::Tensor(value))) => {
            let wanted = Quantisation::new(scale, zero, axis, UINT8)?;
            Entry::Tensor(meaning(importer, value, &wanted)?)
        }
        Some(Some(Entry::Constant(integers))) => {
            Entry::Constant(dequantized(integers, scale, zero, axis, 0, &mut importer.budget)?)
        }
        _ => return Err(Refusal::reason(format!("input {index} is missing"))),
    };
    // One integer constant may be read with other scales elsewhere.
    let names: Vec<String> = (index..index + 3).map(|index| importer.input_name(index)).collect();
    Ok((Some(entry), names.join("/")))
}

/// The result's scale and zero point at `index`.
fn result(inputs: &Inputs, index: usize) -> Result<Quantisation, Refusal> {
    Quantisation::new(constant(inputs, index)?, optional(inputs, index + 1)?, 1, UINT8)
}

/// The float form of the current node on other inputs, and its result within the limits of its integers.
fn through(
    importer: &mut Importer,
    operands: Vec<(Option<Entry>, String)>,
    result: Option<Quantisation>,
    op: impl FnOnce(&mut Importer, &Inputs) -> Outcome,
) -> Outcome {
    let (inputs, names): (Vec<_>, Vec<_>) = operands.into_iter().unzip();
    importer.stand_in(names, result.is_some());
    let outcome = op(importer, &inputs);
    importer.stand_for_itself();
    let outcome = outcome?;
    match (outcome.first(), result) {
        (Some(Entry::Tensor(value)), Some(result)) => limited(importer, &value.clone(), result),
        _ => Ok(outcome),
    }
}

/// `ConvInteger` and `MatMulInteger`: sums of products of integers.
pub(super) fn integer_products(
    importer: &mut Importer,
    inputs: &Inputs,
    axes: [i64; 2],
    op: impl FnOnce(&mut Importer, &Inputs) -> Outcome,
) -> Outcome {
    let mut operands = Vec::new();
    for (index, axis) in axes.into_iter().enumerate() {
        let zero = optional(inputs, index + 2)?;
        let entry = match inputs.get(index) {
            Some(Some(Entry::Tensor(value))) => Entry::Tensor(meaning(importer, value, &Quantisation::plain(zero)?)?),
            Some(Some(Entry::Constant(integers))) => {
                let ones = zero.map_or(1, Constant::len);
                let ones = Constant::float(vec![ones], vec![1.0; ones]);
                Entry::Constant(dequantized(integers, &ones, zero, axis, 0, &mut importer.budget)?)
            }
            _ => return Err(Refusal::reason(format!("input {index} is missing"))),
        };
        operands.push((Some(entry), format!("{}/{}", importer.input_name(index), importer.input_name(index + 2))));
    }
    through(importer, operands, None, op)
}

/// The quantised operators of the standard and of onnxruntime that have one or two operands first and the result's scale
/// and zero point behind. `axes` are those of scales for each row or column of a constant operand.
pub(super) fn quantised(
    importer: &mut Importer,
    inputs: &Inputs,
    axes: &[i64],
    op: impl FnOnce(&mut Importer, &Inputs) -> Outcome,
) -> Outcome {
    let mut operands = Vec::new();
    for (index, &axis) in axes.iter().enumerate() {
        operands.push(operand(importer, inputs, index * 3, axis)?);
    }
    let result = result(inputs, axes.len() * 3)?;
    through(importer, operands, Some(result), op)
}

/// `QLinearConv` and `QGemm`, whose 32-bit summand has the scale of the products; `summand` and `result` are the places
/// of theirs, and `factor` is one more factor of the products.
pub(super) fn quantised_layer(
    importer: &mut Importer,
    inputs: &Inputs,
    axis: i64,
    (summand, result_at): (usize, usize),
    factor: f32,
    op: impl FnOnce(&mut Importer, &Inputs) -> Outcome,
) -> Outcome {
    let mut operands = vec![operand(importer, inputs, 0, 1)?, operand(importer, inputs, 3, axis)?];
    if let Some(integers) = optional(inputs, summand)? {
        let (first, second) = (constant(inputs, 1)?.floats(), constant(inputs, 4)?.floats());
        let first = first.first().copied().unwrap_or(1.0) * factor;
        let scales: Vec<f32> = second.iter().map(|scale| scale * first).collect();
        let scales = Constant::float(vec![scales.len()], scales);
        let along = integers.dims.len() as i64 - 1;
        let values = dequantized(integers, &scales, None, along, 0, &mut importer.budget)?;
        let names = [summand, 1, 4].map(|index| importer.input_name(index));
        operands.push((Some(Entry::Constant(values)), names.join("/")));
    }
    // Without a scale of the result it stays in floats.
    let result = match optional(inputs, result_at)? {
        Some(_) => Some(result(inputs, result_at)?),
        None => None,
    };
    through(importer, operands, result, op)
}

/// `MatMulIntegerToFloat` and `DynamicQuantizeMatMul`: a product with a quantised matrix, in floats. The places are those
/// of the first input's scale and zero point, if it is quantised before, of the matrix's, and of the summand.
pub(super) fn scaled_product(
    importer: &mut Importer,
    inputs: &Inputs,
    first: Option<(usize, usize)>,
    second: (usize, usize),
    summand: usize,
) -> Outcome {
    warn(importer);
    let mut value = tensor(inputs, 0)?.clone();
    if let Some((scale, zero)) = first {
        let wanted = Quantisation::new(constant(inputs, scale)?, optional(inputs, zero)?, 0, UINT8)?;
        value = meaning(importer, &value, &wanted)?;
    }
    let (scale, zero) = (constant(inputs, second.0)?, optional(inputs, second.1)?);
    let matrix = dequantized(constant(inputs, 1)?, scale, zero, -1, 0, &mut importer.budget)?;
    let names = [1, second.0, second.1].map(|index| importer.input_name(index));
    importer.stand_in(vec![importer.input_name(0), names.join("/")], true);
    let outcome = mat_mul(importer, &[Some(Entry::Tensor(value)), Some(Entry::Constant(matrix))]);
    importer.stand_for_itself();
    let outcome = outcome?;
    let Some(Entry::Tensor(product)) = outcome.first() else { return Ok(outcome) };
    let shift = match optional(inputs, summand)? {
        Some(addend) => Some(aligned_param(importer, addend, summand, product, "plain", |value| value)?),
        None => None,
    };
    let id = importer.close("sum", Op::Affine { scale: None, shift }, &[product.id])?;
    wrap(importer, id, product.batch)
}

/// `QLinearConcat`: the result's scale and zero point, then each value with its own.
pub(super) fn quantised_concat(
    importer: &mut Importer,
    inputs: &Inputs,
    op: impl FnOnce(&mut Importer, &Inputs) -> Outcome,
) -> Outcome {
    let mut operands = Vec::new();
    for index in (2..inputs.len()).step_by(3) {
        operands.push(operand(importer, inputs, index, 1)?);
    }
    let result = result(inputs, 0)?;
    through(importer, operands, Some(result), op)
}
