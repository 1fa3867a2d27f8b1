//! `SSH_KEY`, the private key that builds fetch with. A variable holds it as base64, which has no line ends; people have it in a file.

use std::collections::BTreeMap;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deis_api::rest::Secret;
use deis_cli::Failure;

const NAME: &str = "SSH_KEY";

/// Puts the key's base64 in the place of what is given: that, the key's text, or the path of its file.
pub fn encode(values: &mut BTreeMap<String, Option<Secret>>) -> Result<(), Failure> {
    let Some(Some(value)) = values.get_mut(NAME) else { return Ok(()) };
    let given = value.expose();
    let encoded = if is_key(given) {
        STANDARD.encode(given)
    } else if is_encoded(given.trim()) {
        given.trim().to_owned()
    } else {
        let file = fs::read_to_string(given).ok().filter(|text| is_key(text));
        let file = file.ok_or_else(|| {
            // What was meant to be a secret is not shown.
            Failure::new(format!("Could not parse SSH private key: {NAME} is neither one, nor its base64, nor a file"))
                .hint(format!("Name the file: deis config:set {NAME}=$HOME/.ssh/id_ed25519"))
        })?;
        STANDARD.encode(file)
    };
    *value = Secret::from(encoded);
    Ok(())
}

fn is_encoded(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|bytes| str::from_utf8(&bytes).is_ok_and(is_key))
}

/// RFC 7468, and what OpenSSH writes in its form.
fn is_key(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("-----BEGIN ") && text.lines().next().is_some_and(|line| line.contains("PRIVATE KEY-----"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";

    fn encoded(given: &str) -> Result<String, Failure> {
        let mut values = [(NAME.to_owned(), Some(Secret::from(given.to_owned())))].into();
        encode(&mut values)?;
        Ok(values[NAME].as_ref().unwrap().expose().to_owned())
    }

    #[test]
    fn a_key_its_base64_and_its_file_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("id_ed25519");
        fs::write(&path, KEY).unwrap();
        let base64 = STANDARD.encode(KEY);
        for given in [KEY, base64.as_str(), path.to_str().unwrap()] {
            assert_eq!(encoded(given).unwrap(), base64);
        }
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_shown() {
        let public = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        for given in ["hunter2", "", "/nowhere/id_rsa", public, &STANDARD.encode("hunter2")] {
            let failure = encoded(given).unwrap_err();
            assert!(failure.summary().starts_with("Could not parse SSH private key:"), "{given}");
            assert!(given.is_empty() || !failure.summary().contains(given), "{given}");
        }
    }

    #[test]
    fn other_variables_and_one_that_is_unset_stay() {
        let mut values =
            BTreeMap::from([(NAME.to_owned(), None), ("A".to_owned(), Some(Secret::from("x".to_owned())))]);
        encode(&mut values).unwrap();
        assert!(values[NAME].is_none() && values["A"].as_ref().unwrap().expose() == "x");
    }
}
