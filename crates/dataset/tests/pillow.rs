//! The resize and crop against Pillow and torchvision; the references are made by `fixtures/make.py`.

mod common;

use common::picture;
use innspect_dataset::{prepare, view_large};
use innspect_graph::{ChannelOrder, Fit, Preprocessing, ResizeFilter};

const FILTERS: [(&str, ResizeFilter); 3] =
    [("nearest", ResizeFilter::Nearest), ("bilinear", ResizeFilter::Bilinear), ("bicubic", ResizeFilter::Bicubic)];

fn agrees(source: &str, reference: &str, how: &Preprocessing) {
    let source = picture(source);
    let view = prepare(&source, how).unwrap().view;
    let expected = picture(reference);
    assert_eq!((view.width, view.height), (expected.width(), expected.height()), "{reference}");
    let rgb: Vec<u8> = view.pixels.chunks_exact(4).flat_map(|pixel| &pixel[..3]).copied().collect();
    let first = rgb.iter().zip(expected.rgb()).position(|(a, b)| a != b);
    assert!(first.is_none(), "{reference}: byte {first:?} differs of {}", rgb.len());
    // Without more pixels to show, the large view is the same.
    assert_eq!(view_large(&source, how, view.width.max(view.height) as usize).unwrap(), view, "{reference}");
}

#[test]
fn a_centre_crop_is_torchvisions_bit_for_bit() {
    for (name, filter) in FILTERS {
        for (source, size, short) in [("wide", 28, 32), ("wide", 70, 80), ("tall", 33, 35)] {
            let fit = Fit::CenterCrop { crop: size as f32 / short as f32 };
            let how = Preprocessing { filter, fit, ..Preprocessing::torchvision([size, size]) };
            agrees(&format!("{source}.png"), &format!("{source}_crop{size}of{short}_{name}.png"), &how);
        }
    }
}

#[test]
fn a_stretch_is_pillows_bit_for_bit() {
    for (name, filter) in FILTERS {
        for (source, width, height) in [("wide", 31, 45), ("tall", 60, 40)] {
            let how = Preprocessing { filter, fit: Fit::Stretch, ..Preprocessing::torchvision([height, width]) };
            agrees(&format!("{source}.png"), &format!("{source}_stretch{width}x{height}_{name}.png"), &how);
        }
    }
}

#[test]
fn grey_is_pillows_bit_for_bit() {
    let how = Preprocessing {
        fit: Fit::CenterCrop { crop: 28.0 / 32.0 },
        ..Preprocessing::unit([28, 28], ChannelOrder::Grey)
    };
    agrees("wide.png", "wide_crop28of32_grey.png", &how);
}
