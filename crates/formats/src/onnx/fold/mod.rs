//! A small evaluator for nodes whose inputs are all known while reading: the shape arithmetic of exporters, weights
//! that are computed from other weights, and dequantisation.

mod elements;
mod quantize;
mod shape;

use std::sync::Arc;

pub(crate) use self::elements::{expanded, permuted, pick, summed};
pub(crate) use self::quantize::dequantized;
pub(crate) use self::shape::{
    Range, broadcast, flattened, permutation, reshape_target, shape_of, slice_ranges, split_sizes, unsqueezed,
};
use self::{
    elements::{
        aligned, each, float_each, interleave, pairwise, product, reduce, reshaped, scattered, strides, take, triangle,
        view,
    },
    quantize::quantize,
};
use super::{
    Refusal,
    attributes::{Attributes, axes, axis, size},
    proto::DataType,
    tensor::{Constant, Data, count, range},
};
use crate::ModelFiles;

/// How many elements may still be made. It bounds time and memory on hostile files, which could otherwise double a
/// constant with every node.
#[derive(Debug)]
pub(crate) struct Budget(pub usize);

impl Budget {
    /// Takes the elements of `dims` off the budget and returns their number.
    pub fn charge(&mut self, dims: &[usize]) -> Result<usize, Refusal> {
        let wanted = count(dims).unwrap_or(usize::MAX);
        match self.0.checked_sub(wanted) {
            Some(left) => {
                self.0 = left;
                Ok(wanted)
            }
            None => Err(Refusal::reason(format!("the constant it makes, of shape {dims:?}, is too large"))),
        }
    }
}

