//! What the steps print: one line when something starts that takes time, one when it is done.

use std::{
    fmt::Display,
    io::Write as _,
    time::{Duration, Instant},
};

/// One line about a step.
pub fn line(text: impl Display) {
    println!("[xtask] {text}");
    std::io::stdout().flush().ok();
}

/// Runs something slow between two lines, the second with its time.
pub fn timed<T>(what: impl Display, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    line(format_args!("{what} …"));
    let start = Instant::now();
    let result = work();
    let outcome = if result.is_ok() { "done" } else { "failed" };
    line(format_args!("{what}: {outcome} in {}", duration(start.elapsed())));
    result
}

/// `4.2 s` or `3 min 07 s`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    format!("{} min {:02} s", whole / 60, whole % 60)
}

/// `3.21 MB`, `47.0 kB`, `12 B`.
pub fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        _ => format!("{:.2} MB", count as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(Duration::from_millis(4210)), "4.2 s");
        assert_eq!(duration(Duration::from_secs(187)), "3 min 07 s");
        assert_eq!(duration(Duration::from_secs_f64(119.9)), "2 min 00 s");
    }

    #[test]
    fn byte_counts_read_well() {
        assert_eq!(bytes(12), "12 B");
        assert_eq!(bytes(47_000), "47.0 kB");
        assert_eq!(bytes(3_210_000), "3.21 MB");
    }
}
