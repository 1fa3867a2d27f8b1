use std::borrow::Cow;

use deis_api::Hostname;

/// A host as a client names it, in normal form: lower-case, without port and final dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host<'a>(Cow<'a, str>);

impl<'a> Host<'a> {
    /// Reads an authority or `Host` header, `name[:port]`. `None` when it is neither.
    #[must_use]
    pub fn parse(authority: &'a str) -> Option<Self> {
        let (name, port) = match authority.rsplit_once(':') {
            // A colon inside brackets belongs to an IPv6 address.
            Some((_, rest)) if rest.ends_with(']') => (authority, ""),
            Some((name, port)) => (name, port),
            None => (authority, ""),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if name.is_empty() || name.len() > 253 || !(plain || is_ip_literal(name)) {
            return None;
        }
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Self(Cow::Owned(name.to_ascii_lowercase()))
        } else {
            Self(Cow::Borrowed(name))
        })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The rules under which the table may hold it, the most exact one first.
    pub(super) fn rules(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let split = self.0.split_once('.');
        let wildcard = split.map(|(_, rest)| Cow::Owned(format!("*.{rest}")));
        let bare = split.map(|(first, _)| Cow::Owned(format!("{first}.*")));
        [Some(Cow::Borrowed(self.as_str())), wildcard, bare].into_iter().flatten()
    }
}

fn is_ip_literal(name: &str) -> bool {
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
}

/// The rule under which the table holds a domain: itself when it has a dot, else completed with the platform's domain; without a
/// platform domain `{name}.*`, which is every host that begins with it.
pub(super) fn rule(domain: &Hostname, platform: Option<&Hostname>) -> String {
    match platform {
        _ if !domain.is_label() => domain.to_string(),
        Some(platform) => format!("{domain}.{platform}"),
        None => format!("{domain}.*"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_one_normal_form() {
        for text in ["a.example.com", "A.Example.COM", "a.example.com:8080", "a.example.com.", "a.example.com.:80"] {
            assert_eq!(Host::parse(text).unwrap().as_str(), "a.example.com", "{text}");
        }
        assert_eq!(Host::parse("[2001:db8::1]:80").unwrap().as_str(), "[2001:db8::1]");
        assert_eq!(Host::parse("[::1]").unwrap().as_str(), "[::1]");
        for bad in ["", ":80", "a b", "a/b", "a@b", "a:b", "a:80:80", "[::1", "ä.com", "a,b", "a\tb", &"a".repeat(254)]
        {
            assert_eq!(Host::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_most_exact_rule_comes_first() {
        let host = Host::parse("a.b.c").unwrap();
        assert_eq!(host.rules().collect::<Vec<_>>(), ["a.b.c", "*.b.c", "a.*"]);
        assert_eq!(Host::parse("a").unwrap().rules().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn names_without_a_dot_are_completed() {
        let platform = "paas.example.com".parse().unwrap();
        assert_eq!(rule(&"app".parse().unwrap(), Some(&platform)), "app.paas.example.com");
        assert_eq!(rule(&"app".parse().unwrap(), None), "app.*");
        assert_eq!(rule(&"www.example.org".parse().unwrap(), Some(&platform)), "www.example.org");
        assert_eq!(rule(&"*.example.org".parse().unwrap(), None), "*.example.org");
    }
}
