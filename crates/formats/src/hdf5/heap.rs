//! Heaps: local ones for names of links, global ones for texts of variable length, fractal ones for many links.

use std::{collections::HashMap, ops::Range, rc::Rc};

use bytes::Bytes;

use super::{
    File,
    cursor::{Cursor, damaged, unsupported},
};
use crate::FormatError;

/// Where the objects of a global heap are, by their numbers.
pub(super) struct Global {
    objects: HashMap<u16, Range<usize>>,
}

impl Global {
    fn read(file: &File, address: u64) -> Result<Self, FormatError> {
        let mut cursor = file.at(address)?;
        cursor.expect(b"GCOL")?;
        cursor.skip(4)?;
        let size = cursor.size(8)?;
        let mut cursor = Cursor::new(file.slice(address, size)?);
        cursor.skip(16)?;
        let mut objects = HashMap::new();
        while cursor.left() >= 16 {
            file.step(1)?;
            let index = cursor.u16()?;
            cursor.skip(6)?;
            let length = cursor.size(8)?;
            if index == 0 {
                break;
            }
            let start = cursor.at();
            let padded = length.checked_next_multiple_of(8).ok_or_else(|| damaged("an HDF5 text is too long"))?;
            cursor.skip(padded)?;
            objects.insert(index, start..start + length);
        }
        Ok(Self { objects })
    }
}

/// The text that an element of variable length stands for.
pub(super) fn text(file: &File, element: &[u8]) -> Result<String, FormatError> {
    let mut cursor = Cursor::new(Bytes::copy_from_slice(element));
    let length = cursor.size(4)?;
    let address = cursor.address()?;
    let index = cursor.u32()?;
    let Some(address) = address.filter(|&address| length > 0 && address > 0) else { return Ok(String::new()) };
    let known = file.heaps.borrow().get(&address).cloned();
    let heap = match known {
        Some(heap) => heap,
        None => {
            let heap = Rc::new(Global::read(file, address)?);
            file.heaps.borrow_mut().insert(address, Rc::clone(&heap));
            heap
        }
    };
    let range = u16::try_from(index).ok().and_then(|index| heap.objects.get(&index));
    let range = range.ok_or_else(|| damaged("an HDF5 text is missing"))?;
    let bytes = file.slice(address, range.end)?;
    let bytes = bytes.get(range.clone()).and_then(|bytes| bytes.get(..length));
    let bytes = bytes.ok_or_else(|| damaged("an HDF5 text is cut off"))?;
    file.step(length)?;
    Ok(String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned())
}

/// The bytes of a local heap.
pub(super) fn local(file: &File, address: u64) -> Result<Bytes, FormatError> {
    let mut cursor = file.at(address)?;
    cursor.expect(b"HEAP")?;
    cursor.skip(4)?;
    let size = cursor.size(8)?;
    cursor.skip(8)?;
    let data = cursor.address()?.ok_or_else(|| damaged("an HDF5 group has no names"))?;
    file.slice(data, size)
}

/// The header of a fractal heap.
pub(super) struct Fractal<'a> {
    file: &'a File,
    offset_bytes: usize,
    length_bytes: usize,
    width: u64,
    start: u64,
    max_direct: u64,
    root: Option<u64>,
    rows: u16,
}

/// The number of bytes that hold values up to `limit`.
pub(super) fn bytes_for(limit: u64) -> usize {
    limit.checked_ilog2().unwrap_or_default() as usize / 8 + 1
}

impl<'a> Fractal<'a> {
    pub fn read(file: &'a File, address: u64) -> Result<Self, FormatError> {
        let mut cursor = file.at(address)?;
        cursor.expect(b"FRHP")?;
        cursor.skip(1 + 2)?;
        let filters = cursor.u16()?;
        cursor.skip(1)?;
        let max_managed = cursor.u32()?;
        cursor.skip(8 * 12)?;
        let width = u64::from(cursor.u16()?);
        let start = cursor.number(8)?;
        let max_direct = cursor.number(8)?;
        let bits = cursor.u16()?;
        cursor.skip(2)?;
        let root = cursor.address()?;
        let rows = cursor.u16()?;
        if filters != 0 {
            return Err(unsupported("compressed HDF5 links"));
        }
        if width == 0 || !start.is_power_of_two() || !max_direct.is_power_of_two() || start > max_direct || bits > 64 {
            return Err(damaged("an HDF5 heap has blocks of an impossible size"));
        }
        let offset_bytes = usize::from(bits).div_ceil(8);
        let length_bytes = (max_direct.ilog2() as usize).div_ceil(8).min(bytes_for(max_managed.into()));
        Ok(Self { file, offset_bytes, length_bytes, width, start, max_direct, root, rows })
    }

    /// The bytes of the object with this id.
    pub fn object(&self, id: Bytes) -> Result<Bytes, FormatError> {
        let first = id.first().copied().unwrap_or_default();
        let mut cursor = Cursor::new(id);
        match cursor.u8()? >> 4 & 3 {
            0 => {
                let offset = cursor.number(self.offset_bytes)?;
                let length = cursor.size(self.length_bytes)?;
                self.managed(offset, length)
            }
            2 => {
                let length = usize::from(first & 0x0f) + 1;
                cursor.take(length)
            }
            _ => Err(unsupported("HDF5 links of more than 64 KiB")),
        }
    }

    /// The size of the blocks in a row of an indirect block.
    fn block(&self, row: u32) -> Option<u64> {
        self.start.checked_mul(1u64.checked_shl(row.saturating_sub(1))?)
    }

    fn managed(&self, offset: u64, length: usize) -> Result<Bytes, FormatError> {
        let outside = || damaged("an HDF5 link is outside its heap");
        let mut block = self.root.ok_or_else(outside)?;
        let mut within = offset;
        let mut rows = self.rows;
        // Each round goes from an indirect block to one of its children, which is smaller.
        while rows > 0 {
            self.file.step(1)?;
            let mut cursor = self.file.at(block)?;
            cursor.expect(b"FHIB")?;
            cursor.skip(1 + 8 + self.offset_bytes)?;
            let mut row = 0u32;
            let (size, column) = loop {
                let size = self.block(row).ok_or_else(outside)?;
                let span = size.checked_mul(self.width).ok_or_else(outside)?;
                if within < span {
                    break (size, within / size);
                }
                within -= span;
                row += 1;
                if row >= u32::from(rows) {
                    return Err(outside());
                }
            };
            within %= size;
            let entry = u64::from(row).checked_mul(self.width).and_then(|entry| entry.checked_add(column));
            let skip = entry.and_then(|entry| usize::try_from(entry.checked_mul(8)?).ok()).ok_or_else(outside)?;
            cursor.skip(skip)?;
            block = cursor.address()?.ok_or_else(outside)?;
            if size <= self.max_direct {
                break;
            }
            // The rows of a child that as a whole has this size.
            let span = self.start.checked_mul(self.width).ok_or_else(outside)?;
            let child = (size / span.max(1)).checked_ilog2().map_or(0, |log| log as u16 + 1);
            if child == 0 || child >= rows {
                return Err(outside());
            }
            rows = child;
        }
        let start = usize::try_from(within).map_err(|_| outside())?;
        let mut cursor = self.file.at(block)?;
        cursor.expect(b"FHDB")?;
        let mut cursor = self.file.at(block)?;
        cursor.skip(start)?;
        cursor.take(length)
    }
}
