//! Results of a scan as a file: what one network said of some pictures.
//!
//! Everything is little-endian. `iNNs`, then u32 each: version, classes, width of the features, number of pictures, bytes
//! of the layer's name. Then the name, filled up with zeros to a multiple of four; u32 numbers of the pictures; f32 logits
//! `[pictures, classes]`; f32 features `[pictures, width]`; where there is a layer, f32 mean and maximum of its activation
//! `[pictures, 2]`; a checksum, u32, over all words before. A file that is damaged in any way is not read.

const MAGIC: u32 = u32::from_le_bytes(*b"iNNs");
const VERSION: u32 = 1;
const HEAD: usize = 6;
/// Most bytes of a layer's name.
const LONGEST: usize = 4096;

/// What one network said of some pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Piece {
    /// Number of classes.
    pub classes: usize,
    /// Number of features of a picture.
    pub width: usize,
    /// Numbers of the pictures.
    pub items: Vec<u32>,
    /// Logits `[pictures, classes]`.
    pub logits: Vec<f32>,
    /// Features `[pictures, width]`.
    pub features: Vec<f32>,
    /// The layer whose activation was measured.
    pub layer: Option<String>,
    /// Mean and maximum of its activation for each picture; empty where there is no layer.
    pub activations: Vec<[f32; 2]>,
}

impl Piece {
    /// Bytes that it takes in memory and, nearly, on disk.
    #[must_use]
    pub fn bytes(&self) -> usize {
        4 * (self.items.len() + self.logits.len() + self.features.len() + 2 * self.activations.len())
    }

    /// Whether its parts fit each other.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let count = self.items.len();
        let activations = if self.layer.is_some() { count } else { 0 };
        self.classes.checked_mul(count) == Some(self.logits.len())
            && self.width.checked_mul(count) == Some(self.features.len())
            && self.activations.len() == activations
    }

    /// Adds the pictures of another piece; nothing happens and `false` is returned if it is of another kind.
    pub fn append(&mut self, other: &Self) -> bool {
        let same = (self.classes, self.width, &self.layer) == (other.classes, other.width, &other.layer);
        if same && other.is_whole() {
            self.items.extend(&other.items);
            self.logits.extend(&other.logits);
            self.features.extend(&other.features);
            self.activations.extend(&other.activations);
        }
        same
    }

    /// Writes the file; nothing if its parts do not fit each other or are too large.
    #[must_use]
    pub fn write(&self) -> Option<Vec<u8>> {
        let name = self.layer.as_deref().unwrap_or_default().as_bytes();
        if !self.is_whole() || name.len() > LONGEST || (self.layer.is_some() && name.is_empty()) {
            return None;
        }
        let mut out = Vec::with_capacity(self.bytes() + name.len() + 4 * (HEAD + 2));
        let numbers = [self.classes, self.width, self.items.len(), name.len()];
        out.extend(MAGIC.to_le_bytes());
        out.extend(VERSION.to_le_bytes());
        for number in numbers {
            out.extend(u32::try_from(number).ok()?.to_le_bytes());
        }
        out.extend(name);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(self.items.iter().flat_map(|item| item.to_le_bytes()));
        let floats = self.logits.iter().chain(&self.features).chain(self.activations.iter().flatten());
        out.extend(floats.flat_map(|value| value.to_le_bytes()));
        out.extend(checksum(&out).to_le_bytes());
        Some(out)
    }

    /// Reads the file; nothing if it is damaged, cut off or of another version.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let body = bytes.len().checked_sub(4).filter(|_| bytes.len().is_multiple_of(4))?;
        let (content, sum) = bytes.split_at_checked(body)?;
        let mut words = Words(content);
        if words.next()? != MAGIC || words.next()? != VERSION || checksum(content).to_le_bytes() != *sum {
            return None;
        }
        let [classes, width, count, name] =
            [words.next()?, words.next()?, words.next()?, words.next()?].map(|number| number as usize);
        if name > LONGEST {
            return None;
        }
        let name = words.take(name.next_multiple_of(4))?.get(..name)?;
        let layer = (!name.is_empty()).then(|| std::str::from_utf8(name).map(str::to_owned)).transpose().ok()?;
        let pairs = if layer.is_some() { count } else { 0 };
        // What is left must be exactly this, so that nothing is allocated for a lie.
        let need = count.checked_add(count.checked_mul(classes)?)?.checked_add(count.checked_mul(width)?)?;
        let need = need.checked_add(pairs.checked_mul(2)?)?.checked_mul(4)?;
        if words.0.len() != need {
            return None;
        }
        let items = words.take(count * 4)?.chunks_exact(4).filter_map(word).map(u32::from_le_bytes).collect();
        let mut floats = |count: usize| -> Option<Vec<f32>> {
            Some(words.take(count * 4)?.chunks_exact(4).filter_map(word).map(f32::from_le_bytes).collect())
        };
        let (logits, features) = (floats(count * classes)?, floats(count * width)?);
        let activations = floats(pairs * 2)?.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).collect();
        let piece = Self { classes, width, items, logits, features, layer, activations };
        piece.is_whole().then_some(piece)
    }
}

