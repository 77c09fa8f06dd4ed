//! Lists of class names.

use serde_json::Value;

use crate::FormatError;

/// More classes than any known data set has; a longer list is another kind of file.
const MAX_LABELS: usize = 1_000_000;

/// The names of ImageNet's 1000 classes, in the order of keras.applications and torchvision.
pub(crate) fn imagenet_labels() -> Option<Vec<String>> {
    read_labels(include_bytes!("../../../models/imagenet1k.json")).ok()
}

/// Reads class names in the order of the classes.
///
/// Takes text with one name a line, a JSON list of names, a JSON object from index to name, keras.applications'
/// `imagenet_class_index.json` (`{"0": ["n01440764", "tench"], ..}`), and CSV with the columns index and name.
///
/// # Errors
/// [`FormatError::Labels`] if it is none of these or indices are missing.
pub fn read_labels(bytes: &[u8]) -> Result<Vec<String>, FormatError> {
    let fail = |reason: &str| FormatError::Labels { reason: reason.to_owned() };
    let text = std::str::from_utf8(bytes).map_err(|_| fail("it is not text in UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    if text.is_empty() {
        return Err(fail("it is empty"));
    }
    if text.starts_with(['{', '[']) {
        let value: Value =
            serde_json::from_str(text).map_err(|error| fail(&format!("it is not valid JSON: {error}")))?;
        return from_json(&value);
    }
    if let Some(labels) = indexed_lines(text) {
        return labels;
    }
    let labels: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    check(labels)
}

fn from_json(value: &Value) -> Result<Vec<String>, FormatError> {
    let fail = |reason: String| FormatError::Labels { reason };
    match value {
        Value::Array(items) => check(
            items
                .iter()
                .enumerate()
                .map(|(index, item)| name(item).ok_or_else(|| fail(format!("entry {index} is not a name"))))
                .collect::<Result<_, _>>()?,
        ),
        Value::Object(entries) => {
            // {"labels": [..]} and the like: one list inside.
            if let (1, Some(inner @ (Value::Array(_) | Value::Object(_)))) = (entries.len(), entries.values().next())
                && entries.keys().all(|key| key.parse::<usize>().is_err())
            {
                return from_json_list(inner);
            }
            let indexed: Option<Vec<(usize, String)>> =
                entries.iter().map(|(key, item)| Some((key.parse().ok()?, name(item)?))).collect();
            let indexed = match indexed {
                Some(indexed) => indexed,
                // From name to index, as torchvision's `class_to_idx`.
                None => entries
                    .iter()
                    .map(|(key, item)| Some((usize::try_from(item.as_u64()?).ok()?, key.clone())))
                    .collect::<Option<_>>()
                    .ok_or_else(|| fail("its object does not go from index to name".to_owned()))?,
            };
            by_index(indexed)
        }
        _ => Err(fail("it is neither a list nor an object".to_owned())),
    }
}

/// One level of nesting is enough; more would be recursion on the file's terms.
fn from_json_list(value: &Value) -> Result<Vec<String>, FormatError> {
    match value {
        Value::Object(entries)
            if entries.len() == 1 && entries.values().all(|inner| inner.is_array() || inner.is_object()) =>
        {
            Err(FormatError::Labels { reason: "its lists are nested".to_owned() })
        }
        other => from_json(other),
    }
}

/// A name, or `["n01440764", "tench"]`.
fn name(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => parts.last()?.as_str().map(str::to_owned),
        _ => None,
    }
}

/// Lines `index,name` (or with `;`, tab, `:` or a space), with an optional header; `None` if the lines are not so.
fn indexed_lines(text: &str) -> Option<Result<Vec<String>, FormatError>> {
    let parse = |line: &str| -> Option<(usize, String)> {
        let (index, name) = line.trim().split_once([',', ';', '\t', ':', ' '])?;
        let name = name.trim().trim_matches('"');
        Some((index.trim().trim_matches('"').parse().ok()?, name.to_owned()))
    };
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut entries = Vec::new();
    let first = lines.next()?;
    match parse(first) {
        Some(entry) => entries.push(entry),
        // A header has no number.
        None if first.contains([',', ';', '\t']) => {}
        None => return None,
    }
    for line in lines {
        entries.push(parse(line)?);
    }
    (!entries.is_empty()).then(|| by_index(entries))
}

fn by_index(mut entries: Vec<(usize, String)>) -> Result<Vec<String>, FormatError> {
    entries.sort_by_key(|(index, _)| *index);
    // Some lists count from 1.
    let base = entries.first().map_or(0, |(index, _)| (*index).min(1));
    for (expected, (index, _)) in entries.iter().enumerate() {
        if *index != expected + base {
            return Err(FormatError::Labels { reason: format!("index {} is missing or given twice", expected + base) });
        }
    }
    check(entries.into_iter().map(|(_, name)| name).collect())
}

fn check(labels: Vec<String>) -> Result<Vec<String>, FormatError> {
    if labels.is_empty() {
        return Err(FormatError::Labels { reason: "it names no classes".to_owned() });
    }
    if labels.len() > MAX_LABELS {
        return Err(FormatError::TooLarge { what: "class names", actual: labels.len(), limit: MAX_LABELS });
    }
    Ok(labels)
}
