//! Lists of labels: which column names pictures, which their classes.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::Cursor;

use bytes::Bytes;
use csv::{ByteRecord, Reader, ReaderBuilder};

use super::Content;
use super::collector::Draft;
use super::origin::{stem_and_extension, visible};

/// Rows and pictures of a step.
const STEP: usize = 2000;
/// Columns that are looked at.
const COLUMNS: usize = 32;
/// Folders of a path under which a picture is found: with all of them, or without the outer ones.
const FOLDERS: usize = 6;

/// Headings of the column of labels, the surest first: names of classes before their numbers.
const HEADINGS: [&str; 22] = [
    "class_name",
    "classname",
    "label_name",
    "category_name",
    "label",
    "labels",
    "class",
    "classes",
    "category",
    "target",
    "targets",
    "ground_truth",
    "groundtruth",
    "truth",
    "y",
    "species",
    "breed",
    "wnid",
    "synset",
    "class_id",
    "label_id",
    "category_id",
];
/// Headings of the column of files, which tell a heading from a row.
const FILES: [&str; 14] = [
    "file",
    "files",
    "filename",
    "file_name",
    "filepath",
    "file_path",
    "path",
    "image",
    "images",
    "image_id",
    "img",
    "name",
    "id",
    "picture",
];

/// Finds pictures by their paths, parts of them, and names without extension.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// By the hash of a name: the picture and how well the name fits it. Names are compared again when they are found,
    /// so that a collision finds nothing rather than something else.
    slots: HashMap<u64, Slot>,
    hasher: RandomState,
    indexed: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// `None` if several pictures have the name.
    draft: Option<u32>,
    /// 0 for the whole path, 1 for the end of it, 2 without extension.
    rank: u8,
}

impl Index {
    /// Takes some more pictures in; whether these were the last.
    pub fn step(&mut self, drafts: &[Draft]) -> bool {
        for (index, draft) in drafts.iter().enumerate().skip(self.indexed).take(STEP) {
            // A picture of an array is no more than a number, which any table has.
            if matches!(draft.content, Content::Array(..)) {
                continue;
            }
            let stem = stem_and_extension(&draft.path).0;
            for (rank, name) in ends(&draft.path).enumerate() {
                self.insert(name, index, u8::from(rank > 0));
            }
            for name in ends(stem).filter(|_| stem != draft.path) {
                self.insert(name, index, 2);
            }
        }
        self.indexed = drafts.len().min(self.indexed + STEP);
        self.indexed == drafts.len()
    }

    fn insert(&mut self, name: &str, index: usize, rank: u8) {
        let new = Slot { draft: u32::try_from(index).ok(), rank };
        let slot = self.slots.entry(self.hasher.hash_one(name)).or_insert(new);
        if new.rank < slot.rank {
            *slot = new;
        } else if new.rank == slot.rank && slot.draft != new.draft {
            slot.draft = None;
        }
    }

    /// The picture of this name.
    fn find(&self, name: &str, drafts: &[Draft]) -> Option<usize> {
        let index = self.slots.get(&self.hasher.hash_one(name))?.draft? as usize;
        let path = drafts.get(index)?.path.as_str();
        let ends = |path: &str| path.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
        (ends(path) || ends(stem_and_extension(path).0)).then_some(index)
    }
}

/// A path and what is left without its outer folders.
fn ends(path: &str) -> impl Iterator<Item = &str> {
    let inner = path.match_indices('/').filter_map(|(slash, _)| path.get(slash + 1..)).take(FOLDERS);
    std::iter::once(path).chain(inner)
}

/// A list while it is read.
#[derive(Debug)]
pub(super) struct Table {
    pub path: String,
    text: Bytes,
    format: Format,
    reader: Reader<Cursor<Bytes>>,
    /// The first row, which may be a heading.
    first: Option<ByteRecord>,
    /// Per column, rows that name a picture: by the path as it is, and by a part of it.
    hits: [[u64; 2]; COLUMNS],
    columns: Option<Columns>,
    /// Pictures and the texts of their labels.
    pub labels: Vec<(usize, String)>,
    pub rows: u64,
}

#[derive(Clone, Copy, Debug)]
struct Format {
    delimiter: u8,
    quote: u8,
}

#[derive(Clone, Copy, Debug)]
struct Columns {
    file: usize,
    label: usize,
    /// Whether only paths as they are count, because some are found so.
    exact: bool,
    /// Whether the first row is a heading.
    heading: bool,
    /// Whether a heading says that there are labels.
    sure: bool,
}

/// How far a list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    More,
    Done,
    /// It names no picture, or has no labels.
    NoTable,
}

impl Table {
    /// A list; `None` if the text has no columns.
    pub fn open(path: String, text: Bytes) -> Option<Self> {
        let text = if text.starts_with(b"\xef\xbb\xbf") { text.slice(3..) } else { text };
        let format = Format::sniff(&text)?;
        let reader = format.reader(&text);
        let hits = [[0; 2]; COLUMNS];
        Some(Self { path, text, format, reader, first: None, hits, columns: None, labels: Vec::new(), rows: 0 })
    }

    /// Its bytes.
    pub fn text(&self) -> Bytes {
        self.text.clone()
    }

    /// Whether its heading says that it has labels.
    pub fn is_sure(&self) -> bool {
        self.columns.is_some_and(|columns| columns.sure)
    }

