//! Fields of the input dialog to values.

/// Numbers separated by commas, spaces or semicolons, exactly `count` of them.
///
/// # Errors
/// Says in a sentence what is wrong.
pub fn numbers(text: &str, count: usize) -> Result<Vec<f32>, String> {
    let parts = text.split([',', ';', ' ']).filter(|part| !part.is_empty());
    let values: Vec<f32> = parts
        .map(|part| part.replace('−', "-").parse::<f32>().ok().filter(|value| value.is_finite()))
        .collect::<Option<_>>()
        .ok_or_else(|| format!("“{text}” is not a list of numbers."))?;
    match values.len() {
        found if found == count => Ok(values),
        1 => Ok(vec![values[0]; count]),
        found => Err(format!("{found} numbers are given, {count} are needed: one per channel.")),
    }
}

/// A whole number in a range.
///
/// # Errors
/// Says in a sentence what is wrong.
pub fn side(text: &str) -> Result<usize, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|side| (1..=4096).contains(side))
        .ok_or_else(|| format!("“{text}” is not a size between 1 and 4096 pixels."))
}

/// A factor, also written as a fraction such as `1/255`.
///
/// # Errors
/// Says in a sentence what is wrong.
pub fn factor(text: &str) -> Result<f32, String> {
    let value = match text.split_once('/') {
        Some((above, below)) => {
            above.trim().parse::<f32>().ok().zip(below.trim().parse::<f32>().ok()).map(|(a, b)| a / b)
        }
        None => text.trim().parse().ok(),
    };
    value.filter(|value| value.is_finite() && *value != 0.0).ok_or_else(|| format!("“{text}” is not a factor."))
}

/// A factor as people write it.
#[must_use]
pub fn show_factor(value: f32) -> String {
    for below in [255.0_f32, 127.5, 128.0, 256.0] {
        if (value * below - 1.0).abs() < 1e-5 {
            return format!("1/{below}");
        }
    }
    value.to_string()
}

/// Numbers as people write them in a field.
#[must_use]
pub fn show_numbers(values: &[f32]) -> String {
    values.iter().map(f32::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        assert_eq!(numbers("0.485, 0.456,0.406", 3), Ok(vec![0.485, 0.456, 0.406]));
        assert_eq!(numbers("0.5", 3), Ok(vec![0.5; 3]));
        assert_eq!(numbers("−1 2 3", 3), Ok(vec![-1.0, 2.0, 3.0]));
        assert!(numbers("1, 2", 3).is_err());
        assert!(numbers("", 3).is_err());
        assert!(numbers("a, b, c", 3).is_err());
    }

    #[test]
    fn factors() {
        assert_eq!(factor("1/255"), Ok(1.0 / 255.0));
        assert_eq!(factor("1"), Ok(1.0));
        assert!(factor("1/0").is_err());
        assert!(factor("0").is_err());
        assert_eq!(show_factor(1.0 / 255.0), "1/255");
        assert_eq!(show_factor(1.0 / 127.5), "1/127.5");
        assert_eq!(show_factor(1.0), "1");
    }

    #[test]
    fn sides() {
        assert_eq!(side(" 224 "), Ok(224));
        assert!(side("0").is_err() && side("-3").is_err() && side("5000").is_err());
    }
}
