//! FlatBuffers: tables whose fields are found through a list of offsets. Every read is checked against the buffer.

use std::ops::Range;

use crate::FormatError;

/// More bytes than a name has. Many tables may have the same text, which is copied for each of them.
const MAX_TEXT: usize = 1024;

/// A table in a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    /// Where it starts.
    at: usize,
    /// Where the offsets of its fields are.
    fields: usize,
    /// How many bytes they take.
    length: usize,
}

/// A list of tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tables<'a> {
    bytes: &'a [u8],
    start: usize,
    count: usize,
}

/// A list of numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers<'a, const N: usize>(&'a [u8]);

fn broken(what: &str, at: usize) -> FormatError {
    FormatError::Damaged { reason: format!("{what} at byte {at} points outside the file") }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], FormatError> {
    let end = at.checked_add(N);
    end.and_then(|end| bytes.get(at..end)?.try_into().ok()).ok_or_else(|| broken("a field", at))
}

fn size(bytes: &[u8], at: usize) -> Result<usize, FormatError> {
    let value = u32::from_le_bytes(number(bytes, at)?);
    usize::try_from(value).map_err(|_| broken("a size", at))
}

/// Where an offset leads.
fn target(bytes: &[u8], at: usize) -> Result<usize, FormatError> {
    at.checked_add(size(bytes, at)?).filter(|&target| target < bytes.len()).ok_or_else(|| broken("an offset", at))
}

impl<'a> Table<'a> {
    /// The outermost table.
    pub fn root(bytes: &'a [u8]) -> Result<Self, FormatError> {
        Self::open(bytes, target(bytes, 0)?)
    }

    fn open(bytes: &'a [u8], at: usize) -> Result<Self, FormatError> {
        let back = i64::from(i32::from_le_bytes(number(bytes, at)?));
        let start = (at as i64).checked_sub(back).and_then(|start| usize::try_from(start).ok());
        let start = start.ok_or_else(|| broken("a table", at))?;
        let length = usize::from(u16::from_le_bytes(number(bytes, start)?));
        if length < 4 || start.checked_add(length).is_none_or(|end| end > bytes.len()) {
            return Err(broken("a table", at));
        }
        Ok(Self { bytes, at, fields: start, length })
    }

    /// Where the field `index` is; `None` if it has its default.
    fn field(self, index: usize) -> Result<Option<usize>, FormatError> {
        let slot = 4 + 2 * index;
        if slot + 2 > self.length {
            return Ok(None);
        }
        let offset = usize::from(u16::from_le_bytes(number(self.bytes, self.fields + slot)?));
        Ok((offset != 0).then_some(self.at.saturating_add(offset)))
    }

    fn scalar<const N: usize>(self, index: usize) -> Result<Option<[u8; N]>, FormatError> {
        self.field(index)?.map(|at| number(self.bytes, at)).transpose()
    }

    /// A byte, 0 by default.
    pub fn byte(self, index: usize) -> Result<u8, FormatError> {
        Ok(self.scalar::<1>(index)?.map_or(0, |[byte]| byte))
    }

    /// A whole number of four bytes.
    pub fn whole(self, index: usize, default: i32) -> Result<i32, FormatError> {
        Ok(self.scalar(index)?.map_or(default, i32::from_le_bytes))
    }

    /// A number of four bytes that is not negative, 0 by default: an index or a count.
    pub fn index(self, index: usize) -> Result<usize, FormatError> {
        let value = self.scalar(index)?.map_or(0, u32::from_le_bytes);
        usize::try_from(value).map_err(|_| broken("an index", self.at))
    }

    /// A number of eight bytes, 0 by default.
    pub fn long(self, index: usize) -> Result<u64, FormatError> {
        Ok(self.scalar(index)?.map_or(0, u64::from_le_bytes))
    }

    /// A float.
    pub fn float(self, index: usize, default: f32) -> Result<f32, FormatError> {
        Ok(self.scalar(index)?.map_or(default, f32::from_le_bytes))
    }

    /// A table inside this one.
    pub fn table(self, index: usize) -> Result<Option<Self>, FormatError> {
        self.field(index)?.map(|at| Self::open(self.bytes, target(self.bytes, at)?)).transpose()
    }

    /// The start and the number of entries of a list whose entries take `each` bytes.
    fn list(self, index: usize, each: usize) -> Result<Option<(usize, usize)>, FormatError> {
        let Some(at) = self.field(index)? else { return Ok(None) };
        let start = target(self.bytes, at)?;
        let count = size(self.bytes, start)?;
        let end = count.checked_mul(each).and_then(|length| length.checked_add(start)?.checked_add(4));
        if end.is_none_or(|end| end > self.bytes.len()) {
            return Err(FormatError::Damaged {
                reason: format!(
                    "a list of {count} entries at byte {start} is cut off; the file has {} bytes",
                    self.bytes.len()
                ),
            });
        }
        Ok(Some((start + 4, count)))
    }

    /// A list of tables, empty by default.
    pub fn tables(self, index: usize) -> Result<Tables<'a>, FormatError> {
        let (start, count) = self.list(index, 4)?.unwrap_or_default();
        Ok(Tables { bytes: self.bytes, start, count })
    }

    /// Numbers of `N` bytes, empty by default.
    pub fn numbers<const N: usize>(self, index: usize) -> Result<Numbers<'a, N>, FormatError> {
        let (start, count) = self.list(index, N)?.unwrap_or_default();
        Ok(Numbers(self.bytes.get(start..start + count * N).unwrap_or_default()))
    }

    /// Where a list of bytes is; `None` if there is none.
    pub fn span(self, index: usize) -> Result<Option<Range<usize>>, FormatError> {
        Ok(self.list(index, 1)?.map(|(start, count)| start..start + count))
    }

    /// Text, empty by default; bytes that are no UTF-8 are replaced, and what is behind [`MAX_TEXT`] is left out.
    pub fn text(self, index: usize) -> Result<String, FormatError> {
        let Range { start, end } = self.span(index)?.unwrap_or_default();
        let part = self.bytes.get(start..end.min(start.saturating_add(MAX_TEXT)));
        Ok(String::from_utf8_lossy(part.unwrap_or_default()).into_owned())
    }
}

impl<'a> Tables<'a> {
    pub fn len(self) -> usize {
        self.count
    }

    /// One of them.
    pub fn get(self, index: usize) -> Result<Table<'a>, FormatError> {
        if index >= self.count {
            return Err(FormatError::Damaged {
                reason: format!("there is no entry {index} in a list of {}", self.count),
            });
        }
        Table::open(self.bytes, target(self.bytes, self.start + 4 * index)?)
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = Result<Table<'a>, FormatError>> {
        (0..self.count).map(move |index| self.get(index))
    }
}

impl<'a, const N: usize> Numbers<'a, N> {
    pub fn len(self) -> usize {
        self.0.len() / N
    }

    fn each(self) -> impl Iterator<Item = [u8; N]> + 'a {
        self.0.chunks_exact(N).map(|chunk| chunk.try_into().unwrap_or([0; N]))
    }
}

impl<'a> Numbers<'a, 4> {
    pub fn wholes(self) -> impl Iterator<Item = i32> + 'a {
        self.each().map(i32::from_le_bytes)
    }

    pub fn floats(self) -> impl Iterator<Item = f32> + 'a {
        self.each().map(f32::from_le_bytes)
    }
}

impl<'a> Numbers<'a, 8> {
    pub fn longs(self) -> impl Iterator<Item = i64> + 'a {
        self.each().map(i64::from_le_bytes)
    }
}
