//! Operations that move elements, and sums over axes.

use super::{
    functions::Fused,
    network::{Network, Unread},
};
use crate::onnx::proto::{Attribute, DataType};

/// A slice with steps: which of its bounds count, as bits by position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strided {
    /// Starts that are left out.
    pub begin: i64,
    /// Ends that are left out.
    pub end: i64,
    /// The position that stands for all axes not named.
    pub ellipsis: i64,
    /// Positions that make an axis.
    pub new_axis: i64,
    /// Positions that take one element and drop the axis.
    pub shrink: i64,
}

impl Network {
    /// Adds cells around, `[before, after]` for each axis.
    pub fn pad(
        &mut self,
        mode: &str,
        input: &str,
        paddings: &str,
        value: Option<&str>,
        output: &str,
    ) -> Result<(), Unread> {
        self.gathered(&[input])?;
        let amounts = self.known(paddings, "paddings")?;
        let before = amounts.iter().step_by(2).copied();
        let after = amounts.iter().skip(1).step_by(2).copied();
        let mode = match mode {
            // The edge itself is repeated, which is the same for one cell.
            "symmetric" if amounts.iter().all(|&amount| amount <= 1) => "edge",
            "symmetric" => return Err(Unread::reason("mirroring with the edge is supported for one cell only")),
            other => other,
        };
        let pads: Vec<i64> = before.chain(after).collect();
        let pads = self.list(&pads);
        let inputs: Vec<&str> = [input, pads.as_str()].into_iter().chain(value).collect();
        self.main("Pad", &inputs, &[output], vec![Attribute::string("mode", mode)]);
        Ok(())
    }

    /// Another shape, given as a value.
    pub fn reshape(&mut self, input: &str, shape: &str, output: &str) -> Result<(), Unread> {
        self.gathered(&[input])?;
        self.main("Reshape", &[input, shape], &[output], vec![Attribute::int("allowzero", 1)]);
        Ok(())
    }

    /// Drops axes of one element; all of them if none are named.
    pub fn squeeze(&mut self, input: &str, axes: &[i64], output: &str) -> Result<(), Unread> {
        self.gathered(&[input])?;
        if axes.is_empty() {
            self.main("Squeeze", &[input], &[output], vec![]);
        } else {
            let axes = self.list(axes);
            self.main("Squeeze", &[input, &axes], &[output], vec![]);
        }
        Ok(())
    }

    /// Makes an axis.
    pub fn expand_dims(&mut self, input: &str, axis: &str, output: &str) -> Result<(), Unread> {
        self.gathered(&[input])?;
        let axis = self.known(axis, "axis")?;
        let axis = self.list(&axis);
        self.main("Unsqueeze", &[input, &axis], &[output], vec![]);
        Ok(())
    }

    /// Another order of the axes.
    pub fn transpose(&mut self, input: &str, permutation: &str, output: &str) -> Result<(), Unread> {
        self.gathered(&[input])?;
        let permutation = self.known(permutation, "order of axes")?;
        self.main("Transpose", &[input], &[output], vec![Attribute::ints("perm", &permutation)]);
        Ok(())
    }

    /// Joins values along an axis.
    pub fn concat(&mut self, inputs: &[&str], axis: i64, fused: Fused, output: &str) -> Result<(), Unread> {
        self.gathered(inputs)?;
        let (value, done) = self.before(fused, output);
        self.main("Concat", inputs, &[&value], vec![Attribute::int("axis", axis)]);
        done(self)
    }

    /// Joins values along an axis that is made for it.
    pub fn pack(&mut self, inputs: &[&str], axis: i64, output: &str) -> Result<(), Unread> {
        self.gathered(inputs)?;
        let at = self.list(&[axis]);
        let parts: Vec<String> =
            inputs.iter().map(|input| self.step("axis", "Unsqueeze", &[input, &at], vec![])).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.main("Concat", &parts, &[output], vec![Attribute::int("axis", axis)]);
        Ok(())
    }

