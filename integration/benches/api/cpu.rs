//! CPU time per request: the same page by the same user over connections that are kept, at a rate that the slower one can take. Of each
//! server with all its processes. PostgreSQL's for it stands beside, without a ceiling: the is for the server.

use std::net::SocketAddr;
use std::time::Duration;

use crate::figure::{Figure, Unit};
use crate::load::{Asked, Load};
use crate::process::Process;
use crate::turns::in_turn;
use crate::world::{PAGE, World, asked};

/// Of the issue.
const CEILING: f64 = 0.3;
const GOAL: f64 = 0.1;

const ROUNDS: usize = 6;
/// Per second.
const RATE: u32 = 30;
/// Until all connections are there, those to the database too.
const WARM_UP: Duration = Duration::from_secs(2);
/// CPU time is told in hundredths of a second: in this time the cheaper one uses some ten of them.
const TIME: Duration = Duration::from_secs(10);

/// One of the two.
struct Way<'a> {
    name: &'static str,
    address: SocketAddr,
    server: &'a Process,
    asked: Asked,
    /// Microseconds of CPU time per request, in each round.
    cpu: Vec<f64>,
    /// PostgreSQL's.
    database: Vec<f64>,
}

pub(crate) fn measure(world: &World) -> Vec<Figure> {
    let way = |name, address, server| Way {
        name,
        address,
        server,
        asked: asked(PAGE, &world.bob, address, RATE),
        cpu: Vec::new(),
        database: Vec::new(),
    };
    let mut ways = [
        way("workflow", world.workflow.rest, &world.workflow.process),
        way("Django", world.django.address, &world.django.process),
    ];
    in_turn(ROUNDS, &mut ways, |way| way.take(&world.database.process));

    let mut figures = Vec::new();
    for way in &ways {
        figures.push(plain(way.name, &way.cpu));
        figures.push(plain(&format!("PostgreSQL for {}", way.name), &way.database));
    }
    let [ours, theirs] = &ways;
    figures.push(beside("Django", &ours.cpu, &theirs.cpu, Some((CEILING, GOAL))));
    figures.push(beside("Django, with PostgreSQL", &ours.both(), &theirs.both(), None));
    figures
}

impl Way<'_> {
    fn take(&mut self, database: &Process) {
        let mut load = Load::on(self.address, &self.asked);
        drop(load.last(WARM_UP));
        let before = (self.server.cpu_seconds(), database.cpu_seconds());
        let requests = load.last(TIME).len() as f64;
        self.cpu.push((self.server.cpu_seconds() - before.0) * 1e6 / requests);
        self.database.push((database.cpu_seconds() - before.1) * 1e6 / requests);
    }

    fn both(&self) -> Vec<f64> {
        self.cpu.iter().zip(&self.database).map(|(server, database)| server + database).collect()
    }
}

fn plain(name: &str, samples: &[f64]) -> Figure {
    Figure {
        name: format!("CPU per GET of 100 apps, {name}"),
        unit: Unit::Microseconds,
        samples: samples.to_vec(),
        ceiling: None,
        goal: None,
    }
}

fn beside(name: &str, ours: &[f64], theirs: &[f64], bounds: Option<(f64, f64)>) -> Figure {
    Figure {
        name: format!("CPU per GET beside {name}"),
        unit: Unit::Times,
        samples: ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect(),
        ceiling: bounds.map(|(ceiling, _)| ceiling),
        goal: bounds.map(|(_, goal)| goal),
    }
}
