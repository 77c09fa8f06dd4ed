//! Elements of constants, read through strides and combined.

use std::sync::Arc;

use super::{Budget, broadcast};
use crate::onnx::{
    Refusal,
    tensor::{Constant, Data, count},
};

pub(super) fn strides(dims: &[usize]) -> Vec<isize> {
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
pub(super) fn view(dims: &[usize], strides: &[isize], offset: isize, total: usize) -> Vec<usize> {
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
pub(crate) fn expanded(dims: &[usize], target: &[usize], total: usize) -> Vec<usize> {
    let own = strides(dims);
    let missing = target.len().saturating_sub(dims.len());
    let steps: Vec<isize> = std::iter::repeat_n(0, missing)
        .chain(dims.iter().zip(&own).map(|(&size, &stride)| if size == 1 { 0 } else { stride }))
        .collect();
    view(target, &steps, 0, total)
}

pub(crate) fn pick<'a, T: Copy + Default>(data: &'a [T], indices: &'a [usize]) -> impl Iterator<Item = T> + 'a {
    indices.iter().map(|&index| data.get(index).copied().unwrap_or_default())
}

pub(super) fn take(source: &Constant, dims: Vec<usize>, indices: &[usize]) -> Constant {
    let data = match &source.data {
        Data::Float(data) => Data::Float(pick(data, indices).collect()),
        Data::Int(data) => Data::Int(pick(data, indices).collect()),
    };
    Constant { dims, data, range: source.range }
}

pub(super) fn reshaped(source: &Constant, dims: Vec<usize>) -> Result<Constant, Refusal> {
    if count(&dims) != Some(source.len()) {
        return Err(Refusal::reason(format!("{:?} does not reshape to {dims:?}", source.dims)));
    }
    Ok(Constant { dims, ..source.clone() })
}

type Aligned = (Vec<usize>, Vec<usize>, Vec<usize>);

pub(super) fn aligned(a: &Constant, b: &Constant, budget: &mut Budget) -> Result<Aligned, Refusal> {
    let dims = broadcast(&a.dims, &b.dims)?;
    let total = budget.charge(&dims)?;
    let (left, right) = (expanded(&a.dims, &dims, total), expanded(&b.dims, &dims, total));
    Ok((dims, left, right))
}

pub(super) fn pairwise(
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

pub(super) fn each(
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

pub(super) fn float_each(
    source: &Constant,
    function: fn(f32) -> f32,
    budget: &mut Budget,
) -> Result<Constant, Refusal> {
    budget.charge(&source.dims)?;
    let data: Vec<f32> = source.floats().iter().map(|&value| function(value)).collect();
    Ok(Constant::float(source.dims.clone(), data))
}

/// Joins lists blockwise: `outer` times one block of each list.
pub(super) fn interleave<T: Copy, L: AsRef<[T]>>(lists: &[L], outer: usize) -> Vec<T> {
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

pub(super) fn reduce(
    op: &str,
    source: &Constant,
    axes: &[usize],
    keep: bool,
    budget: &mut Budget,
) -> Result<Constant, Refusal> {
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

/// A constant with its axes in another order.
pub(crate) fn permuted(source: &Constant, permutation: &[usize], budget: &mut Budget) -> Result<Constant, Refusal> {
    if permutation.iter().enumerate().all(|(at, &axis)| at == axis) {
        return Ok(source.clone());
    }
    let strides = strides(&source.dims);
    let dims: Vec<usize> = permutation.iter().filter_map(|&axis| source.dims.get(axis).copied()).collect();
    let steps: Vec<isize> = permutation.iter().filter_map(|&axis| strides.get(axis).copied()).collect();
    let total = budget.charge(&dims)?;
    Ok(take(source, dims.clone(), &view(&dims, &steps, 0, total)))
}

/// A constant summed over axes, which go.
pub(crate) fn summed(source: &Constant, axes: &[usize], budget: &mut Budget) -> Result<Constant, Refusal> {
    if axes.is_empty() { Ok(source.clone()) } else { reduce("ReduceSum", source, axes, false, budget) }
}

/// Matrices with zeros below (or above) the diagonal that is `offset` to the right of the main one.
pub(super) fn triangle(source: &Constant, upper: bool, offset: i64, budget: &mut Budget) -> Result<Constant, Refusal> {
    let &[.., rows, columns] = source.dims.as_slice() else {
        return Err(Refusal::reason(format!("{:?} is no matrix", source.dims)));
    };
    budget.charge(&source.dims)?;
    let keeps = |index: usize| {
        let (row, column) = ((index / columns % rows) as i64, (index % columns) as i64);
        let right = column.saturating_sub(row.saturating_add(offset));
        if upper { right >= 0 } else { right <= 0 }
    };
    let data = match &source.data {
        Data::Float(data) => {
            Data::Float(data.iter().enumerate().map(|(at, &value)| if keeps(at) { value } else { 0.0 }).collect())
        }
        Data::Int(data) => {
            Data::Int(data.iter().enumerate().map(|(at, &value)| if keeps(at) { value } else { 0 }).collect())
        }
    };
    Ok(Constant { data, ..source.clone() })
}

/// The product of matrices, with leading axes that broadcast.
pub(super) fn product(a: &Constant, b: &Constant, budget: &mut Budget) -> Result<Constant, Refusal> {
    let refuse = || Refusal::reason(format!("shapes {:?} and {:?} do not multiply", a.dims, b.dims));
    let ([left_lead @ .., rows, inner], [right_lead @ .., other, columns]) = (a.dims.as_slice(), b.dims.as_slice())
    else {
        return Err(refuse());
    };
    let (rows, inner, columns) = (*rows, *inner, *columns);
    if inner != *other {
        return Err(refuse());
    }
    let lead = broadcast(left_lead, right_lead)?;
    let dims: Vec<usize> = lead.iter().copied().chain([rows, columns]).collect();
    // It takes inner steps for each element, which the budget must bound too.
    let steps: Vec<usize> = dims.iter().copied().chain([inner]).collect();
    budget.charge(&steps)?;
    let matrices = count(&lead).unwrap_or(0);
    let (first, second) = (expanded(left_lead, &lead, matrices), expanded(right_lead, &lead, matrices));
    let (left, right) = (a.floats(), b.floats());
    let at = |data: &[f32], index: usize| f64::from(data.get(index).copied().unwrap_or(0.0));
    let mut data = Vec::with_capacity(count(&dims).unwrap_or(0));
    for (first, second) in first.iter().zip(&second) {
        let (first, second) = (first * rows * inner, second * inner * columns);
        for index in 0..rows * columns {
            let (row, column) = (index / columns, index % columns);
            let terms =
                (0..inner).map(|k| at(&left, first + row * inner + k) * at(&right, second + k * columns + column));
            data.push(terms.sum::<f64>() as f32);
        }
    }
    Ok(Constant::float(dims, data))
}

/// A constant with blocks replaced: `indices` holds in its last axis the leading position of each block of `updates`.
pub(super) fn scattered(
    source: &Constant,
    indices: &Constant,
    updates: &Constant,
    budget: &mut Budget,
) -> Result<Constant, Refusal> {
    let refuse = || {
        let (into, at, what) = (&source.dims, &indices.dims, &updates.dims);
        Refusal::reason(format!("updates {what:?} at indices {at:?} do not fit {into:?}"))
    };
    let Some((&depth, positions)) = indices.dims.split_last() else { return Err(refuse()) };
    let (leading, inner) = source.dims.split_at_checked(depth).ok_or_else(refuse)?;
    let (blocks, size) = (count(positions).ok_or_else(refuse)?, count(inner).ok_or_else(refuse)?);
    if depth == 0 || blocks.checked_mul(size) != Some(updates.len()) {
        return Err(refuse());
    }
    budget.charge(&source.dims)?;
    let mut slots: Vec<(usize, usize)> = Vec::with_capacity(updates.len());
    for (block, position) in indices.ints().chunks_exact(depth).enumerate() {
        let mut start = 0usize;
        for (&index, &along) in position.iter().zip(leading) {
            let counted = if index < 0 { index.saturating_add(along as i64) } else { index };
            let counted = usize::try_from(counted).ok().filter(|&index| index < along);
            let counted =
                counted.ok_or_else(|| Refusal::reason(format!("index {index} is outside the {along} elements")))?;
            start = start * along + counted;
        }
        slots.extend((0..size).map(|offset| (start * size + offset, block * size + offset)));
    }
    fn replaced<T: Copy>(old: &[T], new: &[T], slots: &[(usize, usize)]) -> Arc<[T]> {
        let mut data = old.to_vec();
        for &(to, from) in slots {
            if let (Some(slot), Some(&value)) = (data.get_mut(to), new.get(from)) {
                *slot = value;
            }
        }
        data.into()
    }
    let data = match (&source.data, &updates.data) {
        (Data::Int(old), Data::Int(new)) => Data::Int(replaced(old, new, &slots)),
        _ => Data::Float(replaced(&source.floats(), &updates.floats(), &slots)),
    };
    Ok(Constant { data, ..source.clone() })
}
