//! The class to explain, and what it means for a given network.

/// What is explained in every network that has no choice of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClassChoice {
    /// Each network's own best class.
    #[default]
    Top,
    /// One class.
    Class {
        /// Its index where it was chosen.
        index: usize,
        /// Its name; empty if only the index is known, as from a link.
        label: String,
    },
}

/// The index of a chosen class in a network with these labels: the same index where the name agrees (or is not known),
/// else the class of the same name, else nothing.
#[must_use]
pub fn class_in(labels: &[String], index: usize, label: &str) -> Option<usize> {
    match labels.get(index) {
        Some(here) if label.is_empty() || here == label => Some(index),
        _ if label.is_empty() => None,
        _ => labels.iter().position(|here| here.eq_ignore_ascii_case(label)),
    }
}

/// Classes whose name contains all words of the query, those that start with it first; a number finds its index.
#[must_use]
pub fn search(labels: &[String], query: &str, most: usize) -> Vec<usize> {
    let query = query.trim().to_lowercase();
    if let Ok(index) = query.parse::<usize>() {
        return (index < labels.len()).then_some(index).into_iter().collect();
    }
    let words: Vec<&str> = query.split_whitespace().collect();
    let mut found: Vec<(bool, usize)> = labels
        .iter()
        .enumerate()
        .filter_map(|(index, label)| {
            let label = label.to_lowercase();
            words.iter().all(|word| label.contains(word)).then(|| (!label.starts_with(&query), index))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, index)| index).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Vec<String> {
        ["tabby cat", "Golden Retriever", "tiger cat", "cat flap"].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_class_is_found_by_index_then_by_name() {
        assert_eq!(class_in(&labels(), 0, "tabby cat"), Some(0));
        assert_eq!(class_in(&labels(), 3, "golden retriever"), Some(1));
        assert_eq!(class_in(&labels(), 2, ""), Some(2));
        assert_eq!(class_in(&labels(), 9, ""), None);
        assert_eq!(class_in(&labels(), 0, "submarine"), None);
    }

    #[test]
    fn search_prefers_the_beginning() {
        assert_eq!(search(&labels(), "cat", 10), vec![3, 0, 2]);
        assert_eq!(search(&labels(), "ret gold", 10), vec![1]);
        assert_eq!(search(&labels(), "2", 10), vec![2]);
        assert_eq!(search(&labels(), "", 2), vec![0, 1]);
    }
}
