//! A reader of the part of HDF5 that Keras and h5py write.
//!
//! It reads superblocks 0 to 3, object headers 1 and 2, groups with symbol tables, with links in the header and with
//! links in a fractal heap, attributes of text, and data sets of floats that are compact, contiguous or chunked with
//! gzip and shuffle. Anything else is refused by name. A file need not be in memory: its structures are read in pieces, and
//! large contiguous data only when it is asked for.
//!
//! Every structure is read through a bounds-checked cursor; a file-wide count of steps ends loops of addresses that lead
//! back to themselves, and sizes are compared with the file's own size before anything is allocated.

mod chunks;
mod cursor;
mod group;
mod heap;
mod message;
mod object;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod writer;

use std::cell::{Cell, RefCell};
use std::{collections::HashMap, rc::Rc};

use bytes::Bytes;

use crate::{Blob, FormatError};
use cursor::{Cursor, damaged, unsupported};
pub(crate) use object::Object;

/// First bytes of every HDF5 file.
pub(crate) const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";

/// Bytes of a file that are read at once while its structures are followed.
const PAGE: u64 = 1 << 16;

/// Pieces that are kept.
const MAX_PAGES: usize = 128;

/// More axes than HDF5 allows for an array.
const MAX_RANK: usize = 32;

/// An HDF5 file.
pub(crate) struct File {
    blob: Blob,
    /// Pieces of a file that is not in memory, by their number: structures are small and lie together.
    pages: RefCell<HashMap<u64, Bytes>>,
    base: u64,
    root: u64,
    /// Structures that may still be visited.
    steps: Cell<usize>,
    /// Bytes of weights that may still be made.
    budget: Cell<usize>,
    heaps: RefCell<HashMap<u64, Rc<heap::Global>>>,
    /// Links of groups that were read already.
    links: RefCell<HashMap<u64, Rc<HashMap<String, u64>>>>,
}

impl File {
    /// Reads the superblock.
    ///
    /// # Errors
    /// If the file is cut off or is none that this reader knows.
    pub fn open(blob: Blob) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(blob.head(128)?);
        if cursor.take(8)?.as_ref() != SIGNATURE {
            return Err(damaged("it does not start as an HDF5 file"));
        }
        let version = cursor.u8()?;
        let sizes = if version < 2 {
            cursor.skip(4)?;
            [cursor.u8()?, cursor.u8()?]
        } else {
            [cursor.u8()?, cursor.u8()?]
        };
        if version > 3 {
            return Err(unsupported(format!("version {version} of HDF5's superblock")));
        }
        if sizes != [8, 8] {
            return Err(unsupported(format!("HDF5 addresses of {} bytes", sizes[0])));
        }
        let nothing = || damaged("its HDF5 superblock has no address of the data");
        let (base, end, root);
        if version < 2 {
            // Reserved byte, sizes of tree nodes, flags, and in version 1 the size of chunk trees.
            cursor.skip(if version == 0 { 9 } else { 13 })?;
            base = cursor.address()?.ok_or_else(nothing)?;
            cursor.skip(8)?;
            end = cursor.address()?;
            cursor.skip(16)?;
            root = cursor.address()?.ok_or_else(nothing)?;
        } else {
            cursor.skip(1)?;
            base = cursor.address()?.ok_or_else(nothing)?;
            cursor.skip(8)?;
            end = cursor.address()?;
            root = cursor.address()?.ok_or_else(nothing)?;
        }
        let whole = end.unwrap_or_default().saturating_add(base);
        if whole > blob.len() {
            return Err(damaged(format!("it has {} of {whole} bytes", blob.len())));
        }
        let length = usize::try_from(blob.len()).unwrap_or(usize::MAX);
        let steps = Cell::new(length.saturating_mul(4).saturating_add(1 << 20));
        // Weights are most of a file, as they are, or half precision or compressed.
        let budget = Cell::new(length.saturating_mul(4).saturating_add(1 << 22));
        let (pages, heaps, links) = Default::default();
        Ok(Self { blob, pages, base, root, steps, budget, heaps, links })
    }

    /// The group that holds everything.
    pub fn root(&self) -> Result<Object<'_>, FormatError> {
        Object::read(self, self.root)
    }

    /// The bytes from an address on.
    fn at(&self, address: u64) -> Result<Cursor<'_>, FormatError> {
        let offset = address.checked_add(self.base).filter(|&offset| offset <= self.len());
        let offset = offset.ok_or_else(|| damaged(format!("an HDF5 address {address} is outside the file")))?;
        Ok(Cursor::of(self, offset))
    }

    /// A number of bytes at an address.
    fn slice(&self, address: u64, size: usize) -> Result<Bytes, FormatError> {
        self.at(address)?.take(size)
    }

    /// The bytes at an address, without reading them; `None` if the file ends before.
    fn part(&self, address: u64, size: usize) -> Option<Blob> {
        let start = address.checked_add(self.base)?;
        self.blob.part(start..start.checked_add(size as u64)?)
    }

    fn len(&self) -> u64 {
        self.blob.len()
    }

    /// At least `count` bytes from `start` on, which the file has.
    fn window(&self, start: u64, count: usize) -> Result<Bytes, FormatError> {
        let end = start.saturating_add(count as u64);
        let page = start / PAGE;
        if self.blob.is_held() || end > (page + 1) * PAGE {
            let end = if self.blob.is_held() { self.len() } else { end };
            let bytes = self.blob.read(start..end)?;
            return bytes.ok_or_else(|| damaged("an HDF5 structure ends early"));
        }
        let known = self.pages.borrow().get(&page).cloned();
        let whole = match known {
            Some(whole) => whole,
            None => {
                let range = page * PAGE..((page + 1) * PAGE).min(self.len());
                let whole = self.blob.read(range)?.unwrap_or_default();
                let mut pages = self.pages.borrow_mut();
                if pages.len() >= MAX_PAGES {
                    pages.clear();
                }
                pages.insert(page, whole.clone());
                whole
            }
        };
        Ok(whole.slice((start - page * PAGE) as usize..))
    }

    /// Counts work, so that structures that contain themselves come to an end.
    fn step(&self, count: usize) -> Result<(), FormatError> {
        let left = self.steps.get().checked_sub(count.saturating_add(1));
        self.steps.set(left.ok_or_else(|| damaged("its HDF5 structures lead back to themselves"))?);
        Ok(())
    }

    /// Takes `size` bytes from what may be allocated for weights.
    fn spend(&self, size: usize) -> Result<(), FormatError> {
        let left = self.budget.get().checked_sub(size);
        let left = left.ok_or_else(|| FormatError::TooLarge {
            what: "bytes of weights",
            actual: size,
            limit: self.budget.get(),
        })?;
        self.budget.set(left);
        Ok(())
    }
}
