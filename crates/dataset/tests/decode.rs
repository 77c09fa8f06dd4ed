//! Every format and quirk that `decode` reads; the files are made by `fixtures/make.py`.

mod common;

use common::{bytes, difference, picture};
use innspect_dataset::{ImageError, decode};

#[test]
fn lossless_formats_give_the_pixels() {
    let plain = picture("plain.png");
    assert_eq!((plain.width(), plain.height()), (24, 16));
    for name in ["plain.bmp", "lossless.webp", "orientation6.png"] {
        assert_eq!(picture(name).rgb(), plain.rgb(), "{name}");
    }
    let grey = picture("grey.png");
    assert_eq!(picture("grey16.png").rgb(), grey.rgb());
    assert!(grey.rgb().chunks_exact(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]));
}

#[test]
fn lossy_formats_come_close() {
    let plain = picture("plain.png");
    let names = ["baseline.jpg", "progressive.jpg", "cmyk.jpg", "subsampled.jpg", "lossy.webp"];
    for (name, mean) in names.into_iter().zip([1.5, 1.5, 2.0, 6.0, 6.0]) {
        let decoded = picture(name);
        assert_eq!((decoded.width(), decoded.height()), (24, 16), "{name}");
        let (_, found) = difference(decoded.rgb(), plain.rgb());
        assert!(found < mean, "{name}: mean difference {found}");
    }
    let (_, found) = difference(picture("grey.jpg").rgb(), picture("grey.png").rgb());
    assert!(found < 1.5, "grey.jpg: {found}");
}

#[test]
fn pictures_stand_upright() {
    let plain = picture("plain.png");
    for orientation in 1..=8 {
        let decoded = picture(&format!("orientation{orientation}.jpg"));
        assert_eq!((decoded.width(), decoded.height()), (24, 16), "orientation {orientation}");
        let (_, mean) = difference(decoded.rgb(), plain.rgb());
        assert!(mean < 1.5, "orientation {orientation}: mean difference {mean}");
    }
}

#[test]
fn transparency_lies_over_white() {
    let expected = picture("alpha_over_white.png");
    assert_eq!(picture("alpha.png").rgb(), expected.rgb());
    assert_eq!(picture("alpha.webp").rgb(), expected.rgb());
    assert_eq!(picture("palette.png").rgb()[..3], [255; 3]);
}

#[test]
fn the_first_frame_counts() {
    assert_eq!(picture("animated.gif").rgb(), picture("animated_first.png").rgb());
}

/// A PNG that claims a size, without pixels.
fn claims(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend_from_slice(&width.to_be_bytes());
    chunk.extend_from_slice(&height.to_be_bytes());
    chunk.extend_from_slice(&[8, 2, 0, 0, 0]);
    let crc = !chunk.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    });
    let empty = b"\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82";
    [b"\x89PNG\r\n\x1a\n\0\0\0\x0d", &chunk[..], &crc.to_be_bytes(), empty].concat()
}

#[test]
fn huge_pictures_are_refused_by_their_header() {
    let error = decode(&claims(30_000, 20_000)).unwrap_err();
    assert_eq!(error, ImageError::Size { format: "PNG", width: 30_000, height: 20_000 });
    assert_eq!(
        error.what(),
        "The PNG picture is too large: 30000 × 20000 pixels, where 100 megapixels and 65535 pixels a side are the limit."
    );
    assert!(matches!(decode(&claims(70_000, 1)), Err(ImageError::Size { .. })));
    assert!(matches!(decode(&claims(10_001, 10_000)), Err(ImageError::Size { .. })));
    assert!(matches!(decode(&claims(100, 100)), Err(ImageError::Damaged { part: "pixels", .. })));
}

#[test]
fn damage_is_described() {
    let png = bytes("plain.png");
    let error = decode(&png[..20]).unwrap_err();
    assert_eq!(error.what(), "The PNG picture is damaged: the file ends too early.");
    assert_eq!(error.place(), "PNG header");
    let error = decode(&png[..png.len() / 2]).unwrap_err();
    assert_eq!(error.place(), "PNG pixels");
    for name in ["plain.png", "lossless.webp", "animated.gif", "plain.bmp", "baseline.jpg"] {
        let whole = bytes(name);
        let error = decode(&whole[..30]).unwrap_err();
        assert!(matches!(error, ImageError::Damaged { .. }), "{name}: {error}");
        assert!(!error.what().contains('\n') && error.what().ends_with('.'), "{name}: {error}");
        println!("{name}: {error}");
    }
}

#[test]
fn a_jpeg_cut_short_shows_what_there_is() {
    let whole = bytes("baseline.jpg");
    let (cut, full) = (decode(&whole[..whole.len() - 40]).unwrap(), picture("baseline.jpg"));
    assert_eq!((cut.width(), cut.height()), (24, 16));
    assert_eq!(cut.rgb()[..24 * 3], full.rgb()[..24 * 3], "the first row is there");
    assert_ne!(cut.rgb(), full.rgb());
}
