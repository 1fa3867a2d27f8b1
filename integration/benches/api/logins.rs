//! The same load while many log in at once: comparing a password takes tens of milliseconds and many MiB, and no other request is to
//! wait for that.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::client::{PASSWORD, log_in};
use crate::figure::{Figure, Unit};
use crate::http::Connection;
use crate::latency::RATE;
use crate::load::{Load, percentile};
use crate::turns::in_turn;
use crate::world::{PAGE, World, asked};

const ROUNDS: usize = 6;
/// How many log in at any moment, again and again.
const AT_ONCE: usize = 16;
const WARM_UP: Duration = Duration::from_secs(1);
const TIME: Duration = Duration::from_secs(5);

pub(crate) fn measure(world: &World) -> Vec<Figure> {
    let mut runs = [(false, Vec::new()), (true, Vec::new())];
    in_turn(ROUNDS, &mut runs, |(flooded, p99)| p99.push(take(world, *flooded)));
    let [(_, alone), (_, beside)] = runs;
    let ratios = beside.iter().zip(&alone).map(|(beside, alone)| beside / alone).collect();
    let row = |name: &str, unit, samples| Figure { name: name.to_owned(), unit, samples, ceiling: None, goal: None };
    vec![
        row("GET of 100 apps, p99", Unit::Milliseconds, alone),
        row("GET of 100 apps, p99, 16 log in", Unit::Milliseconds, beside),
        row("GET of 100 apps, p99, 16 log in to none", Unit::Times, ratios),
    ]
}

/// The 99th percentile, in milliseconds.
fn take(world: &World, flooded: bool) -> f64 {
    let (address, name) = (world.workflow.rest, world.alice.name);
    let asked = asked(PAGE, &world.bob, address, RATE);
    let end = &AtomicBool::new(false);
    thread::scope(|threads| {
        let clients = 0..if flooded { AT_ONCE } else { 0 };
        let floods = clients.map(|client| threads.spawn(move || log_in_until(address, name, client, end)));
        let floods = floods.collect::<Vec<_>>();
        let mut load = Load::on(address, &asked);
        drop(load.last(WARM_UP));
        let mut times = load.last(TIME);
        end.store(true, Ordering::Relaxed);
        for flood in floods {
            assert!(flood.join().unwrap() > 0, "somebody cannot log in");
        }
        percentile(&mut times, 0.99) / 1000.0
    })
}

/// How often it went well.
fn log_in_until(address: SocketAddr, name: &str, client: usize, end: &AtomicBool) -> usize {
    let request = log_in(name, PASSWORD, client);
    let mut connection = Connection::open(address).unwrap();
    let mut logins = 0;
    while !end.load(Ordering::Relaxed) {
        let answer = connection.send(&request).unwrap();
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(answer.body));
        logins += 1;
    }
    logins
}
