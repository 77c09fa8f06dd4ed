//! Any bytes through the HDF5 reader and Keras's layers: `fuzz/run hdf5`.
#![no_main]

use innspect_formats::keras;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| innspect_fuzz::check(keras::read_hdf5(&data.to_vec().into(), "fuzz.h5")));
