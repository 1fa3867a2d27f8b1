//! From the moment that the watch's event is at the router to the first answer of the app under its new name, with few and with many
//! other routes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nix::poll::ppoll;
use nix::sys::time::TimeSpec;
use tokio::task::spawn_blocking;

use crate::cluster::{Cluster, DOMAIN};
use crate::figure::{Figure, Unit};
use crate::http::Connection;
use crate::load::percentile;
use crate::router::Router;

/// Each with all of the clusters' routers in turn.
const ROUNDS: usize = 6;
const CHANGES: usize = 200;
/// From one question to the next: the grain of what is measured.
const ASK_EVERY: Duration = Duration::from_micros(200);
/// Nothing that is measured takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// Milliseconds.
const CEILING: f64 = 50.0;
const GOAL: f64 = 5.0;
/// How much longer it may take with the most routes than with the fewest. The ceiling is for the median: of a hundred changes the
/// slowest one says what else the machine had to do.
const GROWTH: f64 = 1.5;

pub(crate) async fn measure(clusters: &[Cluster], routers: &[Router]) -> Vec<Figure> {
    // Of each cluster, the percentiles of each round.
    let mut p50 = vec![Vec::new(); clusters.len()];
    let mut p99 = vec![Vec::new(); clusters.len()];
    for round in 0..ROUNDS {
        let mut times = vec![Vec::new(); clusters.len()];
        for change in 0..CHANGES {
            for ((cluster, router), times) in clusters.iter().zip(routers).zip(&mut times) {
                times.push(served_after(cluster, router.http, &format!("new-{round}-{change}")).await);
            }
        }
        for ((times, p50), p99) in times.iter_mut().zip(&mut p50).zip(&mut p99) {
            p50.push(percentile(times, 0.50) / 1000.0);
            p99.push(percentile(times, 0.99) / 1000.0);
        }
    }
    for cluster in clusters {
        cluster.rename("app-0").await;
    }

    let row = |what: &str, cluster: &Cluster, samples: &[f64], bounds: Option<(f64, f64)>| Figure {
        name: format!("route change → served, {what}, {} routes", cluster.routes),
        unit: Unit::Milliseconds,
        samples: samples.to_vec(),
        ceiling: bounds.map(|(ceiling, _)| ceiling),
        goal: bounds.map(|(_, goal)| goal),
    };
    let growth = |what: &str, samples: &[Vec<f64>], ceiling| {
        let (few, many) = (samples.first().unwrap(), samples.last().unwrap());
        Figure {
            name: format!("route change → served, {what}, most to fewest"),
            unit: Unit::Times,
            samples: many.iter().zip(few).map(|(many, few)| many / few).collect(),
            ceiling,
            goal: Some(GROWTH),
        }
    };
    let mut figures = Vec::new();
    figures.extend(clusters.iter().zip(&p50).map(|(cluster, samples)| row("p50", cluster, samples, None)));
    figures.extend(
        clusters.iter().zip(&p99).map(|(cluster, samples)| row("p99", cluster, samples, Some((CEILING, GOAL)))),
    );
    figures.push(growth("p50", &p50, Some(GROWTH)));
    figures.push(growth("p99", &p99, None));
    figures
}

/// Gives the app another name and waits until it is served.
async fn served_after(cluster: &Cluster, router: SocketAddr, name: &str) -> Duration {
    let host = format!("{name}.{DOMAIN}");
    let mut connection = Connection::open(router).unwrap();
    assert_eq!(connection.ask(&host, "/").unwrap().status, 404, "{host} is new");
    cluster.relay.watch();
    #[expect(clippy::disallowed_methods, reason = "a bench has no process around it")]
    let asking = spawn_blocking(move || ask_until_served(&mut connection, &host));
    cluster.rename(name).await;
    let served = asking.await.unwrap();
    served.saturating_duration_since(cluster.relay.came())
}

/// When the answer was there.
fn ask_until_served(connection: &mut Connection<std::net::TcpStream>, host: &str) -> Instant {
    let start = Instant::now();
    while connection.ask(host, "/").unwrap().status != 200 {
        assert!(start.elapsed() < LIMIT, "{host} is not served");
        let waited = ppoll(&mut [], Some(TimeSpec::from_duration(ASK_EVERY)), None);
        assert_eq!(waited, Ok(0));
    }
    Instant::now()
}
