//! NumPy's `.npy` files: arrays of `f32` in C order read and written as a whole, and the header of any other.
//!
//! The format is `numpy/lib/format.py`: magic, version, length of the header, the header as a Python dict, the data.

mod header;

use header::Dict;
pub(crate) use header::{Element, Header, Number};

/// An array: the shape and the values, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Lengths of the axes, outermost first; empty for a single number.
    pub shape: Vec<usize>,
    /// The values; as many as the product of `shape`.
    pub data: Vec<f32>,
}

/// Why bytes are no array of `f32`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.what())]
#[non_exhaustive]
pub enum NpyError {
    /// The magic bytes are missing.
    NotNpy,
    /// A version of the format that does not exist yet.
    Version {
        /// Major version.
        major: u8,
    },
    /// The header cannot be read.
    Header {
        /// What is wrong.
        reason: String,
    },
    /// The array holds something other than `f32` or `f64`.
    DataType {
        /// NumPy's name for it, such as `<i8`.
        found: String,
    },
    /// The array holds no numbers that are read: text, objects, complex numbers.
    NotNumbers {
        /// NumPy's name for it, such as `|O`.
        found: String,
    },
    /// The array is in Fortran order.
    FortranOrder,
    /// The data does not fill the shape, or goes beyond it.
    Length {
        /// Bytes that the shape needs.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
}

impl NpyError {
    /// What happened, one sentence.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::NotNpy => "This is not a NumPy array file.".into(),
            Self::Version { major } => format!("This NumPy array file has the unknown version {major}."),
            Self::Header { reason } => format!("The header of the NumPy array cannot be read: {reason}."),
            Self::DataType { found } => format!("The NumPy array holds `{found}`, not 32-bit floats."),
            Self::NotNumbers { found } => {
                format!("The NumPy array holds `{found}`, not whole or floating-point numbers.")
            }
            Self::FortranOrder => "The NumPy array is in Fortran order.".into(),
            Self::Length { expected, found } => {
                format!("The NumPy array should have {expected} bytes of data, but has {found}.")
            }
        }
    }

    /// Where in the file.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::NotNpy | Self::Version { .. } => "first bytes",
            Self::Header { .. } => "header",
            Self::DataType { .. } | Self::NotNumbers { .. } => "header, descr",
            Self::FortranOrder => "header, fortran_order",
            Self::Length { .. } => "data",
        }
        .into()
    }

    /// What to do, one sentence.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::NotNpy => "Write it with `numpy.save`; a `.npz` has to be unpacked first.",
            Self::Version { .. } | Self::Header { .. } => "Write it with `numpy.save`.",
            Self::DataType { .. } => "Write it with `numpy.save(file, array.astype('float32'))`.",
            Self::NotNumbers { .. } => "Write it with `numpy.save(file, array.astype('uint8'))`.",
            Self::FortranOrder => "Write it with `numpy.save(file, numpy.ascontiguousarray(array))`.",
            Self::Length { .. } => "The file was not written to its end: write or copy it again.",
        }
        .into()
    }
}

const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads an array of 32-bit floats in either byte order; 64-bit floats are rounded to 32 bits.
///
/// # Errors
/// [`NpyError`]; nothing is allocated beyond four bytes per value present.
pub fn read_f32(bytes: &[u8]) -> Result<Array, NpyError> {
    let (Dict { descr, fortran_order, shape }, start) = Dict::read(bytes)?;
    let data = bytes.get(start..).unwrap_or_default();

    let (width, read): (usize, fn(&[u8]) -> f32) = match descr.as_str() {
        "<f4" => (4, |b| f32::from_le_bytes(b.try_into().unwrap_or_default())),
        ">f4" => (4, |b| f32::from_be_bytes(b.try_into().unwrap_or_default())),
        "<f8" => (8, |b| f64::from_le_bytes(b.try_into().unwrap_or_default()) as f32),
        ">f8" => (8, |b| f64::from_be_bytes(b.try_into().unwrap_or_default()) as f32),
        _ => return Err(NpyError::DataType { found: descr }),
    };
    // One axis longer than 1 reads the same in both orders; NumPy writes such arrays as C order anyway.
    if fortran_order && shape.iter().filter(|&&length| length != 1).count() > 1 {
        return Err(NpyError::FortranOrder);
    }
    let expected = shape.iter().try_fold(width as u64, |product, &length| product.checked_mul(length as u64));
    let expected = expected.ok_or_else(|| header("the shape is larger than any file"))?;
    let found = data.len() as u64;
    if expected != found {
        return Err(NpyError::Length { expected, found });
    }
    Ok(Array { shape, data: data.chunks_exact(width).map(read).collect() })
}

