//! A small evaluator for nodes whose inputs are all known while reading: the shape arithmetic of exporters, weights
//! that are computed from other weights, and dequantisation.

use std::sync::Arc;

use super::{
    Refusal,
    attributes::{Attributes, axes, axis, size},
    proto::DataType,
    tensor::{Constant, Data, MAX_RANK, count},
};

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
    op: &str,
    attributes: Attributes,
    inputs: &[Option<Constant>],
    outputs: usize,
    budget: &mut Budget,
) -> Result<Option<Vec<Constant>>, Refusal> {
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
                Constant::int(source.dims.clone(), ints)
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
            let value = attributes.tensor("value").map(Constant::decode).transpose()?;
            match value.map(|constant| constant.data) {
                Some(Data::Int(data)) => Constant::int(dims, vec![data.first().copied().unwrap_or(0); total]),
                Some(Data::Float(data)) => Constant::float(dims, vec![data.first().copied().unwrap_or(0.0); total]),
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
            let permutation = permutation(attributes, source.dims.len())?;
            let strides = strides(&source.dims);
            let dims: Vec<usize> = permutation.iter().filter_map(|&axis| source.dims.get(axis).copied()).collect();
            let steps: Vec<isize> = permutation.iter().filter_map(|&axis| strides.get(axis).copied()).collect();
            let total = budget.charge(&dims)?;
            take(source, dims.clone(), &view(&dims, &steps, 0, total))
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
        "DequantizeLinear" => dequantize(attributes, need(0)?, need(1)?, optional(2), budget)?,
        "QuantizeLinear" => quantize(attributes, need(0)?, need(1)?, optional(2), budget)?,
        "MatMul" => {
            let (a, b) = (need(0)?, need(1)?);
            let (&[rows, inner], &[other, columns]) = (a.dims.as_slice(), b.dims.as_slice()) else { return Ok(None) };
            if inner != other {
                return Err(Refusal::reason(format!("shapes {:?} and {:?} do not multiply", a.dims, b.dims)));
            }
            // The product takes rows · inner · columns steps, which the budget must bound too.
            budget.charge(&[rows, inner, columns])?;
            let (left, right) = (a.floats(), b.floats());
            let at = |data: &[f32], index: usize| data.get(index).copied().unwrap_or(0.0);
            let data: Vec<f32> = (0..rows * columns)
                .map(|index| {
                    let (row, column) = (index / columns, index % columns);
                    (0..inner)
                        .map(|k| f64::from(at(&left, row * inner + k)) * f64::from(at(&right, k * columns + column)))
                        .sum::<f64>() as f32
                })
                .collect();
            Constant::float(vec![rows, columns], data)
        }
        _ => return Ok(None),
    };
    Ok(Some(vec![result]))
}

/// The dimensions `dims[start..end]` as a tensor, which is what `Shape` gives.
pub(crate) fn shape_of(dims: &[usize], attributes: Attributes) -> Constant {
    let rank = dims.len() as i64;
    let clamp = |value: i64| if value < 0 { value.saturating_add(rank) } else { value }.clamp(0, rank) as usize;
    let (start, end) = (clamp(attributes.int_or("start", 0)), clamp(attributes.int_or("end", rank)));
    let sizes: Vec<i64> = dims.get(start..end.max(start)).unwrap_or_default().iter().map(|&size| size as i64).collect();
    Constant::int(vec![sizes.len()], sizes)
}

/// The permutation of a `Transpose`, reversed by default.
pub(crate) fn permutation(attributes: Attributes, rank: usize) -> Result<Vec<usize>, Refusal> {
    match attributes.ints("perm") {
        None => Ok((0..rank).rev().collect()),
        Some(list) => {
            let permutation = list.iter().map(|&value| axis(value, rank)).collect::<Result<Vec<_>, _>>()?;
            let mut sorted = permutation.clone();
            sorted.sort_unstable();
            if sorted.len() == rank && sorted.iter().enumerate().all(|(at, &axis)| at == axis) {
                Ok(permutation)
            } else {
                Err(Refusal::reason(format!("{list:?} does not permute {rank} axes")))
            }
        }
    }
}

