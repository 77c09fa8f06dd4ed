//! What a file is, told by its content rather than by its name.

use crate::{Blob, FileKind, FormatError};

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

/// Bytes at an offset that tell a kind.
const MAGICS: &[(usize, &[u8], FileKind)] = &[
    (0, b"\x89HDF\r\n\x1a\n", FileKind::Hdf5),
    (0, b"\x89PNG\r\n\x1a\n", FileKind::Png),
    (0, b"\xff\xd8\xff", FileKind::Jpeg),
    (0, b"GIF87a", FileKind::Gif),
    (0, b"GIF89a", FileKind::Gif),
    (0, b"II*\0", FileKind::Tiff),
    (0, b"MM\0*", FileKind::Tiff),
    (0, b"%PDF-", FileKind::Pdf),
    (0, b"\x1f\x8b", FileKind::Gzip),
    (0, b"\x93NUMPY", FileKind::Npy),
    (0, b"GGUF", FileKind::Gguf),
    (0, b"version https://git-lfs.github.com/spec/", FileKind::GitLfs),
    // Those of version 7.3 are HDF5 behind these words.
    (0, b"MATLAB 5.0 MAT-file", FileKind::Matlab),
    (0, b"MATLAB 7.3 MAT-file", FileKind::Matlab),
    (0, b"\xfd7zXZ\0", FileKind::Archive),
    (0, b"7z\xbc\xaf\x27\x1c", FileKind::Archive),
    (0, b"Rar!\x1a\x07", FileKind::Archive),
    (0, b"BZh", FileKind::Archive),
    (0, b"\x28\xb5\x2f\xfd", FileKind::Archive),
    (257, b"ustar", FileKind::Archive),
    (0, b"PAR1", FileKind::Table),
    (0, b"ARROW1\0", FileKind::Table),
    (0, b"SQLite format 3\0", FileKind::Table),
    (0, b"\x7fELF", FileKind::Program),
    (0, b"MZ\x90\0", FileKind::Program),
    (128, b"DICM", FileKind::Dicom),
    (4, b"ET12", FileKind::ExecuTorch),
    (0, b"\x12\x01\0\0\0\0\0\0", FileKind::MxNet),
    (0, b"7767517\n", FileKind::Ncnn),
    // Pickle protocols 2 to 5 start with their number and an opcode.
    (0, b"\x80\x02", FileKind::Pickle),
    (0, b"\x80\x03", FileKind::Pickle),
    (0, b"\x80\x04", FileKind::Pickle),
    (0, b"\x80\x05", FileKind::Pickle),
    (0, b"PK\x05\x06", FileKind::Zip),
];

