//! Arrays of numbers: what their axes mean, and pictures and labels out of them.

use innspect_files::{Blob, FileError};

use super::MAX_ITEMS;
use super::error::{CollectError, ItemError};
use super::label::Label;
use crate::decode::{WHITE, check_size, over};
use crate::npy::{Element, Header, Number};
use crate::picture::Picture;

/// Bytes that are held of one array, if it has to be unpacked or lies in an order that scatters each picture.
pub(super) const MAX_HELD: u64 = 1 << 30;

/// Bytes of an array that is read for labels.
const MAX_LABELS: u64 = 256 << 20;

/// An array in a file.
#[derive(Debug)]
pub(super) struct Array {
    /// Its path; the key within a `.npz` is the last part.
    pub path: String,
    /// The numbers alone.
    data: Blob,
    number: Number,
    shape: Vec<usize>,
    /// Numbers from one to the next along each axis.
    strides: Vec<u64>,
    fortran_order: bool,
}

impl Array {
    /// A NumPy array; nothing but its header is read.
    pub fn npy(path: String, file: &Blob) -> Result<Self, CollectError> {
        let Header { number, fortran_order, shape, start } = Header::read(&file.head(Header::MAX)?, file.len())?;
        Ok(Self::new(path, rest(file, start as u64), number, shape, fortran_order))
    }

    /// An array as MNIST has it: two zeros, the type, the number of axes, their lengths, the numbers; all big-endian.
    pub fn idx(path: String, file: &Blob) -> Result<Self, CollectError> {
        let Idx { number, shape, start, length } = Idx::read(&file.head(Idx::MAX as u64)?)?;
        if length != file.len() {
            let reason = format!("its header promises {length} bytes, but there are {}", file.len());
            return Err(CollectError::Records { format: IDX, reason });
        }
        Ok(Self::new(path, rest(file, start as u64), number, shape, false))
    }

    fn new(path: String, data: Blob, number: Number, shape: Vec<usize>, fortran_order: bool) -> Self {
        let mut strides = vec![1; shape.len()];
        let mut step = 1_u64;
        // The product of all lengths was checked against the length of the file.
        let along = |axis: usize| {
            if let (Some(stride), Some(&length)) = (strides.get_mut(axis), shape.get(axis)) {
                *stride = step;
                step = step.saturating_mul(length as u64);
            }
        };
        if fortran_order {
            (0..shape.len()).for_each(along);
        } else {
            (0..shape.len()).rev().for_each(along);
        }
        Self { path, data, number, shape, strides, fortran_order }
    }

    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its pictures, if its axes are those of pictures. The scale is that of bytes.
    pub fn stack(&self) -> Result<Stack, CollectError> {
        let wrong = || CollectError::Shape { shape: self.shape.clone() };
        let is_channels = |length: usize| matches!(length, 1 | 3 | 4);
        // Axes of number, height, width and channels; `None` for an axis of length 1 that is not there.
        let axes = match self.shape[..] {
            // One picture.
            [height, width, 3 | 4] if height > 4 && width > 4 => [None, Some(0), Some(1), Some(2)],
            [_, _, _] => [Some(0), Some(1), Some(2), None],
            [_, a, b, c] => {
                let (last, first) = (is_channels(c), is_channels(a));
                // Where both could be channels, it is those of which there are not more than rows or columns.
                if first && (!last || (c > a.min(b) && a <= b.min(c))) {
                    [Some(0), Some(2), Some(3), Some(1)]
                } else if last {
                    [Some(0), Some(1), Some(2), Some(3)]
                } else {
                    return Err(wrong());
                }
            }
            _ => return Err(wrong()),
        };
        let length = |axis: Option<usize>| axis.map_or(Some(1), |axis| self.shape.get(axis).copied());
        let stride = |axis: Option<usize>| axis.and_then(|axis| self.strides.get(axis).copied()).unwrap_or(0);
        let [Some(count), Some(height), Some(width), Some(channels)] = axes.map(length) else { return Err(wrong()) };
        if count > MAX_ITEMS {
            return Err(CollectError::TooMany { actual: count as u64, limit: MAX_ITEMS });
        }
        let [height, width] = [height, width].map(|length| u32::try_from(length).unwrap_or(u32::MAX));
        check_size("array", width, height).map_err(CollectError::Picture)?;
        let data = if self.fortran_order && self.shape.iter().filter(|&&length| length > 1).count() > 1 {
            // Each picture is scattered over the whole file.
            held("bytes in an array in Fortran order", self.data.len())?;
            self.data.bytes()?.into()
        } else {
            self.data.clone()
        };
        Ok(Stack {
            data,
            number: self.number,
            count: count as u32,
            height,
            width,
            channels: channels as u32,
            strides: axes.map(stride),
            scale: if self.number.element == Element::Bool { [0.0, 1.0] } else { [0.0, 255.0] },
        })
    }

