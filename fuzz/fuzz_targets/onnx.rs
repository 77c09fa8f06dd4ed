//! Any bytes through the ONNX reader and the passes: `fuzz/run onnx`.
#![no_main]

use innspect_formats::{ModelFiles, onnx, sniff};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The reader must stand on its own, whatever the sniffing says.
    let _ = sniff(data);
    innspect_fuzz::check(onnx::read_any(&ModelFiles::new("fuzz.onnx", data.to_vec())));
});