    /// Parts of an axis, as large as listed or all of one size.
    pub fn split(&mut self, input: &str, axis: i64, sizes: Option<&[i64]>, outputs: &[String]) -> Result<(), Unread> {
        self.gathered(&[input])?;
        let names: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let axis = Attribute::int("axis", axis);
        match sizes {
            None => self.main("Split", &[input], &names, vec![axis]),
            Some(sizes) if sizes.contains(&-1) => {
                // One part takes what is left, so every part is a slice: from the start before it, from the end behind.
                let open = sizes.iter().position(|&size| size == -1).unwrap_or_default();
                let total = |part: Option<&[i64]>| {
                    part.unwrap_or_default().iter().fold(0i64, |sum, &size| sum.saturating_add(size))
                };
                for (index, name) in names.iter().enumerate() {
                    let start = if index <= open { total(sizes.get(..index)) } else { -total(sizes.get(index..)) };
                    let rest = total(sizes.get(index + 1..));
                    let end = match index < open {
                        true => total(sizes.get(..=index)),
                        false if rest == 0 => i64::MAX,
                        false => -rest,
                    };
                    let (start, end, on) =
                        (self.list(&[start]), self.list(&[end]), self.list(&[axis.i.unwrap_or_default()]));
                    self.last(&index.to_string(), "Slice", &[input, &start, &end, &on], name, vec![]);
                }
            }
            Some(sizes) => {
                let sizes = self.list(sizes);
                self.main("Split", &[input, &sizes], &names, vec![axis]);
            }
        }
        Ok(())
    }

    /// One part for each element of an axis, which is dropped.
    pub fn unpack(&mut self, input: &str, axis: i64, outputs: &[String]) -> Result<(), Unread> {
        self.gathered(&[input])?;
        let at = self.list(&[axis]);
        for (index, output) in outputs.iter().enumerate() {
            let index = index as i64;
            let (start, end) = (self.list(&[index]), self.list(&[index.saturating_add(1)]));
            let part = self.step("element", "Slice", &[input, &start, &end, &at], vec![]);
            self.last(&index.to_string(), "Squeeze", &[&part, &at], output, vec![]);
        }
        Ok(())
    }

    /// Elements of an axis.
    pub fn gather(&mut self, input: &str, indices: &str, axis: i64, output: &str) -> Result<(), Unread> {
        self.gathered(&[input])?;
        self.main("Gather", &[input, indices], &[output], vec![Attribute::int("axis", axis)]);
        Ok(())
    }

    /// A box of elements: where it starts and how far it goes, -1 being all the rest.
    pub fn slice(&mut self, input: &str, begin: &str, size: &str, output: &str) -> Result<(), Unread> {
        self.gathered(&[input])?;
        let (begin, size) = (self.known(begin, "begin")?, self.known(size, "size")?);
        if begin.len() != size.len() {
            return Err(Unread::reason("its begin and size differ in length"));
        }
        let ends: Vec<i64> = begin
            .iter()
            .zip(&size)
            .map(|(&begin, &size)| if size < 0 { i64::MAX } else { begin.saturating_add(size) })
            .collect();
        let (begin, ends) = (self.list(&begin), self.list(&ends));
        self.main("Slice", &[input, &begin, &ends], &[output], vec![]);
        Ok(())
    }

