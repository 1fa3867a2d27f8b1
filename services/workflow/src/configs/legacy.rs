//! Health checks of old apps, which were environment variables: `HEALTHCHECK_URL` and what belongs to it.

use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::probes::{LIVENESS, READINESS};
use crate::error::Error;
use crate::ledger::Variables;

/// What all of them begin with.
const PREFIX: &str = "HEALTHCHECK_";
/// With this one there is a check; without it the others are variables like any.
const URL: &str = "HEALTHCHECK_URL";

/// Checks a variable that is to be set, if it is one of these.
///
/// # Errors
/// [`Error::Field`] for an address that is more than a path, and for others that are no numbers.
pub fn check(key: &str, value: &str) -> Result<(), Error> {
    let refused = |message: String| Err(Error::field("values", message));
    if key == URL {
        let is_path = value.starts_with('/') && !value.starts_with("//") && !value.contains(['?', '#', ';']);
        let is_plain = value.bytes().all(|byte| byte.is_ascii_graphic());
        return if is_path && is_plain {
            Ok(())
        } else {
            refused(format!("{URL} can only be a path, ex: /health; it has no host, query or fragment"))
        };
    }
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    if key.starts_with(PREFIX) && !is_number {
        return refused(format!("{key} can only be a numeric value"));
    }
    Ok(())
}

/// Takes the variables out, for a check has one place, and answers the probes that they are; none without an address.
///
/// The probes name no port: they ask the one that the app has when it is deployed.
///
/// # Errors
/// [`Error::Field`] for a number that no probe can have.
pub fn take(values: &mut Variables) -> Result<Option<BTreeMap<String, Value>>, Error> {
    let Some(path) = get(values, URL) else { return Ok(None) };
    let path = path.to_owned();
    let probe = |success: u16| -> Result<Value, Error> {
        Ok(json!({
            "initialDelaySeconds": number(values, "INITIAL_DELAY", 50, 0)?,
            "timeoutSeconds": number(values, "TIMEOUT", 50, 1)?,
            "periodSeconds": number(values, "PERIOD_SECONDS", 10, 1)?,
            "successThreshold": success,
            "failureThreshold": number(values, "FAILURE_THRESHOLD", 3, 1)?,
            "httpGet": { "path": path },
        }))
    };
    // Kubernetes takes no other threshold for whether a process lives.
    let (liveness, readiness) = (probe(1)?, probe(number(values, "SUCCESS_THRESHOLD", 1, 1)?)?);
    let probes = [(LIVENESS.to_owned(), liveness), (READINESS.to_owned(), readiness)];
    values.retain(|key, _| !key.as_str().starts_with(PREFIX));
    Ok(Some(probes.into()))
}

fn get<'a>(values: &'a Variables, name: &str) -> Option<&'a str> {
    values.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value.expose_secret())
}

fn number(values: &Variables, name: &str, default: u16, least: u16) -> Result<u16, Error> {
    let key = format!("{PREFIX}{name}");
    let Some(text) = get(values, &key) else { return Ok(default) };
    let number = text.parse().ok().filter(|number| *number >= least);
    number.ok_or_else(|| Error::field("values", format!("{key} needs to be between {least} and {}", u16::MAX)))
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(key, value)| (key.parse().unwrap(), SecretString::from(*value))).collect()
    }

    #[test]
    fn an_address_is_a_path_and_all_else_a_number() {
        for (key, value) in
            [(URL, "/"), (URL, "/health/%20x:1"), ("HEALTHCHECK_TIMEOUT", "50"), ("HEALTHCHECKS", "x"), ("A", "x")]
        {
            assert!(check(key, value).is_ok(), "{key}={value}");
        }
        for value in ["", "health", "http://x/health", "//x/health", "/health?x", "/health#x", "/health;x", "/a b"] {
            assert!(check(URL, value).unwrap_err().to_string().starts_with("HEALTHCHECK_URL can only be a path"));
        }
        for (key, value) in
            [("HEALTHCHECK_TIMEOUT", "soon"), ("HEALTHCHECK_X", ""), ("HEALTHCHECK_PERIOD_SECONDS", "-1")]
        {
            assert_eq!(check(key, value).unwrap_err().to_string(), format!("{key} can only be a numeric value"));
        }
    }

    #[test]
    fn they_become_probes_and_are_gone() {
        let mut values = variables(&[("A", "1"), ("HEALTHCHECK_TIMEOUT", "5")]);
        assert_eq!(take(&mut values).unwrap(), None, "without an address there is no check");
        assert_eq!(values.len(), 2);

        values.extend(variables(&[
            (URL, "/health"),
            ("HEALTHCHECK_SUCCESS_THRESHOLD", "2"),
            ("HEALTHCHECK_SPARE", "1"),
        ]));
        insta::assert_json_snapshot!(take(&mut values).unwrap());
        assert_eq!(values.keys().map(|key| key.as_str()).collect::<Vec<_>>(), ["A"]);

        for (key, value) in [("HEALTHCHECK_TIMEOUT", "0"), ("HEALTHCHECK_INITIAL_DELAY", "65536")] {
            let mut values = variables(&[(URL, "/"), (key, value)]);
            let refusal = take(&mut values).unwrap_err().to_string();
            assert!(refusal.starts_with(&format!("{key} needs to be between ")), "{refusal}");
            assert_eq!(values.len(), 2, "nothing is half done");
        }
    }
}
