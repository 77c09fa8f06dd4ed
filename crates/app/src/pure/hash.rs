//! The view as the fragment of the URL, so that a view can be kept as a link. Unknown keys and values are ignored.

use innspect_protocol::{ChannelReduction, Colormap, ParamValue, Params};
use serde::{Serialize, de::DeserializeOwned};

use super::target::{self, TargetChoice};

/// What a link holds. Absent means: the default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ViewState {
    /// Method id.
    pub method: Option<String>,
    /// Its parameters that differ from the defaults.
    pub params: Params,
    /// Explained class.
    pub class: Option<usize>,
    /// What is explained.
    pub target: TargetChoice,
    /// Channel of the layer that a layer's own methods show; all if absent.
    pub channel: Option<usize>,
    /// Channels of the concept; none if empty.
    pub concept: Vec<usize>,
    /// Seed of methods that draw random numbers.
    pub seed: u64,
    /// Picture id, for pictures of the site.
    pub picture: Option<String>,
    /// Ids of the models shown; all if absent.
    pub models: Option<Vec<String>>,
    /// Colour map.
    pub colormap: Option<Colormap>,
    /// Channel reduction.
    pub reduction: Option<ChannelReduction>,
    /// Clip percentile.
    pub clip: Option<f32>,
    /// Opacity of the heatmap in percent.
    pub opacity: Option<u8>,
    /// Whether the photo is hidden.
    pub heat_only: bool,
    /// Whether all maps share one scale.
    pub shared: bool,
    /// Whether a data set fills the centre.
    pub suggest: bool,
    /// Id of the open data set, for those of the site.
    pub set: Option<String>,
}

const MOST_MODELS: usize = 32;
const MOST_CHANNELS: usize = 64;

impl ViewState {
    /// Reads a fragment, with or without its `#`.
    #[must_use]
    pub fn parse(fragment: &str) -> Self {
        let mut state = Self::default();
        for pair in fragment.trim_start_matches('#').split('&') {
            let Some((key, value)) = pair.split_once('=') else { continue };
            let (key, value) = (decode(key), decode(value));
            match key.as_str() {
                "method" => state.method = Some(value),
                "class" => state.class = value.parse().ok(),
                "target" => state.target = TargetChoice::parse(&value).unwrap_or_default(),
                "channel" => state.channel = value.parse().ok(),
                "concept" => {
                    state.concept = target::channels(&value).unwrap_or_default();
                    state.concept.truncate(MOST_CHANNELS);
                }
                "seed" => state.seed = value.parse().unwrap_or_default(),
                "picture" => state.picture = Some(value),
                "models" => state.models = Some(value.split(',').take(MOST_MODELS).map(str::to_owned).collect()),
                "colors" => state.colormap = word(&value),
                "reduce" => state.reduction = word(&value),
                "clip" => state.clip = value.parse().ok().filter(|clip| *clip > 0.0 && *clip <= 100.0),
                "opacity" => state.opacity = value.parse().ok().filter(|percent| *percent <= 100),
                "heat" => state.heat_only = value == "only",
                "scale" => state.shared = value == "shared",
                "view" => state.suggest = value == "suggest",
                "set" => state.set = Some(value).filter(|id| !id.is_empty()),
                _ => {
                    if let Some(name) = key.strip_prefix("p.") {
                        let value = value.parse().map_or(ParamValue::Text(value), ParamValue::Number);
                        state.params.insert(name.to_owned(), value);
                    }
                }
            }
        }
        state
    }

    /// Writes the fragment, without its `#`.
    #[must_use]
    pub fn fragment(&self) -> String {
        let mut pairs: Vec<(String, String)> = Vec::new();
        let mut put = |key: &str, value: Option<String>| pairs.extend(value.map(|value| (key.to_owned(), value)));
        put("method", self.method.clone());
        for (name, value) in &self.params {
            let value = match value {
                ParamValue::Number(number) => number.to_string(),
                ParamValue::Text(text) => text.clone(),
            };
            put(&format!("p.{name}"), Some(value));
        }
        put("class", self.class.map(|class| class.to_string()));
        put("target", self.target.text());
        put("channel", self.channel.map(|channel| channel.to_string()));
        put("concept", (!self.concept.is_empty()).then(|| target::show_channels(&self.concept, ",")));
        put("seed", (self.seed != 0).then(|| self.seed.to_string()));
        put("picture", self.picture.clone());
        put("models", self.models.as_ref().map(|models| models.join(",")));
        put("colors", self.colormap.as_ref().and_then(name));
        put("reduce", self.reduction.as_ref().and_then(name));
        put("clip", self.clip.map(|clip| clip.to_string()));
        put("opacity", self.opacity.map(|opacity| opacity.to_string()));
        put("heat", self.heat_only.then(|| "only".to_owned()));
        put("scale", self.shared.then(|| "shared".to_owned()));
        put("view", self.suggest.then(|| "suggest".to_owned()));
        put("set", self.set.clone());
        pairs.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect::<Vec<_>>().join("&")
    }
}

fn name<T: Serialize>(value: &T) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}

/// The value of a unit enum by its name in messages.
#[must_use]
pub fn word<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}

fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~,/:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").ok();
        }
        out
    })
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut ahead = rest.clone();
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (digit(ahead.next()), digit(ahead.next())) {
            (Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = ahead;
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_survives_the_link() {
        let state = ViewState {
            method: Some("lrp.epsilon".to_owned()),
            params: [
                ("epsilon".to_owned(), ParamValue::Number(0.25)),
                ("input_rule".to_owned(), ParamValue::Text("box:-1,1 & more".to_owned())),
            ]
            .into(),
            class: Some(207),
            target: TargetChoice::Contrast(Some(281)),
            channel: Some(7),
            concept: vec![3, 12],
            seed: u64::MAX,
            picture: Some("photos/hündchen 1.jpg".to_owned()),
            models: Some(vec!["a".to_owned(), "b".to_owned()]),
            colormap: Some(Colormap::Seismic),
            reduction: Some(ChannelReduction::MaxAbs),
            clip: Some(99.0),
            opacity: Some(40),
            heat_only: true,
            shared: true,
            suggest: true,
            set: Some("sample photos".to_owned()),
        };
        assert_eq!(ViewState::parse(&format!("#{}", state.fragment())), state);
        assert_eq!(ViewState::default().fragment(), "");
    }

    #[test]
    fn nonsense_is_ignored() {
        let state = ViewState::parse(
            "#class=seven&target=me&channel=-1&concept=a&seed=x&colors=plaid&clip=-3&opacity=300&wat=1&view=all&set=&%zz&=&&method=grad_cam",
        );
        assert_eq!(state, ViewState { method: Some("grad_cam".to_owned()), ..ViewState::default() });
    }

    #[test]
    fn broken_escapes_do_not_panic() {
        for text in ["%", "%4", "%zz", "a%ffb", "%é"] {
            assert!(ViewState::parse(&format!("method={text}")).method.is_some());
        }
    }
}
