//! CIFAR's binary files: records of one or two labels and 32 × 32 pixels, channels first.

use innspect_files::{Blob, FileError};

use super::MAX_ITEMS;
use super::array::Stack;
use super::error::CollectError;
use super::label::Label;
use crate::npy::{Element, Number};

const SIDE: u32 = 32;
const PIXELS: u64 = 32 * 32 * 3;
/// Records of a step: three megabytes.
const STEP: u64 = 1024;

/// A file of records while its labels are read.
#[derive(Debug)]
pub(super) struct Records {
    pub path: String,
    file: Blob,
    /// Labels in front of the pixels: one in CIFAR-10, two in CIFAR-100, of which the second is the fine one.
    labels_each: u64,
    pub labels: Vec<Option<Label>>,
}

impl Records {
    /// A file of records, by its length and the labels of the first few; `None` if it is something else.
    pub fn open(path: &str, file: &Blob) -> Result<Option<Self>, CollectError> {
        for labels_each in [1, 2] {
            let (length, count) = (labels_each + PIXELS, file.len() / (labels_each + PIXELS));
            if count == 0 || !file.len().is_multiple_of(length) {
                continue;
            }
            let mut fits = true;
            for record in 0..count.min(16) {
                let labels = file.read(record * length..record * length + labels_each)?.unwrap_or_default();
                fits &= is_label(&labels);
            }
            if !fits {
                continue;
            }
            if count > MAX_ITEMS as u64 {
                return Err(CollectError::TooMany { actual: count, limit: MAX_ITEMS });
            }
            return Ok(Some(Self { path: path.to_owned(), file: file.clone(), labels_each, labels: Vec::new() }));
        }
        Ok(None)
    }

    fn length(&self) -> u64 {
        self.labels_each + PIXELS
    }

    /// Reads some labels; whether they were the last.
    pub fn step(&mut self) -> Result<bool, CollectError> {
        let start = self.labels.len() as u64 * self.length();
        let end = self.file.len().min(start + STEP * self.length());
        let bytes = self.file.read(start..end)?.ok_or_else(|| FileError::Damaged { reason: "it is cut off".into() })?;
        for record in bytes.chunks_exact(self.length() as usize) {
            let labels = record.get(..self.labels_each as usize).unwrap_or_default();
            let Some(label) = labels.last().filter(|_| is_label(labels)) else {
                let reason = format!("record {} has the labels {labels:?}", self.labels.len());
                return Err(CollectError::Records { format: "CIFAR", reason });
            };
            self.labels.push(Some(Label::Number(u64::from(*label))));
        }
        Ok(end == self.file.len())
    }

    /// The pictures.
    pub fn stack(&self) -> Stack {
        Stack {
            data: self.file.part(self.labels_each..self.file.len()).unwrap_or_else(|| Vec::new().into()),
            number: Number { element: Element::U8, big_endian: false },
            count: self.labels.len() as u32,
            height: SIDE,
            width: SIDE,
            channels: 3,
            strides: [self.length(), u64::from(SIDE), 1, u64::from(SIDE * SIDE)],
            scale: [0.0, 255.0],
        }
    }
}

fn is_label(labels: &[u8]) -> bool {
    match labels {
        [label] => *label < 10,
        [coarse, fine] => *coarse < 20 && *fine < 100,
        _ => false,
    }
}
