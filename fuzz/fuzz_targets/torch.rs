//! Any bytes as a checkpoint of PyTorch, zip or older: `fuzz/run torch`.
#![no_main]

use innspect_formats::{ModelFiles, torch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    innspect_fuzz::check(torch::read_checkpoint(&ModelFiles::new("fuzz.pth", data.to_vec()), Some(64)));
});
