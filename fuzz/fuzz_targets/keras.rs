//! Any bytes through the zip reader and Keras's layers: `fuzz/run keras`.
#![no_main]

use innspect_formats::keras;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| innspect_fuzz::check(keras::read_archive(&data.to_vec().into(), "fuzz.keras")));
