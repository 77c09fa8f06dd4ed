//! Any bytes as they are dropped, told by content, also a plain zip with a network inside: `fuzz/run any`.
#![no_main]

use innspect_formats::{ModelFiles, read_model};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| innspect_fuzz::check(read_model(&ModelFiles::new("fuzz", data.to_vec()))));
