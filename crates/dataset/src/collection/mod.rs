//! Data sets: what a person drops, as a list of pictures that are read when they are needed.
//!
//! ```text
//! files --Collector--> Collection { items, classes, left_out, notes }
//!                        |  item.picture()  ->  Picture
//! ```
//!
//! | what | how it is told | labels |
//! |---|---|---|
//! | JPEG, PNG, WebP, BMP, GIF | first bytes | the nearest folder that is no split such as `train` |
//! | zip archive of such | first bytes | as if it were a folder of its name |
//! | `.npy`, `.npz` | first bytes | another array of the same length, by its name |
//! | MNIST idx, also `.gz` | first bytes | the `labels` file of the same name |
//! | CIFAR-10 and CIFAR-100 binary | `.bin`, length and records | in the records; names of `batches.meta.txt` or `fine_label_names.txt` |
//! | CSV, TSV and the like | text of which a column names pictures | the column of labels; goes before folders |
//!
//! Nothing is unpacked or decoded before [`Item::picture`] is called, but arrays that are packed: those are unpacked once
//! and kept. No file makes the whole fail: what is no picture is [left out](Collection::left_out) with the reason, and a
//! picture that is broken further in fails when it is read.

mod array;
mod cifar;
mod collector;
mod error;
mod folders;
mod label;
mod origin;
mod stacks;
mod table;

pub use collector::{Collector, Progress};
pub use error::{CollectError, ItemError};

use std::rc::Rc;

use bytes::Bytes;
use innspect_files::{Blob, FileError};
use innspect_protocol::LabelOrigin;

use self::array::Stack;
use self::origin::Origin;
use crate::decode::{WHITE, decode_over};
use crate::picture::Picture;

/// Entries that a zip archive may have.
pub const MAX_ENTRIES: usize = 200_000;

/// Pictures that a collection may have; a damaged header could promise a picture for every byte.
pub const MAX_ITEMS: usize = 1_000_000;

/// Bytes of the file of one picture, which is read as a whole.
const MAX_FILE: usize = 512 << 20;

/// Pictures with their labels.
#[derive(Debug)]
pub struct Collection {
    /// The pictures, ordered by name, numbers within names by value.
    pub items: Vec<Item>,
    /// Names of the classes, which labels count. Those given, if all labels are numbers below their count or names among
    /// them; otherwise those that occur, in the order of names.
    pub classes: Vec<String>,
    /// Where the labels are from.
    pub labels: LabelOrigin,
    /// Files that are no part of it, and why.
    pub left_out: Vec<(String, CollectError)>,
    /// What else a person should know.
    pub notes: Vec<Note>,
    /// The colour under transparent pictures: red, green, blue. White at first.
    pub background: [u8; 3],
}

/// One picture of a collection.
#[derive(Debug)]
pub struct Item {
    /// Its path below the folder that all pictures share, or the path of its array and its number; unique.
    pub name: String,
    /// Its class, an index into [`Collection::classes`].
    pub label: Option<u32>,
    content: Content,
}

/// Where the pixels are.
#[derive(Debug)]
enum Content {
    /// An encoded picture.
    File(Origin),
    /// A picture of an array.
    Array(Rc<Stack>, u32),
}

/// The bytes of a picture's file.
fn encoded(origin: &Origin) -> Result<Bytes, FileError> {
    if origin.size() > MAX_FILE as u64 {
        let actual = usize::try_from(origin.size()).unwrap_or(usize::MAX);
        return Err(FileError::TooLarge { what: "bytes in a picture", actual, limit: MAX_FILE });
    }
    origin.whole()?.bytes()
}

/// What a person should know of a collection, beside what was left out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// Pictures without a label in a collection that has labels.
    Unlabelled {
        /// How many.
        pictures: usize,
    },
    /// Rows of a list that name none of the pictures, or one that has a label already.
    Rows {
        /// The list's path.
        list: String,
        /// Rows that name none.
        unmatched: u64,
        /// Rows in all, without the heading.
        all: u64,
    },
    /// How the values of an array became brightness.
    Values {
        /// The array's path.
        array: String,
        /// The least value found.
        low: f64,
        /// The greatest value found.
        high: f64,
        /// The values that are shown as black and as white.
        scale: [f64; 2],
    },
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unlabelled { pictures: 1 } => write!(f, "One picture has no label."),
            Self::Unlabelled { pictures } => write!(f, "{pictures} pictures have no label."),
            Self::Rows { list, unmatched, all } => {
                write!(f, "{unmatched} of {all} rows of {list} name no picture of this set, or one that has its label.")
            }
            Self::Values { array, low, high, scale: [black, white] } => {
                write!(f, "The values of {array} go from {low:.6} to {high:.6}: {black} is black, {white} is white.")
            }
        }
    }
}

/// Reads what was dropped: each file with its path, `/` between folders. Never fails as a whole.
///
/// `class_names` name the classes where the files only number them; may be empty.
#[must_use]
pub fn collect(files: Vec<(String, Blob)>, class_names: &[String]) -> Collection {
    Collector::new(files, class_names).finish()
}

impl Collection {
    /// Reads a picture, transparent parts over [`background`](Self::background); `None` if there is no such item.
    #[must_use]
    pub fn picture(&self, index: usize) -> Option<Result<Picture, ItemError>> {
        self.items.get(index).map(|item| item.picture_over(self.background))
    }

    /// Bytes whose hash tells the same set from another: names, sizes and the checksums of archives, without labels and
    /// without reading the pictures.
    #[must_use]
    pub fn fingerprint(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for item in &self.items {
            // The length in front, so that no two lists of names give the same bytes.
            bytes.extend((item.name.len() as u64).to_le_bytes());
            bytes.extend(item.name.as_bytes());
            bytes.extend(item.size().to_le_bytes());
            bytes.extend(item.checksum().unwrap_or(0).to_le_bytes());
        }
        bytes
    }
}

impl Item {
    /// Reads the picture, transparent parts over white.
    ///
    /// # Errors
    /// [`ItemError`] if the bytes cannot be had or decoded.
    pub fn picture(&self) -> Result<Picture, ItemError> {
        self.picture_over(WHITE)
    }

    /// Reads the picture, transparent parts over `ground` (red, green, blue).
    ///
    /// # Errors
    /// As [`picture`](Self::picture).
    pub fn picture_over(&self, ground: [u8; 3]) -> Result<Picture, ItemError> {
        match &self.content {
            Content::File(origin) => Ok(decode_over(&encoded(origin)?, ground)?),
            Content::Array(stack, index) => stack.picture(*index, ground),
        }
    }

    /// Length of the picture as it is kept, in bytes; unpacked, if it is in an archive.
    #[must_use]
    pub fn size(&self) -> u64 {
        match &self.content {
            Content::File(origin) => origin.size(),
            Content::Array(stack, _) => stack.picture_bytes(),
        }
    }

    /// Where its pixels come from, without decoding: the encoded bytes of a file; `None` for a picture of an array.
    ///
    /// # Errors
    /// If they cannot be had.
    pub fn bytes(&self) -> Result<Option<Bytes>, ItemError> {
        match &self.content {
            Content::File(origin) => Ok(Some(encoded(origin)?)),
            Content::Array(..) => Ok(None),
        }
    }

    fn checksum(&self) -> Option<u32> {
        match &self.content {
            Content::File(origin) => origin.checksum(),
            Content::Array(..) => None,
        }
    }
}
