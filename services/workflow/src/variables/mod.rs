//! An app's environment variables: merging a change into the variables before.

use std::collections::BTreeMap;

use deis_api::{Code, ConfigKey};
use secrecy::{ExposeSecret as _, SecretString};

use crate::configs;
use crate::error::Error;
use crate::ledger::Variables;

/// A change: a key with a value is set, a key without is unset.
pub type Patch = BTreeMap<ConfigKey, Option<SecretString>>;

/// All variables of an app together must fit into one Secret (1 MiB) with room to spare, in bytes.
const MAX_LEN: usize = 512 * 1024;

/// Merges a change into the variables before.
///
/// # Errors
/// [`Error::Refused`] for unsetting what is not set, a `PORT` that is no port, and more than fits.
pub fn merge(before: &Variables, patch: Patch) -> Result<Variables, Error> {
    for (key, value) in &patch {
        if let Some(value) = value {
            check(key, value)?;
        }
    }
    let after = configs::merge("values", before, patch)?;
    let size = after.iter().map(|(key, value)| key.as_str().len() + value.expose_secret().len());
    if size.fold(0, usize::saturating_add) > MAX_LEN {
        let message = format!("All variables together may have {} KiB.", MAX_LEN / 1024);
        return Err(Error::refused(Code::TooLarge, message));
    }
    Ok(after)
}

fn check(key: &ConfigKey, value: &SecretString) -> Result<(), Error> {
    if value.expose_secret().contains('\0') {
        return Err(Error::field("values", format!("{key} holds a NUL character, which no variable can")));
    }
    configs::legacy::check(key.as_str(), value.expose_secret())?;
    if key.as_str() != "PORT" {
        return Ok(());
    }
    let port = value.expose_secret().parse::<i64>();
    let port = port.map_err(|_not_a_number| Error::field("values", "PORT can only be a numeric value"))?;
    let fits = (1..=65535).contains(&port);
    if fits { Ok(()) } else { Err(Error::field("values", "PORT needs to be between 1 and 65535")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(key, value)| (key.parse().unwrap(), SecretString::from(*value))).collect()
    }

    fn patch(pairs: &[(&str, Option<&str>)]) -> Patch {
        pairs.iter().map(|(key, value)| (key.parse().unwrap(), value.map(SecretString::from))).collect()
    }

    #[test]
    fn keys_are_set_changed_and_unset() {
        let before = variables(&[("A", "1"), ("B", "2"), ("C", "3")]);
        let change = patch(&[("A", Some("1")), ("B", Some("x")), ("C", None), ("D", Some("4")), ("E", Some(""))]);
        let after = merge(&before, change).unwrap();
        let pairs = after.iter().map(|(key, value)| (key.as_str(), value.expose_secret())).collect::<Vec<_>>();
        assert_eq!(pairs, [("A", "1"), ("B", "x"), ("D", "4"), ("E", "")]);
        let same = |one: &SecretString, other: &SecretString| one.expose_secret() == other.expose_secret();
        let difference = configs::Difference::between(&before, &after, same);
        assert_eq!(difference.words(""), "added D, E, changed B, deleted C");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refusal = |change: &[(&str, Option<&str>)]| {
            let error = merge(&variables(&[]), patch(change)).unwrap_err();
            format!("{}: {error}", error.code())
        };
        let big = "x".repeat(MAX_LEN);
        insta::assert_yaml_snapshot!([
            refusal(&[("GONE", None)]),
            refusal(&[("PORT", Some("http"))]),
            refusal(&[("PORT", Some("0"))]),
            refusal(&[("A", Some("a\0b"))]),
            refusal(&[("A", Some(&big))]),
        ]);
    }
}
