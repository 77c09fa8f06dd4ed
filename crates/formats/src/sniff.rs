//! What a file is, told by its content rather than by its name.

use crate::{Blob, FormatError};

/// What a file seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// An ONNX network.
    Onnx,
    /// HDF5, the container of Keras networks.
    Hdf5,
    /// An archive of Keras.
    Keras,
    /// A zip that is none of the known kinds.
    Zip,
    /// A PyTorch checkpoint or TorchScript (zip).
    TorchZip,
    /// A NumPy archive (zip).
    Npz,
    /// A Python pickle, such as an old PyTorch checkpoint.
    Pickle,
    /// A TensorFlow Lite network.
    TfLite,
    /// A TensorFlow SavedModel or frozen graph.
    SavedModel,
    /// Weights in safetensors.
    Safetensors,
    /// GGUF weights.
    Gguf,
    /// A NumPy array.
    Npy,
    /// JSON.
    Json,
    /// PNG picture.
    Png,
    /// JPEG picture.
    Jpeg,
    /// WebP picture.
    WebP,
    /// GIF picture.
    Gif,
    /// BMP picture.
    Bmp,
    /// AVIF picture.
    Avif,
    /// HEIC picture.
    Heic,
    /// TIFF picture.
    Tiff,
    /// SVG drawing.
    Svg,
    /// PDF document.
    Pdf,
    /// A web page.
    Html,
    /// A Git LFS pointer.
    GitLfs,
    /// Compressed with gzip.
    Gzip,
    /// Plain text.
    Text,
    /// No bytes.
    Empty,
    /// None of these.
    Unknown,
}

impl FileKind {
    /// Words for people, to follow "this is".
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Onnx => "an ONNX network",
            Self::Hdf5 => "an HDF5 file",
            Self::Keras => "a Keras network",
            Self::Zip => "a zip archive",
            Self::TorchZip => "a PyTorch checkpoint",
            Self::Npz => "a NumPy archive",
            Self::Pickle => "a PyTorch pickle",
            Self::TfLite => "a TensorFlow Lite network",
            Self::SavedModel => "a TensorFlow graph",
            Self::Safetensors => "a safetensors file",
            Self::Gguf => "a GGUF file, which holds weights without the network",
            Self::Npy => "a NumPy array",
            Self::Json => "a JSON file",
            Self::Png => "a PNG picture",
            Self::Jpeg => "a JPEG picture",
            Self::WebP => "a WebP picture",
            Self::Gif => "a GIF picture",
            Self::Bmp => "a BMP picture",
            Self::Avif => "an AVIF picture",
            Self::Heic => "a HEIC picture",
            Self::Tiff => "a TIFF picture",
            Self::Svg => "an SVG drawing",
            Self::Pdf => "a PDF document",
            Self::Html => "a web page, not the file itself",
            Self::GitLfs => "a Git LFS pointer, not the file itself",
            Self::Gzip => "a gzip archive",
            Self::Text => "a text file",
            Self::Empty => "an empty file",
            Self::Unknown => "a file of unknown format",
        }
    }

    /// What to do with it where a network is wanted, as sentences; empty for networks that are read.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Onnx
            | Self::Hdf5
            | Self::Keras
            | Self::TfLite
            | Self::TorchZip
            | Self::Pickle
            | Self::Safetensors => "",
            Self::SavedModel => {
                "Convert its folder: python -m tf2onnx.convert --saved-model folder --output model.onnx."
            }
            Self::Gguf => "Load an image classifier in ONNX, Keras or TensorFlow Lite format.",
            Self::Zip => {
                "Load a zip with one network in it: an .onnx, .keras, .h5 or .tflite file, or a model.json of \
                 TensorFlow.js with its shards."
            }
            Self::Gzip => "Unpack it first and load the .onnx, .keras, .h5 or .tflite file in it.",
            Self::Npz | Self::Npy => {
                "Load a network in ONNX, Keras or TensorFlow Lite format; arrays alone do not say how they are connected."
            }
            Self::Json => {
                "Load a network: of JSON files only the model.json of TensorFlow.js is one; a list of class names \
                 belongs under labels."
            }
            Self::Text => {
                "Load a network in ONNX, Keras or TensorFlow Lite format; a list of class names belongs under labels."
            }
            Self::Png
            | Self::Jpeg
            | Self::WebP
            | Self::Gif
            | Self::Bmp
            | Self::Avif
            | Self::Heic
            | Self::Tiff
            | Self::Svg => "Load it as a picture; as a network an ONNX, Keras or TensorFlow Lite file is needed.",
            Self::Html => "The link led to a page; use the download button there to get the file itself.",
            Self::GitLfs => "Get the file itself with git lfs pull, or with the download button of the web page.",
            Self::Pdf | Self::Empty | Self::Unknown => {
                "Load a network in ONNX, Keras or TensorFlow format (.onnx, .keras, .h5, .tflite, or model.json with its \
                 shards); the download may have failed."
            }
        }
    }

    /// Whether this is a picture that can be decoded.
    #[must_use]
    pub fn is_picture(self) -> bool {
        matches!(self, Self::Png | Self::Jpeg | Self::WebP | Self::Gif | Self::Bmp)
    }
}