    /// Its labels, if it has one whole number, or one row with a single number other than zero, for each picture. A
    /// negative number is no label.
    pub fn labels(&self) -> Result<Vec<Option<Label>>, CollectError> {
        let wrong = || CollectError::Shape { shape: self.shape.clone() };
        let (count, classes) = match self.shape[..] {
            [count] => (count, 1),
            [count, classes] => (count, classes),
            _ => return Err(wrong()),
        };
        if self.data.len() > MAX_LABELS || count > MAX_ITEMS || classes == 0 {
            return Err(wrong());
        }
        let bytes = self.data.bytes()?;
        let width = self.number.width();
        let stride = |axis: usize| self.strides.get(axis).map_or(0, |&stride| stride as usize);
        let value = |row: usize, column: usize| {
            let at = (row * stride(0) + column * stride(1)) * width;
            self.number.read(bytes.get(at..).unwrap_or_default())
        };
        let label = |row: usize| -> Option<Option<Label>> {
            if classes > 1 {
                let mut set = (0..classes).filter(|&class| value(row, class) != 0.0);
                let (Some(class), None) = (set.next(), set.next()) else { return None };
                return Some(Some(Label::Number(class as u64)));
            }
            let value = value(row, 0);
            if value.fract() != 0.0 || value.abs() > f64::from(u32::MAX) {
                return None;
            }
            Some((value >= 0.0).then_some(Label::Number(value as u64)))
        };
        (0..count).map(label).collect::<Option<_>>().ok_or_else(wrong)
    }
}

/// Refuses to hold too much.
pub(super) fn held(what: &'static str, length: u64) -> Result<(), FileError> {
    if length > MAX_HELD {
        let actual = usize::try_from(length).unwrap_or(usize::MAX);
        return Err(FileError::TooLarge { what, actual, limit: MAX_HELD as usize });
    }
    Ok(())
}

fn rest(file: &Blob, start: u64) -> Blob {
    file.part(start..file.len()).unwrap_or_else(|| Vec::new().into())
}

/// How errors call it.
pub(super) const IDX: &str = "MNIST idx";

/// The header of an idx file.
pub(super) struct Idx {
    number: Number,
    shape: Vec<usize>,
    start: usize,
    /// Length of the whole file in bytes.
    pub length: u64,
}

impl Idx {
    /// Most bytes that the header has: four axes.
    pub const MAX: usize = 4 + 4 * 4;

    pub fn read(head: &[u8]) -> Result<Self, CollectError> {
        let wrong = |reason: &str| CollectError::Records { format: IDX, reason: reason.into() };
        let [0, 0, kind, axes @ 1..=4, rest @ ..] = head else { return Err(wrong("its header is none")) };
        let element = match kind {
            0x08 => Element::U8,
            0x09 => Element::I8,
            0x0b => Element::I16,
            0x0c => Element::I32,
            0x0d => Element::F32,
            0x0e => Element::F64,
            _ => return Err(wrong("the type of its numbers is unknown")),
        };
        let number = Number { element, big_endian: true };
        let axes = usize::from(*axes);
        let lengths = rest.get(..axes * 4).ok_or_else(|| wrong("it ends within its header"))?;
        let shape: Vec<usize> = lengths
            .chunks_exact(4)
            .map(|length| length.iter().fold(0, |value, &byte| value << 8 | usize::from(byte)))
            .collect();
        let start = 4 + axes * 4;
        let data = shape.iter().try_fold(number.width() as u64, |product, &length| product.checked_mul(length as u64));
        let length = data.and_then(|data| data.checked_add(start as u64));
        Ok(Self { number, shape, start, length: length.ok_or_else(|| wrong("its shape is larger than any file"))? })
    }
}

/// Pictures of one size, one after the other in an array or in records.
#[derive(Debug)]
pub(super) struct Stack {
    pub data: Blob,
    pub number: Number,
    pub count: u32,
    pub height: u32,
    pub width: u32,
    pub channels: u32,
    /// Numbers from one to the next: picture, row, column, channel.
    pub strides: [u64; 4],
    /// The values that are black and white.
    pub scale: [f64; 2],
}

impl Stack {
    /// Bytes that a picture has.
    pub fn picture_bytes(&self) -> u64 {
        u64::from(self.height) * u64::from(self.width) * u64::from(self.channels) * self.number.width() as u64
    }

