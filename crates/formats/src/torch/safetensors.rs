//! Safetensors: the length of a JSON header, the header with types, shapes and places, then the numbers.

use serde_json::{Map, Value};

use crate::{
    Blob, FormatError,
    pickle::Element,
    torch::state::{State, Tensor},
};

/// The format's own limit on its header.
const MAX_HEADER: u64 = 100_000_000;

/// Axes of a tensor; PyTorch allows 64.
const MAX_AXES: usize = 64;

fn damaged(reason: impl Into<String>) -> FormatError {
    FormatError::Damaged { reason: reason.into() }
}

/// Reads all tensors' places; their numbers stay in the file.
pub(super) fn read(file: &Blob) -> Result<State, FormatError> {
    let cut = || damaged("the header of the safetensors file is cut off");
    let length = file.head(8)?;
    let length = u64::from_le_bytes(length.as_ref().try_into().map_err(|_| cut())?);
    if length > MAX_HEADER {
        return Err(FormatError::TooLarge {
            what: "bytes in the header",
            actual: usize::try_from(length).unwrap_or(usize::MAX),
            limit: MAX_HEADER as usize,
        });
    }
    let start = 8 + length;
    let header = file.read(8..start)?.ok_or_else(cut)?;
    let header: Map<String, Value> = serde_json::from_slice(&header)
        .map_err(|error| damaged(format!("the header of the safetensors file cannot be read: {error}")))?;
    let numbers = file.part(start..file.len()).ok_or_else(cut)?;
    let mut tensors = Vec::new();
    let mut end = 0;
    for (name, entry) in header {
        if name == "__metadata__" {
            continue;
        }
        let fail = |reason: String| FormatError::Tensor { tensor: name.clone(), reason };
        let text = entry.get("dtype").and_then(Value::as_str).unwrap_or_default();
        let element = element(text).ok_or_else(|| FormatError::Elements {
            tensor: name.clone(),
            reason: format!("its element type {text:?} is not supported"),
        })?;
        let shape = sizes(entry.get("shape")).filter(|shape| shape.len() <= MAX_AXES);
        let shape = shape.ok_or_else(|| fail("its shape is not a list of sizes".to_owned()))?;
        let place = sizes(entry.get("data_offsets")).and_then(|place| <[usize; 2]>::try_from(place).ok());
        let [from, to] = place.ok_or_else(|| fail("its place is not two numbers".to_owned()))?;
        let bytes = shape.iter().try_fold(element.size(), |bytes, &size| bytes.checked_mul(size));
        if bytes.is_none() || bytes != to.checked_sub(from) {
            return Err(fail(format!("{from}..{to} is no place for its shape {shape:?}")));
        }
        end = end.max(to as u64);
        let data = numbers.part(from as u64..to as u64).ok_or_else(|| fail("the file ends before it".to_owned()))?;
        tensors.push((name, Tensor { element, big_endian: false, shape, strides: None, offset: 0, data }));
    }
    if end != numbers.len() {
        return Err(damaged(format!("{} bytes follow its tensors", numbers.len().saturating_sub(end))));
    }
    let state = State::new(tensors, file.len())?;
    if state.is_empty() {
        return Err(FormatError::TorchProgram { what: "no tensors".to_owned() });
    }
    Ok(state)
}

fn sizes(value: Option<&Value>) -> Option<Vec<usize>> {
    value?.as_array()?.iter().map(|size| usize::try_from(size.as_u64()?).ok()).collect()
}

fn element(name: &str) -> Option<Element> {
    Some(match name {
        "F16" => Element::F16,
        "BF16" => Element::Bf16,
        "F32" => Element::F32,
        "F64" => Element::F64,
        "BOOL" => Element::Bool,
        "U8" => Element::U8,
        "I8" => Element::I8,
        "U16" => Element::U16,
        "I16" => Element::I16,
        "U32" => Element::U32,
        "I32" => Element::I32,
        "U64" => Element::U64,
        "I64" => Element::I64,
        _ => return None,
    })
}
