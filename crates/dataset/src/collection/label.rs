//! What pictures are labelled with, before the classes are known.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::folders::natural;

/// A label as a file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// The name of a class.
    Name(Rc<str>),
    /// Its number.
    Number(u64),
}

impl Label {
    /// Its number, if it is one.
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Name(_) => None,
            Self::Number(number) => Some(*number),
        }
    }
}

/// Names that are kept once, however many pictures have them.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<Rc<str>>);

impl Names {
    /// A label of this name.
    pub fn label(&mut self, name: &str) -> Label {
        let kept = self.0.get(name).cloned().unwrap_or_else(|| {
            let kept: Rc<str> = name.into();
            self.0.insert(kept.clone());
            kept
        });
        Label::Name(kept)
    }
}

/// The classes, and the class of each label. `names` are the classes if every label is one of them.
pub(super) fn classes(labels: &[Option<Label>], names: &[String]) -> (Vec<String>, Vec<Option<u32>>) {
    let mut by_name: HashMap<&str, u32> = HashMap::new();
    for (index, name) in names.iter().enumerate() {
        by_name.entry(name).or_insert(index as u32);
    }
    let given = |label: &Label| match label {
        // Names may occur twice, numbers do not.
        Label::Number(number) => u32::try_from(*number).ok().filter(|&index| (index as usize) < names.len()),
        Label::Name(name) => by_name.get(&**name).copied(),
    };
    let found: Vec<Option<u32>> = labels.iter().map(|label| label.as_ref().and_then(given)).collect();
    if labels.iter().zip(&found).all(|(label, class)| label.is_some() == class.is_some()) && !names.is_empty() {
        let any = labels.iter().any(Option::is_some);
        return (if any { names.to_vec() } else { Vec::new() }, found);
    }
    let text = |label: &Label| match label {
        Label::Name(name) => name.to_string(),
        Label::Number(number) => {
            let name = usize::try_from(*number).ok().and_then(|index| names.get(index));
            name.cloned().unwrap_or_else(|| number.to_string())
        }
    };
    let texts: Vec<Option<String>> = labels.iter().map(|label| label.as_ref().map(text)).collect();
    let mut classes: Vec<&str> =
        texts.iter().flatten().map(String::as_str).collect::<HashSet<_>>().into_iter().collect();
    classes.sort_by(|a, b| natural(a, b));
    let index: HashMap<&str, u32> = classes.iter().enumerate().map(|(index, &name)| (name, index as u32)).collect();
    let found = texts.iter().map(|text| text.as_deref().and_then(|text| index.get(text).copied())).collect();
    (classes.into_iter().map(str::to_owned).collect(), found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_given_or_those_that_occur() {
        let mut names = Names::default();
        let given: Vec<String> = ["crane", "cat", "crane"].map(str::to_owned).to_vec();
        let numbers = [Some(Label::Number(2)), None, Some(Label::Number(1))];
        assert_eq!(classes(&numbers, &given), (given.clone(), vec![Some(2), None, Some(1)]));
        let mixed = [Some(names.label("cat")), Some(Label::Number(0))];
        assert_eq!(classes(&mixed, &given), (given.clone(), vec![Some(1), Some(0)]));
        // A name that is not among them: those that occur.
        let other = [Some(names.label("dog")), Some(Label::Number(0))];
        assert_eq!(classes(&other, &given), (vec!["crane".into(), "dog".into()], vec![Some(1), Some(0)]));
        let bare = [Some(Label::Number(10)), Some(Label::Number(2)), None];
        assert_eq!(classes(&bare, &[]), (vec!["2".into(), "10".into()], vec![Some(1), Some(0), None]));
        assert_eq!(classes(&[None], &given), (vec![], vec![None]));
    }
}
