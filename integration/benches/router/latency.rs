//! How much later an answer is for what stands between: percentiles through it less those without it, in the same round. There is no
//! ceiling: how long things take says how busy the machine is, and what can be held to is in what they cost.

use crate::figure::{Figure, Unit};
use crate::rounds::{Rounds, Runs};

/// Microseconds.
const GOAL_P50: f64 = 60.0;
const GOAL_P99: f64 = 300.0;

pub(crate) fn figures(rounds: &Rounds) -> Vec<Figure> {
    let p50 = |name: &str, runs: &Runs, goal| added(&format!("{name}, p50"), &runs.p50, &rounds.direct.p50, goal);
    let p99 = |name: &str, runs: &Runs, goal| added(&format!("{name}, p99"), &runs.p99, &rounds.direct.p99, goal);
    vec![
        p50("router", &rounds.router, Some(GOAL_P50)),
        p50("nginx", &rounds.nginx, None),
        p50("HAProxy", &rounds.haproxy, None),
        p99("router", &rounds.router, Some(GOAL_P99)),
        p99("nginx", &rounds.nginx, None),
        p99("HAProxy", &rounds.haproxy, None),
    ]
}

fn added(what: &str, through: &[f64], direct: &[f64], goal: Option<f64>) -> Figure {
    Figure {
        name: format!("added latency, {what}"),
        unit: Unit::Microseconds,
        samples: through.iter().zip(direct).map(|(through, direct)| through - direct).collect(),
        ceiling: None,
        goal,
    }
}
