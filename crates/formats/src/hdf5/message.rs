//! Messages of an object header: types, shapes, layouts, filters, links and attributes.

use bytes::Bytes;

use super::{
    File, MAX_RANK,
    cursor::{Cursor, damaged, unsupported},
};
use crate::FormatError;

/// The type of the elements of an attribute or a data set.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Text of a fixed number of bytes.
    Text(usize),
    /// Text in a global heap.
    VariableText,
    Half,
    Single,
    Double,
    /// Upper half of a single.
    Brain,
    /// Integer of some bytes, with or without a sign.
    Integer(usize, bool),
    /// Bytes without a meaning.
    Opaque(usize),
    /// Anything else, in words.
    Other(&'static str),
}

/// A type and its byte order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Datatype {
    pub kind: Kind,
    pub big_endian: bool,
    /// Bytes of one element.
    pub size: usize,
}

impl Datatype {
    pub fn parse(cursor: &mut Cursor) -> Result<Self, FormatError> {
        let class = cursor.u8()?;
        let bits = cursor.number(3)?;
        let size = cursor.size(4)?;
        let kind = match class & 0x0f {
            0 => Kind::Integer(size, bits & 8 != 0),
            1 => {
                let offset = cursor.u16()?;
                let precision = cursor.u16()?;
                let exponent = [cursor.u8()?, cursor.u8()?];
                let mantissa = [cursor.u8()?, cursor.u8()?];
                match (size, offset, precision, exponent, mantissa) {
                    (2, 0, 16, [10, 5], [0, 10]) => Kind::Half,
                    (2, 0, 16, [7, 8], [0, 7]) => Kind::Brain,
                    (4, 0, 32, [23, 8], [0, 23]) => Kind::Single,
                    (8, 0, 64, [52, 11], [0, 52]) => Kind::Double,
                    _ => Kind::Other("floats of an unusual form"),
                }
            }
            3 => Kind::Text(size),
            5 => Kind::Opaque(size),
            9 if bits & 0x0f == 1 => Kind::VariableText,
            2 => Kind::Other("times"),
            4 => Kind::Other("bit fields"),
            6 => Kind::Other("compound values"),
            7 => Kind::Other("references"),
            8 => Kind::Other("enumerations"),
            9 => Kind::Other("lists of variable length"),
            10 => Kind::Other("arrays"),
            _ => Kind::Other("values of an unknown type"),
        };
        if size == 0 && !matches!(kind, Kind::Text(_)) {
            return Err(damaged("an HDF5 type has elements of no bytes"));
        }
        Ok(Self { kind, big_endian: bits & 1 != 0, size })
    }
}

/// The sizes of the axes; no axes for a single value.
pub(super) fn dataspace(cursor: &mut Cursor) -> Result<Vec<usize>, FormatError> {
    let version = cursor.u8()?;
    let rank = usize::from(cursor.u8()?);
    let _flags = cursor.u8()?;
    let kind = cursor.u8()?;
    match version {
        1 => cursor.skip(4)?,
        // Type 2 is a space without any element.
        2 if kind == 2 => return Ok(vec![0]),
        2 => {}
        _ => return Err(damaged(format!("an HDF5 shape has version {version}"))),
    }
    if rank > MAX_RANK {
        return Err(damaged(format!("an HDF5 shape has {rank} axes")));
    }
    (0..rank).map(|_| cursor.size(8)).collect()
}

/// Where the elements of a data set are.
#[derive(Clone, Debug)]
pub(super) enum Layout {
    Compact(Bytes),
    Contiguous(Option<u64>),
    /// Chunks in a tree: its address and the chunk's sizes, the last of which is that of an element.
    Chunked(Option<u64>, Vec<usize>),
    /// One chunk that is everything, with its size and the filters that were skipped.
    Single(Option<u64>, Option<(usize, u32)>),
}

impl Layout {
    pub fn parse(cursor: &mut Cursor) -> Result<Self, FormatError> {
        let version = cursor.u8()?;
        if !matches!(version, 3 | 4) {
            return Err(unsupported(format!("version {version} of HDF5's data layout")));
        }
        match cursor.u8()? {
            0 => {
                let size = usize::from(cursor.u16()?);
                Ok(Self::Compact(cursor.take(size)?))
            }
            1 => Ok(Self::Contiguous(cursor.address()?)),
            2 if version == 3 => {
                let rank = usize::from(cursor.u8()?);
                if rank == 0 || rank > MAX_RANK + 1 {
                    return Err(damaged(format!("an HDF5 chunk has {rank} axes")));
                }
                let address = cursor.address()?;
                let dims = (0..rank).map(|_| cursor.size(4)).collect::<Result<_, _>>()?;
                Ok(Self::Chunked(address, dims))
            }
            2 => {
                let flags = cursor.u8()?;
                let rank = usize::from(cursor.u8()?);
                let width = usize::from(cursor.u8()?);
                if width > 8 {
                    return Err(damaged("an HDF5 chunk has sizes of more than 8 bytes"));
                }
                cursor.skip(rank * width)?;
                match cursor.u8()? {
                    1 => {
                        let filtered = if flags & 2 != 0 { Some((cursor.size(8)?, cursor.u32()?)) } else { None };
                        Ok(Self::Single(cursor.address()?, filtered))
                    }
                    2 => Err(unsupported("HDF5 chunks without an index")),
                    3 => Err(unsupported("HDF5 chunks in a fixed array")),
                    4 => Err(unsupported("HDF5 chunks in an extensible array")),
                    _ => Err(unsupported("HDF5 chunks in a tree of version 2")),
                }
            }
            3 => Err(unsupported("HDF5 data sets made of other data sets")),
            other => Err(damaged(format!("an HDF5 data set has the layout {other}"))),
        }
    }
}

