//! Reading little-endian numbers from bytes that may end anywhere.

use crate::FormatError;

/// The address that HDF5 writes for "nothing".
const NOTHING: u64 = u64::MAX;

pub(super) fn damaged(reason: impl Into<String>) -> FormatError {
    FormatError::Damaged { reason: reason.into() }
}

pub(super) fn unsupported(what: impl Into<String>) -> FormatError {
    FormatError::Unsupported { what: what.into() }
}

/// A position in some bytes.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// How far it has come.
    pub fn at(&self) -> usize {
        self.at
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        let end = self.at.checked_add(count);
        let part = end.and_then(|end| self.bytes.get(self.at..end));
        let part =
            part.ok_or_else(|| damaged(format!("an HDF5 structure ends {} bytes early", count - self.left())))?;
        self.at += count;
        Ok(part)
    }

    pub fn skip(&mut self, count: usize) -> Result<(), FormatError> {
        self.take(count).map(drop)
    }

    /// A little-endian number of up to eight bytes.
    pub fn number(&mut self, size: usize) -> Result<u64, FormatError> {
        let bytes = self.take(size)?;
        Ok(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    pub fn u8(&mut self) -> Result<u8, FormatError> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
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
        if self.take(4)? == signature {
            Ok(())
        } else {
            Err(damaged(format!("an HDF5 structure {} is not where it should be", String::from_utf8_lossy(signature))))
        }
    }
}
