//! The shapes of text that several commands print.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::io;

use deis_api::rest::Page;
use deis_cli::Ui;
use serde_json::Value;

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

/// What is different between two objects: `web: 1 -> 3`; what is new without what was before.
pub fn changes(before: &Value, after: &Value) -> Vec<String> {
    let (before, after) = (leaves(before), leaves(after));
    let names = before.keys().chain(after.keys()).collect::<BTreeSet<_>>();
    let parts = names.into_iter().map(|name| match (before.get(name), after.get(name)) {
        (None, Some(is)) => format!("{name}: {is}"),
        (was, is) => {
            let none = || "-".to_owned();
            format!("{name}: {} -> {}", was.cloned().unwrap_or_else(none), is.cloned().unwrap_or_else(none))
        }
    });
    parts.collect()
}

/// The values of an object, by their path in it.
fn leaves(value: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    gather(value, String::new(), &mut found);
    found
}

fn gather(value: &Value, path: String, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                gather(value, path, found);
            }
        }
        Value::String(text) => {
            found.insert(path, text.clone());
        }
        other => {
            found.insert(path, other.to_string());
        }
    }
}
