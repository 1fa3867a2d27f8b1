//! The shapes of text that several commands print.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;

use deis_api::rest::Page;
use deis_cli::Ui;

/// `=== {title}`, and how many of how many when not all are shown.
pub fn head<T>(ui: &mut Ui, title: impl Display, page: &Page<T>) -> io::Result<()> {
    let shown = page.results.len();
    if u64::try_from(shown).is_ok_and(|shown| shown < page.count) {
        ui.line(format_args!("=== {title} ({shown} of {})", page.count))
    } else {
        ui.line(format_args!("=== {title}"))
    }
}

/// How far behind the longest key values start, in the blocks of limits, tags and registry.
pub const GAP: usize = 5;

/// One line for each pair, sorted by key; values start `gap` columns behind the longest key.
pub fn block<V: Display>(ui: &mut Ui, pairs: &BTreeMap<String, V>, gap: usize) -> io::Result<()> {
    let width = pairs.keys().map(|key| key.chars().count()).max().unwrap_or(0) + gap;
    pairs.iter().try_for_each(|(key, value)| ui.line(format_args!("{key:width$}{value}")))
}
