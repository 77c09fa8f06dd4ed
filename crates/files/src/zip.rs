//! Zip archives: a directory at the end, entries stored or deflated.

use bytes::Bytes;

use crate::{Blob, FileError, inflate};

/// How much an entry may grow: repeating text reaches some dozens, bombs a thousand.
const MAX_RATIO: usize = 200;

fn damaged(reason: impl Into<String>) -> FileError {
    FileError::Damaged { reason: reason.into() }
}

/// An archive.
#[derive(Clone, Debug)]
pub struct Zip {
    file: Blob,
    entries: Vec<Entry>,
}

/// What the directory of an archive says of one file.
#[derive(Clone, Debug)]
pub struct Entry {
    name: String,
    method: u16,
    flags: u16,
    stored: u64,
    size: u64,
    offset: u64,
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
    /// Reads the directory of an archive of at most `limit` entries.
    ///
    /// # Errors
    /// If there is none, as in a file that is cut off, or if it is longer.
    pub fn open(file: impl Into<Blob>, limit: usize) -> Result<Self, FileError> {
        let file = file.into();
        let cut = || damaged("the directory at the end of the zip archive is missing; the file is cut off");
        // The end record may have a comment of up to 64 KiB behind it and, in large archives, a locator before it.
        let tail = file.tail(22 + 0xffff + 20)?;
        let end = tail.windows(4).rposition(|window| window == b"PK\x05\x06").ok_or_else(cut)?;
        let mut count = number(&tail, end + 10, 2).ok_or_else(cut)?;
        let mut start = number(&tail, end + 16, 4).ok_or_else(cut)?;
        // The length of the comment, the last field of the record.
        number(&tail, end + 20, 2).ok_or_else(cut)?;
        let mut stop = file.len() - tail.len() as u64 + end as u64;
        // The record of large archives stands before its locator, which stands before the end record.
        if count == 0xffff || start == 0xffff_ffff {
            let locator =
                end.checked_sub(20).filter(|&at| number(&tail, at, 4) == Some(0x0706_4b50)).ok_or_else(cut)?;
            stop = number(&tail, locator + 8, 8).ok_or_else(cut)?;
            let record = file.read(stop..stop.checked_add(56).ok_or_else(cut)?)?.ok_or_else(cut)?;
            if number(&record, 0, 4) != Some(0x0606_4b50) {
                return Err(cut());
            }
            count = number(&record, 32, 8).ok_or_else(cut)?;
            start = number(&record, 48, 8).ok_or_else(cut)?;
        }
        let actual = usize::try_from(count).unwrap_or(usize::MAX);
        if actual > limit {
            return Err(FileError::TooLarge { what: "entries in its archive", actual, limit });
        }
        let directory = file.read(start..stop)?.ok_or_else(cut)?;
        let mut entries = Vec::new();
        let mut rest = directory.as_ref();
        for _ in 0..actual {
            let (entry, after) = entry(rest).ok_or_else(|| damaged("the directory of the zip archive is cut off"))?;
            entries.push(entry);
            rest = after;
        }
        Ok(Self { file, entries })
    }

    /// What the directory lists, in its order. Folders are entries of their own where the archive has them.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The names of its entries.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// How many bytes all entries have together once they are unpacked.
    #[must_use]
    pub fn unpacked(&self) -> u64 {
        self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.size))
    }

    /// An entry, `None` if there is none of this name. A stored entry is a part of the archive; only its checksum is
    /// read.
    ///
    /// # Errors
    /// If it is damaged, encrypted, or much larger than the archive.
    pub fn part(&self, name: &str) -> Result<Option<Blob>, FileError> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| self.unpack(entry)).transpose()
    }

    /// An entry of this archive. A stored entry is a part of the archive; only its checksum is read.
    ///
    /// # Errors
    /// If it is damaged, encrypted, or much larger than the archive.
    pub fn unpack(&self, entry: &Entry) -> Result<Blob, FileError> {
        let cut = || cut_off(entry);
        let data = self.packed(entry)?;
        let data = match entry.method {
            0 if entry.size == entry.stored => data,
            8 => {
                let size = usize::try_from(entry.size).unwrap_or(usize::MAX);
                let packed = data.bytes()?;
                let limit = packed.len().saturating_mul(MAX_RATIO);
                if size > limit {
                    return Err(FileError::TooLarge { what: "bytes in a packed entry", actual: size, limit });
                }
                let inflated = inflate::deflate(&packed, size)?;
                if inflated.len() != size {
                    return Err(cut());
                }
                inflated.into()
            }
            0 => return Err(cut()),
            method => return Err(unknown(entry, method)),
        };
        let mut checksum = flate2::Crc::new();
        for piece in data.pieces() {
            checksum.update(&piece?);
        }
        if checksum.sum() != entry.checksum {
            return Err(damaged(format!(
                "the entry {:?} of the zip archive has another checksum than it should",
                entry.name
            )));
        }
        Ok(data)
    }

    /// A stored entry without reading it, as a part of the archive; `None` if the entry is packed. Nothing tells whether
    /// its bytes are as they were.
    ///
    /// # Errors
    /// If it is cut off or encrypted.
    pub fn stored(&self, entry: &Entry) -> Result<Option<Blob>, FileError> {
        if !entry.is_stored() {
            return Ok(None);
        }
        self.packed(entry).map(Some)
    }

    /// The first bytes of an entry, at most `length`; one read of the archive in most cases.
    ///
    /// # Errors
    /// If they are damaged or encrypted.
    pub fn head(&self, entry: &Entry, length: usize) -> Result<Bytes, FileError> {
        // Fields behind the name that are longer than this are rare.
        const FIELDS: u64 = 64;
        let data = usize::try_from(entry.stored).unwrap_or(usize::MAX).min(length);
        let end = entry.offset.saturating_add(30 + entry.name.len() as u64 + FIELDS + data as u64);
        let near = self.file.read(entry.offset.min(end)..end.min(self.file.len()).max(entry.offset.min(end)))?;
        let near = near.ok_or_else(|| cut_off(entry))?;
        let start = start(entry, &near)?;
        let from = start - entry.offset;
        let packed = match usize::try_from(from).ok().and_then(|from| near.get(from..from.checked_add(data)?)) {
            Some(bytes) => bytes.to_vec().into(),
            None => {
                let end = start.checked_add(data as u64).ok_or_else(|| cut_off(entry))?;
                self.file.read(start..end)?.ok_or_else(|| cut_off(entry))?
            }
        };
        match entry.method {
            0 => Ok(packed),
            8 => Ok(inflate::head(&packed, length)?.into()),
            method => Err(unknown(entry, method)),
        }
    }

    /// An entry as it lies in the archive.
    fn packed(&self, entry: &Entry) -> Result<Blob, FileError> {
        let cut = || cut_off(entry);
        let header = entry.offset.checked_add(30).map(|end| self.file.read(entry.offset..end)).transpose()?;
        let start = start(entry, &header.flatten().ok_or_else(cut)?)?;
        let end = start.checked_add(entry.stored).ok_or_else(cut)?;
        self.file.part(start..end).ok_or_else(cut)
    }

    /// The bytes of an entry, `None` if there is none of this name. A stored entry shares the archive's memory.
    ///
    /// # Errors
    /// As [`part`](Self::part).
    pub fn read(&self, name: &str) -> Result<Option<Bytes>, FileError> {
        self.part(name)?.map(|part| part.bytes()).transpose()
    }
}

