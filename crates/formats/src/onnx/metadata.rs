//! Class names and preprocessing from the free key-value pairs of a file, where their meaning is plain.

use innspect_graph::{ChannelOrder, Preprocessing};

use super::proto::StringStringEntry;
use crate::read_labels;

fn find<'a>(entries: &'a [StringStringEntry], keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| {
        entries.iter().find(|entry| entry.key.eq_ignore_ascii_case(key)).map(|entry| entry.value.trim())
    })
}

/// Names of the classes.
pub(crate) fn labels(entries: &[StringStringEntry]) -> Option<Vec<String>> {
    let text = find(entries, &["labels", "classes", "class_names", "names", "class_labels", "categories"])?;
    if text.starts_with(['{', '[']) {
        // Ultralytics writes a Python dictionary: {0: 'tench', 1: 'goldfish'}.
        return read_labels(text.as_bytes()).ok().or_else(|| python(text));
    }
    if text.contains('\n') {
        return read_labels(text.as_bytes()).ok();
    }
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    (names.len() > 1).then_some(names)
}

/// The strings of a Python list or of a dictionary whose keys count up from 0.
fn python(text: &str) -> Option<Vec<String>> {
    let inner = text.get(1..text.len().checked_sub(1)?)?;
    let keyed = text.starts_with('{');
    let mut names = Vec::new();
    let mut rest = inner.trim_start();
    while !rest.is_empty() {
        if keyed {
            let (key, after) = rest.split_once(':')?;
            if key.trim().parse() != Ok(names.len()) {
                return None;
            }
            rest = after.trim_start();
        }
        let quote = rest.chars().next().filter(|&char| char == '\'' || char == '"')?;
        let mut name = String::new();
        let mut chars = rest.char_indices().skip(1);
        let end = loop {
            match chars.next()? {
                (_, '\\') => name.push(chars.next()?.1),
                (at, char) if char == quote => break at,
                (_, char) => name.push(char),
            }
        };
        names.push(name);
        rest = rest.get(end + 1..)?.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    (!names.is_empty()).then_some(names)
}

/// Preprocessing from `mean` and `std` per channel, in units of 0..1 or of 0..255.
pub(crate) fn preprocessing(entries: &[StringStringEntry], input: [usize; 3]) -> Option<Preprocessing> {
    let [channels, height, width] = input;
    let numbers = |keys: &[&str]| -> Option<Vec<f32>> {
        let text = find(entries, keys)?.trim_matches(['[', ']', '(', ')']);
        let list: Vec<f32> = text
            .split([',', ' ', ';'])
            .filter(|part| !part.is_empty())
            .map(|part| part.parse().ok().filter(|value: &f32| value.is_finite()))
            .collect::<Option<_>>()?;
        match list.as_slice() {
            [one] => Some(vec![*one; channels]),
            _ => (list.len() == channels).then_some(list),
        }
    };
    let mean = numbers(&["mean", "image_mean", "img_mean"])?;
    let std = numbers(&["std", "image_std", "img_std"])?;
    if std.contains(&0.0) {
        return None;
    }
    let bytes = mean.iter().chain(&std).any(|value| value.abs() > 2.0);
    let order = if channels == 1 { ChannelOrder::Grey } else { ChannelOrder::Rgb };
    let scale = if bytes { 1.0 } else { 1.0 / 255.0 };
    Some(Preprocessing { mean, std, scale, channels: order, ..Preprocessing::torchvision([height, width]) })
}
