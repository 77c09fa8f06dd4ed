//! The steps from files to a collection.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use innspect_files::{Blob, Zip};
use innspect_protocol::LabelOrigin;

use super::error::CollectError;
use super::label::{self, Label, Names};
use super::origin::{self, HEAD, Kind, Origin};
use super::{Collection, Content, Item, MAX_ENTRIES, MAX_ITEMS, Note, folders};
use crate::decode::{WHITE, foreign};

/// Files that one step looks at: the browser takes up to some tenths of a millisecond for each.
const LOOKS: usize = 48;

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
    found: Found,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Files are told apart.
    Look,
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
    /// Whether arrays gave labels.
    pub array_labels: bool,
}

impl Found {
    pub fn leave_out(&mut self, path: String, error: impl Into<CollectError>) {
        self.left_out.push((path, error.into()));
    }

    /// Takes a picture if there is room.
    fn add(&mut self, draft: Draft) {
        if self.drafts.len() < MAX_ITEMS {
            self.drafts.push(draft);
        } else {
            let error = CollectError::TooMany { actual: self.drafts.len() as u64 + 1, limit: MAX_ITEMS };
            self.leave_out(draft.path, error);
        }
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
            found: Found::default(),
        }
    }

    /// Does a little.
    pub fn step(&mut self) -> Progress {
        match self.stage {
            Stage::Look => {
                for _ in 0..LOOKS {
                    let Some((path, origin)) = self.waiting.pop_front() else {
                        self.stage = Stage::Order;
                        break;
                    };
                    self.done += 1;
                    if self.look(path, origin) {
                        break;
                    }
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
        let Found { drafts, mut left_out, mut notes, list, array_labels, .. } = self.found;
        let labels: Vec<Option<Label>> = drafts.iter().map(|draft| draft.label.clone()).collect();
        let (classes, found) = label::classes(&labels, &self.class_names);
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
        match origin::kind(&path, &head) {
            Kind::Picture => self.found.add(Draft { path, label: None, content: Content::File(origin) }),
            Kind::Zip => {
                match &origin {
                    Origin::File(blob) => self.open(path, blob.clone()),
                    // An archive within an archive would have to be unpacked as a whole.
                    Origin::Entry(..) => self.found.leave_out(path, CollectError::Picture(foreign(&head))),
                }
                return true;
            }
            Kind::Other(error) => self.found.leave_out(path, error),
            _ => self.found.leave_out(path, CollectError::Picture(foreign(&head))),
        }
        false
    }

    /// Puts the entries of an archive in the queue, as if it were a folder of its name.
    fn open(&mut self, path: String, blob: Blob) {
        let zip = match Zip::open(blob, MAX_ENTRIES) {
            Ok(zip) => Rc::new(zip),
            Err(error) => return self.found.leave_out(path, error),
        };
        if let Some(seems) = network(&zip) {
            return self.found.leave_out(path, CollectError::Network { seems });
        }
        let (folder, _) = origin::stem_and_extension(&path);
        for (index, entry) in zip.entries().iter().enumerate().filter(|(_, entry)| !entry.is_folder()) {
            if let Some(name) = origin::visible(entry.name()) {
                self.waiting.push_back((format!("{folder}/{name}"), Origin::Entry(zip.clone(), index)));
            }
        }
    }
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
