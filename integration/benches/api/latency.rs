//! How long a page of 100 of 10,000 apps takes at 300 requests a second. Kubernetes stands still meanwhile: a GET that asked it would
//! have no answer, and the bench would end.

use std::time::Duration;

use crate::client::User;
use crate::figure::{Figure, Unit};
use crate::load::{Load, percentile};
use crate::world::{LAST_PAGE, PAGE, World, asked};

const ROUNDS: usize = 6;
/// Per second.
pub(crate) const RATE: u32 = 300;
const WARM_UP: Duration = Duration::from_secs(1);
/// Less than workflow waits for an API server that is silent.
const TIME: Duration = Duration::from_secs(5);
/// Milliseconds, of the issue.
const P99: f64 = 10.0;

pub(crate) fn measure(world: &World) -> Vec<Figure> {
    [("user", PAGE, &world.bob), ("user, last page", LAST_PAGE, &world.bob), ("administrator", PAGE, &world.admin)]
        .into_iter()
        .flat_map(|(who, path, user)| {
            let (mut p50, mut p99) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let mut times = take(world, path, user);
                p50.push(percentile(&mut times, 0.50) / 1000.0);
                p99.push(percentile(&mut times, 0.99) / 1000.0);
            }
            let row = |share: &str, samples, bound| Figure {
                name: format!("GET of 100 apps, {who}, {share}"),
                unit: Unit::Milliseconds,
                samples,
                ceiling: bound,
                goal: bound,
            };
            [row("p50", p50, None), row("p99", p99, Some(P99))]
        })
        .collect()
}

fn take(world: &World, path: &str, user: &User) -> Vec<Duration> {
    let address = world.workflow.rest;
    let asked = asked(path, user, address, RATE);
    let mut load = Load::on(address, &asked);
    drop(load.last(WARM_UP));
    world.busy.process.pause();
    let times = load.last(TIME);
    world.busy.process.resume();
    times
}
