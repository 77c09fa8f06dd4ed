//! The header of an array: what its numbers are and how they lie.

use super::{MAGIC, NpyError, header};

/// What the header of any array says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The type of its numbers.
    pub number: Number,
    /// Whether the first axis varies fastest.
    pub fortran_order: bool,
    /// Lengths of the axes, outermost first.
    pub shape: Vec<usize>,
    /// Where the data starts, in bytes from the start of the file.
    pub start: usize,
}

impl Header {
    /// Most bytes that a header with numbers has; NumPy itself warns above 10 000.
    pub const MAX: u64 = 65_536 + 10;

    /// Reads it from the first bytes, at most [`MAX`](Self::MAX), of a file of `length` bytes.
    pub fn read(head: &[u8], length: u64) -> Result<Self, NpyError> {
        let (Dict { descr, fortran_order, shape }, start) = Dict::read(head)?;
        let number = Number::parse(&descr).ok_or(NpyError::NotNumbers { found: descr })?;
        let width = number.width() as u64;
        let expected = shape.iter().try_fold(width, |product, &length| product.checked_mul(length as u64));
        let expected = expected.ok_or_else(|| header("the shape is larger than any file"))?;
        let found = length.saturating_sub(start as u64);
        if expected != found {
            return Err(NpyError::Length { expected, found });
        }
        Ok(Self { number, fortran_order, shape, start })
    }
}

/// A type of numbers in a byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    pub element: Element,
    pub big_endian: bool,
}

/// A type of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    F32,
    F64,
}

impl Number {
    /// By NumPy's name, such as `<f4`.
    pub fn parse(descr: &str) -> Option<Self> {
        let (order, name) = descr.split_at_checked(1)?;
        let element = match name {
            "b1" => Element::Bool,
            "u1" => Element::U8,
            "i1" => Element::I8,
            "u2" => Element::U16,
            "i2" => Element::I16,
            "u4" => Element::U32,
            "i4" => Element::I32,
            "u8" => Element::U64,
            "i8" => Element::I64,
            "f2" => Element::F16,
            "f4" => Element::F32,
            "f8" => Element::F64,
            _ => return None,
        };
        matches!(order, "<" | ">" | "|" | "=").then_some(Self { element, big_endian: order == ">" })
    }

    /// Bytes of one.
    pub fn width(self) -> usize {
        match self.element {
            Element::Bool | Element::U8 | Element::I8 => 1,
            Element::U16 | Element::I16 | Element::F16 => 2,
            Element::U32 | Element::I32 | Element::F32 => 4,
            Element::U64 | Element::I64 | Element::F64 => 8,
        }
    }

    pub fn is_float(self) -> bool {
        matches!(self.element, Element::F16 | Element::F32 | Element::F64)
    }

    /// One number of [`width`](Self::width) bytes; integers beyond 2⁵³ are rounded.
    pub fn read(self, bytes: &[u8]) -> f64 {
        let mut little = [0; 8];
        for (at, byte) in little.iter_mut().enumerate().take(self.width()) {
            let at = if self.big_endian { self.width() - 1 - at } else { at };
            *byte = bytes.get(at).copied().unwrap_or_default();
        }
        let [a, b, c, d, ..] = little;
        match self.element {
            Element::Bool => f64::from(u8::from(a != 0)),
            Element::U8 => f64::from(a),
            Element::I8 => f64::from(a as i8),
            Element::U16 => f64::from(u16::from_le_bytes([a, b])),
            Element::I16 => f64::from(i16::from_le_bytes([a, b])),
            Element::U32 => f64::from(u32::from_le_bytes([a, b, c, d])),
            Element::I32 => f64::from(i32::from_le_bytes([a, b, c, d])),
            Element::U64 => u64::from_le_bytes(little) as f64,
            Element::I64 => i64::from_le_bytes(little) as f64,
            Element::F16 => half::f16::from_le_bytes([a, b]).to_f64(),
            Element::F32 => f64::from(f32::from_le_bytes([a, b, c, d])),
            Element::F64 => f64::from_le_bytes(little),
        }
    }
}

/// The header's dict.
pub(super) struct Dict {
    pub descr: String,
    pub fortran_order: bool,
    pub shape: Vec<usize>,
}

