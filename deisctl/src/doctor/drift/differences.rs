use std::fmt;

use serde_json::Value;

/// What tells the elements of a list of objects apart, as Kubernetes merges them.
const KEYS: [&str; 6] = ["name", "mountPath", "containerPort", "port", "key", "type"];
/// Longer values say less than that they differ.
const LONGEST: usize = 80;

/// Something that is not as it was released.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Difference {
    Changed {
        path: String,
        is: String,
        was: String,
    },
    /// What it is, is nobody's business.
    Secret {
        path: String,
    },
    Missing {
        path: String,
    },
    /// An element of a list that was released without it.
    Added {
        path: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { path, is, was } => write!(f, "{path} is {is} and not {was}"),
            Self::Secret { path } => write!(f, "{path} is not what was released"),
            Self::Missing { path } => write!(f, "{path} is gone"),
            Self::Added { path } => write!(f, "{path} was added"),
        }
    }
}

/// What of `wanted` is not so in `live`. What `wanted` does not speak of is the cluster's to fill in.
pub(super) fn differences(wanted: &Value, live: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(wanted, Some(live), "", &mut found);
    found
}

fn compare(wanted: &Value, live: Option<&Value>, path: &str, found: &mut Vec<Difference>) {
    match (wanted, live) {
        // Kubernetes leaves out what is empty.
        (_, None | Some(Value::Null)) if is_empty(wanted) => {}
        (Value::Null, _) => {}
        (_, None) => found.push(Difference::Missing { path: path.to_owned() }),
        (Value::Object(wanted), Some(Value::Object(live))) => {
            for (key, wanted) in wanted {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(wanted, live.get(key), &path, found);
            }
        }
        (Value::Array(wanted), Some(Value::Array(live))) => lists(wanted, live, path, found),
        (wanted, Some(live)) if is_same(wanted, live) => {}
        (wanted, Some(live)) => found.push(changed(wanted, live, path)),
    }
}

fn lists(wanted: &[Value], live: &[Value], path: &str, found: &mut Vec<Difference>) {
    let key = KEYS.into_iter().find(|key| wanted.iter().chain(live).all(|element| name(element, key).is_some()));
    let Some(key) = key.filter(|key| is_told_apart(wanted, key) && is_told_apart(live, key)) else {
        if wanted.len() != live.len() || wanted.iter().any(|element| !element.is_object()) {
            if wanted != live {
                found.push(changed(&Value::from(wanted), &Value::from(live), path));
            }
            return;
        }
        for (index, (wanted, live)) in wanted.iter().zip(live).enumerate() {
            compare(wanted, Some(live), &format!("{path}[{index}]"), found);
        }
        return;
    };
    let named =
        |elements: &[Value], one: &str| elements.iter().find(|it| name(it, key).as_deref() == Some(one)).cloned();
    for element in wanted {
        let name = name(element, key).unwrap_or_default();
        compare(element, named(live, &name).as_ref(), &format!("{path}[{name}]"), found);
    }
    let added = live.iter().filter_map(|element| name(element, key)).filter(|name| named(wanted, name).is_none());
    found.extend(added.map(|name| Difference::Added { path: format!("{path}[{name}]") }));
}

fn is_told_apart(elements: &[Value], key: &str) -> bool {
    let mut names = elements.iter().filter_map(|element| name(element, key)).collect::<Vec<_>>();
    names.sort();
    names.dedup();
    names.len() == elements.len()
}

fn name(element: &Value, key: &str) -> Option<String> {
    element.get(key).and_then(scalar)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        _ => None,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Bool(true) => false,
    }
}

/// Kubernetes writes quantities in its own way: `1000m` is `1`.
fn is_same(wanted: &Value, live: &Value) -> bool {
    let (Some(wanted), Some(live)) = (scalar(wanted), scalar(live)) else { return wanted == live };
    wanted == live || quantity(&wanted).is_some_and(|wanted| quantity(&live) == Some(wanted))
}

