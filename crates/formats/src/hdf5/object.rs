//! Objects: groups and data sets with their attributes.

use std::{collections::HashMap, rc::Rc};

use bytes::Bytes;
use half::{bf16, f16};
use innspect_graph::Weights;

use super::{
    File, chunks,
    cursor::{Cursor, damaged, unsupported},
    group,
    heap::Fractal,
    message::{Attribute, Datatype, Filter, Kind, Layout, dataspace, filters, link},
};
use crate::{Blob, DEFERRED_FROM, FormatError};

/// More messages than an object of Keras has; each attribute is one.
const MAX_MESSAGES: usize = 1 << 16;

/// A group or data set.
pub(crate) struct Object<'a> {
    file: &'a File,
    address: u64,
    messages: Vec<(u16, u8, Bytes)>,
}

mod kind {
    pub const DATASPACE: u16 = 0x01;
    pub const LINK_INFO: u16 = 0x02;
    pub const DATATYPE: u16 = 0x03;
    pub const LINK: u16 = 0x06;
    pub const LAYOUT: u16 = 0x08;
    pub const FILTERS: u16 = 0x0b;
    pub const ATTRIBUTE: u16 = 0x0c;
    pub const CONTINUATION: u16 = 0x10;
    pub const SYMBOL_TABLE: u16 = 0x11;
    pub const ATTRIBUTE_INFO: u16 = 0x15;
}

impl<'a> Object<'a> {
    pub(super) fn read(file: &'a File, address: u64) -> Result<Self, FormatError> {
        let mut messages = Vec::new();
        let mut cursor = file.at(address)?;
        let mut open = Vec::new();
        let new = cursor.clone().take(4)?.as_ref() == b"OHDR";
        let mut order = false;
        if new {
            cursor.skip(4)?;
            if cursor.u8()? != 2 {
                return Err(damaged("an HDF5 object has an unknown version"));
            }
            let flags = cursor.u8()?;
            order = flags & 4 != 0;
            cursor.skip(if flags & 32 != 0 { 16 } else { 0 } + if flags & 16 != 0 { 4 } else { 0 })?;
            let size = cursor.size(1 << (flags & 3))?;
            open.push(cursor.take(size)?);
        } else {
            if cursor.u8()? != 1 {
                return Err(damaged(format!("there is no HDF5 object at {address}")));
            }
            cursor.skip(1 + 2 + 4)?;
            let size = cursor.size(4)?;
            cursor.skip(4)?;
            open.push(cursor.take(size)?);
        }
        let header = match (new, order) {
            (false, _) => 8,
            (true, false) => 4,
            (true, true) => 6,
        };
        while let Some(block) = open.pop() {
            let mut cursor = Cursor::new(block);
            while cursor.left() >= header {
                file.step(1)?;
                let kind = if new { u16::from(cursor.u8()?) } else { cursor.u16()? };
                let size = usize::from(cursor.u16()?);
                let flags = cursor.u8()?;
                cursor.skip(header - if new { 4 } else { 5 })?;
                let data = cursor.take(size)?;
                if kind == kind::CONTINUATION {
                    let mut cursor = Cursor::new(data);
                    let address = cursor.address()?.ok_or_else(|| damaged("an HDF5 object lacks a part"))?;
                    let size = cursor.size(8)?;
                    let block = file.slice(address, size)?;
                    // New blocks have a signature in front and a checksum behind.
                    if new && size < 8 {
                        return Err(damaged("a part of an HDF5 object is too short"));
                    }
                    open.push(if new { block.slice(4..size - 4) } else { block });
                } else {
                    messages.push((kind, flags, data));
                }
                if messages.len() > MAX_MESSAGES {
                    return Err(damaged("an HDF5 object has too many parts"));
                }
            }
        }
        Ok(Self { file, address, messages })
    }

    fn of(&self, wanted: u16) -> impl Iterator<Item = Result<Cursor<'a>, FormatError>> + '_ {
        self.messages.iter().filter(move |(kind, ..)| *kind == wanted).map(|(_, flags, data)| {
            if flags & 2 != 0 {
                Err(unsupported("HDF5 types that several objects share"))
            } else {
                Ok(Cursor::new(data.clone()))
            }
        })
    }