/// The shape of a flattened tensor: two axes, split before `value`.
pub(crate) fn flattened(dims: &[usize], value: i64) -> Result<Vec<usize>, Refusal> {
    // Unlike other axes this one may be the rank.
    let at = if value == dims.len() as i64 { dims.len() } else { axis(value, dims.len())? };
    let product = |part: Option<&[usize]>| count(part.unwrap_or_default()).unwrap_or(usize::MAX);
    Ok(vec![product(dims.get(..at)), product(dims.get(at..))])
}

/// The shape with axes of size 1 put in, `list` being axes of the result.
pub(crate) fn unsqueezed(dims: &[usize], list: &[i64]) -> Result<Vec<usize>, Refusal> {
    let rank = dims.len() + list.len();
    if rank > MAX_RANK {
        return Err(Refusal::reason(format!("a tensor of {rank} axes is not supported")));
    }
    let new = axes(list, rank)?;
    if new.len() != list.len() {
        return Err(Refusal::reason("its axes repeat"));
    }
    let mut rest = dims.iter().copied();
    Ok((0..rank).map(|axis| if new.contains(&axis) { 1 } else { rest.next().unwrap_or(1) }).collect())
}

/// The shape that `target` stands for: 0 keeps the axis of the input, -1 takes what is left.
pub(crate) fn reshape_target(dims: &[usize], target: &[i64], allow_zero: bool) -> Option<Vec<usize>> {
    let mut unknown = None;
    let mut result = Vec::with_capacity(target.len());
    for (at, &wanted) in target.iter().enumerate() {
        result.push(match wanted {
            -1 if unknown.is_none() => {
                unknown = Some(at);
                1
            }
            0 if !allow_zero => dims.get(at).copied()?,
            _ => usize::try_from(wanted).ok()?,
        });
    }
    let (have, known) = (count(dims)?, count(&result)?);
    if let Some(slot) = unknown.and_then(|at| result.get_mut(at)) {
        *slot = have.checked_div(known).filter(|left| left * known == have)?;
        return Some(result);
    }
    (have == known).then_some(result)
}

/// One axis of a slice: `count` elements from `start`, `step` apart (negative: backwards).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub start: usize,
    pub count: usize,
    pub step: i64,
}

/// The ranges of a `Slice`, one for each axis; bounds are attributes up to opset 9 and inputs from 10.
pub(crate) fn slice_ranges(
    dims: &[usize],
    attributes: Attributes,
    inputs: &[Option<Constant>],
) -> Result<Vec<Range>, Refusal> {
    let listed = |name: &str, index: usize| {
        let input = inputs.get(index).and_then(Option::as_ref).map(Constant::ints);
        input.or_else(|| attributes.ints(name).map(<[i64]>::to_vec))
    };
    let starts = listed("starts", 1).ok_or_else(|| Refusal::reason("its starts are missing"))?;
    let ends = listed("ends", 2).ok_or_else(|| Refusal::reason("its ends are missing"))?;
    let on = listed("axes", 3).unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = listed("steps", 4).unwrap_or_else(|| vec![1; starts.len()]);
    if starts.len() != ends.len() || starts.len() != on.len() || starts.len() != steps.len() {
        return Err(Refusal::reason("its starts, ends, axes and steps differ in number"));
    }
    let mut ranges: Vec<Range> = dims.iter().map(|&size| Range { start: 0, count: size, step: 1 }).collect();
    for (((start, end), on), step) in starts.into_iter().zip(ends).zip(on).zip(steps) {
        let on = axis(on, dims.len())?;
        let size = dims.get(on).copied().unwrap_or(0) as i64;
        let counted = |value: i64| if value < 0 { value.saturating_add(size) } else { value };
        let (start, count) = if size == 0 {
            (0, 0)
        } else if step > 0 {
            let (start, end) = (counted(start).clamp(0, size), counted(end).clamp(0, size));
            (start, (end - start).max(0).saturating_add(step - 1) / step)
        } else if step < 0 && step > i64::MIN {
            // An end below -size means "through the first element".
            let (start, end) = (counted(start).clamp(0, size - 1), counted(end).clamp(-1, size - 1));
            (start, (start - end).max(0).saturating_add(-step - 1) / -step)
        } else {
            return Err(Refusal::reason(format!("a step of {step} is not allowed")));
        };
        if let Some(range) = ranges.get_mut(on) {
            // Steps longer than the axis reach the first element only; the bound keeps later products small.
            *range = Range {
                start: start.max(0) as usize,
                count: count as usize,
                step: step.clamp(-size.max(1), size.max(1)),
            };
        }
    }
    Ok(ranges)
}

