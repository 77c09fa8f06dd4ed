//! Qt's binary resource bundles (`.rcc`), which GCompris packs its pictures in.
//!
//! A header with the positions of three tables, all big endian; a tree of fixed-size nodes; names as UTF-16; and for
//! each file its length and bytes, possibly compressed.

use std::collections::BTreeMap;
use std::io::Read as _;

use anyhow::{Context as _, Result, bail, ensure};

/// Flag of a node: the data are compressed by zlib (after four bytes with the length).
const ZLIB: u16 = 1;
/// Flag of a node: it is a folder.
const FOLDER: u16 = 2;
/// Flag of a node: the data are compressed by zstd, which no picture is.
const ZSTD: u16 = 4;

/// A bundle: the bytes and where its tables are.
pub struct Bundle {
    bytes: Vec<u8>,
    tree: usize,
    data: usize,
    names: usize,
    node_size: usize,
    /// Number of the node of every file, by its path.
    files: BTreeMap<String, usize>,
}

impl Bundle {
    /// Reads the tables.
    pub fn new(bytes: Vec<u8>) -> Result<Self> {
        ensure!(bytes.starts_with(b"qres"), "this is no Qt resource bundle");
        let mut bundle = Self { bytes, tree: 0, data: 0, names: 0, node_size: 0, files: BTreeMap::new() };
        let version = bundle.u32(4)?;
        ensure!((1..=3).contains(&version), "version {version} of the bundle format is unknown");
        // Since version 2 a node has the time of the last change.
        bundle.node_size = if version == 1 { 14 } else { 22 };
        bundle.tree = bundle.u32(8)?;
        bundle.data = bundle.u32(12)?;
        bundle.names = bundle.u32(16)?;
        bundle.walk()?;
        Ok(bundle)
    }

    /// The content of a file.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let node = *self.files.get(path).with_context(|| format!("{path} is not in the bundle"))?;
        let node = self.node(node)?;
        let start = self.data.checked_add(self.u32(node + 10)?).context("a position beyond the file")?;
        let len = self.u32(start)?;
        let data = self.slice(start + 4, len)?;
        match self.u16(node + 4)? & (ZLIB | ZSTD) {
            0 => Ok(data.to_vec()),
            ZLIB => {
                let mut out = Vec::new();
                let packed = data.get(4..).context("compressed data without a length")?;
                flate2::read::ZlibDecoder::new(packed).read_to_end(&mut out)?;
                Ok(out)
            }
            _ => bail!("{path} is compressed by zstd, which is not read"),
        }
    }

    /// Collects the paths of all files. The root is node 0; a folder's children are consecutive nodes.
    fn walk(&mut self) -> Result<()> {
        // Every node has one parent, so more steps than nodes fit means a loop.
        let mut steps = self.bytes.len() / self.node_size;
        let mut open = vec![(0_usize, String::new())];
        while let Some((index, path)) = open.pop() {
            steps = steps.checked_sub(1).context("the bundle's folders contain each other")?;
            let node = self.node(index)?;
            if self.u16(node + 4)? & FOLDER == 0 {
                self.files.insert(path, index);
                continue;
            }
            let (count, first) = (self.u32(node + 6)?, self.u32(node + 10)?);
            ensure!(count <= steps, "a folder has more entries than the bundle has nodes");
            for child in first..first.saturating_add(count) {
                let name = self.name(child)?;
                open.push((child, if path.is_empty() { name } else { format!("{path}/{name}") }));
            }
        }
        Ok(())
    }

    /// Position of a node.
    fn node(&self, index: usize) -> Result<usize> {
        let offset = index.checked_mul(self.node_size).and_then(|offset| offset.checked_add(self.tree));
        offset.context("a node beyond the file")
    }

    fn name(&self, index: usize) -> Result<String> {
        let start = self.names.checked_add(self.u32(self.node(index)?)?).context("a name beyond the file")?;
        let len = usize::from(self.u16(start)?);
        // The four bytes between are a hash.
        let (units, _) = self.slice(start + 6, 2 * len)?.as_chunks::<2>();
        let units: Vec<u16> = units.iter().map(|&unit| u16::from_be_bytes(unit)).collect();
        Ok(String::from_utf16(&units)?)
    }

    fn slice(&self, start: usize, len: usize) -> Result<&[u8]> {
        let end = start.checked_add(len);
        end.and_then(|end| self.bytes.get(start..end)).context("the bundle ends too early")
    }

    fn u16(&self, at: usize) -> Result<u16> {
        Ok(u16::from_be_bytes(self.slice(at, 2)?.try_into()?))
    }

    fn u32(&self, at: usize) -> Result<usize> {
        Ok(usize::try_from(u32::from_be_bytes(self.slice(at, 4)?.try_into()?))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bundle of version 2 with `a/b` = "plain" and `a/c` = "packed" by zlib, laid out as Qt's `rcc` does.
    fn sample() -> Vec<u8> {
        // zlib.compress(b"packed")
        let zlib = [0x78, 0x9c, 0x2b, 0x48, 0x4c, 0xce, 0x4e, 0x4d, 0x01, 0x00, 0x08, 0x86, 0x02, 0x69];
        let mut data = vec![0, 0, 0, 5];
        data.extend_from_slice(b"plain");
        data.extend_from_slice(&[0, 0, 0, 18, 0, 0, 0, 6]);
        data.extend_from_slice(&zlib);
        let names: Vec<u8> = [b'a', b'b', b'c'].iter().flat_map(|&letter| [0, 1, 9, 9, 9, 9, 0, letter]).collect();
        let node = |name: u32, flags: u16, first: u32, second: u32| {
            let mut node = name.to_be_bytes().to_vec();
            node.extend_from_slice(&flags.to_be_bytes());
            node.extend_from_slice(&first.to_be_bytes());
            node.extend_from_slice(&second.to_be_bytes());
            node.extend_from_slice(&[0; 8]);
            node
        };
        let tree: Vec<u8> =
            [node(0, FOLDER, 1, 1), node(0, FOLDER, 2, 2), node(8, 0, 0, 0), node(16, ZLIB, 0, 9)].concat();
        let mut bytes = b"qres".to_vec();
        let (data_at, names_at) = (20, 20 + data.len());
        for position in [2, names_at + names.len(), data_at, names_at] {
            bytes.extend_from_slice(&u32::try_from(position).unwrap().to_be_bytes());
        }
        [bytes, data, names, tree].concat()
    }

    #[test]
    fn files_are_found_by_path() {
        let bundle = Bundle::new(sample()).unwrap();
        assert_eq!(bundle.read("a/b").unwrap(), b"plain");
        assert_eq!(bundle.read("a/c").unwrap(), b"packed");
        assert!(bundle.read("a").is_err());
        assert!(bundle.read("a/d").is_err());
    }

    #[test]
    fn damage_is_an_error() {
        let sample = sample();
        for len in 0..sample.len() - 16 {
            // Of the last node only the name and the flags are needed for the list.
            assert!(Bundle::new(sample[..len].to_vec()).is_err(), "{len}");
        }
        for bit in 0..sample.len() * 8 {
            let mut bytes = sample.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(bundle) = Bundle::new(bytes) {
                for path in bundle.files.keys() {
                    let _ = bundle.read(path);
                }
            }
        }
    }
}
