use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use deis_api::{Hostname, settings};
use deis_kube::names;
use deis_kube::paths::PathPattern;
use http::HeaderValue;
use ipnet::IpNet;

use super::Defaults;

/// The prefix of the annotations that are read here.
pub(crate) const PREFIX: &str = "router.deis.io/";

const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// 180 days.
const HSTS_SECONDS: u64 = 15_552_000;
/// What one app may have in all, which holds in any case: with fewer for a pod websockets could not all move to one router.
const CONNECTIONS: usize = usize::MAX;

/// What a Service's annotations `router.deis.io/*` ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `domains`: a comma list of full names, wildcards, and names without a dot.
    pub domains: Vec<Hostname>,
    /// `certificates`: a comma list of `{domain}:{certificate}`; with each domain the Secret of its certificate.
    pub certificates: Vec<(Hostname, String)>,
    /// `maintenance`: answer 503.
    pub maintenance: bool,
    /// `whitelist`: a comma list of addresses and networks; without it everybody may come.
    pub allowed: Option<Vec<IpNet>>,
    /// `ssl.enforce`: send plain requests to https. So does HSTS.
    pub enforce_tls: bool,
    /// `ssl.hsts.enabled`, `ssl.hsts.maxAge` in seconds, `ssl.hsts.includeSubDomains`, `ssl.hsts.preload`: what answers over TLS say in
    /// `Strict-Transport-Security` (RFC 6797), unless the app says something itself.
    pub hsts: Option<HeaderValue>,
    /// `connectTimeout`: for a connection to a pod.
    pub connect_limit: Duration,
    /// `tcpTimeout`: between two bytes from a pod.
    pub idle_limit: Duration,
    /// `requestTimeout`: from a request until its answer begins; without it the others hold alone.
    pub request_limit: Option<Duration>,
    /// `bodySize`: bytes that a request's body may have; without it any number.
    pub body_limit: Option<u64>,
    /// `proxyDomain`, `proxyLocations`: the Service of the same namespace whose requests for some paths are this one's.
    pub paths: Option<Box<Paths>>,
    /// `maxConnections`: that a pod may have at once from this router, websockets included; without it as many as one app may have in all.
    pub connections: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            certificates: Vec::new(),
            maintenance: false,
            allowed: None,
            enforce_tls: false,
            hsts: None,
            connect_limit: CONNECT_LIMIT,
            idle_limit: Defaults::default().idle_limit,
            request_limit: None,
            body_limit: None,
            paths: None,
            connections: CONNECTIONS,
        }
    }
}

/// Paths of another Service that are this one's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The other one's name.
    pub of: String,
    /// Which ones.
    pub pattern: PathPattern,
}

/// An annotation that cannot be read as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Warning {
    pub(super) annotation: &'static str,
    pub(super) problem: String,
}

impl Settings {
    /// Reads annotations (their prefix taken off). What cannot be read falls back alone, with a warning: a domain is left out, an
    /// entry of the whitelist admits nobody, all else takes its default.
    pub(super) fn parse(annotations: &BTreeMap<String, String>, platform: &Defaults) -> (Self, Vec<Warning>) {
        let mut read = Reader { annotations, warnings: Vec::new() };
        let defaults = Self { idle_limit: platform.idle_limit, ..Self::default() };
        let hsts = read.hsts();
        let settings = Self {
            domains: read
                .list("domains", |text| text.parse::<Hostname>().map_err(|error| error.to_string()))
                .unwrap_or_default(),
            certificates: read.list("certificates", certificate).unwrap_or_default(),
            maintenance: read.one("maintenance", flag).unwrap_or(defaults.maintenance),
            allowed: allowed(read.list("whitelist", network), platform),
            enforce_tls: read.one("ssl.enforce", flag).unwrap_or(defaults.enforce_tls)
                || platform.enforce_tls
                || hsts.is_some(),
            hsts,
            connect_limit: read.one("connectTimeout", duration).unwrap_or(defaults.connect_limit),
            idle_limit: read.one("tcpTimeout", duration).unwrap_or(defaults.idle_limit),
            request_limit: read.one("requestTimeout", duration),
            // As nginx has it: 0 for no limit.
            body_limit: read.one("bodySize", size).filter(|size| *size > 0),
            paths: read.paths(),
            connections: read.one("maxConnections", number).unwrap_or(defaults.connections),
        };
        (settings, read.warnings)
    }

    /// Whether a client with this address may come in.
    #[must_use]
    pub fn admits(&self, address: IpAddr) -> bool {
        self.allowed.as_ref().is_none_or(|networks| networks.iter().any(|network| network.contains(&address)))
    }
}

struct Reader<'a> {
    annotations: &'a BTreeMap<String, String>,
    warnings: Vec<Warning>,
}

