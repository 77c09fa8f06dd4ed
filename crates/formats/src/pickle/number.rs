//! Element types and their bytes.

use std::sync::Arc;

use half::{bf16, f16};

/// Type of the numbers of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Element {
    /// IEEE 754, 16 bit.
    F16,
    /// The upper half of an f32.
    Bf16,
    /// IEEE 754, 32 bit.
    F32,
    /// IEEE 754, 64 bit.
    F64,
    /// Truth value, one byte.
    Bool,
    /// Unsigned, 8 bit.
    U8,
    /// Signed, 8 bit.
    I8,
    /// Unsigned, 16 bit.
    U16,
    /// Signed, 16 bit.
    I16,
    /// Unsigned, 32 bit.
    U32,
    /// Signed, 32 bit.
    I32,
    /// Unsigned, 64 bit.
    U64,
    /// Signed, 64 bit.
    I64,
}

impl Element {
    /// Bytes of one element.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::F16 | Self::Bf16 | Self::U16 | Self::I16 => 2,
            Self::F32 | Self::U32 | Self::I32 => 4,
            Self::F64 | Self::U64 | Self::I64 => 8,
        }
    }

    /// The type that NumPy spells `f4`, `i8`, `b1`, ... (without byte order).
    pub(super) fn from_numpy(code: &str) -> Option<Self> {
        Some(match code {
            "f2" => Self::F16,
            "f4" => Self::F32,
            "f8" => Self::F64,
            "b1" => Self::Bool,
            "u1" => Self::U8,
            "i1" => Self::I8,
            "u2" => Self::U16,
            "i2" => Self::I16,
            "u4" => Self::U32,
            "i4" => Self::I32,
            "u8" => Self::U64,
            "i8" => Self::I64,
            _ => return None,
        })
    }

    /// The type of the elements of `torch.<name>`, a storage class.
    pub(super) fn from_torch_storage(name: &str) -> Option<Self> {
        Some(match name {
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::Bf16,
            "FloatStorage" => Self::F32,
            "DoubleStorage" => Self::F64,
            "BoolStorage" => Self::Bool,
            "ByteStorage" => Self::U8,
            "CharStorage" => Self::I8,
            "ShortStorage" => Self::I16,
            "IntStorage" => Self::I32,
            "LongStorage" => Self::I64,
            _ => return None,
        })
    }

    /// All elements as f32, in one allocation; wide integers and doubles are rounded.
    pub(crate) fn floats(self, bytes: &[u8], big_endian: bool) -> Arc<[f32]> {
        if self == Self::F32 && !big_endian {
            return bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        }
        let at = |index| self.get(bytes, index, big_endian).unwrap_or_default();
        (0..bytes.len() / self.size()).map(at).collect()
    }

    /// Reads the element at `index` as f32 (wide integers and doubles are rounded); `None` past the end.
    pub(super) fn get(self, bytes: &[u8], index: usize, big_endian: bool) -> Option<f32> {
        let size = self.size();
        let start = index.checked_mul(size)?;
        let source = bytes.get(start..start.checked_add(size)?)?;
        let mut buffer = [0_u8; 8];
        let target = buffer.get_mut(..size)?;
        target.copy_from_slice(source);
        if big_endian {
            target.reverse();
        }
        let [b0, b1, b2, b3, ..] = buffer;
        #[expect(clippy::cast_precision_loss, reason = "the caller asks for f32")]
        #[expect(clippy::cast_possible_truncation, reason = "the caller asks for f32")]
        let value = match self {
            Self::F16 => f16::from_le_bytes([b0, b1]).to_f32(),
            Self::Bf16 => bf16::from_le_bytes([b0, b1]).to_f32(),
            Self::F32 => f32::from_le_bytes([b0, b1, b2, b3]),
            Self::F64 => f64::from_le_bytes(buffer) as f32,
            Self::Bool => f32::from(b0 != 0),
            Self::U8 => f32::from(b0),
            Self::I8 => f32::from(i8::from_le_bytes([b0])),
            Self::U16 => f32::from(u16::from_le_bytes([b0, b1])),
            Self::I16 => f32::from(i16::from_le_bytes([b0, b1])),
            Self::U32 => u32::from_le_bytes([b0, b1, b2, b3]) as f32,
            Self::I32 => i32::from_le_bytes([b0, b1, b2, b3]) as f32,
            Self::U64 => u64::from_le_bytes(buffer) as f32,
            Self::I64 => i64::from_le_bytes(buffer) as f32,
        };
        Some(value)
    }
}
