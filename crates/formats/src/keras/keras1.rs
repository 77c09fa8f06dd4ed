//! Networks of Keras 1, whose classes and settings have other names: brought into those of Keras 2.
//!
//! Arrays are in the same order if TensorFlow was below; Theano's are refused.

use serde_json::{Map, Value, json};

use super::config::{Layer, Model};
use crate::FormatError;

/// The settings of Keras 1 and what they are called since.
const SETTINGS: [(&str, &str); 7] = [
    ("nb_filter", "filters"),
    ("subsample", "strides"),
    ("border_mode", "padding"),
    ("atrous_rate", "dilation_rate"),
    ("bias", "use_bias"),
    ("output_dim", "units"),
    ("p", "rate"),
];

/// The classes of Keras 1 and what they are called since.
const CLASSES: [(&str, &str); 3] =
    [("Convolution2D", "Conv2D"), ("AtrousConvolution2D", "Conv2D"), ("SeparableConvolution2D", "SeparableConv2D")];

/// Gives all layers the classes and settings of Keras 2.
///
/// # Errors
/// [`FormatError::Layer`] if a layer is made in a way that Keras 2 has no more.
pub(super) fn translate(model: &mut Model) -> Result<(), FormatError> {
    for layer in &mut model.layers {
        if let Err(reason) = renew(layer) {
            return Err(FormatError::Layer { class: layer.class.clone(), layer: layer.name.clone(), reason });
        }
        if let Some(inner) = &mut layer.model {
            translate(inner)?;
        }
    }
    Ok(())
}

fn renew(layer: &mut Layer) -> Result<(), String> {
    let config = &mut layer.config;
    match config.remove("dim_ordering").as_ref().and_then(Value::as_str) {
        None | Some("tf" | "default") => {}
        Some("th") => return Err("its arrays are in the order of Theano, which is not supported".to_owned()),
        Some(other) => return Err(format!("its order of axes {other:?} is unknown")),
    }
    if let Some((_, class)) = CLASSES.iter().find(|(old, _)| layer.class == *old) {
        (*class).clone_into(&mut layer.class);
    }
    match layer.class.as_str() {
        "Conv2D" | "SeparableConv2D" => {
            if let (Some(rows), Some(columns)) = (config.remove("nb_row"), config.remove("nb_col")) {
                config.insert("kernel_size".to_owned(), json!([rows, columns]));
            }
        }
        "BatchNormalization" if config.get("mode").and_then(Value::as_u64).unwrap_or_default() != 0 => {
            return Err("it normalises each picture or batch by itself, which is not supported".to_owned());
        }
        "ZeroPadding2D" => pad(config),
        "Merge" => {
            let class = match config.get("mode").and_then(Value::as_str).unwrap_or("sum") {
                "sum" => "Add",
                "mul" => "Multiply",
                "ave" => "Average",
                "max" => "Maximum",
                "concat" => "Concatenate",
                other => return Err(format!("its way to merge {other:?} is not supported")),
            };
            if config.get("mode_type").and_then(Value::as_str).is_some_and(|kind| kind != "raw") {
                return Err("it merges with Python code, which is never run".to_owned());
            }
            class.clone_into(&mut layer.class);
            if let Some(axis) = config.remove("concat_axis") {
                config.insert("axis".to_owned(), axis);
            }
        }
        _ => {}
    }
    for (old, new) in SETTINGS {
        if let Some(value) = config.remove(old) {
            config.insert(new.to_owned(), value);
        }
    }
    Ok(())
}

/// Four sides in a row, or by name.
fn pad(config: &mut Map<String, Value>) {
    let sides = match config.get("padding") {
        Some(Value::Array(list)) => match list.as_slice() {
            [top, bottom, left, right] => json!([[top, bottom], [left, right]]),
            _ => return,
        },
        Some(Value::Object(sides)) => {
            let side = |name: &str| sides.get(name).cloned().unwrap_or_else(|| json!(0));
            json!([[side("top_pad"), side("bottom_pad")], [side("left_pad"), side("right_pad")]])
        }
        _ => return,
    };
    config.insert("padding".to_owned(), sides);
}
