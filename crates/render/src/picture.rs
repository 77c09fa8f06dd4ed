//! Maps to pixels, and pixels to files.

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

use crate::colormap::{NOT_A_NUMBER, Table};

/// Colours a map: pixels of `table` at full opacity, row by row as the map.
///
/// `limit` is the absolute value at the end of the table. On a signed map `-limit` gets the first entry, 0 the entry
/// 128 and `limit` the last one; on an unsigned map 0 gets the first one. Values beyond are held at the ends. The
/// entry is `floor(256 · t)` for `t` from 0 to 1, as in matplotlib. Where `limit` is no positive normal number, all
/// values count as 0. Values that are not finite get [`NOT_A_NUMBER`].
///
/// Twin of `shaders/picture_colorize.wgsl`.
#[must_use]
pub fn colorize(map: &[f32], limit: f32, table: &Table, signed: bool) -> Vec<u8> {
    let drawn = map.iter().map(|&value| {
        let [r, g, b] = if value.is_finite() { table[entry(value, limit, signed)] } else { NOT_A_NUMBER };
        [r, g, b, 255]
    });
    drawn.flatten().collect()
}

/// The table's entry for a finite value.
fn entry(value: f32, limit: f32, signed: bool) -> usize {
    let share = if limit.is_normal() && limit > 0.0 { value.clamp(-limit, limit) / limit } else { 0.0 };
    let place = if signed { share * 128.0 + 128.0 } else { share * 256.0 };
    (place.max(0.0) as usize).min(255)
}

/// A map `[height, width]` at another size, bilinear with half-pixel centres: torch's `interpolate(mode="bilinear",
/// align_corners=False)`, OpenCV's `INTER_LINEAR`. Values beyond the border are those of the border.
///
/// Twin of `shaders/picture_upsample.wgsl`.
///
/// # Panics
/// If the map is not `from[0] · from[1]` values.
#[must_use]
pub fn upsample(map: &[f32], from: [usize; 2], to: [usize; 2]) -> Vec<f32> {
    assert_eq!(map.len(), from[0] * from[1], "a map of {from:?}");
    if map.is_empty() {
        return vec![0.0; to[0] * to[1]];
    }
    let columns: Vec<_> = (0..to[1]).map(|x| between(x, from[1], to[1])).collect();
    let mut out = Vec::with_capacity(to[0] * to[1]);
    for y in 0..to[0] {
        let (above, below, down) = between(y, from[0], to[0]);
        let (above, below) = (&map[above * from[1]..][..from[1]], &map[below * from[1]..][..from[1]]);
        out.extend(columns.iter().map(|&(left, right, across)| {
            let upper = above[left] * (1.0 - across) + above[right] * across;
            let lower = below[left] * (1.0 - across) + below[right] * across;
            upper * (1.0 - down) + lower * down
        }));
    }
    out
}

/// The two source places that pixel `index` of `to` lies between, and the share of the second.
fn between(index: usize, from: usize, to: usize) -> (usize, usize, f32) {
    let place = ((index as f32 + 0.5) * (from as f32 / to as f32) - 0.5).max(0.0);
    let first = (place as usize).min(from - 1);
    (first, (first + 1).min(from - 1), place - first as f32)
}

/// Pixels of `heat` over those of `view` with `opacity` (0: only the view, 1: only the heat), where the heat is opaque.
///
/// Both have the same size; the result is opaque where the view is.
#[must_use]
pub fn overlay(view: &[u8], heat: &[u8], opacity: f32) -> Vec<u8> {
    let opacity = if opacity.is_nan() { 1.0 } else { opacity.clamp(0.0, 1.0) };
    let blend = |(below, above): (&[u8], &[u8])| {
        let share = opacity * f32::from(above[3]) / 255.0;
        let mix = |channel: usize| {
            (f32::from(below[channel]) * (1.0 - share) + f32::from(above[channel]) * share).round() as u8
        };
        [mix(0), mix(1), mix(2), below[3]]
    };
    view.chunks_exact(4).zip(heat.chunks_exact(4)).flat_map(blend).collect()
}

/// Why pixels did not become a PNG file.
#[derive(Debug, thiserror::Error)]
#[error("{bytes} bytes do not make a picture of {width} × {height} pixels: {source}")]
pub struct PngError {
    width: u32,
    height: u32,
    bytes: usize,
    source: image::ImageError,
}