    /// A slice with steps.
    pub fn strided_slice(
        &mut self,
        input: &str,
        [begin, end, strides]: [&str; 3],
        masks: Strided,
        output: &str,
    ) -> Result<(), Unread> {
        self.gathered(&[input])?;
        let (begin, end) = (self.known(begin, "begin")?, self.known(end, "end")?);
        let strides = self.known(strides, "strides")?;
        if begin.len() != end.len() || begin.len() != strides.len() || begin.len() > 32 {
            return Err(Unread::reason("its begin, end and strides differ in length"));
        }
        let bit = |mask: i64, at: usize| mask >> at & 1 == 1;
        let count = begin.len();
        // Axes behind an ellipsis are counted from the end.
        let ellipsis = (0..count).find(|&at| bit(masks.ellipsis, at));
        let taking = |from: usize| (from..count).filter(|&at| !bit(masks.new_axis, at)).count() as i64;
        let (mut starts, mut ends, mut axes, mut steps, mut dropped, mut made) =
            (vec![], vec![], vec![], vec![], vec![], vec![]);
        let (mut axis, mut place) = (0i64, 0i64);
        for (at, ((&start, &stop), &step)) in begin.iter().zip(&end).zip(&strides).enumerate() {
            if Some(at) == ellipsis {
                continue;
            }
            if bit(masks.new_axis, at) {
                if ellipsis.is_some_and(|ellipsis| ellipsis < at) {
                    return Err(Unread::reason("a new axis behind an ellipsis is not supported"));
                }
                made.push(place);
                place += 1;
                continue;
            }
            let on = match ellipsis {
                Some(ellipsis) if at > ellipsis => -taking(at),
                _ => axis,
            };
            axis += 1;
            axes.push(on);
            if bit(masks.shrink, at) {
                dropped.push(on);
                starts.push(start);
                ends.push(if start == -1 { i64::MAX } else { start.saturating_add(1) });
                steps.push(1);
                continue;
            }
            place += 1;
            let (first, last) = if step < 0 { (i64::MAX, i64::MIN + 1) } else { (0, i64::MAX) };
            starts.push(if bit(masks.begin, at) { first } else { start });
            ends.push(if bit(masks.end, at) { last } else { stop });
            steps.push(step);
        }
        let mut value = input.to_owned();
        let (squeezes, makes) = (!dropped.is_empty(), !made.is_empty());
        let lists = [starts, ends, axes, steps].map(|list| self.list(&list));
        let [starts, ends, axes, steps] = lists.each_ref().map(String::as_str);
        if squeezes || makes {
            value = self.step("slice", "Slice", &[&value, starts, ends, axes, steps], vec![]);
        } else {
            self.main("Slice", &[&value, starts, ends, axes, steps], &[output], vec![]);
        }
        if squeezes {
            let dropped = self.list(&dropped);
            if makes {
                value = self.step("squeeze", "Squeeze", &[&value, &dropped], vec![]);
            } else {
                self.main("Squeeze", &[&value, &dropped], &[output], vec![]);
            }
        }
        if makes {
            let made = self.list(&made);
            self.main("Unsqueeze", &[&value, &made], &[output], vec![]);
        }
        Ok(())
    }

    /// A mean, sum or the like over axes.
    pub fn reduce(&mut self, op: &str, input: &str, axes: &str, keep: bool, output: &str) -> Result<(), Unread> {
        self.gathered(&[input])?;
        // No axes at all leave the value as it is.
        let attributes = vec![Attribute::int("keepdims", i64::from(keep)), Attribute::int("noop_with_empty_axes", 1)];
        let axes = self.known(axes, "axes")?;
        let axes = self.list(&axes);
        self.main(op, &[input, &axes], &[output], attributes);
        Ok(())
    }

    /// The product of matrices in the last two of `rank` axes, either of them transposed.
    pub fn matrix_product(
        &mut self,
        [a, b]: [&str; 2],
        transposed: [bool; 2],
        ranks: [usize; 2],
        output: &str,
    ) -> Result<(), Unread> {
        self.gathered(&[a, b])?;
        let mut sides = Vec::new();
        for ((side, flip), rank) in [a, b].into_iter().zip(transposed).zip(ranks) {
            if !flip {
                sides.push(side.to_owned());
                continue;
            }
            if !(2..=8).contains(&rank) {
                return Err(Unread::reason("the number of axes of its matrices is not known"));
            }
            let mut permutation: Vec<i64> = (0..rank as i64).collect();
            permutation.swap(rank - 1, rank - 2);
            sides.push(self.step("transposed", "Transpose", &[side], vec![Attribute::ints("perm", &permutation)]));
        }
        let sides: Vec<&str> = sides.iter().map(String::as_str).collect();
        self.main("MatMul", &sides, &[output], vec![]);
        Ok(())
    }

    /// The same numbers as another type.
    pub fn cast(&mut self, to: DataType, input: &str, output: &str) -> Result<(), Unread> {
        self.keep_spread(&[input], output)?;
        self.same_integers(input, output);
        self.main("Cast", &[input], &[output], vec![Attribute::int("to", to as i64)]);
        Ok(())
    }

    /// An operation with the meaning of an operator of ONNX and no settings; constants are computed while reading.
    pub fn plain(&mut self, op: &str, inputs: &[&str], output: &str) -> Result<(), Unread> {
        self.gathered(inputs)?;
        self.main(op, inputs, &[output], vec![]);
        Ok(())
    }
}
