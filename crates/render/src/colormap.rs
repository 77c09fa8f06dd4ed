//! Colour maps.

use innspect_protocol::Colormap;

/// 256 sRGB colours, from the least value to the greatest.
pub type Table = [[u8; 3]; 256];

/// The colour of a value that is not finite. No colour map comes near it.
pub const NOT_A_NUMBER: [u8; 3] = [255, 0, 255];

/// Entry and colour (`0xrrggbb`) of the points between which a colour map is linear, first and last entry included.
///
/// `tests/fixtures/make.py` finds the fewest that keep all entries within one level of the published ones.
type Anchors = &'static [(u8, u32)];

/// Kenneth Moreland, "Diverging Color Maps for Scientific Visualization" (2009), as matplotlib has it.
const COOLWARM: Anchors = &[
    (0, 0x3b_4cc0),
    (16, 0x4e_68d8),
    (34, 0x64_85ec),
    (49, 0x79_9cf8),
    (65, 0x8f_b1fe),
    (79, 0xa2_c1ff),
    (96, 0xb9_d0f9),
    (110, 0xca_d8ef),
    (123, 0xd8_dce2),
    (129, 0xde_dcdb),
    (141, 0xea_d5c9),
    (156, 0xf3_c8b2),
    (170, 0xf7_b89c),
    (183, 0xf7_a688),
    (201, 0xf0_8a6c),
    (221, 0xe0_654f),
    (236, 0xcf_453c),
    (247, 0xc0_282f),
    (255, 0xb4_0426),
];

/// matplotlib's `seismic`, which iNNvestigate draws with.
const SEISMIC: Anchors = &[
    (0, 0x00_004c),
    (63, 0x00_00fd),
    (64, 0x01_01ff),
    (127, 0xfd_fdff),
    (128, 0xff_fdfd),
    (191, 0xff_0101),
    (193, 0xfc_0000),
    (255, 0x80_0000),
];

/// Jamie Nuñez, Christopher Anderton, Ryan Renslow, "Optimizing colormaps with consideration for color vision
/// deficiency" (2018), public domain.
const CIVIDIS: Anchors = &[
    (0, 0x00_224e),
    (13, 0x00_2c64),
    (19, 0x00_306f),
    (22, 0x00_3171),
    (23, 0x01_3271),
    (28, 0x12_3570),
    (35, 0x20_3a6f),
    (48, 0x32_436d),
    (67, 0x46_516c),
    (92, 0x5e_626e),
    (128, 0x7d_7c78),
    (152, 0x93_8e78),
    (181, 0xb0_a571),
    (206, 0xcb_b965),
    (226, 0xe0_cb56),
    (239, 0xef_d748),
    (248, 0xf9_e03a),
    (251, 0xfd_e334),
    (252, 0xfe_e434),
    (255, 0xfe_e838),
];

const GREY: Anchors = &[(0, 0x00_0000), (255, 0xff_ffff)];

/// The colour map that is meant: [`Colormap::Auto`] is coolwarm for signed maps and cividis for unsigned ones.
#[must_use]
pub fn resolve(colormap: Colormap, signed: bool) -> Colormap {
    match colormap {
        Colormap::Auto if signed => Colormap::Coolwarm,
        Colormap::Auto => Colormap::Cividis,
        chosen => chosen,
    }
}

/// The colours of a colour map.
///
/// For a signed map zero lies in the middle, between the entries 127 and 128, which every diverging map shares within a
/// few levels. For an unsigned map zero lies at the first entry; a diverging colour map then gives its upper half, so
/// that positive values look the same in both.
#[must_use]
pub fn table(colormap: Colormap, signed: bool) -> Table {
    let colormap = resolve(colormap, signed);
    let anchors = match colormap {
        Colormap::Coolwarm | Colormap::Auto => COOLWARM,
        Colormap::Seismic => SEISMIC,
        Colormap::Cividis => CIVIDIS,
        Colormap::Grey => GREY,
    };
    let upper_half = !signed && matches!(colormap, Colormap::Coolwarm | Colormap::Seismic);
    std::array::from_fn(|entry| {
        let place = entry as f32;
        colour(anchors, if upper_half { 127.5 + place / 2.0 } else { place })
    })
}

/// The colours for a colour bar, from its low end to its high end.
#[must_use]
pub fn legend(colormap: Colormap, signed: bool) -> Vec<[u8; 3]> {
    table(colormap, signed).to_vec()
}

/// The colour at an entry, which may lie between two.
fn colour(anchors: Anchors, place: f32) -> [u8; 3] {
    let channels = |(_, rgb): (u8, u32)| [16, 8, 0].map(|shift| (rgb >> shift & 255) as f32);
    let next = anchors.partition_point(|(at, _)| f32::from(*at) <= place).clamp(1, anchors.len() - 1);
    let (from, to) = (anchors[next - 1], anchors[next]);
    let share = (place - f32::from(from.0)) / (f32::from(to.0) - f32::from(from.0));
    let (from, to) = (channels(from), channels(to));
    std::array::from_fn(|channel| (from[channel] + (to[channel] - from[channel]) * share).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Colormap; 5] =
        [Colormap::Auto, Colormap::Coolwarm, Colormap::Seismic, Colormap::Cividis, Colormap::Grey];

    #[test]
    fn automatic_choice() {
        assert_eq!(table(Colormap::Auto, true), table(Colormap::Coolwarm, true));
        assert_eq!(table(Colormap::Auto, false), table(Colormap::Cividis, false));
    }

    #[test]
    fn diverging_maps_start_at_their_middle_for_unsigned_maps() {
        for colormap in [Colormap::Coolwarm, Colormap::Seismic] {
            let (whole, upper) = (table(colormap, true), table(colormap, false));
            assert_eq!(upper[255], whole[255]);
            for channel in 0..3 {
                assert!(upper[0][channel].abs_diff(whole[128][channel]) <= 1);
                assert!(upper[128][channel].abs_diff(whole[191][channel]) <= 3);
            }
        }
        for colormap in [Colormap::Cividis, Colormap::Grey] {
            assert_eq!(table(colormap, true), table(colormap, false));
        }
    }

    #[test]
    fn the_middle_of_a_diverging_map_is_neutral() {
        for colormap in [Colormap::Coolwarm, Colormap::Seismic] {
            for entry in [127, 128] {
                let [r, g, b] = table(colormap, true)[entry];
                assert!(r.max(g).max(b) - r.min(g).min(b) <= 3, "{colormap:?} {r} {g} {b}");
            }
        }
    }

    #[test]
    fn no_value_looks_like_not_a_number() {
        for colormap in ALL {
            for colour in legend(colormap, true).into_iter().chain(legend(colormap, false)) {
                let distance: i32 =
                    colour.iter().zip(NOT_A_NUMBER).map(|(a, b)| (i32::from(*a) - i32::from(b)).pow(2)).sum();
                assert!(distance > 80_i32.pow(2), "{colormap:?} {colour:?}");
            }
        }
    }

    #[test]
    fn sequential_maps_grow_lighter() {
        for colormap in [Colormap::Cividis, Colormap::Grey] {
            let light =
                table(colormap, false).map(|[r, g, b]| 0.2126 * r as f32 + 0.7152 * g as f32 + 0.0722 * b as f32);
            assert!(light.windows(2).all(|pair| pair[0] < pair[1] + 0.3), "{colormap:?}");
        }
    }
}
