//! The same load on each of them in turn: what it costs, and how long answers take.

use std::net::SocketAddr;
use std::time::Duration;

use crate::load::{Load, percentile};
use crate::peers::{BACKEND, HOST, Peer, does_its_work};
use crate::process::Process;
use crate::router::Router;

/// There and back again: of two rounds the second one is in the opposite order.
const ROUNDS: usize = 6;
/// Until all connections are there, those to the backend too.
const WARM_UP: Duration = Duration::from_millis(500);
const TIME: Duration = Duration::from_secs(3);

/// What one of them did in each round.
#[derive(Default)]
pub(crate) struct Runs {
    /// Microseconds of CPU time per request.
    pub(crate) cpu: Vec<f64>,
    /// Microseconds until the answer was there.
    pub(crate) p50: Vec<f64>,
    pub(crate) p99: Vec<f64>,
}

pub(crate) struct Rounds {
    /// Without anything between.
    pub(crate) direct: Runs,
    pub(crate) router: Runs,
    pub(crate) nginx: Runs,
    pub(crate) haproxy: Runs,
}

impl Rounds {
    pub(crate) fn take(router: &Router, nginx: &Peer, haproxy: &Peer) -> Self {
        let ways: [(SocketAddr, Option<&Process>); 4] = [
            (BACKEND, None),
            (router.http, Some(&router.process)),
            (nginx.address, Some(&nginx.process)),
            (haproxy.address, Some(&haproxy.process)),
        ];
        does_its_work("the router", router.http);
        does_its_work("nginx", nginx.address);
        does_its_work("HAProxy", haproxy.address);
        let mut runs = [const { Runs { cpu: Vec::new(), p50: Vec::new(), p99: Vec::new() } }; 4];
        for round in 0..ROUNDS {
            let mut turns = ways.iter().zip(&mut runs).collect::<Vec<_>>();
            if round % 2 == 1 {
                turns.reverse();
            }
            for ((address, process), runs) in turns {
                runs.add(*address, *process);
            }
        }
        let [direct, router, nginx, haproxy] = runs;
        Self { direct, router, nginx, haproxy }
    }
}

impl Runs {
    fn add(&mut self, address: SocketAddr, process: Option<&Process>) {
        let used = || process.map_or(0.0, Process::cpu_seconds);
        let mut load = Load::on(address, HOST);
        drop(load.last(WARM_UP));
        let before = used();
        let mut times = load.last(TIME);
        self.cpu.push((used() - before) * 1e6 / times.len() as f64);
        self.p50.push(percentile(&mut times, 0.50));
        self.p99.push(percentile(&mut times, 0.99));
    }
}
