//! Any `model.json` of TensorFlow.js with one shard: `fuzz/run tfjs`.
//!
//! What is behind the first zero byte is the shard, which is found under whatever path the JSON has.
#![no_main]

use innspect_formats::{FormatError, ModelFiles, tfjs};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let (json, shard) = data.split_at(end);
    let mut files = ModelFiles::new("model.json", json.to_vec());
    let mut read = tfjs::read(&files);
    if let Err(FormatError::MissingFiles { files: wanted }) = &read {
        files.beside = wanted
            .iter()
            .take(4)
            .map(|path| (path.clone(), shard.get(1..).unwrap_or_default().to_vec().into()))
            .collect();
        read = tfjs::read(&files);
    }
    if let Some(result) = read.transpose() {
        innspect_fuzz::check(result);
    }
});
