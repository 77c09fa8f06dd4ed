//! Finding an architecture in the list that a file of weights can be of.

/// The candidates that contain all words of the query, those that start with it first, otherwise in their order.
/// What stands between the letters does not matter: `resnet-50` finds `resnet50`.
#[must_use]
pub fn filter(candidates: &[String], query: &str) -> Vec<String> {
    let words: Vec<String> = query.split_whitespace().map(plain).filter(|word| !word.is_empty()).collect();
    let start = plain(query);
    let fits = |name: &&String| {
        let name = plain(name);
        words.iter().all(|word| name.contains(word))
    };
    let mut found: Vec<&String> = candidates.iter().filter(fits).collect();
    // Stable: the order of equals is that of the candidates, likeliest first.
    found.sort_by_key(|name| !plain(name).starts_with(&start));
    found.into_iter().cloned().collect()
}

fn plain(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates() -> Vec<String> {
        ["wide_resnet50_2", "ResNet50", "resnet101", "vgg16_bn"].map(str::to_owned).to_vec()
    }

    #[test]
    fn nothing_typed_shows_all_in_order() {
        assert_eq!(filter(&candidates(), " "), candidates());
    }

    #[test]
    fn the_beginning_comes_first_and_marks_do_not_matter() {
        assert_eq!(filter(&candidates(), "res-net 50"), ["ResNet50", "wide_resnet50_2"]);
        assert_eq!(filter(&candidates(), "VGG16 BN"), ["vgg16_bn"]);
        assert!(filter(&candidates(), "mobilenet").is_empty());
        assert_eq!(filter(&candidates(), "---"), candidates());
    }
}
