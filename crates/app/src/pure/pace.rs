//! How fast a scan is and how long the rest takes.

use super::format;

/// Milliseconds after which a rate means something.
const SETTLED: f64 = 1000.0;

/// Predictions a second; nothing while too little is known.
#[must_use]
pub fn rate(done: u64, milliseconds: f64) -> Option<f64> {
    (done > 0 && milliseconds >= SETTLED && milliseconds.is_finite()).then(|| done as f64 * 1000.0 / milliseconds)
}

/// A rate in words: `24 a second`, `5 a minute`.
#[must_use]
pub fn rate_words(rate: f64) -> String {
    match rate {
        r if r >= 10.0 => format!("{r:.0} a second"),
        r if r >= 0.95 => format!("{r:.1} a second"),
        r => format!("{:.0} a minute", (r * 60.0).max(1.0)),
    }
}

/// The time that is left, in words.
#[must_use]
pub fn left_words(done: u64, total: u64, rate: f64) -> String {
    let seconds = total.saturating_sub(done) as f64 / rate;
    match seconds {
        s if !s.is_finite() => String::new(),
        s if s < 1.0 => "under a second left".to_owned(),
        s if s < 55.0 => format!("{s:.0} s left"),
        s if s < 3570.0 => format!("{:.0} min left", (s / 60.0).max(1.0)),
        s => format!("{:.1} h left", s / 3600.0),
    }
}

/// `312 of 3000`.
#[must_use]
pub fn done_words(done: u64, total: u64) -> String {
    format!("{} of {}", done.min(total), total)
}

/// A number of things: `1 picture`, `12 k pictures`.
#[must_use]
pub fn many(count: usize, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{} {one}s", format::count(count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_times_are_short() {
        assert_eq!(rate(0, 5000.0), None);
        assert_eq!(rate(10, 500.0), None);
        assert_eq!(rate(50, 2000.0), Some(25.0));
        assert_eq!(rate_words(24.6), "25 a second");
        assert_eq!(rate_words(2.04), "2.0 a second");
        assert_eq!(rate_words(0.2), "12 a minute");
        assert_eq!(left_words(100, 400, 10.0), "30 s left");
        assert_eq!(left_words(0, 3000, 10.0), "5 min left");
        assert_eq!(left_words(0, 100_000, 10.0), "2.8 h left");
        assert_eq!(left_words(400, 400, 10.0), "under a second left");
        assert_eq!(left_words(5, 10, 0.0), "");
        assert_eq!(done_words(12, 10), "10 of 10");
        assert_eq!(many(1, "picture"), "1 picture");
        assert_eq!(many(0, "picture"), "0 pictures");
    }
}
