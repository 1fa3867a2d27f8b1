//! Health checks: probes in the form of Kubernetes.

use std::collections::BTreeMap;

use deis_api::ProcType;
use k8s_openapi::api::core::v1::Probe;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::merge::not_set;
use crate::error::Error;

/// Kept for the served process types together.
pub const SERVED: &str = "web/cmd";
/// The two probes there are.
pub const LIVENESS: &str = "livenessProbe";
/// Without one of its own, the served process type is asked whether it listens.
pub const READINESS: &str = "readinessProbe";

/// Process type, or [`SERVED`], to the name of a probe to the probe.
pub type Healthcheck = BTreeMap<String, BTreeMap<String, Value>>;

/// A change: `None` for a whole process type or for one probe unsets it.
pub type Patch = BTreeMap<String, Option<BTreeMap<String, Option<Value>>>>;

/// What a probe may be; for the check alone, the value is kept as it came.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Form {
    initial_delay_seconds: Option<u16>,
    timeout_seconds: Option<u16>,
    period_seconds: Option<u16>,
    success_threshold: Option<u16>,
    failure_threshold: Option<u16>,
    exec: Option<Exec>,
    http_get: Option<HttpGet>,
    tcp_socket: Option<TcpSocket>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exec {
    command: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HttpGet {
    port: u16,
    #[serde(rename = "path")]
    _path: Option<String>,
    host: Option<String>,
    scheme: Option<String>,
    #[serde(rename = "httpHeaders")]
    _http_headers: Option<Vec<Header>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "value")]
    _value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TcpSocket {
    port: u16,
}

/// Reads a change of health checks.
///
/// # Errors
/// [`Error::Field`] for what is no probe.
pub fn parse(body: BTreeMap<String, Option<Value>>) -> Result<Patch, Error> {
    // Version 2.1 of the contract had probes without a process type.
    if body.keys().any(|key| [LIVENESS, READINESS].contains(&key.as_str())) {
        let probes = body.into_iter().map(|(key, value)| (key, value.unwrap_or(Value::Null))).collect::<Map<_, _>>();
        return Ok(Patch::from([(SERVED.to_owned(), Some(of_type(probes)?))]));
    }
    let types = body.into_iter().map(|(kind, value)| {
        if kind != SERVED {
            drop(kind.parse::<ProcType>().map_err(Error::name("healthcheck"))?);
        }
        let probes = match value {
            None | Some(Value::Null) => None,
            Some(Value::Object(probes)) => Some(of_type(probes)?),
            Some(_) => {
                return Err(Error::field("healthcheck", format!("could not validate {kind}: it must be an object")));
            }
        };
        Ok((kind, probes))
    });
    types.collect()
}

fn of_type(probes: Map<String, Value>) -> Result<BTreeMap<String, Option<Value>>, Error> {
    let probes = probes.into_iter().map(|(name, probe)| {
        if ![LIVENESS, READINESS].contains(&name.as_str()) {
            let message = "Healthcheck keys must be either livenessProbe or readinessProbe";
            return Err(Error::field("healthcheck", message));
        }
        if probe.is_null() {
            return Ok((name, None));
        }
        check(&name, &probe)?;
        Ok((name, Some(probe)))
    });
    probes.collect()
}

fn check(name: &str, probe: &Value) -> Result<(), Error> {
    let refused = |reason: &str| Err(Error::field("healthcheck", format!("could not validate {name}: {reason}")));
    let form = match Form::deserialize(probe) {
        Ok(form) => form,
        Err(error) => return refused(&error.to_string()),
    };
    if name == LIVENESS && form.success_threshold.is_some_and(|threshold| threshold != 1) {
        return Err(Error::field("healthcheck", "livenessProbe successThreshold can only be 1"));
    }
    let at_least_one = [form.timeout_seconds, form.period_seconds, form.success_threshold, form.failure_threshold]
        .into_iter()
        .flatten();
    if at_least_one.into_iter().any(|number| number == 0) {
        return refused("time-out, period and thresholds must be at least 1");
    }
    let _any_delay_is_fine = form.initial_delay_seconds;
    let ports = [form.http_get.as_ref().map(|get| get.port), form.tcp_socket.as_ref().map(|socket| socket.port)];
    if ports.contains(&Some(0)) {
        return refused("a port is 1 to 65535");
    }
    match (&form.exec, &form.http_get, &form.tcp_socket) {
        (Some(exec), None, None) if exec.command.is_empty() => refused("the command is empty"),
        // The kubelet would ask any address that it can reach.
        (None, Some(get), None) if get.host.as_ref().is_some_and(|host| !host.is_empty()) => {
            refused("a host cannot be given, the pod itself is asked; use httpHeaders for the name")
        }
        (None, Some(get), None)
            if get.scheme.as_ref().is_some_and(|scheme| !["HTTP", "HTTPS"].contains(&scheme.as_str())) =>
        {
            refused("the scheme is HTTP or HTTPS")
        }
        (Some(_), None, None) | (None, Some(_), None) | (None, None, Some(_)) => Ok(()),
        _ => refused("one of exec, httpGet and tcpSocket must be given"),
    }
}

