//! Names of locks, elections, settings and operations.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// Bytes in the longest path.
const MAX_LENGTH: usize = 200;

/// What locks, elections, settings and operations are called: two or more parts of lower-case letters, digits, `-`, `_` and `.`,
/// joined by `/`. "push/earthy-instinct".
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(String);

impl Path {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Path {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts_are_whole = text.split('/').all(|part| !part.is_empty()) && text.contains('/');
        if text.len() <= MAX_LENGTH && parts_are_whole && is_of_path(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::Invalid {
                field: "name",
                rule: "two or more parts of lower-case letters, digits, \"-\", \"_\" and \".\", joined by \"/\", at most 200 bytes",
            })
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The beginning of paths: "router/" or nothing, which all begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// The prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Prefix {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() <= MAX_LENGTH && is_of_path(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::Invalid { field: "prefix", rule: "the beginning of a name, or nothing" })
        }
    }
}

fn is_of_path(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_parts() {
        for path in ["push/earthy-instinct", "deploy/a/v12", "router/max_body.size"] {
            assert_eq!(path.parse::<Path>().unwrap().as_str(), path);
        }
        let long = format!("push/{}", "a".repeat(196));
        for path in ["", "push", "push/", "/push", "push//a", "Push/a", "push/a:1", "push/ä", "push/a b", &long] {
            assert!(path.parse::<Path>().is_err(), "{path}");
        }
    }

    #[test]
    fn prefixes_may_be_empty_or_end_anywhere() {
        for prefix in ["", "router/", "rou"] {
            assert_eq!(prefix.parse::<Prefix>().unwrap().as_str(), prefix);
        }
        assert!("router:".parse::<Prefix>().is_err());
    }
}
