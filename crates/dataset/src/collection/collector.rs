//! The steps from files to a collection.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use bytes::Bytes;
use innspect_files::{Blob, Zip, inflate};
use innspect_protocol::LabelOrigin;

use super::array::{self, Array, Idx};
use super::cifar::Records;
use super::error::CollectError;
use super::label::{self, Label, Names};
use super::origin::{self, HEAD, Kind, Origin, has_extension};
use super::stacks::Stacks;
use super::table::{Index, Step, Table};
use super::{Collection, Content, Item, MAX_ENTRIES, MAX_ITEMS, Note, folders};
use crate::decode::{WHITE, foreign};

/// Files that one step looks at: the browser takes up to some tenths of a millisecond for each.
const LOOKS: usize = 48;

/// Bytes of a list of labels, which is held while it is read.
const MAX_LIST: u64 = 64 << 20;

/// How far the reading of a collection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Files and entries of archives that were looked at.
    pub done: u64,
    /// Those known of so far.
    pub total: u64,
    /// Whether nothing is left to do.
    pub finished: bool,
}

/// Reads what was dropped in steps of some milliseconds, so that the caller can pause, report and stop in between.
///
/// Longer than that take, each a step of its own: the directory of a large archive, the unpacking of a packed array and
/// the last ordering of some hundred thousand names.
#[derive(Debug)]
pub struct Collector {
    class_names: Vec<String>,
    waiting: VecDeque<(String, Origin)>,
    done: u64,
    stage: Stage,
    stacks: Stacks,
    /// Texts, each perhaps a list of labels or of class names.
    texts: Vec<(String, Bytes)>,
    index: Index,
    list: Option<Table>,
    found: Found,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Files are told apart.
    Look,
    /// Arrays are read for what their values mean.
    Scan,
    /// Pictures of arrays get their names and labels.
    Unstack,
    /// Lists are read.
    List,
    /// Items are named and ordered.
    Order,
    Finished,
}

/// A picture, before its name and class are known.
#[derive(Debug)]
pub(super) struct Draft {
    pub path: String,
    pub label: Option<Label>,
    pub content: Content,
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub drafts: Vec<Draft>,
    pub names: Names,
    pub left_out: Vec<(String, CollectError)>,
    pub notes: Vec<Note>,
    /// The list that gave labels.
    pub list: Option<String>,
    /// Names of classes in files of their own.
    pub class_lists: Vec<Vec<String>>,
    /// Whether arrays gave labels.
    pub array_labels: bool,
}

impl Found {
    pub fn leave_out(&mut self, path: String, error: impl Into<CollectError>) {
        self.left_out.push((path, error.into()));
    }

    /// Takes a picture if there is room.
    fn add(&mut self, draft: Draft) {
        if self.has_room(1) {
            self.drafts.push(draft);
        } else {
            self.leave_out(draft.path, self.too_many(1));
        }
    }

    pub fn has_room(&self, more: u64) -> bool {
        more <= (MAX_ITEMS.saturating_sub(self.drafts.len())) as u64
    }

    pub fn too_many(&self, more: u64) -> CollectError {
        CollectError::TooMany { actual: self.drafts.len() as u64 + more, limit: MAX_ITEMS }
    }
}

impl Collector {
    /// Starts with files and their paths, `/` between folders; `class_names` as for [`collect`](super::collect()).
    #[must_use]
    pub fn new(files: Vec<(String, Blob)>, class_names: &[String]) -> Self {
        let waiting = files.into_iter().filter_map(|(path, blob)| Some((origin::visible(&path)?, Origin::File(blob))));
        Self {
            class_names: class_names.to_vec(),
            waiting: waiting.collect(),
            done: 0,
            stage: Stage::Look,
            stacks: Stacks::default(),
            texts: Vec::new(),
            index: Index::default(),
            list: None,
            found: Found::default(),
        }
    }

