use std::fmt;
use std::future::Future;
use std::time::Instant;

/// What was measured, some times over, and what it may be at most.
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    /// One per run, never empty.
    pub(crate) samples: Vec<f64>,
    /// The median above which the bench fails.
    pub(crate) ceiling: Option<f64>,
    /// The median to aim at.
    pub(crate) goal: Option<f64>,
}

/// What the samples of a figure count.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
    /// How many times as much as the peer.
    Times,
    MiB,
    KiB,
}

impl Figure {
    /// The table's first line.
    pub(crate) fn header() -> String {
        row("figure", "median (min–max)", "runs", "ceiling", "goal", "")
    }

    /// Whether the median is within the ceiling.
    pub(crate) fn holds(&self) -> bool {
        self.ceiling.is_none_or(|ceiling| self.median() <= ceiling)
    }

    fn sorted(&self) -> Vec<f64> {
        let mut samples = self.samples.clone();
        samples.sort_by(f64::total_cmp);
        samples
    }

    /// The middle sample; the upper one of two.
    fn median(&self) -> f64 {
        *self.sorted().get(self.samples.len() / 2).expect("a figure has samples")
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let samples = self.sorted();
        let shown = match samples.as_slice() {
            [first, .., last] => {
                let (median, first) = (self.unit.show(self.median()), self.unit.number(*first));
                format!("{median} ({first}–{})", self.unit.number(*last))
            }
            _ => self.unit.show(self.median()),
        };
        let bound = |bound: Option<f64>| bound.map_or_else(|| "-".to_owned(), |bound| self.unit.show(bound));
        let verdict = match self.ceiling {
            Some(_) if self.holds() => "ok",
            Some(_) => "FAIL",
            None => "",
        };
        let runs = self.samples.len().to_string();
        f.write_str(&row(&self.name, &shown, &runs, &bound(self.ceiling), &bound(self.goal), verdict))
    }
}

impl Unit {
    fn number(self, value: f64) -> String {
        match self {
            Self::Seconds | Self::Times | Self::KiB => format!("{value:.2}"),
            Self::Milliseconds | Self::Microseconds | Self::MiB => format!("{value:.1}"),
        }
    }

    fn show(self, value: f64) -> String {
        let unit = match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "µs",
            Self::Times => "×",
            Self::MiB => "MiB",
            Self::KiB => "KiB",
        };
        format!("{} {unit}", self.number(value))
    }
}

fn row(name: &str, shown: &str, runs: &str, ceiling: &str, goal: &str, verdict: &str) -> String {
    format!("{name:<46} {shown:>26} {runs:>5} {ceiling:>12} {goal:>12} {verdict:>5}").trim_end().to_owned()
}

/// How long something takes, in seconds.
pub(crate) async fn seconds<T>(something: impl Future<Output = T>) -> f64 {
    let start = Instant::now();
    drop(something.await);
    start.elapsed().as_secs_f64()
}