/// The sizes of the parts of a `Split` of `along` elements: as listed, or equal with a smaller last one.
pub(crate) fn split_sizes(along: usize, listed: Option<&[i64]>, outputs: usize) -> Result<Vec<usize>, Refusal> {
    let parts = match listed {
        Some(list) => list.iter().map(|&part| size(part)).collect::<Result<Vec<_>, _>>()?,
        None if outputs == 0 => return Err(Refusal::reason("it has no outputs")),
        None => {
            let part = along.div_ceil(outputs);
            (0..outputs).map(|index| part.min(along.saturating_sub(index.saturating_mul(part)))).collect()
        }
    };
    if parts.iter().fold(0usize, |sum, &part| sum.saturating_add(part)) != along || parts.len() < outputs {
        return Err(Refusal::reason(format!("parts of {parts:?} do not make up {along}")));
    }
    Ok(parts)
}

/// The common shape of two operands.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Refusal> {
    use innspect_graph::Shape;
    Shape::from(a.to_vec())
        .broadcast(&Shape::from(b.to_vec()))
        .map(|shape| shape.dims().to_vec())
        .ok_or_else(|| Refusal::reason(format!("shapes {a:?} and {b:?} do not broadcast")))
}

fn strides(dims: &[usize]) -> Vec<isize> {
    let mut strides: Vec<isize> = dims
        .iter()
        .rev()
        .scan(1isize, |stride, &size| {
            let current = *stride;
            *stride = stride.saturating_mul(size as isize);
            Some(current)
        })
        .collect();
    strides.reverse();
    strides
}

/// Linear indices into a source for each element of a result of shape `dims`, row-major.
fn view(dims: &[usize], strides: &[isize], offset: isize, total: usize) -> Vec<usize> {
    let mut indices = Vec::with_capacity(total);
    let mut position = vec![0usize; dims.len()];
    let mut index = offset;
    for _ in 0..total {
        indices.push(index as usize);
        for ((at, &size), &stride) in position.iter_mut().zip(dims).zip(strides).rev() {
            *at += 1;
            index += stride;
            if *at < size {
                break;
            }
            index -= stride * size as isize;
            *at = 0;
        }
    }
    indices
}

/// Indices that read a source of shape `dims` as if it had the larger shape `target`.
fn expanded(dims: &[usize], target: &[usize], total: usize) -> Vec<usize> {
    let own = strides(dims);
    let missing = target.len().saturating_sub(dims.len());
    let steps: Vec<isize> = std::iter::repeat_n(0, missing)
        .chain(dims.iter().zip(&own).map(|(&size, &stride)| if size == 1 { 0 } else { stride }))
        .collect();
    view(target, &steps, 0, total)
}

fn pick<'a, T: Copy + Default>(data: &'a [T], indices: &'a [usize]) -> impl Iterator<Item = T> + 'a {
    indices.iter().map(|&index| data.get(index).copied().unwrap_or_default())
}

fn take(source: &Constant, dims: Vec<usize>, indices: &[usize]) -> Constant {
    let data = match &source.data {
        Data::Float(data) => Data::Float(pick(data, indices).collect()),
        Data::Int(data) => Data::Int(pick(data, indices).collect()),
    };
    Constant { dims, data, range: source.range }
}