/// Evaluates a node on constants; `None` if its operator is not one of those that occur in such chains.
pub(crate) fn fold(
    attributes: Attributes,
    inputs: &[Option<Constant>],
    files: &ModelFiles,
    budget: &mut Budget,
) -> Result<Option<Vec<Constant>>, Refusal> {
    let (op, outputs) = (attributes.0.op_type.as_str(), attributes.0.output.len());
    let need = |index: usize| {
        inputs.get(index).and_then(Option::as_ref).ok_or_else(|| Refusal::reason(format!("input {index} is missing")))
    };
    let optional = |index: usize| inputs.get(index).and_then(Option::as_ref);
    // Axes are an attribute in older opsets and an input in newer ones.
    let listed = |name: &str, index: usize| {
        optional(index).map(Constant::ints).or_else(|| attributes.ints(name).map(<[i64]>::to_vec))
    };

    let result = match op {
        "Identity" | "Dropout" => need(0)?.clone(),
        "Cast" | "CastLike" => {
            let source = need(0)?;
            budget.charge(&source.dims)?;
            let to_int = if op == "Cast" {
                match DataType::try_from(attributes.int_or("to", 1) as i32) {
                    Ok(DataType::Float | DataType::Float16 | DataType::Bfloat16 | DataType::Double) => false,
                    Ok(DataType::String) | Err(_) => {
                        return Err(Refusal::reason("it casts to a type that is not a number"));
                    }
                    Ok(_) => true,
                }
            } else {
                matches!(need(1)?.data, Data::Int(_))
            };
            if to_int {
                let boolean = attributes.int("to") == Some(DataType::Bool as i64);
                let ints = match &source.data {
                    Data::Float(data) if boolean => data.iter().map(|&value| i64::from(value != 0.0)).collect(),
                    _ => source.ints(),
                };
                // A zero point may be made by a cast, and its type says what it means.
                let range = attributes.int("to").and_then(|to| DataType::try_from(to as i32).ok()).and_then(range);
                Constant { range, ..Constant::int(source.dims.clone(), ints) }
            } else {
                Constant::float(source.dims.clone(), source.floats())
            }
        }
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Mod" => {
            type Pair<T> = fn(T, T) -> T;
            let (float, int): (Pair<f32>, Pair<i64>) = match op {
                "Add" => (|a, b| a + b, i64::wrapping_add),
                "Sub" => (|a, b| a - b, i64::wrapping_sub),
                "Mul" => (|a, b| a * b, i64::wrapping_mul),
                // Integer division truncates; 0 for a division by zero, which ONNX leaves open.
                "Div" => (|a, b| a / b, |a, b| a.checked_div(b).unwrap_or(0)),
                "Pow" => (f32::powf, |a, b| (a as f64).powf(b as f64) as i64),
                _ => (|a, b| a % b, |a, b| a.checked_rem_euclid(b).unwrap_or(0)),
            };
            pairwise(need(0)?, need(1)?, float, int, budget)?
        }
        "Min" | "Max" | "Sum" | "Mean" => {
            let mut result = need(0)?.clone();
            for index in 1..inputs.len() {
                let other = need(index)?;
                result = match op {
                    "Min" => pairwise(&result, other, f32::min, i64::min, budget)?,
                    "Max" => pairwise(&result, other, f32::max, i64::max, budget)?,
                    _ => pairwise(&result, other, |a, b| a + b, i64::wrapping_add, budget)?,
                };
            }
            if op == "Mean" {
                let total = inputs.len() as f32;
                let data: Arc<[f32]> = result.floats().iter().map(|value| value / total).collect();
                result = Constant::float(result.dims, data);
            }
            result
        }
        "Equal" | "Greater" | "Less" | "GreaterOrEqual" | "LessOrEqual" | "And" | "Or" | "Xor" => {
            let (a, b) = (need(0)?, need(1)?);
            let compare = |ordering: Option<std::cmp::Ordering>| match op {
                "Equal" => ordering == Some(std::cmp::Ordering::Equal),
                "Greater" => ordering.is_some_and(std::cmp::Ordering::is_gt),
                "Less" => ordering.is_some_and(std::cmp::Ordering::is_lt),
                "GreaterOrEqual" => ordering.is_some_and(std::cmp::Ordering::is_ge),
                _ => ordering.is_some_and(std::cmp::Ordering::is_le),
            };
            let (dims, left, right) = aligned(a, b, budget)?;
            let data: Vec<i64> = match (&a.data, &b.data) {
                (Data::Int(a), Data::Int(b)) => pick(a, &left)
                    .zip(pick(b, &right))
                    .map(|(a, b)| match op {
                        "And" => a != 0 && b != 0,
                        "Or" => a != 0 || b != 0,
                        "Xor" => (a != 0) != (b != 0),
                        _ => compare(Some(a.cmp(&b))),
                    })
                    .map(i64::from)
                    .collect(),
                _ => {
                    let (a, b) = (a.floats(), b.floats());
                    pick(&a, &left).zip(pick(&b, &right)).map(|(a, b)| i64::from(compare(a.partial_cmp(&b)))).collect()
                }
            };
            Constant::int(dims, data)
        }
        "Not" => {
            let source = need(0)?;
            Constant::int(
                source.dims.clone(),
                source.ints().into_iter().map(|value| i64::from(value == 0)).collect::<Vec<_>>(),
            )
        }
        "Where" => {
            let (condition, yes, no) = (need(0)?, need(1)?, need(2)?);
            let dims = broadcast(&broadcast(&condition.dims, &yes.dims)?, &no.dims)?;
            let total = budget.charge(&dims)?;
            let condition: Vec<bool> = {
                let indices = expanded(&condition.dims, &dims, total);
                pick(&condition.ints(), &indices).map(|value| value != 0).collect()
            };
            let (yes_at, no_at) = (expanded(&yes.dims, &dims, total), expanded(&no.dims, &dims, total));
            match (&yes.data, &no.data) {
                (Data::Int(yes), Data::Int(no)) => {
                    let picked = pick(yes, &yes_at).zip(pick(no, &no_at)).zip(condition);
                    Constant::int(dims, picked.map(|((yes, no), take)| if take { yes } else { no }).collect::<Vec<_>>())
                }
                _ => {
                    let (yes, no) = (yes.floats(), no.floats());
                    let picked = pick(&yes, &yes_at).zip(pick(&no, &no_at)).zip(condition);
                    Constant::float(
                        dims,
                        picked.map(|((yes, no), take)| if take { yes } else { no }).collect::<Vec<_>>(),
                    )
                }
            }
        }
        "Neg" => each(need(0)?, |value| -value, i64::wrapping_neg, budget)?,
        "Abs" => each(need(0)?, f32::abs, i64::wrapping_abs, budget)?,
        "Sign" => each(need(0)?, |value| if value == 0.0 { 0.0 } else { value.signum() }, i64::signum, budget)?,
        "Floor" => each(need(0)?, f32::floor, |value| value, budget)?,
        "Ceil" => each(need(0)?, f32::ceil, |value| value, budget)?,
        "Round" => each(need(0)?, f32::round_ties_even, |value| value, budget)?,
        "Relu" => each(need(0)?, |value| value.max(0.0), |value| value.max(0), budget)?,
        "Sqrt" => float_each(need(0)?, f32::sqrt, budget)?,
        "Sin" => float_each(need(0)?, f32::sin, budget)?,
        "Cos" => float_each(need(0)?, f32::cos, budget)?,
        "IsNaN" | "IsInf" => {
            let source = need(0)?;
            budget.charge(&source.dims)?;
            let test: fn(&f32) -> bool =
                if op == "IsNaN" { |value| value.is_nan() } else { |value| value.is_infinite() };
            let data: Vec<i64> = source.floats().iter().map(|value| i64::from(test(value))).collect();
            Constant::int(source.dims.clone(), data)
        }
        "Exp" => float_each(need(0)?, f32::exp, budget)?,
        "Log" => float_each(need(0)?, f32::ln, budget)?,
        "Reciprocal" => float_each(need(0)?, f32::recip, budget)?,
        "Sigmoid" => float_each(need(0)?, |value| 1.0 / (1.0 + (-value).exp()), budget)?,
        "Tanh" => float_each(need(0)?, f32::tanh, budget)?,
        "Clip" => {
            let bound = |index: usize, name: &str| {
                optional(index).and_then(|constant| constant.floats().first().copied()).or(attributes.float(name))
            };
            let low = bound(1, "min").unwrap_or(f32::NEG_INFINITY);
            let high = bound(2, "max").unwrap_or(f32::INFINITY);
            let source = need(0)?;
            budget.charge(&source.dims)?;
            match &source.data {
                Data::Float(data) => {
                    let data: Vec<f32> = data.iter().map(|&value| value.max(low).min(high)).collect();
                    Constant::float(source.dims.clone(), data)
                }
                Data::Int(data) => {
                    let data: Vec<i64> = data.iter().map(|&value| value.max(low as i64).min(high as i64)).collect();
                    Constant::int(source.dims.clone(), data)
                }
            }
        }
        "Shape" => {
            let dims = &need(0)?.dims;
            shape_of(dims, attributes)
        }
        "Size" => Constant::int(vec![], vec![need(0)?.len() as i64]),
        "ConstantOfShape" => {
            let dims = need(0)?.ints().into_iter().map(size).collect::<Result<Vec<_>, _>>()?;
            let total = budget.charge(&dims)?;
            let value = attributes.tensor("value").map(|value| Constant::decode(value, files)).transpose()?;
            match value {
                Some(Constant { data: Data::Int(data), range, .. }) => {
                    Constant { range, ..Constant::int(dims, vec![data.first().copied().unwrap_or(0); total]) }
                }
                Some(Constant { data: Data::Float(data), .. }) => {
                    Constant::float(dims, vec![data.first().copied().unwrap_or(0.0); total])
                }
                None => Constant::float(dims, vec![0.0; total]),
            }
        }
        "Range" => {
            let (start, limit, step) = (need(0)?, need(1)?, need(2)?);
            let scalar = |constant: &Constant| f64::from(constant.floats().first().copied().unwrap_or(0.0));
            let steps = ((scalar(limit) - scalar(start)) / scalar(step)).ceil();
            if !steps.is_finite() {
                return Err(Refusal::reason("its range has no end"));
            }
            let total = budget.charge(&[steps.clamp(0.0, 1e9) as usize])?;
            match (&start.data, &step.data) {
                (Data::Int(start), Data::Int(step)) => {
                    let (start, step) = (start.first().copied().unwrap_or(0), step.first().copied().unwrap_or(1));
                    let data: Vec<i64> =
                        (0..total as i64).map(|index| start.wrapping_add(index.wrapping_mul(step))).collect();
                    Constant::int(vec![total], data)
                }
                _ => {
                    let (start, step) = (scalar(start), scalar(step));
                    let data: Vec<f32> = (0..total).map(|index| (start + index as f64 * step) as f32).collect();
                    Constant::float(vec![total], data)
                }
            }
        }
        "Concat" => {
            let first = need(0)?;
            let axis = axis(attributes.int_or("axis", 0), first.dims.len())?;
            let mut dims = first.dims.clone();
            let mut along = 0usize;
            for index in 0..inputs.len() {
                let other = need(index)?;
                let fits = other.dims.len() == dims.len()
                    && other.dims.iter().zip(&dims).enumerate().all(|(at, (a, b))| at == axis || a == b);
                if !fits {
                    return Err(Refusal::reason(format!("shapes {:?} and {:?} do not join", first.dims, other.dims)));
                }
                along = along.saturating_add(other.dims.get(axis).copied().unwrap_or(0));
            }
            if let Some(size) = dims.get_mut(axis) {
                *size = along;
            }
            budget.charge(&dims)?;
            let outer: usize = dims.get(..axis).unwrap_or_default().iter().product();
            let parts: Vec<&Constant> = inputs.iter().flatten().collect();
            if parts.iter().all(|part| matches!(part.data, Data::Int(_))) {
                let lists: Vec<Vec<i64>> = parts.iter().map(|part| part.ints()).collect();
                Constant::int(dims, interleave(&lists, outer))
            } else {
                let lists: Vec<Arc<[f32]>> = parts.iter().map(|part| part.floats()).collect();
                Constant::float(dims, interleave(&lists, outer))
            }
        }
        "Gather" => {
            let (source, at) = (need(0)?, need(1)?);
            let axis = axis(attributes.int_or("axis", 0), source.dims.len())?;
            let along = source.dims.get(axis).copied().unwrap_or(0);
            let wanted = at
                .ints()
                .into_iter()
                .map(|index| {
                    let counted = if index < 0 { index + along as i64 } else { index };
                    usize::try_from(counted)
                        .ok()
                        .filter(|&index| index < along)
                        .ok_or_else(|| Refusal::reason(format!("index {index} is outside the {along} elements")))
                })
                .collect::<Result<Vec<_>, _>>()?;
            let before = source.dims.get(..axis).unwrap_or_default();
            let after = source.dims.get(axis + 1..).unwrap_or_default();
            let dims: Vec<usize> = before.iter().chain(&at.dims).chain(after).copied().collect();
            let total = budget.charge(&dims)?;
            let inner: usize = after.iter().product();
            let mut indices = Vec::with_capacity(total);
            for outer in 0..before.iter().product() {
                for &index in &wanted {
                    let start = (outer * along + index) * inner;
                    indices.extend(start..start + inner);
                }
            }
            take(source, dims, &indices)
        }
        "Slice" => {
            let source = need(0)?;
            let ranges = slice_ranges(&source.dims, attributes, inputs)?;
            let dims: Vec<usize> = ranges.iter().map(|range| range.count).collect();
            let total = budget.charge(&dims)?;
            let strides = strides(&source.dims);
            let offset = ranges.iter().zip(&strides).map(|(range, stride)| range.start as isize * stride).sum();
            let steps: Vec<isize> =
                ranges.iter().zip(&strides).map(|(range, stride)| range.step as isize * stride).collect();
            take(source, dims.clone(), &view(&dims, &steps, offset, total))
        }
        "Split" => {
            let source = need(0)?;
            let axis = axis(attributes.int_or("axis", 0), source.dims.len())?;
            let along = source.dims.get(axis).copied().unwrap_or(0);
            let parts = split_sizes(along, listed("split", 1).as_deref(), outputs)?;
            let strides = strides(&source.dims);
            let mut start = 0;
            let mut results = Vec::with_capacity(parts.len());
            for part in parts {
                let mut dims = source.dims.clone();
                if let Some(size) = dims.get_mut(axis) {
                    *size = part;
                }
                let total = budget.charge(&dims)?;
                let offset = start as isize * strides.get(axis).copied().unwrap_or(0);
                results.push(take(source, dims.clone(), &view(&dims, &strides, offset, total)));
                start += part;
            }
            return Ok(Some(results));
        }
        "Squeeze" => {
            let source = need(0)?;
            let axes = match listed("axes", 1) {
                Some(list) => axes(&list, source.dims.len())?,
                None => (0..source.dims.len()).filter(|&axis| source.dims.get(axis) == Some(&1)).collect(),
            };
            let dims = source.dims.iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, &size)| size);
            reshaped(source, dims.collect())?
        }
        "Unsqueeze" => {
            let source = need(0)?;
            let list = listed("axes", 1).ok_or_else(|| Refusal::reason("its axes are missing"))?;
            reshaped(source, unsqueezed(&source.dims, &list)?)?
        }
        "Reshape" => {
            let source = need(0)?;
            let target = listed("shape", 1).ok_or_else(|| Refusal::reason("its shape is missing"))?;
            let dims = reshape_target(&source.dims, &target, attributes.flag("allowzero", false))
                .ok_or_else(|| Refusal::reason(format!("{:?} does not reshape to {target:?}", source.dims)))?;
            reshaped(source, dims)?
        }
        "Flatten" => {
            let source = need(0)?;
            reshaped(source, flattened(&source.dims, attributes.int_or("axis", 1))?)?
        }
        "Transpose" => {
            let source = need(0)?;
            permuted(source, &permutation(attributes, source.dims.len())?, budget)?
        }
        "Trilu" => {
            let source = need(0)?;
            let offset = optional(1).and_then(|constant| constant.ints().first().copied()).unwrap_or(0);
            triangle(source, attributes.flag("upper", true), offset, budget)?
        }
        "Expand" => {
            let source = need(0)?;
            let target = need(1)?.ints().into_iter().map(size).collect::<Result<Vec<_>, _>>()?;
            let dims = broadcast(&source.dims, &target)?;
            let total = budget.charge(&dims)?;
            take(source, dims.clone(), &expanded(&source.dims, &dims, total))
        }
        "Tile" => {
            let source = need(0)?;
            let repeats = need(1)?.ints();
            if repeats.len() != source.dims.len() {
                return Err(Refusal::reason("its repeats do not match the axes"));
            }
            let mut dims = Vec::with_capacity(repeats.len());
            for (&size_of, &repeat) in source.dims.iter().zip(&repeats) {
                dims.push(size_of.saturating_mul(size(repeat)?));
            }
            let total = budget.charge(&dims)?;
            let strides = strides(&source.dims);
            let indices: Vec<usize> = (0..total)
                .map(|linear| {
                    let (mut rest, mut index) = (linear, 0);
                    for ((&out, &size), &stride) in dims.iter().zip(&source.dims).zip(&strides).rev() {
                        index += (rest % out % size) * stride as usize;
                        rest /= out;
                    }
                    index
                })
                .collect();
            take(source, dims, &indices)
        }
        "ReduceSum" | "ReduceProd" | "ReduceMean" | "ReduceMax" | "ReduceMin" => {
            let source = need(0)?;
            let rank = source.dims.len();
            let list = listed("axes", 1).filter(|list| !list.is_empty());
            if list.is_none() && attributes.flag("noop_with_empty_axes", false) {
                return Ok(Some(vec![source.clone()]));
            }
            let axes = match list {
                Some(list) => axes(&list, rank)?,
                None => (0..rank).collect(),
            };
            reduce(op, source, &axes, attributes.flag("keepdims", true), budget)?
        }
        "DequantizeLinear" => {
            let (axis, block) = (attributes.int_or("axis", 1), size(attributes.int_or("block_size", 0))?);
            dequantized(need(0)?, need(1)?, optional(2), axis, block, budget)?
        }
        "QuantizeLinear" => quantize(attributes, need(0)?, need(1)?, optional(2), budget)?,
        "MatMul" => product(need(0)?, need(1)?, budget)?,
        "ScatterND" if matches!(attributes.string("reduction"), "" | "none") => {
            scattered(need(0)?, need(1)?, need(2)?, budget)?
        }
        _ => return Ok(None),
    };
    Ok(Some(vec![result]))
}
