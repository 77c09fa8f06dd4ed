//! Constant tensors: weights and what is computed from them while reading.

use std::sync::Arc;

use half::{bf16, f16};

use super::{
    external,
    proto::{self, DataType},
};
use crate::{FormatError, ModelFiles};

/// Elements of a constant. Integers and truth values are kept apart from floats since ONNX divides them differently.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Float(Arc<[f32]>),
    Int(Arc<[i64]>),
}

/// A constant tensor with its full ONNX shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constant {
    pub dims: Vec<usize>,
    pub data: Data,
    /// Range of the integer type, which tells what a quantised zero point means.
    pub range: Option<(i64, i64)>,
}

/// More axes than any classifier's tensor has; the bound keeps work per axis small.
pub(crate) const MAX_RANK: usize = 32;

/// The number of elements of `dims`. `None` if it, or the product of any of the axes, overflows, so that an axis of
/// size 0 does not hide sizes whose products later overflow.
pub(crate) fn count(dims: &[usize]) -> Option<usize> {
    let product = dims.iter().try_fold(1usize, |product, &size| product.checked_mul(size.max(1)))?;
    Some(if dims.contains(&0) { 0 } else { product })
}

impl Constant {
    pub fn float(dims: Vec<usize>, data: impl Into<Arc<[f32]>>) -> Self {
        Self { dims, data: Data::Float(data.into()), range: None }
    }

    pub fn int(dims: Vec<usize>, data: impl Into<Arc<[i64]>>) -> Self {
        Self { dims, data: Data::Int(data.into()), range: None }
    }

    pub fn len(&self) -> usize {
        match &self.data {
            Data::Float(data) => data.len(),
            Data::Int(data) => data.len(),
        }
    }

    /// Elements as floats; shares memory if they are.
    pub fn floats(&self) -> Arc<[f32]> {
        match &self.data {
            Data::Float(data) => Arc::clone(data),
            Data::Int(data) => data.iter().map(|&value| value as f32).collect(),
        }
    }

    /// Elements as integers, truncated.
    pub fn ints(&self) -> Vec<i64> {
        match &self.data {
            Data::Float(data) => data.iter().map(|&value| value as i64).collect(),
            Data::Int(data) => data.to_vec(),
        }
    }

    /// The only value it has, if all elements are the same.
    pub fn uniform(&self) -> Option<f32> {
        let data = self.floats();
        let first = *data.first()?;
        data.iter().all(|&value| value == first).then_some(first)
    }

    /// Reads a tensor message, or the file beside it that holds its elements. Sizes are compared with the bytes that are
    /// there before anything is allocated.
    pub fn decode(tensor: &proto::Tensor, files: &ModelFiles) -> Result<Self, FormatError> {
        let fail = |reason: String| FormatError::Tensor { tensor: tensor.name.clone(), reason };
        let dims = tensor
            .dims
            .iter()
            .map(|&size| usize::try_from(size).map_err(|_| fail(format!("its shape has an axis of size {size}"))))
            .collect::<Result<Vec<_>, _>>()?;
        if dims.len() > MAX_RANK {
            return Err(fail(format!("it has {} axes", dims.len())));
        }
        let count = count(&dims).ok_or_else(|| fail(format!("its shape {dims:?} is too large")))?;
        let strange = |reason: String| FormatError::Elements { tensor: tensor.name.clone(), reason };
        let data_type = DataType::try_from(tensor.data_type)
            .map_err(|_| strange(format!("its element type {} is unknown", tensor.data_type)))?;
        let bits =
            bits(data_type).ok_or_else(|| strange(format!("its element type {data_type:?} is not supported")))?;
        let size = count.checked_mul(bits).map(|bits| bits.div_ceil(8));
        let size = size.ok_or_else(|| fail(format!("its shape {dims:?} is too large")))?;
        let range = range(data_type);
        if !is_float(data_type) && count > MAX_INTEGERS {
            return Err(fail(format!("its shape {dims:?} has more than {MAX_INTEGERS} integers")));
        }

        let raw = if external::is_external(tensor) {
            Some(external::read(tensor, size, files)?)
        } else {
            match &tensor.raw_data {
                Some(raw) if !raw.is_empty() || count == 0 => {
                    if raw.len() != size {
                        let (have, width) = (raw.len(), bits as f64 / 8.0);
                        return Err(fail(format!("it has {have} bytes, its shape {dims:?} needs {count} × {width}")));
                    }
                    Some(raw.clone())
                }
                _ => None,
            }
        };
        let data = match raw {
            Some(raw) => from_raw(data_type, &raw, count),
            None => from_fields(data_type, tensor, count)
                .map_err(|(have, wanted)| fail(format!("it has {have} elements, its shape {dims:?} needs {wanted}")))?,
        };
        Ok(Self { dims, data, range })
    }
}

/// More integers than a tensor of any classifier has. They are held in 64 bits each, whatever the file says.
const MAX_INTEGERS: usize = 1 << 26;

/// Bits of an element; `None` if the type is not read.
fn bits(data_type: DataType) -> Option<usize> {
    Some(match data_type {
        DataType::Double | DataType::Int64 | DataType::Uint64 => 64,
        DataType::Float | DataType::Int32 | DataType::Uint32 => 32,
        DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16 => 16,
        DataType::Int8 | DataType::Uint8 | DataType::Bool => 8,
        DataType::Int4 | DataType::Uint4 => 4,
        DataType::Int2 | DataType::Uint2 => 2,
        _ => return None,
    })
}

