//! No bytes make `decode` panic: every truncation, many bit flips and random bytes behind each signature.

mod common;

use common::{bytes, folder};
use innspect_dataset::decode;
use proptest::prelude::*;

/// Small pictures in every format, the larger sources of the resizes left out.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| !name.ends_with(".py") && !name.starts_with("wide") && !name.starts_with("tall"))
        .collect();
    names.sort();
    assert!(names.len() >= 25, "{names:?}");
    names.into_iter().map(|name| (name.clone(), bytes(&name))).collect()
}

/// Decodes; what comes out has a whole picture or a sentence.
fn holds(bytes: &[u8]) {
    match decode(bytes) {
        Ok(picture) => {
            assert_eq!(picture.rgb().len() as u64, u64::from(picture.width()) * u64::from(picture.height()) * 3)
        }
        Err(error) => assert!(error.what().ends_with('.') && !error.advice().is_empty(), "{error}"),
    }
}

#[test]
fn truncations() {
    for (_, file) in files() {
        for length in 0..file.len() {
            holds(&file[..length]);
        }
    }
}

#[test]
fn single_bit_flips() {
    for (_, file) in files() {
        let mut broken = file.clone();
        for at in 0..file.len() {
            // All bits of the header, where sizes and offsets stand; one bit a byte behind it.
            let bits = if at < 64 { 0..8 } else { at % 8..at % 8 + 1 };
            for bit in bits {
                broken[at] = file[at] ^ (1 << bit);
                holds(&broken);
            }
            broken[at] = file[at];
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn several_bytes_changed(
        which in 0_usize..1000, changes in proptest::collection::vec((0_usize..4096, any::<u8>()), 1..6),
        cut in 0_usize..4096,
    ) {
        let files = files();
        let (_, mut file) = files[which % files.len()].clone();
        for (at, value) in changes {
            let length = file.len();
            file[at % length] = value;
        }
        holds(&file);
        file.truncate(cut);
        holds(&file);
    }

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        holds(&bytes);
        let signatures: [&[u8]; 6] = [
            b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\xff\0\0\0WEBPVP8 ", b"RIFF\xff\0\0\0WEBPVP8L", b"GIF89a",
            b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
        ];
        for signature in signatures {
            holds(&[signature, &bytes].concat());
        }
    }
}
