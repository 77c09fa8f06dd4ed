//! How long the list of a large data set takes: `cargo run --release -p innspect-dataset --example collect`.
//!
//! Ten thousand small files, the same as entries of an archive, and as a list with labels. Says the milliseconds in all
//! and those of the longest step.

use std::time::{Duration, Instant};

use innspect_dataset::collection::{Collection, Collector};
use innspect_files::Blob;

const COUNT: usize = 10_000;

/// The smallest picture: a GIF of one pixel.
const GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

fn path(index: usize) -> String {
    format!("set/train/class {:03}/picture_{index}.gif", index % 100)
}

/// An archive of stored entries.
fn archive(count: usize) -> Vec<u8> {
    let mut checksum = flate2::Crc::new();
    checksum.update(GIF);
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for index in 0..count {
        let (name, start) = (path(index), file.len() as u32);
        let size = (GIF.len() as u32).to_le_bytes();
        let name_size = (name.len() as u16).to_le_bytes();
        let common =
            [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0], &checksum.sum().to_le_bytes()[..], &size, &size, &name_size, &[0, 0]]
                .concat();
        file.extend([b"PK\x03\x04", &common[..], name.as_bytes(), GIF].concat());
        directory.extend([b"PK\x01\x02\x14\0", &common[..], &[0; 10], &start.to_le_bytes(), name.as_bytes()].concat());
    }
    let start = file.len() as u32;
    file.extend(&directory);
    let count = (count as u16).to_le_bytes();
    let sizes = [directory.len() as u32, start].map(u32::to_le_bytes).concat();
    file.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &sizes, &[0, 0]].concat());
    file
}

fn measure(what: &str, files: Vec<(String, Blob)>) -> Collection {
    let start = Instant::now();
    let mut collector = Collector::new(files, &[]);
    let (mut longest, mut steps) = (Duration::ZERO, 0);
    loop {
        let before = Instant::now();
        let finished = collector.step().finished;
        longest = longest.max(before.elapsed());
        steps += 1;
        if finished {
            break;
        }
    }
    let before = Instant::now();
    let collection = collector.finish();
    longest = longest.max(before.elapsed());
    let (all, longest) = (start.elapsed().as_secs_f64() * 1e3, longest.as_secs_f64() * 1e3);
    let (items, classes) = (collection.items.len(), collection.classes.len());
    println!("{what}: {items} pictures, {classes} classes, {all:.1} ms in {steps} steps, the longest {longest:.1} ms");
    collection
}

fn main() {
    let folder = || -> Vec<(String, Blob)> { (0..COUNT).map(|index| (path(index), GIF.to_vec().into())).collect() };
    measure("folder", folder());
    let mut listed = folder();
    let rows: String = (0..COUNT).map(|index| format!("picture_{index}.gif,name {}\n", index % 77)).collect();
    listed.push(("labels.csv".into(), format!("file,label\n{rows}").into_bytes().into()));
    measure("folder with a list", listed);
    let zipped = measure("archive", vec![("set.zip".into(), archive(COUNT).into())]);
    measure("archive of 60 000", vec![("set.zip".into(), archive(60_000).into())]);
    let start = Instant::now();
    let bytes = zipped.fingerprint().len();
    println!("fingerprint: {bytes} bytes, {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    assert!(zipped.items.iter().all(|item| item.picture().is_ok()));
    println!("all pictures: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
}
