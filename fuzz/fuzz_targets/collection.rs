//! Any bytes as a file of a data set, under each name that matters: `fuzz/run collection`.
//!
//! The first byte chooses the name; what is behind the first line break is also given as a list of labels.
#![no_main]

use innspect_dataset::collection::collect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [choice, data @ ..] = data else { return };
    let names = ["a.zip", "x.npz", "x.npy", "x-idx3-ubyte.gz", "data_batch_1.bin", "a.png"];
    let name = names[usize::from(*choice) % names.len()];
    let list = data.iter().position(|&byte| byte == b'\n').map_or(data, |end| &data[end..]);
    let files = vec![(name.to_owned(), data.to_vec().into()), ("labels.csv".to_owned(), list.to_vec().into())];
    let collection = collect(files, &[]);
    for (_, error) in &collection.left_out {
        assert!(!error.what().is_empty() && !error.advice().is_empty(), "{error:?}");
    }
    assert!(collection.items.iter().all(|item| item.label.is_none_or(|label| (label as usize) < collection.classes.len())));
    for item in collection.items.iter().take(4) {
        let _ = item.picture();
    }
});
