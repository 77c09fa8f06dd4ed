//! Classes by the folders that pictures lie in, and the order of names.

use std::cmp::Ordering;
use std::collections::HashSet;

/// Folders that tell how pictures are used or kept, not what they show.
const NO_CLASSES: [&str; 22] = [
    "train",
    "training",
    "trainset",
    "test",
    "testing",
    "testset",
    "val",
    "valid",
    "validation",
    "valset",
    "dev",
    "eval",
    "holdout",
    "images",
    "image",
    "imgs",
    "img",
    "pictures",
    "photos",
    "jpegimages",
    "jpg",
    "data",
];

/// The class that a path of a picture names: the nearest folder above it that is not one of a split, such as `train`,
/// or of pictures in general.
pub(super) fn class(path: &str) -> Option<&str> {
    let (folders, _) = path.rsplit_once('/')?;
    folders.rsplit('/').find(|folder| !NO_CLASSES.iter().any(|other| folder.eq_ignore_ascii_case(other)))
}

/// Whether folders make classes: at least two of them hold pictures.
pub(super) fn make_classes<'a>(paths: impl Iterator<Item = &'a str>) -> bool {
    let mut seen = HashSet::new();
    paths.filter_map(class).any(|class| {
        seen.insert(class);
        seen.len() > 1
    })
}

/// Length in bytes of the leading folders, with their last `/`, that all paths share.
pub(super) fn shared<'a>(mut paths: impl Iterator<Item = &'a str>) -> usize {
    let Some(first) = paths.next() else { return 0 };
    let mut shared = first.rfind('/').map_or(0, |slash| slash + 1);
    for path in paths {
        let same = first.bytes().zip(path.bytes()).take(shared).take_while(|(a, b)| a == b).count();
        if same < shared {
            // A whole folder or nothing.
            let slash = first.as_bytes().get(..same).and_then(|part| part.iter().rposition(|&byte| byte == b'/'));
            let Some(slash) = slash else { return 0 };
            shared = slash + 1;
        }
    }
    shared
}

/// Names in the order that people expect: numbers within them by value, so that 2 stands before 10.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    loop {
        match (left, right) {
            ([x, ..], [y, ..]) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let ((x, after_x), (y, after_y)) = (digits(left), digits(right));
                match x.len().cmp(&y.len()).then_with(|| x.cmp(y)) {
                    Ordering::Equal => (left, right) = (after_x, after_y),
                    other => return other,
                }
            }
            ([x, after_x @ ..], [y, after_y @ ..]) => match x.cmp(y) {
                Ordering::Equal => (left, right) = (after_x, after_y),
                other => return other,
            },
            // Names that differ in leading zeros alone are still not the same.
            _ => return left.len().cmp(&right.len()).then_with(|| a.cmp(b)),
        }
    }
}

/// The number in front, without leading zeros, and what follows.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let start = number.iter().position(|&byte| byte != b'0').unwrap_or(number.len());
    (number.split_at(start).1, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_that_makes_a_class_is_found() {
        assert_eq!(class("cat/1.jpg"), Some("cat"));
        assert_eq!(class("train/cat/1.jpg"), Some("cat"));
        assert_eq!(class("cat/Test/1.jpg"), Some("cat"));
        assert_eq!(class("train/n01443537/images/1.jpg"), Some("n01443537"));
        assert_eq!(class("train/1.jpg"), None);
        assert_eq!(class("1.jpg"), None);
        assert!(make_classes(["cat/1", "dog/1"].into_iter()));
        assert!(!make_classes(["cat/1", "cat/2", "3"].into_iter()));
        assert!(!make_classes(["train/1", "val/2"].into_iter()));
    }

    #[test]
    fn leading_folders_are_shared_as_a_whole() {
        assert_eq!(shared(["a/cat/1", "a/car/1"].into_iter()), 2);
        assert_eq!(shared(["a/b/1"].into_iter()), 4);
        assert_eq!(shared(["a/b/1", "2"].into_iter()), 0);
        assert_eq!(shared(["a/b/1", "a/bc"].into_iter()), 2);
        assert_eq!(shared(["é/1", "è/1"].into_iter()), 0);
    }

    #[test]
    fn numbers_are_ordered_by_value() {
        let mut names = ["b10", "b2", "a", "b02", "b1c", "b", "b1"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a", "b", "b1", "b1c", "b02", "b2", "b10"]);
    }
}
