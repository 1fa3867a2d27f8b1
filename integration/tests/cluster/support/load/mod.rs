//! Load on an app: an open loop, so that a late answer does not make the next request late. Nothing is tried twice: whatever is not the
//! whole answer that was asked for is a failure.

mod connections;
mod request;
mod socket;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::connections::Connections;
use super::{App, Developer, Platform, Repository};

/// How many websockets stay open.
const SOCKETS: usize = 50;

/// Requests and websockets without pause, until it is ended.
pub(crate) struct Load {
    over: CancellationToken,
    asking: JoinSet<Report>,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Report {
    /// When each request was sent, and the release that answered it.
    answers: Vec<(Instant, String)>,
    failures: Vec<String>,
    /// When websockets were closed by a router that was being replaced.
    sent_away: Vec<Instant>,
}

impl Load {
    /// Pushes an app that can answer all this; it listens where PORT says, closes idle connections after a second, and ends gracefully.
    pub(crate) async fn pushed_app<'a>(developer: &'a Developer<'a>) -> (Repository<'a>, App<'a>) {
        let (repository, _commit) = developer.program(include_str!("app.go")).await;
        let app = repository.pushed_app().await;
        (repository, app)
    }

    /// Begins to ask an app that [`Load::pushed_app`] has pushed, `rate` times a second.
    pub(crate) async fn on(app: &App<'_>, platform: &Platform, rate: u32) -> Self {
        Self::below("/", app, platform, rate).await
    }

    /// The same, at one path of it.
    pub(crate) async fn below(path: &str, app: &App<'_>, platform: &Platform, rate: u32) -> Self {
        let host = format!("{}.{}", app.name, platform.domain);
        let place = format!("{host}{path}");
        let connections = Arc::new(Connections::to(host, path.to_owned()).await);
        let over = CancellationToken::new();
        let mut asking = JoinSet::new();
        #[expect(clippy::disallowed_methods, reason = "a test has no process around it")]
        {
            asking.spawn(ask(Arc::clone(&connections), rate, over.clone()));
            for number in 0..SOCKETS {
                asking.spawn(socket::repeat(connections.address, place.clone(), number, over.clone()));
            }
        }
        Self { over, asking }
    }

    /// Ends it, when what is under way has been answered.
    pub(crate) async fn ended(self) -> Report {
        self.over.cancel();
        let mut all = Report::default();
        for report in self.asking.join_all().await {
            all.answers.extend(report.answers);
            all.failures.extend(report.failures);
            all.sent_away.extend(report.sent_away);
        }
        all
    }
}

impl Report {
    pub(crate) fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Fails if a request that was sent after `moment` was answered by a release before `version`: "v4".
    pub(crate) fn none_older(&self, version: &str, moment: Instant) {
        let number = |release: &str| release.trim_start_matches('v').parse::<u64>().unwrap();
        let late = self.answers.iter().filter(|(sent, release)| *sent > moment && number(release) < number(version));
        let late = late.map(|(sent, release)| format!("{release} after {:.3?}", *sent - moment)).collect::<Vec<_>>();
        assert!(late.is_empty(), "{version} was there, and yet there answered {late:?}");
    }

    /// Fails if a router closed a websocket before `moment`.
    pub(crate) fn none_sent_away_before(&self, moment: Instant) {
        let early = self.sent_away.iter().filter(|when| **when < moment).map(|when| moment - *when).collect::<Vec<_>>();
        assert!(early.is_empty(), "{} websockets were closed too early, by {early:.1?}", early.len());
    }

    /// Fails if any request did.
    pub(crate) fn all_answered(&self) {
        let mut kinds = BTreeMap::<&str, Vec<&str>>::new();
        for (when, what) in self.failures.iter().filter_map(|failure| failure.split_once(": ")) {
            kinds.entry(what).or_default().push(when);
        }
        let shown = kinds.iter().map(|(what, when)| {
            let (first, last) = (when.first().copied().unwrap_or_default(), when.last().copied().unwrap_or_default());
            format!("{} × {what}, {first} to {last}", when.len())
        });
        assert!(!self.has_failed(), "{self}:\n{}", shown.collect::<Vec<_>>().join("\n"));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut by = BTreeMap::<&str, usize>::new();
        for (_, release) in &self.answers {
            *by.entry(release).or_default() += 1;
        }
        let by = by.iter().map(|(release, count)| format!("{release} {count}")).collect::<Vec<_>>().join(", ");
        write!(f, "{} answered ({by}), {} failed", self.answers.len(), self.failures.len())
    }
}

async fn ask(connections: Arc<Connections>, rate: u32, over: CancellationToken) -> Report {
    let start = Instant::now();
    let mut pace = interval(Duration::from_secs(1) / rate);
    // Late because the machine was busy is no reason for fewer requests.
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut under_way = JoinSet::new();
    let mut report = Report::default();
    let mut note = |sent: Instant, answer: Result<String, String>| match answer {
        Ok(release) => report.answers.push((sent, release)),
        Err(error) => report.failures.push(format!("sent after {:.3?}: {error}", sent - start)),
    };
    for number in 0.. {
        tokio::select! {
            _tick = pace.tick() => {}
            () = over.cancelled() => break,
        }
        let connections = Arc::clone(&connections);
        #[expect(clippy::disallowed_methods, reason = "a test has no process around it")]
        under_way.spawn(async move {
            let sent = Instant::now();
            (sent, request::ask(&connections, number).await)
        });
        while let Some(ended) = under_way.try_join_next() {
            let (sent, answer) = ended.unwrap();
            note(sent, answer);
        }
    }
    for (sent, answer) in under_way.join_all().await {
        note(sent, answer);
    }
    report
}