fn word(bytes: &[u8]) -> Option<[u8; 4]> {
    bytes.try_into().ok()
}

/// What is still to be read.
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn next(&mut self) -> Option<u32> {
        self.take(4).and_then(word).map(u32::from_le_bytes)
    }
}

/// FNV-1a over words instead of bytes, which is four times as fast.
fn checksum(bytes: &[u8]) -> u32 {
    let words = bytes.chunks_exact(4).filter_map(word).map(u32::from_le_bytes);
    words.fold(0x811c_9dc5, |sum, word| (sum ^ word).wrapping_mul(0x0100_0193).rotate_left(5))
}

/// A short hash of a text for names of folders, 16 hexadecimal digits: FNV-1a.
#[must_use]
pub fn short_hash(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(layer: Option<&str>) -> Piece {
        Piece {
            classes: 3,
            width: 2,
            items: vec![7, 0],
            logits: vec![1.0, f32::NEG_INFINITY, -0.5, 2.0, 0.0, 1e-30],
            features: vec![0.25, 4.0, -1.0, 3.5],
            layer: layer.map(str::to_owned),
            activations: if layer.is_some() { vec![[0.1, 0.9], [0.2, 0.8]] } else { Vec::new() },
        }
    }

    #[test]
    fn a_piece_is_read_as_it_was_written() {
        for layer in [None, Some("conv"), Some("conv1"), Some("Schicht/ä")] {
            let bytes = piece(layer).write().unwrap();
            assert_eq!(Piece::read(&bytes), Some(piece(layer)));
        }
        let none = Piece { classes: 10, ..Piece::default() };
        assert_eq!(Piece::read(&none.write().unwrap()), Some(none));
    }

    #[test]
    fn damage_of_any_kind_is_seen() {
        let bytes = piece(Some("conv1")).write().unwrap();
        for end in 0..bytes.len() {
            assert_eq!(Piece::read(&bytes[..end]), None, "cut off at {end}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                assert_eq!(Piece::read(&damaged), None, "bit {bit} of byte {at}");
            }
        }
        let mut longer = bytes;
        longer.extend([0; 4]);
        assert_eq!(Piece::read(&longer), None);
    }

    #[test]
    fn lies_about_sizes_are_refused_before_anything_is_allocated() {
        let mut bytes = piece(None).write().unwrap();
        for at in [8, 12, 16, 20] {
            bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            let body = bytes.len() - 4;
            let sum = checksum(&bytes[..body]).to_le_bytes();
            bytes[body..].copy_from_slice(&sum);
            assert_eq!(Piece::read(&bytes), None);
        }
    }

    #[test]
    fn pieces_join_only_if_they_are_of_one_kind() {
        let mut one = piece(None);
        assert!(one.append(&piece(None)));
        assert_eq!((one.items.len(), one.logits.len(), one.features.len()), (4, 12, 8));
        assert!(one.is_whole());
        assert!(!one.append(&piece(Some("conv"))));
        assert!(!one.append(&Piece { classes: 4, ..Piece::default() }));
        assert!(one.is_whole());
        assert_eq!(Piece { logits: Vec::new(), ..piece(None) }.write(), None);
    }

    #[test]
    fn hashes_of_texts() {
        // As of the authors' reference code.
        assert_eq!(short_hash(""), "cbf29ce484222325");
        assert_eq!(short_hash("a"), "af63dc4c8601ec8c");
    }
}
