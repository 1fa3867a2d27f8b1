//! From the start of a router's process to the word that it is ready, with the most routes: from Kubernetes alone, and with the table
//! that an earlier one has left on disk.

use crate::cluster::{Cluster, DOMAIN};
use crate::figure::{Figure, Unit};
use crate::http::Connection;
use crate::router::{Router, Routers};

const RUNS: usize = 5;
/// Of so many hosts one is asked for.
const STEP: usize = 100;
/// Seconds.
const GOAL: f64 = 3.0;
/// 1.5 × the goal: the first figures were far below.
const CEILING: f64 = 4.5;

pub(crate) async fn measure(routers: &Routers<'_>, cluster: &Cluster) -> Vec<Figure> {
    let (mut from_nothing, mut from_disk) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let host = 80 + u8::try_from(run).unwrap();
        for samples in [&mut from_nothing, &mut from_disk] {
            let router = routers.start(host, &cluster.api.kubeconfig).await;
            knows_all(&router, cluster);
            samples.push(router.took.as_secs_f64());
            router.settled().await;
            router.process.stop().await;
        }
    }
    let row = |how: &str, samples| Figure {
        name: format!("cold start with {} routes{how}", cluster.routes),
        unit: Unit::Seconds,
        samples,
        ceiling: Some(CEILING),
        goal: Some(GOAL),
    };
    vec![row("", from_nothing), row(", table on disk", from_disk)]
}

/// Fails if a host is not known. With a table from disk the app may not be reached as yet: pods' addresses are not believed then.
fn knows_all(router: &Router, cluster: &Cluster) {
    let mut connection = Connection::open(router.http).unwrap();
    for number in (0..cluster.routes).step_by(STEP) {
        let host = format!("app-{number}.{DOMAIN}");
        assert_ne!(connection.ask(&host, "/").unwrap().status, 404, "{host}");
    }
}
