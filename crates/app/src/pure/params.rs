//! Parameters of a method: what nobody changed, what a value may be, and the texts of structured ones.

use innspect_protocol::{BASELINES, ImageId, MethodInfo, ParamKind, ParamValue, Params};

/// The word for a number that the method chooses by itself.
pub const AUTO: &str = "auto";
/// What stands before the id of a loaded picture that is a baseline.
const PICTURE: &str = "picture:";

/// The value of a parameter that nobody changed.
#[must_use]
pub fn default_of(kind: &ParamKind) -> ParamValue {
    match kind {
        ParamKind::Number { default, .. } => ParamValue::Number(*default),
        ParamKind::Integer { default, .. } => ParamValue::Number(f64::from(*default)),
        ParamKind::Auto { .. } => ParamValue::Text(AUTO.to_owned()),
        ParamKind::Choice { options } => ParamValue::Text(options.first().cloned().unwrap_or_default()),
        ParamKind::Baseline { default } | ParamKind::Segments { default } => ParamValue::Text(default.clone()),
        ParamKind::InputRule => ParamValue::Text(InputRule::None.text()),
    }
}

/// A value as its kind has it, as from a link: numbers within their range, words among the options; or nothing.
#[must_use]
pub fn fit(kind: &ParamKind, value: &ParamValue) -> Option<ParamValue> {
    let finite = match value {
        ParamValue::Number(number) => Some(*number).filter(|number| number.is_finite()),
        ParamValue::Text(_) => None,
    };
    let text = match value {
        ParamValue::Number(number) => number.to_string(),
        ParamValue::Text(text) => text.clone(),
    };
    let fits = match kind {
        ParamKind::Number { min, max, .. } => return Some(ParamValue::Number(finite?.clamp(*min, *max))),
        ParamKind::Integer { min, max, .. } => {
            return Some(ParamValue::Number(finite?.round().clamp(f64::from(*min), f64::from(*max))));
        }
        ParamKind::Auto { min, max } if text != AUTO => {
            return Some(ParamValue::Number(finite?.clamp(*min, *max)));
        }
        ParamKind::Auto { .. } => true,
        ParamKind::Choice { options } => options.contains(&text),
        ParamKind::Baseline { .. } => {
            BASELINES.contains(&text.as_str()) || text.strip_prefix(PICTURE).is_some_and(|id| !id.is_empty())
        }
        ParamKind::Segments { .. } => Segments::parse(&text).is_some(),
        ParamKind::InputRule => InputRule::parse(&text).is_some(),
    };
    fits.then_some(ParamValue::Text(text))
}

/// Parameters that differ from the defaults of the method.
#[must_use]
pub fn changed(method: &MethodInfo, chosen: Option<&Params>) -> Params {
    let fitting = |(name, value): (&String, &ParamValue)| {
        let kind = &method.params.iter().find(|info| info.name == *name)?.kind;
        let value = fit(kind, value)?;
        (value != default_of(kind)).then(|| (name.clone(), value))
    };
    chosen.into_iter().flatten().filter_map(fitting).collect()
}

/// The text of a loaded picture as a baseline.
#[must_use]
pub fn picture_text(id: &ImageId) -> String {
    format!("{PICTURE}{}", id.0)
}

/// The loaded picture that a baseline names.
#[must_use]
pub fn picture_in(text: &str) -> Option<ImageId> {
    text.strip_prefix(PICTURE).map(|id| ImageId(id.to_owned()))
}

/// The loaded pictures that parameters name.
#[must_use]
pub fn pictures_in(params: &Params) -> Vec<ImageId> {
    let texts = params.values().filter_map(|value| match value {
        ParamValue::Text(text) => picture_in(text),
        ParamValue::Number(_) => None,
    });
    texts.collect()
}

/// How a picture is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Into equal cells.
    Grid,
    /// Into superpixels along its edges.
    Slic,
}

impl Cut {
    /// The word in values.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Slic => "slic",
        }
    }

    /// Fewest and most parts that make sense: cells a side, or superpixels.
    #[must_use]
    pub fn range(self) -> [u32; 2] {
        match self {
            Self::Grid => [1, 64],
            Self::Slic => [2, 1024],
        }
    }

    /// A number of parts to begin with.
    #[must_use]
    pub fn usual(self) -> u32 {
        match self {
            Self::Grid => 8,
            Self::Slic => 64,
        }
    }
}

/// The parts a picture is cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    /// How.
    pub cut: Cut,
    /// Cells a side, or superpixels.
    pub count: u32,
}

