//! Bytes of a file to a [`Picture`].

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageReader, metadata::Orientation};

use crate::picture::Picture;
use crate::sniff::{self, Foreign};

/// Pictures with more pixels are refused before anything is allocated for them.
pub const MAX_PIXELS: u64 = 100_000_000;

/// Pictures with a longer side are refused, as JPEG itself does: a line of 100 million pixels is no photo.
pub const MAX_SIDE: u32 = 65_535;

/// What transparent pictures lie on unless another colour is chosen.
pub(crate) const WHITE: [u8; 3] = [255; 3];

/// The most bytes that a decoder may take for the pixels it makes.
const MAX_BYTES: u64 = 512 << 20;

/// Why bytes did not become a picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
#[non_exhaustive]
pub enum ImageError {
    /// No bytes.
    Empty,
    /// A picture, video or drawing in a format that is not read.
    Unsupported {
        /// What it is, as `a HEIC photo`.
        seems: &'static str,
    },
    /// No picture.
    NotAPicture {
        /// What it seems to be, as `an HTML page`, where that can be told.
        seems: Option<&'static str>,
    },
    /// A picture over [`MAX_PIXELS`] or [`MAX_SIDE`], or without any pixels.
    Size {
        /// The file's format, as `JPEG`.
        format: &'static str,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// A picture whose data cannot be read.
    Damaged {
        /// The file's format, as `JPEG`.
        format: &'static str,
        /// Where reading failed: `header` or `pixels`.
        part: &'static str,
        /// What the decoder found.
        reason: String,
    },
}

impl ImageError {
    /// What happened, one sentence.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Empty => "The file is empty.".into(),
            Self::Unsupported { seems } => format!("This is {seems}, which cannot be read here."),
            Self::NotAPicture { seems: Some(seems) } => format!("This is {seems}, not a picture."),
            Self::NotAPicture { seems: None } => "This file is not a picture.".into(),
            Self::Size { format, width, height } if *width == 0 || *height == 0 => {
                format!("The {format} picture has no pixels: it is {width} × {height}.")
            }
            Self::Size { format, width, height } => {
                let limit = MAX_PIXELS / 1_000_000;
                format!(
                    "The {format} picture is too large: {width} × {height} pixels, where {limit} megapixels and \
                     {MAX_SIDE} pixels a side are the limit."
                )
            }
            Self::Damaged { format, reason, .. } => format!("The {format} picture is damaged: {reason}."),
        }
    }

    /// Where in the file, as `JPEG pixels`; empty if [`what`](Self::what) says it all.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Damaged { format, part, .. } => format!("{format} {part}"),
            Self::Size { format, .. } => format!("{format} header"),
            _ => String::new(),
        }
    }

    /// What to do, one sentence.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Empty | Self::NotAPicture { .. } => "Choose a JPEG, PNG, WebP, GIF or BMP picture.",
            Self::Unsupported { .. } => "Save it as JPEG or PNG and choose that file.",
            Self::Size { width, height, .. } if *width == 0 || *height == 0 => "Choose another picture.",
            Self::Size { .. } => "Scale it down in an image editor; networks look at a few hundred pixels anyway.",
            Self::Damaged { .. } => "Get the file again, or open it in an image editor and save it anew.",
        }
        .into()
    }

    fn sentence(&self) -> String {
        let (what, place) = (self.what(), self.place());
        if place.is_empty() { what } else { format!("{what} ({place})") }
    }
}

/// Decodes a JPEG, PNG, WebP, GIF or BMP file.
///
/// * The format is told by the content.
/// * Pictures over [`MAX_PIXELS`] are refused by their header, before pixels are decoded.
/// * An EXIF orientation is applied.
/// * Transparency is laid over white, grey becomes red = green = blue, 16-bit channels are rounded to 8 bit.
/// * Of an animation the first frame counts.
/// * Colour profiles are ignored, as Pillow and with it most training pipelines do.
///
/// Decoders read what they can of a damaged JPEG, as browsers do; the missing part is grey.
///
/// # Errors
/// [`ImageError`] says what the file is instead, or what is wrong with it.
pub fn decode(bytes: &[u8]) -> Result<Picture, ImageError> {
    decode_over(bytes, WHITE)
}

