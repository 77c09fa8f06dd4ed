//! What the integration tests share.
#![allow(dead_code, reason = "each test uses a part")]

use std::io::Read as _;
use std::path::{Path, PathBuf};

use innspect_formats::Imported;
use innspect_graph::{FinalActivation, reference};

/// An array from a `.npy` file: f32 (or f64, or u8), C order.
pub struct Npy {
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
}

/// Reads a `.npy` file.
pub fn npy(path: &Path) -> Npy {
    npy_of(&std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// Reads the bytes of a `.npy` file.
pub fn npy_of(bytes: &[u8]) -> Npy {
    assert_eq!(&bytes[..6], b"\x93NUMPY");
    let (length, start) = if bytes[6] == 1 {
        (usize::from(u16::from_le_bytes([bytes[8], bytes[9]])), 10)
    } else {
        (u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize, 12)
    };
    let header = std::str::from_utf8(&bytes[start..start + length]).expect("the header is text");
    assert!(header.contains("'fortran_order': False"), "{header}");
    let shape = header.split_once("'shape': (").expect("a shape").1.split_once(')').expect("a closing bracket").0;
    let shape: Vec<usize> = shape
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().expect("a size"))
        .collect();
    let body = &bytes[start + length..];
    let data: Vec<f64> = if header.contains("'<f4'") {
        body.chunks_exact(4).map(|bytes| f64::from(f32::from_le_bytes(bytes.try_into().expect("four bytes")))).collect()
    } else if header.contains("'|u1'") {
        body.iter().map(|&byte| f64::from(byte)).collect()
    } else {
        assert!(header.contains("'<f8'"), "{header}");
        body.chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().expect("eight bytes"))).collect()
    };
    assert_eq!(data.len(), shape.iter().product::<usize>());
    Npy { shape, data }
}

/// A file of the golden numbers.
pub fn golden(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(file)
}

/// The scores that a network gives instead of its logits.
pub fn scores(imported: &Imported, logits: Vec<f64>) -> Vec<f64> {
    let softmax = |logits: &[f64]| -> Vec<f64> {
        let max = logits.iter().copied().fold(f64::MIN, f64::max);
        let sum: f64 = logits.iter().map(|logit| (logit - max).exp()).sum();
        logits.iter().map(|logit| (logit - max).exp() / sum).collect()
    };
    match imported.graph.final_activation {
        FinalActivation::Softmax => softmax(&logits),
        FinalActivation::LogSoftmax => softmax(&logits).into_iter().map(f64::ln).collect(),
        FinalActivation::Sigmoid => logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect(),
        FinalActivation::None => logits,
    }
}

/// The largest difference over pictures `[N, H, W, C]`, relative to the largest score.
pub fn difference(imported: &Imported, input: &Npy, output: &Npy) -> Result<f64, String> {
    let size = input.data.len() / input.shape[0];
    let mut result = Vec::new();
    for sample in input.data.chunks_exact(size) {
        let mut sample: Vec<f32> = sample.iter().map(|&value| value as f32).collect();
        if let [_, height, width, channels] = input.shape[..] {
            let pixels = height * width;
            sample = (0..size).map(|index| sample[index % pixels * channels + index / pixels]).collect();
        }
        let logits = reference::logits(&imported.graph, &sample).map_err(|error| error.to_string())?;
        result.extend(scores(imported, logits));
    }
    if result.len() != output.data.len() {
        return Err(format!("{} values instead of {}", result.len(), output.data.len()));
    }
    let largest = output.data.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    let mut worst = 0.0f64;
    for (result, output) in result.iter().zip(&output.data) {
        let difference = (result - output).abs();
        worst = if difference.is_nan() { f64::INFINITY } else { worst.max(difference) };
    }
    Ok(worst / largest)
}

/// xorshift64*, so that a failure can be repeated.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }
}

/// The entries of an archive, stored or deflated, as its directory lists them.
pub fn unpack(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let number =
        |at: usize, size: usize| bytes[at..at + size].iter().rev().fold(0usize, |n, &b| n << 8 | usize::from(b));
    let end = bytes.windows(4).rposition(|window| window == b"PK\x05\x06").expect("the end of an archive");
    let (mut at, mut entries) = (number(end + 16, 4), Vec::new());
    while number(at, 4) == 0x0201_4b50 {
        let (size, name, local) = (number(at + 20, 4), number(at + 28, 2), number(at + 42, 4));
        let start = local + 30 + number(local + 26, 2) + number(local + 28, 2);
        let title = String::from_utf8(bytes[at + 46..at + 46 + name].to_vec()).expect("a name");
        let mut data = bytes[start..start + size].to_vec();
        match number(at + 10, 2) {
            0 => {}
            8 => {
                let packed = std::mem::take(&mut data);
                flate2::read::DeflateDecoder::new(packed.as_slice()).read_to_end(&mut data).expect("deflated data");
            }
            other => panic!("an entry packed by method {other}"),
        }
        assert_eq!(data.len(), number(at + 24, 4), "{title}");
        entries.push((title, data));
        at += 46 + name + number(at + 30, 2) + number(at + 32, 2);
    }
    entries
}

/// An archive with these entries; `size` is what the directory says of the last one, if not the truth.
pub fn pack(entries: &[(String, Vec<u8>)], size: Option<u32>) -> Vec<u8> {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for (index, (name, data)) in entries.iter().enumerate() {
        let mut checksum = flate2::Crc::new();
        checksum.update(data);
        let last = index + 1 == entries.len();
        let claimed = size.filter(|_| last);
        let mut common = vec![20, 0, 0, 0, if claimed.is_some() { 8 } else { 0 }, 0, 0, 0, 0, 0];
        common.extend(checksum.sum().to_le_bytes());
        common.extend((data.len() as u32).to_le_bytes());
        common.extend(claimed.unwrap_or(data.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend((body.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        body.extend(b"PK\x03\x04");
        body.extend(&common);
        body.extend(name.as_bytes());
        body.extend(data);
    }
    let start = body.len() as u32;
    body.extend(&directory);
    body.extend(b"PK\x05\x06\0\0\0\0");
    body.extend([(entries.len() as u16).to_le_bytes(), (entries.len() as u16).to_le_bytes()].concat());
    body.extend((directory.len() as u32).to_le_bytes());
    body.extend(start.to_le_bytes());
    body.extend([0, 0]);
    body
}
