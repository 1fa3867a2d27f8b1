//! The settings that operators change while everything runs: what they are called and what they may say. `deisctl config` writes nothing
//! else, and who obeys them reads them with the same functions.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

/// One setting of a component.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Whose it is: the first part of its name in state.
    pub component: &'static str,
    /// Its name there.
    pub key: &'static str,
    /// What it may say.
    pub kind: Kind,
}

/// What a setting may say.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A time within these bounds, such as `30s`, `20m` or `1h`.
    Time {
        /// The shortest.
        least: Duration,
        /// The longest.
        most: Duration,
    },
    /// Addresses and networks, separated by commas; nothing for none.
    Networks,
}

/// Why a value is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {expected}, not {value:?}")]
pub struct BadValue {
    key: &'static str,
    expected: String,
    value: String,
}

/// Who may register.
pub const REGISTRATION_MODE: Setting = Setting {
    component: "workflow",
    key: "registration-mode",
    kind: Kind::Word(&["enabled", "admin_only", "disabled"]),
};

/// How long an app may be silent in an answer, unless it says otherwise itself.
pub const DEFAULT_TIMEOUT: Setting = Setting {
    component: "router",
    key: "default-timeout",
    kind: Kind::Time { least: Duration::from_secs(1), most: Duration::from_secs(24 * 3600) },
};

/// Who may come to every app.
pub const DEFAULT_WHITELIST: Setting = Setting { component: "router", key: "default-whitelist", kind: Kind::Networks };

/// Whether an app's own whitelist adds to the default one or takes its place.
pub const WHITELIST_MODE: Setting =
    Setting { component: "router", key: "whitelist-mode", kind: Kind::Word(&["extend", "override"]) };

/// Load balancers before the router: what they say of a client is believed.
pub const PROXY_REAL_IP_CIDRS: Setting =
    Setting { component: "router", key: "proxy-real-ip-cidrs", kind: Kind::Networks };

/// Whether plain requests to any app are sent to https.
pub const SSL_ENFORCE: Setting = Setting { component: "router", key: "ssl.enforce", kind: Kind::Flag };

/// All that there are.
pub const ALL: &[Setting] =
    &[REGISTRATION_MODE, DEFAULT_TIMEOUT, DEFAULT_WHITELIST, WHITELIST_MODE, PROXY_REAL_IP_CIDRS, SSL_ENFORCE];

impl Setting {
    /// Whether this is a value of the setting.
    ///
    /// # Errors
    /// What it would have to be.
    pub fn check(&self, value: &str) -> Result<(), BadValue> {
        let expected = match self.kind {
            Kind::Word(words) if !words.contains(&value) => format!("one of {}", words.join(", ")),
            Kind::Flag if flag(value).is_none() => "true or false".to_owned(),
            Kind::Time { least, most } if !time(value).is_some_and(|time| (least..=most).contains(&time)) => {
                format!("a time such as 30s or 20m, from {} s to {} s", least.as_secs(), most.as_secs())
            }
            Kind::Networks if networks(value).is_none() => {
                "a list of addresses and networks such as 10.0.0.0/8,192.0.2.7".to_owned()
            }
            _ => return Ok(()),
        };
        Err(BadValue { key: self.key, expected, value: value.to_owned() })
    }
}

/// `true` or `false`, in any case.
#[must_use]
pub fn flag(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") { Some(true) } else { is("false").then_some(false) }
}

/// Digits with an optional unit: ms, s (without any), m, h, d. Never nothing.
#[must_use]
pub fn time(text: &str) -> Option<Duration> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let millis = number.parse::<u64>().ok()?.checked_mul(factor).filter(|millis| *millis > 0)?;
    Some(Duration::from_millis(millis))
}

/// An address, or a network in CIDR notation.
#[must_use]
pub fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpAddr>().map(IpNet::from).or_else(|_not_single| text.parse::<IpNet>()).ok()
}

/// A comma list of them; an empty one is a list too.
#[must_use]
pub fn networks(text: &str) -> Option<Vec<IpNet>> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(network).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_setting_may_say() {
        let good = [
            (REGISTRATION_MODE, "admin_only"),
            (DEFAULT_TIMEOUT, "20m"),
            (DEFAULT_TIMEOUT, "1300"),
            (DEFAULT_WHITELIST, "10.0.0.0/8, 192.0.2.7,2001:db8::/32"),
            (DEFAULT_WHITELIST, ""),
            (WHITELIST_MODE, "override"),
            (SSL_ENFORCE, "True"),
        ];
        for (setting, value) in good {
            assert_eq!(setting.check(value), Ok(()), "{value}");
        }
        let bad = [
            (REGISTRATION_MODE, "open"),
            (DEFAULT_TIMEOUT, "soon"),
            (DEFAULT_TIMEOUT, "0"),
            (DEFAULT_TIMEOUT, "2d"),
            (DEFAULT_TIMEOUT, "99999999999999999999d"),
            (DEFAULT_WHITELIST, "10.0.0.0/8,home"),
            (WHITELIST_MODE, ""),
            (SSL_ENFORCE, "yes"),
        ];
        let told = bad.map(|(setting, value)| setting.check(value).unwrap_err().to_string());
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn no_two_have_a_name() {
        let names = ALL.iter().map(|setting| (setting.component, setting.key));
        assert_eq!(names.collect::<std::collections::BTreeSet<_>>().len(), ALL.len());
    }
}
