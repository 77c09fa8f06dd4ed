//! Any bytes through the TensorFlow Lite reader: `fuzz/run tflite`.
#![no_main]

use innspect_formats::tflite;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| innspect_fuzz::check(tflite::read(data.to_vec().into(), "fuzz.tflite")));