    /// Reads some rows: once to find the columns, once more for the labels.
    pub fn step(&mut self, index: &Index, drafts: &[Draft]) -> Step {
        let folder = self.path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let find = |cell: &[u8], exact: bool| {
            let cell = String::from_utf8_lossy(cell);
            let name = visible(cell.trim())?;
            let within = folder.as_ref().and_then(|folder| index.find(&format!("{folder}/{name}"), drafts));
            let whole = || within.or_else(|| index.find(&name, drafts));
            let stem = stem_and_extension(&name).0;
            whole().or_else(|| index.find(stem, drafts)).map(|index| (index, true)).or_else(|| {
                let parts = (!exact).then(|| ends(&name).skip(1).chain(ends(stem).skip(1)));
                parts?.find_map(|part| index.find(part, drafts)).map(|index| (index, false))
            })
        };
        let mut row = ByteRecord::new();
        for _ in 0..STEP {
            // Bytes in memory do not fail to be read, and rows may have any number of columns.
            if !self.reader.read_byte_record(&mut row).unwrap_or(false) {
                if self.columns.is_some() {
                    return Step::Done;
                }
                let Some(columns) = self.choose(|cell| find(cell, false).is_some()) else { return Step::NoTable };
                self.columns = Some(columns);
                self.reader = self.format.reader(&self.text);
                self.rows = 0;
                if columns.heading {
                    let _ = self.reader.read_byte_record(&mut row);
                }
                return Step::More;
            }
            self.rows += 1;
            match self.columns {
                None => {
                    for (cell, hits) in row.iter().zip(&mut self.hits) {
                        match find(cell, false) {
                            Some((_, true)) => hits[0] += 1,
                            Some((_, false)) => hits[1] += 1,
                            None => {}
                        }
                    }
                    self.first.get_or_insert_with(|| row.clone());
                }
                Some(Columns { file, label, exact, .. }) => {
                    let found = row.get(file).and_then(|cell| find(cell, exact));
                    let text = row.get(label).map(|cell| String::from_utf8_lossy(cell).trim().to_owned());
                    if let (Some((index, _)), Some(text)) = (found, text.filter(|text| !text.is_empty())) {
                        self.labels.push((index, text));
                    }
                }
            }
        }
        Step::More
    }

    /// The columns, by what was found in each and by the heading.
    fn choose(&self, is_picture: impl Fn(&[u8]) -> bool) -> Option<Columns> {
        let best = |kind: fn(&[u64; 2]) -> u64| {
            let (file, hits) = self.hits.iter().enumerate().rev().max_by_key(|(_, hits)| kind(hits))?;
            (kind(hits) > 0).then_some(file)
        };
        let exact = best(|hits| hits[0]);
        let file = exact.or_else(|| best(|hits| hits[1]))?;
        let first = self.first.as_ref()?;
        let headings: Vec<String> = first.iter().map(heading).collect();
        let named = |names: &[&str]| {
            names.iter().find_map(|name| headings.iter().enumerate().position(|(at, text)| at != file && text == name))
        };
        let part = || {
            let says =
                |text: &str| text.split('_').any(|word| matches!(word, "label" | "labels" | "class" | "category"));
            headings.iter().enumerate().position(|(at, text)| at != file && says(text))
        };
        let is_row = first.get(file).is_some_and(is_picture);
        let label = (!is_row).then(|| named(&HEADINGS).or_else(part)).flatten();
        let heading = label.is_some() || (!is_row && headings.get(file).is_some_and(|text| FILES.contains(&&**text)));
        // Without a heading the labels stand behind the files, or before them if nothing does.
        let beside = if first.len() > file + 1 { Some(file + 1) } else { file.checked_sub(1) };
        Some(Columns { file, label: label.or(beside)?, exact: exact.is_some(), heading, sure: label.is_some() })
    }
}

/// A heading in lower case with `_` between words.
fn heading(cell: &[u8]) -> String {
    let text = String::from_utf8_lossy(cell).trim().to_lowercase();
    text.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '_' }).collect()
}

impl Format {
    /// The delimiter that gives most of the first rows the same number of columns.
    fn sniff(text: &Bytes) -> Option<Self> {
        let head = text.slice(..text.len().min(64 << 10));
        let score = |delimiter: u8| {
            let mut counts: HashMap<usize, u32> = HashMap::new();
            for row in (Self { delimiter, quote: b'"' }).reader(&head).byte_records().flatten().take(200) {
                *counts.entry(row.len()).or_default() += u32::from(row.len() > 1);
            }
            counts.into_values().max().unwrap_or(0)
        };
        let mut best = (0, b',');
        for delimiter in [b'\t', b',', b';', b'|', b' '] {
            let score = score(delimiter);
            if score > best.0 {
                best = (score, delimiter);
            }
        }
        let (score, delimiter) = best;
        // Quotes stand at the start of cells.
        let single = [delimiter, b'\''];
        let count = |pattern: [u8; 2]| head.windows(2).filter(|pair| **pair == pattern).count();
        let quote = if count(single) > count([delimiter, b'"']) { b'\'' } else { b'"' };
        (score > 0).then_some(Self { delimiter, quote })
    }

    fn reader(self, text: &Bytes) -> Reader<Cursor<Bytes>> {
        ReaderBuilder::new()
            .delimiter(self.delimiter)
            .quote(self.quote)
            .flexible(true)
            .has_headers(false)
            .from_reader(Cursor::new(text.clone()))
    }
}
