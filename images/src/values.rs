//! The full references of the images as values of the chart: `images.<name>`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The file beside the layout's own.
pub const FILE: &str = "images.yaml";

/// `registry-proxy` as `registryProxy`: the chart's name for it.
pub fn key(name: &str) -> String {
    let mut words = name.split('-');
    let mut key = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        key.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        key.extend(letters);
    }
    key
}

/// Writes the values, unless the file says the same already.
pub fn write<'a>(path: &Path, references: impl Iterator<Item = (&'a str, &'a str)>) -> Result<()> {
    let mut lines: Vec<String> = references.map(|(name, value)| format!("  {}: \"{value}\"\n", key(name))).collect();
    lines.sort();
    let text = format!("images:\n{}", lines.concat());
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_the_charts_keys() {
        for (name, expected) in [("state", "state"), ("registry-proxy", "registryProxy"), ("stack-run", "stackRun")] {
            assert_eq!(key(name), expected);
        }
    }
}