/// The pixels as a PNG file.
///
/// # Errors
/// If there are not `width · height · 4` bytes, or none.
pub fn png(rgba: &[u8], width: u32, height: u32) -> Result<Vec<u8>, PngError> {
    let wrong = |source| PngError { width, height, bytes: rgba.len(), source };
    if width == 0 || height == 0 || rgba.len() as u64 != u64::from(width) * u64::from(height) * 4 {
        let mismatch = image::error::ParameterErrorKind::DimensionMismatch;
        return Err(wrong(image::ImageError::Parameter(image::error::ParameterError::from_kind(mismatch))));
    }
    let mut file = Vec::new();
    PngEncoder::new(&mut file).write_image(rgba, width, height, ExtendedColorType::Rgba8).map_err(wrong)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use innspect_protocol::Colormap;
    use proptest::prelude::*;

    use super::*;
    use crate::colormap::table;

    #[test]
    fn entries_follow_the_scale() {
        for (value, expected) in [(-9.0, 0), (-2.0, 0), (-1.0, 64), (0.0, 128), (1.0, 192), (2.0, 255), (9.0, 255)] {
            assert_eq!(entry(value, 2.0, true), expected, "{value}");
        }
        for (value, expected) in [(-1.0, 0), (0.0, 0), (1.0, 128), (1.99, 254), (2.0, 255), (f32::MAX, 255)] {
            assert_eq!(entry(value, 2.0, false), expected, "{value}");
        }
        // Without a scale everything is zero.
        for limit in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-44] {
            assert_eq!([entry(5.0, limit, true), entry(5.0, limit, false)], [128, 0], "{limit}");
        }
        assert_eq!(entry(f32::MAX, f32::MIN_POSITIVE, true), 255);
    }

    #[test]
    fn values_that_are_not_finite_stand_out() {
        let table = table(Colormap::Auto, true);
        let drawn = colorize(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0], 1.0, &table, true);
        for pixel in 0..3 {
            assert_eq!(drawn[pixel * 4..pixel * 4 + 4], [255, 0, 255, 255]);
        }
        assert_eq!(drawn[12..15], table[128]);
    }

    #[test]
    fn enlarging_by_two() {
        let big = upsample(&[0.0, 4.0], [1, 2], [2, 4]);
        assert_eq!(big, [0.0, 1.0, 3.0, 4.0, 0.0, 1.0, 3.0, 4.0]);
        assert_eq!(upsample(&[1.0, 2.0, 3.0, 4.0], [2, 2], [2, 2]), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(upsample(&[7.0], [1, 1], [2, 3]), [7.0; 6]);
        assert_eq!(upsample(&[], [0, 3], [1, 2]), [0.0; 2]);
        assert!(upsample(&[1.0], [1, 1], [0, 3]).is_empty());
    }

    #[test]
    fn overlays() {
        let (view, heat) = ([10, 20, 30, 255], [110, 120, 130, 255]);
        assert_eq!(overlay(&view, &heat, 0.0), view);
        assert_eq!(overlay(&view, &heat, 1.0), heat);
        assert_eq!(overlay(&view, &heat, 0.5), [60, 70, 80, 255]);
        assert_eq!(overlay(&view, &[110, 120, 130, 0], 1.0), view);
        assert_eq!(overlay(&view, &heat, 7.0), heat);
    }

    #[test]
    fn a_png_holds_the_pixels() {
        let pixels: Vec<u8> = (0..3 * 2 * 4).map(|i| i * 10).collect();
        let file = png(&pixels, 3, 2).unwrap();
        let read = image::load_from_memory(&file).unwrap().into_rgba8();
        assert_eq!((read.width(), read.height(), read.into_raw()), (3, 2, pixels.clone()));
        assert!(
            png(&pixels, 3, 3).unwrap_err().to_string().starts_with("24 bytes do not make a picture of 3 × 3 pixels")
        );
        assert!(png(&[], 0, 0).is_err());
    }

    proptest! {
        #[test]
        fn enlarging_stays_in_range(
            values in proptest::collection::vec(-5.0_f32..5.0, 12), to in (1_usize..40, 1_usize..40),
        ) {
            let [low, high] = crate::range(&values);
            let big = upsample(&values, [3, 4], [to.0, to.1]);
            prop_assert_eq!(big.len(), to.0 * to.1);
            prop_assert!(big.iter().all(|value| (low - 1e-5..=high + 1e-5).contains(value)));
        }

        #[test]
        fn any_map_is_drawn(values in proptest::collection::vec(any::<f32>(), 0..50), limit: f32, signed: bool) {
            let drawn = colorize(&values, limit, &table(Colormap::Grey, signed), signed);
            prop_assert_eq!(drawn.len(), values.len() * 4);
            prop_assert!(drawn.chunks_exact(4).all(|pixel| pixel[3] == 255));
        }

        #[test]
        fn a_greater_value_has_a_later_colour(a in -3.0_f32..3.0, b in -3.0_f32..3.0, limit in 0.1_f32..4.0, signed: bool) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(entry(low, limit, signed) <= entry(high, limit, signed));
        }
    }
}
