//! `make up` with everything there, and on a clean clone. It cannot run inside the bench, which needs its result: `scripts/bench`
//! times it and hands the seconds on.

use crate::figure::{Figure, Unit};

/// Seconds. Node, images and chart found nothing to do in 8.2 s when first measured; the rest is for cargo and the images to find
/// that nothing has changed.
const WARM_CEILING: f64 = 60.0;
/// Seconds: what a run of all tests on a clean clone may take, which begins with this.
const COLD_CEILING: f64 = 75.0 * 60.0;

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
