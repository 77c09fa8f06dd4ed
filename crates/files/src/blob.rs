//! The bytes of a file, in memory or read piece by piece.

use std::{fmt, ops::Range, rc::Rc};

use bytes::Bytes;

use crate::FileError;

/// A file that is not in memory, such as one that a browser hands out in slices.
pub trait Slices {
    /// Its length in bytes.
    fn len(&self) -> u64;

    /// Whether it has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a range, which lies within its length.
    ///
    /// # Errors
    /// What the system says, for instance that the file has changed.
    fn read(&self, range: Range<u64>) -> Result<Bytes, String>;
}

/// The bytes of a file. A clone is another handle on the same bytes.
#[derive(Clone)]
pub struct Blob(Kind);

#[derive(Clone)]
enum Kind {
    Memory(Bytes),
    /// A range of a file.
    Slices(Rc<dyn Slices>, Range<u64>),
}

impl fmt::Debug for Blob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Blob({} bytes)", self.len())
    }
}

impl From<Bytes> for Blob {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Memory(bytes))
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl Blob {
    /// A file that is read piece by piece.
    #[must_use]
    pub fn slices(file: Rc<dyn Slices>) -> Self {
        let length = file.len();
        Self(Kind::Slices(file, 0..length))
    }

    /// Whether its bytes are in memory.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self.0, Kind::Memory(_))
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.0 {
            Kind::Memory(bytes) => bytes.len() as u64,
            Kind::Slices(_, range) => range.end.saturating_sub(range.start),
        }
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A part of it, without reading; `None` if it ends before.
    #[must_use]
    pub fn part(&self, range: Range<u64>) -> Option<Self> {
        if range.start > range.end || range.end > self.len() {
            return None;
        }
        Some(Self(match &self.0 {
            Kind::Memory(bytes) => Kind::Memory(bytes.slice(range.start as usize..range.end as usize)),
            Kind::Slices(file, own) => Kind::Slices(file.clone(), own.start + range.start..own.start + range.end),
        }))
    }

    /// All its bytes.
    ///
    /// # Errors
    /// If the file cannot be read, or not be held in memory.
    pub fn bytes(&self) -> Result<Bytes, FileError> {
        match &self.0 {
            Kind::Memory(bytes) => Ok(bytes.clone()),
            Kind::Slices(file, range) => {
                let length = usize::try_from(self.len()).ok().filter(|&length| isize::try_from(length).is_ok());
                let length = length.ok_or(FileError::TooLarge {
                    what: "bytes in one piece",
                    actual: usize::MAX,
                    limit: isize::MAX as usize,
                })?;
                let bytes = file.read(range.clone()).map_err(|reason| FileError::Unreadable { reason })?;
                if bytes.len() == length {
                    Ok(bytes)
                } else {
                    let reason = format!("{} bytes came in place of {length}; it has changed", bytes.len());
                    Err(FileError::Unreadable { reason })
                }
            }
        }
    }

    /// The bytes of a range; `None` if it ends before.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn read(&self, range: Range<u64>) -> Result<Option<Bytes>, FileError> {
        self.part(range).map(|part| part.bytes()).transpose()
    }

    /// All its bytes, a few megabytes at a time.
    pub fn pieces(&self) -> impl Iterator<Item = Result<Bytes, FileError>> + '_ {
        const PIECE: u64 = 4 << 20;
        (0..self.len().div_ceil(PIECE)).map(move |index| {
            let end = self.len().min((index + 1) * PIECE);
            Ok(self.read(index * PIECE..end)?.unwrap_or_default())
        })
    }

    /// Its first bytes, at most `length`.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn head(&self, length: u64) -> Result<Bytes, FileError> {
        Ok(self.read(0..length.min(self.len()))?.unwrap_or_default())
    }

    /// Its last bytes, at most `length`.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn tail(&self, length: u64) -> Result<Bytes, FileError> {
        Ok(self.read(self.len().saturating_sub(length)..self.len())?.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(Vec<u8>, bool);

    impl Slices for Counting {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }

        fn read(&self, range: Range<u64>) -> Result<Bytes, String> {
            let end = if self.1 { range.end } else { range.end - 1 };
            Ok(Bytes::copy_from_slice(&self.0[range.start as usize..end as usize]))
        }
    }

    #[test]
    fn parts_of_parts_are_read_from_either_kind() {
        let numbers: Vec<u8> = (0..100).collect();
        for blob in [Blob::from(numbers.clone()), Blob::slices(Rc::new(Counting(numbers, true)))] {
            let part = blob.part(10..20).expect("within").part(2..5).expect("within");
            assert_eq!(part.len(), 3);
            assert_eq!(part.bytes().expect("readable").as_ref(), [12, 13, 14]);
            assert_eq!(blob.pieces().map(|piece| piece.expect("readable").len()).sum::<usize>(), 100);
            assert_eq!(blob.head(2).expect("readable").as_ref(), [0, 1]);
            assert_eq!(blob.tail(200).expect("readable").len(), 100);
            assert!(blob.part(90..101).is_none());
            assert!(blob.part(Range { start: 5, end: 4 }).is_none());
            assert!(blob.read(100..100).expect("readable").expect("within").is_empty());
        }
    }

    #[test]
    fn a_file_that_shrank_is_said() {
        let blob = Blob::slices(Rc::new(Counting(vec![0; 9], false)));
        let error = blob.bytes().expect_err("one byte is missing");
        assert!(error.to_string().contains("it has changed"), "{error}");
    }
}
