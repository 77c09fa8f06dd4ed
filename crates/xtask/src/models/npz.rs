//! NumPy archives of bytes, as `numpy.savez_compressed` writes them: a zip file with one `.npy` file an array.

use std::io::{Cursor, Read as _, Write as _};

use anyhow::{Context as _, Result, bail, ensure};
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

/// An array of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// Sizes of its axes.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub data: Vec<u8>,
}

/// What a `.npy` file of version 1.0 starts with.
const MAGIC: &[u8] = b"\x93NUMPY\x01\0";

/// Packs arrays under their names; the same arrays give the same bytes.
pub fn write(arrays: &[(&str, Array)]) -> Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_level(Some(9));
    for (name, array) in arrays {
        zip.start_file(format!("{name}.npy"), options)?;
        zip.write_all(&npy(array)?)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// An array as a file, with a header that makes the data start at a multiple of 64 bytes.
fn npy(array: &Array) -> Result<Vec<u8>> {
    let Array { shape, data } = array;
    ensure!(shape.iter().product::<usize>() == data.len(), "{} bytes are not {shape:?}", data.len());
    let comma = if shape.len() == 1 { "," } else { "" };
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let mut header =
        format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({}{comma}), }}", sizes.join(", ")).into_bytes();
    let start = MAGIC.len() + 2;
    header.resize((start + header.len() + 1).next_multiple_of(64) - start - 1, b' ');
    header.push(b'\n');
    let length = u16::try_from(header.len()).context("the header is too long")?;
    Ok([MAGIC, &length.to_le_bytes(), &header, data].concat())
}

/// Reads an array of an archive that [`write()`] made.
pub fn read(archive: &[u8], name: &str) -> Result<Array> {
    let mut bytes = Vec::new();
    let mut zip = ZipArchive::new(Cursor::new(archive))?;
    zip.by_name(&format!("{name}.npy"))?.read_to_end(&mut bytes)?;
    let rest = bytes.strip_prefix(MAGIC).context("no .npy file of version 1.0")?;
    let Some((&[low, high], rest)) = rest.split_first_chunk() else { bail!("the header is cut off") };
    let (header, data) = rest.split_at_checked(usize::from(u16::from_le_bytes([low, high]))).context("a cut header")?;
    let header = std::str::from_utf8(header)?;
    let shape = header
        .strip_prefix("{'descr': '|u1', 'fortran_order': False, 'shape': (")
        .and_then(|rest| rest.split_once(')'))
        .with_context(|| format!("the header {header:?} is none of an array of bytes"))?
        .0;
    let sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
    let shape = sizes.map(str::parse).collect::<Result<Vec<usize>, _>>()?;
    ensure!(shape.iter().product::<usize>() == data.len(), "{} bytes are not {shape:?}", data.len());
    Ok(Array { shape, data: data.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_numpys() {
        // numpy.save(f, numpy.arange(3, dtype=numpy.uint8)), byte for byte.
        let mut expected = b"\x93NUMPY\x01\0\x76\0{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }".to_vec();
        expected.resize(127, b' ');
        expected.extend(b"\n\0\x01\x02");
        assert_eq!(npy(&Array { shape: vec![3], data: vec![0, 1, 2] }).unwrap(), expected);
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let array = |shape: &[usize]| Array { shape: shape.to_vec(), data: vec![7; shape.iter().product()] };
        let (a, b) = (array(&[2, 3, 4]), array(&[5]));
        let archive = write(&[("a", a.clone()), ("b", b.clone())]).unwrap();
        assert_eq!((read(&archive, "a").unwrap(), read(&archive, "b").unwrap()), (a.clone(), b));
        assert!(read(&archive, "c").is_err());
        assert_eq!(write(&[("a", a.clone())]).unwrap(), write(&[("a", a)]).unwrap());
        assert!(write(&[("a", Array { shape: vec![2], data: vec![0] })]).is_err());
    }
}
