//! The controller's address, and what follows from it: endpoints, the builder's host, apps' addresses.

use std::fmt;
use std::str::FromStr;

use deis_api::AppName;
use reqwest::Url;

/// Port of the builder's SSH server.
pub const BUILDER_PORT: u16 = 2222;

/// `http://deis.example.com`: scheme, host, perhaps a port; nothing behind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Controller {
    base: Url,
    host: String,
}

#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not the address of a controller, ex: http://deis.example.com")]
pub struct NoAddress(String);

impl FromStr for Controller {
    type Err = NoAddress;

    /// Without a scheme, `http://` is meant.
    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let refusal = || NoAddress(text.to_owned());
        let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut base = Url::parse(&url).map_err(|_| refusal())?;
        if !matches!(base.scheme(), "http" | "https") || !base.username().is_empty() || base.password().is_some() {
            return Err(refusal());
        }
        let host = base.host_str().ok_or_else(refusal)?.to_owned();
        base.set_path("");
        base.set_query(None);
        base.set_fragment(None);
        Ok(Self { base, host })
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.as_str().trim_end_matches('/'))
    }
}

impl Controller {
    pub fn is_https(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// The host's name, or its address, which stands in brackets when it is one of IPv6.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether a token of one may be shown to the other.
    pub fn is_same_host(&self, other: &Self) -> bool {
        self.host == other.host && self.base.port_or_known_default() == other.base.port_or_known_default()
    }

    /// The URL of an endpoint; each segment is escaped, and an empty last one gives the trailing slash.
    pub fn endpoint(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        // `http` and `https` can always have a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(segments);
        }
        url
    }

    /// `deis.example.com` → `deis-builder.example.com`.
    pub fn builder_host(&self) -> String {
        match self.host.split_once('.') {
            Some((first, rest)) => format!("{first}-builder.{rest}"),
            None => format!("{}-builder", self.host),
        }
    }

    /// Where an app's source is pushed to.
    pub fn git_url(&self, app: &AppName) -> String {
        format!("ssh://git@{}:{BUILDER_PORT}/{app}.git", self.builder_host())
    }

    /// The address of a domain of an app; a bare label stands under the platform's domain and port.
    pub fn app_address(&self, domain: &str) -> String {
        let Some((_, rest)) = self.host.split_once('.').filter(|_| !domain.contains('.')) else {
            return domain.to_owned();
        };
        match self.base.port() {
            Some(port) => format!("{domain}.{rest}:{port}"),
            None => format!("{domain}.{rest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controller(text: &str) -> Controller {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_are_completed_and_written_in_one_form() {
        assert_eq!(controller("deis.example.com").to_string(), "http://deis.example.com");
        assert_eq!(controller("https://DEIS.Example.com/v2/?x#y").to_string(), "https://deis.example.com");
        assert_eq!(controller("127.0.0.1:8000").to_string(), "http://127.0.0.1:8000");
        for text in ["", "ftp://deis.example.com", "http://", "http://bob:secret@deis.example.com"] {
            assert!(text.parse::<Controller>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_stays_with_its_host_and_port() {
        let one = controller("https://deis.example.com");
        assert!(one.is_same_host(&controller("https://deis.example.com:443")));
        assert!(!one.is_same_host(&controller("http://deis.example.com")));
        assert!(!one.is_same_host(&controller("https://deis.example.org")));
    }

    #[test]
    fn segments_cannot_leave_their_place() {
        let url = controller("deis.example.com").endpoint(&["v2", "keys", "bob@host/../x", ""]);
        assert_eq!(url.as_str(), "http://deis.example.com/v2/keys/bob@host%2F..%2Fx/");
    }

    #[test]
    fn the_builder_and_the_apps_stand_beside_the_controller() {
        let controller = controller("http://deis.example.com:8080");
        let app = "earthy-instinct".parse().unwrap();
        assert_eq!(controller.git_url(&app), "ssh://git@deis-builder.example.com:2222/earthy-instinct.git");
        assert_eq!(controller.app_address("earthy-instinct"), "earthy-instinct.example.com:8080");
        assert_eq!(controller.app_address("www.foo.org"), "www.foo.org");
    }
}
