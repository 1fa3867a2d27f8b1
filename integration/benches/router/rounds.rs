//! The same load on each of them in turn: what it costs, and how long answers take.

use std::net::SocketAddr;
use std::time::Duration;

use crate::http::request;
use crate::load::{Asked, Load, percentile};
use crate::peers::{BACKEND, HOST, Peer, does_its_work};
use crate::process::Process;
use crate::router::Router;
use crate::turns::in_turn;

/// Per second: a third of what the slowest could take.
const RATE: u32 = 3_000;
const CONNECTIONS: usize = 64;
/// What the backend's answers have.
const BODY_BYTES: usize = 1 << 10;
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
        let mut turns = ways.map(|way| (way, Runs::default()));
        in_turn(ROUNDS, &mut turns, |((address, process), runs)| runs.add(*address, *process));
        let [direct, router, nginx, haproxy] = turns.map(|(_, runs)| runs);
        Self { direct, router, nginx, haproxy }
    }
}

impl Runs {
    fn add(&mut self, address: SocketAddr, process: Option<&Process>) {
        let used = || process.map_or(0.0, Process::cpu_seconds);
        let (request, body_bytes) = (request(HOST, "/"), BODY_BYTES);
        let asked = Asked { request, body_bytes, per_second: RATE, connections: CONNECTIONS };
        let mut load = Load::on(address, &asked);
        drop(load.last(WARM_UP));
        let before = used();
        let mut times = load.last(TIME);
        self.cpu.push((used() - before) * 1e6 / times.len() as f64);
        self.p50.push(percentile(&mut times, 0.50));
        self.p99.push(percentile(&mut times, 0.99));
    }
}
