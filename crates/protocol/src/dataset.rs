//! Data sets: what is in one, and what networks say of its pictures.

use serde::{Deserialize, Serialize};

use crate::{ModelId, UserError};

/// Name of an open data set, given by the page.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DatasetId(pub String);

/// Where the pictures of a data set come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum DatasetSource {
    /// `File`s of the user's, the attachments of the message in this order: pictures in folders, archives, arrays, lists
    /// of labels.
    Files {
        /// The path of each, with `/` between folders; the name alone where the browser tells no folder.
        paths: Vec<String>,
    },
    /// One file of the site, an archive or an array.
    Site {
        /// URL relative to the page.
        url: String,
        /// Size in bytes, for progress.
        bytes: u64,
        /// Names of its classes, where it only numbers them; may be empty.
        classes: Vec<String>,
    },
    /// Pictures of the site, each a file of its own that is fetched when it is needed.
    Pictures {
        /// The pictures.
        pictures: Vec<SitePicture>,
        /// Names of the classes that their labels count.
        classes: Vec<String>,
    },
}

/// A picture of the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SitePicture {
    /// URL relative to the page.
    pub url: String,
    /// Name for people.
    pub name: String,
    /// Its class, an index into the classes.
    pub label: Option<u32>,
}

/// One picture of a data set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetItem {
    /// Its path, or its number in an array; unique within the set.
    pub name: String,
    /// Its class, an index into [`DatasetInfo::classes`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<u32>,
}

/// Where the labels of a data set are from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum LabelOrigin {
    /// There are none.
    #[default]
    None,
    /// The folders that the pictures lie in.
    Folders,
    /// A list.
    File {
        /// Its name.
        name: String,
    },
    /// The file that holds the pictures.
    Array,
    /// The site.
    Site,
}

/// A file of a data set that is no part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its path.
    pub name: String,
    /// Why.
    pub error: UserError,
}

/// An open data set; its items come before, in [`Reply::DatasetItems`](crate::Reply::DatasetItems).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetInfo {
    /// Its id.
    pub id: DatasetId,
    /// Name for people.
    pub name: String,
    /// Hash of the names and sizes of its pictures, hexadecimal: tells whether kept results are of this set.
    pub fingerprint: String,
    /// Number of pictures.
    pub count: u32,
    /// Names of the true classes, those that a label counts.
    pub classes: Vec<String>,
    /// Where the labels are from.
    pub labels: LabelOrigin,
    /// Files that are no part of it.
    pub left_out: Vec<LeftOut>,
    /// What else there is to know, each one sentence.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// How a true class was found among a network's classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchedBy {
    /// The same name.
    Name,
    /// One of several names of a class.
    Synonym,
    /// An id of WordNet, such as `n02123045`.
    Wnid,
    /// Its number.
    Index,
}

/// A true class among a network's classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassMatch {
    /// The network's class.
    pub class: u32,
    /// How it was found.
    pub by: MatchedBy,
}

/// What one network is asked of a data set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanPart {
    /// The network.
    pub model: ModelId,
    /// Pictures, by their number in the set.
    pub items: Vec<u32>,
    /// A layer whose activation is measured.
    #[serde(default)]
    pub layer: Option<String>,
}

/// A picture that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenItem {
    /// Its number in the set.
    pub item: u32,
    /// Why.
    pub error: UserError,
}