    fn one(&self, wanted: u16, what: &str) -> Result<Cursor<'a>, FormatError> {
        self.of(wanted).next().unwrap_or_else(|| Err(damaged(format!("an HDF5 data set has no {what}"))))
    }

    /// The texts of an attribute, `None` if it has no such attribute.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>, FormatError> {
        for cursor in self.of(kind::ATTRIBUTE) {
            let attribute = Attribute::parse(&mut cursor?)?;
            if attribute.name.as_ref() == name.as_bytes() {
                return attribute.texts(self.file).map(Some);
            }
        }
        for cursor in self.of(kind::ATTRIBUTE_INFO) {
            let mut cursor = cursor?;
            cursor.skip(1)?;
            let flags = cursor.u8()?;
            cursor.skip(if flags & 1 != 0 { 2 } else { 0 })?;
            let (Some(heap), Some(tree)) = (cursor.address()?, cursor.address()?) else { continue };
            let heap = Fractal::read(self.file, heap)?;
            let mut found = None;
            group::records(self.file, tree, |record| {
                if record.len() < 8 {
                    return Err(damaged("an HDF5 tree of attributes has short records"));
                }
                let attribute = Attribute::parse(&mut Cursor::new(heap.object(record.slice(..8))?))?;
                if attribute.name.as_ref() == name.as_bytes() && found.is_none() {
                    found = Some(attribute.texts(self.file)?);
                }
                Ok(())
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The first text of an attribute, `None` if it has no such attribute.
    pub fn text(&self, name: &str) -> Result<Option<String>, FormatError> {
        Ok(self.texts(name)?.and_then(|texts| texts.into_iter().next()))
    }

    /// A list of texts that h5py may have split into `name0`, `name1` and so on, since an attribute holds 64 KiB.
    pub fn list(&self, name: &str) -> Result<Option<Vec<String>>, FormatError> {
        if let Some(texts) = self.texts(name)? {
            return Ok(Some(texts));
        }
        let Some(mut all) = self.texts(&format!("{name}0"))? else { return Ok(None) };
        let mut part = 1;
        while let Some(texts) = self.texts(&format!("{name}{part}"))? {
            all.extend(texts);
            part += 1;
        }
        Ok(Some(all))
    }

    /// The links of a group by name; none if it is a data set.
    pub fn links(&self) -> Result<Rc<HashMap<String, u64>>, FormatError> {
        if let Some(links) = self.file.links.borrow().get(&self.address) {
            return Ok(Rc::clone(links));
        }
        let mut links = HashMap::new();
        for cursor in self.of(kind::SYMBOL_TABLE) {
            let mut cursor = cursor?;
            if let (Some(tree), Some(names)) = (cursor.address()?, cursor.address()?) {
                links.extend(group::symbol_table(self.file, tree, names)?);
            }
        }
        for cursor in self.of(kind::LINK) {
            links.extend(link(&mut cursor?)?);
        }
        for cursor in self.of(kind::LINK_INFO) {
            let mut cursor = cursor?;
            cursor.skip(1)?;
            let flags = cursor.u8()?;
            cursor.skip(if flags & 1 != 0 { 8 } else { 0 })?;
            if let (Some(heap), Some(tree)) = (cursor.address()?, cursor.address()?) {
                links.extend(group::dense(self.file, heap, tree)?);
            }
        }
        let links = Rc::new(links);
        self.file.links.borrow_mut().insert(self.address, Rc::clone(&links));
        Ok(links)
    }

    /// The object that a link leads to, `None` if there is no such link.
    pub fn find_one(&self, name: &str) -> Result<Option<Object<'a>>, FormatError> {
        self.links()?.get(name).map(|&address| Self::read(self.file, address)).transpose()
    }

    /// The object at a path from here, `None` if there is none.
    pub fn find(&self, path: &str) -> Result<Option<Object<'a>>, FormatError> {
        let mut current: Option<Object<'a>> = None;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            current = current.as_ref().unwrap_or(self).find_one(part)?;
            if current.is_none() {
                break;
            }
        }
        Ok(current)
    }

    /// The shape of a data set.
    pub fn dims(&self) -> Result<Vec<usize>, FormatError> {
        dataspace(&mut self.one(kind::DATASPACE, "shape")?)
    }

    /// The elements of a data set as floats, row-major. Where there are many in one piece, they are read when needed.
    ///
    /// # Errors
    /// If it holds something else or is larger than the file can account for.
    pub fn weights(&self) -> Result<Weights, FormatError> {
        let stored = self.stored()?;
        let Stored { kind, big_endian, data: Elements::Contiguous(blob), count } = &stored else {
            return Ok(stored.read()?.into());
        };
        if *count < DEFERRED_FROM {
            return Ok(stored.read()?.into());
        }
        let (kind, big_endian, blob, count) = (kind.clone(), *big_endian, blob.clone(), *count);
        Ok(Weights::deferred(count, move || {
            let mut numbers = Vec::with_capacity(count);
            decode_pieces(&kind, big_endian, &blob, &mut numbers).map_err(|error| error.to_string())?;
            Ok(numbers)
        }))
    }

    /// Where the elements of a data set are and what they are.
    fn stored(&self) -> Result<Stored, FormatError> {
        let dims = self.dims()?;
        let datatype = Datatype::parse(&mut self.one(kind::DATATYPE, "type")?)?;
        let count = dims.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
        let total = count.and_then(|count| count.checked_mul(datatype.size));
        let (Some(count), Some(total)) = (count, total) else {
            return Err(damaged("an HDF5 data set is larger than any memory"));
        };
        let kind = match &datatype.kind {
            Kind::Opaque(2) if self.text("dtype")?.as_deref() == Some("bfloat16") => Kind::Brain,
            Kind::Opaque(_) => return Err(unsupported("weights of an unknown type")),
            Kind::Text(_) | Kind::VariableText => return Err(unsupported("weights that are text")),
            Kind::Other(what) => return Err(unsupported(format!("weights that are {what}"))),
            known => known.clone(),
        };
        self.file.spend(count.checked_mul(4).ok_or_else(|| damaged("an HDF5 data set is larger than any memory"))?)?;
        let stored = |data| Ok(Stored { kind, big_endian: datatype.big_endian, data, count });
        if count == 0 {
            return stored(Elements::Made(Bytes::new()));
        }
        let pipeline = match self.of(kind::FILTERS).next() {
            Some(cursor) => filters(&mut cursor?)?,
            None => Vec::new(),
        };
        let layout = Layout::parse(&mut self.one(kind::LAYOUT, "layout")?)?;
        let short = || damaged(format!("an HDF5 data set of {total} bytes is cut off"));
        let data = match &layout {
            Layout::Compact(data) if data.len() >= total => Elements::Made(data.slice(..total)),
            Layout::Compact(_) => return Err(short()),
            Layout::Contiguous(Some(address)) | Layout::Single(Some(address), None) => {
                Elements::Contiguous(self.file.part(*address, total).ok_or_else(short)?)
            }
            Layout::Contiguous(None) | Layout::Chunked(None, _) | Layout::Single(None, _) => {
                return Err(damaged("an HDF5 data set has a shape but no data"));
            }
            Layout::Chunked(Some(tree), chunk) => {
                self.file.spend(total)?;
                let data = chunks::read(self.file, *tree, &dims, chunk, datatype.size, &pipeline)?;
                return stored(Elements::Made(data.into()));
            }
            Layout::Single(Some(address), Some((size, mask))) => {
                self.file.spend(total)?;
                let packed = self.file.slice(*address, *size)?;
                let data = chunks::unfilter(&packed, &pipeline, *mask, datatype.size, total)?.into_owned();
                return stored(Elements::Made(data.into()));
            }
        };
        if !pipeline.iter().all(|filter| *filter == Filter::Checksum) && !matches!(layout, Layout::Single(..)) {
            return Err(damaged("an HDF5 data set without chunks is compressed"));
        }
        stored(data)
    }
}

