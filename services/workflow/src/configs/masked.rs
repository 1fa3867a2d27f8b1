use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use super::{GRACE_PERIOD, POST_START, PRE_STOP, Settings, Shape, differing};

/// What stands for a value that nobody else is to read.
const MASK: &str = "********";

/// A value to compare, and what is shown of it.
struct Entry {
    value: String,
    shown: Value,
}

/// What of a config has changed, as it was and as it is: `{"values": {"KEY": "********"}, "memory": {"web": "64M"}}`. Variables,
/// credentials, commands, and probes, which may have headers, are masked.
#[must_use]
pub fn difference(before: &Settings, after: &Settings) -> (Map<String, Value>, Map<String, Value>) {
    let (was, is) = (entries(before), entries(after));
    (beside(&was, &is), beside(&is, &was))
}

/// By field, what the other one has not, or not so.
fn beside(one: &BTreeMap<(&str, String), Entry>, other: &BTreeMap<(&str, String), Entry>) -> Map<String, Value> {
    let mut fields = Map::new();
    for ((field, key), entry) in differing(one, other, |one, other| one.value == other.value) {
        let field = fields.entry(*field).or_insert_with(|| json!({}));
        if let Some(field) = field.as_object_mut() {
            field.insert(key.clone(), entry.shown.clone());
        }
    }
    fields
}

fn entries(settings: &Settings) -> BTreeMap<(&'static str, String), Entry> {
    let Settings { values, registry, shape } = settings;
    let Shape { memory, cpu, tags, healthcheck, post_start, pre_stop, grace_periods } = shape;
    let secrets = [("values", values), ("registry", registry)].into_iter().flat_map(|(field, secrets)| {
        secrets.iter().map(move |(key, value)| (field, key.to_string(), value.expose_secret().to_owned()))
    });
    let probes = healthcheck.iter().flat_map(|(kind, probes)| {
        probes.iter().map(move |(probe, value)| ("healthcheck", format!("{kind}.{probe}"), value.to_string()))
    });
    let hooks = [(POST_START, post_start), (PRE_STOP, pre_stop)]
        .into_iter()
        .flat_map(|(field, hooks)| hooks.iter().map(move |(kind, command)| (field, kind.to_string(), command.clone())));
    let masked = secrets
        .chain(probes)
        .chain(hooks)
        .map(|(field, key, value)| ((field, key), Entry { value, shown: json!(MASK) }));
    let limits = [("memory", memory), ("cpu", cpu)]
        .into_iter()
        .flat_map(|(field, limits)| limits.iter().map(move |(kind, limit)| (field, kind.to_string(), limit.clone())));
    let tags = tags.iter().map(|(key, value)| ("tags", key.clone(), value.clone()));
    let periods = grace_periods.iter().map(|(kind, seconds)| (GRACE_PERIOD, kind.to_string(), seconds.to_string()));
    let open = limits.chain(tags).chain(periods).map(|(field, key, value)| {
        let shown = json!(value);
        ((field, key), Entry { value, shown })
    });
    masked.chain(open).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_changed_is_named_and_no_secret_with_it() {
        let settings = |values: &[(&str, &str)], memory: &str| {
            let values = values.iter().map(|(key, value)| (key.parse().unwrap(), (*value).into())).collect();
            let memory = [("web".parse().unwrap(), memory.to_owned())].into();
            let probe = [("livenessProbe".to_owned(), json!({ "secret": memory }))].into();
            let shape = Shape { memory, healthcheck: [("web".to_owned(), probe)].into(), ..Shape::default() };
            Settings { values, shape, ..Settings::default() }
        };
        let before = settings(&[("SAME", "secret"), ("GONE", "secret"), ("OTHER", "secret")], "64M");
        let after = settings(&[("SAME", "secret"), ("NEW", "secret"), ("OTHER", "secret too")], "128M");
        let (was, is) = difference(&before, &after);
        assert_eq!(
            Value::from(was),
            json!({
                "values": { "GONE": MASK, "OTHER": MASK },
                "memory": { "web": "64M" },
                "healthcheck": { "web.livenessProbe": MASK },
            })
        );
        assert_eq!(
            Value::from(is),
            json!({
                "values": { "NEW": MASK, "OTHER": MASK },
                "memory": { "web": "128M" },
                "healthcheck": { "web.livenessProbe": MASK },
            })
        );
        assert_eq!(difference(&after, &after), (Map::new(), Map::new()));
    }
}
