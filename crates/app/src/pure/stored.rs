//! What is kept of a network of the user: the settings of its input, and the leaf beside its files.

use innspect_graph::Preprocessing;
use serde::{Deserialize, Serialize};

use super::format;

/// What the user changed about a network's input; kept by the network's hash.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InputSettings {
    /// How pictures are prepared, if not as the file says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preprocessing: Option<Preprocessing>,
    /// Names of the classes, if not those of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// Whether what was assumed was found right.
    pub checked: bool,
}

impl InputSettings {
    /// Whether nothing was changed or said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One file of a stored network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Name it came with.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// A stored network, as `about.json` has it. The folder is whole only with it: it is written last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Name for people.
    pub name: String,
    /// SHA-256 of the network's file, hexadecimal: the name of the folder.
    pub sha256: String,
    /// Format of the file, such as `ONNX opset 13`.
    pub format: String,
    /// Its files, the network's own first; on disk they are named by their index.
    pub files: Vec<StoredFile>,
    /// The architecture that was chosen for weights alone.
    #[serde(default)]
    pub architecture: Option<String>,
    /// When it was stored, in milliseconds since 1970.
    pub stored: f64,
    /// What the user changed about its input.
    #[serde(default)]
    pub input: InputSettings,
}

/// Name of the leaf.
pub const ABOUT: &str = "about.json";

impl About {
    /// Reads a leaf; nothing if it is damaged or belongs to another folder.
    #[must_use]
    pub fn parse(text: &str, folder: &str) -> Option<Self> {
        let about: Self = serde_json::from_str(text).ok()?;
        (about.sha256 == folder && is_hash(folder) && !about.files.is_empty()).then_some(about)
    }

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Whether a text is a SHA-256 as messages and links write it.
#[must_use]
pub fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Whether `need` bytes fit, by what the browser says of its quota; in a sentence if not. A little stays free.
///
/// # Errors
/// Says how much is free.
pub fn room(quota: Option<f64>, usage: Option<f64>, need: u64) -> Result<(), String> {
    const SPARE: f64 = 1e6;
    let (Some(quota), Some(usage)) = (quota, usage) else { return Ok(()) };
    let free = (quota - usage).max(0.0);
    if need as f64 + SPARE <= free {
        return Ok(());
    }
    Err(format!(
        "it needs {}, and the browser has {} free for this site",
        format::bytes(need),
        format::bytes(free as u64)
    ))
}

/// Says which files belong to which network: pairs of both names, in any order.
#[must_use]
pub fn belongings(pairs: &[(String, String)]) -> Vec<String> {
    let mut networks: Vec<&String> = pairs.iter().map(|(_, network)| network).collect();
    networks.sort_unstable();
    networks.dedup();
    let say = |network: &String| {
        let mut files: Vec<&String> = pairs.iter().filter(|(_, of)| of == network).map(|(file, _)| file).collect();
        files.sort_unstable();
        match files.as_slice() {
            [] => String::new(),
            [one] => format!("{one} belongs to {network}."),
            [one, other] => format!("{one} and {other} belong to {network}."),
            [one, rest @ ..] => format!("{one} and {} more files belong to {network}.", rest.len()),
        }
    };
    networks.into_iter().map(say).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(folder: &str) -> About {
        About {
            name: "mine.onnx".into(),
            sha256: folder.into(),
            format: "ONNX opset 13".into(),
            files: vec![
                StoredFile { name: "mine.onnx".into(), bytes: 1000 },
                StoredFile { name: "mine.data".into(), bytes: 5_000_000_000 },
            ],
            architecture: None,
            stored: 1.7e12,
            input: InputSettings { checked: true, ..InputSettings::default() },
        }
    }

    #[test]
    fn a_leaf_is_read_again_only_in_its_folder() {
        let folder = "0123456789abcdef".repeat(4);
        let text = serde_json::to_string(&about(&folder)).unwrap();
        assert_eq!(About::parse(&text, &folder), Some(about(&folder)));
        assert_eq!(About::parse(&text, &"f".repeat(64)), None);
        assert_eq!(About::parse(&text[..40], &folder), None);
        assert_eq!(About::parse("{}", &folder), None);
        assert_eq!(about(&folder).bytes(), 5_000_001_000);
        assert!(!is_hash("squeezenet1_1") && !is_hash(&"G".repeat(64)) && is_hash(&folder));
    }

    #[test]
    fn settings_may_lack_what_later_versions_know() {
        let settings: InputSettings = serde_json::from_str(r#"{"checked":true,"more":1}"#).unwrap();
        assert_eq!(settings, InputSettings { checked: true, ..InputSettings::default() });
        assert!(InputSettings::default().is_empty() && !settings.is_empty());
    }

    #[test]
    fn room_is_counted_where_the_browser_tells() {
        assert_eq!(room(Some(100e6), Some(10e6), 80_000_000), Ok(()));
        assert_eq!(room(None, None, u64::MAX), Ok(()));
        let words = room(Some(100e6), Some(90e6), 553_000_000).unwrap_err();
        assert!(words.contains("553 MB") && words.contains("10 MB free"), "{words}");
        assert!(room(Some(1e6), Some(5e6), 1).is_err());
    }

    #[test]
    fn belongings_are_said_once_a_network() {
        let pair = |file: &str, network: &str| (file.to_owned(), network.to_owned());
        assert_eq!(belongings(&[]), Vec::<String>::new());
        assert_eq!(belongings(&[pair("a.data", "a.onnx")]), ["a.data belongs to a.onnx."]);
        let many = [pair("s2", "m"), pair("s1", "m"), pair("l.txt", "n"), pair("s3", "m")];
        assert_eq!(belongings(&many), ["s1 and 2 more files belong to m.", "l.txt belongs to n."]);
    }
}
