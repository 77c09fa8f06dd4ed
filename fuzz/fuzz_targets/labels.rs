//! Any bytes as a list of class names: `fuzz/run labels`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(labels) = innspect_formats::read_labels(data) {
        assert!(!labels.is_empty());
    }
});
