//! What a file is, by its first bytes.

/// A picture format that [`decode`](crate::decode()) reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PictureFormat {
    /// JPEG.
    Jpeg,
    /// PNG; of an animated one the default picture.
    Png,
    /// WebP, lossy and lossless; of an animated one the first frame.
    WebP,
    /// GIF; the first frame.
    Gif,
    /// Windows bitmap.
    Bmp,
}

impl PictureFormat {
    /// The name people use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
        }
    }

    pub(crate) fn codec(self) -> image::ImageFormat {
        match self {
            Self::Jpeg => image::ImageFormat::Jpeg,
            Self::Png => image::ImageFormat::Png,
            Self::WebP => image::ImageFormat::WebP,
            Self::Gif => image::ImageFormat::Gif,
            Self::Bmp => image::ImageFormat::Bmp,
        }
    }
}

/// The format of a picture that [`decode`](crate::decode()) would try to read; `None` for anything else.
///
/// Only the signature is looked at: the rest of the file may still be damaged.
#[must_use]
pub fn picture_format(bytes: &[u8]) -> Option<PictureFormat> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if starts(b"\xff\xd8\xff") {
        Some(PictureFormat::Jpeg)
    } else if starts(b"\x89PNG\r\n\x1a\n") {
        Some(PictureFormat::Png)
    } else if starts(b"RIFF") && at(bytes, 8, b"WEBP") {
        Some(PictureFormat::WebP)
    } else if starts(b"GIF87a") || starts(b"GIF89a") {
        Some(PictureFormat::Gif)
    } else if starts(b"BM") && matches!(bytes.get(14..18), Some([12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])) {
        // Two letters are a weak signature; the length of the second header is one of a few numbers.
        Some(PictureFormat::Bmp)
    } else {
        None
    }
}

/// A guess at what foreign bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// A picture, video or drawing in a format that [`decode`](crate::decode()) does not read, as `a TIFF picture`.
    Picture(&'static str),
    /// Something that is no picture, as `an HTML page`.
    Other(&'static str),
}

/// Names bytes that [`picture_format`] does not know, where their beginning gives them away.
#[must_use]
pub fn foreign(bytes: &[u8]) -> Option<Foreign> {
    use Foreign::{Other, Picture};
    const SIGNATURES: &[(usize, &[u8], Foreign)] = &[
        (0, b"II*\0", Picture("a TIFF or camera raw picture")),
        (0, b"MM\0*", Picture("a TIFF or camera raw picture")),
        (0, b"II+\0", Picture("a TIFF picture")),
        (0, b"FUJIFILMCCD-RAW", Picture("a camera raw picture")),
        (4, b"ftypavif", Picture("an AVIF picture")),
        (4, b"ftypavis", Picture("an AVIF picture")),
        (4, b"ftyphei", Picture("a HEIC photo")),
        (4, b"ftyphev", Picture("a HEIC photo")),
        (4, b"ftypmif1", Picture("a HEIC photo")),
        (4, b"ftypmsf1", Picture("a HEIC photo")),
        (4, b"ftypcrx", Picture("a camera raw picture")),
        (4, b"ftyp", Picture("a video")),
        (0, b"\x1a\x45\xdf\xa3", Picture("a video")),
        (0, b"\xff\x0a", Picture("a JPEG XL picture")),
        (4, b"JXL \r\n\x87\n", Picture("a JPEG XL picture")),
        (4, b"jP  \r\n\x87\n", Picture("a JPEG 2000 picture")),
        (0, b"\xff\x4f\xff\x51", Picture("a JPEG 2000 picture")),
        (0, b"8BPS", Picture("a Photoshop file")),
        (0, b"gimp xcf", Picture("a GIMP file")),
        (0, b"\0\0\x01\0", Picture("an icon")),
        (0, b"qoif", Picture("a QOI picture")),
        (0, b"DDS ", Picture("a DDS texture")),
        (0, b"\x76\x2f\x31\x01", Picture("an OpenEXR picture")),
        (0, b"#?RADIANCE", Picture("a Radiance HDR picture")),
        (0, b"%PDF", Other("a PDF document")),
        (0, b"PK\x03\x04", Other("a ZIP archive")),
        (0, b"\x1f\x8b", Other("a gzip archive")),
        (0, b"7z\xbc\xaf\x27\x1c", Other("a 7-Zip archive")),
        (0, b"\x89HDF\r\n\x1a\n", Other("an HDF5 file")),
        (0, b"\x93NUMPY", Other("a NumPy array")),
        (0, b"version https://git-lfs", Other("a Git LFS pointer, not the file it stands for")),
        (0, b"\x7fELF", Other("a program")),
        (0, b"MZ", Other("a program")),
        (0, b"OggS", Other("an Ogg sound or video")),
        (0, b"ID3", Other("a sound")),
    ];
    if let Some((.., kind)) = SIGNATURES.iter().find(|(offset, magic, _)| at(bytes, *offset, magic)) {
        return Some(*kind);
    }
    if let Some([b'P', b'1'..=b'7', b' ' | b'\n' | b'\r' | b'\t']) = bytes.get(..3) {
        return Some(Picture("a Netpbm picture"));
    }
    text(bytes)
}

/// Names text; `None` for bytes that are no text.
fn text(bytes: &[u8]) -> Option<Foreign> {
    let head = bytes.get(..512).unwrap_or(bytes);
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let lower = head.to_ascii_lowercase();
    let has = |needle: &[u8]| lower.windows(needle.len()).any(|window| window == needle);
    if lower.starts_with(b"<svg") || (lower.starts_with(b"<?xml") && has(b"<svg")) {
        Some(Foreign::Picture("an SVG drawing"))
    } else if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") {
        Some(Foreign::Other("an HTML page"))
    } else if lower.starts_with(b"{") || lower.starts_with(b"[") {
        Some(Foreign::Other("a JSON file"))
    } else if !head.is_empty() && head.iter().all(|&byte| byte >= b' ' || byte.is_ascii_whitespace()) {
        // Bytes above 0x7f may be any encoding; controls appear in no text.
        std::str::from_utf8(head.get(..64).unwrap_or(head)).is_ok().then_some(Foreign::Other("a text file"))
    } else {
        None
    }
}

