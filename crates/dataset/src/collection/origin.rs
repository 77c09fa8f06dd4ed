//! Where the bytes of one file are, and what its beginning says it is.

use std::rc::Rc;

use bytes::Bytes;
use innspect_files::{Blob, FileError, Zip};

use super::error::CollectError;
use crate::decode::foreign;
use crate::sniff;

/// Bytes that [`kind`] looks at; the signatures are within the first dozens, text is judged by more.
pub(super) const HEAD: usize = 512;

/// Where the bytes of one file are.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A file of its own.
    File(Blob),
    /// An entry of an archive, by its number there.
    Entry(Rc<Zip>, usize),
}

impl Origin {
    /// Length in bytes, unpacked.
    pub fn size(&self) -> u64 {
        match self {
            Self::File(blob) => blob.len(),
            Self::Entry(zip, index) => zip.entries().get(*index).map_or(0, innspect_files::Entry::size),
        }
    }

    /// CRC-32 of its content, where it is known without reading.
    pub fn checksum(&self) -> Option<u32> {
        match self {
            Self::File(_) => None,
            Self::Entry(zip, index) => zip.entries().get(*index).map(innspect_files::Entry::checksum),
        }
    }

    /// Its first bytes, at most `length`.
    pub fn head(&self, length: usize) -> Result<Bytes, FileError> {
        match self {
            Self::File(blob) => blob.head(length as u64),
            Self::Entry(zip, index) => {
                zip.entries().get(*index).map_or_else(|| Ok(Bytes::new()), |entry| zip.head(entry, length))
            }
        }
    }

    /// All of it; an entry is unpacked and its checksum tested.
    pub fn whole(&self) -> Result<Blob, FileError> {
        match self {
            Self::File(blob) => Ok(blob.clone()),
            Self::Entry(zip, index) => {
                zip.entries().get(*index).map_or_else(|| Ok(Vec::new().into()), |entry| zip.unpack(entry))
            }
        }
    }

    /// Whether it can be read in parts without being unpacked.
    pub fn is_stored(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Entry(zip, index) => zip.entries().get(*index).is_some_and(innspect_files::Entry::is_stored),
        }
    }

    /// All of it, to read parts from: an entry that is not packed stays where it is.
    pub fn sliced(&self) -> Result<Blob, FileError> {
        if let Self::Entry(zip, index) = self
            && let Some(entry) = zip.entries().get(*index)
            && let Some(blob) = zip.stored(entry)?
        {
            return Ok(blob);
        }
        self.whole()
    }
}

/// What a file is.
#[derive(Debug)]
pub(super) enum Kind {
    /// A picture that can be decoded, by its signature.
    Picture,
    /// A zip archive; also a `.npz`.
    Zip,
    /// One file packed by gzip.
    Gzip,
    /// A NumPy array.
    Npy,
    /// An array of numbers as MNIST has them.
    Idx,
    /// Text, perhaps a list.
    Text,
    /// Records of CIFAR, if the length fits.
    Records,
    /// Something else.
    Other(CollectError),
}

/// What a file is by its first bytes; the name decides where they are no more than numbers.
pub(super) fn kind(path: &str, head: &[u8]) -> Kind {
    if sniff::picture_format(head).is_some() {
        return Kind::Picture;
    }
    if let Some(seems) = network(path, head) {
        return Kind::Other(CollectError::Network { seems });
    }
    match head {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => return Kind::Zip,
        [0x1f, 0x8b, ..] => return Kind::Gzip,
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => return Kind::Npy,
        // An icon begins with 0 0 1 0, which is no idx: its third byte is the type of the numbers.
        [0, 0, 0x08 | 0x09 | 0x0b..=0x0e, 1..=4, ..] => return Kind::Idx,
        _ if has_extension(path, &["bin"]) => return Kind::Records,
        _ => {}
    }
    match sniff::foreign(head) {
        Some(sniff::Foreign::Other("a text file")) => Kind::Text,
        _ => Kind::Other(CollectError::Picture(foreign(head))),
    }
}

/// Names a network, by cheap signs alone.
fn network(path: &str, head: &[u8]) -> Option<&'static str> {
    if head.get(4..8) == Some(b"TFL3") {
        return Some("a TensorFlow Lite network");
    }
    let by_name: [(&[&str], &str); 5] = [
        (&["onnx"], "an ONNX network"),
        (&["h5", "hdf5", "keras"], "a Keras network"),
        (&["pt", "pth"], "a PyTorch network"),
        (&["safetensors"], "a file of weights"),
        (&["tflite"], "a TensorFlow Lite network"),
    ];
    by_name.into_iter().find(|(extensions, _)| has_extension(path, extensions)).map(|(_, seems)| seems)
}

/// Whether a name ends in a dot and one of these, in any case.
pub(super) fn has_extension(path: &str, extensions: &[&str]) -> bool {
    let extension = stem_and_extension(path).1;
    extensions.iter().any(|one| extension.eq_ignore_ascii_case(one))
}

/// The path without the extension, and the extension, empty if there is none. A dot in front makes none.
pub(super) fn stem_and_extension(path: &str) -> (&str, &str) {
    let name_at = path.rfind('/').map_or(0, |slash| slash + 1);
    match path.rfind('.') {
        Some(dot) if dot > name_at => (path.get(..dot).unwrap_or(path), path.get(dot + 1..).unwrap_or_default()),
        _ => (path, ""),
    }
}

/// The path with single `/` between its parts; `None` for what systems put beside pictures without being asked.
pub(super) fn visible(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." | ".." => {}
            "__MACOSX" => return None,
            _ if part.starts_with('.') => return None,
            _ if ["thumbs.db", "desktop.ini", "ehthumbs.db"].iter().any(|name| part.eq_ignore_ascii_case(name)) => {
                return None;
            }
            _ => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_tidied() {
        assert_eq!(visible("./a\\b//c.jpg").as_deref(), Some("a/b/c.jpg"));
        for hidden in ["__MACOSX/a/._b.jpg", "a/.DS_Store", "Thumbs.db", "a/.git/config", "", "/"] {
            assert_eq!(visible(hidden), None, "{hidden}");
        }
        assert_eq!(stem_and_extension("a.b/c"), ("a.b/c", ""));
        assert_eq!(stem_and_extension("a/b.tar.gz"), ("a/b.tar", "gz"));
        assert!(has_extension("A/B.NPZ", &["npy", "npz"]));
    }

    #[test]
    fn kinds_are_told_by_content() {
        assert!(matches!(kind("a.txt", b"\xff\xd8\xff\xe0"), Kind::Picture));
        assert!(matches!(kind("a.jpg", b"file,label\n1.jpg,cat\n"), Kind::Text));
        assert!(matches!(kind("a", &[0, 0, 8, 3, 0, 0]), Kind::Idx));
        assert!(matches!(kind("a.png", &[0, 0, 1, 0]), Kind::Other(CollectError::Picture(_))));
        let Kind::Other(error) = kind("a.onnx", b"\x08\x07") else { panic!("a network") };
        assert_eq!(error.what(), "This is an ONNX network, not a picture.");
    }
}
