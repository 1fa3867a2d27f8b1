use std::fmt;

use super::{AppName, NameError};

/// A host that a router serves: a name of labels (RFC 1123), lower-case, without a final dot; the first label may be `*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Hostname(String);

impl Hostname {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for all names one label longer than its rest.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }

    /// Whether it is a single label, to be completed with the platform's domain.
    #[must_use]
    pub fn is_label(&self) -> bool {
        !self.0.contains('.')
    }
}

fn is_label(label: &str) -> bool {
    let inner = label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    (1..=63).contains(&label.len()) && inner && !label.starts_with('-') && !label.ends_with('-')
}

impl TryFrom<String> for Hostname {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let lower = text.to_ascii_lowercase();
        let name = lower.strip_suffix('.').unwrap_or(&lower);
        if name == "*" {
            return Err(NameError("Hostname can't only be a wildcard"));
        }
        if name.len() > 253 {
            return Err(NameError("Hostname must be 253 characters or less."));
        }
        let labels = name.strip_prefix("*.").unwrap_or(name);
        let last_is_number =
            labels.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        if !labels.split('.').all(is_label) || last_is_number {
            return Err(NameError("Hostname does not look valid."));
        }
        Ok(Self(name.to_owned()))
    }
}

impl std::str::FromStr for Hostname {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::try_from(text.to_owned())
    }
}

/// An app's own name is a label that starts with a letter, so it is a host's name too.
impl From<&AppName> for Hostname {
    fn from(app: &AppName) -> Self {
        Self(app.as_str().to_owned())
    }
}

impl From<Hostname> for String {
    fn from(name: Hostname) -> Self {
        name.0
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_wildcards_and_labels() {
        for (text, name) in [
            ("Example.COM.", "example.com"),
            ("*.deis.example.com", "*.deis.example.com"),
            ("domain", "domain"),
            ("3com.com", "3com.com"),
            ("django.paas--sandbox", "django.paas--sandbox"),
        ] {
            assert_eq!(text.parse::<Hostname>().unwrap().as_str(), name);
        }
        assert!("*.a.b".parse::<Hostname>().unwrap().is_wildcard());
        assert!("deis".parse::<Hostname>().unwrap().is_label());
        let app = "a1-b".parse::<AppName>().unwrap();
        assert_eq!(Hostname::from(&app), "a1-b".parse().unwrap());
        let long = format!("{}.com", "a".repeat(64));
        for bad in ["", ".", "*", "a..b", "foo.*.bar.com", "_a.b", "a_b.com", "-a.b", "a-.b", "10.0.0.1", "a b", &long]
        {
            assert!(bad.parse::<Hostname>().is_err(), "{bad:?}");
        }
    }
}
