//! Where a pull does not go. A tenant chooses the address, and the builder stands where the platform's stores answer: an address
//! of this machine, of the cluster or of a private network is refused, under whichever name, and again at every redirect.
//!
//! Names are looked up once, by us; what was looked at is what is connected to. A site whose registry is private says so.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use http::Uri;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::source::STOPPED;

/// Ends of names that lead into a cluster or nowhere else.
const INSIDE: [&str; 5] = ["localhost", "local", "internal", "svc", "cluster.local"];

/// What is allowed.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Registries that may have any address: "registry.example.com:5000", and whether they are spoken to without TLS.
    allowed: BTreeMap<String, bool>,
    /// The platform's own, whatever else is allowed.
    own: Vec<String>,
}

impl Guard {
    /// `allowed` as configured: a registry, with `http://` before it when it has no TLS.
    pub(crate) fn new(allowed: &[String], registry: &Uri, image_host: &str) -> Self {
        let allowed = allowed.iter().map(|text| match text.trim().strip_prefix("http://") {
            Some(registry) => (registry.to_ascii_lowercase(), true),
            None => (text.trim().to_ascii_lowercase(), false),
        });
        let registry = registry.authority().map(ToString::to_string);
        let own = registry.into_iter().chain([image_host.to_owned()]).map(|host| host.to_ascii_lowercase());
        Self { allowed: allowed.filter(|(registry, _)| !registry.is_empty()).collect(), own: own.collect() }
    }

    /// The address of a registry.
    pub(super) fn base(&self, registry: &str) -> String {
        let is_plain = self.allowed.get(&registry.to_ascii_lowercase()).is_some_and(|is_plain| *is_plain);
        format!("{}://{registry}", if is_plain { "http" } else { "https" })
    }

    /// Whether an address may be asked, as far as its name tells; the error completes "… may not be asked: ….".
    pub(super) fn check(&self, url: &Url) -> Result<(), &'static str> {
        let authority = authority(url);
        if self.own.contains(&authority) {
            return Err("it is the platform's own registry");
        }
        let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
        match (self.allowed.get(&authority), url.scheme()) {
            (Some(_), "https") | (Some(true), "http") => return Ok(()),
            // Its name may be looked up, but not for everything that listens there.
            (None, _) if self.allows(&host) => return Err("only its registry is allowed"),
            (_, "https") => {}
            _ => return Err("it does not speak TLS"),
        }
        // "deis-registry.deis": the short form that a cluster's resolver completes.
        let is_own =
            |(name, rest): (&str, &str)| !rest.contains('.') && self.own.iter().any(|own| host_of(own) == name);
        if host.split_once('.').is_some_and(is_own) {
            return Err("it is the platform's own registry");
        }
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) if is_inside(address) => Err("its address belongs to this machine or a private network"),
            Ok(_) => Ok(()),
            Err(_) if !host.contains('.') || INSIDE.iter().any(|end| host.ends_with(&format!(".{end}"))) => {
                Err("its name leads into the cluster")
            }
            Err(_) => Ok(()),
        }
    }

    /// Whether a name may lead to any address.
    fn allows(&self, name: &str) -> bool {
        self.allowed.keys().any(|authority| host_of(authority) == name)
    }
}

