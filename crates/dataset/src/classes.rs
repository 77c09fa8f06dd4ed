//! The classes of a data set among those of a network.

use std::collections::HashMap;

use innspect_protocol::{ClassMatch, MatchedBy};

/// Finds true classes among a network's classes, in the order of `truth`; `None` where there is none, or more than one
/// that fits equally well.
///
/// `wnids` are the ids of the network's classes in WordNet, in their order, if it has such; may be empty.
///
/// Names are compared without regard to case, and to whether spaces, underscores or hyphens stand between words. In turn:
///
/// 1. an id of WordNet in front of the true name, as in `n02123045` or `n02123045-tabby`;
/// 2. the same name;
/// 3. one of the names between commas, of either side, as in `tabby, tabby cat`;
/// 4. the number of the class, as in `281`, `0281` or `class 281`, if all true names are such, all are in range, and no
///    name was found.
#[must_use]
pub fn match_classes(truth: &[String], labels: &[String], wnids: &[&str]) -> Vec<Option<ClassMatch>> {
    let names = Lookup::new(labels.iter().enumerate().map(|(class, label)| (fold(label), class)));
    let synonyms = Lookup::new(labels.iter().enumerate().flat_map(|(class, label)| {
        label.split(',').map(move |part| (fold(part), class)).filter(|(part, _)| !part.is_empty())
    }));
    let own = labels.iter().enumerate().filter_map(|(class, label)| Some((wnid(label)?.0, class)));
    let given = wnids.iter().zip(0..labels.len()).map(|(&id, class)| (id.to_owned(), class));
    let ids = Lookup::new(given.chain(own));

    let find = |place: usize, name: &String| {
        let (id, rest) = wnid(name).map_or((None, name.as_str()), |(id, rest)| (Some(id), rest));
        if let Some(class) = id.and_then(|id| ids.find(&id)) {
            return Some((class, MatchedBy::Wnid));
        }
        // A list that is the network's own has names twice where that has.
        if labels.get(place).is_some_and(|label| label == name) {
            return Some((place, MatchedBy::Name));
        }
        for name in [name.as_str(), rest].map(fold) {
            if let Some(class) = names.find(&name) {
                return Some((class, MatchedBy::Name));
            }
        }
        let mut parts = std::iter::once(rest).chain(rest.split(',')).filter_map(|part| synonyms.find(&fold(part)));
        parts.next().map(|class| (class, MatchedBy::Synonym))
    };
    let found: Vec<Option<(usize, MatchedBy)>> =
        truth.iter().enumerate().map(|(place, name)| find(place, name)).collect();
    let found = if found.iter().all(Option::is_none) { by_number(truth, labels.len()).unwrap_or(found) } else { found };
    let class = |(class, by)| Some(ClassMatch { class: u32::try_from(class).ok()?, by });
    found.into_iter().map(|found| found.and_then(class)).collect()
}

/// Every name as a number below `count`, if all are.
fn by_number(truth: &[String], count: usize) -> Option<Vec<Option<(usize, MatchedBy)>>> {
    let number = |name: &String| {
        let name = fold(name);
        let digits = name.strip_prefix("class").unwrap_or(&name).trim();
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok().filter(|&class: &usize| class < count)
    };
    truth.iter().map(|name| Some(Some((number(name)?, MatchedBy::Index)))).collect()
}

/// Classes by name; a name that several have stands for none.
struct Lookup(HashMap<String, Option<usize>>);

impl Lookup {
    fn new(names: impl Iterator<Item = (String, usize)>) -> Self {
        let mut classes = HashMap::new();
        for (name, class) in names {
            let entry = classes.entry(name).or_insert(Some(class));
            if *entry != Some(class) {
                *entry = None;
            }
        }
        Self(classes)
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.0.get(name).copied().flatten()
    }
}

/// Lower case, one space between words.
fn fold(name: &str) -> String {
    let words = name.split(|letter: char| letter.is_whitespace() || letter == '_' || letter == '-');
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// The id of WordNet in front of a name, `n` and eight digits, and the name behind it.
fn wnid(name: &str) -> Option<(String, &str)> {
    let name = name.trim();
    let (id, rest) = name.split_at_checked(9)?;
    let (letter, digits) = id.split_at_checked(1)?;
    let is_id = letter.eq_ignore_ascii_case("n") && digits.bytes().all(|byte| byte.is_ascii_digit());
    let ends = rest.is_empty() || rest.starts_with(|letter: char| !letter.is_alphanumeric());
    (is_id && ends)
        .then(|| (id.to_ascii_lowercase(), rest.trim_start_matches(|letter: char| !letter.is_alphanumeric())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(truth: &[&str], labels: &[&str], wnids: &[&str]) -> Vec<Option<(u32, MatchedBy)>> {
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let matches = match_classes(&own(truth), &own(labels), wnids);
        matches.into_iter().map(|found| found.map(|ClassMatch { class, by }| (class, by))).collect()
    }

    #[test]
    fn classes_are_found_by_name_synonym_and_id() {
        use MatchedBy::{Name, Synonym, Wnid};
        let labels = ["tabby, tabby cat", "Egyptian_cat", "sports-car", "crane", "crane", "café"];
        let wnids = ["n02123045", "n02124075", "n04285008", "n02012849", "n03126707"];
        let truth = ["egyptian cat", "Sports Car", "tabby cat", "convertible, sports car", "crane", "cafe", ""];
        let expected =
            [Some((1, Name)), Some((2, Name)), Some((0, Synonym)), Some((2, Synonym)), Some((4, Name)), None, None];
        // The crane stands where the second one does.
        assert_eq!(found(&truth, &labels, &[]), expected);
        assert_eq!(found(&["crane"], &labels, &[]), [None]);
        let truth = ["n02123045", "n02124075-anything", "N04285008_car", "n03126707", "n99999999-crane", "n021230456"];
        let expected = [Some((0, Wnid)), Some((1, Wnid)), Some((2, Wnid)), Some((4, Wnid)), None, None];
        assert_eq!(found(&truth, &labels, &wnids), expected);
        // Without ids the name behind one is left.
        assert_eq!(found(&["n02124075-egyptian cat"], &labels, &[]), [Some((1, Name))]);
        assert_eq!(found(&["n02124075"], &["cat", "n02124075 Egyptian cat"], &[]), [Some((1, Wnid))]);
    }

    #[test]
    fn numbers_count_only_if_all_are() {
        use MatchedBy::{Index, Name};
        let labels = ["a", "b", "c"];
        assert_eq!(found(&["2", "class 0", "001"], &labels, &[]), [2, 0, 1].map(|class| Some((class, Index))));
        assert_eq!(found(&["2", "dog"], &labels, &[]), [None, None]);
        assert_eq!(found(&["2", "3"], &labels, &[]), [None, None]);
        assert_eq!(found(&["2", "class_a"], &labels, &[]), [None, None]);
        assert_eq!(found(&["class"], &labels, &[]), [None]);
        // Names that are numbers are names.
        assert_eq!(found(&["1", "2"], &["1", "2"], &[]), [Some((0, Name)), Some((1, Name))]);
        assert_eq!(found(&[], &labels, &[]), []);
    }
}
