//! Constant tensors: weights and what is computed from them while reading.

use std::sync::Arc;

use half::{bf16, f16};

use super::proto::{self, DataLocation, DataType};
use crate::FormatError;

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

    /// Reads a tensor message. Sizes are compared with the bytes that are there before anything is allocated.
    pub fn decode(tensor: &proto::Tensor) -> Result<Self, FormatError> {
        let fail = |reason: String| FormatError::Tensor { tensor: tensor.name.clone(), reason };
        if tensor.data_location == DataLocation::External as i32 || !tensor.external_data.is_empty() {
            let file = tensor.external_data.iter().find(|entry| entry.key == "location");
            let file = file.map_or_else(|| "unknown".to_owned(), |entry| entry.value.clone());
            return Err(FormatError::ExternalData { tensor: tensor.name.clone(), file });
        }
        let dims = tensor
            .dims
            .iter()
            .map(|&size| usize::try_from(size).map_err(|_| fail(format!("its shape has an axis of size {size}"))))
            .collect::<Result<Vec<_>, _>>()?;
        if dims.len() > MAX_RANK {
            return Err(fail(format!("it has {} axes", dims.len())));
        }
        let count = count(&dims).ok_or_else(|| fail(format!("its shape {dims:?} is too large")))?;
        let data_type = DataType::try_from(tensor.data_type)
            .map_err(|_| fail(format!("its element type {} is unknown", tensor.data_type)))?;

        let check = |actual: usize| {
            if actual == count {
                Ok(())
            } else {
                Err(fail(format!("it has {actual} elements, its shape {dims:?} needs {count}")))
            }
        };
        let raw = |size: usize| -> Result<Option<&[u8]>, FormatError> {
            match tensor.raw_data.as_deref() {
                Some(raw) if !raw.is_empty() || count == 0 => {
                    if count.checked_mul(size) == Some(raw.len()) {
                        Ok(Some(raw))
                    } else {
                        Err(fail(format!("it has {} bytes, its shape {dims:?} needs {count} × {size}", raw.len())))
                    }
                }
                _ => Ok(None),
            }
        };
        let small = |range: (i64, i64),
                     size: usize,
                     read: fn(&[u8]) -> i64|
         -> Result<(Data, Option<(i64, i64)>), FormatError> {
            let data: Arc<[i64]> = match raw(size)? {
                Some(raw) => raw.chunks_exact(size).map(read).collect(),
                None => {
                    check(tensor.int32_data.len())?;
                    tensor.int32_data.iter().map(|&value| i64::from(value)).collect()
                }
            };
            Ok((Data::Int(data), Some(range)))
        };
        let halves = |read: fn(u16) -> f32| -> Result<(Data, Option<(i64, i64)>), FormatError> {
            let data: Arc<[f32]> = match raw(2)? {
                Some(raw) => raw.chunks_exact(2).map(|bytes| read(u16::from_le_bytes(array(bytes)))).collect(),
                None => {
                    check(tensor.int32_data.len())?;
                    tensor.int32_data.iter().map(|&bits| read(bits as u16)).collect()
                }
            };
            Ok((Data::Float(data), None))
        };

        let (data, range) = match data_type {
            DataType::Float => {
                let data: Arc<[f32]> = match raw(4)? {
                    Some(raw) => raw.chunks_exact(4).map(|bytes| f32::from_le_bytes(array(bytes))).collect(),
                    None => {
                        check(tensor.float_data.len())?;
                        tensor.float_data.as_slice().into()
                    }
                };
                (Data::Float(data), None)
            }
            DataType::Double => {
                let data: Arc<[f32]> = match raw(8)? {
                    Some(raw) => raw.chunks_exact(8).map(|bytes| f64::from_le_bytes(array(bytes)) as f32).collect(),
                    None => {
                        check(tensor.double_data.len())?;
                        tensor.double_data.iter().map(|&value| value as f32).collect()
                    }
                };
                (Data::Float(data), None)
            }
            DataType::Float16 => halves(|bits| f16::from_bits(bits).to_f32())?,
            DataType::Bfloat16 => halves(|bits| bf16::from_bits(bits).to_f32())?,
            DataType::Int64 => {
                let data: Arc<[i64]> = match raw(8)? {
                    Some(raw) => raw.chunks_exact(8).map(|bytes| i64::from_le_bytes(array(bytes))).collect(),
                    None => {
                        check(tensor.int64_data.len())?;
                        tensor.int64_data.as_slice().into()
                    }
                };
                (Data::Int(data), None)
            }
            DataType::Uint64 | DataType::Uint32 => {
                let size = if data_type == DataType::Uint32 { 4 } else { 8 };
                let data: Arc<[i64]> = match raw(size)? {
                    Some(raw) if size == 4 => {
                        raw.chunks_exact(4).map(|bytes| i64::from(u32::from_le_bytes(array(bytes)))).collect()
                    }
                    Some(raw) => raw.chunks_exact(8).map(|bytes| u64::from_le_bytes(array(bytes)) as i64).collect(),
                    None => {
                        check(tensor.uint64_data.len())?;
                        tensor.uint64_data.iter().map(|&value| value as i64).collect()
                    }
                };
                (Data::Int(data), None)
            }
            DataType::Int32 => {
                small((i32::MIN.into(), i32::MAX.into()), 4, |bytes| i32::from_le_bytes(array(bytes)).into())?
            }
            DataType::Int16 => {
                small((i16::MIN.into(), i16::MAX.into()), 2, |bytes| i16::from_le_bytes(array(bytes)).into())?
            }
            DataType::Uint16 => small((0, u16::MAX.into()), 2, |bytes| u16::from_le_bytes(array(bytes)).into())?,
            DataType::Int8 => {
                small((i8::MIN.into(), i8::MAX.into()), 1, |bytes| i8::from_le_bytes(array(bytes)).into())?
            }
            DataType::Uint8 => small((0, u8::MAX.into()), 1, |bytes| u8::from_le_bytes(array(bytes)).into())?,
            DataType::Bool => small((0, 1), 1, |bytes| i64::from(array::<1>(bytes) != [0]))?,
            other => return Err(fail(format!("its element type {other:?} is not supported"))),
        };
        Ok(Self { dims, data, range })
    }
}

/// A chunk of known length as an array; zeros if it were shorter, which `chunks_exact` excludes.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap_or([0; N])
}
