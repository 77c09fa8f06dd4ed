//! What the Suggest view says.

use innspect_statistics::agreement::Quadrant;

use super::facts::Facts;
use crate::pure::format;

/// Name and meaning of a quadrant.
#[must_use]
pub fn quadrant(quadrant: Quadrant) -> (&'static str, &'static str) {
    match quadrant {
        Quadrant::AgreeSure => ("Agree and sure", "One class, high scores: easy pictures."),
        Quadrant::AgreeUnsure => ("Agree, unsure", "One class, low scores: borderline pictures."),
        Quadrant::DisagreeUnsure => ("Disagree, unsure", "Different classes, low scores: hard pictures."),
        Quadrant::DisagreeSure => (
            "Sure but disagreeing",
            "Different classes, high scores: out of distribution, adversarial, or two objects.",
        ),
    }
}

/// `1 picture`, `17 pictures`.
#[must_use]
pub fn pictures(count: usize) -> String {
    if count == 1 { "1 picture".to_owned() } else { format!("{} pictures", grouped(count)) }
}

/// `1 class`, `3 classes`.
#[must_use]
pub fn classes(count: usize) -> String {
    if count == 1 { "1 class".to_owned() } else { format!("{count} classes") }
}

/// A count with thin spaces between groups of three digits.
#[must_use]
pub fn grouped(count: usize) -> String {
    let digits = count.to_string();
    if digits.len() <= 4 {
        return digits;
    }
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// What a screen reader says of a picture: `image 17, cat.png, mean score 0.42, 3 classes`.
#[must_use]
pub fn spoken(facts: &Facts, item: u32) -> String {
    let at = item as usize;
    let mean = facts.mean.get(at).copied().unwrap_or(f32::NAN);
    let distinct = facts.distinct.get(at).copied().unwrap_or(0) as usize;
    let mut text = format!("image {}, {}", at + 1, facts.name(item));
    if distinct > 0 {
        text += &format!(", mean score {mean:.2}, {}", classes(distinct));
    } else {
        text += ", not scanned yet";
    }
    text
}

/// What the scatter shows, in words.
#[must_use]
pub fn scatter(shown: usize, counts: &[usize; 4], threshold: f32, selected: usize) -> String {
    let parts: Vec<String> = Quadrant::ALL
        .into_iter()
        .zip(counts)
        .map(|(place, count)| format!("{} {}", grouped(*count), quadrant(place).0.to_lowercase()))
        .collect();
    format!(
        "{} shown; at a mean score of {threshold:.2}: {}. {} selected.",
        pictures(shown),
        parts.join(", "),
        if selected == 0 { "None".to_owned() } else { grouped(selected) }
    )
}

/// What the histogram shows, in words.
#[must_use]
pub fn histogram(name: &str, network: &str, counts: &[u32], edge: impl Fn(usize) -> f64) -> String {
    let total: u32 = counts.iter().sum();
    let Some((bin, most)) = counts.iter().enumerate().max_by_key(|(_, count)| **count).filter(|_| total > 0) else {
        return format!("{name} of {network}: no picture has a value yet.");
    };
    format!(
        "{name} of {network} over {}; most, {}, lie from {} to {}.",
        pictures(total as usize),
        grouped(*most as usize),
        format::number(edge(bin)),
        format::number(edge(bin + 1)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::suggest::facts::tests::sample;

    #[test]
    fn counts_are_readable() {
        assert_eq!(
            [1, 1234, 12_345, 1_234_567].map(grouped),
            ["1", "1234", "12\u{202f}345", "1\u{202f}234\u{202f}567"]
        );
        assert_eq!((pictures(1), classes(3)), ("1 picture".to_owned(), "3 classes".to_owned()));
    }

    #[test]
    fn pictures_are_spoken_of() {
        let facts = sample();
        assert_eq!(spoken(&facts, 1), "image 2, b/2.png, mean score 0.85, 2 classes");
        assert_eq!(spoken(&facts, 3), "image 4, c/4.png, not scanned yet");
        assert!(scatter(3, &[1, 0, 1, 1], 0.5, 0).ends_with("None selected."));
        assert!(histogram("Top score", "Net", &[0, 3], |edge| edge as f64).contains("from 1.00 to 2.00"));
        assert!(histogram("Top score", "Net", &[0], |edge| edge as f64).contains("no picture"));
    }
}