/// The elements of a data set before they are numbers.
struct Stored {
    kind: Kind,
    big_endian: bool,
    data: Elements,
    count: usize,
}

enum Elements {
    /// In memory.
    Made(Bytes),
    /// As they stand in the file.
    Contiguous(Blob),
}

impl Stored {
    fn read(&self) -> Result<Vec<f32>, FormatError> {
        let mut numbers = Vec::with_capacity(self.count);
        match &self.data {
            Elements::Made(bytes) => decode(&self.kind, self.big_endian, bytes, &mut numbers)?,
            Elements::Contiguous(blob) => decode_pieces(&self.kind, self.big_endian, blob, &mut numbers)?,
        }
        Ok(numbers)
    }
}

/// Bytes of a file as numbers, a few megabytes at a time. Pieces end where elements do: both have a size that is a power
/// of two.
fn decode_pieces(kind: &Kind, big_endian: bool, blob: &Blob, numbers: &mut Vec<f32>) -> Result<(), FormatError> {
    for piece in blob.pieces() {
        decode(kind, big_endian, &piece?, numbers)?;
    }
    Ok(())
}

/// Bytes as numbers.
fn decode(kind: &Kind, big_endian: bool, data: &[u8], numbers: &mut Vec<f32>) -> Result<(), FormatError> {
    fn read<const N: usize>(data: &[u8], big: bool, numbers: &mut Vec<f32>, convert: impl Fn([u8; N]) -> f32) {
        numbers.extend(data.chunks_exact(N).map(|bytes| {
            let mut bytes: [u8; N] = bytes.try_into().unwrap_or([0; N]);
            if big {
                bytes.reverse();
            }
            convert(bytes)
        }));
    }
    match kind {
        Kind::Single => read(data, big_endian, numbers, f32::from_le_bytes),
        Kind::Double => read(data, big_endian, numbers, |bytes| f64::from_le_bytes(bytes) as f32),
        Kind::Half => read(data, big_endian, numbers, |bytes| f16::from_le_bytes(bytes).to_f32()),
        Kind::Brain => read(data, big_endian, numbers, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        Kind::Integer(4, true) => read(data, big_endian, numbers, |bytes| i32::from_le_bytes(bytes) as f32),
        Kind::Integer(8, true) => read(data, big_endian, numbers, |bytes| i64::from_le_bytes(bytes) as f32),
        _ => return Err(unsupported("weights that are integers of an unusual size")),
    }
    Ok(())
}