impl Dict {
    /// The dict in front of an array, and where the data starts.
    pub fn read(bytes: &[u8]) -> Result<(Self, usize), NpyError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(NpyError::NotNpy)?;
        let short = || header("the file ends within it");
        let (major, rest) = match rest {
            [major, _minor, rest @ ..] => (*major, rest),
            _ => return Err(short()),
        };
        let (length, rest) = match (major, rest) {
            (1, [a, b, rest @ ..]) => (usize::from(u16::from_le_bytes([*a, *b])), rest),
            (2 | 3, [a, b, c, d, rest @ ..]) => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
            (1..=3, _) => return Err(short()),
            _ => return Err(NpyError::Version { major }),
        };
        let (text, data) = rest.split_at_checked(length).ok_or_else(short)?;
        let text = std::str::from_utf8(text).map_err(|_| header("it is not text"))?;
        Ok((Self::parse(text)?, bytes.len() - data.len()))
    }

    fn parse(text: &str) -> Result<Self, NpyError> {
        let mut literal = Literal { rest: text };
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        literal.expect("{")?;
        while !literal.eat("}") {
            let key = literal.string()?;
            literal.expect(":")?;
            match key.as_str() {
                "descr" => descr = Some(literal.descr()?),
                "fortran_order" => fortran_order = Some(literal.bool()?),
                "shape" => shape = Some(literal.tuple()?),
                other => return Err(header(format!("`{other}` is no key of it"))),
            }
            if !literal.eat(",") {
                literal.expect("}")?;
                break;
            }
        }
        if !literal.rest.trim().is_empty() {
            return Err(header("something follows the dict"));
        }
        let missing = |key| move || header(format!("`{key}` is missing"));
        Ok(Self {
            descr: descr.ok_or_else(missing("descr"))?,
            fortran_order: fortran_order.ok_or_else(missing("fortran_order"))?,
            shape: shape.ok_or_else(missing("shape"))?,
        })
    }
}

/// Just enough of Python's literals.
struct Literal<'a> {
    rest: &'a str,
}

impl Literal<'_> {
    fn eat(&mut self, token: &str) -> bool {
        match self.rest.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), NpyError> {
        if self.eat(token) {
            return Ok(());
        }
        let found: String = self.rest.trim_start().chars().take(12).collect();
        Err(header(format!("`{token}` is expected before `{found}`")))
    }

    fn string(&mut self) -> Result<String, NpyError> {
        let quote = if self.eat("\"") {
            '"'
        } else {
            self.expect("'")?;
            '\''
        };
        let (text, rest) = self.rest.split_once(quote).ok_or_else(|| header("a string does not end"))?;
        self.rest = rest;
        Ok(text.to_owned())
    }

    /// A string; of the list that describes a record only that it is one.
    fn descr(&mut self) -> Result<String, NpyError> {
        if self.rest.trim_start().starts_with('[') {
            return Err(NpyError::DataType { found: "a record".into() });
        }
        self.string()
    }

    fn bool(&mut self) -> Result<bool, NpyError> {
        if self.eat("True") {
            return Ok(true);
        }
        self.expect("False")?;
        Ok(false)
    }

    fn tuple(&mut self) -> Result<Vec<usize>, NpyError> {
        let mut numbers = Vec::new();
        self.expect("(")?;
        while !self.eat(")") {
            self.rest = self.rest.trim_start();
            let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
            let (digits, rest) = self.rest.split_at(end);
            numbers.push(digits.parse().map_err(|_| header("an axis of the shape is no length"))?);
            self.rest = rest;
            self.eat("L"); // Python 2 wrote long integers so.
            if !self.eat(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_both_orders() {
        let read = |descr: &str, bytes: &[u8]| Number::parse(descr).unwrap().read(bytes);
        assert_eq!(read("|b1", &[2]), 1.0);
        assert_eq!(read("|i1", &[0xff]), -1.0);
        assert_eq!(read(">u2", &[1, 2]), 258.0);
        assert_eq!(read("<u2", &[1, 2]), 513.0);
        assert_eq!(read(">i4", &(-7_i32).to_be_bytes()), -7.0);
        assert_eq!(read("<i8", &(-7_i64).to_le_bytes()), -7.0);
        assert_eq!(read("<f2", &[0, 0x3c]), 1.0);
        assert_eq!(read(">f8", &0.1_f64.to_be_bytes()), 0.1);
        for no in ["", "f4", "<U5", "|O", "<c8", "é4"] {
            assert_eq!(Number::parse(no), None, "{no}");
        }
    }
}
