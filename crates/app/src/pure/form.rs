//! Fields of the input dialog to values.

use innspect_graph::{ChannelOrder, Fit, Preprocessing, preprocessing::ResizeFilter};

/// Share of the shorter side that a centre crop leaves where nothing is said: 224 of 256.
const USUAL_CROP: f32 = 0.875;

/// What stands in the fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// `[height, width]`, fixed by the network.
    pub size: [usize; 2],
    /// Whether the centre is cut out, instead of stretching the whole picture.
    pub cropped: bool,
    /// Percentage of the shorter side that a crop leaves.
    pub share: String,
    /// Interpolation.
    pub filter: ResizeFilter,
    /// Order of the channels.
    pub channels: ChannelOrder,
    /// Factor on the pixels.
    pub scale: String,
    /// Mean per channel.
    pub mean: String,
    /// Deviation per channel.
    pub std: String,
}

impl Draft {
    /// The fields for these steps.
    #[must_use]
    pub fn of(steps: &Preprocessing) -> Self {
        let (cropped, share) = match steps.fit {
            Fit::CenterCrop { crop } => (true, crop),
            Fit::Stretch => (false, USUAL_CROP),
        };
        Self {
            size: steps.size,
            cropped,
            share: show_percent(share),
            filter: steps.filter,
            channels: steps.channels,
            scale: show_factor(steps.scale),
            mean: show_numbers(&steps.mean),
            std: show_numbers(&steps.std),
        }
    }

    /// The same cut with the values of another convention.
    #[must_use]
    pub fn with_values(self, of: &Preprocessing) -> Self {
        let Self { channels, scale, mean, std, .. } = Self::of(of);
        Self { channels, scale, mean, std, ..self }
    }

    /// The steps that the fields say. `now` are those in use: what a field shows of them in short is meant exactly.
    ///
    /// # Errors
    /// Says in a sentence what is wrong.
    pub fn build(&self, now: &Preprocessing) -> Result<Preprocessing, String> {
        if *self == Self::of(now) {
            return Ok(now.clone());
        }
        let count = if self.channels == ChannelOrder::Grey { 1 } else { 3 };
        let fit = if self.cropped {
            let crop = factor(self.share.trim().trim_end_matches('%'))? / 100.0;
            if !(0.01..=1.0).contains(&crop) {
                return Err("The crop is between 1 and 100 %.".to_owned());
            }
            Fit::CenterCrop { crop }
        } else {
            Fit::Stretch
        };
        let std = numbers(&self.std, count)?;
        if std.contains(&0.0) {
            return Err("A deviation of 0 would divide by zero.".to_owned());
        }
        Ok(Preprocessing {
            size: self.size,
            fit,
            filter: self.filter,
            channels: self.channels,
            scale: factor(&self.scale)?,
            mean: numbers(&self.mean, count)?,
            std,
        })
    }
}

/// A share as a percentage without more digits than it has.
fn show_percent(share: f32) -> String {
    // In double precision, so that 0.875 is 87.5 and 0.9 is 90.
    let percent = (f64::from(share) * 1e6).round() / 1e4;
    percent.to_string()
}

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
    fn fields_say_the_steps_they_show() {
        let steps = [
            Preprocessing::torchvision([224, 224]),
            Preprocessing::keras_tf([299, 299]),
            Preprocessing::keras_caffe([224, 160]),
            Preprocessing::raw([28, 28], ChannelOrder::Grey),
            Preprocessing { fit: Fit::Stretch, ..Preprocessing::unit([32, 32], ChannelOrder::Rgb) },
        ];
        let other = Preprocessing::unit([1, 1], ChannelOrder::Grey);
        for steps in steps {
            assert_eq!(Draft::of(&steps).build(&steps), Ok(steps.clone()));
            let read = Draft::of(&steps).build(&other).unwrap();
            assert!((read.scale - steps.scale).abs() < 1e-6 && read.mean == steps.mean && read.fit == steps.fit);
        }
        assert_eq!(Draft::of(&Preprocessing::torchvision([8, 8])).share, "87.5");
    }

    #[test]
    fn a_preset_leaves_the_cut_alone() {
        let stretched = Preprocessing { fit: Fit::Stretch, ..Preprocessing::torchvision([224, 224]) };
        let draft = Draft::of(&stretched).with_values(&Preprocessing::keras_caffe([1, 1]));
        let steps = draft.build(&stretched).unwrap();
        assert_eq!((steps.fit, steps.size, steps.channels), (Fit::Stretch, [224, 224], ChannelOrder::Bgr));
    }

    #[test]
    fn wrong_fields_are_named() {
        let now = Preprocessing::torchvision([224, 224]);
        let wrong = |change: fn(&mut Draft)| {
            let mut draft = Draft::of(&now);
            change(&mut draft);
            draft.build(&now).unwrap_err()
        };
        assert!(wrong(|draft| draft.share = "120".into()).contains("100 %"));
        assert!(wrong(|draft| draft.std = "0".into()).contains("zero"));
        assert!(wrong(|draft| draft.mean = "1, 2".into()).contains("3 are needed"));
        assert!(wrong(|draft| draft.scale = "none".into()).contains("none"));
    }
}
