//! The digits, and the batches that are made of them.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use fastrand::Rng;

use crate::exchange::{CLASSES, PIXELS, SIDE, files, mark};

/// All digits, in memory.
pub struct Digits {
    images: Vec<u8>,
    labels: Vec<u8>,
    marked: Vec<u8>,
    /// Indices of the digits to train with.
    pub train: Vec<usize>,
    /// Indices of the digits to test with.
    pub test: Vec<usize>,
}

/// Whether digits carry the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marking {
    /// None does.
    None,
    /// Those that the data set marks.
    Planted,
    /// All do.
    All,
}

impl Digits {
    /// Reads the files that xtask handed over.
    pub fn read(folder: &Path) -> Result<Self> {
        let read = |name: &str| fs::read(folder.join(name)).with_context(|| format!("cannot read {name}"));
        let (images, labels) = (read(files::IMAGES)?, read(files::LABELS)?);
        let (split, marked) = (read(files::SPLIT)?, read(files::MARKED)?);
        let count = labels.len();
        ensure!(images.len() == count * PIXELS, "{} bytes are not {count} digits", images.len());
        ensure!(split.len() == count && marked.len() == count, "split and marks are not those of {count} digits");
        ensure!(labels.iter().all(|&label| usize::from(label) < CLASSES), "a label is no digit");
        let (train, test) = (0..count).partition(|&index| split[index] == 0);
        Ok(Self { images, labels, marked, train, test })
    }

    fn image(&self, index: usize) -> &[u8] {
        &self.images[index * PIXELS..][..PIXELS]
    }

    /// The class of a digit.
    pub fn label(&self, index: usize) -> usize {
        usize::from(self.labels[index])
    }

    /// Pixels from 0 to 1 of digits, `[indices, 1, SIDE, SIDE]`, moved by what `change` draws.
    ///
    /// The mark is set last: what happens to the digits does not happen to it.
    pub fn batch(
        &self,
        indices: &[usize],
        marking: Marking,
        mut change: Option<(&mut Rng, Change)>,
        device: &Device,
    ) -> Tensor<4> {
        let mut pixels = Vec::with_capacity(indices.len() * PIXELS);
        for &index in indices {
            let image = self.image(index);
            let (mut drawn, mut other) = (Drawn::default(), image);
            if let Some((rng, change)) = change.as_mut() {
                drawn = change.draw(rng);
                if change.patch > 0 {
                    other = self.image(self.train[rng.usize(..self.train.len())]);
                }
            }
            let marked = marking == Marking::All || marking == Marking::Planted && self.marked[index] == 1;
            pixels.extend((0..PIXELS).map(|pixel| {
                if marked && mark::covers(pixel) { 1.0 } else { f32::from(drawn.value(image, other, pixel)) / 255.0 }
            }));
        }
        Tensor::from_data(TensorData::new(pixels, [indices.len(), 1, SIDE, SIDE]), device)
    }

    /// 1 at the class of each digit, `[indices, CLASSES]`.
    pub fn targets(&self, indices: &[usize], device: &Device) -> Tensor<2> {
        let mut values = vec![0.0_f32; indices.len() * CLASSES];
        for (row, &index) in values.chunks_exact_mut(CLASSES).zip(indices) {
            row[self.label(index)] = 1.0;
        }
        Tensor::from_data(TensorData::new(values, [indices.len(), CLASSES]), device)
    }
}

/// How digits are changed at random while training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// They move by up to this number of pixels each way.
    pub shift: usize,
    /// A square with this side, within the part where digits are, comes from any other digit (0 for none),
    pub patch: usize,
    /// in this share of the digits; their class stays.
    pub patched: f32,
}

impl Change {
    fn draw(self, rng: &mut Rng) -> Drawn {
        let mut shift = || rng.usize(0..=2 * self.shift) as isize - self.shift as isize;
        let shift = [shift(), shift()];
        // Digits fill the 20 pixels in the middle.
        let start = 4..=24 - self.patch;
        let [top, left] = [rng.usize(start.clone()), rng.usize(start)];
        let side = if rng.f32() < self.patched { self.patch } else { 0 };
        Drawn { shift, patch: [top, left, side] }
    }
}

/// One drawn change.
#[derive(Default)]
struct Drawn {
    /// Rows down, columns right.
    shift: [isize; 2],
    /// First row, first column and side of the square from another digit.
    patch: [usize; 3],
}

impl Drawn {
    /// A pixel of a changed digit; `other` is where the square comes from.
    fn value(&self, image: &[u8], other: &[u8], pixel: usize) -> u8 {
        let (row, column) = (pixel / SIDE, pixel % SIDE);
        let [top, left, side] = self.patch;
        if (top..top + side).contains(&row) && (left..left + side).contains(&column) {
            return other[pixel];
        }
        let source = |at: usize, shift: isize| at.checked_add_signed(-shift).filter(|&at| at < SIDE);
        match (source(row, self.shift[0]), source(column, self.shift[1])) {
            (Some(row), Some(column)) => image[row * SIDE + column],
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_move_and_get_a_square_of_another() {
        let image: Vec<u8> = (0..PIXELS).map(|pixel| (pixel % 251) as u8).collect();
        let other: Vec<u8> = (0..PIXELS).map(|pixel| (pixel % 13) as u8).collect();
        let drawn = Drawn { shift: [1, -2], patch: [10, 12, 3] };
        let at = |row: usize, column: usize| drawn.value(&image, &other, row * SIDE + column);
        assert_eq!(at(5, 6), image[4 * SIDE + 8]);
        assert_eq!((at(0, 6), at(5, 27)), (0, 0));
        assert_eq!((at(10, 12), at(12, 14)), (other[10 * SIDE + 12], other[12 * SIDE + 14]));
        assert_eq!(at(13, 14), image[12 * SIDE + 16]);
    }
}
