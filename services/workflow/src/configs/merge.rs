use std::collections::BTreeMap;
use std::fmt::Display;

use deis_api::Code;

use crate::error::Error;

/// What a change did to one field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Keys that were not there.
    pub added: Vec<String>,
    /// Keys that had another value.
    pub changed: Vec<String>,
    /// Keys that are not there any more.
    pub deleted: Vec<String>,
}

impl Difference {
    /// Whether nothing is different.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.deleted.is_empty()
    }

    /// `added tag A, B, changed tag C, deleted tag D`; `what` is "tag " here.
    #[must_use]
    pub fn words(&self, what: &str) -> String {
        let group =
            |verb: &str, keys: &[String]| (!keys.is_empty()).then(|| format!("{verb} {what}{}", keys.join(", ")));
        let groups = [group("added", &self.added), group("changed", &self.changed), group("deleted", &self.deleted)];
        groups.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// What is different between two versions of a field.
    pub fn between<K: Ord + Display, V>(
        before: &BTreeMap<K, V>,
        after: &BTreeMap<K, V>,
        same: impl Fn(&V, &V) -> bool,
    ) -> Self {
        let mut difference = Self::default();
        for (key, value) in after {
            match before.get(key) {
                None => difference.added.push(key.to_string()),
                Some(old) if !same(old, value) => difference.changed.push(key.to_string()),
                Some(_) => {}
            }
        }
        let deleted = before.keys().filter(|key| !after.contains_key(key));
        difference.deleted = deleted.map(ToString::to_string).collect();
        difference
    }
}

/// The entries of one version of a field that the other has not, or not so.
pub fn differing<'a, K: Ord, V>(
    one: &'a BTreeMap<K, V>,
    other: &'a BTreeMap<K, V>,
    same: impl Fn(&V, &V) -> bool + 'a,
) -> impl Iterator<Item = (&'a K, &'a V)> {
    one.iter().filter(move |(key, value)| !other.get(key).is_some_and(|other| same(value, other)))
}

/// Merges a change into one field: a key with a value is set, a key without is unset, the others stay.
///
/// # Errors
/// [`Error::Refused`] for unsetting what is not set.
pub fn merge<K: Ord + Clone + Display, V: Clone>(
    field: &str,
    before: &BTreeMap<K, V>,
    patch: BTreeMap<K, Option<V>>,
) -> Result<BTreeMap<K, V>, Error> {
    let mut after = before.clone();
    for (key, value) in patch {
        match value {
            Some(value) => drop(after.insert(key, value)),
            None if after.remove(&key).is_some() => {}
            None => return Err(not_set(field, key)),
        }
    }
    Ok(after)
}

/// What is to be unset is not set.
pub(super) fn not_set(field: &str, key: impl Display) -> Error {
    Error::refused(Code::NotSet, format!("{key} does not exist under {field}"))
}