fn reshaped(source: &Constant, dims: Vec<usize>) -> Result<Constant, Refusal> {
    if count(&dims) != Some(source.len()) {
        return Err(Refusal::reason(format!("{:?} does not reshape to {dims:?}", source.dims)));
    }
    Ok(Constant { dims, ..source.clone() })
}

type Aligned = (Vec<usize>, Vec<usize>, Vec<usize>);

fn aligned(a: &Constant, b: &Constant, budget: &mut Budget) -> Result<Aligned, Refusal> {
    let dims = broadcast(&a.dims, &b.dims)?;
    let total = budget.charge(&dims)?;
    let (left, right) = (expanded(&a.dims, &dims, total), expanded(&b.dims, &dims, total));
    Ok((dims, left, right))
}

fn pairwise(
    a: &Constant,
    b: &Constant,
    float: fn(f32, f32) -> f32,
    int: fn(i64, i64) -> i64,
    budget: &mut Budget,
) -> Result<Constant, Refusal> {
    let (dims, left, right) = aligned(a, b, budget)?;
    Ok(match (&a.data, &b.data) {
        (Data::Int(a), Data::Int(b)) => {
            Constant::int(dims, pick(a, &left).zip(pick(b, &right)).map(|(a, b)| int(a, b)).collect::<Vec<_>>())
        }
        _ => {
            let (a, b) = (a.floats(), b.floats());
            Constant::float(dims, pick(&a, &left).zip(pick(&b, &right)).map(|(a, b)| float(a, b)).collect::<Vec<_>>())
        }
    })
}

fn each(
    source: &Constant,
    float: fn(f32) -> f32,
    int: fn(i64) -> i64,
    budget: &mut Budget,
) -> Result<Constant, Refusal> {
    budget.charge(&source.dims)?;
    Ok(match &source.data {
        Data::Float(data) => {
            Constant::float(source.dims.clone(), data.iter().map(|&value| float(value)).collect::<Vec<_>>())
        }
        Data::Int(data) => Constant::int(source.dims.clone(), data.iter().map(|&value| int(value)).collect::<Vec<_>>()),
    })
}

fn float_each(source: &Constant, function: fn(f32) -> f32, budget: &mut Budget) -> Result<Constant, Refusal> {
    budget.charge(&source.dims)?;
    let data: Vec<f32> = source.floats().iter().map(|&value| function(value)).collect();
    Ok(Constant::float(source.dims.clone(), data))
}

/// Joins lists blockwise: `outer` times one block of each list.
fn interleave<T: Copy, L: AsRef<[T]>>(lists: &[L], outer: usize) -> Vec<T> {
    let mut joined = Vec::with_capacity(lists.iter().map(|list| list.as_ref().len()).sum());
    for block in 0..outer {
        for list in lists {
            let list = list.as_ref();
            let size = list.len() / outer;
            joined.extend_from_slice(list.get(block * size..(block + 1) * size).unwrap_or_default());
        }
    }
    joined
}

