//! Any bytes through the ONNX reader and the passes: `cargo +nightly fuzz run onnx -- -rss_limit_mb=512 -timeout=2`.
//! Start from the golden networks: `cargo +nightly fuzz run onnx fuzz/corpus/onnx tests/golden/onnx tests/golden/ops tests/golden`.
#![no_main]

use innspect_formats::{ModelFiles, onnx, sniff};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The reader must stand on its own, whatever the sniffing says.
    let _ = sniff(data);
    if let Ok(imported) = onnx::read_any(&ModelFiles::new("fuzz.onnx", data.to_vec())) {
        let nodes = imported.graph.nodes.len();
        let again = innspect_graph::passes::compact(imported.graph).expect("what was read holds together");
        assert_eq!(again.nodes.len(), nodes);
    }
});
