//! Zip archives as Keras writes them: a directory at the end, entries stored or deflated.

use bytes::Bytes;

use crate::{FormatError, inflate};

/// More entries than a network's archive has.
const MAX_ENTRIES: usize = 10_000;

/// How much an entry may grow: repeating text reaches some dozens, bombs a thousand.
const MAX_RATIO: usize = 200;

fn damaged(reason: impl Into<String>) -> FormatError {
    FormatError::Damaged { reason: reason.into() }
}

/// An archive.
pub(crate) struct Zip {
    bytes: Bytes,
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    method: u16,
    flags: u16,
    stored: usize,
    size: usize,
    offset: usize,
    checksum: u32,
}

fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let part = bytes.get(at..at.checked_add(size)?)?;
    Some(part.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

fn small(bytes: &[u8], at: usize, size: usize) -> Option<usize> {
    usize::try_from(number(bytes, at, size)?).ok()
}

impl Zip {
    /// Reads the directory.
    ///
    /// # Errors
    /// If there is none, as in a file that is cut off.
    pub fn open(bytes: Bytes) -> Result<Self, FormatError> {
        let cut = || damaged("the directory at the end of the zip archive is missing; the file is cut off");
        // The end record may have a comment of up to 64 KiB behind it.
        let first = bytes.len().saturating_sub(22 + 0xffff);
        let tail = bytes.get(first..).unwrap_or_default();
        let end = tail.windows(4).rposition(|window| window == b"PK\x05\x06").ok_or_else(cut)? + first;
        let mut count = small(&bytes, end + 10, 2).ok_or_else(cut)?;
        let mut start = small(&bytes, end + 16, 4).ok_or_else(cut)?;
        // The record of large archives stands before its locator, which stands before the end record.
        if count == 0xffff || start == 0xffff_ffff {
            let locator =
                end.checked_sub(20).filter(|&at| number(&bytes, at, 4) == Some(0x0706_4b50)).ok_or_else(cut)?;
            let record = small(&bytes, locator + 8, 8).ok_or_else(cut)?;
            let at = |offset: usize| record.checked_add(offset).ok_or_else(cut);
            if number(&bytes, record, 4) != Some(0x0606_4b50) {
                return Err(cut());
            }
            count = small(&bytes, at(32)?, 8).ok_or_else(cut)?;
            start = small(&bytes, at(48)?, 8).ok_or_else(cut)?;
        }
        if count > MAX_ENTRIES {
            return Err(FormatError::TooLarge { what: "entries in its archive", actual: count, limit: MAX_ENTRIES });
        }
        let mut entries = Vec::new();
        let mut rest = bytes.get(start..).ok_or_else(cut)?;
        for _ in 0..count {
            let (entry, after) = entry(rest).ok_or_else(|| damaged("the directory of the zip archive is cut off"))?;
            entries.push(entry);
            rest = after;
        }
        Ok(Self { bytes, entries })
    }

    /// The names of its entries.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// How many bytes all entries have together once they are unpacked.
    pub fn unpacked(&self) -> usize {
        self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.size))
    }

    /// The bytes of an entry, `None` if there is none of this name. A stored entry shares the archive's memory.
    ///
    /// # Errors
    /// If it is damaged, encrypted, or much larger than the archive.
    pub fn read(&self, name: &str) -> Result<Option<Bytes>, FormatError> {
        let Some(entry) = self.entries.iter().find(|entry| entry.name == name) else { return Ok(None) };
        let cut = || damaged(format!("the entry {name:?} of the zip archive is cut off"));
        if entry.flags & 1 != 0 {
            return Err(FormatError::Unsupported { what: format!("encryption of the entry {name:?}") });
        }
        let header = self.bytes.get(entry.offset..).ok_or_else(cut)?;
        if number(header, 0, 4) != Some(0x0403_4b50) {
            return Err(damaged(format!("the entry {name:?} of the zip archive is not where its directory says")));
        }
        let lengths = small(header, 26, 2).zip(small(header, 28, 2)).ok_or_else(cut)?;
        let start = entry.offset.checked_add(30 + lengths.0 + lengths.1).ok_or_else(cut)?;
        let end = start.checked_add(entry.stored).filter(|&end| end <= self.bytes.len()).ok_or_else(cut)?;
        let data = self.bytes.slice(start..end);
        let data = match entry.method {
            0 if entry.size == entry.stored => data,
            8 => {
                let limit = data.len().saturating_mul(MAX_RATIO);
                if entry.size > limit {
                    return Err(FormatError::TooLarge { what: "bytes in a packed entry", actual: entry.size, limit });
                }
                let inflated = inflate::deflate(&data, entry.size)?;
                if inflated.len() != entry.size {
                    return Err(cut());
                }
                inflated.into()
            }
            0 => return Err(cut()),
            method => return Err(FormatError::Unsupported { what: format!("the zip compression {method}") }),
        };
        let mut checksum = flate2::Crc::new();
        checksum.update(&data);
        if checksum.sum() != entry.checksum {
            return Err(damaged(format!("the entry {name:?} of the zip archive has another checksum than it should")));
        }
        Ok(Some(data))
    }
}

/// The first entry of a directory and what follows it.
fn entry(bytes: &[u8]) -> Option<(Entry, &[u8])> {
    if number(bytes, 0, 4)? != 0x0201_4b50 {
        return None;
    }
    let [name, extra, comment] = [28, 30, 32].map(|at| small(bytes, at, 2));
    let (name, extra, comment) = (name?, extra?, comment?);
    let (fields, after) = (bytes.get(46 + name..46 + name + extra)?, bytes.get(46 + name + extra + comment..)?);
    let mut sizes = [number(bytes, 24, 4)?, number(bytes, 20, 4)?, number(bytes, 42, 4)?];
    // Sizes that do not fit 32 bits are in a field of their own, in this order.
    let mut rest = fields;
    while let (Some(id), Some(length)) = (number(rest, 0, 2), small(rest, 2, 2)) {
        let field = rest.get(4..4 + length)?;
        if id == 1 {
            let mut at = 0;
            for size in sizes.iter_mut().filter(|size| **size == 0xffff_ffff) {
                *size = number(field, at, 8)?;
                at += 8;
            }
        }
        rest = rest.get(4 + length..)?;
    }
    let [size, stored, offset] = sizes;
    let entry = Entry {
        name: String::from_utf8_lossy(bytes.get(46..46 + name)?).into_owned(),
        method: number(bytes, 10, 2)? as u16,
        flags: number(bytes, 8, 2)? as u16,
        stored: usize::try_from(stored).ok()?,
        size: usize::try_from(size).ok()?,
        offset: usize::try_from(offset).ok()?,
        checksum: number(bytes, 16, 4)? as u32,
    };
    Some((entry, after))
}
