//! Arrays of pictures and of labels, and which belong together.

use std::collections::VecDeque;
use std::rc::Rc;

use super::array::{Array, Range, Stack};
use super::cifar::Records;
use super::collector::{Draft, Found};
use super::label::Label;
use super::{CollectError, Content, Note, origin};
use crate::npy::Element;

/// Words of names that say pictures, labels, or only how the file is written. What is left of two names is the same for
/// pictures and their labels: `x_train` and `y_train`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`.
const PICTURES: [&str; 13] = [
    "x", "images", "image", "imgs", "img", "pictures", "data", "features", "inputs", "input", "pixels", "photos",
    "idx3",
];
const LABELS: [&str; 12] = [
    "y",
    "labels",
    "label",
    "lbls",
    "targets",
    "target",
    "classes",
    "class",
    "idx1",
    "truth",
    "categories",
    "category",
];
const WRITTEN: [&str; 5] = ["idx", "ubyte", "npy", "npz", "gz"];

/// Arrays that were found.
#[derive(Debug, Default)]
pub(super) struct Stacks {
    waiting: VecDeque<Waiting>,
    pictures: Vec<Pictures>,
    labels: Vec<Labels>,
}

/// What takes steps of its own.
#[derive(Debug)]
enum Waiting {
    Array(Array),
    Range(String, Stack, Range),
    Records(Records),
}

#[derive(Debug)]
struct Pictures {
    path: String,
    stack: Stack,
    labels: Option<Vec<Option<Label>>>,
}

#[derive(Debug)]
struct Labels {
    path: String,
    values: Vec<Option<Label>>,
}

impl Stacks {
    pub fn add(&mut self, array: Array) {
        self.waiting.push_back(Waiting::Array(array));
    }

    pub fn add_records(&mut self, records: Records) {
        self.waiting.push_back(Waiting::Records(records));
    }

    /// Does a little; whether there is nothing left to do.
    pub fn step(&mut self, found: &mut Found) -> bool {
        match self.waiting.pop_front() {
            Some(Waiting::Array(array)) => {
                if let Err(error) = self.tell(&array) {
                    found.leave_out(array.path, error);
                }
            }
            Some(Waiting::Range(path, mut stack, mut range)) => match range.step(&stack) {
                Err(error) => found.leave_out(path, error),
                Ok(false) => self.waiting.push_front(Waiting::Range(path, stack, range)),
                Ok(true) => match range.scale(stack.number) {
                    Err(error) => found.leave_out(path, error),
                    Ok(([low, high], scale)) => {
                        if stack.number.is_float() || scale != [0.0, 255.0] {
                            found.notes.push(Note::Values { array: path.clone(), low, high, scale });
                        }
                        stack.scale = scale;
                        self.pictures.push(Pictures { path, stack, labels: None });
                    }
                },
            },
            Some(Waiting::Records(mut records)) => match records.step() {
                Err(error) => found.leave_out(records.path, error),
                Ok(false) => self.waiting.push_front(Waiting::Records(records)),
                Ok(true) => {
                    let stack = records.stack();
                    self.pictures.push(Pictures { path: records.path, stack, labels: Some(records.labels) });
                }
            },
            None => return true,
        }
        false
    }

    /// Tells pictures from labels.
    fn tell(&mut self, array: &Array) -> Result<(), CollectError> {
        if array.shape().len() < 3 || says_labels(&array.path) {
            self.labels.push(Labels { path: array.path.clone(), values: array.labels()? });
            return Ok(());
        }
        let stack = array.stack()?;
        if matches!(stack.number.element, Element::U8 | Element::Bool) {
            self.pictures.push(Pictures { path: array.path.clone(), stack, labels: None });
        } else {
            self.waiting.push_front(Waiting::Range(array.path.clone(), stack, Range::default()));
        }
        Ok(())
    }

    /// Gives the labels to their pictures, once nothing is waiting.
    pub fn pair(&mut self, found: &mut Found) {
        for pictures in &mut self.pictures {
            let same = |labels: &Labels| {
                labels.values.len() == pictures.stack.count as usize
                    && distinction(&labels.path) == distinction(&pictures.path)
            };
            if pictures.labels.is_none()
                && let Some(index) = self.labels.iter().position(same)
            {
                pictures.labels = Some(self.labels.swap_remove(index).values);
            }
        }
        // Names that say nothing: the only labels of as many, beside the only pictures of as many.
        let lengths: Vec<(String, usize, bool)> = self
            .pictures
            .iter()
            .map(|pictures| (folder(&pictures.path).into(), pictures.stack.count as usize, pictures.labels.is_none()))
            .collect();
        for pictures in self.pictures.iter_mut().filter(|pictures| pictures.labels.is_none()) {
            let (own, count) = (folder(&pictures.path), pictures.stack.count as usize);
            let rivals = lengths.iter().filter(|(place, length, open)| place == own && *length == count && *open);
            let fits = |labels: &Labels| labels.values.len() == count && folder(&labels.path) == own;
            let candidates: Vec<usize> =
                (0..self.labels.len()).filter(|&index| self.labels.get(index).is_some_and(fits)).collect();
            if let ([index], 1) = (candidates.as_slice(), rivals.count()) {
                pictures.labels = Some(self.labels.swap_remove(*index).values);
            }
        }
        for labels in self.labels.drain(..) {
            found.leave_out(labels.path, CollectError::Labels { count: labels.values.len() });
        }
        self.pictures.sort_by(|a, b| super::folders::natural(&a.path, &b.path));
    }

    /// Hands out the pictures of an array, once all are paired; whether there is none left.
    pub fn unstack(&mut self, found: &mut Found) -> bool {
        let Some(Pictures { path, stack, labels }) = self.pictures.pop() else { return true };
        found.array_labels |= labels.is_some();
        let (stack, mut labels) = (Rc::new(stack), labels.unwrap_or_default().into_iter());
        if !found.has_room(u64::from(stack.count)) {
            found.leave_out(path, found.too_many(u64::from(stack.count)));
            return false;
        }
        for index in 0..stack.count {
            found.drafts.push(Draft {
                path: format!("{path}/{index}"),
                label: labels.next().flatten(),
                content: Content::Array(stack.clone(), index),
            });
        }
        false
    }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Words of a name in lower case; `trainImages` are two.
fn words(path: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for letter in path.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && lower) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (letter.is_alphanumeric(), words.last_mut()) {
            word.extend(letter.to_lowercase());
        }
        lower = letter.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What tells a name from others beside saying pictures or labels.
fn distinction(path: &str) -> Vec<String> {
    let mut words = words(path);
    let roles = [&PICTURES[..], &LABELS, &WRITTEN];
    words.retain(|word| !roles.iter().any(|role| role.contains(&word.as_str())));
    words
}

fn says_labels(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let words = words(origin::stem_and_extension(name).0);
    let any = |role: &[&str]| words.iter().any(|word| role.contains(&word.as_str()));
    any(&LABELS) && !any(&PICTURES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_belong_together() {
        for (pictures, labels) in [
            ("mnist.npz/x_train", "mnist.npz/y_train"),
            ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
            ("trainImages.npy", "trainLabels.npy"),
            ("images.npy", "targets.npy"),
            ("a/images/1.npy", "a/labels/1.npy"),
        ] {
            assert_eq!(distinction(pictures), distinction(labels), "{pictures}");
            assert!(!says_labels(pictures));
        }
        assert!(says_labels("a/train-labels-idx1-ubyte") && says_labels("d.npz/y_test"));
        assert_ne!(distinction("x_train"), distinction("y_test"));
    }
}
