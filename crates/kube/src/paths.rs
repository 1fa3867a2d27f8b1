//! Which paths of an app are another process type's than `web`.

use std::fmt;
use std::str::FromStr;

use regex::bytes::{Regex, RegexBuilder};

/// The longest text of a pattern, in bytes.
const MAX_LEN: usize = 1024;
/// The most that one expression may need as a program, in bytes: every router keeps it.
const MAX_SIZE: usize = 32 << 10;
/// The most that it may need besides, for each thread that is at it.
const MAX_CACHE: usize = 256 << 10;

/// Regular expressions, separated by commas. Each of them means the paths at whose beginning it matches: `/api` is `/api`, `/api/v2` and
/// `/apis`. Matching takes a time that grows with the path alone, whatever the expression.
#[derive(Clone, Debug)]
pub struct PathPattern {
    text: String,
    expressions: Vec<Regex>,
}

/// A text is no pattern. `Display` is the sentence that the REST contract promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Service value should be valid regex (or set of regex split by comma)")]
pub struct NoPattern;

impl PathPattern {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a path, as the client sends it, is meant.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let begins = |expression: &Regex| expression.find(path.as_bytes()).is_some_and(|found| found.start() == 0);
        self.expressions.iter().any(begins)
    }
}

impl FromStr for PathPattern {
    type Err = NoPattern;

    fn from_str(text: &str) -> Result<Self, NoPattern> {
        if text.len() > MAX_LEN || text.chars().any(char::is_control) {
            return Err(NoPattern);
        }
        let expressions = text.split(',').map(|part| expression(part.trim())).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), expressions })
    }
}

/// Paths are bytes: those beyond ASCII are percent-encoded.
fn expression(text: &str) -> Result<Regex, NoPattern> {
    if text.is_empty() {
        return Err(NoPattern);
    }
    let built = RegexBuilder::new(text).unicode(false).size_limit(MAX_SIZE).dfa_size_limit(MAX_CACHE).build();
    built.map_err(|_not_one| NoPattern)
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for PathPattern {}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_meant_from_its_beginning() {
        for (pattern, meant, others) in [
            ("/api", vec!["/api", "/api/v2", "/apis"], vec!["/", "/v2/api", "/API"]),
            ("/api(/|$)", vec!["/api", "/api/"], vec!["/apis"]),
            ("/a, /b/.*[.]png$", vec!["/a", "/b/c.png"], vec!["/b", "/b/c.png/d"]),
            (".*[.]json$", vec!["/a/b.json"], vec!["/a/b.jsonp"]),
            ("(?i)/api", vec!["/API"], vec!["/"]),
        ] {
            let pattern = pattern.parse::<PathPattern>().unwrap();
            assert!(meant.iter().all(|path| pattern.matches(path)), "{pattern}");
            assert!(!others.iter().any(|path| pattern.matches(path)), "{pattern}");
        }
    }

    #[test]
    fn what_is_no_expression_or_too_large_a_one_is_refused() {
        let huge = "(a{100}){100}";
        for bad in ["", "(", "/a,", "/a,,/b", "/a\n", "/\0", huge, &"a".repeat(1025)] {
            assert_eq!(bad.parse::<PathPattern>().unwrap_err(), NoPattern, "{bad}");
        }
    }
}
