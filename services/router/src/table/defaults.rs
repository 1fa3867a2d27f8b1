use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deis_api::settings::{
    self, ALL, DEFAULT_TIMEOUT, DEFAULT_WHITELIST, PROXY_REAL_IP_CIDRS, SSL_ENFORCE, Setting, WHITELIST_MODE,
};
use ipnet::IpNet;

/// What holds for every app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// `default-timeout`: between two bytes from a pod, where the app says nothing of it.
    pub idle_limit: Duration,
    /// `default-whitelist`: who may come to every app; empty for everybody.
    pub allowed: Vec<IpNet>,
    /// `whitelist-mode`: whether an app's own whitelist takes the place of the default one.
    pub app_overrides: bool,
    /// `ssl.enforce`: send plain requests to https, whatever the app says.
    pub enforce_tls: bool,
    /// `proxy-real-ip-cidrs`: load balancers before the router.
    pub trusted: Arc<[IpNet]>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            idle_limit: Duration::from_secs(1300),
            allowed: Vec::new(),
            app_overrides: false,
            enforce_tls: false,
            trusted: Arc::default(),
        }
    }
}

impl Defaults {
    /// These, with what the operator has set instead.
    pub(super) fn with(&self, set: &BTreeMap<String, String>) -> Self {
        let text = |setting: Setting| set.get(setting.key).map(String::as_str);
        Self {
            idle_limit: text(DEFAULT_TIMEOUT).and_then(settings::time).unwrap_or(self.idle_limit),
            allowed: text(DEFAULT_WHITELIST).and_then(settings::networks).unwrap_or_else(|| self.allowed.clone()),
            app_overrides: text(WHITELIST_MODE).map_or(self.app_overrides, |mode| mode == "override"),
            enforce_tls: text(SSL_ENFORCE).and_then(settings::flag).unwrap_or(self.enforce_tls),
            trusted: text(PROXY_REAL_IP_CIDRS)
                .and_then(settings::networks)
                .map_or_else(|| Arc::clone(&self.trusted), Into::into),
        }
    }
}

/// What of `new` can be obeyed; a value that cannot leaves the one `before`. And how many could not.
pub(super) fn accept(
    new: BTreeMap<String, String>,
    before: &BTreeMap<String, String>,
) -> (BTreeMap<String, String>, usize) {
    let mut accepted = BTreeMap::new();
    let mut ignored = 0;
    for (key, value) in new {
        let known = ALL.iter().find(|known| known.component == "router" && known.key == key);
        let problem =
            known.map_or_else(|| Some("not known".to_owned()), |known| Some(known.check(&value).err()?.to_string()));
        let Some(problem) = problem else {
            accepted.insert(key, value);
            continue;
        };
        tracing::error!(setting = key, problem, "a setting cannot be obeyed");
        ignored += 1;
        if let Some(good) = before.get(&key) {
            accepted.insert(key, good.clone());
        }
    }
    (accepted, ignored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_set_wins_and_what_is_not_stays() {
        let chart = Defaults { trusted: [settings::network("10.0.0.0/8").unwrap()].into(), ..Defaults::default() };
        assert_eq!(chart.with(&set(&[])), chart);
        let all = set(&[
            ("default-timeout", "20m"),
            ("default-whitelist", "192.0.2.0/24"),
            ("whitelist-mode", "override"),
            ("ssl.enforce", "true"),
            ("proxy-real-ip-cidrs", ""),
        ]);
        let with = chart.with(&all);
        assert_eq!((with.idle_limit.as_secs(), with.allowed.len(), with.trusted.len()), (1200, 1, 0));
        assert!(with.app_overrides && with.enforce_tls);
    }

    #[test]
    fn a_bad_value_leaves_the_last_good_one() {
        let before = set(&[("default-whitelist", "192.0.2.0/24"), ("ssl.enforce", "true")]);
        let (accepted, ignored) = accept(set(&[("default-whitelist", "home"), ("colour", "blue")]), &before);
        assert_eq!((accepted, ignored), (set(&[("default-whitelist", "192.0.2.0/24")]), 2));
    }
}
