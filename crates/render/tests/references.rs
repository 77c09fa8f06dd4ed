//! Colours against matplotlib, limits against NumPy, enlarging against OpenCV; the numbers are made by
//! `fixtures/make.py`.

use innspect_protocol::Colormap;
use innspect_render::{colorize, limit, table, upsample};
use serde_json::Value;

const COLORMAPS: [(&str, Colormap); 4] = [
    ("coolwarm", Colormap::Coolwarm),
    ("seismic", Colormap::Seismic),
    ("cividis", Colormap::Cividis),
    ("grey", Colormap::Grey),
];

fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

#[test]
fn every_entry_is_within_a_level_of_matplotlib() {
    let tables = fixture("colormaps");
    for (name, colormap) in COLORMAPS {
        let hex = tables[name].as_str().unwrap();
        assert_eq!(hex.len(), 256 * 6);
        for (entry, colour) in table(colormap, true).iter().enumerate() {
            for (channel, value) in colour.iter().enumerate() {
                let at = entry * 6 + channel * 2;
                let expected = u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
                assert!(value.abs_diff(expected) <= 1, "{name} entry {entry}: {colour:?}, {expected}");
            }
        }
    }
}

#[test]
fn maps_are_coloured_as_by_matplotlib() {
    let numbers = fixture("numbers");
    let values = floats(&numbers["values"]);
    let limit = numbers["limit90"].as_f64().unwrap() as f32;
    for (name, colormap) in COLORMAPS {
        for signed in [true, false] {
            let suffix = if signed { "signed" } else { "unsigned" };
            let expected = floats(&numbers[format!("{name}_{suffix}")]);
            // matplotlib has no upper half of a diverging map.
            let drawn = colorize(&values, limit, &table(colormap, true), signed);
            for (pixel, expected) in drawn.chunks_exact(4).zip(expected.chunks_exact(3)) {
                for (got, expected) in pixel.iter().zip(expected) {
                    assert!((f32::from(*got) - expected).abs() <= 1.0, "{name} {suffix}: {pixel:?}, {expected}");
                }
            }
        }
    }
}

#[test]
fn limits_are_numpys_percentiles() {
    let numbers = fixture("numbers");
    let values = floats(&numbers["values"]);
    for pair in numbers["limits"].as_array().unwrap() {
        let (percentile, expected) = (pair[0].as_f64().unwrap(), pair[1].as_f64().unwrap());
        let found = f64::from(limit(&values, percentile as f32));
        assert!((found - expected).abs() <= 1e-7 * expected, "{percentile}: {found}, {expected}");
    }
}

#[test]
fn maps_are_enlarged_as_by_opencv() {
    let numbers = fixture("numbers");
    let small = floats(&numbers["small"]);
    let sizes = numbers["up"].as_object().unwrap();
    assert_eq!(sizes.len(), 6);
    for (size, expected) in sizes {
        let (height, width) = size.split_once('x').unwrap();
        let big = upsample(&small, [3, 4], [height.parse().unwrap(), width.parse().unwrap()]);
        let expected = floats(expected);
        assert_eq!(big.len(), expected.len());
        for (got, expected) in big.iter().zip(expected) {
            assert!((got - expected).abs() <= 1e-6, "{size}: {got}, {expected}");
        }
    }
}