/// What the bytes seem to be. Looks at the start (and, for zips, at entry names) only, so it is fast and total.
#[must_use]
pub fn sniff(bytes: &[u8]) -> FileKind {
    if bytes.is_empty() {
        return FileKind::Empty;
    }
    if bytes.iter().all(|&byte| byte == 0) {
        return FileKind::Zeros;
    }
    let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    if let Some((_, _, kind)) = MAGICS.iter().find(|(offset, magic, _)| at(*offset, magic)) {
        return *kind;
    }
    // The last bytes of a table of LevelDB, which the index of a checkpoint is.
    if bytes.ends_with(b"\x57\xfb\x80\x8b\x24\x75\x47\xdb") {
        return FileKind::TfCheckpoint;
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
        return FileKind::Video;
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

/// Tells archives apart by the names of their entries: those of the directory at the end or, where it is cut off, those
/// that the local headers at the start name too.
fn zip(bytes: &[u8]) -> FileKind {
    let (head, tail) = (bytes.get(..bytes.len().min(WINDOW)), bytes.get(bytes.len().saturating_sub(WINDOW)..));
    let names = directory(tail.unwrap_or_default());
    // How many folders an entry of such a name lies in. Deeper ones belong to a network that was packed with others.
    let depth = |wanted: &[u8]| match &names {
        Some(names) => {
            let folders = names.iter().filter_map(|name| name.strip_suffix(wanted));
            folders.map(|folder| folder.iter().filter(|&&byte| byte == b'/').count()).min()
        }
        None => {
            let parts = [head.unwrap_or_default(), tail.unwrap_or_default()];
            parts.iter().any(|part| part.windows(wanted.len()).any(|window| window == wanted)).then_some(0)
        }
    };
    let is_root = |name: &[u8]| depth(name) == Some(0);
    let arrays = match &names {
        Some(names) => !names.is_empty() && names.iter().all(|name| name.ends_with(b".npy")),
        None => is_root(b".npy"),
    };
    if is_root(b"model.weights.h5") || is_root(b"metadata.json") && is_root(b"config.json") {
        FileKind::Keras
    } else if [b"data.pkl".as_slice(), b"constants.pkl", b"/byteorder"]
        .iter()
        .any(|name| depth(name).is_some_and(|depth| depth <= 1))
    {
        FileKind::TorchZip
    } else if arrays {
        FileKind::Npz
    } else {
        FileKind::Zip
    }
}

/// The names in the directory of an archive, if all of it lies within its last bytes.
fn directory(tail: &[u8]) -> Option<Vec<&[u8]>> {
    let number = |at: usize, size: usize| -> Option<usize> {
        let part = tail.get(at..at.checked_add(size)?)?;
        usize::try_from(part.iter().rev().fold(0u64, |value, &byte| value << 8 | u64::from(byte))).ok()
    };
    let end = tail.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let mut at = end.checked_sub(number(end + 12, 4)?)?;
    // PyTorch always writes the record of large archives and its locator, 56 and 20 bytes, in between.
    if number(at, 4)? != 0x0201_4b50 {
        at = at.checked_sub(76)?;
    }
    let mut names = Vec::new();
    while at < end && number(at, 4)? == 0x0201_4b50 {
        let [name, extra, comment] = [28, 30, 32].map(|field| number(at + field, 2));
        let name = name?;
        names.push(tail.get(at + 46..at + 46 + name)?);
        at += 46 + name + extra? + comment?;
    }
    (names.len() == number(end + 10, 2)?).then_some(names)
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
    let mut sound = true;
    while fields.len() < 12 && !rest.is_empty() {
        let Some((key, content, after)) = first_field(rest) else {
            sound = false;
            break;
        };
        fields.push(key);
        payload = payload.or(content);
        // The last field may be cut off: the reader says so better than "unknown file".
        rest = after.unwrap_or_default();
    }
    let onnx_wire = |field: u64| match field {
        1 | 5 => Some(0),
        2 | 3 | 4 | 6 | 7 | 8 | 14 | 20 | 25 | 26 => Some(2),
        _ => None,
    };
    let fits = fields.iter().all(|&(field, wire)| onnx_wire(field) == Some(wire));
    // Behind a few fields that are right, one that is not means damage.
    if fits && fields.iter().any(|&(field, _)| matches!(field, 7 | 8)) && (sound || fields.len() > 2) {
        return Some(FileKind::Onnx);
    }
    if !sound {
        return None;
    }
    let only = |allowed: &[(u64, u64)]| fields.len() > 1 && fields.iter().all(|field| allowed.contains(field));
    match fields.as_slice() {
        // specificationVersion, description, and the network by its kind.
        [(1, 0), (2, 2), rest @ ..] if rest.iter().any(|&(field, wire)| field >= 200 && wire == 2) => {
            Some(FileKind::CoreMl)
        }
        // saved_model_schema_version and meta_graphs.
        [(1, 0), (2, 2), ..] if only(&[(1, 0), (2, 2)]) => Some(FileKind::SavedModel),
        // name and layers, in two generations.
        [(1, 2), rest @ ..] if rest.iter().any(|&field| matches!(field, (2 | 100, 2))) && is_name(payload) => {
            Some(FileKind::Caffe)
        }
        // Blocks, which begin with their number; then version and operator versions.
        _ if only(&[(1, 2), (4, 2), (5, 2)]) && payload.is_some_and(|block| block.starts_with(&[0x08, 0])) => {
            Some(FileKind::Paddle)
        }
        // Nodes, which begin with their name; then versions.
        _ if only(&[(1, 2), (2, 2), (4, 2), (3, 0)]) && payload.is_some_and(|node| node.first() == Some(&0x0a)) => {
            Some(FileKind::FrozenGraph)
        }
        _ => None,
    }
}

/// Whether this is a name of letters and digits rather than a message.
fn is_name(payload: Option<&[u8]>) -> bool {
    payload.is_some_and(|name| !name.is_empty() && name.iter().all(u8::is_ascii_graphic))
}

/// Number and type of the first field, its content if it has a length, and what follows unless it is cut off.
type Field<'a> = ((u64, u64), Option<&'a [u8]>, Option<&'a [u8]>);

fn first_field(bytes: &[u8]) -> Option<Field<'_>> {
    let (key, after) = varint(bytes)?;
    let (field, wire) = (key >> 3, key & 7);
    let (content, rest) = match wire {
        _ if field == 0 => return None,
        0 => (None, Some(varint(after)?.1)),
        1 => (None, Some(after.get(8..)?)),
        2 => {
            let (length, after) = varint(after)?;
            let length = usize::try_from(length).ok()?;
            (after.get(..length.min(after.len())), after.get(length..))
        }
        5 => (None, Some(after.get(4..)?)),
        _ => return None,
    };
    Some(((field, wire), content, rest))
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
    told_by_words(readable.trim_start())
}

/// Tells texts apart by their first words.
fn told_by_words(text: &str) -> FileKind {
    let lower = text.to_ascii_lowercase();
    let starts = |words: &[&str]| words.iter().any(|word| lower.starts_with(word));
    let has = |words: &[&str]| words.iter().all(|word| text.contains(word));
    if starts(&["<!doctype html", "<html"]) || lower.contains("<head>") {
        FileKind::Html
    } else if lower.contains("<svg") {
        FileKind::Svg
    } else if starts(&["<?xml", "<net", "<error"]) {
        let server = lower.contains("<error>") || lower.contains("<code>");
        let network = lower.contains("<net ");
        if network {
            FileKind::OpenVino
        } else if server {
            FileKind::ServerError
        } else {
            FileKind::Xml
        }
    } else if starts(&["{", "["]) {
        if has(&["\"class_name\"", "\"config\""]) && !text.contains("\"modelTopology\"") {
            FileKind::KerasConfig
        } else if has(&["\"nbformat\""]) || has(&["\"cells\"", "\"cell_type\""]) {
            FileKind::Notebook
        } else if has(&["\"model_type\""]) || has(&["\"architectures\""]) {
            FileKind::HubConfig
        } else if text.len() < 1000 && (starts(&["{\"error\"", "{\"message\""])) {
            FileKind::ServerError
        } else {
            FileKind::Json
        }
    } else if starts(&["model_checkpoint_path:"]) {
        FileKind::TfCheckpoint
    } else if starts(&["node {", "ir_version:", "<\n  ir_version", "name: \"", "layer {", "layers {"]) {
        FileKind::ProtobufText
    } else if starts(&["backend: ", "class_name: "]) && lower.contains("config:") {
        FileKind::KerasConfig
    } else if starts(&["import ", "from ", "#!/usr/bin/env python", "# -*- coding"]) && lower.contains("import ") {
        FileKind::Python
    } else if text.len() < 200
        && starts(&["not found", "404", "entry not found", "access denied", "forbidden", "invalid username"])
    {
        FileKind::ServerError
    } else {
        FileKind::Text
    }
}
