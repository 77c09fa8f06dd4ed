//! Numbers of tests, read from what the runners print.

use std::{fmt, ops::AddAssign};

/// How many tests passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Passed.
    pub passed: u64,
    /// Failed.
    pub failed: u64,
    /// Skipped.
    pub skipped: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.passed += more.passed;
        self.failed += more.failed;
        self.skipped += more.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(formatter, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

impl Counts {
    /// From a closing line of `cargo test`: `test result: ok. 5 passed; 0 failed; 1 ignored; …`.
    pub fn of_cargo(line: &str) -> Option<Self> {
        let (_, numbers) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
        let mut counts = Self::default();
        for part in numbers.split(';') {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => counts.passed += number,
                "failed" => counts.failed += number,
                "ignored" => counts.skipped += number,
                _ => {}
            }
        }
        Some(counts)
    }

    /// From the report of node's test runner in TAP: `# pass 5`, `# fail 0`, `# cancelled 0`, `# skipped 0`, `# todo 0`.
    pub fn of_tap(report: &str) -> Option<Self> {
        let number = |name: &str| {
            report
                .lines()
                .rev()
                .find_map(|line| line.strip_prefix("# ")?.strip_prefix(name)?.trim().parse::<u64>().ok())
        };
        Some(Self {
            passed: number("pass ")?,
            failed: number("fail ")? + number("cancelled ").unwrap_or(0),
            skipped: number("skipped ").unwrap_or(0) + number("todo ").unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_closing_line_is_read() {
        let line = "test result: FAILED. 12 passed; 2 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.50s";
        assert_eq!(Counts::of_cargo(line), Some(Counts { passed: 12, failed: 2, skipped: 1 }));
        assert_eq!(Counts::of_cargo("test graph::tests::works ... ok"), None);
    }

    #[test]
    fn nodes_report_is_read() {
        let report = "TAP version 13\n# Subtest: a\nok 1 - a\n1..1\n# tests 4\n# suites 0\n# pass 1\n# fail 1\n# cancelled 1\n# skipped 1\n# todo 0\n# duration_ms 9.5\n";
        assert_eq!(Counts::of_tap(report), Some(Counts { passed: 1, failed: 2, skipped: 1 }));
        assert_eq!(Counts::of_tap("TAP version 13\n"), None);
    }

    #[test]
    fn the_closing_line_has_one_shape() {
        assert_eq!(Counts { passed: 5, failed: 0, skipped: 0 }.to_string(), "5 passed, 0 failed");
        assert_eq!(Counts { passed: 5, failed: 1, skipped: 2 }.to_string(), "5 passed, 1 failed, 2 skipped");
    }
}
