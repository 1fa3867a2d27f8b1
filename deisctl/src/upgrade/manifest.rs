use std::collections::BTreeMap;

use serde_json::Value;

/// The objects of a release, by kind and name.
#[derive(Debug, Default)]
pub(crate) struct Manifest(BTreeMap<(String, String), Value>);

impl Manifest {
    /// Reads what helm writes: YAML documents.
    pub(crate) fn read(text: &str) -> Result<Self, serde_saphyr::Error> {
        let mut objects = BTreeMap::new();
        for document in text.split("\n---").filter(|document| document.lines().any(is_content)) {
            // As helm reads it, for which `defaultMode: 0440` is octal.
            let options = serde_saphyr::options! { legacy_octal_numbers: true };
            let object: Value = serde_saphyr::from_str_with_options(document, options)?;
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let name = object.get("metadata").and_then(|metadata| metadata.get("name")).map(text);
            let kind = object.get("kind").map(text).unwrap_or_default();
            objects.insert((kind, name.unwrap_or_default()), object);
        }
        Ok(Self(objects))
    }

    pub(crate) fn objects(&self) -> impl Iterator<Item = &Value> {
        self.0.values()
    }

    /// Each API version with the kinds that are used of it.
    pub(super) fn kinds(&self) -> BTreeMap<&str, Vec<(&str, &str)>> {
        let mut versions = BTreeMap::<_, Vec<_>>::new();
        for ((kind, name), object) in &self.0 {
            let version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
            versions.entry(version).or_default().push((kind.as_str(), name.as_str()));
        }
        versions
    }

    /// What an upgrade from this to `new` does, object by object; `None` when nothing.
    pub(crate) fn changes(&self, new: &Self) -> Option<Vec<String>> {
        let line = |verb: &str, (kind, name): &(String, String)| format!("{verb} {kind} {name}");
        let made = new.0.keys().filter(|key| !self.0.contains_key(key)).map(|key| line("create", key));
        let kept = new.0.iter().filter(|(key, object)| self.0.get(key).is_some_and(|old| old != *object));
        let changed = kept.map(|(key, _)| line("change", key));
        let gone = self.0.keys().filter(|key| !new.0.contains_key(key)).map(|key| line("delete", key));
        let changes = made.chain(changed).chain(gone).collect::<Vec<_>>();
        (!changes.is_empty()).then_some(changes)
    }
}

fn is_content(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#') && line != "---"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(objects: &[(&str, u8)]) -> Manifest {
        let text = objects.iter().map(|(name, replicas)| {
            format!("---\n# Source: x\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  replicas: {replicas}\n")
        });
        Manifest::read(&text.collect::<String>()).unwrap()
    }

    #[test]
    fn changes_are_told_object_by_object() {
        let (old, new) = (manifest(&[("a", 1), ("b", 1), ("c", 1)]), manifest(&[("a", 1), ("b", 2), ("d", 1)]));
        let changes = old.changes(&new).unwrap();
        assert_eq!(changes, ["create Deployment d", "change Deployment b", "delete Deployment c"]);
        assert_eq!(old.changes(&manifest(&[("a", 1), ("b", 1), ("c", 1)])), None);
        assert_eq!(old.kinds()["apps/v1"].len(), 3);
    }

    #[test]
    fn a_mode_is_octal() {
        let manifest = Manifest::read("kind: Secret\nmetadata:\n  name: x\ndefaultMode: 0440\n").unwrap();
        assert_eq!(manifest.objects().next().unwrap()["defaultMode"], 0o440);
    }
}
