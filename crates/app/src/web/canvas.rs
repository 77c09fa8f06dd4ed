//! Pixels onto a canvas.

use js_sys::{ArrayBuffer, Float32Array, Uint8Array};
use wasm_bindgen::{Clamped, JsCast as _};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

/// RGBA bytes with their size.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Pixels {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `width · height · 4` bytes.
    pub rgba: Vec<u8>,
}

impl Pixels {
    /// Takes them from an attachment; nothing if the size does not fit.
    #[must_use]
    pub fn from_buffer(buffer: &ArrayBuffer, width: u32, height: u32) -> Option<Self> {
        let rgba = Uint8Array::new(buffer).to_vec();
        let expected = u64::from(width) * u64::from(height) * 4;
        (rgba.len() as u64 == expected && expected > 0).then_some(Self { width, height, rgba })
    }

    /// Draws them at their own size.
    pub fn draw(&self, canvas: &HtmlCanvasElement) {
        draw(canvas, &self.rgba, self.width, self.height);
    }
}

/// Draws RGBA bytes at their own size; nothing is drawn if they are not `width · height · 4`.
pub fn draw(canvas: &HtmlCanvasElement, rgba: &[u8], width: u32, height: u32) {
    canvas.set_width(width);
    canvas.set_height(height);
    let data = ImageData::new_with_u8_clamped_array_and_sh(Clamped(rgba), width, height);
    let context = canvas.get_context("2d").ok().flatten();
    let context = context.and_then(|context| context.dyn_into::<CanvasRenderingContext2d>().ok());
    if let (Some(context), Ok(data)) = (context, data) {
        context.put_image_data(&data, 0.0, 0.0).ok();
    }
}

/// The numbers of an attachment.
#[must_use]
pub fn floats(buffer: &ArrayBuffer) -> Vec<f32> {
    if buffer.byte_length().is_multiple_of(4) { Float32Array::new(buffer).to_vec() } else { Vec::new() }
}