fn at(bytes: &[u8], offset: usize, magic: &[u8]) -> bool {
    bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_known_by_their_signature() {
        assert_eq!(picture_format(b"\xff\xd8\xff\xe0rest"), Some(PictureFormat::Jpeg));
        assert_eq!(picture_format(b"\x89PNG\r\n\x1a\n"), Some(PictureFormat::Png));
        assert_eq!(picture_format(b"RIFF\0\0\0\0WEBPVP8 "), Some(PictureFormat::WebP));
        assert_eq!(picture_format(b"GIF89a"), Some(PictureFormat::Gif));
        assert_eq!(picture_format(b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"), Some(PictureFormat::Bmp));
        for other in [&b"BMW drives"[..], b"RIFF\0\0\0\0WAVE", b"GIF", b""] {
            assert_eq!(picture_format(other), None);
        }
    }

    #[test]
    fn foreign_files_are_named() {
        use Foreign::{Other, Picture};
        assert_eq!(foreign(b"\0\0\0\x18ftypheic\0\0\0\0"), Some(Picture("a HEIC photo")));
        assert_eq!(foreign(b"\0\0\0\x18ftypisom\0\0\0\0"), Some(Picture("a video")));
        assert_eq!(foreign(b"  <?xml version='1.0'?>\n<SVG>"), Some(Picture("an SVG drawing")));
        assert_eq!(foreign(b"\xef\xbb\xbf<!DOCTYPE html>"), Some(Other("an HTML page")));
        assert_eq!(foreign(b"{\"a\": 1}"), Some(Other("a JSON file")));
        assert_eq!(foreign(b"P6 2 2 255\n"), Some(Picture("a Netpbm picture")));
        assert_eq!(foreign("Grüße".as_bytes()), Some(Other("a text file")));
        assert_eq!(foreign(b"\x08\x07\x12\x07pytorch"), None);
        assert_eq!(foreign(b""), None);
    }
}
