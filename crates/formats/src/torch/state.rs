//! A state dictionary: tensors by the names of the modules that own them.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use crate::{
    Blob, FormatError,
    pickle::{Dtype, Element, gather},
};

/// What wrappers put in front of all names of the network they hold: DataParallel, Lightning, `torch.compile` and habit.
const WRAPPERS: &[&str] = &["module.", "model.", "backbone.", "net.", "network.", "_orig_mod."];

/// How much larger than the file its tensors may be, which compressed archives and shared numbers can make them.
const MAX_RATIO: u64 = 4;

/// Refuses tensors of `bytes` bytes in a file of `file` bytes that would only serve to take memory.
pub(super) fn check_size(bytes: u64, file: u64) -> Result<(), FormatError> {
    let limit = file.saturating_mul(MAX_RATIO).saturating_add(1 << 20);
    if bytes <= limit {
        return Ok(());
    }
    Err(FormatError::TooLarge {
        what: "bytes of tensors",
        actual: usize::try_from(bytes).unwrap_or(usize::MAX),
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
    })
}

/// A tensor as it lies in the file.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub element: Element,
    pub big_endian: bool,
    pub shape: Vec<usize>,
    /// Elements to the next one along each axis; `None` if they lie in row-major order.
    pub strides: Option<Vec<usize>>,
    /// Index of the first element in `data`.
    pub offset: usize,
    /// The storage, which other tensors may look at too.
    pub data: Blob,
}

impl Tensor {
    /// The elements in row-major order. Only the part of the storage that the tensor looks at is read.
    fn floats(&self, name: &str) -> Result<Arc<[f32]>, FormatError> {
        let fail = |reason: String| FormatError::Tensor { tensor: name.to_owned(), reason };
        let short = || fail("it reaches past the end of its storage".to_owned());
        let count = count(&self.shape).ok_or_else(short)?;
        let strides = self.strides.as_deref().filter(|strides| !is_row_major(&self.shape, strides));
        let span = match strides {
            Some(strides) => span(&self.shape, strides).ok_or_else(short)?,
            None => count,
        };
        let size = self.element.size() as u64;
        let start = (self.offset as u64).checked_mul(size).ok_or_else(short)?;
        let end = (span as u64).checked_mul(size).and_then(|length| start.checked_add(length)).ok_or_else(short)?;
        let bytes = self.data.read(start..end)?.ok_or_else(short)?;
        match strides {
            Some(strides) => {
                let dtype = Dtype { element: self.element, big_endian: self.big_endian };
                let floats = gather(dtype, &bytes, &self.shape, strides, 0);
                Ok(floats.map_err(|error| fail(error.to_string()))?.into())
            }
            None => Ok(self.element.floats(&bytes, self.big_endian)),
        }
    }
}

/// The number of elements of a shape; `None` if it overflows.
fn count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |count, &size| count.checked_mul(size))
}

/// How many elements of its storage lie between the first and the last of a tensor, these included.
fn span(shape: &[usize], strides: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape
        .iter()
        .zip(strides)
        .try_fold(1_usize, |span, (&size, &stride)| span.checked_add((size - 1).checked_mul(stride)?))
}

fn is_row_major(shape: &[usize], strides: &[usize]) -> bool {
    let mut step = 1_usize;
    shape.len() == strides.len()
        && shape.iter().zip(strides).rev().all(|(&size, &stride)| {
            let fits = size == 1 || stride == step;
            step = step.saturating_mul(size);
            fits
        })
}

/// The shape of a tensor and its elements in row-major order.
pub(super) type Read<'a> = (&'a [usize], Arc<[f32]>);

/// All tensors of a file.
#[derive(Debug, Default)]
pub(super) struct State(BTreeMap<String, Tensor>);

impl State {
    /// The tensors of a dictionary, without what a wrapper put in front of all names.
    ///
    /// # Errors
    /// If tensors that look at the same numbers would take many times the memory of the file, whose length in bytes is
    /// `file`.
    pub fn new(tensors: impl IntoIterator<Item = (String, Tensor)>, file: u64) -> Result<Self, FormatError> {
        let mut tensors: BTreeMap<String, Tensor> = tensors.into_iter().collect();
        let bytes = |tensor: &Tensor| {
            count(&tensor.shape).map_or(u64::MAX, |count| (count as u64).saturating_mul(tensor.element.size() as u64))
        };
        let total = tensors.values().map(bytes).fold(0, u64::saturating_add);
        check_size(total, file)?;
        while let Some(wrapper) = WRAPPERS
            .iter()
            .find(|&&wrapper| !tensors.is_empty() && tensors.keys().all(|name| name.starts_with(wrapper)))
        {
            let strip = |name: String| name.get(wrapper.len()..).unwrap_or_default().to_owned();
            tensors = tensors.into_iter().map(|(name, tensor)| (strip(name), tensor)).collect();
        }
        Ok(Self(tensors))
    }

    /// The names in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Some names, for a message.
    pub fn sample(&self) -> String {
        let names: Vec<String> = self.names().take(3).map(|name| format!("{name:?}")).collect();
        names.join(", ")
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether a module has tensors, its own or those of modules in it.
    pub fn has_module(&self, module: &str) -> bool {
        let prefix = format!("{module}.");
        self.starting_with(&prefix).next().is_some()
    }

    /// The shape of a tensor.
    pub fn dims(&self, name: &str) -> Option<&[usize]> {
        self.0.get(name).map(|tensor| tensor.shape.as_slice())
    }

    /// The numbers of the modules with tensors in a sequence, ascending.
    pub fn children(&self, module: &str) -> Vec<usize> {
        let prefix = format!("{module}.");
        let numbers: BTreeSet<usize> = self
            .starting_with(&prefix)
            .filter_map(|name| name.get(prefix.len()..)?.split('.').next()?.parse().ok())
            .collect();
        numbers.into_iter().collect()
    }

    /// How many modules with tensors a sequence begins with, where each module has some.
    pub fn length(&self, module: &str) -> usize {
        self.children(module).iter().enumerate().take_while(|(position, number)| position == *number).count()
    }

    fn starting_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let range = (Bound::Included(prefix), Bound::Unbounded);
        self.0.range::<str, _>(range).map(|(name, _)| name.as_str()).take_while(move |name| name.starts_with(prefix))
    }

    /// The elements of a tensor in row-major order, and its shape; `None` if there is none of this name.
    pub fn read(&self, name: &str) -> Result<Option<Read<'_>>, FormatError> {
        let Some(tensor) = self.0.get(name) else { return Ok(None) };
        let floats = tensor.floats(name)?;
        Ok(Some((&tensor.shape, floats)))
    }
}
