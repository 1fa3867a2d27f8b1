//! `make up` with everything there, and on a clean clone. It cannot run inside the bench, which needs its result: `scripts/bench`
//! times it and hands the seconds on.

use crate::figure::{Figure, Unit};

/// Seconds: 1.5 × the 9.2 s of 2026-11-23, with everything built and the node down.
const WARM_CEILING: f64 = 14.0;
/// Seconds: 1.5 × the 17 minutes of 2026-11-23, on a Debian 12 with git, Rust and Go alone and nothing cached.
const COLD_CEILING: f64 = 1.5 * 17.0 * 60.0;

/// The figures that were handed on.
pub(crate) fn given() -> Vec<Figure> {
    let figures = [("warm", "DEIS_BENCH_UP_WARM", WARM_CEILING), ("cold", "DEIS_BENCH_UP_COLD", COLD_CEILING)];
    let figure = |(kind, variable, ceiling)| {
        let seconds = std::env::var(variable).ok().filter(|seconds| !seconds.is_empty())?;
        let seconds = seconds.parse().unwrap_or_else(|wrong| panic!("{variable}={seconds}: {wrong}"));
        let name = format!("make up, {kind}");
        Some(Figure { name, unit: Unit::Seconds, samples: vec![seconds], ceiling: Some(ceiling), goal: None })
    };
    figures.into_iter().filter_map(figure).collect()
}