/// What a file seems to be, from its first and last bytes.
///
/// # Errors
/// If the file cannot be read.
pub fn sniff_blob(file: &Blob) -> Result<FileKind, FormatError> {
    let window = 4 * WINDOW as u64;
    if file.len() <= 2 * window {
        return Ok(sniff(&file.bytes()?));
    }
    let mut ends = file.head(window)?.to_vec();
    ends.extend_from_slice(&file.tail(window)?);
    Ok(sniff(&ends))
}

/// How many bytes at either end of a zip archive are searched for names of entries.
const WINDOW: usize = 1 << 16;

/// What the bytes seem to be. Looks at the start (and, for zips, at entry names) only, so it is fast and total.
#[must_use]
pub fn sniff(bytes: &[u8]) -> FileKind {
    if bytes.is_empty() {
        return FileKind::Empty;
    }
    let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let magics: [(&[u8], FileKind); 17] = [
        (b"\x89HDF\r\n\x1a\n", FileKind::Hdf5),
        (b"\x89PNG\r\n\x1a\n", FileKind::Png),
        (b"\xff\xd8\xff", FileKind::Jpeg),
        (b"GIF87a", FileKind::Gif),
        (b"GIF89a", FileKind::Gif),
        (b"II*\0", FileKind::Tiff),
        (b"MM\0*", FileKind::Tiff),
        (b"%PDF-", FileKind::Pdf),
        (b"\x1f\x8b", FileKind::Gzip),
        (b"\x93NUMPY", FileKind::Npy),
        (b"GGUF", FileKind::Gguf),
        (b"version https://git-lfs.github.com/spec/", FileKind::GitLfs),
        // Pickle protocols 2 to 5 start with their number and an opcode.
        (b"\x80\x02", FileKind::Pickle),
        (b"\x80\x03", FileKind::Pickle),
        (b"\x80\x04", FileKind::Pickle),
        (b"\x80\x05", FileKind::Pickle),
        (b"PK\x05\x06", FileKind::Zip),
    ];
    if let Some((_, kind)) = magics.iter().find(|(magic, _)| at(0, magic)) {
        return *kind;
    }
    if at(0, b"RIFF") && at(8, b"WEBP") {
        return FileKind::WebP;
    }
    if at(0, b"BM") && bytes.get(6..10) == Some(&[0; 4]) {
        return FileKind::Bmp;
    }
    if at(4, b"ftyp") {
        let brands = bytes.get(8..bytes.len().min(40)).unwrap_or_default();
        let has = |brand: &[u8]| brands.chunks(4).any(|chunk| chunk == brand);
        if has(b"avif") || has(b"avis") {
            return FileKind::Avif;
        }
        if has(b"heic") || has(b"heix") || has(b"mif1") || has(b"hevc") {
            return FileKind::Heic;
        }
    }
    if at(4, b"TFL3") {
        return FileKind::TfLite;
    }
    if at(0, b"PK\x03\x04") {
        return zip(bytes);
    }
    if is_safetensors(bytes) {
        return FileKind::Safetensors;
    }
    if let Some(kind) = protobuf(bytes) {
        return kind;
    }
    text(bytes)
}

