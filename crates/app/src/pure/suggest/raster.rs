//! Points as pixels: fifty thousand marks are put into one buffer instead of being drawn one by one.

/// A colour, `[red, green, blue]`.
pub type Rgb = [u8; 3];

/// Reads `#rgb`, `#rrggbb` or `rgb(r, g, b)`, which is how a style sheet's colours come back from the browser.
#[must_use]
pub fn colour(text: &str) -> Option<Rgb> {
    let text = text.trim();
    if let Some(hex) = text.strip_prefix('#') {
        let digits: Vec<u8> = hex.chars().map(|digit| digit.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
        return match digits[..] {
            [r, g, b] => Some([r * 17, g * 17, b * 17]),
            [a, b, c, d, e, f, ..] => Some([a * 16 + b, c * 16 + d, e * 16 + f]),
            _ => None,
        };
    }
    let inside = text.strip_prefix("rgb")?.trim_start_matches('a').trim_start_matches('(').trim_end_matches(')');
    let mut parts = inside.split([',', ' ', '/']).filter(|part| !part.is_empty());
    let mut next = || parts.next()?.parse::<f32>().ok().map(|value| value.clamp(0.0, 255.0) as u8);
    Some([next()?, next()?, next()?])
}

/// What a mark looks like: how much of each pixel around its centre it covers.
#[derive(Clone, Debug)]
pub struct Stamp {
    reach: i32,
    cover: Vec<u8>,
}

impl Stamp {
    /// A disc.
    #[must_use]
    pub fn disc(radius: f32, opacity: f32) -> Self {
        Self::of(radius, opacity, |distance| (radius + 0.5 - distance).clamp(0.0, 1.0))
    }

    /// A ring around a disc of `radius`, `width` pixels wide.
    #[must_use]
    pub fn ring(radius: f32, width: f32) -> Self {
        let outer = radius + width;
        Self::of(outer, 1.0, |distance| {
            (outer + 0.5 - distance).clamp(0.0, 1.0) - (radius + 0.5 - distance).clamp(0.0, 1.0)
        })
    }

    fn of(radius: f32, opacity: f32, cover: impl Fn(f32) -> f32) -> Self {
        let reach = (radius.clamp(0.0, 64.0) + 0.5).ceil() as i32;
        let at = |offset: i32| offset as f32;
        let cover = (-reach..=reach)
            .flat_map(|y| (-reach..=reach).map(move |x| (x, y)))
            .map(|(x, y)| (cover(at(x).hypot(at(y))) * opacity.clamp(0.0, 1.0) * 255.0).round() as u8)
            .collect();
        Self { reach, cover }
    }
}

/// Pixels, RGBA, not premultiplied.
#[derive(Clone, Debug, Default)]
pub struct Raster {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `width · height · 4` bytes.
    pub rgba: Vec<u8>,
}

impl Raster {
    /// Empties it for a size; its memory is used again.
    pub fn clear(&mut self, width: u32, height: u32) {
        (self.width, self.height) = (width, height);
        self.rgba.clear();
        self.rgba.resize(width as usize * height as usize * 4, 0);
    }

    /// Puts a mark with its centre at a pixel; what lies beyond the edges is cut off.
    pub fn put(&mut self, stamp: &Stamp, x: f32, y: f32, colour: Rgb) {
        if !x.is_finite() || !y.is_finite() {
            return;
        }
        let (cx, cy) = (x.round() as i32, y.round() as i32);
        let side = stamp.reach * 2 + 1;
        for row in 0..side {
            let py = cy.saturating_add(row - stamp.reach);
            if py < 0 || py >= self.height as i32 {
                continue;
            }
            for column in 0..side {
                let px = cx.saturating_add(column - stamp.reach);
                let cover = stamp.cover[(row * side + column) as usize];
                if px < 0 || px >= self.width as i32 || cover == 0 {
                    continue;
                }
                let at = (py as usize * self.width as usize + px as usize) * 4;
                if let Some(pixel) = self.rgba.get_mut(at..at + 4) {
                    blend(pixel, colour, cover);
                }
            }
        }
    }
}

/// Lays a colour over a pixel.
fn blend(pixel: &mut [u8], colour: Rgb, cover: u8) {
    let (over, under) = (u32::from(cover), u32::from(pixel[3]));
    if under == 0 || over == 255 {
        pixel[..3].copy_from_slice(&colour);
        pixel[3] = cover.max(pixel[3]);
        return;
    }
    // Both in 255ths; `kept` is what shows of the pixel below.
    let kept = under * (255 - over) / 255;
    let alpha = over + kept;
    for (channel, new) in pixel[..3].iter_mut().zip(colour) {
        *channel = ((u32::from(new) * over + u32::from(*channel) * kept) / alpha) as u8;
    }
    pixel[3] = alpha.min(255) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read() {
        assert_eq!(colour(" #0072b2"), Some([0, 0x72, 0xb2]));
        assert_eq!(colour("#fff"), Some([255; 3]));
        assert_eq!(colour("rgb(1, 2, 300)"), Some([1, 2, 255]));
        assert_eq!(colour("rgba(1 2 3 / 0.5)"), Some([1, 2, 3]));
        assert_eq!((colour("red"), colour("#12"), colour("#zzzzzz"), colour("")), (None, None, None, None));
    }

    #[test]
    fn marks_cover_their_place() {
        let mut raster = Raster::default();
        raster.clear(9, 9);
        raster.put(&Stamp::disc(2.0, 1.0), 4.0, 4.0, [10, 20, 30]);
        let pixel = |raster: &Raster, x: usize, y: usize| raster.rgba[(y * 9 + x) * 4..][..4].to_vec();
        assert_eq!(pixel(&raster, 4, 4), [10, 20, 30, 255]);
        assert_eq!(pixel(&raster, 0, 0)[3], 0);
        raster.put(&Stamp::ring(3.0, 1.0), 4.0, 4.0, [200, 0, 0]);
        assert_eq!(pixel(&raster, 4, 4), [10, 20, 30, 255]);
        assert_eq!(pixel(&raster, 4, 0)[0], 200);
        // Half of one colour over another is between them, and beyond the edges nothing happens.
        raster.put(&Stamp::disc(1.0, 0.5), 4.0, 4.0, [210, 20, 30]);
        assert!((100..=120).contains(&pixel(&raster, 4, 4)[0]));
        raster.put(&Stamp::disc(3.0, 1.0), -100.0, f32::NAN, [0; 3]);
        raster.put(&Stamp::disc(3.0, 1.0), 1e30, 4.0, [0; 3]);
    }
}
