//! Parameters: defaults filled in, names and ranges checked.

use innspect_protocol::{MethodInfo, ParamKind, ParamValue, Params};

use crate::ExplainError;

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
            let refuse = |expected: String, actual: String| ExplainError::Param {
                method: info.id.clone(),
                name: param.name.clone(),
                expected,
                actual,
            };
            let value = match (&param.kind, given.get(&param.name)) {
                (ParamKind::Number { default, .. }, None) => ParamValue::Number(*default),
                (ParamKind::Choice { options }, None) => ParamValue::Text(options.first().cloned().unwrap_or_default()),
                (ParamKind::Number { min, max, .. }, Some(value)) => {
                    let number = match value {
                        ParamValue::Number(number) => Some(*number),
                        ParamValue::Text(text) => text.parse().ok(),
                    };
                    match number {
                        Some(number) if (*min..=*max).contains(&number) => ParamValue::Number(number),
                        _ => return Err(refuse(format!("a number from {min} to {max}"), display(value))),
                    }
                }
                (ParamKind::Choice { options }, Some(value)) => {
                    let text = display(value);
                    if !options.contains(&text) {
                        return Err(refuse(format!("one of {}", options.join(", ")), text));
                    }
                    ParamValue::Text(text)
                }
            };
            Ok((param.name.clone(), value))
        })
        .collect()
}

/// The number under a name; 0 if it is none, which [`resolve`] rules out for the table's own names.
pub(crate) fn number(params: &Params, name: &str) -> f32 {
    match params.get(name) {
        Some(ParamValue::Number(number)) => *number as f32,
        _ => 0.0,
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