    /// Does a little.
    pub fn step(&mut self) -> Progress {
        match self.stage {
            Stage::Look => {
                for _ in 0..LOOKS {
                    let Some((path, origin)) = self.waiting.pop_front() else {
                        self.stage = Stage::Scan;
                        break;
                    };
                    self.done += 1;
                    if self.look(path, origin) {
                        break;
                    }
                }
            }
            Stage::Scan => {
                if self.stacks.step(&mut self.found) {
                    self.stacks.pair(&mut self.found);
                    self.stage = Stage::Unstack;
                }
            }
            Stage::Unstack => {
                if self.stacks.unstack(&mut self.found) {
                    self.stage = Stage::List;
                }
            }
            Stage::List => {
                if self.read_lists() {
                    self.stage = Stage::Order;
                }
            }
            Stage::Order => {
                order(&mut self.found);
                self.stage = Stage::Finished;
            }
            Stage::Finished => {}
        }
        Progress {
            done: self.done,
            total: self.done + self.waiting.len() as u64,
            finished: self.stage == Stage::Finished,
        }
    }

    /// Does the rest and gives the collection.
    #[must_use]
    pub fn finish(mut self) -> Collection {
        while !self.step().finished {}
        let Found { drafts, mut left_out, mut notes, list, array_labels, class_lists, .. } = self.found;
        let labels: Vec<Option<Label>> = drafts.iter().map(|draft| draft.label.clone()).collect();
        let greatest = labels.iter().flatten().filter_map(Label::number).max().unwrap_or(0);
        let mut class_names = self.class_names;
        if class_names.is_empty() {
            let enough = |names: &Vec<String>| names.len() as u64 > greatest;
            class_names = class_lists.into_iter().find(enough).unwrap_or_default();
        }
        let (classes, found) = label::classes(&labels, &class_names);
        let unlabelled = found.iter().filter(|class| class.is_none()).count();
        if unlabelled > 0 && !classes.is_empty() {
            notes.push(Note::Unlabelled { pictures: unlabelled });
        }
        let origin = match list {
            _ if classes.is_empty() => LabelOrigin::None,
            Some(name) => LabelOrigin::File { name },
            None if array_labels => LabelOrigin::Array,
            None => LabelOrigin::Folders,
        };
        left_out.sort_by(|(a, _), (b, _)| folders::natural(a, b));
        let items = drafts.into_iter().zip(found).map(|(draft, label)| Item {
            name: draft.path,
            label,
            content: draft.content,
        });
        Collection { items: items.collect(), classes, labels: origin, left_out, notes, background: WHITE }
    }

    /// Takes one file in; whether that was more than a look.
    fn look(&mut self, path: String, origin: Origin) -> bool {
        let head = match origin.head(HEAD) {
            Ok(head) => head,
            Err(error) => {
                self.found.leave_out(path, error);
                return false;
            }
        };
        let no_picture = || CollectError::Picture(foreign(&head));
        let taken = match origin::kind(&path, &head) {
            Kind::Picture => {
                self.found.add(Draft { path, label: None, content: Content::File(origin) });
                return false;
            }
            Kind::Other(error) => Err(error),
            Kind::Zip => match &origin {
                Origin::File(blob) => self.open(&path, blob.clone()),
                // An archive within an archive would have to be unpacked as a whole.
                Origin::Entry(..) => Err(no_picture()),
            },
            Kind::Npy => self.npy(&path, &origin),
            Kind::Idx => self.idx(&path, &origin),
            Kind::Gzip => match packed_idx(&origin) {
                Ok(Some(file)) => self.idx(&path, &Origin::File(file)),
                Ok(None) => Err(no_picture()),
                Err(error) => Err(error),
            },
            Kind::Records => match self.records(&path, &origin) {
                Ok(true) => Ok(()),
                Ok(false) => Err(no_picture()),
                Err(error) => Err(error),
            },
            Kind::Text if origin.size() > MAX_LIST => Err(no_picture()),
            Kind::Text => origin.whole().and_then(|blob| blob.bytes()).map_err(Into::into).map(|text| {
                self.texts.push((path.clone(), text));
            }),
        };
        if let Err(error) = taken {
            self.found.leave_out(path, error);
        }
        true
    }