fn is_float(data_type: DataType) -> bool {
    matches!(data_type, DataType::Float | DataType::Double | DataType::Float16 | DataType::Bfloat16)
}

/// The values that an integer type holds, if a quantised value can be of it.
pub(crate) fn range(data_type: DataType) -> Option<(i64, i64)> {
    Some(match data_type {
        DataType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        DataType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        DataType::Uint16 => (0, u16::MAX.into()),
        DataType::Int8 => (i8::MIN.into(), i8::MAX.into()),
        DataType::Uint8 => (0, u8::MAX.into()),
        DataType::Int4 => (-8, 7),
        DataType::Uint4 => (0, 15),
        DataType::Int2 => (-2, 1),
        DataType::Uint2 => (0, 3),
        DataType::Bool => (0, 1),
        _ => return None,
    })
}

/// Elements from little-endian bytes, of which there are as many as `count` elements need.
fn from_raw(data_type: DataType, raw: &[u8], count: usize) -> Data {
    fn each<const N: usize, T>(raw: &[u8], read: impl Fn([u8; N]) -> T) -> Arc<[T]> {
        raw.chunks_exact(N).map(|bytes| read(array(bytes))).collect()
    }
    match data_type {
        DataType::Float => Data::Float(each(raw, f32::from_le_bytes)),
        DataType::Double => Data::Float(each(raw, |bytes| f64::from_le_bytes(bytes) as f32)),
        DataType::Float16 => Data::Float(each(raw, |bytes| f16::from_le_bytes(bytes).to_f32())),
        DataType::Bfloat16 => Data::Float(each(raw, |bytes| bf16::from_le_bytes(bytes).to_f32())),
        DataType::Int64 => Data::Int(each(raw, i64::from_le_bytes)),
        DataType::Uint64 => Data::Int(each(raw, |bytes| u64::from_le_bytes(bytes) as i64)),
        DataType::Int32 => Data::Int(each(raw, |bytes| i32::from_le_bytes(bytes).into())),
        DataType::Uint32 => Data::Int(each(raw, |bytes| u32::from_le_bytes(bytes).into())),
        DataType::Int16 => Data::Int(each(raw, |bytes| i16::from_le_bytes(bytes).into())),
        DataType::Uint16 => Data::Int(each(raw, |bytes| u16::from_le_bytes(bytes).into())),
        DataType::Int8 => Data::Int(each(raw, |bytes| i8::from_le_bytes(bytes).into())),
        DataType::Bool => Data::Int(each(raw, |bytes: [u8; 1]| i64::from(bytes != [0]))),
        DataType::Int4 | DataType::Uint4 | DataType::Int2 | DataType::Uint2 => {
            Data::Int(unpacked(data_type, raw.iter().copied(), count))
        }
        _ => Data::Int(raw.iter().map(|&byte| i64::from(byte)).collect()),
    }
}

/// Elements from the field of their type; if there are too few or too many, how many there are and should be.
fn from_fields(data_type: DataType, tensor: &proto::Tensor, count: usize) -> Result<Data, (usize, usize)> {
    let check = |have: usize, wanted: usize| if have == wanted { Ok(()) } else { Err((have, wanted)) };
    let small = tensor.int32_data.as_slice();
    Ok(match data_type {
        DataType::Float => {
            check(tensor.float_data.len(), count)?;
            Data::Float(tensor.float_data.as_slice().into())
        }
        DataType::Double => {
            check(tensor.double_data.len(), count)?;
            Data::Float(tensor.double_data.iter().map(|&value| value as f32).collect())
        }
        DataType::Float16 | DataType::Bfloat16 => {
            check(small.len(), count)?;
            let read: fn(u16) -> f32 = match data_type {
                DataType::Float16 => |bits| f16::from_bits(bits).to_f32(),
                _ => |bits| bf16::from_bits(bits).to_f32(),
            };
            Data::Float(small.iter().map(|&bits| read(bits as u16)).collect())
        }
        DataType::Int64 => {
            check(tensor.int64_data.len(), count)?;
            Data::Int(tensor.int64_data.as_slice().into())
        }
        DataType::Uint64 | DataType::Uint32 => {
            check(tensor.uint64_data.len(), count)?;
            Data::Int(tensor.uint64_data.iter().map(|&value| value as i64).collect())
        }
        DataType::Int4 | DataType::Uint4 | DataType::Int2 | DataType::Uint2 => {
            let a_byte = 8 / bits(data_type).unwrap_or(8);
            check(small.len(), count.div_ceil(a_byte))?;
            Data::Int(unpacked(data_type, small.iter().map(|&value| value as u8), count))
        }
        _ => {
            check(small.len(), count)?;
            Data::Int(small.iter().map(|&value| i64::from(value)).collect())
        }
    })
}

/// Elements of less than a byte, the first in the lowest bits.
fn unpacked(data_type: DataType, bytes: impl Iterator<Item = u8>, count: usize) -> Arc<[i64]> {
    let width = bits(data_type).unwrap_or(8) as u32;
    let signed = matches!(data_type, DataType::Int4 | DataType::Int2);
    let list: Vec<i64> = bytes
        .flat_map(|byte| {
            (0..8 / width).map(move |index| {
                // Moved to the top, so that the shift back keeps the sign.
                let top = byte << (8 - width - index * width);
                if signed { i64::from(top as i8 >> (8 - width)) } else { i64::from(top >> (8 - width)) }
            })
        })
        .take(count)
        .collect();
    list.into()
}

/// A chunk of known length as an array; zeros if it were shorter, which `chunks_exact` excludes.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap_or([0; N])
}
