//! What the router's memory grows by, as the kernel counts it for the process; the kernel's own for its sockets is not in it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::cluster::Cluster;
use crate::figure::{Figure, Unit};
use crate::http::{Connection, connect};
use crate::peers::HOST;
use crate::pki::Pki;
use crate::router::Routers;

const RUNS: usize = 3;
const PLAIN: usize = 4_000;
const TLS: usize = 1_000;

/// KiB. 1.5 × the first figures measured: 8.76, 34.5 and 59.5.
const ROUTE_CEILING: f64 = 13.1;
const PLAIN_CEILING: f64 = 51.8;
const TLS_CEILING: f64 = 89.3;
/// KiB.
const ROUTE_GOAL: f64 = 1.0;
const PLAIN_GOAL: f64 = 8.0;
const TLS_GOAL: f64 = 32.0;

/// Of routers that have just started, on few routes and on many.
pub(crate) async fn measure(routers: &Routers<'_>, few: &Cluster, many: &Cluster, pki: &Pki) -> Vec<Figure> {
    let tls = tls(pki);
    let (mut route, mut plain, mut secure) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        let host = 70 + 2 * u8::try_from(run).unwrap();
        let small = routers.start(host, &few.api.kubeconfig).await;
        let small_memory = small.memory().await;
        small.process.stop().await;

        let router = routers.start(host + 1, &many.api.kubeconfig).await;
        let bare = router.memory().await;
        route.push((bare - small_memory) / (many.routes - few.routes) as f64);

        let connections = (0..PLAIN).map(|_| idle(connect(router.http).unwrap())).collect::<Vec<_>>();
        let with_plain = router.process.memory();
        plain.push((with_plain - bare) / PLAIN as f64);
        // Not before: what was freed would be taken for the next.
        let secured = (0..TLS).map(|_| idle(tls_over(router.https, &tls))).collect::<Vec<_>>();
        secure.push((router.process.memory() - with_plain) / TLS as f64);
        drop((connections, secured));
        router.process.stop().await;
    }
    let row = |name: &str, samples, ceiling, goal| Figure {
        name: format!("memory of {name}"),
        unit: Unit::KiB,
        samples,
        ceiling: Some(ceiling),
        goal: Some(goal),
    };
    vec![
        row("a route", route, ROUTE_CEILING, ROUTE_GOAL),
        row("an idle connection", plain, PLAIN_CEILING, PLAIN_GOAL),
        row("an idle connection, TLS", secure, TLS_CEILING, TLS_GOAL),
    ]
}

/// A connection that has had one answer.
fn idle<S: Read + Write>(stream: S) -> S {
    let mut connection = Connection::over(stream);
    assert_eq!(connection.ask(HOST, "/").unwrap().status, 200);
    connection.into_stream()
}

fn tls(pki: &Pki) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pki.authority().as_bytes()).unwrap()).unwrap();
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

fn tls_over(address: SocketAddr, config: &Arc<ClientConfig>) -> StreamOwned<ClientConnection, TcpStream> {
    let session = ClientConnection::new(Arc::clone(config), ServerName::try_from(HOST).unwrap()).unwrap();
    StreamOwned::new(session, connect(address).unwrap())
}
