//! Typed access to the hyper-parameters of a node.

use super::{
    Refusal,
    proto::{Attribute, AttributeType, Graph, Node, Tensor},
};

/// The hyper-parameters of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes<'a>(pub &'a Node);

impl<'a> Attributes<'a> {
    fn get(self, name: &str) -> Option<&'a Attribute> {
        self.0.attribute.iter().find(|attribute| attribute.name == name)
    }

    /// An integer. Writers of proto3 leave out a zero, so the type tells whether it is there.
    pub fn int(self, name: &str) -> Option<i64> {
        let attribute = self.get(name)?;
        attribute.i.or((attribute.r#type == AttributeType::Int as i32).then_some(0))
    }

    pub fn int_or(self, name: &str, default: i64) -> i64 {
        self.int(name).unwrap_or(default)
    }

    pub fn flag(self, name: &str, default: bool) -> bool {
        self.int(name).map_or(default, |value| value != 0)
    }

    pub fn float(self, name: &str) -> Option<f32> {
        let attribute = self.get(name)?;
        attribute.f.or((attribute.r#type == AttributeType::Float as i32).then_some(0.0))
    }

    pub fn float_or(self, name: &str, default: f32) -> f32 {
        self.float(name).unwrap_or(default)
    }

    pub fn ints(self, name: &str) -> Option<&'a [i64]> {
        self.get(name).map(|attribute| attribute.ints.as_slice())
    }

    pub fn floats(self, name: &str) -> Option<&'a [f32]> {
        self.get(name).map(|attribute| attribute.floats.as_slice())
    }

    /// A string; empty if absent or not UTF-8, which no operator uses.
    pub fn string(self, name: &str) -> &'a str {
        self.get(name)
            .and_then(|attribute| attribute.s.as_deref())
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or("")
    }

    pub fn tensor(self, name: &str) -> Option<&'a Tensor> {
        self.get(name)?.t.as_ref()
    }

    pub fn graph(self, name: &str) -> Option<&'a Graph> {
        self.get(name)?.g.as_deref()
    }

    /// Two sizes `[h, w]`, `default` if absent.
    pub fn pair(self, name: &str, default: usize) -> Result<[usize; 2], Refusal> {
        match self.ints(name) {
            None | Some([]) => Ok([default; 2]),
            Some(&[h, w]) => Ok([size(h)?, size(w)?]),
            Some(other) => Err(Refusal::reason(format!("{name} has {} axes; only 2-D networks are read", other.len()))),
        }
    }
}

/// A size from the file.
pub(crate) fn size(value: i64) -> Result<usize, Refusal> {
    // Larger sizes cannot belong to a value that fits in memory, and a bound keeps all sums of sizes in 32 bits.
    const MAX: i64 = 1 << 28;
    if (0..=MAX).contains(&value) {
        Ok(value as usize)
    } else {
        Err(Refusal::reason(format!("a size of {value} is out of range")))
    }
}

/// An axis from the file, counted from the end if negative.
pub(crate) fn axis(value: i64, rank: usize) -> Result<usize, Refusal> {
    let counted = if value < 0 { value.saturating_add(rank as i64) } else { value };
    usize::try_from(counted)
        .ok()
        .filter(|&axis| axis < rank)
        .ok_or_else(|| Refusal::reason(format!("axis {value} is outside the {rank} axes of its input")))
}

/// Axes from the file, ascending and without repetition.
pub(crate) fn axes(values: &[i64], rank: usize) -> Result<Vec<usize>, Refusal> {
    let mut axes = values.iter().map(|&value| axis(value, rank)).collect::<Result<Vec<_>, _>>()?;
    axes.sort_unstable();
    axes.dedup();
    Ok(axes)
}