impl Reader<'_> {
    fn one<T>(&mut self, annotation: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self.annotations.get(annotation)?.trim();
        parse(text).map_err(|problem| self.warnings.push(Warning { annotation, problem })).ok()
    }

    /// One without the other says nothing.
    fn paths(&mut self) -> Option<Box<Paths>> {
        let of = self.annotations.get("proxyDomain")?.trim().to_owned();
        let pattern =
            self.one("proxyLocations", |text| text.parse::<PathPattern>().map_err(|error| error.to_string()))?;
        Some(Box::new(Paths { of, pattern }))
    }

    /// What is set beside it says nothing while it is not enabled.
    fn hsts(&mut self) -> Option<HeaderValue> {
        let is_enabled = self.one("ssl.hsts.enabled", flag).unwrap_or(false);
        let seconds = self.one("ssl.hsts.maxAge", seconds).unwrap_or(HSTS_SECONDS);
        let includes = self.one("ssl.hsts.includeSubDomains", flag).unwrap_or(false);
        let preload = self.one("ssl.hsts.preload", flag).unwrap_or(false);
        let said = [(includes, "; includeSubDomains"), (preload, "; preload")];
        let said = said.into_iter().filter_map(|(is_said, words)| is_said.then_some(words)).collect::<String>();
        is_enabled.then(|| HeaderValue::from_str(&format!("max-age={seconds}{said}")).ok()).flatten()
    }

    /// The readable entries of a comma list; `None` when there is no such annotation or it is empty.
    fn list<T>(&mut self, annotation: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        let text = self.annotations.get(annotation)?;
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect::<Vec<_>>();
        if entries.is_empty() {
            return None;
        }
        let mut values = Vec::with_capacity(entries.len());
        for entry in entries {
            match parse(entry) {
                Ok(value) => values.push(value),
                Err(problem) => self.warnings.push(Warning { annotation, problem: format!("{entry:?}: {problem}") }),
            }
        }
        Some(values)
    }
}

/// `{domain}:{certificate}`, as the domain and its certificate's Secret.
fn certificate(text: &str) -> Result<(Hostname, String), String> {
    let (domain, certificate) = text.split_once(':').ok_or_else(|| "no domain with a certificate".to_owned())?;
    let domain = domain.trim().parse::<Hostname>().map_err(|error| error.to_string())?;
    let secret = names::certificate_secret(certificate.trim());
    let is_name =
        secret.len() <= 253 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    if is_name { Ok((domain, secret)) } else { Err("no name of a certificate".to_owned()) }
}

fn seconds(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number of seconds"))
}

/// An app's list with the platform's, or in its stead; `None` for everybody.
fn allowed(of_app: Option<Vec<IpNet>>, platform: &Defaults) -> Option<Vec<IpNet>> {
    match of_app {
        Some(of_app) if platform.app_overrides => Some(of_app),
        // Nothing to extend: an app that is open to a few is not made open to all.
        Some(of_app) => Some([of_app, platform.allowed.clone()].concat()),
        None if platform.allowed.is_empty() => None,
        None => Some(platform.allowed.clone()),
    }
}

fn flag(text: &str) -> Result<bool, String> {
    settings::flag(text).ok_or_else(|| format!("{text:?} is neither true nor false"))
}