impl Segments {
    /// Reads `grid:8` or `slic:64`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, count) = text.split_once(':')?;
        let cut = [Cut::Grid, Cut::Slic].into_iter().find(|cut| cut.name() == name)?;
        let [least, most] = cut.range();
        let count = count.trim().parse().ok().filter(|count| (least..=most).contains(count))?;
        Some(Self { cut, count })
    }

    /// Writes it.
    #[must_use]
    pub fn text(self) -> String {
        format!("{}:{}", self.cut.name(), self.count)
    }
}

/// What the first layer does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum InputRule {
    /// As the others.
    None,
    /// Relevance is spread evenly.
    Flat,
    /// By the squares of the weights.
    WSquare,
    /// For bounded inputs, by the range of pixels or by given bounds.
    Box(Option<[f64; 2]>),
}

impl InputRule {
    /// Reads `none`, `flat`, `w_square`, `box` or `box:LOW,HIGH`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "none" => Some(Self::None),
            "flat" => Some(Self::Flat),
            "w_square" => Some(Self::WSquare),
            "box" => Some(Self::Box(None)),
            _ => {
                let (low, high) = text.strip_prefix("box:")?.split_once(',')?;
                let bounds = [low.trim().parse::<f64>().ok()?, high.trim().parse::<f64>().ok()?];
                let fine = bounds[0].is_finite() && bounds[1].is_finite() && bounds[0] < bounds[1];
                fine.then_some(Self::Box(Some(bounds)))
            }
        }
    }

    /// Writes it.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Flat => "flat".to_owned(),
            Self::WSquare => "w_square".to_owned(),
            Self::Box(None) => "box".to_owned(),
            Self::Box(Some([low, high])) => format!("box:{low},{high}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> ParamValue {
        ParamValue::Text(text.to_owned())
    }

    #[test]
    fn every_kind_takes_its_own_default() {
        let kinds = [
            ParamKind::Number { min: 0.0, max: 1.0, default: 0.25 },
            ParamKind::Integer { min: 1, max: 500, default: 50 },
            ParamKind::Auto { min: 0.0, max: 1.0 },
            ParamKind::Choice { options: vec!["1".to_owned(), "value".to_owned()] },
            ParamKind::Baseline { default: "black".to_owned() },
            ParamKind::Segments { default: "slic:64".to_owned() },
            ParamKind::InputRule,
        ];
        for kind in kinds {
            let default = default_of(&kind);
            assert_eq!(fit(&kind, &default), Some(default), "{kind:?}");
        }
    }

    #[test]
    fn values_of_a_link_are_made_to_fit() {
        let steps = ParamKind::Integer { min: 1, max: 500, default: 50 };
        assert_eq!(fit(&steps, &ParamValue::Number(9000.4)), Some(ParamValue::Number(500.0)));
        assert_eq!(fit(&steps, &ParamValue::Number(f64::NAN)), None);
        assert_eq!(fit(&steps, &text("many")), None);
        let auto = ParamKind::Auto { min: 0.0, max: 1.0 };
        assert_eq!(fit(&auto, &ParamValue::Number(2.0)), Some(ParamValue::Number(1.0)));
        assert_eq!(fit(&auto, &text("auto")), Some(text("auto")));
        let start = ParamKind::Choice { options: vec!["value".to_owned(), "1".to_owned()] };
        assert_eq!(fit(&start, &ParamValue::Number(1.0)), Some(text("1")));
        assert_eq!(fit(&start, &text("2")), None);
        let baseline = ParamKind::Baseline { default: "black".to_owned() };
        assert_eq!(fit(&baseline, &text("picture:a.jpg")), Some(text("picture:a.jpg")));
        assert_eq!(fit(&baseline, &text("plaid")), None);
    }

    #[test]
    fn structured_texts_survive() {
        for text in ["grid:8", "slic:64"] {
            assert_eq!(Segments::parse(text).map(Segments::text).as_deref(), Some(text));
        }
        for text in ["grid", "grid:0", "grid:a", "hex:3", "slic:1"] {
            assert_eq!(Segments::parse(text), None, "{text}");
        }
        for text in ["none", "flat", "w_square", "box", "box:-1,1", "box:-2.5,0.5"] {
            assert_eq!(InputRule::parse(text).map(InputRule::text).as_deref(), Some(text));
        }
        for text in ["box:1,-1", "box:1", "box:nan,1", "cube"] {
            assert_eq!(InputRule::parse(text), None, "{text}");
        }
    }

    #[test]
    fn pictures_are_found_in_parameters() {
        let id = ImageId("photos/a.jpg".to_owned());
        let params = [("baseline".to_owned(), text(&picture_text(&id))), ("steps".to_owned(), ParamValue::Number(1.0))];
        assert_eq!(pictures_in(&params.into()), vec![id]);
    }
}