/// Merges a change into the health checks before, probe by probe.
///
/// # Errors
/// [`Error::Refused`] for unsetting what is not set.
pub fn merge(before: &Healthcheck, patch: Patch) -> Result<Healthcheck, Error> {
    let mut after = before.clone();
    for (kind, probes) in patch {
        let Some(probes) = probes else {
            if after.remove(&kind).is_none() {
                return Err(not_set("healthcheck", kind));
            }
            continue;
        };
        for (name, probe) in probes {
            let of_type = after.entry(kind.clone()).or_default();
            match probe {
                Some(probe) => drop(of_type.insert(name, probe)),
                None if of_type.remove(&name).is_some() => {}
                None => return Err(not_set("healthcheck", kind)),
            }
        }
    }
    after.retain(|_kind, probes| !probes.is_empty());
    Ok(after)
}

/// The probe of a process type; `is_served` types without checks of their own have those of [`SERVED`].
#[must_use]
pub fn probe(healthcheck: &Healthcheck, kind: &ProcType, name: &str) -> Option<Probe> {
    let is_servable = [ProcType::web(), ProcType::cmd()].contains(kind);
    let shared = || healthcheck.get(SERVED).filter(|_| is_servable);
    let probes = healthcheck.get(kind.as_str()).or_else(shared)?;
    serde_json::from_value(probes.get(name)?.clone()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patch(body: Value) -> Result<Patch, Error> {
        parse(serde_json::from_value(body).unwrap())
    }

    #[test]
    fn probes_are_set_and_unset_one_by_one() {
        let tcp = json!({ "tcpSocket": { "port": 5000 } });
        let exec = json!({ "exec": { "command": ["true"] }, "initialDelaySeconds": 7 });
        let first = merge(
            &Healthcheck::new(),
            patch(json!({ "web": { "livenessProbe": tcp, "readinessProbe": exec } })).unwrap(),
        );
        let first = first.unwrap();
        assert_eq!(probe(&first, &ProcType::web(), READINESS).unwrap().initial_delay_seconds, Some(7));
        let second = merge(
            &first,
            patch(json!({ "web": { "readinessProbe": null }, "worker": { "livenessProbe": exec } })).unwrap(),
        );
        let second = second.unwrap();
        assert_eq!(json!(second), json!({ "web": { "livenessProbe": tcp }, "worker": { "livenessProbe": exec } }));
        let third =
            merge(&second, patch(json!({ "web": { "livenessProbe": null }, "worker": null })).unwrap()).unwrap();
        assert!(third.is_empty());
        for gone in [json!({ "web": null }), json!({ "web": { "livenessProbe": null } })] {
            let error = merge(&third, patch(gone).unwrap()).unwrap_err().to_string();
            assert_eq!(error, "web does not exist under healthcheck");
        }
    }

    #[test]
    fn served_types_share_probes_unless_they_have_their_own() {
        let old = patch(json!({ "livenessProbe": { "httpGet": { "port": 80, "path": "/" } } })).unwrap();
        let checks = merge(&Healthcheck::new(), old).unwrap();
        let at = |kind: &str| probe(&checks, &kind.parse().unwrap(), LIVENESS).is_some();
        assert_eq!((at("web"), at("cmd"), at("worker")), (true, true, false));
        let own =
            merge(&checks, patch(json!({ "web": { "readinessProbe": { "tcpSocket": { "port": 1 } } } })).unwrap());
        assert!(probe(&own.unwrap(), &ProcType::web(), LIVENESS).is_none());
    }

    #[test]
    fn what_is_no_probe_is_refused() {
        let get = json!({ "port": 80 });
        let refusals = [
            json!({ "web": { "startupProbe": {} } }),
            json!({ "web": 1 }),
            json!({ "Web": {} }),
            json!({ "web": { "livenessProbe": {} } }),
            json!({ "web": { "livenessProbe": { "httpGet": get, "tcpSocket": get } } }),
            json!({ "web": { "livenessProbe": { "httpGet": { "path": "/" } } } }),
            json!({ "web": { "livenessProbe": { "httpGet": { "port": 80, "host": "169.254.169.254" } } } }),
            json!({ "web": { "livenessProbe": { "httpGet": { "port": 80, "scheme": "gopher" } } } }),
            json!({ "web": { "livenessProbe": { "tcpSocket": { "port": 0 } } } }),
            json!({ "web": { "livenessProbe": { "exec": { "command": [] } } } }),
            json!({ "web": { "livenessProbe": { "httpGet": get, "successThreshold": 2 } } }),
            json!({ "web": { "readinessProbe": { "httpGet": get, "periodSeconds": 0 } } }),
            json!({ "web": { "readinessProbe": { "httpGet": get, "initialDelaySeconds": -1 } } }),
            json!({ "web": { "readinessProbe": { "httpGet": get, "grpc": {} } } }),
        ]
        .map(|body| patch(body).unwrap_err().to_string());
        insta::assert_yaml_snapshot!(refusals);
    }
}