impl Entry {
    /// Its path, with `/` between folders; a folder's ends in one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.name.ends_with('/')
    }

    /// Its length in bytes once it is unpacked.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether it is kept as it is, not packed.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.method == 0 && self.size == self.stored
    }

    /// CRC-32 of its content.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        self.checksum
    }
}

fn cut_off(entry: &Entry) -> FileError {
    damaged(format!("the entry {:?} of the zip archive is cut off", entry.name))
}

fn unknown(entry: &Entry, method: u16) -> FileError {
    FileError::Packing { what: format!("compression number {method} for {:?}", entry.name) }
}

/// Where the data of an entry starts, by the header before it.
fn start(entry: &Entry, header: &[u8]) -> Result<u64, FileError> {
    let name = &entry.name;
    if entry.flags & 1 != 0 {
        return Err(FileError::Packing { what: format!("a password for {name:?}") });
    }
    let cut = || cut_off(entry);
    if number(header, 0, 4).ok_or_else(cut)? != 0x0403_4b50 {
        return Err(damaged(format!("the entry {name:?} of the zip archive is not where its directory says")));
    }
    let lengths = number(header, 26, 2).zip(number(header, 28, 2)).ok_or_else(cut)?;
    entry.offset.checked_add(30 + lengths.0 + lengths.1).ok_or_else(cut)
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
        stored,
        size,
        offset,
        checksum: number(bytes, 16, 4)? as u32,
    };
    Some((entry, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive of one stored entry, whose end is written as in archives of more than 4 GiB.
    fn large() -> Vec<u8> {
        let data = b"numbers";
        let mut checksum = flate2::Crc::new();
        checksum.update(data);
        let entry = |signature: &[u8]| {
            let sizes = [data.len() as u32; 2].map(u32::to_le_bytes).concat();
            [signature, &[0; 8], &checksum.sum().to_le_bytes(), &sizes, &[1, 0]].concat()
        };
        let mut file = [&entry(b"PK\x03\x04\x2d\0")[..], &[0, 0], b"a", data].concat();
        let start = file.len() as u64;
        // The place of the entry is in a field of its own.
        file.extend(entry(b"PK\x01\x02\x2d\0\x2d\0"));
        file.extend([[12, 0].as_slice(), &[0; 10], &[0xff; 4], b"a", &[1, 0, 8, 0], &[0; 8]].concat());
        let end = file.len() as u64;
        file.extend([&b"PK\x06\x06"[..], &44u64.to_le_bytes(), &[0; 12]].concat());
        file.extend([1, 1, end - start, start].map(u64::to_le_bytes).concat());
        file.extend([&b"PK\x06\x07"[..], &[0; 4], &end.to_le_bytes(), &[1, 0, 0, 0]].concat());
        file.extend([&b"PK\x05\x06"[..], &[0; 4], &[0xff; 12], &[0, 0]].concat());
        file
    }

    #[test]
    fn the_end_of_large_archives_is_read() {
        let zip = Zip::open(Bytes::from(large()), 9).unwrap();
        assert_eq!(zip.names().collect::<Vec<_>>(), ["a"]);
        assert_eq!(zip.read("a").unwrap().unwrap().as_ref(), b"numbers");
        assert!(zip.read("b").unwrap().is_none());
        for len in 0..large().len() {
            let cut = Bytes::from(large()).slice(..len);
            assert!(Zip::open(cut, 9).is_err(), "{len}");
        }
    }
}
