//! Reading little-endian numbers from bytes that may end anywhere, and from files that are read piece by piece.

use bytes::Bytes;

use super::File;
use crate::FormatError;

/// The address that HDF5 writes for "nothing".
const NOTHING: u64 = u64::MAX;

pub(super) fn damaged(reason: impl Into<String>) -> FormatError {
    FormatError::Damaged { reason: reason.into() }
}

pub(super) fn unsupported(what: impl Into<String>) -> FormatError {
    FormatError::Unsupported { what: what.into() }
}

/// A position in some bytes, or in a file of which a part is at hand.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    bytes: Bytes,
    at: usize,
    /// The file, and where in it `bytes` end.
    file: Option<(&'a File, u64)>,
}

impl<'a> Cursor<'a> {
    /// At the start of some bytes.
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes, at: 0, file: None }
    }

    /// In a file.
    pub fn of(file: &'a File, offset: u64) -> Self {
        Self { bytes: Bytes::new(), at: 0, file: Some((file, offset)) }
    }

    pub fn left(&self) -> usize {
        let beyond = self.file.map_or(0, |(file, end)| file.len().saturating_sub(end));
        let beyond = usize::try_from(beyond).unwrap_or(usize::MAX);
        self.bytes.len().saturating_sub(self.at).saturating_add(beyond)
    }

    /// How far it has come.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Has the next bytes at hand.
    fn fill(&mut self, count: usize) -> Result<(), FormatError> {
        let here = self.bytes.len().saturating_sub(self.at);
        if here >= count {
            return Ok(());
        }
        let early = damaged(format!("an HDF5 structure ends {} bytes early", count.saturating_sub(self.left())));
        let Some((file, end)) = self.file.filter(|_| self.left() >= count) else { return Err(early) };
        let start = end - here as u64;
        self.bytes = file.window(start, count)?;
        self.at = 0;
        self.file = Some((file, start + self.bytes.len() as u64));
        Ok(())
    }

    pub fn take(&mut self, count: usize) -> Result<Bytes, FormatError> {
        self.fill(count)?;
        let part = self.bytes.slice(self.at..self.at + count);
        self.at += count;
        Ok(part)
    }

    pub fn skip(&mut self, count: usize) -> Result<(), FormatError> {
        self.take(count).map(drop)
    }

    /// A little-endian number of up to eight bytes.
    pub fn number(&mut self, size: usize) -> Result<u64, FormatError> {
        self.fill(size)?;
        let bytes = self.bytes.get(self.at..self.at + size).unwrap_or_default();
        self.at += size;
        Ok(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    pub fn u8(&mut self) -> Result<u8, FormatError> {
        Ok(self.number(1)? as u8)
    }

    pub fn u16(&mut self) -> Result<u16, FormatError> {
        Ok(self.number(2)? as u16)
    }

    pub fn u32(&mut self) -> Result<u32, FormatError> {
        Ok(self.number(4)? as u32)
    }

    /// A size or offset that must fit the machine.
    pub fn size(&mut self, bytes: usize) -> Result<usize, FormatError> {
        let value = self.number(bytes)?;
        usize::try_from(value).map_err(|_| damaged(format!("an HDF5 size of {value} bytes is beyond this machine")))
    }

    /// An address, `None` if it points nowhere.
    pub fn address(&mut self) -> Result<Option<u64>, FormatError> {
        let value = self.number(8)?;
        Ok((value != NOTHING).then_some(value))
    }

    pub fn expect(&mut self, signature: &[u8; 4]) -> Result<(), FormatError> {
        if self.take(4)?.as_ref() == signature {
            Ok(())
        } else {
            Err(damaged(format!("an HDF5 structure {} is not where it should be", String::from_utf8_lossy(signature))))
        }
    }
}