fn network(text: &str) -> Result<IpNet, String> {
    settings::network(text).ok_or_else(|| "neither an address nor a network".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    settings::time(text).ok_or_else(|| format!("{text:?} is not a time such as 30s"))
}

/// Digits, with `k` or `m` after them for kilobytes and megabytes (of 1024), and `g`.
fn size(text: &str) -> Result<u64, String> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" => Some(1),
        "k" => Some(1 << 10),
        "m" => Some(1 << 20),
        "g" => Some(1 << 30),
        _ => None,
    };
    let bytes = number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    bytes.ok_or_else(|| format!("{text:?} is not a size such as 10m"))
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| format!("{text:?} is not a number above 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(annotations: &[(&str, &str)]) -> (Settings, Vec<&'static str>) {
        let annotations = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let (settings, warnings) = Settings::parse(&annotations, &Defaults::default());
        (settings, warnings.into_iter().map(|warning| warning.annotation).collect())
    }

    #[test]
    fn every_annotation_is_read() {
        let (settings, warnings) = parse(&[
            ("domains", "app, www.example.com,*.example.org,"),
            ("maintenance", "True"),
            ("whitelist", "10.0.0.0/8,192.0.2.7, 2001:db8::/32"),
            ("ssl.enforce", "true"),
            ("connectTimeout", "10"),
            ("tcpTimeout", "20m"),
            ("requestTimeout", "30s"),
            ("bodySize", "10M"),
            ("maxConnections", "50"),
            ("proxyDomain", "shop"),
            ("proxyLocations", "/api,/v2"),
        ]);
        assert!(warnings.is_empty(), "{warnings:?}");
        let paths = settings.paths.as_ref().unwrap();
        assert_eq!((paths.of.as_str(), paths.pattern.as_str()), ("shop", "/api,/v2"));
        assert_eq!(parse(&[("proxyDomain", "shop"), ("proxyLocations", "(")]).1, ["proxyLocations"]);
        assert_eq!(settings.domains, ["app", "www.example.com", "*.example.org"].map(|name| name.parse().unwrap()));
        assert!(settings.maintenance && settings.enforce_tls);
        for (address, admitted) in
            [("10.1.2.3", true), ("192.0.2.7", true), ("2001:db8::1", true), ("192.0.2.8", false)]
        {
            assert_eq!(settings.admits(address.parse().unwrap()), admitted, "{address}");
        }
        assert_eq!((settings.connect_limit.as_secs(), settings.idle_limit.as_secs()), (10, 1200));
        assert_eq!(settings.request_limit, Some(Duration::from_secs(30)));
        assert_eq!((settings.body_limit, settings.connections), (Some(10 << 20), 50));
        assert_eq!(parse(&[]), (Settings::default(), Vec::new()));
        assert_eq!(Settings::default().connections, usize::MAX, "one app's share of the router holds alone");
    }

    #[test]
    fn what_cannot_be_read_falls_back_alone() {
        let (settings, warnings) = parse(&[
            ("domains", "good,b@d"),
            ("maintenance", "yes"),
            ("ssl.enforce", "true"),
            ("connectTimeout", "soon"),
            ("tcpTimeout", "99999999999999999999d"),
            ("requestTimeout", "never"),
            ("bodySize", "18446744073709551615k"),
            ("maxConnections", "0"),
        ]);
        let unread =
            ["domains", "maintenance", "connectTimeout", "tcpTimeout", "requestTimeout", "bodySize", "maxConnections"];
        assert_eq!(warnings, unread);
        assert_eq!(settings.domains, ["good".parse().unwrap()]);
        assert!(settings.enforce_tls);
        assert_eq!(settings, Settings { domains: settings.domains.clone(), enforce_tls: true, ..Settings::default() });
    }

    #[test]
    fn certificates_are_named_for_domains() {
        let list = "www.example.com:shop-0a, *.example.com : shop-1b,app:c,,nothing,b@d:x,a.example.com:../x";
        let (settings, warnings) = parse(&[("certificates", list)]);
        let named = settings.certificates.iter().map(|(domain, secret)| format!("{domain} {secret}"));
        let expected = ["www.example.com shop-0a-cert", "*.example.com shop-1b-cert", "app c-cert"];
        assert_eq!(named.collect::<Vec<_>>(), expected);
        assert_eq!(warnings, ["certificates"; 3]);
    }

    #[test]
    fn hsts_is_said_in_full_and_forces_tls() {
        let said = |annotations: &[(&str, &str)]| {
            let (settings, warnings) = parse(annotations);
            assert_eq!(settings.enforce_tls, settings.hsts.is_some());
            (settings.hsts.map(|value| value.to_str().unwrap().to_owned()), warnings)
        };
        let on = ("ssl.hsts.enabled", "True");
        assert_eq!(said(&[on]), (Some("max-age=15552000".to_owned()), vec![]));
        let all = [on, ("ssl.hsts.maxAge", "60"), ("ssl.hsts.includeSubDomains", "true"), ("ssl.hsts.preload", "true")];
        assert_eq!(said(&all), (Some("max-age=60; includeSubDomains; preload".to_owned()), vec![]));
        assert_eq!(said(&all[1..]), (None, vec![]));
        let bad = [on, ("ssl.hsts.maxAge", "a year")];
        assert_eq!(said(&bad), (Some("max-age=15552000".to_owned()), vec!["ssl.hsts.maxAge"]));
    }

    #[test]
    fn sizes_are_those_of_nginx() {
        let sizes = [("0", None), ("1", Some(1)), ("8k", Some(8 << 10)), ("1M", Some(1 << 20)), ("2g", Some(2 << 30))];
        for (text, limit) in sizes {
            assert_eq!(parse(&[("bodySize", text)]), (Settings { body_limit: limit, ..Settings::default() }, vec![]));
        }
        for bad in ["", "m", "1.5m", "-1", "1mb"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unreadable_whitelist_admits_nobody() {
        let (settings, warnings) = parse(&[("whitelist", "everybody")]);
        assert_eq!(warnings, ["whitelist"]);
        assert!(!settings.admits("127.0.0.1".parse().unwrap()));
        assert!(parse(&[("whitelist", " ")]).0.admits("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn the_platforms_whitelist_is_extended_or_overridden() {
        let network = |text: &str| settings::network(text).unwrap();
        let of_app = || Some(vec![network("192.0.2.7")]);
        let platform = Defaults { allowed: vec![network("10.0.0.0/8")], ..Defaults::default() };
        assert_eq!(allowed(None, &Defaults::default()), None);
        assert_eq!(allowed(of_app(), &Defaults::default()), of_app());
        assert_eq!(allowed(None, &platform), Some(platform.allowed.clone()));
        assert_eq!(allowed(of_app(), &platform).unwrap().len(), 2);
        assert_eq!(allowed(of_app(), &Defaults { app_overrides: true, ..platform }), of_app());
    }
}
