//! What the user sees.

/// Prints one line of progress or result.
#[expect(clippy::print_stdout, reason = "the printer of this command line")]
pub(crate) fn line(text: std::fmt::Arguments<'_>) {
    println!("{text}");
}