    /// Reads one picture; a fourth channel is opacity, `ground` the colour below.
    pub fn picture(&self, index: u32, ground: [u8; 3]) -> Result<Picture, ItemError> {
        let [by_picture, by_row, by_column, by_channel] = self.strides;
        let unit = self.number.width() as u64;
        let last = |length: u32, stride: u64| u64::from(length.saturating_sub(1)).saturating_mul(stride);
        let span = [(self.height, by_row), (self.width, by_column), (self.channels, by_channel)]
            .iter()
            .fold(1_u64, |sum, &(length, stride)| sum.saturating_add(last(length, stride)));
        let start = u64::from(index).saturating_mul(by_picture).saturating_mul(unit);
        let end = start.saturating_add(span.saturating_mul(unit));
        let missing = || FileError::Damaged { reason: format!("picture {index} of the array is missing") };
        let bytes = self.data.read(start..end)?.filter(|_| index < self.count).ok_or_else(missing)?;
        // All of it lies within the bytes that were just read, whose length is a `usize`.
        let [by_row, by_column, by_channel] = [by_row, by_column, by_channel].map(|stride| stride as usize);
        let (height, width) = (self.height as usize, self.width as usize);
        let value = |row: usize, column: usize, channel: usize| {
            let at = row * by_row + column * by_column + channel * by_channel;
            self.brightness(bytes.get(at * unit as usize..).unwrap_or_default())
        };
        let mut pixels = Vec::with_capacity(height * width * 3);
        for row in 0..height {
            for column in 0..width {
                if self.channels < 3 {
                    pixels.extend([value(row, column, 0); 3]);
                    continue;
                }
                let colour = [0, 1, 2].map(|channel| value(row, column, channel));
                if self.channels == 3 {
                    pixels.extend(colour);
                } else {
                    let alpha = u32::from(value(row, column, 3));
                    pixels.extend(colour.iter().zip(ground).map(|(&c, g)| over(u32::from(c), alpha, u32::from(g))));
                }
            }
        }
        Ok(Picture::from_rgb(self.width, self.height, pixels)?)
    }

    fn brightness(&self, bytes: &[u8]) -> u8 {
        if self.number.element == Element::U8 {
            return bytes.first().copied().unwrap_or(WHITE[0]);
        }
        let [black, white] = self.scale;
        // A conversion to an integer keeps within its bounds and makes 0 of what is no number.
        ((self.number.read(bytes) - black) / (white - black) * 255.0 + 0.5).floor() as u8
    }
}

/// The range of an array's values, found piece by piece.
#[derive(Debug)]
pub(super) struct Range {
    piece: u64,
    low: f64,
    high: f64,
}

impl Default for Range {
    fn default() -> Self {
        Self { piece: 0, low: f64::INFINITY, high: f64::NEG_INFINITY }
    }
}

impl Range {
    /// Bytes of a piece, some milliseconds of work.
    const PIECE: u64 = 1 << 20;
    /// Pieces that are looked at, evenly spread if there are more.
    const PIECES: u64 = 64;

    /// Looks at a piece; whether it was the last.
    pub fn step(&mut self, stack: &Stack) -> Result<bool, FileError> {
        let length = stack.data.len();
        let all = length.div_ceil(Self::PIECE);
        let count = all.min(Self::PIECES);
        if self.piece >= count {
            return Ok(true);
        }
        let start = (self.piece * all / count) * Self::PIECE;
        let bytes = stack.data.read(start..length.min(start + Self::PIECE))?.unwrap_or_default();
        for value in bytes.chunks_exact(stack.number.width()).map(|bytes| stack.number.read(bytes)) {
            // Comparisons leave out what is no number.
            if value < self.low {
                self.low = value;
            }
            if value > self.high {
                self.high = value;
            }
        }
        self.piece += 1;
        Ok(self.piece == count)
    }

    /// The least and the greatest value, and those that are black and white.
    pub fn scale(&self, number: Number) -> Result<([f64; 2], [f64; 2]), CollectError> {
        let (low, high) = if self.low <= self.high { (self.low, self.high) } else { (0.0, 0.0) };
        // Resizing overshoots a little, and rounding too.
        let within = |black: f64, white: f64| {
            let slack = if number.is_float() { (white - black) / 50.0 } else { 0.0 };
            low >= black - slack && high <= white + slack
        };
        let scale = if number.is_float() && within(0.0, 1.0) {
            [0.0, 1.0]
        } else if number.is_float() && within(-1.0, 1.0) {
            [-1.0, 1.0]
        // Floats that go no further than 2.7 are neither: pictures less their mean, over their deviation, reach that far.
        } else if within(0.0, 255.0) && (!number.is_float() || high > 2.7) {
            [0.0, 255.0]
        } else if number.element == Element::U16 {
            [0.0, 65_535.0]
        } else {
            return Err(CollectError::Range { low, high });
        };
        Ok(([low, high], scale))
    }
}
