//! CPU time per request: HTTP/1.1 over connections that are kept on both sides, answers of 1 KiB, the same rate for all. The router
//! is the one with the most routes; its peers have one.

use crate::figure::{Figure, Unit};
use crate::rounds::{Rounds, Runs};

/// Of design and issue alike.
const CEILING: f64 = 1.5;
const GOAL_NGINX: f64 = 1.0;
const GOAL_HAPROXY: f64 = 1.15;

pub(crate) fn figures(rounds: &Rounds) -> Vec<Figure> {
    let plain = |name: &str, runs: &Runs| Figure {
        name: format!("CPU per request, {name}"),
        unit: Unit::Microseconds,
        samples: runs.cpu.clone(),
        ceiling: None,
        goal: None,
    };
    let beside = |name: &str, peer: &Runs, goal| Figure {
        name: format!("CPU per request beside {name}"),
        unit: Unit::Times,
        samples: rounds.router.cpu.iter().zip(&peer.cpu).map(|(ours, theirs)| ours / theirs).collect(),
        ceiling: Some(CEILING),
        goal: Some(goal),
    };
    vec![
        plain("router", &rounds.router),
        plain("nginx", &rounds.nginx),
        plain("HAProxy", &rounds.haproxy),
        beside("nginx", &rounds.nginx, GOAL_NGINX),
        beside("HAProxy", &rounds.haproxy, GOAL_HAPROXY),
    ]
}
