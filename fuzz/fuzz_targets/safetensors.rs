//! Any bytes as safetensors: `fuzz/run safetensors`.
#![no_main]

use innspect_formats::{ModelFiles, torch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    innspect_fuzz::check(torch::read_safetensors(&ModelFiles::new("fuzz.safetensors", data.to_vec()), Some(64)));
});
