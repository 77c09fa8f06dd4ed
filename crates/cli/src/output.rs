//! Lines on standard output.

use std::io::Write as _;

/// Prints a line. A reader that has seen enough, such as `head`, ends the command quietly instead of with a panic.
pub fn line(text: std::fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").is_err() {
        std::process::exit(0);
    }
}

/// `println!` through [`line()`].
macro_rules! outln {
    ($($argument:tt)*) => { $crate::output::line(format_args!($($argument)*)) };
}

pub(crate) use outln;
