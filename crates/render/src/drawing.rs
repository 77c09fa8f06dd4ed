//! A whole picture, as a [`Display`] asks for it.

use innspect_protocol::{Display, MapState, Scale};

use crate::{colorize, keeps_sign, limit, range, reduce, state, table};

/// A drawn attribution; the fields are those of [`Explanation`](innspect_protocol::Explanation).
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// The picture: `H · W` pixels of four bytes.
    pub rgba: Vec<u8>,
    /// The reduced map `[H, W]`.
    pub map: Vec<f32>,
    /// What the map turned out to be.
    pub state: MapState,
    /// Whether zero lies in the middle of the colour map.
    pub signed: bool,
    /// The map's own limit, see [`limit`].
    pub own_limit: f32,
    /// The limit used.
    pub limit: f32,
    /// Smallest and largest finite value of the map.
    pub range: [f32; 2],
}

/// Draws an attribution of `channels` channels, `[C, H, W]`.
///
/// `signed`: the method gives positive and negative values. The picture is diverging only if the reduction keeps them.
///
/// [`Drawing::state`] of an empty map is [`MapState::AllZero`]; where the method cuts negative values off, as GradCAM
/// does, it means [`MapState::NoPositiveEvidence`], which the caller knows ([`state`](crate::state())).
///
/// # Panics
/// If the attribution does not divide into `channels` channels.
#[must_use]
pub fn draw(attribution: &[f32], channels: usize, display: &Display, signed: bool) -> Drawing {
    let map = reduce(attribution, channels, display.reduction);
    let state = state(&map, false);
    let signed = signed && keeps_sign(display.reduction);
    let own_limit = limit(&map, display.clip);
    let limit = match display.scale {
        Scale::Fixed { limit } if limit.is_normal() && limit > 0.0 => limit,
        Scale::Fixed { .. } | Scale::PerMap => own_limit,
    };
    let rgba = colorize(&map, limit, &table(display.colormap, signed), signed);
    let range = range(&map);
    Drawing { rgba, map, state, signed, own_limit, limit, range }
}

#[cfg(test)]
mod tests {
    use innspect_protocol::{ChannelReduction, Colormap};

    use super::*;

    #[test]
    fn a_display_is_followed() {
        let attribution = [1.0, -4.0, 2.0, 0.0, 1.0, 2.0]; // two channels of three pixels
        let display = Display { clip: 100.0, colormap: Colormap::Grey, ..Display::default() };
        let drawing = draw(&attribution, 2, &display, true);
        assert_eq!(drawing.map, [1.0, -3.0, 4.0]);
        assert_eq!((drawing.own_limit, drawing.limit, drawing.range), (4.0, 4.0, [-3.0, 4.0]));
        assert_eq!(drawing.rgba, [160, 160, 160, 255, 32, 32, 32, 255, 255, 255, 255, 255]);
        assert!(drawing.signed && drawing.state == MapState::Ordinary);

        let fixed = Display { scale: Scale::Fixed { limit: 8.0 }, ..display };
        assert_eq!(draw(&attribution, 2, &fixed, true).rgba[..1], [144]);
        let invalid = Display { scale: Scale::Fixed { limit: 0.0 }, ..display };
        assert_eq!(draw(&attribution, 2, &invalid, true).limit, 4.0);

        let absolute = Display { reduction: ChannelReduction::MaxAbs, ..display };
        let drawing = draw(&attribution, 2, &absolute, true);
        assert_eq!((drawing.map.as_slice(), drawing.signed), (&[1.0, 4.0, 2.0][..], false));
        assert_eq!(drawing.rgba[..1], [64]);
    }

    #[test]
    fn an_empty_map_says_why() {
        let display = Display::default();
        assert_eq!(draw(&[0.0; 4], 1, &display, true).state, MapState::AllZero);
        assert_eq!(draw(&[0.0, f32::NAN], 1, &display, true).state, MapState::NonFinite);
    }
}