/// In thousandths: <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>.
fn quantity(text: &str) -> Option<i128> {
    let end = text.find(|digit: char| !digit.is_ascii_digit() && digit != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit: i128 = match unit {
        "m" => 1,
        "" => 1000,
        "k" => 1_000_000,
        "M" => 1_000_000_000,
        "G" => 1_000_000_000_000,
        "T" => 1_000_000_000_000_000,
        "Ki" => 1000 << 10,
        "Mi" => 1000 << 20,
        "Gi" => 1000 << 30,
        "Ti" => 1000 << 40,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = i128::from(10u64).checked_pow(u32::try_from(part.len()).ok()?)?;
    format!("{whole}{part}").parse::<i128>().ok()?.checked_mul(unit).map(|value| value / digits)
}

fn changed(wanted: &Value, live: &Value, path: &str) -> Difference {
    let path = path.to_owned();
    // A variable or an entry may be a secret.
    if path.contains(".env[") || path.starts_with("data.") || path.starts_with("stringData.") {
        return Difference::Secret { path };
    }
    let short = |value: &Value| scalar(value).unwrap_or_else(|| value.to_string());
    let (is, was) = (short(live), short(wanted));
    if is.len() > LONGEST || was.len() > LONGEST {
        Difference::Secret { path }
    } else {
        Difference::Changed { path, is, was }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(wanted: Value, live: Value) -> Vec<String> {
        differences(&wanted, &live).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_the_cluster_fills_in_is_no_drift() {
        let wanted = json!({
            "metadata": { "name": "x", "labels": { "app": "x" }, "annotations": {}, "creationTimestamp": null },
            "spec": { "hostNetwork": false, "cpu": 1, "memory": "1024Mi", "half": "0.5", "size": "1.5Gi", "tolerations": [],
                      "containers": [{ "name": "x", "ports": [{ "containerPort": 80 }], "args": ["a"] }],
                      "emptyDir": {}, "volumes": [{ "name": "y", "emptyDir": {} }] },
        });
        let live = json!({
            "metadata": { "name": "x", "labels": { "app": "x", "managed-by": "Helm" }, "uid": "1" },
            "spec": { "cpu": "1", "memory": "1Gi", "half": "500m", "size": "1536Mi", "replicas": 1,
                      "containers": [{ "name": "x", "ports": [{ "containerPort": 80, "protocol": "TCP" }], "args": ["a"],
                                       "terminationMessagePath": "/dev/termination-log" }],
                      "volumes": [{ "name": "y", "emptyDir": {} }] },
            "status": { "replicas": 1 },
        });
        assert_eq!(told(wanted, live), [""; 0]);
    }

    #[test]
    fn what_somebody_changed_is_told_by_its_path() {
        let wanted = json!({ "spec": { "replicas": 2, "image": "a:1", "args": ["a", "b"], "gone": true, "size": "1Gi",
                                       "rules": [{ "verbs": ["get"] }, { "verbs": ["list"] }] } });
        let live = json!({ "spec": { "replicas": 0, "image": "a:2", "args": ["b", "a"], "size": "2Gi",
                                     "rules": [{ "verbs": ["get"] }, { "verbs": ["*"] }] } });
        let changes = [
            r#"spec.args is ["b","a"] and not ["a","b"]"#,
            "spec.gone is gone",
            "spec.image is a:2 and not a:1",
            "spec.replicas is 0 and not 2",
            r#"spec.rules[1].verbs is ["*"] and not ["list"]"#,
            "spec.size is 2Gi and not 1Gi",
        ];
        assert_eq!(told(wanted, live), changes);
    }

    #[test]
    fn elements_are_told_apart_by_their_names_and_values_of_variables_are_not_told() {
        let wanted =
            json!({ "c": [{ "name": "x", "env": [{ "name": "A", "value": "1" }, { "name": "B", "value": "1" }] }] });
        let live = json!({ "c": [{ "name": "x", "env": [{ "name": "C", "value": "hunter2" }, { "name": "A", "value": "hunter2" }] }] });
        let changes = ["c[x].env[A].value is not what was released", "c[x].env[B] is gone", "c[x].env[C] was added"];
        assert_eq!(told(wanted, live), changes);
        let (one, two) = (json!([{ "from": [1] }]), json!([{ "from": [1] }, { "from": [2] }]));
        assert_eq!(told(json!({ "ingress": one }), json!({ "ingress": two })).len(), 1);
    }
}
