use deis_api::Hostname;

use crate::components::{PEERS, peer_name};

/// What the Secrets depend on.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) namespace: String,
    pub(crate) domain: Hostname,
}

/// The authority behind the services' certificates and the platform's.
pub(crate) const PLATFORM_AUTHORITY: &str = "deis-ca";
/// The authority that etcd asks its clients for: no other certificate of the platform opens etcd.
pub(super) const ETCD_AUTHORITY: &str = "deis-etcd-ca";

/// One Secret of the platform.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) name: &'static str,
    pub(crate) content: Content,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A self-signed authority: `tls.crt`, `tls.key`.
    Authority { common_name: &'static str },
    /// A certificate: `tls.crt`, `tls.key`, and the authority's `ca.crt`.
    Certificate(Leaf),
    /// The builder's SSH host keys, as PKCS#8 PEM.
    HostKeys,
    /// What is made from random letters; never written again.
    Credentials(Credentials),
}

#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    /// The authority's Secret.
    pub(crate) authority: &'static str,
    pub(crate) common_name: String,
    /// Who it is inside: `spiffe://deis/{service}` (SPIFFE ID, section 2).
    pub(crate) uri: Option<String>,
    pub(crate) dns: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Credentials {
    Admin,
    Database,
    PullKey,
    Redis,
    Registry,
}

/// All Secrets, authorities before what they sign.
pub(crate) fn wanted(settings: &Settings) -> Vec<Wanted> {
    let mut wanted = vec![
        Wanted { name: PLATFORM_AUTHORITY, content: Content::Authority { common_name: "Deis platform authority" } },
        Wanted { name: ETCD_AUTHORITY, content: Content::Authority { common_name: "Deis etcd authority" } },
    ];
    wanted.extend(PEERS.iter().map(|peer| Wanted { name: peer.secret, content: service(peer.name, settings) }));
    wanted.extend([
        Wanted { name: "deis-router-platform-cert", content: platform(&settings.domain) },
        Wanted { name: "deis-etcd-server-tls", content: etcd("etcd", etcd_names(settings)) },
        Wanted { name: "deis-etcd-client-tls", content: etcd("state", Vec::new()) },
        Wanted { name: "deis-builder-host-keys", content: Content::HostKeys },
        Wanted { name: "deis-database-creds", content: Content::Credentials(Credentials::Database) },
        Wanted { name: "deis-logger-redis-creds", content: Content::Credentials(Credentials::Redis) },
        Wanted { name: "deis-registry-creds", content: Content::Credentials(Credentials::Registry) },
        Wanted { name: "deis-pull-key", content: Content::Credentials(Credentials::PullKey) },
        Wanted { name: "deis-admin", content: Content::Credentials(Credentials::Admin) },
    ]);
    wanted
}

fn service(name: &str, settings: &Settings) -> Content {
    let host = peer_name(name);
    Content::Certificate(Leaf {
        authority: PLATFORM_AUTHORITY,
        common_name: host.clone(),
        uri: Some(format!("spiffe://deis/{name}")),
        dns: service_names(&host, &settings.namespace),
    })
}

/// The API has its name written out: many clients take no wildcard right below a top level (`*.localhost`).
fn platform(domain: &Hostname) -> Content {
    Content::Certificate(Leaf {
        authority: PLATFORM_AUTHORITY,
        common_name: domain.to_string(),
        uri: None,
        dns: vec![format!("*.{domain}"), domain.to_string(), format!("deis.{domain}")],
    })
}

fn etcd(common_name: &str, dns: Vec<String>) -> Content {
    Content::Certificate(Leaf { authority: ETCD_AUTHORITY, common_name: common_name.to_owned(), uri: None, dns })
}

/// `localhost` is for `etcdctl` inside the pod.
fn etcd_names(settings: &Settings) -> Vec<String> {
    let mut names = service_names("deis-etcd", &settings.namespace);
    names.push("localhost".to_owned());
    names
}

/// The names that a Service has in the cluster's DNS.
fn service_names(host: &str, namespace: &str) -> Vec<String> {
    vec![
        host.to_owned(),
        format!("{host}.{namespace}"),
        format!("{host}.{namespace}.svc"),
        format!("{host}.{namespace}.svc.cluster.local"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_lets_init_read_exactly_these_secrets() {
        let settings = Settings { namespace: "deis".to_owned(), domain: "localhost".parse().unwrap() };
        let mut names: Vec<_> = wanted(&settings).iter().map(|wanted| wanted.name).collect();
        names.sort_unstable();
        let template = include_str!("../../../charts/workflow/templates/_init.tpl");
        let listed: Vec<_> = template.lines().filter_map(|line| line.strip_prefix("- deis-")).collect();
        assert_eq!(names, listed.iter().map(|name| format!("deis-{name}")).collect::<Vec<_>>());
    }
}
