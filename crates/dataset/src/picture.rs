//! Pixels in memory.

use crate::decode::{ImageError, check_size};

/// A decoded picture: 8-bit sRGB without transparency, upright.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Picture {
    /// A picture of `width × height` pixels from its rows, top first, three bytes a pixel.
    ///
    /// # Errors
    /// If a side is 0 or the picture is larger than [`decode`](crate::decode()) accepts, or if the number of bytes is
    /// not `width · height · 3`.
    pub fn from_rgb(width: u32, height: u32, pixels: Vec<u8>) -> Result<Self, ImageError> {
        check_size("RGB", width, height)?;
        if pixels.len() as u64 != u64::from(width) * u64::from(height) * 3 {
            let reason = format!("{} bytes do not make {width} × {height} pixels of three bytes", pixels.len());
            return Err(ImageError::Damaged { format: "RGB", part: "pixels", reason });
        }
        Ok(Self { width, height, pixels })
    }

    /// Width in pixels, at least 1.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The pixels: rows, top first, three bytes a pixel; `width · height · 3` bytes.
    #[must_use]
    pub fn rgb(&self) -> &[u8] {
        &self.pixels
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({} × {})", self.width, self.height)
    }
}

/// Pixels to show: what a canvas or a PNG takes.
#[derive(Clone, PartialEq, Eq)]
pub struct Rgba {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Rows, top first, four bytes a pixel (red, green, blue, opacity); `width · height · 4` bytes.
    pub pixels: Vec<u8>,
}

impl std::fmt::Debug for Rgba {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rgba({} × {})", self.width, self.height)
    }
}
