//! Tags: labels that a node must have to run an app's pods.

use std::collections::BTreeMap;

use deis_api::Code;

use super::merge::Difference;
use crate::error::Error;

/// Label to value.
pub type Tags = BTreeMap<String, String>;

/// A label of Kubernetes: an optional prefix and a name.
///
/// # Errors
/// [`Error::Field`] for what is none.
pub fn check(key: &str, value: &str) -> Result<(), Error> {
    let refused = |message: &str| Err(Error::field("tags", message));
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if let Some(prefix) = prefix {
        if prefix.len() > 253 {
            return refused("Tag key prefixes must 253 characters or less.");
        }
        if !prefix.split('.').all(is_word) {
            return refused("Tag key prefixes must be DNS subdomains.");
        }
    }
    if !is_word(name) {
        return refused("Tag keys must be alphanumeric or \"-_.\", and 1-63 characters.");
    }
    if !value.is_empty() && !is_word(value) {
        return refused("Tag values must be alphanumeric or \"-_.\", and 1-63 characters.");
    }
    Ok(())
}

fn is_word(text: &str) -> bool {
    let ends = [text.bytes().next(), text.bytes().last()];
    let ends_are_fine = ends.iter().all(|byte| byte.is_some_and(|byte| byte.is_ascii_alphanumeric()));
    ends_are_fine && text.len() <= 63 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// No node has all of these labels.
#[must_use]
pub fn no_node(before: &Tags, after: &Tags) -> Error {
    let listed = |tags: &mut dyn Iterator<Item = (&String, &String)>| {
        tags.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
    };
    let mut message = format!("No nodes matched the provided labels: {}", listed(&mut after.iter()));
    let difference = Difference::between(before, after, |one, other| one == other);
    if !before.is_empty() {
        let new = |key: &String| difference.added.contains(key) || difference.changed.contains(key);
        let cause = listed(&mut after.iter().filter(|(key, _)| new(key)));
        message = format!("{message} - Addition of {cause} is the cause");
    }
    Error::refused(Code::FailedPrecondition, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_kubernetes() {
        for (key, value) in [("disk", "ssd"), ("example.com/zone", "eu-1"), ("a_b", ""), ("a", "1.2_3-4")] {
            assert!(check(key, value).is_ok(), "{key}={value}");
        }
        let long = "a".repeat(64);
        let prefix = format!("{}/a", vec!["a"; 128].join("."));
        let refusals = [
            ("", "x"),
            ("-a", "x"),
            ("a b", "x"),
            (long.as_str(), "x"),
            ("/a", "x"),
            ("a/b/c", "x"),
            ("ex ample/a", "x"),
            (prefix.as_str(), "x"),
            ("a", "x y"),
            ("a", "x-"),
            ("a", long.as_str()),
        ]
        .map(|(key, value)| format!("{key:.10}={value:.10}: {}", check(key, value).unwrap_err()));
        insta::assert_yaml_snapshot!(refusals);
    }

    #[test]
    fn the_cause_is_what_is_new() {
        let tags = |pairs: &[(&str, &str)]| -> Tags {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let text = no_node(&tags(&[]), &tags(&[("disk", "ssd"), ("zone", "a")])).to_string();
        assert_eq!(text, "No nodes matched the provided labels: disk=ssd, zone=a");
        let text = no_node(&tags(&[("disk", "ssd")]), &tags(&[("disk", "ssd"), ("zone", "a")])).to_string();
        assert_eq!(text, "No nodes matched the provided labels: disk=ssd, zone=a - Addition of zone=a is the cause");
    }
}