/// A step between stored bytes and elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Filter {
    Gzip,
    Shuffle,
    /// A checksum behind the data, which is not looked at.
    Checksum,
}

/// The filters in the order in which they were applied.
pub(super) fn filters(cursor: &mut Cursor) -> Result<Vec<Filter>, FormatError> {
    let version = cursor.u8()?;
    let count = cursor.u8()?;
    if version == 1 {
        cursor.skip(6)?;
    }
    let mut filters = Vec::new();
    for _ in 0..count {
        let id = cursor.u16()?;
        let named = version == 1 || id >= 256;
        let name = if named { usize::from(cursor.u16()?) } else { 0 };
        cursor.skip(2)?;
        let values = usize::from(cursor.u16()?);
        cursor.skip(if version == 1 { name.next_multiple_of(8) } else { name })?;
        cursor.skip(4 * values)?;
        if version == 1 && values % 2 == 1 {
            cursor.skip(4)?;
        }
        filters.push(match id {
            1 => Filter::Gzip,
            2 => Filter::Shuffle,
            3 => Filter::Checksum,
            4 => return Err(unsupported("HDF5's szip compression")),
            32000 => return Err(unsupported("HDF5's lzf compression")),
            other => return Err(unsupported(format!("HDF5's filter {other}"))),
        });
    }
    Ok(filters)
}

/// A link of a group: name and address; `None` for links to names and to other files.
pub(super) fn link(cursor: &mut Cursor) -> Result<Option<(String, u64)>, FormatError> {
    if cursor.u8()? != 1 {
        return Err(damaged("an HDF5 link has an unknown version"));
    }
    let flags = cursor.u8()?;
    let kind = if flags & 8 != 0 { cursor.u8()? } else { 0 };
    if flags & 4 != 0 {
        cursor.skip(8)?;
    }
    if flags & 16 != 0 {
        cursor.skip(1)?;
    }
    let length = cursor.size(1 << (flags & 3))?;
    let name = String::from_utf8_lossy(&cursor.take(length)?).into_owned();
    if kind != 0 {
        return Ok(None);
    }
    Ok(cursor.address()?.map(|address| (name, address)))
}

/// An attribute.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub name: Bytes,
    pub datatype: Datatype,
    pub dims: Vec<usize>,
    pub data: Bytes,
}

impl Attribute {
    pub fn parse(cursor: &mut Cursor) -> Result<Self, FormatError> {
        let version = cursor.u8()?;
        if !(1..=3).contains(&version) {
            return Err(damaged(format!("an HDF5 attribute has version {version}")));
        }
        let flags = cursor.u8()?;
        let sizes = [usize::from(cursor.u16()?), usize::from(cursor.u16()?), usize::from(cursor.u16()?)];
        if version == 3 {
            cursor.skip(1)?;
        }
        let [name, datatype, space] = sizes.map(|size| if version == 1 { size.next_multiple_of(8) } else { size });
        let name = cursor.take(name)?;
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
        let name = name.slice(..end);
        if version > 1 && flags & 3 != 0 {
            return Err(unsupported("HDF5 types that several attributes share"));
        }
        let datatype = Datatype::parse(&mut Cursor::new(cursor.take(datatype)?))?;
        let dims = dataspace(&mut Cursor::new(cursor.take(space)?))?;
        let data = cursor.take(cursor.left())?;
        Ok(Self { name, datatype, dims, data })
    }

    /// Its texts, row-major.
    pub fn texts(&self, file: &File) -> Result<Vec<String>, FormatError> {
        let count = self.dims.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
        let count = count.ok_or_else(|| damaged("an HDF5 attribute is too large"))?;
        // Keras writes an empty list as an empty array of floats.
        if count == 0 {
            return Ok(Vec::new());
        }
        let total = count.checked_mul(self.datatype.size).filter(|&total| total <= self.data.len());
        if total.is_none() || self.datatype.size == 0 {
            return Err(damaged(format!("the HDF5 attribute {:?} is cut off", String::from_utf8_lossy(&self.name))));
        }
        let parts = self.data.chunks_exact(self.datatype.size).take(count);
        match self.datatype.kind {
            Kind::Text(_) => Ok(parts
                .map(|part| {
                    let end = part.iter().position(|&byte| byte == 0).unwrap_or(part.len());
                    String::from_utf8_lossy(part.get(..end).unwrap_or_default()).trim_end_matches(' ').to_owned()
                })
                .collect()),
            Kind::VariableText => parts.map(|part| super::heap::text(file, part)).collect(),
            _ => Err(damaged(format!("the HDF5 attribute {:?} is not text", String::from_utf8_lossy(&self.name)))),
        }
    }
}
