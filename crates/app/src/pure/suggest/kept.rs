//! What a visitor keeps of a data set: stars, notes, named slices. It is kept by the fingerprint of the set, which tells
//! that the numbers of its pictures mean the same ones.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::filter::Filter;

/// A named slice: rules, not copies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// Its name.
    pub name: String,
    /// Its rules.
    pub filters: Vec<Filter>,
}

/// Everything that is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// Starred pictures.
    pub starred: BTreeSet<u32>,
    /// Notes by picture.
    pub notes: BTreeMap<u32, String>,
    /// Slices in the order they were made.
    pub slices: Vec<Slice>,
}

impl Kept {
    /// Where it is kept.
    #[must_use]
    pub fn key(fingerprint: &str) -> String {
        format!("dataset:{fingerprint}")
    }

    /// Reads it; what cannot be read is nothing.
    #[must_use]
    pub fn read(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Its text; nothing if there is nothing to keep.
    #[must_use]
    pub fn written(&self) -> Option<String> {
        if *self == Self::default() { None } else { serde_json::to_string(self).ok() }
    }

    /// Sets or takes away a star.
    pub fn toggle_star(&mut self, item: u32) {
        if !self.starred.remove(&item) {
            self.starred.insert(item);
        }
    }

    /// Notes something; nothing takes the note away.
    pub fn note(&mut self, item: u32, text: &str) {
        match text.trim() {
            "" => self.notes.remove(&item),
            text => self.notes.insert(item, text.to_owned()),
        };
    }

    /// Keeps a slice; one of the same name is replaced.
    pub fn slice(&mut self, name: &str, filters: Vec<Filter>) {
        let slice = Slice { name: name.trim().to_owned(), filters };
        match self.slices.iter_mut().find(|other| other.name == slice.name) {
            Some(other) => *other = slice,
            None => self.slices.push(slice),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let mut kept = Kept::default();
        assert_eq!(kept.written(), None);
        kept.toggle_star(4);
        kept.toggle_star(7);
        kept.toggle_star(4);
        kept.note(2, " a dog? ");
        kept.note(3, "x");
        kept.note(3, "  ");
        kept.slice("hard ", vec![Filter::Disagree]);
        kept.slice("hard", vec![Filter::Starred]);
        assert_eq!(kept.slices, [Slice { name: "hard".into(), filters: vec![Filter::Starred] }]);
        assert_eq!(kept.notes.get(&2).map(String::as_str), Some("a dog?"));
        assert_eq!(Kept::read(kept.written().as_deref()), kept);
        assert_eq!(Kept::read(Some("{")), Kept::default());
        assert_eq!(Kept::key("ab"), "dataset:ab");
    }
}
