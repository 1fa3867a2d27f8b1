use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::Request;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

use super::headers::{FORWARDED_FOR, FORWARDED_PORT, FORWARDED_PROTO, REQUEST_ID};
use crate::presence::Presence;

/// The other end of a connection, and how it came in.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The connection itself.
    pub presence: Arc<Presence>,
    /// Its address.
    pub address: SocketAddr,
    /// Whether the connection is TLS.
    pub tls: bool,
}

/// Who asks: the peer, or whom a trusted load balancer names.
#[derive(Clone, Debug)]
pub struct Client {
    /// The client's address.
    pub address: IpAddr,
    /// Whether the client speaks TLS, here or to the load balancer.
    pub tls: bool,
    /// The port the client asked, as it sees it.
    pub port: HeaderValue,
    /// The request's id in logs: made here, or by a trusted load balancer.
    pub request_id: HeaderValue,
}

impl Client {
    /// Reads and removes what the request says about its client. Only a trusted peer is believed, and of the addresses that it
    /// hands on only the last one that is not itself trusted: everything before that is the client's own invention.
    pub(super) fn read<B>(request: &mut Request<B>, address: IpAddr, tls: bool, trusted: &[IpNet]) -> Self {
        let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
        let direct = address.to_canonical();
        let headers = request.headers_mut();
        let said = Said::take(headers);
        let fresh = Self {
            address: direct,
            tls,
            port: HeaderValue::from_static(if tls { "443" } else { "80" }),
            request_id: random_id(),
        };
        if !is_trusted(&direct) {
            return fresh;
        }
        let address = said.addresses.iter().rev().find(|address| !is_trusted(address)).or(said.addresses.first());
        let tls = fresh.tls || said.proto.is_some_and(|proto| proto == "https");
        Self {
            address: address.copied().unwrap_or(direct),
            tls,
            port: said.port.unwrap_or_else(|| HeaderValue::from_static(if tls { "443" } else { "80" })),
            request_id: said.request_id.unwrap_or(fresh.request_id),
        }
    }

    /// "http" or "https".
    pub(super) fn proto(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }
}

/// What a request says about its client.
struct Said {
    addresses: Vec<IpAddr>,
    proto: Option<String>,
    port: Option<HeaderValue>,
    request_id: Option<HeaderValue>,
}

impl Said {
    fn take(headers: &mut HeaderMap) -> Self {
        let addresses = list(headers, &FORWARDED_FOR).iter().filter_map(|text| text.parse().ok()).collect();
        let said = Self {
            addresses,
            proto: list(headers, &FORWARDED_PROTO).pop(),
            port: headers.get(FORWARDED_PORT).filter(|port| port.as_bytes().iter().all(u8::is_ascii_digit)).cloned(),
            request_id: headers.get(REQUEST_ID).filter(|id| (1..=128).contains(&id.len())).cloned(),
        };
        for name in [FORWARDED_FOR, FORWARDED_PROTO, FORWARDED_PORT, REQUEST_ID, http::header::FORWARDED] {
            headers.remove(name);
        }
        said
    }
}

/// The elements of a header that is a comma list, over all its lines.
fn list(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|element| element.trim().to_ascii_lowercase()).collect()
}

/// 128 random bits as lower-case hexadecimal digits.
fn random_id() -> HeaderValue {
    HeaderValue::try_from(format!("{:032x}", rand::random::<u128>())).unwrap_or_else(|_| HeaderValue::from_static("0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&str, &str)], tls: bool, trusted: &[&str]) -> Client {
        let mut request = Request::new(());
        for (name, value) in headers {
            request.headers_mut().append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let trusted = trusted.iter().map(|network| network.parse().unwrap()).collect::<Vec<IpNet>>();
        let client = Client::read(&mut request, [10, 0, 0, 1].into(), tls, &trusted);
        assert!(request.headers().is_empty(), "what was said is taken away");
        client
    }

    const SAID: [(&str, &str); 6] = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-for", "192.0.2.1, 10.0.0.9"),
        ("x-forwarded-proto", "http, https"),
        ("x-forwarded-port", "8443"),
        ("x-request-id", "from-the-balancer"),
        ("forwarded", "for=6.6.6.6"),
    ];

    #[test]
    fn a_stranger_is_not_believed() {
        let client = read(&SAID, false, &["192.168.0.0/16"]);
        assert_eq!(
            (client.address.to_string().as_str(), client.proto(), client.port.as_bytes()),
            ("10.0.0.1", "http", &b"80"[..])
        );
        assert_eq!(client.request_id.len(), 32);
        assert_ne!(client.request_id, read(&[], false, &[]).request_id);
    }

    #[test]
    fn a_trusted_peer_is_believed_from_the_right() {
        let client = read(&SAID, false, &["10.0.0.0/8"]);
        assert_eq!(
            (client.address.to_string().as_str(), client.proto(), client.port.as_bytes()),
            ("192.0.2.1", "https", &b"8443"[..])
        );
        assert_eq!(client.request_id, "from-the-balancer");
        assert_eq!(read(&[], true, &["10.0.0.0/8"]).proto(), "https");
        assert_eq!(read(&[("x-forwarded-for", "garbage")], true, &["10.0.0.0/8"]).address.to_string(), "10.0.0.1");
    }
}