fn host_of(authority: &str) -> &str {
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

/// Host and port; the port is left out when it is the scheme's own.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

/// Looks names up and refuses those that lead inside.
pub(super) struct Resolver(pub(super) Arc<Guard>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Arc::clone(&self.0);
        Box::pin(async move {
            let name = name.as_str().trim_end_matches('.').to_ascii_lowercase();
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect::<Vec<SocketAddr>>();
            if !guard.allows(&name) && found.iter().any(|address| is_inside(address.ip())) {
                return Err(format!("{STOPPED}its address belongs to this machine or a private network").into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether an address belongs to this machine, a private network, or nobody in particular.
fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_inside_v4(address),
        IpAddr::V6(address) => is_inside_v6(address),
    }
}

fn is_inside_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || matches!((first, second), (0 | 240..=255, _) | (100, 64..=127) | (198, 18 | 19))
        || (first, second, third) == (192, 0, 0)
}

fn is_inside_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // An IPv4 address may stand inside: mapped and compatible (::a.b.c.d), 6to4, NAT64.
    let tail = |high: u16, low: u16| {
        let ([one, two], [three, four]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(one, two, three, four)
    };
    match segments {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, _, _, _, _, high, low] => is_inside_v4(tail(high, low)),
        [0x2002, high, low, ..] => is_inside_v4(tail(high, low)),
        // Only 2000::/3 is given to anybody; of that, Teredo hides an address and 2001:db8::/32 is for books.
        [first, second, ..] => first & 0xe000 != 0x2000 || (first == 0x2001 && matches!(second, 0 | 0xdb8)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let allowed = ["http://10.9.8.7:5000", "registry.corp.internal"].map(str::to_owned);
        Guard::new(&allowed, &"http://deis-registry:5000".parse().unwrap(), "127.0.0.1:5555")
    }

    fn check(registry: &str) -> Result<(), &'static str> {
        let guard = guard();
        guard.check(&format!("{}/v2/", guard.base(registry)).parse().unwrap())
    }

    #[test]
    fn every_spelling_of_the_inside_is_refused() {
        for registry in [
            "127.0.0.1:5555",
            "127.1:5555",
            "2130706433:5555",
            "0x7f000001:5555",
            "0x7f.1:5555",
            "0177.0.0.1:5555",
            "127.0.0.1.:5555",
            "localhost:5555",
            "LOCALHOST:5555",
            "x.localhost",
            "[::1]:5555",
            "[0:0:0:0:0:0:0:1]:5555",
            "[::ffff:127.0.0.1]:5555",
            "[::ffff:7f00:1]:5555",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[2002:7f00:1::]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[::]",
            "0.0.0.0:5555",
            "0:5555",
            "deis-registry:5000",
            "deis-registry.:5000",
            "DEIS-REGISTRY:5000",
            "deis-registry.deis:5000",
            "deis-registry.deis.svc:5000",
            "deis-registry.deis.svc.cluster.local:5000",
            "deis-registry.deis.svc.cluster.local.:5000",
            "10.96.0.10:5000",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "metadata.google.internal",
            "10.9.8.7:5001",
            "registry.corp.internal:22",
            "255.255.255.255",
        ] {
            assert!(check(registry).is_err(), "{registry}");
        }
    }

    #[test]
    fn the_outside_and_what_is_allowed() {
        for registry in [
            "index.docker.io",
            "registry.example.com:5000",
            "1.1.1.1",
            "[2606:4700::1111]",
            "10.9.8.7:5000",
            "registry.corp.internal",
        ] {
            assert_eq!(check(registry), Ok(()), "{registry}");
        }
        let guard = guard();
        assert!(guard.check(&"http://registry.example.com/v2/".parse().unwrap()).is_err(), "no TLS");
        assert!(
            guard.check(&"http://registry.corp.internal/v2/".parse().unwrap()).is_err(),
            "no TLS where it has some"
        );
        // Whatever is allowed, our own is not.
        let all =
            Guard::new(&["http://deis-registry:5000".to_owned()], &"http://deis-registry:5000".parse().unwrap(), "");
        assert!(all.check(&"http://deis-registry:5000/v2/".parse().unwrap()).is_err());
    }

    #[tokio::test]
    async fn names_that_lead_inside_are_refused_when_they_are_looked_up() {
        let look_up = |allowed: &[String], name: &str| {
            let guard = Guard::new(allowed, &"http://deis-registry:5000".parse().unwrap(), "");
            Resolver(Arc::new(guard)).resolve(name.parse().unwrap())
        };
        assert!(look_up(&[], "localhost").await.is_err());
        assert!(look_up(&["http://localhost:5000".to_owned()], "localhost").await.is_ok());
    }
}
