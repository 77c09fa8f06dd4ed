//! Parameters: defaults filled in, names and ranges checked.

use std::str::FromStr;

use innspect_dataset::segments::Segmentation;
use innspect_protocol::{MethodInfo, ParamKind, ParamValue, Params};

use crate::{ExplainError, reverse::is_baseline};

/// What the first layer does under LRP, as a parameter says it: `none`, `flat`, `w_square`, `box`, `box:LOW,HIGH`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum InputRule {
    /// What the other layers do.
    #[default]
    None,
    /// The flat rule.
    Flat,
    /// The w² rule.
    WSquare,
    /// The z^B rule between two bounds, or the range of pixels.
    Box(Option<[f32; 2]>),
}

impl FromStr for InputRule {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "none" => Ok(Self::None),
            "flat" => Ok(Self::Flat),
            "w_square" => Ok(Self::WSquare),
            "box" => Ok(Self::Box(None)),
            _ => {
                let (low, high) = text.strip_prefix("box:").and_then(|edges| edges.split_once(',')).ok_or(())?;
                let edges = [low, high].map(|edge| edge.trim().parse::<f32>().ok().filter(|edge| edge.is_finite()));
                match edges {
                    [Some(low), Some(high)] if low < high => Ok(Self::Box(Some([low, high]))),
                    _ => Err(()),
                }
            }
        }
    }
}

/// All parameters of a method with the values to use.
///
/// # Errors
/// [`ExplainError::UnknownParam`] and [`ExplainError::Param`].
pub(crate) fn resolve(info: &MethodInfo, given: &Params) -> Result<Params, ExplainError> {
    for name in given.keys() {
        if !info.params.iter().any(|param| &param.name == name) {
            return Err(ExplainError::UnknownParam {
                method: info.id.clone(),
                name: name.clone(),
                known: info.params.iter().map(|param| param.name.clone()).collect(),
            });
        }
    }
    info.params
        .iter()
        .map(|param| {
            let value = match given.get(&param.name) {
                None => default(&param.kind),
                Some(value) => check(&param.kind, value).map_err(|expected| ExplainError::Param {
                    method: info.id.clone(),
                    name: param.name.clone(),
                    expected,
                    actual: display(value),
                })?,
            };
            Ok((param.name.clone(), value))
        })
        .collect()
}

fn default(kind: &ParamKind) -> ParamValue {
    match kind {
        ParamKind::Number { default, .. } => ParamValue::Number(*default),
        ParamKind::Integer { default, .. } => ParamValue::Number(f64::from(*default)),
        ParamKind::Auto { .. } => ParamValue::Text("auto".into()),
        ParamKind::Choice { options } => ParamValue::Text(options.first().cloned().unwrap_or_default()),
        ParamKind::Baseline { default } | ParamKind::Segments { default } => ParamValue::Text(default.clone()),
        ParamKind::InputRule => ParamValue::Text("none".into()),
    }
}

/// The value in its proper form, or what is allowed.
fn check(kind: &ParamKind, value: &ParamValue) -> Result<ParamValue, String> {
    let number = match value {
        ParamValue::Number(number) => Some(*number),
        ParamValue::Text(text) => text.parse().ok(),
    };
    let text = display(value);
    let accept = |allowed: bool, expected: &str| {
        if allowed { Ok(ParamValue::Text(text.clone())) } else { Err(expected.to_owned()) }
    };
    match kind {
        ParamKind::Number { min, max, .. } => match number {
            Some(number) if (*min..=*max).contains(&number) => Ok(ParamValue::Number(number)),
            _ => Err(format!("a number from {min} to {max}")),
        },
        ParamKind::Integer { min, max, .. } => match number {
            Some(number) if number.fract() == 0.0 && (f64::from(*min)..=f64::from(*max)).contains(&number) => {
                Ok(ParamValue::Number(number))
            }
            _ => Err(format!("a whole number from {min} to {max}")),
        },
        ParamKind::Auto { min, max } => match number {
            Some(number) if (*min..=*max).contains(&number) => Ok(ParamValue::Number(number)),
            None if text == "auto" => Ok(ParamValue::Text(text)),
            _ => Err(format!("auto or a number from {min} to {max}")),
        },
        ParamKind::Choice { options } => accept(options.contains(&text), &format!("one of {}", options.join(", "))),
        ParamKind::Baseline { .. } => {
            accept(is_baseline(&text), &format!("one of {} or picture:NAME", innspect_protocol::BASELINES.join(", ")))
        }
        ParamKind::Segments { .. } => match text.parse::<Segmentation>() {
            Ok(_) => Ok(ParamValue::Text(text)),
            Err(error) => Err(format!("grid:N or slic:N ({error})")),
        },
        ParamKind::InputRule => {
            accept(text.parse::<InputRule>().is_ok(), "none, flat, w_square, box or box:LOW,HIGH with LOW below HIGH")
        }
    }
}

/// The number under a name; 0 if it is none, which [`resolve`] rules out for the table's own names.
pub(crate) fn number(params: &Params, name: &str) -> f32 {
    match params.get(name) {
        Some(ParamValue::Number(number)) => *number as f32,
        _ => 0.0,
    }
}

/// The whole number under a name, as [`number`].
pub(crate) fn integer(params: &Params, name: &str) -> usize {
    match params.get(name) {
        Some(ParamValue::Number(number)) => *number as usize,
        _ => 0,
    }
}

/// The number under a name, `None` for `auto`.
pub(crate) fn auto(params: &Params, name: &str) -> Option<f32> {
    match params.get(name) {
        Some(ParamValue::Number(number)) => Some(*number as f32),
        _ => None,
    }
}

/// The word under a name; empty if it is none.
pub(crate) fn text<'a>(params: &'a Params, name: &str) -> &'a str {
    match params.get(name) {
        Some(ParamValue::Text(text)) => text,
        _ => "",
    }
}

fn display(value: &ParamValue) -> String {
    match value {
        ParamValue::Number(number) => number.to_string(),
        ParamValue::Text(text) => text.clone(),
    }
}
