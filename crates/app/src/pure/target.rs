//! What is explained, as a choice and as a word in a link.

use innspect_protocol::{MethodInfo, Neuron, TargetKind};

/// What is explained; units are of a layer that each network has its own name for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetChoice {
    /// The class's logit.
    #[default]
    Logit,
    /// The class's probability.
    Probability,
    /// The class rather than another, or than the strongest other one.
    Contrast(Option<usize>),
    /// A channel of a layer, or a unit of it.
    Unit(Neuron),
}

/// The unit to begin with.
pub const FIRST_UNIT: Neuron = Neuron { channel: 0, position: None };

impl TargetChoice {
    /// The word in a link; nothing for the logit.
    #[must_use]
    pub fn text(self) -> Option<String> {
        Some(match self {
            Self::Logit => return None,
            Self::Probability => "probability".to_owned(),
            Self::Contrast(None) => "contrast".to_owned(),
            Self::Contrast(Some(class)) => format!("contrast:{class}"),
            Self::Unit(Neuron { channel, position: None }) => format!("unit:{channel}"),
            Self::Unit(Neuron { channel, position: Some([row, column]) }) => format!("unit:{channel},{row},{column}"),
        })
    }

    /// Reads the word of a link.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match (kind, rest) {
            ("probability", "") => Some(Self::Probability),
            ("contrast", "") => Some(Self::Contrast(None)),
            ("contrast", class) => class.parse().ok().map(|class| Self::Contrast(Some(class))),
            ("unit", unit) => {
                let numbers: Vec<usize> = unit.split(',').map(|part| part.parse().ok()).collect::<Option<_>>()?;
                match numbers[..] {
                    [channel] => Some(Self::Unit(Neuron { channel, position: None })),
                    [channel, row, column] => Some(Self::Unit(Neuron { channel, position: Some([row, column]) })),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// The kind of target that a method explains: the chosen one where the method takes it, else the logit (nothing).
#[must_use]
pub fn taken(method: &MethodInfo, chosen: Option<TargetKind>) -> Option<TargetKind> {
    chosen.filter(|kind| method.class_dependent && method.targets.contains(kind))
}

/// Channel numbers separated by commas or spaces, each one once.
///
/// # Errors
/// Says in a sentence what is wrong.
pub fn channels(text: &str) -> Result<Vec<usize>, String> {
    let mut channels = Vec::new();
    for part in text.split([',', ';', ' ']).filter(|part| !part.is_empty()) {
        let channel = part.parse().map_err(|_| format!("“{part}” is not the number of a channel."))?;
        if !channels.contains(&channel) {
            channels.push(channel);
        }
    }
    Ok(channels)
}

/// Channel numbers as people write them.
#[must_use]
pub fn show_channels(channels: &[usize], separator: &str) -> String {
    channels.iter().map(usize::to_string).collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_survive_the_link() {
        let targets = [
            TargetChoice::Probability,
            TargetChoice::Contrast(None),
            TargetChoice::Contrast(Some(281)),
            TargetChoice::Unit(Neuron { channel: 12, position: None }),
            TargetChoice::Unit(Neuron { channel: 12, position: Some([3, 4]) }),
        ];
        for target in targets {
            assert_eq!(target.text().and_then(|text| TargetChoice::parse(&text)), Some(target));
        }
        assert_eq!(TargetChoice::Logit.text(), None);
        for text in ["", "logit?", "contrast:x", "unit:", "unit:1,2", "unit:-1", "probability:2"] {
            assert_eq!(TargetChoice::parse(text), None, "{text}");
        }
    }

    #[test]
    fn channel_lists() {
        assert_eq!(channels(" 3, 1 3;7 "), Ok(vec![3, 1, 7]));
        assert_eq!(channels(""), Ok(vec![]));
        assert!(channels("1, b").is_err() && channels("-1").is_err());
        assert_eq!(show_channels(&[3, 1], ", "), "3, 1");
    }
}