fn reduce(op: &str, source: &Constant, axes: &[usize], keep: bool, budget: &mut Budget) -> Result<Constant, Refusal> {
    budget.charge(&source.dims)?;
    let kept: Vec<usize> =
        source.dims.iter().enumerate().map(|(axis, &size)| if axes.contains(&axis) { 1 } else { size }).collect();
    let total = count(&kept).unwrap_or(0);
    let reduced: usize = source.len().checked_div(total).unwrap_or(0);
    if reduced == 0 {
        return Err(Refusal::reason("it reduces nothing"));
    }
    let own = strides(&kept);
    // Position of each source element in the result: the result's strides, 0 along reduced axes.
    let steps: Vec<isize> =
        own.iter().enumerate().map(|(axis, &stride)| if axes.contains(&axis) { 0 } else { stride }).collect();
    let slots = view(&source.dims, &steps, 0, source.len());
    let dims: Vec<usize> = if keep {
        kept
    } else {
        source.dims.iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, &size)| size).collect()
    };
    let start = match op {
        "ReduceProd" => 1.0,
        "ReduceMax" => f64::NEG_INFINITY,
        "ReduceMin" => f64::INFINITY,
        _ => 0.0,
    };
    let mut sums = vec![start; total];
    let values = source.floats();
    let ints = match &source.data {
        Data::Int(data) => Some(Arc::clone(data)),
        Data::Float(_) => None,
    };
    for (index, &slot) in slots.iter().enumerate() {
        let value = match &ints {
            Some(ints) => ints.get(index).copied().unwrap_or(0) as f64,
            None => f64::from(values.get(index).copied().unwrap_or(0.0)),
        };
        if let Some(sum) = sums.get_mut(slot) {
            *sum = match op {
                "ReduceProd" => *sum * value,
                "ReduceMax" => sum.max(value),
                "ReduceMin" => sum.min(value),
                _ => *sum + value,
            };
        }
    }
    if op == "ReduceMean" {
        sums.iter_mut().for_each(|sum| *sum /= reduced as f64);
    }
    Ok(if ints.is_some() {
        Constant::int(dims, sums.into_iter().map(|sum| sum as i64).collect::<Vec<_>>())
    } else {
        Constant::float(dims, sums.into_iter().map(|sum| sum as f32).collect::<Vec<_>>())
    })
}

/// Indices into scale and zero point for each element: one for all, or one per slice along an axis, or per block.
fn channels(attributes: Attributes, dims: &[usize], scale: &Constant) -> Result<Vec<usize>, Refusal> {
    let total = count(dims).unwrap_or(0);
    if scale.len() == 1 {
        return Ok(vec![0; total]);
    }
    let axis = axis(attributes.int_or("axis", 1), dims.len())?;
    let along = dims.get(axis).copied().unwrap_or(0);
    let inner: usize = dims.get(axis + 1..).unwrap_or_default().iter().product();
    if attributes.int_or("block_size", 0) != 0 || scale.len() != along {
        return Err(Refusal::reason(format!("{} scales for {along} slices are not supported", scale.len())));
    }
    Ok((0..total).map(|index| index / inner.max(1) % along).collect())
}

fn dequantize(
    attributes: Attributes,
    source: &Constant,
    scale: &Constant,
    zero: Option<&Constant>,
    budget: &mut Budget,
) -> Result<Constant, Refusal> {
    budget.charge(&source.dims)?;
    let slots = channels(attributes, &source.dims, scale)?;
    let scales = scale.floats();
    let zeros = zero.map(Constant::ints).unwrap_or_default();
    let data: Vec<f32> = source
        .ints()
        .iter()
        .zip(&slots)
        .map(|(&value, &slot)| {
            let zero = zeros.get(slot).copied().unwrap_or(0);
            value.wrapping_sub(zero) as f32 * scales.get(slot).copied().unwrap_or(0.0)
        })
        .collect();
    Ok(Constant::float(source.dims.clone(), data))
}

fn quantize(
    attributes: Attributes,
    source: &Constant,
    scale: &Constant,
    zero: Option<&Constant>,
    budget: &mut Budget,
) -> Result<Constant, Refusal> {
    budget.charge(&source.dims)?;
    let slots = channels(attributes, &source.dims, scale)?;
    let scales = scale.floats();
    let (low, high) = zero.and_then(|zero| zero.range).unwrap_or((0, 255));
    let zeros = zero.map(Constant::ints).unwrap_or_default();
    let data: Vec<i64> = source
        .floats()
        .iter()
        .zip(&slots)
        .map(|(&value, &slot)| {
            let scaled = (value / scales.get(slot).copied().unwrap_or(1.0)).round_ties_even() as i64;
            scaled.saturating_add(zeros.get(slot).copied().unwrap_or(0)).clamp(low, high)
        })
        .collect();
    Ok(Constant { range: Some((low, high)), ..Constant::int(source.dims.clone(), data) })
}