/// Writes an array as `numpy.save` does: version 1.0, little endian, C order, data aligned to 64 bytes.
///
/// # Errors
/// [`NpyError::Length`] if `data` does not fill `shape`.
pub fn write_f32(shape: &[usize], data: &[f32]) -> Result<Vec<u8>, NpyError> {
    let found = data.len() as u64 * 4;
    let expected = shape.iter().try_fold(4_u64, |product, &length| product.checked_mul(length as u64));
    if expected != Some(found) {
        return Err(NpyError::Length { expected: expected.unwrap_or(u64::MAX), found });
    }
    let axes = match shape {
        [one] => format!("({one},)"),
        axes => format!("({})", axes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {axes}, }}");
    // Magic, version, length, header and the newline that ends it fill a multiple of 64 bytes.
    let preamble = MAGIC.len() + 4;
    text.push_str(&" ".repeat((preamble + text.len() + 1).next_multiple_of(64) - preamble - text.len() - 1));
    text.push('\n');
    let length = u16::try_from(text.len()).map_err(|_| header("the shape has too many axes"))?;

    let mut bytes = Vec::with_capacity(preamble + text.len() + data.len() * 4);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend(data.iter().flat_map(|value| value.to_le_bytes()));
    Ok(bytes)
}

fn header(reason: impl Into<String>) -> NpyError {
    NpyError::Header { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(dict: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\0".to_vec();
        bytes.extend_from_slice(&(dict.len() as u16).to_le_bytes());
        bytes.extend_from_slice(dict.as_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    #[test]
    fn what_is_written_is_numpys() {
        // numpy.save(f, numpy.arange(6, dtype='<f4').reshape(2, 3)), byte for byte.
        let bytes = write_f32(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let mut expected = b"\x93NUMPY\x01\0\x76\0".to_vec();
        expected.extend_from_slice(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
        expected.resize(127, b' ');
        expected.push(b'\n');
        expected.extend((0..6).flat_map(|i| (i as f32).to_le_bytes()));
        assert_eq!(bytes, expected);
    }

    #[test]
    fn other_floats_are_read() {
        let f8 = file("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", &0.1_f64.to_le_bytes());
        assert_eq!(read_f32(&f8).unwrap(), Array { shape: vec![1], data: vec![0.1] });
        let big = file("{\"descr\": \">f4\", \"fortran_order\": False, \"shape\": (), }\n", &1.5_f32.to_be_bytes());
        assert_eq!(read_f32(&big).unwrap(), Array { shape: vec![], data: vec![1.5] });
        let mut second = b"\x93NUMPY\x02\0".to_vec();
        let dict = b"{'shape': (2L, 1), 'fortran_order': True, 'descr': '<f4'}";
        second.extend_from_slice(&(dict.len() as u32).to_le_bytes());
        second.extend_from_slice(dict);
        second.extend_from_slice(&[0; 8]);
        assert_eq!(read_f32(&second).unwrap(), Array { shape: vec![2, 1], data: vec![0.0; 2] });
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let what = |bytes: &[u8]| read_f32(bytes).unwrap_err().what();
        assert_eq!(what(b"PK\x03\x04"), "This is not a NumPy array file.");
        assert_eq!(what(b"\x93NUMPY\x09\0"), "This NumPy array file has the unknown version 9.");
        assert_eq!(
            what(b"\x93NUMPY\x01\0\x10"),
            "The header of the NumPy array cannot be read: the file ends within it."
        );
        let ints = file("{'descr': '<i8', 'fortran_order': False, 'shape': (1,)}", &[0; 8]);
        assert_eq!(what(&ints), "The NumPy array holds `<i8`, not 32-bit floats.");
        let record = file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", &[0; 4]);
        assert_eq!(what(&record), "The NumPy array holds `a record`, not 32-bit floats.");
        let fortran = file("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2)}", &[0; 16]);
        assert_eq!(read_f32(&fortran).unwrap_err(), NpyError::FortranOrder);
        let short = file("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)}", &[0; 15]);
        assert_eq!(what(&short), "The NumPy array should have 16 bytes of data, but has 15.");
        let huge = file("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967295, 4294967295, 8)}", &[]);
        assert!(read_f32(&huge).is_err());
        let missing = file("{'descr': '<f4', 'shape': (1,)}", &[0; 4]);
        assert!(what(&missing).ends_with("`fortran_order` is missing."));
        assert!(write_f32(&[3], &[0.0]).is_err());
        assert!(write_f32(&[usize::MAX, 9], &[0.0]).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(shape in proptest::collection::vec(0_usize..5, 0..5), seed: u32) {
            let data: Vec<f32> = (0..shape.iter().product()).map(|i: usize| (i as f32).sin() * seed as f32).collect();
            let bytes = write_f32(&shape, &data).unwrap();
            let header = bytes.len() - data.len() * 4;
            prop_assert_eq!(header % 64, 0);
            prop_assert_eq!(read_f32(&bytes).unwrap(), Array { shape, data });
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), header in "\\PC{0,80}") {
            let _ = read_f32(&bytes);
            let _ = read_f32(&[MAGIC, &[1, 0], &bytes].concat());
            let _ = read_f32(&file(&header, &bytes));
            let _ = read_f32(&file(&format!("{{'descr': '<f4', 'shape': ({header}"), &bytes));
        }
    }
}