    fn npy(&mut self, path: &str, origin: &Origin) -> Result<(), CollectError> {
        let path = path.strip_suffix(".npy").filter(|_| matches!(origin, Origin::Entry(..))).unwrap_or(path);
        self.stacks.add(Array::npy(path.to_owned(), &sliced(origin)?)?);
        Ok(())
    }

    fn idx(&mut self, path: &str, origin: &Origin) -> Result<(), CollectError> {
        let path = path.strip_suffix(".gz").unwrap_or(path);
        self.stacks.add(Array::idx(path.to_owned(), &sliced(origin)?)?);
        Ok(())
    }

    fn records(&mut self, path: &str, origin: &Origin) -> Result<bool, CollectError> {
        let records = Records::open(path, &sliced(origin)?)?;
        Ok(records.map(|records| self.stacks.add_records(records)).is_some())
    }

    /// Puts the entries of an archive in the queue, as if it were a folder of its name.
    fn open(&mut self, path: &str, blob: Blob) -> Result<(), CollectError> {
        let zip = Rc::new(Zip::open(blob, MAX_ENTRIES)?);
        if let Some(seems) = network(&zip) {
            return Err(CollectError::Network { seems });
        }
        // The arrays of a `.npz` are called by its whole name.
        let folder = if has_extension(path, &["npz"]) { path } else { origin::stem_and_extension(path).0 };
        for (index, entry) in zip.entries().iter().enumerate().filter(|(_, entry)| !entry.is_folder()) {
            if let Some(name) = origin::visible(entry.name()) {
                self.waiting.push_back((format!("{folder}/{name}"), Origin::Entry(zip.clone(), index)));
            }
        }
        Ok(())
    }

    /// Reads some rows of lists; whether there is nothing left to read.
    fn read_lists(&mut self) -> bool {
        let Found { drafts, names, .. } = &mut self.found;
        let Some(list) = &mut self.list else {
            let Some((path, text)) = self.texts.pop() else { return true };
            match Table::open(path.clone(), text.clone()) {
                Some(list) => self.list = Some(list),
                None => self.no_list(path, &text),
            }
            return false;
        };
        if !self.index.step(drafts) {
            return false;
        }
        let step = list.step(&self.index, drafts);
        let (Step::Done | Step::NoTable, Some(list)) = (step, self.list.take_if(|_| step != Step::More)) else {
            return false;
        };
        // A list that does not say that it has labels may be about something else.
        let by_folders = || folders::make_classes(drafts.iter().map(|draft| draft.path.as_str()));
        if step == Step::NoTable || (!list.is_sure() && by_folders()) {
            let text = list.text();
            self.no_list(list.path, &text);
            return false;
        }
        let mut used = 0;
        let numbers: Option<Vec<u64>> = list.labels.iter().map(|(_, text)| text.parse().ok()).collect();
        for (row, (index, text)) in list.labels.iter().enumerate() {
            let number = numbers.as_ref().and_then(|numbers| numbers.get(row));
            if let Some(draft) = drafts.get_mut(*index).filter(|draft| draft.label.is_none()) {
                draft.label = Some(number.map_or_else(|| names.label(text), |&number| Label::Number(number)));
                used += 1;
            }
        }
        if used < list.rows {
            self.found.notes.push(Note::Rows { list: list.path.clone(), unmatched: list.rows - used, all: list.rows });
        }
        if used > 0 {
            self.found.list = Some(list.path);
        }
        false
    }

