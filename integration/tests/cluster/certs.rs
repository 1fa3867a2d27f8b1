//! Certificates of apps' domains: from the command to both routers' handshakes, and what is in Kubernetes meanwhile.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Secret, Service};
use kube::api::DeleteParams;
use kube::{Api, ResourceExt};
use rcgen::{CertificateParams, KeyPair};
use reqwest::tls::TlsInfo;

use crate::support::{App, Developer, Platform, Repository, eventually};

/// How long a certificate may take from the command's end to every handshake.
const LIMIT: Duration = Duration::from_secs(1);
/// How long the way to a router may take to change.
const PATIENCE: Duration = Duration::from_secs(60);
/// Handshakes in a row, each over a connection of its own and so with either router.
const IN_A_ROW: usize = 10;

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "what somebody does with kubectl")]
async fn a_domain_is_served_with_its_certificate_within_a_second() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "notary").await;
    let (repository, app) = developer.pushed_app("go").await;
    let place = Place::of(&platform, &repository, &app).await;
    let (name, host) = (format!("{}-www", app.name), format!("www.{}.example.org", app.name));
    let certificate = place.write(&host);
    place.deis(&["domains:add", &host]).await;
    let platforms = place.shown(&host).await.expect("the platform's certificate");

    place.deis(&["certs:add", &name, "chain.pem", "key.pem"]).await;
    assert!(place.secrets().await.is_empty(), "nobody is served with it");
    place.deis(&["certs:attach", &name, &host]).await;
    // Kubernetes has it at once.
    let served = place.served_with(&host, &certificate);
    let (secrets, annotation, ()) = tokio::join!(place.secrets(), place.annotation(), served);
    let [secret] = &secrets[..] else { panic!("one copy: {:?}", names(&secrets)) };
    assert_eq!(secret.type_.as_deref(), Some("kubernetes.io/tls"));
    let told = format!("{host}:{}", secret.name_any().strip_suffix("-cert").unwrap());
    assert_eq!(annotation, told);
    let shown = repository.deis(&["certs:info", &name]).await.succeeded();
    assert!(shown.stdout.contains(&host), "{shown}");

    // What somebody takes away by hand comes back, and nobody is without it meanwhile.
    let copies = Api::<Secret>::namespaced(platform.client.clone(), "deis-certificates");
    copies.delete(&secret.name_any(), &DeleteParams::default()).await.unwrap();
    assert_eq!(place.shown(&host).await.as_ref(), Some(&certificate));
    let uid = secret.uid();
    eventually("the copy is restored", &copies, &place.selector(), |copies| {
        copies.iter().any(|copy| copy.uid() != uid && copy.data == secret.data)
    })
    .await;
    assert_eq!(place.shown(&host).await.as_ref(), Some(&certificate));

    place.deis(&["certs:detach", &name, &host]).await;
    place.served_with(&host, &platforms).await;
    assert_eq!((place.secrets().await.len(), place.annotation().await.as_str()), (0, ""));

    // Removing it detaches it from its domains: the app's own name too.
    let label = format!("{}.{}", app.name, platform.domain);
    for (domain, host) in [(&host, &host), (&app.name, &label)] {
        place.deis(&["certs:attach", &name, domain]).await;
        place.served_with(host, &certificate).await;
    }
    assert_eq!(place.secrets().await.len(), 1, "one copy for both");
    place.deis(&["certs:remove", &name]).await;
    for host in [&host, &label] {
        place.served_with(host, &platforms).await;
    }
    assert!(place.secrets().await.is_empty());
    let gone = repository.deis(&["certs:info", &name]).await;
    assert!(!gone.status.success() && gone.stderr.contains("No Certificate matches"), "{gone}");
}

struct Place<'a> {
    platform: &'a Platform,
    repository: &'a Repository<'a>,
    app: &'a App<'a>,
    router: SocketAddr,
}

impl<'a> Place<'a> {
    async fn of(platform: &'a Platform, repository: &'a Repository<'a>, app: &'a App<'a>) -> Self {
        let service = platform.own::<Service>().get("deis-router").await.unwrap();
        let balancer = service.status.unwrap().load_balancer.unwrap().ingress.unwrap().remove(0);
        let address = balancer.ip.unwrap().parse::<IpAddr>().unwrap();
        Self { platform, repository, app, router: SocketAddr::new(address, 443) }
    }

    /// Writes a certificate and its key into the repository's folder; answers its DER.
    fn write(&self, host: &str) -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([host.to_owned()]).unwrap().self_signed(&key).unwrap();
        std::fs::write(self.repository.path().join("chain.pem"), certificate.pem()).unwrap();
        std::fs::write(self.repository.path().join("key.pem"), key.serialize_pem()).unwrap();
        certificate.der().to_vec()
    }

    async fn deis(&self, arguments: &[&str]) {
        drop(self.repository.deis(arguments).await.succeeded());
    }

    /// The certificate that a handshake is answered with, if the app then answers.
    async fn shown(&self, host: &str) -> Option<Vec<u8>> {
        // Whoever made it: which one it is is the question.
        let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).tls_info(true);
        let client = client.resolve(host, self.router).build().unwrap();
        let answer = client.get(format!("https://{host}/")).send().await.ok()?;
        assert_eq!(answer.status().as_u16(), 200, "{host}");
        answer.extensions().get::<TlsInfo>()?.peer_certificate().map(<[u8]>::to_vec)
    }

    /// Asks until so many handshakes in a row are answered with this certificate; the first of them must come soon.
    #[expect(clippy::print_stdout, reason = "a figure for whoever asks for it")]
    async fn served_with(&self, host: &str, certificate: &[u8]) {
        let start = Instant::now();
        let (mut in_a_row, mut first) = (0, start.elapsed());
        while in_a_row < IN_A_ROW {
            let now = start.elapsed();
            if self.shown(host).await.as_deref() == Some(certificate) {
                first = if in_a_row == 0 { now } else { first };
                in_a_row += 1;
            } else {
                in_a_row = 0;
            }
            assert!(start.elapsed() < PATIENCE, "{host} is not served with its certificate");
        }
        println!("{host}: both routers after {:.3} s", first.as_secs_f64());
        assert!(first < LIMIT, "{host}: it took {first:?}");
    }

    fn selector(&self) -> String {
        format!("app={}", self.app.name)
    }

    /// The app's copies of certificates.
    async fn secrets(&self) -> Vec<Secret> {
        let copies = Api::<Secret>::namespaced(self.platform.client.clone(), "deis-certificates");
        let selection = kube::api::ListParams::default().labels(&self.selector());
        copies.list(&selection).await.unwrap().items
    }

    async fn annotation(&self) -> String {
        let service = self.platform.objects::<Service>(&self.app.name).get(&self.app.name).await.unwrap();
        service.annotations()["router.deis.io/certificates"].clone()
    }
}

fn names(secrets: &[Secret]) -> Vec<String> {
    secrets.iter().map(ResourceExt::name_any).collect()
}
