//! Classes of several networks, equal where their names are.

use std::collections::HashMap;

/// No class.
pub const NONE: u32 = u32::MAX;

/// Classes of all networks, each once.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    keys: HashMap<(String, u32), u32>,
    names: Vec<String>,
}

/// The name by which classes of several lists are compared: the first of several synonyms, without regard to case and
/// underscores.
#[must_use]
pub fn comparable(label: &str) -> String {
    label.split(',').next().unwrap_or(label).replace('_', " ").trim().to_lowercase()
}

impl Classes {
    /// Takes up the classes of a network: for each of them its key. A name that occurs twice in a list, as `crane` does
    /// in ImageNet's, means as many classes.
    pub fn add(&mut self, labels: &[String]) -> Vec<u32> {
        let mut seen: HashMap<String, u32> = HashMap::new();
        let mut keys = Vec::with_capacity(labels.len());
        for label in labels {
            let name = comparable(label);
            let times = seen.entry(name.clone()).or_default();
            let next = self.names.len() as u32;
            let key = *self.keys.entry((name, *times)).or_insert(next);
            *times += 1;
            if key == next {
                self.names.push(short(label).to_owned());
            }
            keys.push(key);
        }
        keys
    }

    /// The name of a class for people.
    #[must_use]
    pub fn name(&self, key: u32) -> &str {
        self.names.get(key as usize).map_or("unknown", String::as_str)
    }

    /// The key of a name, the first of several.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<u32> {
        self.keys.get(&(comparable(name), 0)).copied()
    }

    /// Number of classes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// The first of several synonyms.
#[must_use]
pub fn short(label: &str) -> &str {
    label.split(',').next().unwrap_or(label).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn classes_are_equal_by_name() {
        let mut classes = Classes::default();
        assert_eq!(classes.add(&list(&["tabby, tabby cat", "crane", "crane"])), [0, 1, 2]);
        assert_eq!(classes.add(&list(&["Crane", "dog", "Tabby", "crane"])), [1, 3, 0, 2]);
        assert_eq!((classes.name(0), classes.name(3), classes.name(NONE)), ("tabby", "dog", "unknown"));
        assert_eq!((classes.find("DOG"), classes.find("emu"), classes.len()), (Some(3), None, 4));
    }
}
