//! The settings of a node, as the JSON form of TensorFlow's protocol buffers writes them.

use serde_json::{Map, Value};

use crate::tensorflow::Unread;

/// The settings of a node.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'a>(pub Option<&'a Map<String, Value>>);

impl<'a> Attributes<'a> {
    fn get(self, name: &str, field: &str) -> Option<&'a Value> {
        self.0?.get(name)?.get(field)
    }

    /// A truth value, false by default.
    pub fn flag(self, name: &str) -> bool {
        self.get(name, "b").and_then(Value::as_bool).unwrap_or(false)
    }

    /// A float.
    pub fn float(self, name: &str, default: f32) -> Result<f32, Unread> {
        match self.get(name, "f") {
            None => Ok(default),
            Some(value) => value
                .as_f64()
                .map(|value| value as f32)
                .ok_or_else(|| Unread::reason(format!("its setting {name:?} is not a number"))),
        }
    }

    /// A whole number; those of 64 bits are written as text.
    pub fn whole(self, name: &str, default: i64) -> Result<i64, Unread> {
        match self.get(name, "i") {
            None => Ok(default),
            Some(value) => whole(value).ok_or_else(|| Unread::reason(format!("its setting {name:?} is not a number"))),
        }
    }

    /// Whole numbers, none by default.
    pub fn wholes(self, name: &str) -> Result<Vec<i64>, Unread> {
        let Some(list) = self.get(name, "list").and_then(|list| list.get("i")) else { return Ok(Vec::new()) };
        let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter()
            .take(64)
            .map(|value| {
                whole(value).ok_or_else(|| Unread::reason(format!("its setting {name:?} is not a list of numbers")))
            })
            .collect()
    }

    /// Text, empty by default.
    pub fn text(self, name: &str) -> String {
        self.get(name, "s").and_then(Value::as_str).map(plain).unwrap_or_default()
    }

    /// Texts, none by default.
    pub fn texts(self, name: &str) -> Vec<String> {
        let list = self.get(name, "list").and_then(|list| list.get("s")).and_then(Value::as_array);
        list.into_iter().flatten().take(64).filter_map(Value::as_str).map(plain).collect()
    }

    /// A type such as `DT_FLOAT`, empty by default.
    pub fn data_type(self, name: &str) -> &'a str {
        self.get(name, "type").and_then(Value::as_str).unwrap_or_default()
    }

    /// Sizes, `None` if even their number is not known.
    pub fn shape(self, name: &str) -> Option<Vec<Option<i64>>> {
        let shape = self.get(name, "shape")?;
        if shape.get("unknownRank").and_then(Value::as_bool) == Some(true) {
            return None;
        }
        let dims = shape.get("dim").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Some(dims.iter().take(64).map(|dim| dim.get("size").and_then(whole).filter(|&size| size > 0)).collect())
    }
}

fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Text that is written in base 64, or as it is where that cannot be.
fn plain(text: &str) -> String {
    let decoded = base64(text).and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.unwrap_or_else(|| text.to_owned())
}

/// The bytes that base 64 stands for (RFC 4648), with padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) || text.len() > 1 << 12 {
        return None;
    }
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{base64, plain};

    #[test]
    fn texts_are_in_base_64() {
        for (text, expected) in
            [("U0FNRQ==", "SAME"), ("VkFMSUQ=", "VALID"), ("TkhXQw==", "NHWC"), ("", ""), ("UmVsdTYw", "Relu60")]
        {
            assert_eq!(plain(text), expected);
        }
        assert_eq!(plain("SAME!"), "SAME!");
        assert_eq!(base64("A==="), None);
        assert_eq!(base64("AAA"), None);
    }
}
