//! Numbers and sizes as people read them.

/// Bytes in decimal units: `9.4 MB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    let count = count as f64;
    match count {
        c if c < 1e3 => format!("{c:.0} B"),
        c if c < 1e6 => format!("{:.0} kB", c / 1e3),
        c if c < 1e7 => format!("{:.1} MB", c / 1e6),
        c if c < 1e9 => format!("{:.0} MB", c / 1e6),
        c => format!("{:.1} GB", c / 1e9),
    }
}

/// How much of a download is there: `3.1 of 9.4 MB`.
#[must_use]
pub fn bytes_of(done: u64, total: u64) -> String {
    if total == 0 {
        return bytes(done);
    }
    if total >= 1_000_000 {
        format!("{:.1} of {:.1} MB", done as f64 / 1e6, total as f64 / 1e6)
    } else {
        format!("{:.0} of {:.0} kB", done as f64 / 1e3, total as f64 / 1e3)
    }
}

/// A large count in short form: `1.2 M`.
#[must_use]
pub fn count(n: usize) -> String {
    let n = n as f64;
    match n {
        c if c < 1e4 => format!("{c:.0}"),
        c if c < 1e6 => format!("{:.0} k", c / 1e3),
        c if c < 1e9 => format!("{:.1} M", c / 1e6),
        c => format!("{:.1} G", c / 1e9),
    }
}

/// A share as a percentage with one decimal: `93.1 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    if !value.is_finite() {
        "not a number".to_owned()
    } else if value > 0.0 && value < 0.05 {
        "< 0.1 %".to_owned()
    } else {
        format!("{value:.1} %")
    }
}

/// A real number with three significant digits and a true minus sign.
#[must_use]
pub fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "∞"
        } else {
            "−∞"
        }
        .to_owned();
    }
    let size = value.abs();
    let text = if (1e-4..1e5).contains(&size) {
        let digits = (2 - size.log10().floor() as i32).max(0) as usize;
        format!("{value:.digits$}")
    } else {
        format!("{value:.2e}")
    };
    text.replace('-', "−")
}

/// A duration: `23 ms`, `1.4 s`.
#[must_use]
pub fn duration(milliseconds: f64) -> String {
    match milliseconds {
        ms if !ms.is_finite() => "unknown".to_owned(),
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1000.0 => format!("{ms:.0} ms"),
        ms if ms < 60_000.0 => format!("{:.1} s", ms / 1000.0),
        ms => format!("{:.0} min", ms / 60_000.0),
    }
}

/// A day: `24 Nov 2026`; the month counts from 0, as in JavaScript.
#[must_use]
pub fn day(day: u32, month: u32, year: u32) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.get(month as usize).copied().unwrap_or("?");
    format!("{day} {month} {year}")
}

/// The first few of a list, and how many more there are: `cat, dog and 8 more`.
#[must_use]
pub fn first_of(names: &[String], most: usize) -> String {
    let first = names.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(most) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(9_400_000), "9.4 MB");
        assert_eq!(bytes(31_600_000), "32 MB");
        assert_eq!(bytes_of(3_100_000, 9_400_000), "3.1 of 9.4 MB");
        assert_eq!(count(1_235_496), "1.2 M");
    }

    #[test]
    fn numbers_keep_three_digits() {
        assert_eq!(number(0.012_345), "0.0123");
        assert_eq!(number(-1.5), "−1.50");
        assert_eq!(number(123.4), "123");
        assert_eq!(number(1.234e-7), "1.23e−7");
        assert_eq!(number(0.0), "0");
        assert_eq!(number(f64::NAN), "NaN");
    }

    #[test]
    fn days_and_lists() {
        assert_eq!(day(4, 10, 2026), "4 Nov 2026");
        let names = ["cat", "dog", "emu"].map(str::to_owned);
        assert_eq!(first_of(&names, 2), "cat, dog and 1 more");
        assert_eq!(first_of(&names, 5), "cat, dog, emu");
    }

    #[test]
    fn shares_and_durations() {
        assert_eq!(percent(0.931), "93.1 %");
        assert_eq!(percent(0.0001), "< 0.1 %");
        assert_eq!(percent(0.0), "0.0 %");
        assert_eq!(duration(23.4), "23 ms");
        assert_eq!(duration(1400.0), "1.4 s");
    }
}