    /// A text that is no list of labels: names of classes, or nothing of use.
    fn no_list(&mut self, path: String, text: &[u8]) {
        let name = path.rsplit('/').next().unwrap_or(&path).to_lowercase();
        let stem = origin::stem_and_extension(&name).0;
        match stem {
            // The classes that the labels of CIFAR-100 count are the fine ones.
            "coarse_label_names" => {}
            "batches.meta" | "fine_label_names" | "classes" | "class_names" | "labels" | "label_names" => {
                let text = String::from_utf8_lossy(text);
                let names = text.trim_start_matches('\u{feff}').lines().map(str::trim).filter(|line| !line.is_empty());
                self.found.class_lists.push(names.map(str::to_owned).collect());
            }
            _ if has_extension(&name, &["csv", "tsv"]) => self.found.leave_out(path, CollectError::List),
            _ => self.found.leave_out(path, CollectError::Picture(foreign(text))),
        }
    }
}

/// The bytes of an array, to be read in parts; what has to be unpacked is not too large to be held.
fn sliced(origin: &Origin) -> Result<Blob, CollectError> {
    if matches!(origin, Origin::Entry(..)) && !origin.is_stored() {
        array::held("bytes in a packed array", origin.size())?;
    }
    Ok(origin.sliced()?)
}

/// What a gzip file holds, if that is an array as MNIST has it.
fn packed_idx(origin: &Origin) -> Result<Option<Blob>, CollectError> {
    let head = inflate::gzip_head(&origin.head(HEAD)?, Idx::MAX)?;
    if !matches!(origin::kind("", &head), Kind::Idx) {
        return Ok(None);
    }
    let length = Idx::read(&head)?.length;
    array::held("bytes in a packed array", length)?;
    array::held("bytes in a packed file", origin.size())?;
    let limit = usize::try_from(length).unwrap_or(usize::MAX);
    Ok(Some(inflate::gzip(&origin.whole()?.bytes()?, limit)?.into()))
}

/// Names a network that is a zip archive.
fn network(zip: &Zip) -> Option<&'static str> {
    zip.names().take(64).find_map(|name| match name {
        "model.weights.h5" => Some("a Keras network"),
        _ if name.ends_with("/data.pkl") => Some("a PyTorch network"),
        _ => None,
    })
}

/// Gives pictures their classes by folders, if nothing better is known, and their names, and orders them.
fn order(found: &mut Found) {
    let Found { drafts, names, list, .. } = found;
    let shared = folders::shared(drafts.iter().map(|draft| draft.path.as_str()));
    for draft in drafts.iter_mut() {
        draft.path.drain(..shared);
    }
    let in_folders = |draft: &&mut Draft| draft.label.is_none() && matches!(draft.content, Content::File(_));
    if list.is_none() && folders::make_classes(drafts.iter().map(|draft| draft.path.as_str())) {
        for draft in drafts.iter_mut().filter(in_folders) {
            draft.label = folders::class(&draft.path).map(|class| names.label(class));
        }
    }
    drafts.sort_by(|a, b| folders::natural(&a.path, &b.path));
    make_unique(drafts);
}

/// Numbers names that occur more than once, as files chosen from several folders have them.
fn make_unique(drafts: &mut [Draft]) {
    let all: HashSet<&str> = drafts.iter().map(|draft| draft.path.as_str()).collect();
    if all.len() == drafts.len() {
        return;
    }
    let mut taken: HashSet<String> = all.into_iter().map(str::to_owned).collect();
    let mut seen: HashMap<String, u32> = HashMap::new();
    for draft in drafts {
        let count = seen.entry(draft.path.clone()).or_insert(0);
        *count += 1;
        if *count == 1 {
            continue;
        }
        let (stem, extension) = origin::stem_and_extension(&draft.path);
        let dot = if extension.is_empty() { "" } else { "." };
        let name = loop {
            let name = format!("{stem} ({count}){dot}{extension}");
            if taken.insert(name.clone()) {
                break name;
            }
            *count += 1;
        };
        draft.path = name;
    }
}
