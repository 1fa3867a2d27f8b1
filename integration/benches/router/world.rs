use std::path::{Path, PathBuf};

use futures_util::future::join_all;

use crate::cluster::{Cluster, DOMAIN, addresses};
use crate::kubernetes::start_etcd;
use crate::peers::Peer;
use crate::pki::Pki;
use crate::process::{Process, make_room, shipped, upstream};
use crate::router::{Router, Routers};
use crate::sandbox;

/// So many routes are on each of the clusters.
const ROUTES: [usize; 3] = [10, 1_000, 10_000];
/// The last byte of the first router's address.
const FIRST_ROUTER: u8 = 10;

/// All that runs from beginning to end.
pub(crate) struct World {
    /// In the order of their routes. Side by side, so that what the machine does meanwhile happens to all of them.
    pub(crate) clusters: Vec<Cluster>,
    /// One on each cluster.
    pub(crate) routers: Vec<Router>,
    pub(crate) nginx: Peer,
    pub(crate) haproxy: Peer,
    pub(crate) pki: Pki,
    program: PathBuf,
    _backend: Peer,
    _etcd: Process,
}

impl World {
    pub(crate) async fn make() -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let (program, upstream) = (shipped("router"), upstream());
        let folder = Path::new(sandbox::FOLDER);
        sandbox::furnish().await;

        let servers = (0..ROUTES.len()).flat_map(addresses).collect::<Vec<_>>();
        let pki = Pki::make(folder.join("pki"), &servers, DOMAIN);
        let etcd = start_etcd(&upstream, folder);
        let clusters = ROUTES.iter().enumerate();
        let clusters = clusters.map(|(number, routes)| Cluster::start(number, *routes, &upstream, folder, &pki));
        let clusters = join_all(clusters).await;
        drop(join_all(clusters.iter().map(Cluster::fill)).await);
        // Until now every processor has helped.
        make_room().await;

        let backend = Peer::backend(folder).await;
        let mut routers = Vec::new();
        for (host, cluster) in (FIRST_ROUTER..).zip(&clusters) {
            routers.push(Routers { program: &program, folder, pki: &pki }.start(host, &cluster.relayed).await);
        }
        let (nginx, haproxy) = (Peer::nginx(folder).await, Peer::haproxy(folder).await);
        Self { clusters, routers, nginx, haproxy, pki, program, _backend: backend, _etcd: etcd }
    }

    /// How further routers are started.
    pub(crate) fn starts(&self) -> Routers<'_> {
        Routers { program: &self.program, folder: Path::new(sandbox::FOLDER), pki: &self.pki }
    }
}