/// As [`decode`], with transparency laid over another colour: red, green and blue, each 0 to 255.
///
/// # Errors
/// As [`decode`].
pub fn decode_over(bytes: &[u8], ground: [u8; 3]) -> Result<Picture, ImageError> {
    if bytes.is_empty() {
        return Err(ImageError::Empty);
    }
    let format = sniff::picture_format(bytes).ok_or_else(|| foreign(bytes))?;
    let name = format.name();
    let damaged = |part| move |error| ImageError::Damaged { format: name, part, reason: reason(&error) };

    let mut decoder =
        ImageReader::with_format(Cursor::new(bytes), format.codec()).into_decoder().map_err(damaged("header"))?;
    let (width, height) = decoder.dimensions();
    check_size(name, width, height)?;
    if decoder.total_bytes() > MAX_BYTES {
        return Err(ImageError::Size { format: name, width, height });
    }
    // A broken EXIF block is no reason to refuse the picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut decoded = DynamicImage::from_decoder(decoder).map_err(damaged("pixels"))?;
    decoded.apply_orientation(orientation);
    let (width, height) = (decoded.width(), decoded.height());
    Picture::from_rgb(width, height, opaque(decoded, ground))
}

/// What is said of bytes that begin as no picture does.
pub(crate) fn foreign(head: &[u8]) -> ImageError {
    match sniff::foreign(head) {
        _ if head.is_empty() => ImageError::Empty,
        Some(Foreign::Picture(seems)) => ImageError::Unsupported { seems },
        Some(Foreign::Other(seems)) => ImageError::NotAPicture { seems: Some(seems) },
        None => ImageError::NotAPicture { seems: None },
    }
}

/// `width × height` is a picture's size.
pub(crate) fn check_size(format: &'static str, width: u32, height: u32) -> Result<(), ImageError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels > MAX_PIXELS || width.max(height) > MAX_SIDE {
        return Err(ImageError::Size { format, width, height });
    }
    Ok(())
}

/// The pixels as RGB bytes, transparent ones over `ground`.
fn opaque(decoded: DynamicImage, ground: [u8; 3]) -> Vec<u8> {
    if !decoded.color().has_alpha() {
        return decoded.into_rgb8().into_raw();
    }
    let rgba = decoded.into_rgba8().into_raw();
    let mut rgb = Vec::with_capacity(rgba.len() / 4 * 3);
    for pixel in rgba.chunks_exact(4) {
        let alpha = u32::from(pixel[3]);
        rgb.extend(pixel.iter().zip(ground).map(|(&value, below)| over(u32::from(value), alpha, u32::from(below))));
    }
    rgb
}

/// `value` with opacity `alpha` over `below` (all 0..=255), rounded.
pub(crate) fn over(value: u32, alpha: u32, below: u32) -> u8 {
    ((value * alpha + below * (255 - alpha) + 127) / 255) as u8
}

/// The decoder's words, in the middle of a sentence.
fn reason(error: &image::ImageError) -> String {
    use image::ImageError as E;
    let text = match error {
        E::IoError(error) => error.to_string(),
        E::Decoding(error) => std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string),
        E::Limits(_) => "it asks for more memory than a picture of its size needs".into(),
        other => other.to_string(),
    };
    // Each decoder has its own words for the most frequent damage.
    let lower = text.to_lowercase();
    if ["end of file", "eof", "not enough bytes", "failed to fill whole buffer"].iter().any(|end| lower.contains(end)) {
        return "the file ends too early".into();
    }
    let line = text.lines().next().unwrap_or_default().trim().trim_end_matches('.');
    let mut rest = line.chars();
    match (rest.next(), rest.clone().next()) {
        // An abbreviation keeps its capitals.
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(rest).collect(),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ground_shows_through() {
        assert_eq!(over(0, 0, 7), 7);
        assert_eq!(over(200, 51, 100), 120); // A fifth of 200 and four of 100.
        assert_eq!(over(0, 0, 255), 255);
        assert_eq!(over(0, 255, 255), 0);
        assert_eq!(over(255, 7, 255), 255);
        assert_eq!(over(100, 128, 255), 177); // (100 · 128 + 255 · 127) / 255 = 177.2
    }

    #[test]
    fn foreign_files_get_a_name_and_advice() {
        let error = decode(b"<!doctype html><title>404</title>").unwrap_err();
        assert_eq!(error.what(), "This is an HTML page, not a picture.");
        assert_eq!(error.to_string(), error.what());
        let error = decode(b"\0\0\0\x18ftypheic").unwrap_err();
        assert_eq!(error.what(), "This is a HEIC photo, which cannot be read here.");
        assert_eq!(error.advice(), "Save it as JPEG or PNG and choose that file.");
        assert_eq!(decode(b"").unwrap_err(), ImageError::Empty);
    }
}