/// Looks for the entry names that tell archives apart. The directory is at the end, but local headers name their
/// entries too, so a search in the first and last part finds the characteristic ones.
fn zip(bytes: &[u8]) -> FileKind {
    let head = bytes.get(..bytes.len().min(WINDOW)).unwrap_or_default();
    let tail = bytes.get(bytes.len().saturating_sub(WINDOW)..).unwrap_or_default();
    let has = |name: &[u8]| [head, tail].iter().any(|part| part.windows(name.len()).any(|window| window == name));
    if has(b"model.weights.h5") || has(b"metadata.json") && has(b"config.json") {
        FileKind::Keras
    } else if has(b"data.pkl") || has(b"constants.pkl") || has(b"/byteorder") {
        FileKind::TorchZip
    } else if has(b".npy") {
        FileKind::Npz
    } else {
        FileKind::Zip
    }
}

fn is_safetensors(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..8).and_then(|head| <[u8; 8]>::try_from(head).ok()) else { return false };
    let length = u64::from_le_bytes(header);
    (2..=100_000_000).contains(&length) && bytes.get(8..10) == Some(b"{\"")
}

/// Reads the tags of the first fields of a protobuf message: `ModelProto` of ONNX, `SavedModel` and `GraphDef` of
/// TensorFlow look alike, but use other numbers and types.
fn protobuf(bytes: &[u8]) -> Option<FileKind> {
    let mut rest = bytes;
    let mut fields = Vec::new();
    let mut payload = None;
    while fields.len() < 12 && !rest.is_empty() {
        let (key, after) = varint(rest)?;
        let (field, wire) = (key >> 3, key & 7);
        if field == 0 {
            return None;
        }
        fields.push((field, wire));
        rest = match wire {
            0 => varint(after)?.1,
            1 => after.get(8..)?,
            2 => {
                let (length, after) = varint(after)?;
                let length = usize::try_from(length).ok()?;
                payload = payload.or(after.get(..length.min(after.len())));
                // The last field may be cut off: the reader says so better than "unknown file".
                match after.get(length..) {
                    Some(rest) => rest,
                    None => break,
                }
            }
            5 => after.get(4..)?,
            _ => return None,
        };
    }
    let onnx_wire = |field: u64| match field {
        1 | 5 => Some(0),
        2 | 3 | 4 | 6 | 7 | 8 | 14 | 20 | 25 | 26 => Some(2),
        _ => None,
    };
    let fits = fields.iter().all(|&(field, wire)| onnx_wire(field) == Some(wire));
    if fits && fields.iter().any(|&(field, _)| matches!(field, 7 | 8)) {
        return Some(FileKind::Onnx);
    }
    // SavedModel: saved_model_schema_version = 1 (varint), meta_graphs = 2. GraphDef: node = 1 (message), versions = 4.
    let saved_model = matches!(fields.as_slice(), [(1, 0), (2, 2), ..]) && fields.iter().all(|&(field, _)| field <= 2);
    let graph_def = fields.len() > 1
        && fields.iter().all(|&(field, wire)| matches!((field, wire), (1 | 2 | 4, 2) | (3, 0)))
        && payload.is_some_and(|node| node.first() == Some(&0x0a));
    (saved_model || graph_def).then_some(FileKind::SavedModel)
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(7 * index as u32)?;
        if byte < 0x80 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

fn text(bytes: &[u8]) -> FileKind {
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    // A character may be cut at the end of the window.
    let readable = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && error.valid_up_to() + 4 > head.len() => {
            std::str::from_utf8(head.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
        Err(_) => return FileKind::Unknown,
    };
    if readable.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t' | '\x0c')) {
        return FileKind::Unknown;
    }
    let start = readable.trim_start().to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") || start.contains("<head>") {
        FileKind::Html
    } else if start.contains("<svg") {
        FileKind::Svg
    } else if start.starts_with('{') || start.starts_with('[') {
        FileKind::Json
    } else {
        FileKind::Text
    }
}
